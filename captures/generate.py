#!/usr/bin/env python3
"""Writes the reference exchanges of this folder from the protocol's rules (docs/protocol.md).

    generate.py [DIR]           write every capture into DIR (default: beside this script)
    generate.py --check [DIR]   write nothing; fail if a file in DIR differs from what would be written

A client and a server run in virtual time: nothing is recorded, nothing depends on the machine, and two runs
give the same bytes. Standard library only.
"""

import gzip
import struct
import sys
from pathlib import Path

SECOND = 1_000_000_000
EPOCH = 1_767_603_600 * SECOND  # 2026-01-05 09:00:00 UTC, when run 1 begins
MESSAGE = ('"' + "".join(c * 5 for c in "abcdefghijkl") + '"').encode()

# What the reference spends on things (seconds), read off the sent_time fields of its frames.
SLEEP = 0.5  # between making a MSG and writing it; also before a resend
BETWEEN = 0.3  # from writing a MSG to looking at the next position
AFTER_ACK = 0.25  # from a waited-for ACK to going on
ANSWER = 0.03  # the server's time per frame


# --- Frames (protocol §2) ---------------------------------------------------------------------------


def frame(name, payload, pos, sent_time, capacity, *, seq=None, prev_seq=None):
    """One frame's bytes. struct's native alignment is the rule itself on x86-64; `<` would drop the padding."""
    layout = f"10s{capacity}sid?ii"
    return struct.pack(
        layout,
        name.encode(),
        payload[:capacity],
        pos if seq is None else seq,
        sent_time,
        False,
        pos if prev_seq is None else prev_seq,
        pos,
    )


def unix_seconds(nanos):
    """A sent_time with the resolution that the reference's clock has."""
    return round(nanos / SECOND, 7)


# --- The exchange (protocol §3 to §5) ----------------------------------------------------------------


class Jitter:
    """Small delays that look like a scheduler's, the same in every run of this script."""

    def __init__(self, seed):
        self.state = seed

    def nanos(self, up_to):
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self.state >> 33) * int(up_to * SECOND) >> 31


