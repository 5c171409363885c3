//! The bodies of the fuzz targets over every input that was kept: the corpora, and what once went wrong.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own, where fuzzers run it")]
mod bodies;

use std::fs;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs kept for a target, in order of their names.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = fuzz().join(kind).join(target);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().path()).collect());
    files.sort();
    files
}

#[test]
fn every_target_stands_every_input_that_was_kept() {
    for (target, body) in bodies::TARGETS {
        let corpus = inputs("corpus", target);
        assert!(!corpus.is_empty(), "no corpus for {target}");
        for input in corpus.iter().chain(&inputs("regressions", target)) {
            let data = fs::read(input).unwrap();
            if let Err(panic) = std::panic::catch_unwind(|| body(&data)) {
                eprintln!("{target} fails on {}", input.display());
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[test]
fn every_target_has_its_file_and_every_folder_of_inputs_its_target() {
    let is_target = |name: &str| bodies::TARGETS.iter().any(|target| target.0 == name);
    for (target, _) in bodies::TARGETS {
        assert!(fuzz().join(format!("fuzz_targets/{target}.rs")).is_file(), "{target}");
    }
    for kind in ["corpus", "regressions"] {
        for folder in fs::read_dir(fuzz().join(kind)).into_iter().flatten() {
            let name = folder.unwrap().file_name().into_string().unwrap();
            assert!(is_target(&name), "{kind}/{name}");
        }
    }
}
