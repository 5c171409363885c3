//! The server under siege: the real command, what it says, and what it takes from the system.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use crate::hostile::Attack;

/// What a shell does before it becomes the server: each limit is a number, or `unlimited`.
const UNDER_LIMITS: &str = r#"ulimit -n "$1" && ulimit -v "$2" && shift 2 && exec "$@""#;

/// Lines of trouble that are kept word for word.
const KEPT_LINES: usize = 20;

/// A running server; it does not outlive its owner.
pub(crate) struct Server {
    child: Running,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it said so far.
    pub(crate) ear: Ear,
    reader: JoinHandle<()>,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Of one that ended this changes nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Limits of a process; `None` for those of this one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Open files.
    pub(crate) open_files: Option<u64>,
    /// Address space in KiB.
    pub(crate) address_space: Option<u64>,
}

/// What hears a server, shared by those who want to know.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Log>>);

/// What a server said so far.
#[derive(Default)]
pub(crate) struct Log {
    /// Clients that connected.
    pub(crate) opened: u64,
    /// Clients that it is rid of.
    pub(crate) ended: u64,
    /// Hostile clients whose end was not said yet, by address: of one that is used again the earlier come first.
    pub(crate) hostile: HashMap<SocketAddr, VecDeque<Attack>>,
    /// How many ended of each attack.
    pub(crate) repelled: BTreeMap<String, u64>,
    /// Of exchanges with honest clients, those that were whole to the server.
    pub(crate) whole: u64,
    /// What is wrong with what it said of clients: each end must have a reason.
    pub(crate) faults: Vec<String>,
    /// What else it said, and how often.
    pub(crate) remarks: BTreeMap<String, u64>,
    /// Partial message files that it named.
    pub(crate) partial: u64,
    /// Set when the server has fewer places than clients: some of them give up before they are accepted.
    pub(crate) scarce: bool,
    /// Set when clients are no longer left to end as they would.
    pub(crate) breaking_off: bool,
}

/// What a process takes from the system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Clients that are connected.
    pub(crate) clients: u64,
    /// Resident memory in KiB.
    pub(crate) resident: u64,
    /// Open file descriptors.
    pub(crate) descriptors: usize,
    /// Threads.
    pub(crate) threads: u64,
}

impl Server {
    /// Starts `command` with `args` under `limits`, and waits until it listens.
    pub(crate) fn start(command: &Path, args: &[&str], limits: Limits) -> io::Result<Self> {
        let limit = |value: Option<u64>| value.map_or_else(|| "unlimited".to_owned(), |value| value.to_string());
        let inherited = || Ok::<_, io::Error>(soft_limit_of_files()?.to_string());
        let files = limits.open_files.map_or_else(inherited, |files| Ok(files.to_string()))?;
        let mut child = Command::new("sh")
            .args(["-c", UNDER_LIMITS, "sh", &files, &limit(limits.address_space)])
            .arg(command)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map(Running)?;
        let said = child.0.stderr.take().ok_or_else(|| io::Error::other("the server's standard error is gone"))?;
        let mut said = BufReader::new(said);
        let ear = Ear::default();
        let address = loop {
            let mut line = String::new();
            if said.read_line(&mut line)? == 0 {
                let status = child.0.wait()?;
                return Err(io::Error::other(format!(
                    "the server did not begin ({status}): {log:?}",
                    log = ear.log().remarks
                )));
            }
            let line = line.trim_end();
            let address = line.strip_prefix("server: listening on ").and_then(|rest| rest.split(',').next());
            match address.and_then(|address| address.parse().ok()) {
                Some(address) => break address,
                None => ear.log().remark(line),
            }
        };
        let reader = std::thread::spawn({
            let ear = ear.clone();
            move || ear.listen(said)
        });
        Ok(Self { child, address, ear, reader })
    }