class Run:
    """One exchange: its parameters, and the writes on both sides as (time, side, bytes)."""

    def __init__(self, number, capacity, timeout, *, lose=(), lose_acks=(), lose_done=0, window=3, start=None):
        self.number, self.capacity, self.timeout, self.window = number, capacity, int(timeout * SECOND), window
        self.lose, self.lose_acks, self.lose_done = set(lose), set(lose_acks), lose_done
        self.start = EPOCH + number * 600 * SECOND if start is None else start
        self.jitter = Jitter(number)
        self.slices = [MESSAGE[i : i + capacity] for i in range(0, len(MESSAGE), capacity)]
        self.writes = []
        self.play()

    # The server. It answers at once in the model's order of calls; the answers' times lie in the client's
    # future, and `last_acked` looks only at what has arrived by then.

    def server_hears(self, name, pos, at):
        """Handles one frame that reaches the server at `at`."""
        self.server_time = max(self.server_time, at)
        last = len(self.slices)
        if name == "GET_MAX":
            self.answer("RETURN_MAX", str(self.capacity).encode(), 4)
        elif name == "MSG":
            if pos <= self.arrived:  # §3.4: a duplicate, acknowledged again
                self.acknowledge(pos)
                return
            self.held.add(pos)
            while self.arrived + 1 in self.held:
                self.arrived += 1
                self.held.remove(self.arrived)
                if self.arrived in self.lose_acks:  # §5.2: counted, not written
                    self.lose_acks.remove(self.arrived)
                else:
                    self.acknowledge(self.arrived)
        elif name == "DONE" and self.arrived == last:
            if self.done_ignored < self.lose_done:
                # The test patch of run 5's server: a stray ACK per ignored DONE, and its counter in pos and
                # prev_seq of everything it writes from then on (§2.3).
                self.done_ignored += 1
                self.stray = self.done_ignored
                self.acknowledge(self.done_ignored - 1)
            else:
                self.acknowledge(last + 1)
        elif name == "CLOSE":
            self.answer("DISCONNECT", b"approving client disconnection", self.capacity)

    def acknowledge(self, number):
        self.answer("ACK", str(number).encode(), self.capacity)
        self.acks.append((self.server_time, number))

    def answer(self, name, payload, capacity):
        self.server_time += int(ANSWER * SECOND) + self.jitter.nanos(0.01)
        sent = unix_seconds(self.server_time - 150_000)
        data = frame(name, payload, self.stray, sent, capacity, seq=0)
        self.writes.append((self.server_time, "server", data))

    # The client.

    def pause(self, seconds):
        self.now += int(seconds * SECOND) + self.jitter.nanos(0.016)

    def write(self, name, payload, pos, sent_time, capacity):
        self.writes.append((self.now, "client", frame(name, payload, pos, sent_time, capacity)))
        self.server_hears(name, pos, self.now + 40_000)

    def last_acked(self):
        """§4.7, §4.8: cumulative, never back, nothing above what was counted."""
        heard = (n for t, n in self.acks if t <= self.now and n <= max(self.counted, default=0) + 1)
        return max(heard, default=0)

    def wait_for_ack(self, number):
        """Waits up to timeout; True when ACK `number` or a higher one came."""
        times = [t for t, n in self.acks if n >= number and t <= self.now + self.timeout]
        self.now = max(self.now, min(times) + 60_000) if times else self.now + self.timeout
        return bool(times)

    def resend_oldest(self):
        """§4.3: until it is acknowledged."""
        oldest = self.last_acked() + 1
        while True:
            self.pause(SLEEP)
            self.counted[oldest] = self.now
            self.write("MSG", self.slices[oldest - 1], oldest, unix_seconds(self.now - 120_000), self.capacity)
            if self.wait_for_ack(oldest):
                return

    def play(self):
        self.now = self.start + 2_000_000
        self.server_time = self.arrived = self.done_ignored = self.stray = 0
        self.held, self.acks, self.counted = set(), [], {}
        last = len(self.slices)

        self.write("GET_MAX", b"", 0, unix_seconds(self.now - 100_000), 4)
        self.now = self.server_time
        self.pause(AFTER_ACK)
        for pos, payload in enumerate(self.slices, 1):
            oldest = self.last_acked() + 1
            overdue = oldest in self.counted and self.now >= self.counted[oldest] + self.timeout
            if overdue or pos > self.last_acked() + self.window:
                self.resend_oldest()
                self.pause(AFTER_ACK)
            made = self.counted[pos] = self.now
            self.pause(SLEEP)
            if pos not in self.lose:  # §5.1: counted, not written
                self.write("MSG", payload, pos, unix_seconds(made), self.capacity)
            self.pause(BETWEEN)
        self.pause(0.2)
        while self.last_acked() < last:  # §4.6
            self.resend_oldest()
            self.wait_for_ack(last)
        done_time = unix_seconds(self.now - 90_000)  # §4.5: DONE keeps its first sent_time
        self.counted[last + 1] = self.now
        while True:
            self.write("DONE", b"EOMsg", last + 1, done_time, self.capacity)
            if self.wait_for_ack(last + 1):
                break
            self.pause(0.1)
        self.pause(0.17)
        closing = unix_seconds(self.now - 110_000)
        self.write("CLOSE", b"request to close connection", last + 2, closing, self.capacity)
        self.writes.sort(key=lambda w: w[0])


# --- TCP on loopback (RFC 9293, RFC 1071) --------------------------------------------------------------

