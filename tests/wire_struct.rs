//! Frames held against CPython's `struct`, which packs what the reference puts on the wire.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

use std::collections::BTreeSet;
use std::process::Command;

use arqscope::wire::{Frame, FrameLayout, FrameView, MaxMsgSize, Name, Pos};

fn layout(p: u16) -> FrameLayout {
    FrameLayout::new(MaxMsgSize::new(p).unwrap())
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn name(text: &str) -> Name {
    Name::ALL.into_iter().find(|name| name.as_str() == text).unwrap()
}

#[test]
fn every_layout_is_that_of_the_struct_module() {
    let mut sizes = BTreeSet::new();
    for line in include_str!("data/wire/layouts.tsv").lines().skip(1) {
        let row: Vec<usize> = line.split('\t').map(|cell| cell.parse().unwrap()).collect();
        let p = u16::try_from(row[0]).unwrap();
        let l = layout(p);
        let ours = [l.seq(), l.sent_time(), l.ack(), l.prev_seq(), l.pos(), l.len()];
        assert_eq!(ours, row[1..], "P = {p}");
        sizes.insert(p);
    }
    assert_eq!(sizes, (4..=9999).collect());
}

#[test]
fn frames_have_the_bytes_that_the_struct_module_packs() {
    let table = [
        (
            5,
            Frame::from_server(Name::Ack, b"12", 1_736_273_964.453_460_5),
            "41434b0000000000000031320000000000000000000000007f051d0b5cdfd941000000000000000000000000",
        ),
        (
            10,
            Frame::from_client(Name::Close, b"request to", Pos(9), 1_736_281_571.973_833_3),
            "434c4f534500000000007265717565737420746f090000004953fe7863dfd941000000000900000009000000",
        ),
        (
            11,
            Frame {
                name: Name::ReturnMax,
                payload: b"ab\0c",
                seq: -2,
                sent_time: 1.5,
                ack: true,
                prev_seq: -1,
                pos: Pos(i32::MAX),
            },
            "52455455524e5f4d41586162006300000000000000000000feffffff00000000000000000000f83f01000000ffffffffffffff7f",
        ),
    ];
    for (p, frame, packed) in table {
        let mut emitted = Vec::new();
        frame.emit(layout(p), &mut emitted).unwrap();
        assert_eq!(emitted, bytes(packed), "P = {p}");
        assert_eq!(Frame::parse(FrameView::new(&emitted, layout(p)).unwrap()).unwrap(), frame);
    }
}

#[test]
#[ignore = "needs python3"]
fn a_random_frame_of_every_size_has_the_bytes_that_the_struct_module_packs() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wire/generate.py");
    let output = Command::new("python3").args([script, "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut frames = 0;
    for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let p = cells[0].parse().unwrap();
        let payload = bytes(cells[2]);
        let frame = Frame {
            name: name(cells[1]),
            payload: &payload,
            seq: cells[3].parse().unwrap(),
            sent_time: f64::from_bits(u64::from_str_radix(cells[4], 16).unwrap()),
            ack: cells[5] == "1",
            prev_seq: cells[6].parse().unwrap(),
            pos: Pos(cells[7].parse().unwrap()),
        };
        let packed = bytes(cells[8]);
        let mut emitted = Vec::new();
        frame.emit(layout(p), &mut emitted).unwrap();
        assert!(emitted == packed, "P = {p}: emitted {emitted:02x?}, packed {packed:02x?}");
        assert_eq!(Frame::parse(FrameView::new(&packed, layout(p)).unwrap()).unwrap(), frame, "P = {p}");
        frames += 1;
    }
    assert_eq!(frames, 9996);
}
