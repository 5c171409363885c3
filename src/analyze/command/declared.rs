//! What files declare: `--params` and `--expect`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::JobError;
use crate::analyze::expect::Expectations;
use crate::decode::print::escape::tame_lines;
use crate::params::{ParamsFile, Timeout};

/// Declared parameters and facts.
#[derive(Debug, Default)]
pub struct Declared {
    /// window_size.
    pub window: Option<u32>,
    /// timeout.
    pub timeout: Option<Duration>,
    /// Facts that are checked: those of the `--expect` file, and message and maximum_msg_size of the parameter file
    /// where that has none.
    pub expectations: Option<Expectations>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

impl Declared {
    /// Reads both files, as far as they are named; remarks on the parameter file's lines go to `log`. Where both declare
    /// something, the `--expect` file counts.
    ///
    /// # Errors
    /// When one of them cannot be read or says what cannot be.
    pub fn read(params: Option<&Path>, expect: Option<&Path>, log: &mut dyn Write) -> Result<Self, JobError> {
        let mut expectations = expect.map(Expectations::read).transpose()?;
        let facts = expectations.as_ref().map(Expectations::general);
        let mut window = facts.and_then(|facts| facts.window);
        let mut timeout = facts.and_then(|facts| facts.timeout);
        if let Some(path) = params {
            let file = ParamsFile::read(path)?;
            for note in file.notes() {
                writeln!(log, "analyze: {}", tame_lines(&note.to_string()))?;
            }
            let params = file.params()?;
            window = window.or(params.window_size.map(|window| window.get()));
            timeout = timeout.or(params.timeout.map(Timeout::get));
            if params.message.is_some() || params.maximum_msg_size.is_some() {
                expectations.get_or_insert_default().supplement(params.message, params.maximum_msg_size);
            }
        }
        let named = [params, expect].into_iter().flatten().map(Path::to_owned);
        let messages = expectations.iter().flat_map(Expectations::message_files).map(Path::to_owned);
        let files = named.chain(messages).collect();
        Ok(Self { window, timeout, expectations, files })
    }
}

/// A tolerance in decimal seconds, 0 included.
///
/// # Errors
/// When the text is no such number.
pub fn tolerance(text: &str) -> Result<Duration, String> {
    let zero = text.contains('0') && text.bytes().all(|byte| byte == b'0' || byte == b'.');
    match text.parse::<Timeout>() {
        Ok(tolerance) => Ok(tolerance.get()),
        Err(_) if zero => Ok(Duration::ZERO),
        Err(_) => Err("needed a number of seconds from 0 on, such as 0.1".to_owned()),
    }
}
