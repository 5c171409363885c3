//! What the capture has of a connection, and the parameters.

use super::super::ConnectionRecord;
use super::sheet::Sheet;
use crate::analyze::words::{self, count, seconds};
use crate::analyze::{Completeness, Inferred, Ledger, Parameters};
use crate::decode::print::escape::tame;
use crate::decode::reassembly::Closing;

/// Notes of the ledger, and holes, that are told one by one.
const DETAILS: usize = 5;

pub(super) fn draw(sheet: &mut Sheet, record: &ConnectionRecord) {
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
            ending(ledger),
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

/// How the connection ended. Packets that only acknowledge its FIN come after that.
fn ending(ledger: &Ledger) -> String {
    match ledger.closing {
        Closing::Fin => format!("FIN in #{}", ledger.last_packet),
        Closing::Reset => format!("RST in #{}", ledger.last_packet),
        Closing::Replaced => "replaced by a new connection on the same ports".to_owned(),
        Closing::CaptureEnded => "open when the capture ended".to_owned(),
        Closing::Evicted => "given up: too many connections at once".to_owned(),
    }
}

fn parameters(parameters: &Parameters) -> Vec<(&'static str, String)> {
    fn text<T: Copy>(declared: Option<T>, inferred: Option<&Inferred<T>>, show: impl Fn(T) -> String) -> String {
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
