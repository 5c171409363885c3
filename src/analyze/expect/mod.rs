//! Declared facts beside what the capture shows (`--expect FILE`).
//!
//! ```toml
//! message = "a message"             # or message_file = "sent.bin"
//! window = 3
//! timeout = 2                       # seconds
//! max_msg_size = 4
//! packages_not_written = [4, 9, 10] # positions whose first MSG was counted and not written; also "4,9-10"
//! acks_not_written = [6]            # positions whose first ACK was not written
//! done_ignored = 0
//! complete = true
//!
//! [[connection]]                    # where connections differ: chosen by number, client or server
//! client = "127.0.0.1:50002"
//! packages_not_written = []
//! ```
//!
//! Each key is optional, and says that it is so and that nothing more of its kind is: a list is the whole list. Facts at
//! the top hold for every connection; a `[[connection]]` changes them for those it chooses.
//!
//! A fact is [met](Outcome::Met), [failed](Outcome::Failed), or [cannot be told](Outcome::CannotTell): a package that was
//! not written leaves no trace when its first copy on the wire is the next new position (window 1, the whole tail, resent
//! before anything newer), and what the capture lost proves nothing. A timeout is met where a resend came when it had just
//! ended, within the tolerance; ages that only bound it from above leave it open.

mod keys;
mod verify;
mod watch;

pub use keys::ExpectError;
pub use watch::Watch;

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::rules::expectation_failed;
use super::{Certainty, ConnectionAnalysis, Finding, PositionSet, Severity};
use crate::bounded;
use crate::decode::Endpoint;
use crate::decode::print::escape::tame;
use crate::wire::MaxMsgSize;
use keys::{FactKeys, File};

/// One fact, beside what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The key of the file.
    pub key: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was declared.
    pub declared: String,
    /// What was seen, or why it cannot be told.
    pub seen: String,
    /// The positions it is about.
    pub positions: PositionSet,
    /// The packets that show it, ascending.
    pub packets: Vec<u64>,
}

/// How a declared fact compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The capture shows it, or what it must look like.
    Met,
    /// The capture shows something else.
    Failed,
    /// The capture is the same with and without it, or lacks what would tell.
    CannotTell,
}

impl Outcome {
    /// `met`, `failed` or `cannot-tell`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Failed => "failed",
            Self::CannotTell => "cannot-tell",
        }
    }
}

/// What is declared of one connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The message's bytes.
    pub message: Option<Vec<u8>>,
    /// window_size.
    pub window: Option<u32>,
    /// timeout.
    pub timeout: Option<Duration>,
    /// P.
    pub max_msg_size: Option<MaxMsgSize>,
    /// Positions whose first MSG was not written.
    pub packages_not_written: Option<PositionSet>,
    /// Positions whose first ACK was not written.
    pub acks_not_written: Option<PositionSet>,
    /// DONEs that the server ignored.
    pub done_ignored: Option<u32>,
    /// Whether the exchange came to its end.
    pub complete: Option<bool>,
}

/// What is declared of a run.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    general: Arc<Facts>,
    choices: Vec<Choice>,
    message_files: Vec<PathBuf>,
}

/// Facts of the connections that are chosen.
#[derive(Debug, Clone)]
struct Choice {
    number: Option<u32>,
    client: Option<String>,
    server: Option<String>,
    facts: Arc<Facts>,
    matched: bool,
}

