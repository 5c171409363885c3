#!/usr/bin/env python3
"""Writes what the fuzzers begin with, made from captures/ and tests/, to FOLDER/<target>/.

    seeds.py FOLDER

What is kept in corpus/ grew from these: `cargo fuzz cmin` over them and what was found.
"""

import gzip
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKETS = 12  # of a capture: a few of each frame are as good as all
LINK_TYPES = [0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 127, 147, 228, 229, 276]  # as in src/headers.rs


def blocks(data):
    """(type, bytes) of each block of a little-endian pcapng file."""
    while data:
        kind, length = struct.unpack_from("<II", data)
        yield kind, data[:length]
        data = data[length:]


def short(data):
    """A pcapng file with its first packets only."""
    out, packets = b"", 0
    for kind, block in blocks(data):
        packets += kind == 6
        if packets <= PACKETS:
            out += block
    return out


def packets(data):
    for kind, block in blocks(data):
        if kind == 6:
            (length,) = struct.unpack_from("<I", block, 20)
            yield block[28 : 28 + length]


def pcap(data, order="<", magic=0xA1B2C3D4, link_type=1):
    out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link_type)
    for number, packet in enumerate(packets(data)):
        out += struct.pack(order + "IIII", 1736219080, number, len(packet), len(packet)) + packet
    return out


def behind(link_type, packet):
    """An Ethernet packet's IP packet behind another link layer."""
    ip = packet[14:]
    return {
        0: b"\2\0\0\0" + ip,
        1: packet[:12] + b"\x81\x00\0\x07\x81\x00\0\x08\x08\x00" + ip,
        9: b"\xff\x03\0\x21" + ip,
        50: b"\xff\x03\0\x21" + ip,
        51: b"\x11\0\0\1" + struct.pack(">H", len(ip) + 2) + b"\0\x21" + ip,
        104: b"\x0f\0\x08\0" + ip,
        108: b"\0\0\0\2" + ip,
        113: b"\0\0\0\1\0\6" + bytes(8) + b"\x08\0" + ip,
        276: b"\x08\0\0\0\0\0\0\1\0\1\0\6" + bytes(8) + ip,
    }.get(link_type, ip)


def fragments(ip):
    """An IPv4 packet in two fragments."""
    body, cut = ip[20:], 24
    for offset, more, part in ((0, 0x2000, body[:cut]), (cut // 8, 0, body[cut:])):
        header = bytearray(ip[:20])
        struct.pack_into(">H", header, 2, 20 + len(part))
        struct.pack_into(">HH", header, 4, 77, more | offset)
        yield bytes(header) + part


def record(link_type, packet):
    """A packet as src/headers.rs reads it: link type's place, how much was cut off, length, bytes."""
    return bytes([LINK_TYPES.index(link_type), 0]) + struct.pack("<H", len(packet)) + packet


def elements(text):
    """Some packets of an export, as an export of their own: a connection's opening, and frames."""
    if text.lstrip().startswith("["):
        parts = text.strip().removeprefix("[").removesuffix("]").split("\n  },")
        return "[" + ",".join(part + "\n  }" for part in parts[3:5]) + "\n]\n"
    return "\n".join(text.splitlines()[6:10]) + "\n"


def seeds():
    captures = {path.stem: path.read_bytes() for path in sorted(ROOT.glob("captures/*.pcapng"))}
    run1, run5 = captures["run1"], captures["run5"]
    for name, data in captures.items():
        yield "pcapng", name, short(data)
        for target in ("rows", "analysis"):
            yield target, name, short(data) if name == "two-clients" else data
    yield "pcap", "micro", pcap(short(run1))
    yield "pcap", "nano", pcap(short(run1), magic=0xA1B23C4D)
    yield "pcap", "big", pcap(short(run5), order=">")
    yield "pcap", "modified", pcap(short(run5), magic=0xA1B2CD34)
    yield "compressed", "plain", short(run5)
    yield "compressed", "gzip", gzip.compress(short(run1), mtime=0)
    yield "compressed", "members", gzip.compress(run5[:900], mtime=0) + gzip.compress(run5[900:2000], mtime=0)
    yield "compressed", "zstd", b"\x28\xb5\x2f\xfd\x04\x00\x61\x00\x00" + run5[:12]
    for path in sorted(ROOT.glob("tests/data/wireshark_json/*json")) + [ROOT / "captures/run5-bytes.json"]:
        text = path.read_text()
        yield "wireshark_json", path.stem, elements(text).encode()
        if "v46" in path.stem:
            yield "rows", path.stem, elements(text).encode()
    some = list(packets(run1))[:8]
    yield "headers", "each", b"".join(record(kind, behind(kind, some[4])) for kind in LINK_TYPES)
    yield "headers", "fragments", b"".join(record(101, part) for part in fragments(some[4][14:]))
    yield "headers", "ethernet", b"".join(record(1, packet) for packet in some)
    for first in (0, 1):
        steps = bytes((7 * n * n + 11 * n) % 256 for n in range(160))
        yield "reassembly", f"steps{first}", bytes([first]) + steps
        yield "framing", f"steps{first}", bytes([first]) + steps
        for size in range(5):
            yield "endpoints", f"steps{first}{size}", bytes([size, first, 1, 2]) + steps
    frames = b"".join(packet[54:] for packet in list(packets(run5))[3:12])
    for opened in (0, 1):
        pieces = b"".join(bytes([0, 43]) + frames[at : at + 44] for at in range(0, len(frames), 44))
        yield "framing", f"frames{opened}", bytes([0, opened, 0]) + pieces
    for number, text in enumerate(
        (
            "arq.header == MSG && arq.pos in {4, 9..10}",
            'arq.payload contains "a" or arq.payload matches "^(a|b)+$"',
            "!(arq.ack_number >= arq.pos) xor arq.in_flight",
            "len(arq.payload) > 2 and upper(arq.payload[0:2]) == \"AB\" or arq.payload[-2:] == 41:42",
            "arq.sent_time < 1736219080.5 && arq.time >= \"2025-01-07 03:04:40\" && arq.from ne client",
        )
    ):
        yield "filter", str(number), text.encode()
    yield "params", "all", b'message:"aaa:bbb"\nmaximum_msg_size:4\r\nwindow_size : 3\ntimeout:2.5\n'
    yield "params", "odd", b"\xef\xbb\xbfMessage:x\nno colon\nmessage:1\nmessage:2\ntimeout:0\nWindow-Size:4\n"
    for path in sorted(ROOT.glob("tests/scenarios/*.toml")):
        lines = (line.split(" #")[0].rstrip() for line in path.read_text().splitlines())
        yield "scenario", path.stem, "\n".join(line for line in lines if line and line[0] != "#").encode()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, name, data in seeds():
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seed-{name}").write_bytes(data)


if __name__ == "__main__":
    main()
