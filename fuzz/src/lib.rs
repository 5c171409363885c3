//! The bodies of the fuzz targets: each takes any bytes and must neither panic, hang nor grow, and checks what it read
//! against something that shares no code with it.
//!
//! They stand here and not in the library, so that nothing of the kind is in the public API, and they see no more of
//! it than any caller. `fuzz_targets/` gives them to libFuzzer; `tests/fuzz_corpus.rs` of the project includes this file
//! and runs them over `corpus/` and `regressions/`, so they depend on nothing that the project does not.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a body says what is wrong by panicking")]

mod analysis;
mod captures;
mod endpoints;
mod framing;
mod headers;
mod plan;
mod reassembly;
mod rows;
mod tame;
mod texts;

/// What a target does with an input.
pub type Body = fn(&[u8]);

/// Every target by its name, which is that of its file in `fuzz_targets/` and of its folder in `corpus/`.
pub const TARGETS: [(&str, Body); 13] = [
    ("pcap", captures::pcap),
    ("pcapng", captures::pcapng),
    ("compressed", captures::compressed),
    ("wireshark_json", captures::wireshark_json),
    ("headers", headers::packets),
    ("reassembly", reassembly::operations),
    ("framing", framing::streams),
    ("rows", rows::in_every_form),
    ("analysis", analysis::in_every_form),
    ("filter", texts::filter),
    ("params", texts::params),
    ("scenario", texts::scenario),
    ("endpoints", endpoints::peers),
];

/// Runs one input of the target `name`.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.0 == name);
    target.unwrap_or_else(|| panic!("no target is called {name}")).1(data);
}
