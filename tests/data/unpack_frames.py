#!/usr/bin/env python3
"""Prints the frames of the one exchange in a capture, unpacked by Python's struct from tshark's tcp.payload.

    unpack_frames.py CAPTURE SERVER_PORT MAXIMUM_MSG_SIZE

An oracle for the packet table that shares no code with it. CSV without a header row: packet, time, from, header, pos,
payload, seq, sent_time, ack, prev_seq; a frame's packet and time are those that brought its last byte. Assumes
what a loopback capture gives: every segment there and in order; the kernel may still send one twice (a tail
loss probe).
"""

import csv
import struct
import subprocess
import sys


def main(capture, server_port, capacity):
    names = ("frame.number", "frame.time_epoch", "tcp.srcport", "tcp.seq", "tcp.payload")
    fields = [a for name in names for a in ("-e", name)]
    # Heuristic dissectors would claim a segment now and then; only the bytes matter here.
    command = ["tshark", "-n", "-r", capture, "-o", "tcp.desegment_tcp_streams:FALSE", "-Y", "tcp.len > 0"]
    out = subprocess.run([*command, "-T", "fields", *fields], check=True, capture_output=True, text=True).stdout
    heard = {"client": 1, "server": 1}
    waiting = {"client": b"", "server": b""}
    handshake = {"client": True, "server": True}
    rows = csv.writer(sys.stdout, lineterminator="\n")
    for line in out.splitlines():
        packet, time, port, seq, payload = line.split("\t")
        side = "server" if port == server_port else "client"
        new = bytes.fromhex(payload.replace(":", ""))[heard[side] - int(seq) :]
        heard[side] += len(new)
        waiting[side] += new
        while True:
            layout = struct.Struct(f"10s{4 if handshake[side] else capacity}sid?ii")
            if len(waiting[side]) < layout.size:
                break
            header, data, seq, sent_time, ack, prev_seq, pos = layout.unpack_from(waiting[side])
            waiting[side] = waiting[side][layout.size :]
            handshake[side] = False
            text = [part.rstrip(b"\0").decode() for part in (header, data)]
            rows.writerow([packet, time, side, text[0], pos, text[1], seq, repr(sent_time), int(ack), prev_seq])
    left = {side: len(rest) for side, rest in waiting.items() if rest}
    if left:
        sys.exit(f"bytes that are no whole frame: {left}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
