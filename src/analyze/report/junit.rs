//! JUnit's XML, for continuous integration: a suite for each connection, a case for each rule and each declared fact.
//!
//! A case fails when its rule has findings at or above `--fail-on`; with only things that the capture cannot tell it is
//! skipped. Other findings stand in its `system-out`. An input that could not be read is a case with an error.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use super::{ConnectionRecord, Report, Totals};
use crate::analyze::expect::Outcome;
use crate::analyze::rules::{RULES, expectation_failed};
use crate::analyze::words::count;
use crate::analyze::{Doubt, Finding, Rule, Severity};
use crate::decode::framing::FramedConnection;
use crate::decode::print::escape::tame;

/// Findings of a case that are told.
const TOLD: usize = 50;

/// The report. Suites are written as connections end.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    fail_on: Option<Severity>,
    started: bool,
}

/// A case of a suite.
struct Case {
    name: String,
    result: Outcome,
    /// What the failure or the skipping says.
    message: String,
    /// Its details.
    text: String,
    /// The type of the failure.
    kind: &'static str,
}

impl<W: Write> Junit<W> {
    /// A report in which findings at or above `fail_on` fail; with `None` nothing does.
    pub const fn new(out: W, fail_on: Option<Severity>) -> Self {
        Self { out, fail_on, started: false }
    }

    fn start(&mut self) -> io::Result<()> {
        if !self.started {
            self.started = true;
            self.out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"arqscope\">\n")?;
        }
        Ok(())
    }

    fn suite(&mut self, name: &str, class: &str, time: f64, cases: &[Case]) -> io::Result<()> {
        self.start()?;
        let of = |outcome| cases.iter().filter(|case| case.result == outcome).count();
        writeln!(
            self.out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{time:.6}\">",
            Xml(name),
            cases.len(),
            of(Outcome::Failed),
            of(Outcome::CannotTell),
        )?;
        for case in cases {
            write!(self.out, "    <testcase classname=\"{}\" name=\"{}\"", Xml(class), Xml(&case.name))?;
            match case.result {
                Outcome::Met if case.text.is_empty() => writeln!(self.out, "/>")?,
                Outcome::Met => writeln!(self.out, "><system-out>{}</system-out></testcase>", Xml(&case.text))?,
                Outcome::Failed => writeln!(
                    self.out,
                    "><failure type=\"{}\" message=\"{}\">{}</failure></testcase>",
                    case.kind,
                    Xml(&case.message),
                    Xml(&case.text)
                )?,
                Outcome::CannotTell => {
                    writeln!(self.out, "><skipped message=\"{}\"/></testcase>", Xml(&case.message))?;
                }
            }
        }
        writeln!(self.out, "  </testsuite>")
    }

    fn rule(&self, rule: &'static Rule, record: &ConnectionRecord) -> Case {
        let of_rule = |finding: &&Finding| finding.rule.name == rule.name;
        let fails = |severity: Severity| self.fail_on.is_some_and(|least| severity >= least);
        let counts = record.analysis.counts.iter().filter(|count| count.rule.name == rule.name);
        let failing = counts.filter(|count| fails(count.severity)).map(|count| (count.severity, count.findings));
        let (worst, failures) = failing.fold((Severity::Chat, 0), |(worst, n), (s, more)| (worst.max(s), n + more));
        let mut text = String::new();
        for finding in record.findings.iter().filter(of_rule).take(TOLD) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} #{}: {}", finding.severity.as_str(), finding.at, tame(&finding.message));
        }
        let total = record.count_of(rule);
        if total > TOLD as u64 {
            let _ = writeln!(text, "… {} in all", count(total, "finding"));
        }
        let doubts: Vec<&Doubt> = record.doubts.iter().filter(|doubt| doubt.rule.name == rule.name).collect();
        let (result, message) = if failures > 0 {
            let first = record.findings.iter().filter(of_rule).find(|finding| fails(finding.severity));
            let first = first.map_or_else(String::new, |finding| format!(": {}", tame(&finding.message)));
            (Outcome::Failed, format!("{}{first}", count(failures, "finding")))
        } else if let [doubt, more @ ..] = doubts.as_slice() {
            let of = (!doubt.positions.is_empty()).then(|| format!("of {}", doubt.positions));
            let more = (!more.is_empty()).then(|| format!("and {} more", more.len()));
            let about: Vec<String> = of.into_iter().chain(more).collect();
            let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join("; ")) };
            (Outcome::CannotTell, format!("cannot tell, because {}{about}", tame(&doubt.because)))
        } else {
            (Outcome::Met, String::new())
        };
        Case { name: rule.name.to_owned(), result, message, text, kind: worst.as_str() }
    }
}

impl<W: Write> Report for Junit<W> {
    fn connection(&mut self, _connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()> {
        let analysis = &record.analysis;
        // Declared facts have cases of their own.
        let rules = RULES.iter().filter(|rule| rule.name != expectation_failed::RULE.name);
        let mut cases: Vec<Case> = rules.map(|rule| self.rule(rule, record)).collect();
        for fact in record.expectations.iter().flatten() {
            let never = self.fail_on.is_none() && fact.outcome == Outcome::Failed;
            let text = format!("declared {}; seen: {}", tame(&fact.declared), tame(&fact.seen));
            cases.push(Case {
                name: format!("declared {}", fact.key),
                result: if never { Outcome::Met } else { fact.outcome },
                message: text.clone(),
                text,
                kind: Severity::Error.as_str(),
            });
        }
        let ledger = &analysis.ledger;
        let nanos = ledger.first_time.zip(ledger.last_time).map_or(0, |(first, last)| last.since(first));
        let name = format!("connection {}: {} → {}", analysis.connection, analysis.client, analysis.server);
        let class = format!("{}.connection-{}", record.file, analysis.connection);
        self.suite(&name, &class, nanos.max(0) as f64 / 1e9, &cases)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.start()?;
        if !totals.unmatched.is_empty() {
            let failed = if self.fail_on.is_some() { Outcome::Failed } else { Outcome::Met };
            let case = |words: &String| Case {
                name: tame(words),
                result: failed,
                message: tame(words),
                text: String::new(),
                kind: Severity::Error.as_str(),
            };
            let cases: Vec<Case> = totals.unmatched.iter().map(case).collect();
            self.suite("declared facts", "arqscope.expect", 0.0, &cases)?;
        }
        for file in totals.files.iter().filter(|file| file.error.is_some()) {
            let error = tame(file.error.as_deref().unwrap_or_default());
            writeln!(
                self.out,
                "  <testsuite name=\"{0}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0\">\n    \
                 <testcase classname=\"{0}\" name=\"read\"><error type=\"input\" message=\"{1}\"/></testcase>\n  \
                 </testsuite>",
                Xml(&file.name),
                Xml(&error),
            )?;
        }
        self.out.write_all(b"</testsuites>\n")?;
        self.out.flush()
    }
}

/// Text as the content of an element or an attribute. Characters that XML 1.0 cannot hold at all (§2.2), not even by
/// number, are replaced; line ends become references, which attributes keep.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\n' => f.write_str("&#10;")?,
                '\t' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                    f.write_char(c)?
                }
                _ => f.write_char('\u{fffd}')?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
