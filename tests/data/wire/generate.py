"""Writes layouts.tsv: offset of each field and length of a frame for every P, by CPython's struct.

    python3 tests/data/wire/generate.py > tests/data/wire/layouts.tsv

With an argument N it writes one frame of random fields for every P instead, from seed N, tab separated:
P, header, payload (hex, as many bytes as are used), seq, sent_time (hex float bits), ack, prev_seq, pos, frame (hex).
"""

import random
import struct
import sys

NAMES = [b"GET_MAX", b"MSG", b"DONE", b"CLOSE", b"RETURN_MAX", b"ACK", b"DISCONNECT"]


def offset(prefix, code):
    """Where a field of `code` begins after `prefix`: with it, less its own size."""
    return struct.calcsize(prefix + code) - struct.calcsize(code)


def layouts():
    print("P", "seq", "sent_time", "ack", "prev_seq", "pos", "length", sep="\t")
    for p in range(4, 10000):
        head = f"10s{p}s"
        print(
            p,
            offset(head, "i"),
            offset(head + "i", "d"),
            offset(head + "id", "?"),
            offset(head + "id?", "i"),
            offset(head + "id?i", "i"),
            struct.calcsize(head + "id?ii"),
            sep="\t",
        )


def frames(seed):
    rng = random.Random(seed)
    for p in range(4, 10000):
        name = rng.choice(NAMES)
        payload = rng.randbytes(rng.randrange(p + 1)).rstrip(b"\0")
        seq, prev_seq, pos = (rng.randrange(-(2**31), 2**31) for _ in range(3))
        bits = rng.getrandbits(64)
        (sent_time,) = struct.unpack("<d", struct.pack("<Q", bits))
        if sent_time != sent_time:  # a NaN's bits need not survive
            sent_time, bits = 0.0, 0
        ack = rng.randrange(2)
        frame = struct.pack(f"10s{p}sid?ii", name, payload, seq, sent_time, bool(ack), prev_seq, pos)
        print(p, name.decode(), payload.hex(), seq, f"{bits:016x}", ack, prev_seq, pos, frame.hex(), sep="\t")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        frames(int(sys.argv[1]))
    else:
        layouts()
