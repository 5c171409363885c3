//! Mutants: for every rule an endpoint that breaks it, or a capture that shows it. The rule names it, and no other error
//! is raised but what the rule's page lists under "Consequences".

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod bench;
mod broken;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::time::Duration;

use arqscope::analyze::rules::{RULES, rule};
use arqscope::analyze::{Analysis, AnalysisOptions, AnalysisSink, ConnectionAnalysis, Finding, Rule, Severity};
use arqscope::decode::capture::{Capture, CaptureLimits};
use arqscope::decode::framing::{FramedConnection, Framing, FramingOptions};
use arqscope::decode::reading::read;
use arqscope::decode::reassembly::StreamLimits;

use broken::{Mutant, all};

#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    divergence: Option<String>,
}

impl AnalysisSink for Found {
    fn finding(&mut self, _: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.findings.push(finding);
        ControlFlow::Continue(())
    }

    fn closed(&mut self, _: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        self.divergence = analysis.reference.divergence.map(|divergence| divergence.words);
        ControlFlow::Continue(())
    }
}

fn analyse(mutant: Mutant) -> Found {
    let options = AnalysisOptions {
        window: Some(mutant.declared_window),
        timeout: Some(Duration::from_nanos(mutant.declared_timeout)),
        ..AnalysisOptions::default()
    };
    let bytes = bench::run(mutant.setup);
    let mut capture = Capture::from_reader(Box::new(Cursor::new(bytes)), &CaptureLimits::default()).unwrap();
    let mut framing = Framing::new(FramingOptions::default(), Analysis::new(options, Found::default()));
    let reading = read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    assert!(reading.error.is_none(), "{:?}", reading.error);
    framing.sink.into_sink()
}

/// The rules that a page names under "Consequences".
fn consequences(rule: &Rule) -> BTreeSet<&'static str> {
    let section = rule.page.split("\n## ").find(|section| section.starts_with("Consequences\n"));
    let section = section.unwrap_or_else(|| panic!("the page of {} has no section \"Consequences\"", rule.name));
    // Names stand between backticks.
    let names = section.split('`').skip(1).step_by(2);
    names.map(|name| rule_named(name, rule).name).collect()
}

fn rule_named(name: &str, on_page_of: &Rule) -> &'static Rule {
    rule(name).unwrap_or_else(|| panic!("the page of {} names {name}, which is no rule", on_page_of.name))
}

#[test]
fn every_mutant_is_caught_by_its_rule_and_raises_no_error_but_what_the_page_lists() {
    let mut failures = Vec::new();
    for mutant in all() {
        let title = format!("{} ({})", mutant.rule, mutant.flaw);
        let rule = rule(mutant.rule).unwrap_or_else(|| panic!("{title}: no such rule"));
        let allowed = consequences(rule);
        let found = analyse(mutant);
        let named: BTreeSet<_> = found.findings.iter().map(|finding| finding.rule.name).collect();
        if !named.contains(rule.name) {
            failures.push(format!("{title} is not caught; there are {named:?}"));
        }
        let others = found.findings.iter().filter(|finding| finding.severity == Severity::Error);
        for other in others.filter(|other| other.rule.name != rule.name && !allowed.contains(other.rule.name)) {
            failures.push(format!("{title} raises {}: {}", other.rule.name, other.message));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn there_is_a_mutant_for_every_rule() {
    // What is declared is checked by `analyze --expect` and tested with it.
    let elsewhere = "expectation-failed";
    let missing: Vec<_> = RULES
        .iter()
        .map(|rule| rule.name)
        .filter(|name| *name != elsewhere && all().iter().all(|mutant| mutant.rule != *name))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn an_exchange_without_a_flaw_has_nothing_above_chat_and_keeps_the_rules() {
    let flawless = Mutant {
        rule: "gap",
        flaw: "",
        setup: bench::Setup::default(),
        declared_window: 3,
        declared_timeout: 1000 * bench::MILLI,
    };
    let found = analyse(flawless);
    let above_chat: Vec<_> = found.findings.iter().filter(|finding| finding.severity > Severity::Chat).collect();
    assert!(above_chat.is_empty(), "{above_chat:?}");
    assert_eq!(found.divergence, None);
}

#[test]
fn where_an_endpoint_breaks_a_rule_the_reference_model_shows_a_divergence() {
    // Rules whose findings are errors of an endpoint: what it wrote is not what the rules allow.
    let judged = [
        "resend-not-oldest",
        "window-exceeded",
        "ack-regress",
        "duplicate-ack",
        "ack-of-unsent",
        "premature-ack",
        "bad-ack-number",
        "data-after-done",
        "out-of-phase",
        "unknown-frame",
        "wrong-direction",
        "premature-resend",
        "resend-mismatch",
        "field-inconsistency",
        "size-mismatch",
        "partial-frame",
    ];
    for mutant in all() {
        let title = format!("{} ({})", mutant.rule, mutant.flaw);
        let (broken, lossy) = (judged.contains(&mutant.rule), ["gap", "ack-gap", "duplicate-resend", "done-resend"]);
        let within_the_rules = lossy.contains(&mutant.rule);
        let divergence = analyse(mutant).divergence;
        assert!(!broken || divergence.is_some(), "{title}");
        assert!(!within_the_rules || divergence.is_none(), "{title}: {divergence:?}");
    }
}
