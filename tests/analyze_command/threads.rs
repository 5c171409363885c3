//! Whatever the number of threads, the output is the same.

use std::process::{Command, Stdio};

use super::*;

/// Of several megabytes, so that a second thread helps where there is a processor for it: 40 connections with losses, in a
/// capture that lacks something and is out of order here and there.
fn lossy(folder: &tempfile::TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    let done = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(["--connections", "40", "--frames", "60000", "--stagger", "5s", "--window", "5", "--timeout", "20ms"])
        .args(["--loss-rate", "0.02", "--ack-loss-rate", "0.02", "--jitter", "200us", "--seed", "11"])
        .args(["--drop-rate", "0.001", "--reorder-rate", "0.002", "--duplicate-rate", "0.001", "-w"])
        .arg(&path)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
    path.to_str().unwrap().to_owned()
}

#[test]
fn one_thread_and_two_say_the_same_in_every_report() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["lossy.pcap", "lossy.pcapng", "lossy.pcap.zst"] {
        let file = lossy(&folder, name);
        for report in ["text", "json", "ndjson", "junit", "none"] {
            let [one, two] = [["--threads", "1"], ["--threads", "2"]]
                .map(|threads| analyze(threads.into_iter().chain(["--window", "5", "--report", report, &file])));
            assert_eq!((one.code, &one.log), (two.code, &two.log), "{name} {report}");
            assert!(one.out == two.out, "{name} {report}: {} and {} bytes", one.out.len(), two.out.len());
            assert!(one.log.contains("40 TCP connections (40 of the protocol)"), "{}", one.log);
        }
        // Cut within a record.
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() * 9 / 10]).unwrap();
        let [one, two] =
            [["--threads", "1"], ["--threads", "2"]].map(|threads| analyze(threads.into_iter().chain([&*file])));
        assert_eq!((one.code, &one.log), (two.code, &two.log), "{name}");
        assert!(one.out == two.out && one.code == 3, "{name}");
    }
}
