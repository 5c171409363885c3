//! Why a scenario cannot be run.

use std::fmt;

use super::{Origin, ScenarioFile};

/// Why a scenario cannot be run: where, which key, what is wrong and what would do.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file is not TOML, or not these keys.
    #[error("{file}: {error}")]
    NotAScenario {
        /// The file's name.
        file: String,
        /// What the parser says: line, column, key.
        error: Box<toml::de::Error>,
    },
    /// A value cannot be.
    #[error("{place}{key}: {problem}")]
    Value {
        /// Where it was given.
        place: Place,
        /// The key, with its table.
        key: String,
        /// What is wrong, and what would do.
        problem: String,
    },
}

/// Where in what was given; displays with what separates it from the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is the default that does not go with the rest.
    Default,
    /// A line of a file, from 1.
    Line {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// An option of the command.
    Option(&'static str),
}

impl Place {
    pub(super) fn new(file: Option<&ScenarioFile>, origin: Option<&Origin>) -> Self {
        match (origin, file) {
            (Some(Origin::Option(name)), _) => Self::Option(name),
            (Some(Origin::File(span)), Some(file)) => {
                let before = file.text.as_bytes().iter().take(span.start);
                Self::Line { file: file.name.clone(), line: 1 + before.filter(|b| **b == b'\n').count() }
            }
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Line { file, line } => write!(f, "{file}: line {line}: "),
            Self::Option(name) => write!(f, "{name}: "),
        }
    }
}
