//! What is told of one connection.

use comfy_table::CellAlignment;

use super::super::ConnectionRecord;
use super::super::words::{self, count, packets, positions, seconds};
use super::Layout;
use super::sheet::{Columns, Sheet, severity_cell};
use crate::analyze::expect::Outcome;
use crate::analyze::rules::expectation_failed;
use crate::analyze::{
    Basis, BehaviourFit, Cause, Certainty, Completeness, Evidence, Finding, Ledger, Metrics, Parameters, Severity,
    Spread, TimerEvidence, Trigger, Why,
};
use crate::decode::print::escape::tame;

/// Findings that are told one by one.
const FINDINGS: usize = 40;
/// Causes that are told one by one.
const CAUSES: usize = 40;
/// Doubts that are told one by one.
const DOUBTS: usize = 12;
/// Ages, in seconds, that are one.
const SAME_AGE: f64 = 0.0005;
/// Notes of the ledger, and holes, that are told one by one.
const DETAILS: usize = 5;

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
    capture(&mut sheet, record);
    findings(&mut sheet, record);
    causes(&mut sheet, record);
    doubts(&mut sheet, record);
    reference(&mut sheet, record);
    figures(&mut sheet, &analysis.metrics);
    sheet.finish()
}

fn facts(sheet: &mut Sheet, record: &ConnectionRecord) {
    let Some(checked) = &record.expectations else { return };
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

fn capture(sheet: &mut Sheet, record: &ConnectionRecord) {
    let analysis = &record.analysis;
    sheet.title("The capture");
    let mut table = sheet.table(&[]);
    for (name, text) in ledger(&analysis.ledger) {
        table.row([name.to_owned(), text]);
    }
    table.row(["payload".to_owned(), format!("maximum_msg_size {}", analysis.max_msg_size)]);
    for (name, text) in parameters(&analysis.parameters) {
        table.row([name.to_owned(), text]);
    }
    table.keep(0);
    sheet.draw(table);
}

fn ledger(ledger: &Ledger) -> Vec<(&'static str, String)> {
    let [client, server] = ledger.packets;
    let span = ledger.first_time.zip(ledger.last_time).map(|(first, last)| last.since(first));
    let span = span.map_or_else(String::new, |nanos| format!(" in {}", seconds(nanos as f64 / 1e9)));
    let mut rows = vec![(
        "ledger",
        format!(
            "{}; packets {} to {}: {client} of the client, {server} of the server{span}; {}",
            words::completeness(ledger.completeness),
            ledger.first_packet,
            ledger.last_packet,
            words::closing(ledger.closing),
        ),
    )];
    if ledger.completeness != Completeness::Complete {
        let starts = match ledger.from_start {
            [true, true] => None,
            [false, true] => Some("the client's beginning is missing"),
            [true, false] => Some("the server's beginning is missing"),
            [false, false] => Some("both beginnings are missing"),
        };
        rows.extend(starts.map(|words| ("", words.to_owned())));
    }
    if ledger.hole_count > 0 {
        let listed: Vec<String> = ledger
            .holes
            .iter()
            .take(DETAILS)
            .map(|hole| format!("{} of the {} before #{}", count(hole.len, "byte"), hole.from, hole.packet))
            .collect();
        let more = if ledger.hole_count > listed.len() as u64 { " …" } else { "" };
        rows.push((
            "holes",
            format!(
                "{}, {}: {}{more}",
                count(ledger.hole_count, "hole"),
                count(ledger.hole_bytes, "byte"),
                listed.join("; ")
            ),
        ));
    }
    if ledger.truncated_packets > 0 || ledger.partial_frames > 0 {
        let text = format!(
            "{} cut, {} only in part",
            count(ledger.truncated_packets, "packet"),
            count(ledger.partial_frames, "frame")
        );
        rows.push(("cut", text));
    }
    rows.extend(ledger.notes.iter().take(DETAILS).map(|note| ("note", tame(note))));
    if ledger.notes.len() > DETAILS {
        rows.push(("", format!("… and {}", count((ledger.notes.len() - DETAILS) as u64, "further note"))));
    }
    rows
}

fn parameters(parameters: &Parameters) -> Vec<(&'static str, String)> {
    fn text<T: Copy>(
        declared: Option<T>,
        inferred: Option<&crate::analyze::Inferred<T>>,
        show: impl Fn(T) -> String,
    ) -> String {
        let inferred = inferred.map(|inferred| {
            let bounds = match (inferred.bounds.min, inferred.bounds.max) {
                (Some(min), Some(max)) if show(min) == show(max) => show(min),
                (Some(min), Some(max)) => format!("{} to {}", show(min), show(max)),
                (Some(min), None) => format!("at least {}", show(min)),
                (None, Some(max)) => format!("at most {}", show(max)),
                (None, None) => "open".to_owned(),
            };
            format!("{bounds} by the traffic: {}", tame(&inferred.evidence))
        });
        match (declared, inferred) {
            (Some(declared), Some(inferred)) => format!("{} declared; {inferred}", show(declared)),
            (Some(declared), None) => format!("{} declared", show(declared)),
            (None, Some(inferred)) => inferred,
            (None, None) => "not declared, and nothing in the traffic tells".to_owned(),
        }
    }
    let (window, timeout) = (&parameters.window, &parameters.timeout);
    vec![
        ("window", text(window.declared, window.inferred.as_ref(), |window| window.to_string())),
        ("timeout", text(timeout.declared, timeout.inferred.as_ref(), seconds)),
    ]
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
            positions(&finding.positions),
            finding.rule.name.to_owned(),
            what(finding),
        ]);
    }
    table.align(1, CellAlignment::Right);
    for column in [0, 1, 3] {
        table.keep(column);
    }
    if table.is_empty() {
        sheet.line(" none");
    } else {
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
        let mut table = sheet.table(&[]);
        table.row([format!("and not told one by one: {}", rest.join(", "))]);
        sheet.draw(table);
    }
}

