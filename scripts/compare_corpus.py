#!/usr/bin/env python3
"""Compares `decode --info` and `decode --streams` with independent tools over a folder of captures.

    compare_corpus.py FOLDER [--decode BIN] [--only TEXT] [--jobs N] [--list FILE]

Each capture (pcap, pcapng, also gzipped or zstd) is read by five readers. None shares code with decode; twin
takes packets and connections from tshark, so the two are independent of each other only in reassembly.

    decode    this project, when --decode is given
    capinfos  packets, earliest and latest time
    tshark    packets, first and last time, TCP packets and connections, `follow,tcp,raw`
    tcpflow   streams
    twin      streams, reassembled here from tshark's per-packet sequence numbers and payloads with its own
              reassembly off: the first copy of a byte is kept, holes are left out. The text that an RST may carry
              (RFC 9293 §3.5.3) is not in tcp.payload: follow and tcpflow count it, twin does not, decode may

Printed per capture: every figure on which readers differ, and for each direction of each connection which of
them have the same bytes (`decode=twin | follow | tcpflow`). Where the other tools are known to err: follow stops
at a gap nobody acknowledges and joins what a snap length cut; tcpflow counts Ethernet padding, keeps the last
copy of an overlap and fills gaps with zeros; tshark numbers pcapng custom blocks as packets; capinfos cuts a time to
the digits of the file's resolution.

Exit code: 0 if decode has twin's bytes everywhere and a figure that another reader has too (or was not given),
else 1.
Needs capinfos, tshark and tcpflow. Python standard library only.
"""

import argparse
import concurrent.futures
import hashlib
import ipaddress
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

NO_CAPTURES = {".json", ".md", ".ndjson", ".py", ".sh", ".tsv", ".txt"}
FIELDS = (
    "frame.number frame.time_epoch frame.protocols frame.len frame.cap_len ip.src ip.dst ipv6.src ipv6.dst "
    "tcp.stream tcp.srcport tcp.dstport tcp.seq_raw tcp.flags tcp.len tcp.payload"
).split()
# A TCP header below one of these belongs to a quoted or tunnelled packet.
TUNNELS = set(
    "icmp icmpv6 gre udp udplite sctp vxlan gtp teredo l2tp esp capwap lwapp geneve erspan etherip ipcomp "
    "pwethheuristic pweth pwethcw pwethnocw openflow".split()
)
FIN, SYN, RST = 1, 2, 4
TOOL_TIMEOUT = 300


