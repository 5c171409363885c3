//! `--message`: what the client sent, slice by slice put together, with what is missing shown.

use std::io::{self, Write};

use serde::Serialize;

use crate::decode::framing::FramedConnection;
use crate::decode::message::{Message, Piece};
use crate::decode::print::escape;
use crate::wire::Side;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageForm {
    /// A heading and the text, everything unprintable escaped.
    Text,
    /// One JSON object a line.
    Ndjson,
}

/// A message as JSON.
#[derive(Serialize)]
struct JsonMessage {
    connection: u32,
    client: String,
    server: String,
    complete: bool,
    bytes: usize,
    pieces: Vec<JsonPiece>,
    slices_left_out: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonPiece {
    Bytes { text: String, hex: String },
    Missing { missing_from: i32, missing_to: i32 },
}

pub(super) fn write_message(
    form: MessageForm,
    connection: &FramedConnection<'_>,
    message: &Message,
    out: &mut dyn Write,
) -> io::Result<()> {
    let way = connection.way(Side::Client);
    let (client, server) = (connection.tcp.from(way), connection.tcp.to(way));
    match form {
        MessageForm::Text => {
            writeln!(out, "connection {}, {client} → {server}: {message}", connection.tcp.id)?;
            for piece in message.pieces() {
                match piece {
                    Piece::Bytes(bytes) => out.write_all(escape::escape(bytes).as_bytes())?,
                    Piece::Missing(range) if range.start() == range.end() => {
                        write!(out, "⟨slice {} missing⟩", range.start())?
                    }
                    Piece::Missing(range) => write!(out, "⟨slices {} to {} missing⟩", range.start(), range.end())?,
                }
            }
            writeln!(out)
        }
        MessageForm::Ndjson => {
            let pieces = message.pieces().map(|piece| match piece {
                Piece::Bytes(bytes) => JsonPiece::Bytes {
                    text: escape::escape(bytes),
                    hex: bytes.iter().map(|b| format!("{b:02x}")).collect(),
                },
                Piece::Missing(range) => JsonPiece::Missing { missing_from: *range.start(), missing_to: *range.end() },
            });
            let row = JsonMessage {
                connection: connection.tcp.id,
                client: client.to_string(),
                server: server.to_string(),
                complete: message.is_complete(),
                bytes: message.len(),
                pieces: pieces.collect(),
                slices_left_out: message.left_out(),
            };
            serde_json::to_writer(&mut *out, &row)?;
            writeln!(out)
        }
    }
}
