//! Asking a person, through a seam that needs no terminal to be tested.

use std::io::{self, BufRead, Read, Write};

use super::file::MAX_FILE;

/// Someone who may be asked.
pub trait Prompt {
    /// Asks and gives the answer, one line without its end; `None` when nobody answers: there is no terminal, or the
    /// input has ended.
    ///
    /// # Errors
    /// When the terminal fails.
    fn ask(&mut self, question: &str) -> io::Result<Option<Vec<u8>>>;

    /// Says something that needs no answer, such as why an answer cannot be used.
    ///
    /// # Errors
    /// When the terminal fails.
    fn say(&mut self, text: &str) -> io::Result<()>;
}

/// Nobody to ask: every question stays unanswered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Prompt for Nobody {
    fn ask(&mut self, _question: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn say(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
}

/// A dialogue: questions go to `words` (standard error, so that data keeps standard output to itself), answers come
/// from `answers`.
#[derive(Debug)]
pub struct Dialogue<R, W> {
    answers: R,
    words: W,
}

impl<R: BufRead, W: Write> Dialogue<R, W> {
    /// Between these two.
    pub const fn new(answers: R, words: W) -> Self {
        Self { answers, words }
    }
}

impl<R: BufRead, W: Write> Prompt for Dialogue<R, W> {
    fn ask(&mut self, question: &str) -> io::Result<Option<Vec<u8>>> {
        write!(self.words, "{question}: ")?;
        self.words.flush()?;
        let mut line = Vec::new();
        if (&mut self.answers).take(MAX_FILE).read_until(b'\n', &mut line)? == 0 {
            // The prompt's line is still open.
            writeln!(self.words)?;
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line))
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.words, "{text}")
    }
}