ADDRESS = bytes([127, 0, 0, 1])
SERVER_PORT = 55558
FIN, SYN, PSH, ACK = 1, 2, 8, 16
# As Linux offers on loopback: MSS 65495, SACK permitted, NOP, window scale 7.
SYN_OPTIONS = struct.pack("!BBHBBBBBB", 2, 4, 65495, 4, 2, 1, 3, 3, 7)
SYN_OPTIONS += b"\0" * (-len(SYN_OPTIONS) % 4)


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Connection:
    """Turns writes into packets (time, bytes) with right numbers and checksums."""

    def __init__(self, client_port, isn):
        self.ports = {"client": client_port, "server": SERVER_PORT}
        self.next = {"client": isn, "server": isn ^ 0x5A5A5A5A}
        self.ident = {"client": client_port, "server": 0x4000}
        self.due = {}  # side → when its delayed acknowledgement goes out at the latest
        self.packets = []

    def send(self, time, side, flags, payload=b"", options=b""):
        self.acknowledge_until(time)
        self.due.pop(side, None)
        other = "server" if side == "client" else "client"
        ack = self.next[other] if flags & ACK else 0
        offset = (20 + len(options)) // 4
        window = 65495 if flags & SYN else 512
        tcp = struct.pack(
            "!HHIIBBHHH", self.ports[side], self.ports[other], self.next[side], ack, offset << 4, flags, window, 0, 0
        )
        tcp += options
        pseudo = ADDRESS + ADDRESS + struct.pack("!BBH", 0, 6, len(tcp) + len(payload))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp + payload)) + tcp[18:]
        total = 20 + len(tcp) + len(payload)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, total, self.ident[side] & 0xFFFF, 0x4000, 64, 6, 0) + ADDRESS + ADDRESS
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        self.packets.append((time, bytes(12) + b"\x08\x00" + ip + tcp + payload))
        self.ident[side] += 1
        self.next[side] = (self.next[side] + len(payload) + bool(flags & SYN) + bool(flags & FIN)) % 2**32

    def data(self, time, side, payload):
        """A segment. What it carries is acknowledged with the other side's next one, or by itself after 40 ms."""
        self.send(time, side, PSH | ACK, payload)
        self.due.setdefault("server" if side == "client" else "client", time + 40_000_000)

    def acknowledge_until(self, time):
        """Writes the acknowledgements that are due before `time`."""
        for side, due in sorted(self.due.items(), key=lambda item: item[1]):
            if due < time:
                del self.due[side]
                self.send(due, side, ACK)

    def open(self, time):
        self.send(time, "client", SYN, options=SYN_OPTIONS)
        self.send(time + 15_000, "server", SYN | ACK, options=SYN_OPTIONS)
        self.send(time + 30_000, "client", ACK)

    def close(self, time):
        """§3.7: the server closes, then the client."""
        self.send(time, "server", FIN | ACK)
        self.send(time + 20_000, "client", ACK)
        self.send(time + 400_000, "client", FIN | ACK)
        self.send(time + 412_000, "server", ACK)


def packets(run, *, client_port=None, cut=None):
    """The packets of a run. `cut` re-cuts the writes as TCP may (§1.1); by default each write is one segment."""
    number = run.number
    connection = Connection(client_port or 50_000 + number, 0x1000_0000 * number + 0x0BAD_5EED)
    connection.open(run.start)
    for time, side, data in cut(run.writes) if cut else run.writes:
        connection.data(time, side, data)
    connection.close(run.writes[-1][0] + 300_000)
    return connection.packets


def recut(writes):
    """Joins what one side writes within 0.1 s, then cuts it into uneven pieces."""
    batches = []
    for time, side, data in writes:
        if batches and batches[-1][1] == side and time - batches[-1][0] < SECOND // 10:
            batches[-1] = (time, side, batches[-1][2] + data)  # when the last of them was written
        else:
            batches.append((time, side, data))
    pieces = []
    for index, (time, side, data) in enumerate(batches):
        size = 100 if len(data) > 100 else (len(data), 17, 43, 10)[index % 4]
        for step, at in enumerate(range(0, len(data), size)):
            pieces.append((time + step * 70_000, side, data[at : at + size]))
    return sorted(pieces, key=lambda piece: piece[0])


# --- pcapng (draft-ietf-opsawg-pcapng) -------------------------------------------------------------------


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def pcapng(packet_list, comment):
    """One section, one Ethernet interface named lo, nanosecond time stamps."""
    comment = "Generated from the protocol's rules by captures/generate.py, not recorded. " + comment
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    out = block(0x0A0D0D0A, header + option(1, comment.encode()) + option(4, b"captures/generate.py") + option(0, b""))
    out += block(1, struct.pack("<HHI", 1, 0, 262_144) + option(2, b"lo") + option(9, b"\x09") + option(0, b""))
    for time, data in packet_list:
        out += block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(data), len(data)) + data)
    return out


