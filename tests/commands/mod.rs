//! The commands `client` and `server` as tests start them.

#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos};

/// A folder without parameter files, and what runs in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, program: impl AsRef<Path>, args: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(args.iter().filter(|arg| !arg.is_empty()));
        command
    }

    pub(crate) fn client(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_client"), args).output().unwrap()
    }

    /// A server on a free port, once it listens.
    pub(crate) fn server(&self, args: &[&str]) -> Server {
        Server::started(self.command(env!("CARGO_BIN_EXE_server"), args).args(["--port", "0"]).spawn().unwrap())
    }

    /// The same, by a shell that runs `first`, such as `ulimit -n 40`, before it becomes the server.
    pub(crate) fn server_after(&self, first: &str, args: &[&str]) -> Server {
        let script = format!(r#"{first} && exec "$@""#);
        let shell = ["-c", &script, "sh", env!("CARGO_BIN_EXE_server"), "--port", "0"];
        Server::started(self.command("sh", &[&shell[..], args].concat()).spawn().unwrap())
    }

    /// The names of the files in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) struct Server {
    pub(crate) port: String,
    pub(crate) child: Child,
    /// What it said until it listened.
    pub(crate) beginning: String,
    log: BufReader<ChildStderr>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; of one that ended this changes nothing.
        let _ = self.child.kill();
    }
}

impl Server {
    fn started(mut child: Child) -> Self {
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut beginning = String::new();
        while !beginning.contains("listening on") {
            assert!(log.read_line(&mut beginning).unwrap() > 0, "the server ended: {beginning}");
        }
        let address = beginning.rsplit("listening on ").next().unwrap().split(',').next().unwrap();
        Self { port: address.rsplit(':').next().unwrap().to_owned(), child, beginning, log }
    }

    /// Ends it by SIGKILL; gives the rest of its log.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        log
    }

    /// Waits for its end: exit code, standard output, and the rest of its log.
    pub(crate) fn end(mut self) -> (i32, Vec<u8>, String) {
        let (mut out, mut log) = (Vec::new(), String::new());
        self.log.read_to_string(&mut log).unwrap();
        self.child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        (self.child.wait().unwrap().code().unwrap(), out, log)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn log_until(&mut self, words: &str) -> String {
        let mut said = String::new();
        while !said.contains(words) {
            assert!(self.log.read_line(&mut said).unwrap() > 0, "the server ended: {said}");
        }
        said
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// GET_MAX.
pub(crate) fn hello() -> Vec<u8> {
    let mut frame = Vec::new();
    Frame::from_client(Name::GetMax, b"", Pos(0), 0.0).emit(HANDSHAKE, &mut frame).unwrap();
    frame
}

/// A raw connection after GET_MAX and RETURN_MAX.
pub(crate) fn handshaken(port: &str) -> TcpStream {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.write_all(&hello()).unwrap();
    stream.read_exact(&mut [0; 44]).unwrap();
    stream
}

pub(crate) fn package(payload: &[u8], pos: i32) -> Vec<u8> {
    let layout = FrameLayout::new(MaxMsgSize::MIN);
    let mut frame = Vec::new();
    Frame::from_client(Name::Msg, payload, Pos(pos), 0.0).emit(layout, &mut frame).unwrap();
    frame
}
