#!/usr/bin/env python3
"""Holds `analyze` and `decode` with two threads to the same with one: the same output, words and exit code, whatever the capture.

    compare_threads.py [--captures N] [--runs N] [--seed N] [--commands DIR]

Makes N captures of more than the megabyte from which on a second thread helps, with `simulate` and options by chance
(connections, losses, cuts, what is wrong with the capture), changes some (bytes, the end, records twice or out of place,
compression), and runs every report that two threads make, and some of the forms in which they write rows: once with `--threads 1`
and several times with two, since what a race does it does not always do. Takes the commands from DIR (default:
target/release); with one processor there is nothing to compare.
"""

import argparse
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

RELEASE = pathlib.Path(__file__).resolve().parent.parent / "target" / "release"
REPORTS = [["analyze", "--report", report] for report in ["text", "json", "ndjson", "junit", "none"]]
ROWS = [["decode", *options.split()] for options in [
    "-T csv", "-T tsv", "-T ndjson", "-T json", "-T table", "-T text", "-t ad --color always", "-t d", "-t dd", "-t e.9", "-V", "-x",
    "-T csv -Y arq.header==MSG", "-Y arq.verdict==resend", "-T csv -c 20000",
]]
# Of these so many for each capture.
FORMS = 5
PCAP_HEADER, RECORD_HEADER = 24, 16
# Bytes from which on a second thread helps, and at most.
LONG, MOST = 1 << 20, 12 << 20


def simulated(chance, commands, path):
    """A capture, and the options it was made with."""
    max_msg_size = chance.choice([10, 19, 100, 1000, 9999])
    # A frame has 34 bytes beside the payload, and a packet about a hundred beside the frame.
    frames = min(chance.choice([10_000, 20_000, 60_000]), MOST // (max_msg_size + 134))
    options = {
        "--connections": min(chance.choice([1, 2, 3, 5, 20, 100, 400, 3000]), frames // 10),
        "--frames": frames,
        "--stagger": chance.choice(["1us", "100us", "1ms", "50ms", "1s"]),
        "--max-msg-size": max_msg_size,
        "--window": chance.choice([1, 3, 10, 50]),
        "--timeout": chance.choice(["20ms", "2s"]),
        "--seed": chance.randrange(10**6),
    }
    for name, values in {
        "--loss-rate": [0.01, 0.1],
        "--ack-loss-rate": [0.01, 0.1],
        "--drop-rate": [0.0005, 0.01, 0.1],
        "--reorder-rate": [0.001, 0.05],
        "--duplicate-rate": [0.001, 0.05],
        "--snaplen": [60, 70, 100],
        "--random-cuts": ["1-40", "5-1400"],
    }.items():
        if chance.random() < 0.3:
            options[name] = chance.choice(values)
    words = [str(word) for option in options.items() for word in option]
    subprocess.run([commands / "simulate", *words, "-w", path], check=True, stderr=subprocess.DEVNULL, timeout=120)
    return " ".join(words)


def records(capture):
    at, found = PCAP_HEADER, []
    while at + RECORD_HEADER <= len(capture):
        end = at + RECORD_HEADER + struct.unpack_from("<I", capture, at + 8)[0]
        found.append(capture[at:end])
        at = end
    return found


def changed(chance, capture):
    """The capture with something done to it, and what."""
    kind = chance.randrange(6)
    if kind == 0:
        return capture[: chance.randrange(len(capture))], "cut"
    if kind == 1:
        capture = bytearray(capture)
        for _ in range(chance.choice([1, 10, 1000])):
            capture[chance.randrange(PCAP_HEADER, len(capture))] = chance.randrange(256)
        return bytes(capture), "bytes changed"
    if kind == 2:
        all_records = records(capture)
        for _ in range(chance.choice([1, 30, 3000])):
            at, to = chance.randrange(len(all_records)), chance.randrange(len(all_records))
            if chance.random() < 0.5:
                all_records[at], all_records[to] = all_records[to], all_records[at]
            else:
                all_records.insert(min(at + chance.randrange(50), len(all_records)), all_records[at])
        return capture[:PCAP_HEADER] + b"".join(all_records), "records twice or out of place"
    return capture, "as it was"


def told(commands, threads, job, path):
    command = [commands / job[0], "--threads", threads, *job[1:], path]
    ran = subprocess.run([str(word) for word in command], capture_output=True, timeout=300, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--captures", type=int, default=50)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=pathlib.Path, default=RELEASE)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    compared = differ = short = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for _ in range(args.captures):
            path = folder / "made.pcap"
            options = simulated(chance, args.commands, path)
            capture, change = changed(chance, path.read_bytes())
            short += len(capture) <= LONG
            path.write_bytes(capture)
            if chance.random() < 0.3:
                packed = chance.choice([["gzip", "-1", "-f", "-k"], ["zstd", "-q", "-1", "-f"]])
                subprocess.run([*packed, path], check=True)
                path = path.with_name(path.name + (".gz" if packed[0] == "gzip" else ".zst"))
            for job in REPORTS + chance.sample(ROWS, FORMS):
                one = told(args.commands, 1, job, path)
                for _ in range(args.runs):
                    compared += 1
                    if told(args.commands, 2, job, path) != one:
                        differ += 1
                        print(f"differs: {' '.join(job)}, {change}, {path.suffix}: simulate {options}")
    print(f"{args.captures} captures ({short} too short for a second thread), {compared} runs with two threads, {differ} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
