//! A filter that cannot be used, shown with a caret under the culprit.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// Columns of filter text that an error shows on either side of the culprit's start.
const CONTEXT_COLUMNS: usize = 60;

/// What is wrong, before the text it is wrong in is attached.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Problem {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Box<Self> {
        Box::new(Self { span, message: message.into(), help: help.into() })
    }

    pub(super) fn in_text(self, text: &str) -> FilterError {
        let Self { span, message, help } = self;
        FilterError { text: text.to_owned(), span, message, help }
    }
}

/// A filter that cannot be used: what is wrong, where, and what to write instead.
///
/// Displays as several lines without a line break at the end: the message, the filter, carets under the
/// span, `help: …`. Control characters of the filter are not passed on, and a long filter is cut to the
/// neighbourhood of the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    span: Range<usize>,
    message: String,
    help: String,
}

impl FilterError {
    /// The filter as given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of [`text`](Self::text) that are to blame; empty at its end when something is missing there.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead, one line.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.text.floor_char_boundary(self.span.start);
        let end = self.text.ceil_char_boundary(self.span.end.max(start));
        let (before, rest) = self.text.split_at(start);
        let (culprit, after) = rest.split_at(end - start);

        let (before, cut_before) = tail(before, CONTEXT_COLUMNS);
        let (culprit, cut_culprit) = head(culprit, CONTEXT_COLUMNS);
        let (after, cut_after) = head(if cut_culprit { "" } else { after }, CONTEXT_COLUMNS);

        let before = format!("{}{}", if cut_before { "…" } else { "" }, printable(before));
        let culprit = printable(culprit);
        let tail_mark = if cut_culprit || cut_after { "…" } else { "" };
        let indent = before.width();
        let carets = culprit.width().max(1);
        let line = format!("{before}{culprit}{}", printable(after));
        write!(f, "{}\n  {}{tail_mark}\n", printable(&self.message), line.trim_end())?;
        write!(f, "  {:indent$}{:^<carets$}", "", "^")?;
        if !self.help.is_empty() {
            write!(f, "\nhelp: {}", printable(&self.help))?;
        }
        Ok(())
    }
}

/// The first `limit` characters, and whether there were more.
fn head(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().nth(limit) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// The last `limit` characters, and whether there were more.
fn tail(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().rev().nth(limit.saturating_sub(1)) {
        Some((at, _)) if at > 0 => (&text[at..], true),
        _ => (text, false),
    }
}

/// `text` on one line, safe for a terminal: white space as one column, other control characters and those
/// that turn the writing direction replaced. One column per space keeps the carets in place.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                char::REPLACEMENT_CHARACTER
            }
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}