fn certainty(certainty: &Certainty) -> String {
    match certainty {
        Certainty::Proven => String::new(),
        Certainty::Class(class) => format!(" [one of: {}]", class.replace('-', " ")),
        Certainty::WithinTolerance(tolerance) => format!(" [tolerance {}]", seconds(tolerance.as_secs_f64())),
    }
}

fn causes(sheet: &mut Sheet, record: &ConnectionRecord) {
    let all: Vec<(&Finding, &Cause)> =
        record.findings.iter().filter_map(|finding| Some((finding, finding.cause.as_ref()?))).collect();
    if all.is_empty() {
        return;
    }
    sheet.title("Why positions were written again or late");
    let mut table = sheet.table(&["No.", "Pos", "Because", "Set off by", "Then"]);
    for (finding, cause) in all.iter().take(CAUSES) {
        table.row([
            format!("#{}", cause.evidence.packet),
            positions(&finding.positions),
            why(cause),
            triggers(cause),
            then(&cause.evidence),
        ]);
    }
    table.align(0, CellAlignment::Right);
    table.keep(0);
    sheet.draw(table);
    if all.len() > CAUSES {
        sheet.line(&format!(" … and {}; --report json has them", count((all.len() - CAUSES) as u64, "further cause")));
    }
}

fn why(cause: &Cause) -> String {
    let evidence = &cause.evidence;
    let earlier = evidence.earlier_packet;
    match cause.why {
        Why::NeverWritten => match earlier {
            Some(packet) => format!("never on the wire before; passed over at #{packet}"),
            None => "never on the wire before".to_owned(),
        },
        Why::AckMissing => match earlier {
            Some(packet) => format!("no ACK for it since #{packet}"),
            None => "no ACK for it".to_owned(),
        },
        Why::CannotTell => match earlier {
            Some(packet) => format!("cannot tell; a copy before it at #{packet}"),
            None => "cannot tell".to_owned(),
        },
        Why::Unexplained => match evidence.acked_before {
            Some((number, packet)) => format!("nothing: ACK {number} was there (#{packet})"),
            None => "nothing the capture shows".to_owned(),
        },
    }
}

