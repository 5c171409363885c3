use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::analyze::{Analysis, AnalysisOptions, AnalysisSink, ConnectionAnalysis, Doubt, Finding, NotWritten};
use crate::decode::capture::{Capture, CaptureLimits, Input};
use crate::decode::framing::{Framing, FramingOptions};
use crate::decode::reading::read;
use crate::decode::reassembly::StreamLimits;
use crate::wire::Name;

/// Hands an analysis to a report, and keeps what the report was told.
struct Told {
    report: HtmlReport<Vec<u8>>,
    findings: Vec<Finding>,
    doubts: Vec<Doubt>,
    frames: Vec<(Step, Vec<u8>)>,
    records: Vec<ConnectionRecord>,
}

impl AnalysisSink for Told {
    fn wants_steps(&self) -> bool {
        self.report.wants_steps()
    }

    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> ControlFlow<()> {
        self.report.step(connection, frame, step).unwrap();
        self.frames.push((*step, frame.frame.view().bytes().to_vec()));
        ControlFlow::Continue(())
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        self.report.ack_not_written(connection, acks);
    }

    fn finding(&mut self, _: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.findings.push(finding);
        ControlFlow::Continue(())
    }

    fn doubt(&mut self, _: &FramedConnection<'_>, doubt: Doubt) {
        self.doubts.push(doubt);
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        let record = ConnectionRecord {
            file: "<run>".to_owned(),
            analysis,
            findings: std::mem::take(&mut self.findings),
            findings_dropped: 0,
            doubts: std::mem::take(&mut self.doubts),
            doubts_dropped: 0,
            expectations: None,
        };
        self.report.connection(connection, &record).unwrap();
        self.records.push(record);
        ControlFlow::Continue(())
    }
}

/// A capture's page, and what it was made from.
fn page_of(capture: &str, limits: HtmlLimits) -> (String, Told) {
    let report = HtmlReport::new(Vec::new(), limits);
    let told = Told { report, findings: Vec::new(), doubts: Vec::new(), frames: Vec::new(), records: Vec::new() };
    let mut capture = Capture::open(&Input::from(capture), &CaptureLimits::default()).unwrap();
    let mut framing = Framing::new(FramingOptions::default(), Analysis::new(AnalysisOptions::default(), told));
    let go_on = |_, _: &mut _| ControlFlow::Continue(());
    assert!(read(&mut capture, 0, StreamLimits::prompt(), &mut framing, go_on).error.is_none());
    let mut told = framing.sink.into_sink();
    told.report.finish(&Totals::default()).unwrap();
    (String::from_utf8(std::mem::take(&mut told.report.out)).unwrap(), told)
}

/// What stands between two texts that stand once.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

