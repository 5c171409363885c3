//! Output that can do nothing to whoever reads it.

/// Panics unless `text` is UTF-8 without anything that steers a terminal, hides, or turns text around.
pub(super) fn assert_tame(what: &str, text: &[u8]) {
    let text = std::str::from_utf8(text).unwrap_or_else(|error| panic!("{what} is not UTF-8: {error}"));
    if let Some(c) = text.chars().find(|c| !matches!(c, '\n' | '\t') && is_wild(*c)) {
        panic!("{what} has a raw {c:?}");
    }
}

/// Controls (C0, DEL, C1), bidi embeddings, overrides, isolates and marks, line and paragraph separators, zero-width
/// characters, tags: by their ranges in Unicode, not by the table that the project decides with.
fn is_wild(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
