//! `--streams DIR`: the bytes of every TCP connection as files, and an index of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Endpoint;
use super::print::escape::escape;
use super::reassembly::{Chunk, Closing, ConnectionInfo, Hole, HoleCause, StreamSink, Way};
use crate::outputs::{self, OverwriteError, Source};

/// The index's file name.
const INDEX: &str = "index.ndjson";
/// Bytes gathered before files are written.
const BATCH_BYTES: usize = 16 << 20;
/// Pieces gathered before files are written.
const BATCH_PIECES: usize = 1 << 18;
/// Holes kept for the index, over all connections: 64 MiB.
const HOLES_IN_ALL: usize = 1 << 22;

/// Writes each direction of each connection to its own file: `NNNN-client.bin` and `NNNN-server.bin`.
///
/// NNNN is the connection's id, at least four digits. The client is who opened the connection, or who sent first when
/// the opening was not captured. A file has the direction's bytes in order of sequence number, the first copy of each,
/// holes left out. `index.ndjson` has one line per direction, in order of connection, client first:
/// `{"connection":0,"from":"ip:port","to":"[ip6]:port","file":"0000-client.bin","bytes":123,"holes":[{"offset":0,"length":9}]}`.
/// `bytes` is the file's length; `offset` counts the bytes of the direction, holes included. What only acknowledgements
/// of the other side tell of, after the last captured byte, is not listed. Should a run have more
/// than four million holes, further ones are left out, and their rows say how many: `"holes_left_out":7`.
///
/// Bytes are gathered and written in batches; one file is open at a time besides the index. The first thing that
/// cannot be written ends the writing: see [`StreamFiles::check`].
#[derive(Debug)]
pub struct StreamFiles {
    folder: PathBuf,
    index: BufWriter<File>,
    batch: Batch,
    /// Rows of closed connections that wait for one with a lower id.
    rows: BTreeMap<u32, [Row; 2]>,
    /// The connection whose rows come next in the index.
    next: u32,
    holes: usize,
    written: StreamFilesWritten,
    health: Health,
}

#[derive(Debug)]
enum Health {
    Writing,
    Failed(StreamFilesError),
    /// Failed, and the caller knows.
    Told,
}

/// What [`StreamFiles`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamFilesWritten {
    /// TCP connections; two files each.
    pub connections: u64,
    /// Bytes in all files.
    pub bytes: u64,
    /// Holes of all directions.
    pub holes: u64,
}

/// A stream file that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum StreamFilesError {
    /// The folder cannot be made.
    #[error(
        "cannot create the folder {} for the streams: {source}; name a folder that may be written to",
        escape(path.as_bytes())
    )]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it is read.
    #[error(transparent)]
    Overwrite(#[from] OverwriteError),
    /// A file in it cannot be written.
    #[error("cannot write the stream file {}: {source}; make room or name another folder", escape(path.as_bytes()))]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// What is kept inside a connection: by [`Way::index`].
#[derive(Debug, Default)]
pub struct Written {
    bytes: [u64; 2],
    holes: [Vec<MissingBytes>; 2],
    holes_left_out: [u64; 2],
    /// Whom the files' names called the client, once one was named.
    client: Option<Way>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct MissingBytes {
    offset: u64,
    length: u64,
}

#[derive(Debug)]
struct Row {
    from: Endpoint,
    to: Endpoint,
    bytes: u64,
    holes: Vec<MissingBytes>,
    holes_left_out: u64,
}

#[derive(Serialize)]
struct RowJson<'a> {
    connection: u32,
    from: String,
    to: String,
    file: String,
    bytes: u64,
    holes: &'a [MissingBytes],
    #[serde(skip_serializing_if = "Option::is_none")]
    holes_left_out: Option<u64>,
}

/// Who sends what a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sender {
    Client,
    Server,
}

impl Sender {
    const BOTH: [Self; 2] = [Self::Client, Self::Server];

    fn of(way: Way, client: Way) -> Self {
        if way == client { Self::Client } else { Self::Server }
    }
}

/// A file, by its number and sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FileId {
    connection: u32,
    sender: Sender,
}

impl FileId {
    fn name(self) -> String {
        let sender = match self.sender {
            Sender::Client => "client",
            Sender::Server => "server",
        };
        format!("{:04}-{sender}.bin", self.connection)
    }
}

/// Whether a piece begins its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Begins,
    Continues,
}

/// Bytes gathered for many files.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    file: FileId,
    place: Place,
    start: usize,
    end: usize,
}