/// What is proved to have set it off, what may have, and how old the last copy was.
fn triggers(cause: &Cause) -> String {
    let Evidence { timer, window, .. } = &cause.evidence;
    let age = |timer: &TimerEvidence| match timer.age_max - timer.age_min {
        ..=SAME_AGE => format!("{} old", seconds(timer.age_min)),
        f64::INFINITY => format!("at least {} old", seconds(timer.age_min)),
        _ => format!("{} to {} old", seconds(timer.age_min), seconds(timer.age_max)),
    };
    let trigger = |trigger: &Trigger| match (trigger, timer, window) {
        (Trigger::Timer, Some(timer), _) => match timer.timeout {
            Some(timeout) if timer.age_max - timer.age_min <= SAME_AGE => {
                let ended = seconds(timer.age_min - timeout);
                format!("timer: ended {ended} before ({}, timeout {})", age(timer), seconds(timeout))
            }
            Some(timeout) => format!("timer: {}, timeout {}", age(timer), seconds(timeout)),
            None => format!("timer: {}", age(timer)),
        },
        (Trigger::Timer, None, _) => "timer".to_owned(),
        (Trigger::FullWindow, _, Some(window)) => {
            let basis = match window.basis {
                Basis::Declared => "",
                Basis::Inferred => " by the most seen in flight",
            };
            format!("full window: up to {} allowed{basis}, {} waiting", window.edge, window.next)
        }
        (Trigger::FullWindow, ..) => "full window".to_owned(),
        (Trigger::EndOfMessage, ..) => "end of message: nothing new left".to_owned(),
    };
    let mut parts: Vec<String> = cause.triggers.iter().map(trigger).collect();
    if parts.is_empty() {
        parts.push("nothing is proved".to_owned());
    }
    for undecided in &cause.undecided {
        parts.push(match undecided {
            Trigger::Timer => "perhaps its timer".to_owned(),
            Trigger::FullWindow => "perhaps a full window".to_owned(),
            Trigger::EndOfMessage => "perhaps the end of the message".to_owned(),
        });
    }
    if let Some(timer) = timer.as_ref().filter(|_| !cause.triggers.contains(&Trigger::Timer)) {
        parts.push(match timer.timeout {
            Some(timeout) => format!("{}, timeout {}", age(timer), seconds(timeout)),
            None => age(timer),
        });
    }
    parts.join("; ")
}

fn then(evidence: &Evidence) -> String {
    match evidence.acked_after {
        Some((number, packet)) => format!("ACK {number} (#{packet})"),
        None => String::new(),
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
            false => format!("{} ({})", positions(&doubt.positions), packets(&doubt.packets)),
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
        let name = if i == 0 { "best fit" } else { "" };
        table.row([name.to_owned(), behaviour(fit)]);
    }
    table.keep(0);
    sheet.draw(table);
}

fn behaviour(fit: &BehaviourFit) -> String {
    let mut text =
        format!("{}: {} for it, {} against", words::behaviour(fit.behaviour), fit.explained, fit.contradicted);
    let evidence = fit.evidence_against.first().or(fit.evidence_for.first());
    if let Some(evidence) = evidence {
        text.push_str(&format!("; {}", tame(evidence)));
    }
    text
}

fn figures(sheet: &mut Sheet, metrics: &Metrics) {
    sheet.title("Figures");
    let mut table = sheet.table(&[]);
    let mut row = |name: &str, text: String| table.row([name.to_owned(), text]);
    row(
        "frames",
        format!(
            "{}: {} MSG ({} positions, {} again), {} ACK",
            metrics.frames, metrics.messages, metrics.unique, metrics.resent, metrics.acks
        ),
    );
    let (packages, acks) = (count(metrics.gaps, "package"), count(metrics.acks_lost, "ACK"));
    row("lost", format!("{packages} and {acks} not written when due"));
    let [client, server] = metrics.stream_bytes;
    let rate = |rate: Option<f64>| rate.map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.1} B/s"));
    row(
        "bytes",
        format!(
            "{} of message; {client} written by the client, {server} by the server; goodput {}, throughput {}",
            metrics.message_bytes,
            rate(metrics.goodput),
            rate(metrics.throughput)
        ),
    );
    if metrics.rtt.count > 0 || metrics.rtt_ambiguous.count > 0 {
        let mut text = spread(metrics.rtt);
        if let Some(srtt) = metrics.srtt {
            text.push_str(&format!("; smoothed {}", seconds(srtt)));
        }
        if metrics.rtt_ambiguous.count > 0 {
            text.push_str(&format!("; written more than once, so ambiguous: {}", spread(metrics.rtt_ambiguous)));
        }
        row("RTT", text);
    }
    if let Some((most, packet)) = metrics.max_in_flight {
        let mut text = format!("at most {most} (#{packet})");
        if let Some(mean) = metrics.mean_in_flight {
            text.push_str(&format!(", {mean:.2} on average"));
        }
        if let Some(full) = metrics.window_full {
            text.push_str(&format!("; window full for {}", seconds(full)));
        }
        if let Some(share) = metrics.window_utilisation {
            text.push_str(&format!("; window used {:.0} %", share * 100.0));
        }
        row("in flight", text);
    }
    if metrics.gap_open.count > 0 {
        row("gaps open", spread(metrics.gap_open));
    }
    keep_first(&mut table);
    sheet.draw(table);
}

fn keep_first(table: &mut Columns) {
    table.keep(0);
}

fn spread(spread: Spread) -> String {
    match spread.count {
        0 => "none".to_owned(),
        1 => seconds(spread.mean),
        n => format!("{} to {}, mean {} ({n})", seconds(spread.min), seconds(spread.max), seconds(spread.mean)),
    }
}
