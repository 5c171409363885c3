//! What a user may have meant by a name that is no field.

use super::fields::{self, FIELDS};
use crate::wire::{Name, Side};

/// Words people use for a field, besides its name.
const SYNONYMS: [(&str, &str); 20] = [
    ("position", "arq.pos"),
    ("sender", "arq.from"),
    ("side", "arq.from"),
    ("direction", "arq.from"),
    ("name", "arq.header"),
    ("type", "arq.header"),
    ("number", "arq.packet"),
    ("frame", "arq.packet"),
    ("data", "arq.payload"),
    ("message", "arq.payload"),
    ("stream", "arq.connection"),
    ("sequence", "arq.seq"),
    ("previous_seq", "arq.prev_seq"),
    ("inflight", "arq.in_flight"),
    ("outstanding", "arq.in_flight"),
    ("timestamp", "arq.time"),
    ("length", "arq.len"),
    ("size", "arq.len"),
    ("window_size", "arq.in_flight"),
    ("acked", "arq.ack_number"),
];

/// Names longer than this are compared by their beginning only.
const COMPARED_LEN: usize = 40;

/// The help for `word`, which stands where a field is wanted and is none.
pub(super) fn for_field(word: &str) -> String {
    if let Some(name) = Name::ALL.into_iter().find(|name| name.as_str().eq_ignore_ascii_case(word)) {
        return format!("write `arq.header == {name}`");
    }
    let tail = word.strip_prefix("arq.").unwrap_or(word);
    if let Some(side) = [Side::Client, Side::Server].into_iter().find(|side| side.as_str() == tail) {
        return format!("write `arq.from == {side}`");
    }
    if let Some((protocol, _)) = word.split_once('.').filter(|(protocol, _)| *protocol != "arq") {
        let nearby = fields_beginning_with(protocol);
        match protocol {
            "ip" | "ipv6" | "tcp" | "udp" | "eth" => {
                return format!(
                    "addresses and ports are not in the rows: use --port to choose connections, or {}",
                    if nearby.is_empty() { "tcp.stream".to_owned() } else { nearby }
                );
            }
            _ if !nearby.is_empty() => return format!("of `{protocol}` there is {nearby}"),
            _ => {}
        }
    }
    if matches!(word, "ip" | "ipv6" | "tcp" | "udp" | "eth" | "frame") {
        return "write `arq` for every row".to_owned();
    }
    if matches!(word, "any" | "all") {
        return format!("every field occurs once: leave out `{word}`");
    }
    match nearest(word) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            format!("the fields are {}", names.join(", "))
        }
    }
}

fn fields_beginning_with(protocol: &str) -> String {
    let names: Vec<&str> = FIELDS
        .iter()
        .map(|field| field.name)
        .filter(|name| name.split_once('.').is_some_and(|(first, _)| first == protocol))
        .collect();
    names.join(" and ")
}

/// The help for a word that was meant for an operator.
pub(super) fn operator(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => "operators are written in lower case: `and`",
        "or" => "operators are written in lower case: `or`",
        "xor" => "operators are written in lower case: `xor`",
        "not" => "operators are written in lower case: `not`",
        "in" => "operators are written in lower case: `in`",
        "contains" | "contain" | "includes" | "has" => "write `contains` in lower case",
        "matches" | "match" | "like" => "write `matches \"…\"` with a regular expression",
        "eq" | "is" | "equals" | "equal" => "write `==` to compare",
        "ne" => "write `!=` for unequal",
        "gt" | "lt" | "ge" | "le" => "write gt, lt, ge and le in lower case",
        "between" => "write `in {1..3}`",
        _ => return None,
    })
}

/// The field whose name or synonym is nearest to `word`, with or without `arq.`; `None` when none is near.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase().replace('-', "_");
    let tail = lower.strip_prefix("arq.").or_else(|| lower.strip_prefix("arq_")).unwrap_or(&lower);
    let own = FIELDS.iter().filter_map(|field| Some((field.name.strip_prefix("arq.")?, field.name)));
    let (distance, name, len) = own
        .chain(SYNONYMS)
        .map(|(text, name)| (distance(tail, text), name, text.len()))
        .min_by_key(|(distance, _, _)| *distance)?;
    debug_assert!(fields::find(name).is_some());
    (distance <= (len.max(tail.len()) / 3).clamp(1, 3) && distance < len).then_some(name)
}

/// The word of `words` nearest to `word`, when one is near.
pub(crate) fn nearest_of<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let near = words.iter().map(|known| {
        let ignoring_case = distance(&word.to_ascii_lowercase(), &known.to_ascii_lowercase());
        (ignoring_case, *known)
    });
    near.min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3).max(2) && *distance < known.len())
        .map(|(_, known)| known)
}

/// Edits (insert, delete, replace, swap neighbours) that turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = a.bytes().take(COMPARED_LEN).collect();
    let b: Vec<u8> = b.bytes().take(COMPARED_LEN).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
            if swapped {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_field_is_found_by_edits_and_by_synonym() {
        for (word, expected) in [
            ("arq.possition", Some("arq.pos")),
            ("arq.position", Some("arq.pos")),
            ("pos", Some("arq.pos")),
            ("header", Some("arq.header")),
            ("arq.haeder", Some("arq.header")),
            ("ARQ.POS", Some("arq.pos")),
            ("arq.in-flight", Some("arq.in_flight")),
            ("arq.inflight", Some("arq.in_flight")),
            ("arq.sendtime", Some("arq.sent_time")),
            ("arq.paylod", Some("arq.payload")),
            ("arq.conection", Some("arq.connection")),
            ("arq.xyzzy", None),
            ("arq.foo", None),
            ("q", None),
        ] {
            assert_eq!(nearest(word), expected, "{word}");
        }
    }

    #[test]
    fn the_distance_counts_edits() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ca", "ac", 1),
            ("abc", "abc", 0),
            ("pos", "post", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn every_synonym_leads_to_a_field() {
        for (_, name) in SYNONYMS {
            assert!(fields::find(name).is_some(), "{name}");
        }
    }
}
