//! Any file to rows, in every form: what a stranger's capture can do to who reads it.

use std::io::Cursor;
use std::ops::ControlFlow;

use arqscope::decode::Row;
use arqscope::decode::capture::{Capture, CaptureLimits};
use arqscope::decode::filter::{Filter, Scratch};
use arqscope::decode::framing::{FramedConnection, Framing, FramingOptions};
use arqscope::decode::message::{Message, Piece};
use arqscope::decode::print::escape::unescape;
use arqscope::decode::print::{Bytes, Detail, Form, Options, RowPrinter, Width, printer};
use arqscope::decode::reading::read;
use arqscope::decode::reassembly::StreamLimits;
use arqscope::decode::rows::{RowSink, Rows};

use super::tame::assert_tame;

/// Frames are small, and every form is printed.
const MOST_ROWS: usize = 2000;

/// Reads the rows of a file; false when it cannot be opened.
pub(super) fn read_rows<S: RowSink>(data: &[u8], sink: S) -> Option<S> {
    let mut capture = Capture::from_reader(Box::new(Cursor::new(data.to_vec())), &CaptureLimits::default()).ok()?;
    let mut framing = Framing::new(FramingOptions::default(), Rows::new(sink));
    read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, framing| framing.sink.flow());
    Some(framing.sink.into_sink())
}

struct Forms<'w> {
    printers: Vec<Box<dyn RowPrinter + 'w>>,
    filter: Filter,
    scratch: Scratch,
    rows: usize,
}

impl RowSink for Forms<'_> {
    fn row(&mut self, _: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        for printer in &mut self.printers {
            printer.row(row).unwrap();
        }
        let _ = self.filter.matches(row, &mut self.scratch);
        self.rows += 1;
        if self.rows == MOST_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn wants_messages(&self) -> bool {
        true
    }

    fn message(&mut self, _: &FramedConnection<'_>, message: &Message) {
        for piece in message.pieces() {
            if let Piece::Bytes(bytes) = piece {
                assert!(!bytes.is_empty());
            }
        }
    }
}

/// A capture or an export.
pub(super) fn in_every_form(data: &[u8]) {
    let people = [
        Options::default(),
        Options { width: Width::Columns(60), ..Options::default() },
        Options { detail: Detail::Full, bytes: Bytes::Shown, ..Options::default() },
        Options { bytes: Bytes::Shown, ..Options::default() },
    ];
    let kinds: Vec<(Form, Options)> = Form::ALL
        .iter()
        .flat_map(|form| {
            let options = if form.is_for_people() { &people[..] } else { &people[..1] };
            options.iter().map(|options| (*form, options.clone()))
        })
        .collect();
    let mut outs = vec![Vec::new(); kinds.len()];
    let printers = kinds.iter().zip(&mut outs).map(|((form, options), out)| printer(*form, options.clone(), out));
    let forms = Forms {
        printers: printers.collect(),
        filter: Filter::parse(r#"arq.payload matches "^[a-f]" or arq.info contains "resend" or arq.pos > arq.seq"#)
            .unwrap(),
        scratch: Scratch::default(),
        rows: 0,
    };
    let Some(mut forms) = read_rows(data, forms) else { return };
    for printer in &mut forms.printers {
        printer.finish().unwrap();
    }
    let rows = forms.rows;
    drop(forms);
    for ((form, options), out) in kinds.iter().zip(&outs) {
        assert_tame(&format!("{form} with {options:?}"), out);
        match form {
            Form::Csv | Form::Tsv => assert_eq!(lines(out), rows + 1, "a row is a line, whatever is in it"),
            Form::Ndjson => assert_eq!(lines(out), rows),
            Form::Json => {
                let read: Vec<serde_json::Value> = serde_json::from_slice(out).unwrap();
                assert_eq!(read.len(), rows);
                read.iter().for_each(payload_turns_back);
            }
            Form::Table | Form::Text => {}
        }
    }
}

fn lines(out: &[u8]) -> usize {
    out.iter().filter(|byte| **byte == b'\n').count()
}

/// `payload` is text with escapes, `payload_hex` the bytes.
fn payload_turns_back(row: &serde_json::Value) {
    let (Some(text), Some(hex)) = (row["payload"].as_str(), row["payload_hex"].as_str()) else { return };
    let bytes = unescape(text).unwrap_or_else(|| panic!("{text:?} does not turn back"));
    let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(expected, hex);
}
