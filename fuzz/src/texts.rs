//! Texts that people write: filters, parameter files, scenarios.

use std::ops::ControlFlow;
use std::path::Path;

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::decode::Row;
use arqscope::decode::capture::{Capture, CaptureLimits};
use arqscope::decode::filter::{Filter, MAX_LEN, Scratch};
use arqscope::decode::framing::FramedConnection;
use arqscope::decode::print::escape::tame_lines;
use arqscope::decode::rows::RowSink;
use arqscope::params::{Key, ParamsFile};
use arqscope::simulate::scenario::{Scenario, ScenarioFile, ScenarioKeys};
use arqscope::simulate::{TruthWriter, simulate};

use super::rows::read_rows;
use super::tame::assert_tame;

/// A display filter: refused in tame words, or a judge whose negation judges the other way round.
pub(super) fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => return assert_tame("a refusal", error.to_string().as_bytes()),
    };
    // One level deeper may be one too many.
    let negated = if text.trim().is_empty() || text.len() + 3 > MAX_LEN {
        None
    } else {
        Filter::parse(&format!("!({text})")).ok()
    };
    let judge = Judge { filter, negated, scratch: Scratch::default(), other: Scratch::default() };
    read_rows(include_bytes!("../../captures/run4.pcapng"), judge);
}

struct Judge {
    filter: Filter,
    negated: Option<Filter>,
    scratch: Scratch,
    other: Scratch,
}

impl RowSink for Judge {
    fn row(&mut self, _: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        let matches = self.filter.matches(row, &mut self.scratch);
        if let Some(negated) = &self.negated {
            assert_ne!(matches, negated.matches(row, &mut self.other), "packet {}", row.packet);
        }
        ControlFlow::Continue(())
    }
}

/// A parameter file, against a reader of a few lines.
pub(super) fn params(data: &[u8]) {
    let file = match ParamsFile::parse(Path::new("params.txt"), data) {
        Ok(file) => file,
        Err(error) => return assert_tame("a refusal", error.to_string().as_bytes()),
    };
    assert!(file.notes().len() <= 21);
    for note in file.notes() {
        assert_tame("a remark", note.to_string().as_bytes());
    }
    match file.params() {
        Ok(params) => {
            let message = last_value(data, Key::Message.as_str());
            assert_eq!(params.message.as_deref(), message);
            let size = last_value(data, Key::MaximumMsgSize.as_str());
            assert_eq!(params.maximum_msg_size.is_some(), size.is_some());
        }
        Err(error) => assert_tame("a refusal", error.to_string().as_bytes()),
    }
}

/// The value of the last line that has this key (PROTOCOL §6.1).
fn last_value<'a>(data: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            (line[..colon].trim_ascii() == key.as_bytes()).then(|| line[colon + 1..].trim_ascii())
        })
        .next_back()
}

/// A scenario: refused in tame words, or, when it is a small one, run; and what it writes reads back.
pub(super) fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let scenario = ScenarioFile::parse("scenario.toml", text)
        .and_then(|file| Scenario::new(Some(&file), &ScenarioKeys::default()));
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(error) => return assert_tame("a refusal", tame_lines(&error.to_string()).as_bytes()),
    };
    if !is_small(&scenario) {
        return;
    }
    let capture = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
    let mut truth = TruthWriter::new(Vec::new(), &scenario).unwrap();
    let (summary, capture) = match simulate(&scenario, capture, Some(&mut truth)) {
        Ok(done) => done,
        // A time that a capture cannot have, or a message that its client refuses.
        Err(error) => return assert_tame("a refusal", tame_lines(&error.to_string()).as_bytes()),
    };
    let truth = truth.finish(&summary.packets).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&truth).is_ok(), "the truth is JSON");
    let bytes = capture.finish().unwrap();
    let mut packets = 0;
    let mut capture = Capture::from_reader(Box::new(std::io::Cursor::new(bytes)), &CaptureLimits::default()).unwrap();
    while capture.next().unwrap().is_some() {
        packets += 1;
    }
    assert_eq!(packets, summary.packets.written);
}

/// Little enough to run a thousand times a second.
fn is_small(scenario: &Scenario) -> bool {
    let small = |exchange: &arqscope::simulate::scenario::Exchange| {
        exchange.message.len() <= 400
            && exchange.losses.done <= 10
            && exchange.losses.message_rate <= 0.5
            && exchange.losses.ack_rate <= 0.5
    };
    scenario.exchanges.len() <= 3 && scenario.exchanges.iter().all(small)
}
