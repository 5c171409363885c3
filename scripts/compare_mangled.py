#!/usr/bin/env python3
"""Compares decode with independent readers on captures that were simulated, mangled and cut.

    compare_mangled.py --decode BIN --simulate BIN [--captures 20] [--seed 1] [--keep DIR]

Three things are made from each seed and compared as compare_corpus.py does (packets with capinfos and tshark; every
direction's bytes with a reassembly of its own):

    defects   a simulated capture, pcap and pcapng in turn, with packets lost, cut, doubled and out of order, segments cut
              and joined anywhere
    damage    the same with bytes changed at random (editcap -E, at one of four rates): packets are counted as by
              tshark, nothing panics, and how many directions have the twin's bytes is counted, not judged: a packet with
              damaged headers belongs to the connection for one reader and not for another
    exports   five exports of it by tshark, each of which must give decode the streams of the capture

And once, a small file of each format cut at every byte: decode counts the whole packets before the cut, as Python's
struct finds them and (at every fiftieth place) capinfos does. Exit code 1 if anything differs.
"""

import argparse
import random
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

from compare_corpus import Packets, compare, decode_streams, run, twin_streams
from compare_exports import by_ends, decoded

DAMAGE = (0.0002, 0.001, 0.01, 0.1)
EXPORTS = (
    ("json", "-T json"),
    ("json-x", "-T json -x"),
    ("json-grouped", "-T json --no-duplicate-keys"),
    ("ek", "-T ek"),
    ("jsonraw", "-T jsonraw"),
)


def simulated(binary, path, rng):
    """Options of a capture with several things wrong with it."""
    options = {
        "--seed": rng.randrange(1 << 30),
        "--connections": rng.choice([1, 2, 5]),
        "--message-size": rng.choice([60, 400, 3000]),
        "--max-msg-size": rng.choice([4, 7, 10, 23, 300]),
        "--window": rng.choice([1, 3, 8]),
        "--loss-rate": rng.choice([0, 0.05]),
    }
    if rng.random() < 0.5:
        options["--random-cuts"] = rng.choice(["1-60", "1-1448"])
    for option, rates in (("--drop-rate", (0, 0.02, 0.1)), ("--duplicate-rate", (0, 0.05)), ("--reorder-rate", (0, 0.1))):
        options[option] = rng.choice(rates)
    if rng.random() < 0.3:
        options["--snaplen"] = rng.choice([60, 90, 100])
    command = [binary, "-w", path]
    for option, value in options.items():
        command += [option, value]
    if rng.random() < 0.2:
        command.append("--no-handshake")
    _, error, code = run(*command)
    if code:
        sys.exit(f"simulate failed: {error}")
    return " ".join(str(word) for word in command[3:])


def counted(binary, path):
    """Packets that decode counts, and its exit code."""
    out, error, code = run(binary, "--info", "-T", "ndjson", path)
    match = out.split('"packets":')
    return (int(match[1].split(",")[0]) if len(match) > 1 else 0), code, error


def damage_faults(binary, path, folder):
    """What is wrong with how decode takes a damaged capture."""
    tshark, _, _ = run("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.number")
    packets, code, error = counted(binary, path)
    faults = []
    if packets != len(tshark.split()):
        faults.append(f"packets: decode {packets}, tshark {len(tshark.split())}")
    if code not in (0, 3):
        faults.append(f"exit {code}: {error[:300]}")
    streams, code, error = decode_streams(binary, path, folder)
    if code not in (0, 3) or "panicked" in error:
        faults.append(f"--streams: exit {code}: {error[:300]}")
    equal = Counter()
    twin = by_ends(twin_streams(Packets(path)))
    ours = by_ends(streams)
    for ends in set(twin) | set(ours):
        equal[twin.get(ends) == ours.get(ends)] += 1
    return faults, equal


def export_faults(binary, path, folder):
    expected = decoded(binary, path)[0]
    faults = []
    for name, options in EXPORTS:
        text, error, code = run("tshark", "-n", "-r", path, *options.split(), text=False)
        file = folder / f"export-{name}"
        file.write_bytes(text)
        found, code, error = decoded(binary, file)
        if found != expected:
            faults.append(f"{name}: the streams differ from the capture's (exit {code}: {error[:200]})")
    return faults


def record_ends(data):
    """Where the packets of a little-endian pcap or pcapng file end."""
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        at = 0
        while at < len(data):
            kind, length = struct.unpack_from("<II", data, at)
            at += length
            if kind == 6:
                yield at
    else:
        at = 24
        while at < len(data):
            at += 16 + struct.unpack_from("<I", data, at + 8)[0]
            yield at


def cut_faults(binary, path, folder):
    """The file cut at every byte."""
    data = path.read_bytes()
    ends = list(record_ends(data))
    file = folder / ("cut" + path.suffix)
    faults = []
    for length in range(len(data)):
        file.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        packets, code, error = counted(binary, file)
        clean = length in ends or (whole == 0 and length in (24,)) or code == 0
        if packets != whole:
            faults.append(f"cut after {length}: decode counts {packets}, there are {whole}: {error[:200]}")
        if not clean and (code not in (2, 3) or not error.strip()):
            faults.append(f"cut after {length}: exit {code} without a word")
        if length % 50 == 0 and whole:
            out, _, _ = run("capinfos", "-c", "-M", "-T", "-r", file)
            theirs = out.split()[-1] if out.split() else "none"
            if theirs != str(whole):
                faults.append(f"cut after {length}: capinfos counts {theirs}, there are {whole}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decode", type=Path, required=True)
    parser.add_argument("--simulate", type=Path, required=True)
    parser.add_argument("--captures", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for captures that differ")
    arguments = parser.parse_args()
    decode, simulate = arguments.decode.resolve(), arguments.simulate.resolve()
    counts, bad = Counter(), 0

    def tell(kind, what, faults, path):
        nonlocal bad
        counts[f"{kind}: {'differ' if faults else 'same'}"] += 1
        if faults:
            bad += 1
            print(f"{kind}  {what}")
            for fault in faults[:6]:
                print(f"    {fault}", flush=True)
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / f"{kind}-{bad}{path.suffix}").write_bytes(path.read_bytes())

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for number in range(arguments.captures):
            rng = random.Random(arguments.seed * 100_003 + number)
            path = folder / f"capture-{number}.{'pcap' if number % 2 else 'pcapng'}"
            options = simulated(simulate, path, rng)
            report = compare(path, folder, decode)
            tell("defects", options, report.lines if report.decode_wrong else [], path)
            tell("exports", options, export_faults(decode, path, folder), path)
            damaged = folder / f"damaged-{number}{path.suffix}"
            rate = rng.choice(DAMAGE)
            run("editcap", "-E", rate, "--seed", rng.randrange(1 << 30), path, damaged)
            faults, equal = damage_faults(decode, damaged, folder / f"streams-{number}")
            tell("damage", f"-E {rate} of {options}", faults, damaged)
            counts["damage: connections as the twin has them"] += equal[True]
            counts["damage: connections that differ from the twin"] += equal[False]
        for suffix in ("pcap", "pcapng"):
            path = folder / f"small.{suffix}"
            run(simulate, "-w", path, "--message", "abcdefgh", "--max-msg-size", 4)
            tell("cut", suffix, cut_faults(decode, path, folder), path)
    for what, count in sorted(counts.items()):
        print(f"{count:6}  {what}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