/// The data block of a page, read as a browser would: up to the first end tag.
fn data_of(page: &str) -> Value {
    serde_json::from_str(between(page, r#"<script type="application/json" id="data">"#, "</script>")).unwrap()
}

/// A column of differences as the values it stands for.
fn climbed(column: &Value) -> Vec<Option<i64>> {
    let mut last = 0;
    let mut value = |difference: &Value| {
        difference.as_i64().map(|difference| {
            last += difference;
            last
        })
    };
    column.as_array().unwrap().iter().map(&mut value).collect()
}

#[test]
fn the_data_block_holds_the_json_report_and_every_frame() {
    for run in ["run1", "run3", "run5", "run1-hole", "run4-midstream", "two-clients"] {
        let (page, told) = page_of(&format!("captures/{run}.pcapng"), HtmlLimits::default());
        let data = data_of(&page);
        // By way of its text, which reads floating point as the data block's does.
        let report = |record| serde_json::to_string(&Connection::whole(record)).unwrap();
        let reports: Vec<Value> =
            told.records.iter().map(|record| serde_json::from_str(&report(record)).unwrap()).collect();
        assert_eq!(data["report"]["connections"], Value::from(reports), "{run}");
        let count: usize =
            data["frames"].as_array().unwrap().iter().map(|f| f["count"].as_u64().unwrap() as usize).sum();
        assert_eq!(count, told.frames.len(), "{run}");
        if told.records.len() == 1 {
            let frames = &data["frames"][0];
            let column =
                |of: fn(&Step) -> Option<i64>| told.frames.iter().map(|(step, _)| of(step)).collect::<Vec<_>>();
            assert_eq!(climbed(&frames["packet"]), column(|step| Some(step.packet as i64)), "{run}");
            assert_eq!(climbed(&frames["pos"]), column(|step| step.pos.map(|pos| pos.0.into())), "{run}");
            assert_eq!(climbed(&frames["acked"]), column(|step| step.last_acked.map(|pos| pos.0.into())), "{run}");
            assert_eq!(climbed(&frames["in_flight"]), column(|step| step.in_flight.map(i64::from)), "{run}");
            let start = told.records[0].analysis.ledger.first_time.unwrap();
            let times = told.frames.iter().map(|(step, _)| step.time.map(|time| time.since(start))).collect::<Vec<_>>();
            assert_eq!(climbed(&frames["time"]), times, "{run}");
            let names = frames["name"].as_str().unwrap().chars();
            let names: Vec<_> = names.map(|letter| data["letters"]["name"][letter.to_string()].as_str()).collect();
            assert_eq!(names, told.frames.iter().map(|(step, _)| step.name.map(Name::as_str)).collect::<Vec<_>>());
            let bytes = BASE64.decode(frames["bytes"].as_str().unwrap()).unwrap();
            assert_eq!(bytes, told.frames.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>(), "{run}");
        }
        assert!(!page.contains("<run>"), "text from outside stands escaped");
        assert_eq!(page, page_of(&format!("captures/{run}.pcapng"), HtmlLimits::default()).0, "the same bytes again");
    }
}

#[test]
fn acks_that_were_not_written_stand_behind_what_they_were_due_for() {
    // Run 3: GET_MAX, RETURN_MAX, MSGs 1 to 8 and their ACKs; then MSGs 9 at 18, 10, 11, 9 again, and ACK 9.
    let (page, _) = page_of("captures/run3.pcapng", HtmlLimits::default());
    let frames = &data_of(&page)["frames"][0];
    assert_eq!(frames["not_written"].to_string(), "[[18,9,9,true],[19,10,10,false],[20,11,11,false]]");
    // Of frames that are not kept, nothing is drawn.
    let (page, _) = page_of("captures/run3.pcapng", HtmlLimits { frames: 20, ..HtmlLimits::default() });
    assert_eq!(data_of(&page)["frames"][0]["not_written"].to_string(), "[]");
}

#[test]
fn what_is_beyond_the_limits_is_counted() {
    let (page, told) =
        page_of("captures/run1.pcapng", HtmlLimits { frames: 10, frame_bytes: 44 * 4 + 1, ..HtmlLimits::default() });
    let frames = &data_of(&page)["frames"][0];
    assert_eq!((frames["count"].as_u64(), frames["with_bytes"].as_u64()), (Some(10), Some(4)));
    assert_eq!(frames["dropped"].as_u64().map(|n| n as usize), Some(told.frames.len() - 10));
    assert_eq!(frames["packet"].as_array().unwrap().len(), 10);
    assert_eq!(BASE64.decode(frames["bytes"].as_str().unwrap()).unwrap().len(), 44 * 4);
}

#[test]
fn limits_hold_over_all_connections_together() {
    let (page, told) = page_of(
        "captures/two-clients.pcapng",
        HtmlLimits { frames: 20, frame_bytes: usize::MAX, ..HtmlLimits::default() },
    );
    let data = data_of(&page);
    let sum = |key: &str| data["frames"].as_array().unwrap().iter().map(|f| f[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("count"), sum("dropped")), (20, told.frames.len() as u64 - 20));
}

#[test]
fn findings_beyond_their_bytes_are_shared_out_the_worst_are_kept_and_the_others_counted() {
    let found = |data: &Value| -> Vec<Vec<String>> {
        let connections = data["report"]["connections"].as_array().unwrap().iter();
        let severities = |connection: &Value| {
            let findings = connection["findings"].as_array().unwrap();
            findings.iter().map(|finding| finding["severity"].as_str().unwrap().to_owned()).collect()
        };
        connections.map(severities).collect()
    };
    let all = data_of(&page_of("captures/run5.pcapng", HtmlLimits::default()).0);
    let findings = all["report"]["connections"][0]["findings"].to_string().len();
    let (page, told) =
        page_of("captures/run5.pcapng", HtmlLimits { finding_bytes: findings / 2, ..HtmlLimits::default() });
    let data = data_of(&page);
    let connection = &data["report"]["connections"][0];
    let kept = &found(&data)[0];
    let errors = |severities: &[String]| severities.iter().filter(|severity| *severity == "error").count();
    assert_eq!(errors(kept), 2, "{kept:?}");
    assert!(connection["findings"].to_string().len() <= findings / 2);
    let dropped = connection["findings_dropped"].as_u64().unwrap() as usize;
    assert!(dropped > 0);
    assert_eq!(kept.len() + dropped, told.records[0].findings.len());
    assert_eq!(connection["counts"], all["report"]["connections"][0]["counts"]);
    assert_eq!(data["report"]["totals"]["findings_dropped"], dropped);
    // Both connections keep some.
    let limits = HtmlLimits { finding_bytes: 2_500, ..HtmlLimits::default() };
    let kept = found(&data_of(&page_of("captures/two-clients.pcapng", limits).0));
    assert!(kept.iter().all(|findings| !findings.is_empty()), "{kept:?}");
}

#[test]
fn connections_beyond_the_limit_are_counted_and_their_frames_take_no_room() {
    let limits = HtmlLimits { connections: 1, ..HtmlLimits::default() };
    let data = data_of(&page_of("captures/two-clients.pcapng", limits).0);
    assert_eq!(data["report"]["connections"].as_array().unwrap().len(), 1);
    assert_eq!(data["frames"].as_array().unwrap().len(), 1);
    assert_eq!(data["report"]["totals"]["connections_dropped"], 1);
    // Run 2, from SYN to FIN.
    assert_eq!(data["frames"][0]["count"], 35);
}

#[test]
fn the_pages_of_the_rules_that_were_met_come_along() {
    let (page, told) = page_of("captures/run5.pcapng", HtmlLimits::default());
    let data = data_of(&page);
    let rules: Vec<_> =
        data["rules"].as_array().unwrap().iter().map(|r| (r["name"].as_str(), r["page"].as_str())).collect();
    for count in &told.records[0].analysis.counts {
        assert!(rules.contains(&(Some(count.rule.name), Some(count.rule.page))), "{}", count.rule.name);
    }
}

#[test]
fn the_policy_allows_this_style_and_this_script_and_nothing_else() {
    let (page, _) = page_of("captures/run1.pcapng", HtmlLimits::default());
    let style = between(&page, "<style>", "</style>");
    let script = between(&page, "</script>\n<script>", "</script>");
    let policy = between(&page, r#"http-equiv="Content-Security-Policy" content=""#, "\"");
    assert_eq!(policy, super::policy(style, script));
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'));
    // FIPS 180-2, B.1.
    assert!(super::policy("", "abc").contains("script-src 'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='"));
    assert_eq!(page.matches("<script").count(), 2, "the data and the script");
    assert_eq!(page.matches("</script").count(), 2);
}

#[test]
fn the_page_has_no_handlers_and_names_no_other_place() {
    assert!(!PAGE.contains("{{}}"));
    let script = script();
    for (name, text) in [("markup", PAGE), ("style", STYLES.concat().as_str()), ("script", script.as_str())] {
        for word in [
            "http:",
            "https:",
            "src=",
            "href",
            "url(",
            "@import",
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "eval(",
            "Function(",
            "document.write",
            "fetch(",
            "import(",
        ] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
    let words = PAGE.split_ascii_whitespace().filter(|word| word.starts_with("on") && word.contains('='));
    assert_eq!(words.count(), 0);
    assert!(!script.contains("</") && !script.contains("<!--"));
}

#[test]
fn every_letter_means_one_thing() {
    let letters = serde_json::to_value(frames::Letters::all()).unwrap();
    let count = |kind: &str| letters[kind].as_object().unwrap().len();
    assert_eq!((count("name"), count("verdict"), count("arrival")), (7, 17, 7));
}

proptest! {
    #[test]
    fn embedded_json_says_the_same_and_cannot_end_its_element(texts in proptest::collection::vec(".*|(</?script|<!--|-->|\\]\\]>|&amp;|[<>&\u{2028}\u{2029}\"\\\\])*", 0..8)) {
        let mut out = Vec::new();
        embed::write(&mut out, &texts).unwrap();
        let json = String::from_utf8(out).unwrap();
        prop_assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{}", json);
        prop_assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), texts);
    }

    #[test]
    fn a_column_gives_its_values_back(values in proptest::collection::vec(proptest::option::of(-(1_i64 << 53)..1 << 53), 0..50)) {
        prop_assert_eq!(climbed(&frames::column(&values)), values);
    }
}
