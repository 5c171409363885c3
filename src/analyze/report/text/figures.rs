//! The figures of a connection.

use super::sheet::Sheet;
use crate::analyze::words::{count, seconds};
use crate::analyze::{Basis, Metrics, Spread, Sums};

pub(super) fn draw(sheet: &mut Sheet, metrics: &Metrics) {
    sheet.title("Figures");
    let mut table = sheet.table(&[]);
    let mut row = |name: &str, text: String| table.row([name.to_owned(), text]);
    let Sums { frames, messages, unique, resent, acks, acks_lost, gaps, message_bytes, stream_bytes } = metrics.sums;
    let unique = count(unique, "position");
    row("frames", format!("{frames}: {messages} MSG ({unique}, {resent} again), {acks} ACK"));
    let (packages, acks) = (count(gaps, "package"), count(acks_lost, "ACK"));
    row("lost", format!("{packages} and {acks} not written when due"));
    let [client, server] = stream_bytes;
    let rate = |rate: Option<f64>| rate.map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.1} B/s"));
    row(
        "bytes",
        format!(
            "{message_bytes} of message; {client} written by the client, {server} by the server; goodput {}, throughput {}",
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
        row("in flight", text);
    }
    if let Some(text) = window(metrics) {
        row("window", text);
    }
    if metrics.gap_open.count > 0 {
        row("gaps open", spread(metrics.gap_open));
    }
    table.keep(0);
    sheet.draw(table);
}

/// How the window was used, and what is taken for it.
fn window(metrics: &Metrics) -> Option<String> {
    let basis = match (metrics.window_basis?, metrics.max_in_flight) {
        (Basis::Inferred, Some((most, _))) => format!(", if it is {most}, the most seen in flight; it may be larger"),
        _ => String::new(),
    };
    let (full, share) = (metrics.window_full?, metrics.window_utilisation?);
    Some(format!("full for {}; {:.0} % used on average{basis}", seconds(full), share * 100.0))
}

fn spread(spread: Spread) -> String {
    match spread.count {
        0 => "none".to_owned(),
        1 => seconds(spread.mean),
        n => format!("{} to {}, mean {} ({n})", seconds(spread.min), seconds(spread.max), seconds(spread.mean)),
    }
}
