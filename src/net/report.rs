//! What became of an exchange, for people: a client's closing table, a server's line for each connection.

use std::fmt::Write;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use super::server::{Kept, Served};
use super::{Transfer, client::Tally};
use crate::endpoint::{Outcome, Progress};

/// The table with which a client ends: packages, resends by cause, ACKs lost, time and goodput.
#[must_use]
pub fn closing_table(transfer: &Transfer) -> String {
    let tally = &transfer.tally;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut row = |name: &str, value: String| {
        table.add_row([name, &value]);
    };
    row("message", counted(transfer.message_len as u64, "byte"));
    row("packages", packages(tally));
    row("resent", resent(tally));
    row("packages lost", format!("{} (mimicked)", tally.packages_lost));
    row("ACKs lost", format!("{} (inferred)", tally.acks_lost));
    row("bytes", format!("{} written, {} read", transfer.traffic.0, transfer.traffic.1));
    row("time", seconds(transfer.elapsed));
    row("goodput", transfer.goodput().map_or_else(|| "unknown".to_owned(), rate));
    row("outcome", ending(transfer));
    if let Some(column) = table.column_mut(0) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How a client's exchange ended, in one line.
fn ending(transfer: &Transfer) -> String {
    match &transfer.ended {
        Ok(outcome) => outcome_words(outcome),
        Err(given_up) => format!("incomplete: {given_up}; {}", acknowledged(&transfer.tally)),
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Complete => "complete".to_owned(),
        Outcome::Incomplete { why, message: Progress::Whole } => format!("the message is whole, but {why}"),
        Outcome::Incomplete { why, message: Progress::Through { last, of: Some(n) } } => {
            format!("incomplete: {why}; positions acknowledged: {last} of {n}")
        }
        Outcome::Incomplete { why, message: Progress::Through { last, of: None } } => {
            format!("incomplete: {why}; positions that arrived: {last}")
        }
        Outcome::Failed(error) => format!("failed: {error}"),
    }
}

fn acknowledged(tally: &Tally) -> String {
    match tally.packages {
        Some(n) => format!("positions acknowledged: {} of {n}", tally.acknowledged),
        None => "the handshake was not over".to_owned(),
    }
}

fn packages(tally: &Tally) -> String {
    match (tally.packages, tally.max_msg_size) {
        (Some(n), Some(p)) => {
            format!("{n} of up to {p} bytes, {} acknowledged, {} written", tally.acknowledged, tally.packages_written)
        }
        _ => "none: the handshake was not over".to_owned(),
    }
}

fn resent(tally: &Tally) -> String {
    let total: u64 = tally.resends.values().sum();
    let mut text = total.to_string();
    let mut separator = ": ";
    for (why, times) in &tally.resends {
        let why = if why.is_empty() { "unexplained" } else { why };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{times} {why}");
        separator = "; ";
    }
    text
}

/// One line about a connection that is over, without its end; says why, whenever it is not complete.
#[must_use]
pub fn served_line(served: &Served) -> String {
    let Served { number, peer, message_len, duplicates, faults, elapsed, .. } = served;
    let mut line = format!("client {number} ({peer}): ");
    line.push_str(&match &served.ended {
        Ok(outcome) => outcome_words(outcome),
        Err(given_up) => format!("incomplete: {given_up}"),
    });
    let _ = write!(line, "; {} of message in {}", counted(*message_len, "byte"), seconds(*elapsed));
    if *duplicates > 0 {
        let _ = write!(line, ", {}", counted(*duplicates, "duplicate"));
    }
    if *faults > 0 {
        let _ = write!(line, ", {} mimicked", counted(*faults, "loss"));
    }
    let _ = match &served.kept {
        Kept::File(path) => write!(line, ", in {}", path.display()),
        Kept::Partial(path) => write!(line, ", partial in {}", path.display()),
        Kept::Lost(error) => write!(line, ", NOT KEPT: {error}"),
        Kept::Shown(_) | Kept::Nothing => Ok(()),
    };
    line
}

/// `1 client`, `2 clients`; `1 loss`, `2 losses`.
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    let ending = match n {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{n} {noun}{ending}")
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

fn rate(bytes_per_second: f64) -> String {
    match bytes_per_second {
        r if r >= 1e9 => format!("{:.2} GB/s", r / 1e9),
        r if r >= 1e6 => format!("{:.2} MB/s", r / 1e6),
        r if r >= 1e3 => format!("{:.2} kB/s", r / 1e3),
        r => format!("{r:.1} B/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_of_a_thing_is_not_many() {
        let words: Vec<String> =
            [0, 1, 2].into_iter().flat_map(|n| [counted(n, "client"), counted(n, "loss")]).collect();
        assert_eq!(words, ["0 clients", "0 losses", "1 client", "1 loss", "2 clients", "2 losses"]);
    }
}
