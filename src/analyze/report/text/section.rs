//! What is told of one connection.

use comfy_table::CellAlignment;

use super::super::ConnectionRecord;
use super::sheet::{Sheet, severity_cell};
use super::{Layout, capture, causes, figures};
use crate::analyze::expect::Outcome;
use crate::analyze::rules::expectation_failed;
use crate::analyze::words::{self, count, packets};
use crate::analyze::{Behaviour, BehaviourFit, Certainty, Finding, Severity};
use crate::decode::print::escape::tame;

/// Findings that are told one by one.
const FINDINGS: usize = 40;
/// Doubts that are told one by one.
const DOUBTS: usize = 12;

pub(super) fn section(record: &ConnectionRecord, layout: Layout) -> String {
    let mut sheet = Sheet::new(layout);
    let analysis = &record.analysis;
    sheet.line(&format!(
        "connection {}: {} → {}, {}",
        analysis.connection, analysis.client, analysis.server, record.file
    ));
    let mut verdict = sheet.table(&[]);
    verdict.row([severity_cell(analysis.verdict.worst).to_owned(), tame(&analysis.verdict.line)]);
    verdict.keep(0);
    sheet.draw(verdict);
    facts(&mut sheet, record);
    capture::draw(&mut sheet, record);
    findings(&mut sheet, record);
    causes::draw(&mut sheet, record);
    doubts(&mut sheet, record);
    reference(&mut sheet, record);
    figures::draw(&mut sheet, &analysis.metrics);
    sheet.finish()
}

fn facts(sheet: &mut Sheet, record: &ConnectionRecord) {
    let Some(checked) = record.expectations.as_ref().filter(|checked| !checked.is_empty()) else { return };
    let of = |outcome| checked.iter().filter(|fact| fact.outcome == outcome).count();
    let (failed, untold) = (of(Outcome::Failed), of(Outcome::CannotTell));
    sheet.title(&format!("Declared facts: {} met, {failed} failed, {untold} cannot be told", of(Outcome::Met)));
    let mut table = sheet.table(&[]);
    for outcome in [Outcome::Failed, Outcome::CannotTell, Outcome::Met] {
        for fact in checked.iter().filter(|fact| fact.outcome == outcome) {
            let word = match outcome {
                Outcome::Met => "pass",
                Outcome::Failed => "FAIL",
                Outcome::CannotTell => "?",
            };
            let seen = match outcome {
                Outcome::CannotTell => format!("cannot be told: {}", fact.seen),
                _ => fact.seen.clone(),
            };
            table.row([word.to_owned(), fact.key.to_owned(), tame(&fact.declared), tame(&seen)]);
        }
    }
    table.keep(0);
    table.keep(1);
    sheet.draw(table);
}

/// The findings that are told: chats are only counted, and of many the worst come first.
fn told(record: &ConnectionRecord) -> Vec<&Finding> {
    let mut told: Vec<(usize, &Finding)> =
        record.findings.iter().enumerate().filter(|(_, finding)| is_told(finding)).collect();
    if told.len() > FINDINGS {
        told.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
        told.truncate(FINDINGS);
        told.sort_unstable_by_key(|(at, _)| *at);
    }
    told.into_iter().map(|(_, finding)| finding).collect()
}

/// Chats are only counted, and failed facts stand above.
fn is_told(finding: &Finding) -> bool {
    finding.severity > Severity::Chat && finding.rule.name != expectation_failed::RULE.name
}

/// What a finding is, in a cell. A cause stands in the table of causes.
fn what(finding: &Finding) -> String {
    let cause = finding.cause.as_ref().map(ToString::to_string);
    let text = match cause.and_then(|cause| finding.message.split_once(&cause).map(|(before, _)| before)) {
        Some(before) => before.trim_end_matches([' ', ':', ';']),
        None => &finding.message,
    };
    format!("{}{}", tame(text), certainty(&finding.certainty))
}

