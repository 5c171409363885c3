#!/usr/bin/env python3
"""Checks decode against a naive decoder on exchanges that were cut, dropped, repeated and reordered.

    compare_recut.py --decode BIN [--exchanges 300] [--seed 1] [--mode drop+recut …] [--keep DIR]

Each exchange comes from captures/generate.py with another maximum_msg_size and other losses, its packets are changed as
its mode says, and the frames of which every byte is in the file must be the rows that decode calls whole: same packet,
side and fields, none lost, none invented. The naive decoder knows the sequence numbers and maximum_msg_size, fills a
table of bytes (the first copy counts) and unpacks it with struct. Exit code 1 if any exchange differs.
"""

import argparse
import collections
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "captures"))
import generate  # noqa: E402

MODES = "none drop dup snap swap recut drop+recut snap+recut dup+swap midstream midstream+recut midstream+swap".split()
CAPACITIES = (4, 5, 6, 7, 10, 11, 18, 19, 23, 50, 62, 100, 300, 9999)


def recut(rng):
    """Joins and cuts writes at random."""

    def cut(writes):
        batches, pieces = [], []
        for time, side, data in writes:
            if batches and batches[-1][1] == side and rng.random() < 0.5:
                batches[-1] = (time, side, batches[-1][2] + data)
            else:
                batches.append((time, side, data))
        for time, side, data in batches:
            at = step = 0
            while at < len(data):
                size = rng.choice([1, 3, 10, 20, 44, 100, 1000])
                pieces.append((time + step * 1000, side, data[at : at + size]))
                at, step = at + size, step + 1
        return sorted(pieces, key=lambda piece: piece[0])

    return cut


def change(mode, packets, rng):
    """The packets as a capture of this mode has them: (time, bytes, length on the wire)."""
    packets = [(time, data, len(data)) for time, data in packets]
    for step in mode.split("+"):
        if step == "drop":
            rate = rng.choice([0.02, 0.1, 0.3])
            packets = [p for p in packets if rng.random() > rate]
        elif step == "dup":
            out = []
            for p in packets:
                out.append(p)
                if rng.random() < 0.2:
                    out.insert(len(out) - rng.randrange(min(3, len(out))), p)
            packets = out
        elif step == "snap":
            length = rng.choice([54, 60, 80, 90, 97, 98, 99, 120])
            packets = [(time, data[:length], wire) for time, data, wire in packets]
        elif step == "swap":
            for i in range(len(packets) - 1):
                if rng.random() < 0.15:
                    packets[i], packets[i + 1] = packets[i + 1], packets[i]
        elif step == "midstream":
            packets = packets[rng.randrange(len(packets)) :]
    return packets


def write_pcap(path, packets):
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1))
        for time, data, wire in packets:
            out.write(struct.pack("<IIII", time // 10**9, time % 10**9, len(data), wire) + data)


def whole_frames(packets, capacity, first):
    """Every frame of which all bytes were captured; `first` is each side's first sequence number."""
    streams = {"client": {}, "server": {}}
    for number, (_, data, _) in enumerate(packets, 1):
        if len(data) < 54:
            continue
        port, seq = struct.unpack_from("!2xHI", data, 34)
        side = "client" if port == generate.SERVER_PORT else "server"
        payload = data[34 + (data[46] >> 4) * 4 :]
        for at, byte in enumerate(payload, (seq - first[side]) % 2**32):
            streams[side].setdefault(at, (byte, number))
    frames = []
    for side, stream in streams.items():
        at, end = 0, max(stream, default=-1) + 1
        while at < end:
            layout = struct.Struct(f"10s{capacity if at else 4}sid?ii")
            places = [stream.get(at + i) for i in range(layout.size)]
            if all(places):
                header, payload, seq, sent, ack, prev_seq, pos = layout.unpack(bytes(byte for byte, _ in places))
                name, text = header.rstrip(b"\0").decode(), payload.rstrip(b"\0").hex()
                frames.append((max(n for _, n in places), side, name, pos, text, seq, sent, int(ack), prev_seq))
            at += layout.size
    return collections.Counter(frames)


def decoded(binary, path):
    command = [binary, "-T", "ndjson", "-Y", "not arq.partial", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    keys = "packet from header pos payload_hex seq sent_time ack prev_seq".split()
    rows = (json.loads(line) for line in done.stdout.splitlines())
    return collections.Counter(tuple(row[key] for key in keys) for row in rows), done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decode", type=Path, required=True)
    parser.add_argument("--exchanges", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", action="append", help=f"of {', '.join(MODES)}; repeatable, default all")
    parser.add_argument("--keep", type=Path, help="where captures that differ are kept")
    arguments = parser.parse_args()
    modes, counts = arguments.mode or MODES, collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exchange.pcap"
        for index in range(arguments.exchanges):
            rng = random.Random(f"{arguments.seed} {index}")
            mode, capacity = modes[index % len(modes)], rng.choice(CAPACITIES)
            last = -(-len(generate.MESSAGE) // capacity)
            lose, lose_acks = (rng.sample(range(1, last + 1), min(last, rng.randrange(3))) for _ in range(2))
            number = 1 + index % 9
            run = generate.Run(
                number, capacity, rng.choice([1, 2]), lose=lose, lose_acks=lose_acks, lose_done=rng.randrange(2)
            )
            client = 0x1000_0000 * number + 0x0BAD_5EED  # as generate.packets numbers the bytes
            first = {"client": client + 1, "server": (client ^ 0x5A5A5A5A) + 1}
            packets = change(mode, generate.packets(run, cut=recut(rng) if "recut" in mode else None), rng)
            write_pcap(path, packets)
            expected = whole_frames(packets, capacity, first)
            found, words = decoded(arguments.decode.resolve(), path)
            counts[mode, "same" if found == expected else "differ"] += 1
            if found != expected:
                lost, invented = list((expected - found).elements()), list((found - expected).elements())
                print(f"{mode}, seed {arguments.seed} {index}, maximum_msg_size {capacity}: of {expected.total()}", end=" ")
                print(f"frames {len(lost)} lost {lost[:2]}, {len(invented)} invented {invented[:2]}\n    {words.strip()}")
                if arguments.keep:
                    write_pcap(arguments.keep / f"{mode}-{arguments.seed}-{index}.pcap", packets)
    for (mode, outcome), count in sorted(counts.items()):
        print(f"{mode:16} {outcome:8} {count}")
    sys.exit(1 if any(outcome == "differ" for _, outcome in counts) else 0)


if __name__ == "__main__":
    main()