    /// What it takes now.
    pub(crate) fn sample(&self) -> io::Result<Sample> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.0.id()));
        let status = fs::read_to_string(folder.join("status"))?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
            value
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| io::Error::other(format!("no {name} in its status")))
        };
        let descriptors = fs::read_dir(folder.join("fd"))?.count();
        let clients = {
            let log = self.ear.log();
            log.opened - log.ended
        };
        Ok(Sample { clients, resident: field("VmRSS:")?, descriptors, threads: field("Threads:")? })
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.child.0.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("it cannot be asked to stop: is it gone?")) }
    }

    /// Its exit, once it ended; `None` while it runs.
    pub(crate) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.0.try_wait()
    }

    /// Waits for the end of what it says.
    pub(crate) fn last_words(self) -> Log {
        let Self { reader, ear, .. } = self;
        // A reader that panicked has told of it.
        let _ = reader.join();
        std::mem::take(&mut *ear.log())
    }
}

impl Ear {
    /// What was said so far.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("nobody panics with the log open")
    }

    fn listen(&self, said: BufReader<ChildStderr>) {
        // A line that is no text is one that the server should not have written.
        for line in said.lines() {
            match line {
                Ok(line) => self.log().take_in(&line),
                Err(error) => self.log().fault(format!("its log cannot be read: {error}")),
            }
        }
    }
}

impl Log {
    fn take_in(&mut self, line: &str) {
        let client = line.strip_prefix("server: client ").and_then(|rest| rest.split_once(": "));
        let Some((client, said)) = client else { return self.remark(line) };
        let peer = client.split_once('(').and_then(|(_, rest)| rest.trim_end_matches(')').parse().ok());
        let Some(peer) = peer else { return self.remark(line) };
        if said == "connected" {
            self.opened += 1;
            return;
        }
        self.ended += 1;
        self.partial += u64::from(said.contains(", partial in "));
        let attack = self.attack_from(peer);
        if let Some(attack) = attack {
            *self.repelled.entry(attack.to_string()).or_default() += 1;
        }
        let expected = match attack {
            _ if self.breaking_off => ["complete;", "the message is whole", "incomplete: ", "failed: "].as_slice(),
            Some(attack) => attack.reasons(),
            None if self.scarce => {
                &["complete;", "the message is whole", "closed the connection; positions that arrived: 0"]
            }
            None => &["complete;", "the message is whole"],
        };
        if !expected.iter().any(|words| said.contains(words)) {
            let who = attack.map_or_else(|| "an honest client".to_owned(), |attack| attack.to_string());
            self.fault(format!("{who}: {line}"));
        } else if attack.is_none() && !said.starts_with("incomplete") && !said.starts_with("failed") {
            self.whole += 1;
        }
    }

    fn attack_from(&mut self, peer: SocketAddr) -> Option<Attack> {
        let waiting = self.hostile.get_mut(&peer)?;
        let attack = waiting.pop_front();
        if waiting.is_empty() {
            self.hostile.remove(&peer);
        }
        attack
    }

    /// An attack from there was turned away: nothing will be said of it.
    pub(crate) fn forget(&mut self, peer: SocketAddr, attack: Attack) {
        // The next one may have the same port already.
        if let Some(waiting) = self.hostile.get_mut(&peer)
            && let Some(at) = waiting.iter().position(|one| *one == attack)
        {
            waiting.remove(at);
        }
    }

    /// Counts what is said of no client by its first words.
    fn remark(&mut self, line: &str) {
        let words = line.strip_prefix("server: ").unwrap_or(line);
        let digits = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
        let words: Vec<&str> = words.split_whitespace().map(|word| if digits(&word) { "…" } else { word }).collect();
        *self.remarks.entry(words.join(" ")).or_default() += 1;
    }

    fn fault(&mut self, words: String) {
        if self.faults.len() < KEPT_LINES {
            self.faults.push(words);
        }
    }
}

/// How many files this process may open, and so its children.
pub(crate) fn soft_limit_of_files() -> io::Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).and_then(|soft| soft.parse().ok());
    soft.ok_or_else(|| io::Error::other("/proc/self/limits does not say how many files may be open"))
}