# --- The files ---------------------------------------------------------------------------------------------


def payload_of(data):
    return data[14 + 20 + (data[14 + 20 + 12] >> 4) * 4 :]


def without(packet_list, name, pos):
    """The packets less the first one that carries this frame: what a capture that lost a packet shows."""
    for index, (_, data) in enumerate(packet_list):
        payload = payload_of(data)
        if payload.startswith(name + b"\0") and struct.unpack_from("<i", payload, len(payload) - 4)[0] == pos:
            return packet_list[:index] + packet_list[index + 1 :]
    raise ValueError(f"no {name} at position {pos}")


def files():
    """Every file of this folder that is generated: name → bytes."""
    runs = {
        1: Run(1, 4, 2, lose=(4, 9, 10)),
        2: Run(2, 4, 2, lose_acks=(4, 9, 10)),
        3: Run(3, 4, 2, lose_acks=(9, 10, 11)),
        4: Run(4, 5, 2, lose=(7, 9, 11), lose_acks=(6, 8, 10)),
        5: Run(5, 10, 1, lose_done=2),
    }
    stories = {
        1: "Packages 4, 9 and 10 are not written the first time; maximum_msg_size 4, window 3, timeout 2 s.",
        2: "ACKs 4, 9 and 10 are not written the first time; maximum_msg_size 4, window 3, timeout 2 s.",
        3: "ACKs 9, 10 and 11 are not written the first time; maximum_msg_size 4, window 3, timeout 2 s.",
        4: "Packages 7, 9, 11 and ACKs 6, 8, 10 are not written the first time; maximum_msg_size 5, window 3, "
        "timeout 2 s.",
        5: "The server ignores DONE twice, with a stray ACK each time; maximum_msg_size 10, window 3, timeout 1 s.",
    }
    wire = {number: packets(run) for number, run in runs.items()}
    out = {f"run{number}.pcapng": pcapng(wire[number], stories[number]) for number in runs}

    out["run1.pcapng.gz"] = out["run1.pcapng"]
    out["run1-hole.pcapng"] = pcapng(
        without(without(wire[1], b"MSG", 8), b"MSG", 14),
        "Run 1, but the capture lost the packets of MSG 8 and MSG 14, which the server had received. " + stories[1],
    )
    begin = next(i for i, (_, data) in enumerate(wire[4]) if payload_of(data)[:3] == b"MSG" and data[-4] == 5)
    out["run4-midstream.pcapng"] = pcapng(wire[4][begin:], "Run 4 from MSG 5 on: the capture began late. " + stories[4])
    out["run1-recut.pcapng"] = pcapng(
        packets(runs[1], cut=recut),
        "Run 1 with the same bytes joined and split into other TCP segments. " + stories[1],
    )
    later = runs[2].start + 3 * SECOND
    second = packets(Run(6, 4, 2, lose=(2, 3), lose_acks=(13,), start=later))
    out["two-clients.pcapng"] = pcapng(
        sorted(wire[2] + second, key=lambda packet: packet[0]),
        "Two clients at one server, overlapping in time: run 2, and a client that does not write packages 2 and 3 "
        "the first time and misses ACK 13.",
    )
    return out


def main(arguments):
    check = arguments[:1] == ["--check"]
    arguments = arguments[1:] if check else arguments
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        sys.exit(__doc__)
    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    wrong = []
    for name, data in files().items():
        path = folder / name
        if check:
            there = path.read_bytes() if path.exists() else b""
            # How gzip packs differs from one zlib to the next; what it holds must not.
            if (gzip.decompress(there) if name.endswith(".gz") and there else there) != data:
                wrong.append(name)
        else:
            path.write_bytes(gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data)
    if wrong:
        sys.exit(f"differ from what the rules give: {', '.join(wrong)}; run captures/generate.py and look at the change")


if __name__ == "__main__":
    main(sys.argv[1:])