impl Expectations {
    /// Reads a file of declared facts.
    ///
    /// # Errors
    /// When it, or the message file it names, cannot be read; when it is not TOML, has an unknown key, or a value that
    /// cannot be.
    pub fn read(path: &Path) -> Result<Self, ExpectError> {
        let text = bounded::text(path).map_err(|error| ExpectError::Read { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Takes the text of a file that messages call `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ExpectError> {
        let file = File::new(path, text);
        let keys = file.keys()?;
        let general = facts(&file, &keys.facts, &Facts::default())?;
        let mut choices = Vec::with_capacity(keys.connection.len());
        for connection in &keys.connection {
            let facts = facts(&file, &connection.facts, &general)?;
            choices.push(Choice {
                number: connection.number,
                client: connection.client.clone(),
                server: connection.server.clone(),
                facts: Arc::new(facts),
                matched: false,
            });
        }
        let all = iter::once(&keys.facts).chain(keys.connection.iter().map(|connection| &connection.facts));
        let message_files = all.filter_map(|keys| keys.message_file.as_deref()).map(|name| file.beside(name)).collect();
        Ok(Self { general: Arc::new(general), choices, message_files })
    }

    /// The files that messages were read from.
    pub fn message_files(&self) -> impl Iterator<Item = &Path> {
        self.message_files.iter().map(PathBuf::as_path)
    }

    /// What is declared of every connection that no `[[connection]]` chooses. Its window, timeout and P are declared
    /// parameters of the analysis, too.
    #[must_use]
    pub fn general(&self) -> &Facts {
        &self.general
    }

    /// Declares a message and P for every connection of which the file declares none.
    pub fn supplement(&mut self, message: Option<Vec<u8>>, max_msg_size: Option<MaxMsgSize>) {
        for facts in iter::once(&mut self.general).chain(self.choices.iter_mut().map(|choice| &mut choice.facts)) {
            let facts = Arc::make_mut(facts);
            facts.message = facts.message.take().or_else(|| message.clone());
            facts.max_msg_size = facts.max_msg_size.or(max_msg_size);
        }
    }

    /// What is declared of a connection.
    pub fn of(&mut self, number: u32, client: Endpoint, server: Endpoint) -> Arc<Facts> {
        let is = |text: &Option<String>, end: Endpoint| {
            text.as_ref().is_none_or(|text| *text == end.to_string() || *text == end.port.to_string())
        };
        let chosen = self.choices.iter_mut().find(|choice| {
            choice.number.is_none_or(|n| n == number) && is(&choice.client, client) && is(&choice.server, server)
        });
        match chosen {
            Some(choice) => {
                choice.matched = true;
                Arc::clone(&choice.facts)
            }
            None => Arc::clone(&self.general),
        }
    }

    /// The `[[connection]]`s that chose none, in words; and the file itself when there was no connection at all.
    #[must_use]
    pub fn unmatched(&self, connections: u64) -> Vec<String> {
        let mut words: Vec<String> =
            self.choices.iter().filter(|choice| !choice.matched).map(Choice::to_string).collect();
        if connections == 0 && self.choices.is_empty() {
            words.push("facts are declared, and there is no connection of the protocol".to_owned());
        }
        words
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no connection has")?;
        let number = self.number.map(|n| n.to_string());
        let parts = [("number", &number), ("client", &self.client), ("server", &self.server)];
        for (i, (name, value)) in parts.into_iter().filter_map(|(n, v)| Some((n, v.as_ref()?))).enumerate() {
            // As the file has it, which may be anything.
            write!(f, "{} {name} {}", if i == 0 { "" } else { " and" }, tame(value))?;
        }
        Ok(())
    }
}

fn facts(file: &File<'_>, keys: &FactKeys, below: &Facts) -> Result<Facts, ExpectError> {
    let window = match keys.window {
        Some(0) => return Err(file.refuse("window", "needed a number of positions from 1, found 0")),
        window => window,
    };
    let seconds = |seconds: f64| {
        let span = Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero());
        span.ok_or_else(|| file.refuse("timeout", &format!("needed seconds above 0, found {seconds}")))
    };
    let size = |size: u16| {
        MaxMsgSize::new(size)
            .ok_or_else(|| file.refuse("max_msg_size", &format!("needed a number from 4 to 9999, found {size}")))
    };
    Ok(Facts {
        message: file.message(keys)?.or_else(|| below.message.clone()),
        window: window.or(below.window),
        timeout: keys.timeout.map(seconds).transpose()?.or(below.timeout),
        max_msg_size: keys.max_msg_size.map(size).transpose()?.or(below.max_msg_size),
        packages_not_written: keys
            .packages_not_written
            .clone()
            .map(|list| list.0)
            .or_else(|| below.packages_not_written.clone()),
        acks_not_written: keys.acks_not_written.clone().map(|list| list.0).or_else(|| below.acks_not_written.clone()),
        done_ignored: keys.done_ignored.or(below.done_ignored),
        complete: keys.complete.or(below.complete),
    })
}

/// The finding that a failed fact is.
#[must_use]
pub fn finding(checked: &Checked, analysis: &ConnectionAnalysis) -> Finding {
    let at = checked.packets.last().copied().unwrap_or(analysis.ledger.last_packet);
    Finding {
        rule: &expectation_failed::RULE,
        severity: Severity::Error,
        certainty: Certainty::Proven,
        connection: analysis.connection,
        side: None,
        positions: checked.positions.clone(),
        packets: checked.packets.clone(),
        at,
        time: (at == analysis.ledger.last_packet).then_some(analysis.ledger.last_time).flatten(),
        cause: None,
        expected: checked.declared.clone(),
        seen: checked.seen.clone(),
        message: format!("{} {}; seen: {}", checked.key, checked.declared, checked.seen),
    }
}
