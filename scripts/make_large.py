#!/usr/bin/env python3
"""Writes a large pcap of complete exchanges, one frame per packet, for speed comparisons.

    make_large.py FILE [--packets N] [--connections K]

K connections run interleaved, each SYN to FIN: handshake, MSG and ACK in turn, DONE, CLOSE. maximum_msg_size is 10
(44-byte frames), link type Ethernet, nanosecond time stamps. Sequence numbers, IP headers and their checksums are
right; TCP checksums are zero, as offloading leaves them. Same arguments, same bytes.
"""

import argparse
import struct
import sys

CAPACITY = 10
FRAME = struct.Struct(f"10s{CAPACITY}sid?ii")
HANDSHAKE = struct.Struct("10s4sid?ii")
HEADERS = 14 + 20 + 20
EPOCH = 1_767_603_600 * 10**9
FIN, SYN, PSH, ACK = 1, 2, 8, 16


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_header(source, destination, payload):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 20 + payload, 0, 0x4000, 64, 6, 0, source, destination)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


class Side:
    """One direction's fixed header parts and its sequence number."""

    def __init__(self, source, destination, sport, dport, isn):
        ethernet = bytes(12) + b"\x08\x00"
        ports = struct.pack("!HH", sport, dport)
        self.bare = ethernet + ip_header(source, destination, 0) + ports
        self.full = ethernet + ip_header(source, destination, 44) + ports
        self.seq = isn


RECORD = struct.Struct("<IIII")
TCP_REST = struct.Struct("!IIBBHHH")


def packet(time, side, other, flags, payload=b""):
    ack = other.seq if flags & ACK else 0
    rest = TCP_REST.pack(side.seq, ack, 5 << 4, flags, 512, 0, 0)
    side.seq = (side.seq + len(payload) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
    size = HEADERS + len(payload)
    record = RECORD.pack(time // 10**9, time % 10**9, size, size)
    return record + (side.full if payload else side.bare) + rest + payload


def exchange(index, packets):
    """The packets of one connection: a generator that is told the time."""
    address = bytes([10, index >> 16 & 255, index >> 8 & 255, index & 255])
    server_address = bytes([192, 0, 2, 1])
    client = Side(address, server_address, 40_000 + index % 20_000, 55558, index * 7919)
    server = Side(server_address, address, 55558, 40_000 + index % 20_000, index * 104_729)
    messages = (packets - 6 - 6) // 2  # less SYN … FIN, handshake, DONE, CLOSE and their answers
    time = yield
    time = yield packet(time, client, server, SYN)
    time = yield packet(time, server, client, SYN | ACK)
    time = yield packet(time, client, server, ACK)
    data = PSH | ACK

    def frame(name, payload, pos, layout=FRAME):
        return layout.pack(name, payload, pos, time / 1e9, False, pos, pos)

    time = yield packet(time, client, server, data, frame(b"GET_MAX", b"", 0, HANDSHAKE))
    time = yield packet(time, server, client, data, frame(b"RETURN_MAX", str(CAPACITY).encode(), 0, HANDSHAKE))
    for pos in range(1, messages + 1):
        time = yield packet(time, client, server, data, frame(b"MSG", b"%010d" % pos, pos))
        time = yield packet(time, server, client, data, frame(b"ACK", b"%d" % pos, 0))
    time = yield packet(time, client, server, data, frame(b"DONE", b"EOMsg", messages + 1))
    time = yield packet(time, server, client, data, frame(b"ACK", b"%d" % (messages + 1), 0))
    time = yield packet(time, client, server, data, frame(b"CLOSE", b"request to", messages + 2))
    time = yield packet(time, server, client, data, frame(b"DISCONNECT", b"approving ", 0))
    time = yield packet(time, server, client, FIN | ACK)
    time = yield packet(time, client, server, FIN | ACK)
    yield packet(time, server, client, ACK)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--packets", type=int, default=2_000_000)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    each = arguments.packets // arguments.connections
    if arguments.connections < 1 or each < 14:
        sys.exit("needs at least one connection and 14 packets for each")
    running = [exchange(i, each) for i in range(arguments.connections)]
    for generator in running:
        next(generator)
    time, written = EPOCH, 0
    with open(arguments.file, "wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1))
        while running:
            still = []
            for generator in running:
                time += 10_007
                try:
                    out.write(generator.send(time))
                    written += 1
                    still.append(generator)
                except StopIteration:
                    pass
            running = still
    print(f"{arguments.file}: {written} packets", file=sys.stderr)


if __name__ == "__main__":
    main()