fn findings(sheet: &mut Sheet, record: &ConnectionRecord) {
    sheet.title("Findings");
    let told = told(record);
    let mut table = sheet.table(&["", "No.", "Pos", "Rule", "What"]);
    for finding in &told {
        table.row([
            finding.severity.as_str().to_owned(),
            format!("#{}", finding.at),
            finding.positions.to_string(),
            finding.rule.name.to_owned(),
            what(finding),
        ]);
    }
    table.align(1, CellAlignment::Right);
    for column in [0, 1, 3] {
        table.keep(column);
    }
    let none = table.is_empty();
    if !none {
        sheet.draw(table);
    }
    let told_of = |name: &str, severity| {
        told.iter().filter(|finding| finding.rule.name == name && finding.severity == severity).count() as u64
    };
    let rest: Vec<String> = record
        .analysis
        .counts
        .iter()
        .filter(|of| of.rule.name != expectation_failed::RULE.name)
        .map(|of| (of, of.findings - told_of(of.rule.name, of.severity).min(of.findings)))
        .filter(|(_, more)| *more > 0)
        .map(|(of, more)| format!("{more} {} ({})", of.rule.name, of.severity.as_str()))
        .collect();
    if !rest.is_empty() {
        let also = if none { "" } else { "and " };
        let mut table = sheet.table(&[]);
        table.row([format!("{also}not told one by one: {}", rest.join(", "))]);
        sheet.draw(table);
    } else if none {
        sheet.line(" none");
    }
}

fn certainty(certainty: &Certainty) -> String {
    match certainty {
        Certainty::Proven => String::new(),
        Certainty::Class(class) => format!(" [one of: {}]", class.replace('-', " ")),
        Certainty::WithinTolerance(tolerance) => format!(" [tolerance {}]", words::seconds(tolerance.as_secs_f64())),
    }
}

fn doubts(sheet: &mut Sheet, record: &ConnectionRecord) {
    let total = record.analysis.doubts;
    if total == 0 && record.doubts.is_empty() {
        return;
    }
    sheet.title("Cannot tell");
    let mut table = sheet.table(&[]);
    for doubt in record.doubts.iter().take(DOUBTS) {
        let about = match doubt.positions.is_empty() {
            true => packets(&doubt.packets),
            false => format!("{} ({})", doubt.positions, packets(&doubt.packets)),
        };
        table.row([doubt.rule.name.to_owned(), format!("{about}: cannot tell, because {}", tame(&doubt.because))]);
    }
    table.keep(0);
    sheet.draw(table);
    let told = record.doubts.len().min(DOUBTS) as u64;
    if total > told {
        sheet.line(&format!(" … and {}", count(total - told, "further doubt")));
    }
}

fn reference(sheet: &mut Sheet, record: &ConnectionRecord) {
    let reference = &record.analysis.reference;
    if reference.divergence.is_none() && reference.fits.is_empty() {
        return;
    }
    sheet.title("Beside the rules");
    let mut table = sheet.table(&[]);
    table.row([
        "divergence".to_owned(),
        match &reference.divergence {
            Some(divergence) => format!("first at #{}: {}", divergence.packet, tame(&divergence.words)),
            None => "none: as far as the capture tells, every frame is one that the rules allow".to_owned(),
        },
    ]);
    for (i, fit) in reference.fits.iter().enumerate() {
        let best = reference.fits.first().map(|best| (best.explained, best.contradicted));
        // What fits equally cannot be told apart.
        let name = match i {
            0 => "best fit",
            _ if best == Some((fit.explained, fit.contradicted)) => "as good",
            _ => "",
        };
        table.row([name.to_owned(), behaviour(fit)]);
    }
    table.keep(0);
    sheet.draw(table);
}

fn behaviour(fit: &BehaviourFit) -> String {
    let gloss = match fit.behaviour {
        Behaviour::ThisProtocol => " (the oldest again: by timer, full window or end of message)",
        Behaviour::TimerOnly => " (as this protocol, but by timer alone)",
        _ => "",
    };
    let of = if fit.explained == 1 { "decision fits" } else { "decisions fit" };
    let name = words::behaviour(fit.behaviour);
    let mut text = format!("{name}{gloss}: {} {of}, {} against it", fit.explained, fit.contradicted);
    let evidence = fit.evidence_against.first().or(fit.evidence_for.first());
    if let Some(evidence) = evidence {
        text.push_str(&format!("; {}", tame(evidence)));
    }
    text
}
