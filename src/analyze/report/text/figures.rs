//! The figures of a connection.

use super::super::words::{count, seconds};
use super::sheet::Sheet;
use crate::analyze::{Metrics, Spread};

pub(super) fn draw(sheet: &mut Sheet, metrics: &Metrics) {
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
    table.keep(0);
    sheet.draw(table);
}

fn spread(spread: Spread) -> String {
    match spread.count {
        0 => "none".to_owned(),
        1 => seconds(spread.mean),
        n => format!("{} to {}, mean {} ({n})", seconds(spread.min), seconds(spread.max), seconds(spread.mean)),
    }
}
