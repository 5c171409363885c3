//! The pages of the rules (`--explain`).

use std::io::{self, Write};

use crate::analyze::report::wrap::wrap;
use crate::analyze::rules::{self, RULES};
use crate::decode::filter::suggest::nearest_of;
use crate::decode::print::escape::escape;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such rule.
    #[error("no rule is named `{}`{}", escape(name.as_bytes()), hint(name))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl ExplainError {
    /// True when whoever reads the output has gone away, which is no failure.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn hint(name: &str) -> String {
    let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    let near = nearest_of(name, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("{near}\nthe rules are {}; `all` shows every page", names.join(", "))
}

/// Writes the page of the rule `name` to `out`, or every page for `all`, in lines of at most `width` columns, or as they
/// stand.
///
/// # Errors
/// When there is no such rule, or the page cannot be written.
pub fn explain(name: &str, width: Option<u16>, out: &mut dyn Write) -> Result<(), ExplainError> {
    let pages: Vec<&str> = match name {
        "all" => RULES.iter().map(|rule| rule.page).collect(),
        _ => match rules::rule(name) {
            Some(rule) => vec![rule.page],
            None => return Err(ExplainError::Unknown { name: name.to_owned() }),
        },
    };
    for (i, page) in pages.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        for line in page.trim_end().lines() {
            match width {
                Some(width) => wrap(line, width.into()).iter().try_for_each(|line| writeln!(out, "{line}"))?,
                None => writeln!(out, "{line}")?,
            }
        }
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> Result<String, String> {
        let mut out = Vec::new();
        explain(name, None, &mut out).map_err(|error| error.to_string())?;
        String::from_utf8(out).map_err(|error| error.to_string())
    }

    #[test]
    fn every_rule_has_a_page_that_begins_with_its_name() {
        for rule in RULES {
            let text = page(rule.name).unwrap();
            assert!(text.starts_with(&format!("# {}\n", rule.name)), "{text}");
        }
        let all = page("all").unwrap();
        assert!(RULES.iter().all(|rule| all.contains(rule.page.trim_end())));
    }

    #[test]
    fn a_terminal_gets_lines_of_its_width_broken_at_blanks() {
        let mut out = Vec::new();
        explain("all", Some(60), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&text), words(&page("all").unwrap()));
    }

    #[test]
    fn an_unknown_rule_is_answered_with_the_nearest_and_the_list() {
        let error = page("expectation-faild").unwrap_err();
        assert!(error.contains("did you mean `expectation-failed`?"), "{error}");
        let error = page("\u{1b}[2J").unwrap_err();
        assert!(error.contains("the rules are ") && !error.contains('\u{1b}'), "{error}");
    }
}
