//! The file of declared facts as it stands: TOML, each key optional.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::de::{DeTable, DeValue};

use crate::analyze::PositionSet;
use crate::bounded;
use crate::decode::filter::suggest::nearest_of;
use crate::decode::print::escape::escape;
use crate::params::Numbers;

/// The most positions that a list may name.
const MAX_LISTED: u64 = 100_000;

/// The largest message file.
const MAX_MESSAGE: u64 = 64 << 20;

/// Facts, in the order in which they are told.
pub(super) const FACTS: [&str; 9] = [
    "message",
    "message_file",
    "window",
    "timeout",
    "max_msg_size",
    "packages_not_written",
    "acks_not_written",
    "done_ignored",
    "complete",
];

/// What chooses a connection.
const CHOICES: [&str; 3] = ["number", "client", "server"];

/// Why a file of declared facts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectError {
    /// It, or the message file that it names, cannot be read.
    #[error("cannot read {}: {error}", escape(path.as_os_str().as_encoded_bytes()))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The message file is larger than what is kept of a message.
    #[error("{} is larger than 64 MiB, which is the most that is compared", escape(path.as_os_str().as_encoded_bytes()))]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not TOML, or a value has the wrong type.
    #[error("{}: {error}", escape(path.as_os_str().as_encoded_bytes()))]
    NotFacts {
        /// The file.
        path: PathBuf,
        /// What the parser says: line, column, key.
        error: Box<toml::de::Error>,
    },
    /// A key or value cannot be.
    #[error("{}: line {line}: {problem}", escape(path.as_os_str().as_encoded_bytes()))]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would do.
        problem: String,
    },
}

/// Everything that such a file may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Keys {
    #[serde(flatten)]
    pub(super) facts: FactKeys,
    pub(super) connection: Vec<ConnectionKeys>,
}

/// Facts of one connection, or of all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct FactKeys {
    pub(super) message: Option<String>,
    pub(super) message_file: Option<PathBuf>,
    pub(super) window: Option<u32>,
    pub(super) timeout: Option<f64>,
    pub(super) max_msg_size: Option<u16>,
    pub(super) packages_not_written: Option<List>,
    pub(super) acks_not_written: Option<List>,
    pub(super) done_ignored: Option<u32>,
    pub(super) complete: Option<bool>,
}

/// One `[[connection]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConnectionKeys {
    pub(super) number: Option<u32>,
    pub(super) client: Option<String>,
    pub(super) server: Option<String>,
    #[serde(flatten)]
    pub(super) facts: FactKeys,
}

/// Positions as people write them: `[4, 9, 10]` or `"4,9-12"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct List(pub(super) PositionSet);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Numbers::deserialize(deserializer)?;
        if numbers.count() > MAX_LISTED {
            return Err(de::Error::custom(format!("{} positions; a list may have {MAX_LISTED}", numbers.count())));
        }
        numbers.positions().map(|positions| Self(positions.collect())).map_err(de::Error::custom)
    }
}

/// A parsed file, with its text to say where something stands.
pub(super) struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> File<'a> {
    pub(super) const fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text }
    }

    /// The keys; unknown ones are refused with what may have been meant.
    pub(super) fn keys(&self) -> Result<Keys, ExpectError> {
        let failed = |error| ExpectError::NotFacts { path: self.path.to_owned(), error: Box::new(error) };
        let table = DeTable::parse(self.text).map_err(failed)?;
        let top: Vec<&str> = FACTS.into_iter().chain(["connection"]).collect();
        let inner: Vec<&str> = CHOICES.into_iter().chain(FACTS).collect();
        self.known(table.get_ref(), &top, "")?;
        if let Some(DeValue::Array(connections)) = table.get_ref().get("connection").map(toml::Spanned::get_ref) {
            for connection in connections.iter() {
                if let DeValue::Table(table) = connection.get_ref() {
                    self.known(table, &inner, " of [[connection]]")?;
                    if !CHOICES.iter().any(|choice| table.contains_key(*choice)) {
                        let problem = format!("a [[connection]] says which: give {}", CHOICES.join(", or "));
                        return Err(self.wrong(connection.span(), problem));
                    }
                }
            }
        }
        let keys: Keys = toml::from_str(self.text).map_err(failed)?;
        self.chosen_once(table.get_ref(), &keys.connection)?;
        Ok(keys)
    }

    /// Of two that choose the same connection the second would say nothing.
    fn chosen_once(&self, table: &DeTable<'_>, connections: &[ConnectionKeys]) -> Result<(), ExpectError> {
        let Some(DeValue::Array(places)) = table.get("connection").map(toml::Spanned::get_ref) else { return Ok(()) };
        let choice = |keys: &ConnectionKeys| (keys.number, keys.client.clone(), keys.server.clone());
        for (at, (keys, place)) in connections.iter().zip(places.iter()).enumerate() {
            let before = connections.iter().take(at);
            let same_number = |other: &ConnectionKeys| keys.number.is_some() && other.number == keys.number;
            if before.into_iter().any(|other| same_number(other) || choice(other) == choice(keys)) {
                let problem = "an earlier [[connection]] chooses the same: put the facts of both into one".to_owned();
                return Err(self.wrong(place.span(), problem));
            }
        }
        Ok(())
    }

    fn known(&self, table: &DeTable<'_>, known: &[&str], of: &str) -> Result<(), ExpectError> {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let hint = match nearest_of(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys{of} are {}", known.join(", ")),
                };
                return Err(self.wrong(key.span(), format!("unknown key `{}`: {hint}", escape(name.as_bytes()))));
            }
        }
        Ok(())
    }

    /// A refusal at the first place where `key` stands.
    pub(super) fn refuse(&self, key: &str, problem: &str) -> ExpectError {
        let lines = self.text.lines().enumerate();
        let line = lines.filter(|(_, text)| text.trim_start().starts_with(key)).map(|(at, _)| at + 1).next();
        let problem = format!("{key}: {problem}");
        ExpectError::Value { path: self.path.to_owned(), line: line.unwrap_or(1), problem }
    }

    fn wrong(&self, span: Range<usize>, problem: String) -> ExpectError {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        ExpectError::Value { path: self.path.to_owned(), line, problem }
    }

    /// A file that this one names is found from the folder of this file.
    pub(super) fn beside(&self, name: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }

    /// The message that facts declare.
    pub(super) fn message(&self, facts: &FactKeys) -> Result<Option<Vec<u8>>, ExpectError> {
        match (&facts.message, &facts.message_file) {
            (Some(_), Some(_)) => Err(self.refuse("message_file", "message says it already: leave one of them out")),
            (Some(text), None) => Ok(Some(text.as_bytes().to_vec())),
            (None, Some(name)) => {
                let path = self.beside(name);
                let failed = |error| ExpectError::Read { path: path.clone(), error };
                let message = std::fs::File::open(&path).and_then(|file| bounded::read(file, MAX_MESSAGE));
                match message.map_err(failed)? {
                    Some(message) => Ok(Some(message)),
                    None => Err(ExpectError::TooLarge { path }),
                }
            }
            (None, None) => Ok(None),
        }
    }
}