def run(*command, text=True):
    """stdout, stderr and exit code; a tool that hangs counts as failed."""
    try:
        done = subprocess.run(
            [str(c) for c in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=text,
            errors="replace" if text else None,
            timeout=TOOL_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return ("" if text else b""), "timed out", -1
    return done.stdout, done.stderr, done.returncode


def digest(data):
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def endpoint(address, port):
    return f"{ipaddress.ip_address(address.split('%')[0])}:{port}"


def socket_text(text):
    """`endpoint` of ip:port or [ip6]:port."""
    return endpoint(*text.replace("[", "").replace("]", "").rsplit(":", 1))


# --- capinfos and tshark ------------------------------------------------------------------------------------


def capinfos(path):
    """packets, earliest, latest; None where it cannot say."""
    out, _, code = run("capinfos", "-T", "-r", "-m", "-S", "-c", "-a", "-e", path)
    cells = out.strip().split("\n")[-1].rsplit(",", 3)
    if code not in (0, 1) or len(cells) != 4:
        return None
    return {"packets": int(cells[1]), "earliest": time_text(cells[2]), "latest": time_text(cells[3])}


def time_text(text):
    """Decimal seconds with nine digits; None for no time."""
    match = re.fullmatch(r"(-?\d+)(?:\.(\d+))?", text.strip())
    return f"{match[1]}.{(match[2] or '').ljust(9, '0')[:9]}" if match else None


def own_tcp(protocols):
    """True when the packet itself is TCP, not one it quotes or carries."""
    layers = protocols.split(":")
    if "tcp" not in layers:
        return False
    below = layers[: layers.index("tcp")]
    return not TUNNELS & set(below) and below.count("ip") + below.count("ipv6") == 1 and below.count("eth") < 2


class Packets:
    """What tshark says packet by packet."""

    def __init__(self, path):
        options = "-o tcp.desegment_tcp_streams:FALSE -o tcp.reassemble_out_of_order:FALSE".split()
        fields = [a for f in FIELDS for a in ("-e", f)]
        out, self.error, self.code = run(
            "tshark", "-n", "-r", path, *options, "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t", *fields
        )
        self.packets = self.tcp_packets = self.truncated = 0
        self.first = self.last = self.earliest = self.latest = None
        self.segments = defaultdict(list)  # tcp.stream → (source, seq, flags, len, payload) in file order
        self.reset_texts = set()  # (tcp.stream, source) whose RST carries bytes
        self.ends = {}  # tcp.stream → (source, destination) of its first packet
        for line in out.split("\n"):
            cells = line.split("\t")
            if len(cells) == len(FIELDS):
                self.take(dict(zip(FIELDS, cells)))

    def take(self, p):
        self.packets += 1
        time = time_text(p["frame.time_epoch"])
        # Of the first and the last packet, which may have none.
        self.first = time if self.packets == 1 else self.first
        self.last = time
        if time:
            self.earliest = min(self.earliest or time, time, key=Decimal)
            self.latest = max(self.latest or time, time, key=Decimal)
        self.truncated += int(p["frame.cap_len"]) < int(p["frame.len"])
        if not own_tcp(p["frame.protocols"]) or not p["tcp.stream"]:
            return
        self.tcp_packets += 1
        source = endpoint(p["ip.src"] or p["ipv6.src"], p["tcp.srcport"])
        destination = endpoint(p["ip.dst"] or p["ipv6.dst"], p["tcp.dstport"])
        stream = int(p["tcp.stream"])
        self.ends.setdefault(stream, (source, destination))
        if p["tcp.seq_raw"] and p["tcp.flags"]:
            payload = bytes.fromhex(p["tcp.payload"].replace(":", ""))
            flags = int(p["tcp.flags"], 16)
            if flags & RST and p["tcp.len"] not in ("", "0"):
                self.reset_texts.add((stream, source))
            self.segments[stream].append((source, int(p["tcp.seq_raw"]), flags, int(p["tcp.len"] or 0), payload))


# --- The twin ------------------------------------------------------------------------------------------------


def reassemble(segments):
    """One direction's bytes and whether any are missing, from (seq, flags, len, payload) in file order.

    Naive on purpose: every byte has an absolute position, a dictionary of pieces keeps the first copy.
    """
    origin = near = None
    pieces = []
    end = 0
    for seq, flags, length, payload in segments:
        if flags & RST:
            continue
        if near is None:
            near, absolute = seq, 1 << 40
        else:
            absolute = last + ((seq - near + 2**31) % 2**32 - 2**31)
        near, last = seq, absolute
        if flags & SYN:
            absolute += 1
            if origin is None:
                origin = absolute
        if payload:
            pieces.append((absolute, payload))
        if length:
            end = max(end, absolute + length)
    if not pieces:
        return b"", bool(end)
    covered = []  # disjoint (start, end, bytes), sorted
    for start, payload in pieces:
        if origin is not None and start < origin:
            payload, start = payload[origin - start :], origin
        covered = insert(covered, start, payload)
    out = b"".join(data for _, _, data in covered)
    first = origin if origin is not None else covered[0][0] if covered else end
    return out, len(out) < end - first


def insert(covered, start, payload):
    """Adds what `payload` has and `covered` has not."""
    if not payload:
        return covered
    if not covered or covered[-1][1] <= start:
        covered.append((start, start + len(payload), payload))
        return covered
    at, end = start, start + len(payload)
    fresh = []
    for low, high, _ in covered:
        if high <= at:
            continue
        if low >= end:
            break
        if at < low:
            fresh.append((at, low, payload[at - start : low - start]))
        at = max(at, high)
    if at < end:
        fresh.append((at, end, payload[at - start :]))
    return sorted(covered + fresh, key=lambda piece: piece[0]) if fresh else covered


def twin_streams(packets):
    """connection → source endpoint → (bytes, has holes)."""
    streams = {}
    for number, stream in enumerate(packets.ends):
        source, destination = packets.ends[stream]
        sides = {source: [], destination: []}
        for segment in packets.segments[stream]:
            sides[segment[0]].append(segment[1:])
        streams[number] = {side: reassemble(segments) for side, segments in sides.items()}
    return streams


# --- tshark's follow, tcpflow, decode ------------------------------------------------------------------------------

MISSING = re.compile(rb"\[\d+ bytes missing in capture file\]\0?")


def follow_streams(path, packets):
    """connection → source endpoint → bytes, by `-z follow,tcp,raw`."""
    streams = {}
    numbers = list(packets.ends)
    for begin in range(0, len(numbers), 100):
        batch = numbers[begin : begin + 100]
        taps = [a for n in batch for a in ("-z", f"follow,tcp,raw,{n}")]
        out, _, _ = run("tshark", "-n", "-q", "-r", path, *taps)
        for section in out.split("Follow: tcp,raw\n")[1:]:
            lines = section.split("\n")
            stream = int(lines[0].rsplit(" ", 1)[1])
            if lines[1] == "Node 0: :0":  # no such stream with reassembly on
                continue
            nodes = [socket_text(line.split(": ", 1)[1]) for line in lines[1:3]]
            data = {node: [] for node in nodes}
            for line in lines[3:]:
                if line.startswith("="):
                    break
                if line.strip():
                    data[nodes[line.startswith("\t")]].append(bytes.fromhex(line.strip()))
            if nodes[0] == nodes[1]:
                continue
            streams[numbers.index(stream)] = {n: MISSING.sub(b"", b"".join(d)) for n, d in data.items()}
    return streams


FLOW = re.compile(r"(?:.*T)?([0-9a-f.:]+)\.(\d{5})-([0-9a-f.:]+)\.(\d{5})(?:--\d+)?(?:c(\d+))?")


def plain_address(text):
    return ".".join(str(int(part)) for part in text.split(".")) if re.fullmatch(r"\d{3}(\.\d{3}){3}", text) else text


def tcpflow_streams(path, folder):
    """(source, destination) → its streams' bytes in order."""
    run("tcpflow", "-q", "-S", "enable_report=NO", "-o", folder, "-r", path)
    found = defaultdict(list)
    for file in folder.iterdir() if folder.exists() else ():
        match = FLOW.fullmatch(file.name)
        if match:
            try:
                source = endpoint(plain_address(match[1]), int(match[2]))
                destination = endpoint(plain_address(match[3]), int(match[4]))
            except ValueError:
                continue
            found[source, destination].append((int(match[5] or 0), file.read_bytes()))
    return {ends: [data for _, data in sorted(flows)] for ends, flows in found.items()}


def decode_streams(binary, path, folder):
    """connection → source endpoint → (bytes, has holes: False, True, "at the end"); the exit code; stderr."""
    _, error, code = run(binary, "--streams", folder, path)
    streams = defaultdict(dict)
    index = folder / "index.ndjson"
    for line in index.read_text().splitlines() if index.exists() else ():
        row = json.loads(line)
        source = socket_text(row["from"])
        holes = row["holes"]
        # Of bytes after the last captured one, only the other side's acknowledgements tell, which twin does not read.
        at_end = len(holes) == 1 and holes[0]["offset"] == row["bytes"]
        known = "at the end" if at_end else bool(holes)
        streams[row["connection"]][source] = ((folder / row["file"]).read_bytes(), known)
    return streams, code, error.strip()


# --- The comparison --------------------------------------------------------------------------------------------


class Report:
    """What one capture gives."""

    def __init__(self, name):
        self.name, self.lines, self.counts, self.decode_wrong = name, [], Counter(), False

    def figure(self, what, values, ours="decode"):
        """Values by reader; says so when they differ."""
        values = {k: v for k, v in values.items() if v is not ...}
        if len(set(values.values())) <= 1:
            self.counts[f"{what}: all agree"] += 1
            return
        self.counts[f"{what}: differ"] += 1
        self.lines.append(f"{what}: " + ", ".join(f"{k} {v}" for k, v in values.items()))
        # Where the others differ among themselves, decode need only not stand alone.
        self.decode_wrong |= ours in values and list(values.values()).count(values[ours]) == 1

    def stream(self, what, values, right=("twin",)):
        """Bytes by reader, grouped by who has the same; decode must be with one of `right`."""
        groups = defaultdict(list)
        for reader, data in values.items():
            groups[data].append(reader)
        parts = ["=".join(readers) for readers in groups.values()]
        self.counts["stream: " + " | ".join(parts)] += 1
        if len(groups) > 1:
            sizes = [f"{'='.join(r)} {'none' if d is None else f'{len(d)} B {digest(d)}'}" for d, r in groups.items()]
            self.lines.append(f"{what}: " + " | ".join(sizes))
            self.decode_wrong |= "decode" in values and values["decode"] not in [values[reader] for reader in right]


def compare(path, folder, binary):
    report = Report(str(path.relative_to(folder)))
    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        info = capinfos(path)
        packets = Packets(path)
        ours = None
        if binary:
            out, error, code = run(binary, "--info", "-T", "json", path)
            try:
                ours = json.loads(out)
                ours = ours[0] if isinstance(ours, list) else ours
            except (ValueError, IndexError):
                report.lines.append(f"decode --info: exit {code}, no JSON; {error.strip()[:300]}")
                report.decode_wrong = True
            if code:
                report.lines.append(f"decode --info: exit {code}: {error.strip()[:300]}")
        if packets.code:
            report.lines.append(f"tshark: exit {packets.code}: {packets.error.strip().splitlines()[-1][:200]}")
        if info is None:
            report.lines.append("capinfos: cannot read it")

        def of(key):
            return ours.get(key) if ours else ...

        seen = info or defaultdict(lambda: ...)
        report.figure("packets", {"decode": of("packets"), "capinfos": seen["packets"], "tshark": packets.packets})
        for key in ("earliest", "latest"):
            report.figure(key, {"decode": of(key), "capinfos": seen[key], "tshark": getattr(packets, key)})
        report.figure("first_time", {"decode": of("first_time"), "tshark": packets.first})
        report.figure("last_time", {"decode": of("last_time"), "tshark": packets.last})
        report.figure("truncated_packets", {"decode": of("truncated_packets"), "tshark": packets.truncated})
        report.figure("tcp_packets", {"decode": of("tcp_packets"), "tshark": packets.tcp_packets})
        report.figure("tcp_connections", {"decode": of("tcp_connections"), "tshark": len(packets.ends)})
        compare_streams(report, path, temporary, packets, binary)
    return report


def unpacked(path, temporary):
    """A copy that libpcap, which tcpflow reads with, can open."""
    magic = path.read_bytes()[:4]
    if magic[:2] == b"\x1f\x8b":
        data, _, _ = run("gzip", "-dc", path, text=False)
    elif magic == b"\x28\xb5\x2f\xfd":
        data, _, _ = run("zstd", "-dcq", path, text=False)
    else:
        return path
    plain = temporary / "unpacked"
    plain.write_bytes(data)
    return plain


def compare_streams(report, path, temporary, packets, binary):
    plain = unpacked(path, temporary)
    twin = twin_streams(packets)
    follow = follow_streams(path, packets)
    flows = tcpflow_streams(plain, temporary / "tcpflow")
    ours = {}
    if binary:
        ours, code, error = decode_streams(binary, path, temporary / "streams")
        if code:
            report.lines.append(f"decode --streams: exit {code}: {error[:300]}")
        for extra in sorted(set(ours) - set(twin)):
            report.lines.append(f"connection {extra}: only decode has it, {sorted(ours[extra])}")
            report.decode_wrong = True
    reused = Counter(frozenset(ends) for ends in packets.ends.values())
    for (number, sides), stream in zip(twin.items(), packets.ends):
        for source, (data, holes) in sides.items():
            right = ("twin", "follow") if (stream, source) in packets.reset_texts else ("twin",)
            other = next((end for end in sides if end != source), source)
            values = {}
            if binary:
                values["decode"], our_holes = ours.get(number, {}).get(source, (b"", False))
                if our_holes == "at the end":
                    our_holes = holes
                if our_holes != holes:
                    report.lines.append(f"connection {number} {source}: holes: decode {our_holes}, twin {holes}")
                    report.counts["holes: decode and twin differ"] += 1
                    report.decode_wrong = True
            values["twin"] = data
            values["follow"] = follow.get(number, {}).get(source, b"")
            # tcpflow's own idea of where a connection ends is not ours: matched only while ports are not reused.
            if reused[frozenset(packets.ends[stream])] == 1:
                values["tcpflow"] = b"".join(flows.get((source, other), []))
            if any(values.values()):
                report.stream(f"connection {number} {source}{' (holes)' if holes else ''}", values, right)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--decode", type=Path, help="the decode binary; without it only the other tools are compared")
    parser.add_argument("--only", default="", help="only captures whose path contains this text")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", type=Path, help="write the whole report to this file too")
    arguments = parser.parse_args()
    binary = arguments.decode.resolve() if arguments.decode else None
    paths = sorted(
        p
        for p in arguments.folder.rglob("*")
        if p.is_file() and arguments.only in str(p) and p.suffix.lower() not in NO_CAPTURES
    )
    if not paths:
        sys.exit(f"no captures in {arguments.folder}")
    totals, wrong, quiet = Counter(), 0, 0
    copy = arguments.list.open("w") if arguments.list else None

    def say(text=""):
        print(text, flush=True)
        if copy:
            print(text, file=copy, flush=True)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for report in pool.map(lambda p: compare(p, arguments.folder, binary), paths):
            totals += report.counts
            wrong += report.decode_wrong
            quiet += not report.lines
            if report.lines:
                say(f"{report.name}{'  ** decode disagrees **' if report.decode_wrong else ''}")
                for line in report.lines:
                    say(f"    {line}")
    say()
    say(f"{len(paths)} captures, {quiet} on which every reader agrees in everything")
    for what, count in sorted(totals.items()):
        say(f"    {count:6}  {what}")
    if binary:
        say(f"{wrong} captures on which decode disagrees")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