impl Batch {
    fn push(&mut self, file: FileId, place: Place, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        match self.pieces.last_mut() {
            Some(last) if last.file == file && place == Place::Continues => last.end = end,
            _ => self.pieces.push(Piece { file, place, start, end }),
        }
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES || self.pieces.len() >= BATCH_PIECES
    }

    /// Writes everything gathered, file by file.
    fn write(&mut self, folder: &Path) -> Result<(), StreamFilesError> {
        // Stable: the pieces of a file stay in order.
        self.pieces.sort_by_key(|piece| piece.file);
        for pieces in self.pieces.chunk_by(|a, b| a.file == b.file) {
            let Some(first) = pieces.first() else { continue };
            let path = folder.join(first.file.name());
            let write = || {
                let file = match first.place {
                    Place::Begins => File::create(&path)?,
                    Place::Continues => OpenOptions::new().append(true).open(&path)?,
                };
                let mut file = BufWriter::with_capacity(1 << 16, file);
                for piece in pieces {
                    file.write_all(&self.bytes[piece.start..piece.end])?;
                }
                file.flush()
            };
            write().map_err(|source| StreamFilesError::file(&path, source))?;
        }
        self.pieces.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// True for the names that streams have.
fn is_of_streams(name: &str) -> bool {
    let number = name.strip_suffix("-client.bin").or_else(|| name.strip_suffix("-server.bin"));
    name == INDEX || number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl StreamFilesError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }
}

impl StreamFiles {
    /// Makes the folder if it is not there, and begins the index in it. Files of the same names are overwritten, others
    /// left alone.
    ///
    /// # Errors
    /// When the folder or the index cannot be made; when one of the files that may be overwritten is one of `inputs`.
    pub fn new(folder: &Path, inputs: &[Source<'_>]) -> Result<Self, StreamFilesError> {
        let failed = |source| StreamFilesError::Folder { path: folder.display().to_string(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.file_name().and_then(OsStr::to_str).is_some_and(is_of_streams) {
                outputs::check(&[&path], inputs)?;
            }
        }
        let path = folder.join(INDEX);
        let index = File::create(&path).map_err(|source| StreamFilesError::file(&path, source))?;
        Ok(Self {
            folder: folder.to_owned(),
            index: BufWriter::new(index),
            batch: Batch::default(),
            rows: BTreeMap::new(),
            next: 0,
            holes: 0,
            written: StreamFilesWritten::default(),
            health: Health::Writing,
        })
    }

    /// Whether everything could be written so far, so that a long capture need not be read in vain.
    ///
    /// # Errors
    /// The first failure; it is told once, and nothing is written after it.
    pub fn check(&mut self) -> Result<(), StreamFilesError> {
        match std::mem::replace(&mut self.health, Health::Told) {
            Health::Writing => {
                self.health = Health::Writing;
                Ok(())
            }
            Health::Failed(error) => Err(error),
            Health::Told => Ok(()),
        }
    }

    /// Writes what was gathered and the rest of the index. Call after [`Connections::finish`](super::Connections::finish).
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn finish(mut self) -> Result<StreamFilesWritten, StreamFilesError> {
        self.check()?;
        if !self.is_writing() {
            return Ok(self.written);
        }
        self.batch.write(&self.folder)?;
        // Every connection is closed by now; a gap in the ids would mean that one was not.
        while let Some((connection, rows)) = self.rows.pop_first() {
            self.write_rows(connection, &rows)?;
        }
        self.index.flush().map_err(|source| StreamFilesError::file(&self.folder.join(INDEX), source))?;
        Ok(self.written)
    }

    fn is_writing(&self) -> bool {
        matches!(self.health, Health::Writing)
    }

    fn note_failure(&mut self, result: Result<(), StreamFilesError>) {
        if let Err(error) = result {
            self.health = Health::Failed(error);
        }
    }

    fn push(&mut self, info: &ConnectionInfo, state: &mut Written, way: Way, bytes: &[u8]) {
        let client = *state.client.get_or_insert_with(|| info.from_client());
        let file = FileId { connection: info.id, sender: Sender::of(way, client) };
        let written = &mut state.bytes[way.index()];
        let place = if *written == 0 { Place::Begins } else { Place::Continues };
        *written += bytes.len() as u64;
        self.written.bytes += bytes.len() as u64;
        self.batch.push(file, place, bytes);
        if self.batch.is_full() {
            let result = self.batch.write(&self.folder);
            self.note_failure(result);
        }
    }

    /// The opening was captured only after files were named the other way round.
    fn swap(&mut self, connection: u32) -> Result<(), StreamFilesError> {
        self.batch.write(&self.folder)?;
        let [client, server] = Sender::BOTH.map(|sender| self.folder.join(FileId { connection, sender }.name()));
        let aside = self.folder.join(format!("{connection:04}-swap.tmp"));
        for (from, to) in [(&client, &aside), (&server, &client), (&aside, &server)] {
            fs::rename(from, to).map_err(|source| StreamFilesError::file(from, source))?;
        }
        Ok(())
    }

    fn close(&mut self, info: &ConnectionInfo, state: &mut Written) -> Result<(), StreamFilesError> {
        for way in Way::BOTH {
            if state.bytes[way.index()] == 0 {
                self.push(info, state, way, &[]);
            }
        }
        let client = info.from_client();
        if state.client != Some(client) {
            self.swap(info.id)?;
        }
        self.written.connections += 1;
        let rows = [client, client.other()].map(|way| Row {
            from: info.from(way),
            to: info.to(way),
            bytes: state.bytes[way.index()],
            holes: std::mem::take(&mut state.holes[way.index()]),
            holes_left_out: state.holes_left_out[way.index()],
        });
        self.rows.insert(info.id, rows);
        while let Some(rows) = self.rows.remove(&self.next) {
            self.write_rows(self.next, &rows)?;
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    fn write_rows(&mut self, connection: u32, rows: &[Row; 2]) -> Result<(), StreamFilesError> {
        for (row, sender) in rows.iter().zip(Sender::BOTH) {
            self.holes -= row.holes.len();
            let row = RowJson {
                connection,
                from: row.from.to_string(),
                to: row.to.to_string(),
                file: FileId { connection, sender }.name(),
                bytes: row.bytes,
                holes: &row.holes,
                holes_left_out: Some(row.holes_left_out).filter(|holes| *holes > 0),
            };
            serde_json::to_writer(&mut self.index, &row)
                .map_err(io::Error::from)
                .and_then(|()| self.index.write_all(b"\n"))
                .map_err(|source| StreamFilesError::file(&self.folder.join(INDEX), source))?;
        }
        Ok(())
    }
}

impl StreamSink for StreamFiles {
    type State = Written;

    fn is_quiet(&self, _: &Self::State) -> bool {
        true
    }

    fn chunk(&mut self, info: &ConnectionInfo, state: &mut Written, way: Way, chunk: Chunk<'_>) {
        if self.is_writing() {
            self.push(info, state, way, chunk.bytes);
        }
    }

    fn hole(&mut self, _: &ConnectionInfo, state: &mut Written, way: Way, hole: Hole) {
        // Nothing of this direction shows them: the file simply ends before.
        if hole.cause == HoleCause::AcknowledgedBeyond {
            return;
        }
        self.written.holes += 1;
        let holes = &mut state.holes[way.index()];
        match holes.last_mut() {
            // Two causes, one place without bytes.
            Some(last) if last.offset + last.length == hole.offset => last.length += hole.len,
            _ if self.holes >= HOLES_IN_ALL => state.holes_left_out[way.index()] += 1,
            _ => {
                self.holes += 1;
                holes.push(MissingBytes { offset: hole.offset, length: hole.len });
            }
        }
    }

    fn closed(&mut self, info: &ConnectionInfo, state: &mut Written, _: Closing) {
        if self.is_writing() {
            let result = self.close(info, state);
            self.note_failure(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::reassembly::StreamLimits;
    use crate::decode::{Connections, Segment, TcpFlags, TcpSeq};

    const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
    const RST: TcpFlags = TcpFlags::RST;

    /// From port, to port, flags, sequence number, payload, missing bytes.
    type Sent<'a> = (u16, u16, TcpFlags, u32, &'a [u8], u32);

    /// Feeds segments from 10.0.0.1 to itself.
    fn write(folder: &Path, segments: &[Sent<'_>]) -> StreamFilesWritten {
        let mut files = StreamFiles::new(folder, &[]).unwrap();
        let mut connections = Connections::new(StreamLimits::patient());
        for (n, (from, to, flags, seq, payload, missing)) in segments.iter().enumerate() {
            let end = |port: &u16| Endpoint { addr: "10.0.0.1".parse().unwrap(), port: *port };
            let segment = Segment {
                packet: n as u64 + 1,
                time: None,
                source: end(from),
                destination: end(to),
                seq: TcpSeq(*seq),
                ack: TcpSeq(1),
                flags: *flags,
                payload,
                missing: *missing,
            };
            connections.segment(&segment, &mut files);
        }
        connections.finish(&mut files);
        files.finish().unwrap()
    }

    fn rows(folder: &Path) -> Vec<serde_json::Value> {
        let index = fs::read_to_string(folder.join(INDEX)).unwrap();
        index.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_direction_has_a_file_and_a_row_with_its_holes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("0000-client.bin"), "from an earlier, longer run").unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let written = write(
            folder.path(),
            &[
                (9, 5, SYN_ACK, 99, b"", 0), // so that 5 is the client, although 9 was first
                (5, 9, TcpFlags::ACK, 1, b"ab", 3),
                (5, 9, TcpFlags::ACK, 10, b"cd", 0),
                (7, 9, RST, 0, b"", 0),
            ],
        );
        assert_eq!(written, StreamFilesWritten { connections: 2, bytes: 4, holes: 2 });
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!([read("0000-client.bin"), read("0000-server.bin")], ["abcd", ""]);
        assert_eq!([read("0001-client.bin"), read("0001-server.bin"), read("notes.txt")], ["", "", "mine"]);
        let index = read(INDEX);
        assert_eq!(
            index.lines().next().unwrap(),
            r#"{"connection":0,"from":"10.0.0.1:5","to":"10.0.0.1:9","file":"0000-client.bin","bytes":4,"holes":[{"offset":2,"length":7}]}"#
        );
        assert_eq!(
            index.lines().nth(1).unwrap(),
            r#"{"connection":0,"from":"10.0.0.1:9","to":"10.0.0.1:5","file":"0000-server.bin","bytes":0,"holes":[]}"#
        );
        assert_eq!(index.lines().count(), 4);
    }

    #[test]
    fn thousands_of_interleaved_connections_are_written_in_batches() {
        let folder = tempfile::tempdir().unwrap();
        let payload = [b'x'; 2000];
        let mut segments = Vec::new();
        for round in 0..5 {
            for port in 1000..3000 {
                segments.push((port, 9, TcpFlags::ACK, round * 2000, &payload[..], 0));
            }
        }
        const { assert!(2000 * 5 * 2000 > BATCH_BYTES, "more than one batch") };
        assert_eq!(write(folder.path(), &segments).bytes, 20_000_000);
        let rows = rows(folder.path());
        assert_eq!(rows.len(), 4000);
        for (n, row) in rows.iter().enumerate() {
            assert_eq!(row["connection"], n / 2);
            let len = fs::metadata(folder.path().join(row["file"].as_str().unwrap())).unwrap().len();
            let expected = if n % 2 == 0 { 10_000 } else { 0 };
            assert_eq!((Some(len), len), (row["bytes"].as_u64(), expected));
        }
    }

    #[test]
    fn an_opening_captured_after_files_were_named_renames_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = StreamFiles::new(folder.path(), &[]).unwrap();
        let end = |port| Endpoint { addr: "::1".parse().unwrap(), port };
        let mut connections: Connections<StreamFiles> =
            Connections::new(StreamLimits { start_segments: 0, ..StreamLimits::prompt() });
        let mut segment = Segment {
            packet: 1,
            time: None,
            source: end(9),
            destination: end(5),
            seq: TcpSeq(100),
            ack: TcpSeq(1),
            flags: TcpFlags::ACK,
            payload: b"from the server",
            missing: 0,
        };
        connections.segment(&segment, &mut files);
        segment = Segment { packet: 2, seq: TcpSeq(99), flags: SYN_ACK, payload: b"", ..segment };
        connections.segment(&segment, &mut files);
        connections.finish(&mut files);
        files.finish().unwrap();
        assert_eq!(fs::read(folder.path().join("0000-server.bin")).unwrap(), b"from the server");
        assert_eq!(fs::read(folder.path().join("0000-client.bin")).unwrap(), b"");
        assert_eq!(rows(folder.path())[0]["from"], "[::1]:5");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = StreamFiles::new(&file, &[]).unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        fs::create_dir(folder.path().join("0000-client.bin")).unwrap();
        let mut files = StreamFiles::new(folder.path(), &[]).unwrap();
        files.batch.push(FileId { connection: 0, sender: Sender::Client }, Place::Begins, b"x");
        let error = files.finish().unwrap_err().to_string();
        assert!(error.contains("0000-client.bin"), "{error}");
    }
}
