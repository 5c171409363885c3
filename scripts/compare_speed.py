#!/usr/bin/env python3
"""Measures whole commands beside the least that reading can cost and beside what people use today.

    compare_speed.py [--packets N] [--rounds N] [--only PART[,PART]] [--folder DIR]

Parts: reading (a hundred connections), crowd (ten thousand), segments (frames by the thousand in each), export
(Wireshark's JSON), small (start to last byte), growth (packets, connections, frames a segment). Default: all.

Builds the release commands if they are missing, makes every input with `simulate`, and runs the commands of a part in
turn, round after round, so that a slow minute of the machine hits all of them. Times are processor seconds (user and
system), which other work on the machine disturbs less than the wall clock does, and by the wall clock, which shows what a
second thread gains; a ratio is the median of the rounds' ratios. Peers that are not installed are named and left out: tcptrace, tshark, and gopacket, whose program
(scripts/peers/gopacket.go) is built with Debian's golang-go, golang-github-google-gopacket-dev and golang-golang-x-net-dev.
Inputs lie in DIR (default: a temporary folder) while this runs: 3 GB for ten million packets.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ROOT / "target" / "release"
# What the protocol's users would have to write to see its frames in tshark: cut at 44 bytes, eight fields of each.
LUA = """
local arq = Proto("arq", "arq")
local f = { ProtoField.string("arq.header", "h"), ProtoField.string("arq.payload", "p"), ProtoField.int32("arq.seq", "s"),
  ProtoField.double("arq.sent", "t"), ProtoField.uint8("arq.ack", "a"), ProtoField.int32("arq.prev", "v"),
  ProtoField.int32("arq.pos", "o") }
arq.fields = f
function arq.dissector(tvb, pinfo, tree)
  local at = 0
  while at + 44 <= tvb:len() do
    local t = tree:add(arq, tvb(at, 44))
    t:add(f[1], tvb(at, 10)) t:add(f[2], tvb(at + 10, 10)) t:add_le(f[3], tvb(at + 20, 4)) t:add_le(f[4], tvb(at + 24, 8))
    t:add(f[5], tvb(at + 32, 1)) t:add_le(f[6], tvb(at + 36, 4)) t:add_le(f[7], tvb(at + 40, 4))
    at = at + 44
  end
end
DissectorTable.get("tcp.port"):add(55558, arq)
"""
FIELDS = [f"-e{name}" for name in ("frame.number", "frame.time_epoch", "tcp.stream", "ip.src", "tcp.srcport", "tcp.seq",
                                   "tcp.len", "tcp.payload")]
LUA_FIELDS = ["-eframe.number", "-eframe.time_epoch", "-etcp.stream", "-earq.header", "-earq.payload", "-earq.sent",
              "-earq.prev", "-earq.pos"]
TUNED = ["-otcp.analyze_sequence_numbers:FALSE", "-otcp.desegment_tcp_streams:FALSE", "-otcp.calculate_timestamps:FALSE",
         "--disable-protocol", "vnc"]


class Run:
    """One command: its name in the table, its arguments, and how many units (packets, frames, bytes) it goes through."""

    def __init__(self, name, command, units, stdin=None):
        self.name, self.command, self.units, self.stdin = name, [str(word) for word in command], units, stdin
        self.cpu, self.wall, self.memory = [], [], 0

    def once(self):
        began = time.perf_counter()
        source = open(self.stdin, "rb") if self.stdin else subprocess.DEVNULL
        child = subprocess.Popen(self.command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 1, 3):
            sys.exit(f"{' '.join(self.command)}: exit {child.returncode}")
        self.wall.append(time.perf_counter() - began)
        self.cpu.append(usage.ru_utime + usage.ru_stime)

    def watch_memory(self):
        """Most resident memory in KiB, asked of the kernel while it runs: a child's own account begins with ours."""
        child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        while child.poll() is None:
            try:
                with open(f"/proc/{child.pid}/status") as status:
                    peaks = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
                self.memory = max([self.memory, *peaks])
            except OSError:
                pass
            time.sleep(0.005)

    def unit_ns(self, seconds):
        return seconds / self.units * 1e9


def measure(title, unit, runs, rounds, floor=0, seldom=()):
    """Runs everything in turn and prints the table; ratios are to run number `floor`."""
    for number in range(rounds):
        for run in runs:
            if number == 0 or run.name not in seldom:
                run.once()
        print(f"  {title}: round {number + 1} of {rounds}", file=sys.stderr)
    for run in runs:
        run.watch_memory()
    base = runs[floor]
    print(f"\n### {title}\n")
    print(f"| command | ns a {unit} | fastest | × {base.name} | ns (wall) | fastest | × {base.name} (wall) | memory MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for run in runs:
        print(f"| {run.name} | {times(run, 'cpu', base)} | {times(run, 'wall', base)} | {run.memory / 1024:.1f} |")
    sys.stdout.flush()


def times(run, clock, base):
    """Three columns: nanoseconds a unit, the fewest, and the ratio to the same of `base`."""
    costs = [run.unit_ns(seconds) for seconds in getattr(run, clock)]
    ratios = [a / run.units / (b / base.units) for a, b in zip(getattr(run, clock), getattr(base, clock))]
    return f"{statistics.median(costs):.1f} | {min(costs):.1f} | {statistics.median(ratios):.2f}"


def simulate(path, *options):
    """Makes a capture and returns how many packets it has."""
    command = [RELEASE / "simulate", *map(str, options), "-w", path]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return int(words.rsplit(" packets written", 1)[0].rsplit(" ", 1)[1])


def evenly(packets, connections):
    return ["--frames", max(packets * 10 // 11, connections * 8), "--connections", connections, "--stagger", "100ns"]


def tshark(capture, first, fields, *options):
    return ["tshark", "-n", *options, "-c", first, "-r", capture, "-Tfields", *fields]


def peers(pcap, packets, folder):
    """The programs in use today that put TCP streams together, as far as they are installed."""
    runs = []
    if shutil.which("tcptrace"):
        runs.append(Run("tcptrace -lr -n", ["tcptrace", "-lr", "-n", pcap], packets))
    if shutil.which("go"):
        built = folder / "gopacket"
        go = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "go"), **os.environ}
        build = ["go", "build", "-o", built, ROOT / "scripts/peers/gopacket.go"]
        if built.exists() or subprocess.run(build, env=go, check=False).returncode == 0:
            runs.append(Run("gopacket assembly", [built, pcap], packets))
    return runs


def part_reading(args, folder):
    pcap, pcapng = folder / "large.pcap", folder / "large.pcapng"
    packets = simulate(pcap, *evenly(args.packets, 100))
    simulate(pcapng, *evenly(args.packets, 100))
    decode, analyze = RELEASE / "decode", RELEASE / "analyze"
    runs = [
        Run("walk", [RELEASE / "examples/walk", pcap], packets),
        Run("decode --info", [decode, "--info", pcap], packets),
        Run("decode -q", [decode, "-q", pcap], packets),
        Run("decode -q, pcapng", [decode, "-q", pcapng], packets),
        Run("decode -T csv", [decode, "-Tcsv", pcap], packets),
        Run("decode -T ndjson", [decode, "-Tndjson", pcap], packets),
        Run("decode -T table", [decode, "-Ttable", pcap], packets),
        Run("analyze --report none", [analyze, "--report", "none", pcap], packets),
        Run("analyze", [analyze, pcap], packets),
    ]
    slow = peers(pcap, packets, folder)
    if shutil.which("tshark"):
        first, lua = min(packets, 200_000), folder / "arq.lua"
        lua.write_text(LUA)
        slow += [
            Run("tshark, 8 fields", tshark(pcap, first, FIELDS), first),
            Run("tshark, tuned", tshark(pcap, first, FIELDS, *TUNED), first),
            Run("tshark with Lua", tshark(pcap, first, LUA_FIELDS, f"-Xlua_script:{lua}"), first),
        ]
    measure(f"{packets} packets, 100 connections", "packet", runs + slow, args.rounds,
            seldom=[run.name for run in slow])


def part_crowd(args, folder):
    pcap = folder / "crowd.pcap"
    packets = simulate(pcap, *evenly(args.packets, 10_000))
    runs = [
        Run("walk", [RELEASE / "examples/walk", pcap], packets),
        Run("decode -q", [RELEASE / "decode", "-q", pcap], packets),
        Run("decode -T csv", [RELEASE / "decode", "-Tcsv", pcap], packets),
        Run("analyze --report none", [RELEASE / "analyze", "--report", "none", pcap], packets),
    ]
    slow = peers(pcap, packets, folder)
    measure(f"{packets} packets, 10000 connections", "packet", runs + slow, args.rounds,
            seldom=[run.name for run in slow])


def part_segments(args, folder):
    pcap = folder / "segments.pcap"
    simulate(pcap, "--frames", args.packets, "--window", 1480, "--coalesce", 65_000)
    frames = args.packets
    measure("frames in segments of 65000 bytes", "frame", [
        Run("walk", [RELEASE / "examples/walk", pcap], frames),
        Run("decode -q", [RELEASE / "decode", "-q", pcap], frames),
        Run("decode -T csv", [RELEASE / "decode", "-Tcsv", pcap], frames),
        Run("analyze --report none", [RELEASE / "analyze", "--report", "none", pcap], frames),
    ], args.rounds)


def part_export(args, folder):
    if not shutil.which("tshark"):
        print("\nexport: left out, there is no tshark to make one")
        return
    pcap, export = folder / "export.pcap", folder / "export.json"
    simulate(pcap, *evenly(min(args.packets, 20_000), 10))
    with open(export, "wb") as out:
        subprocess.run(["tshark", "-n", "-r", pcap, "-Tjson"], check=True, stdout=out, stderr=subprocess.DEVNULL)
    size = export.stat().st_size
    whole = "import json, sys; json.load(open(sys.argv[1]))"
    measure(f"{size >> 20} MiB of tshark -T json", "byte", [
        Run("typed serde_json", [RELEASE / "examples/typed_json", export], size),
        Run("decode -q", [RELEASE / "decode", "-q", export], size),
        Run("json.load", [sys.executable, "-c", whole, export], size),
    ], args.rounds, seldom=["json.load"])


def part_small(args, folder):
    pcap = folder / "small.pcap"
    packets = simulate(pcap, *evenly(2000, 1))
    runs = [Run("decode", [RELEASE / "decode", pcap], packets), Run("analyze", [RELEASE / "analyze", pcap], packets)]
    if shutil.which("tshark"):
        runs.append(Run("tshark", ["tshark", "-n", "-r", pcap], packets))
    for _ in range(max(args.rounds, 5)):
        for run in runs:
            run.once()
    print(f"\n### A small file: {packets} packets, start to last byte\n\n| command | ms (wall) | fastest | × decode |")
    print("| --- | ---: | ---: | ---: |")
    for run in runs:
        ratio = statistics.median(a / b for a, b in zip(run.wall, runs[0].wall))
        print(f"| {run.name} | {statistics.median(run.wall) * 1e3:.1f} | {min(run.wall) * 1e3:.1f} | {ratio:.1f} |")


def part_growth(args, folder):
    decode, analyze = RELEASE / "decode", RELEASE / "analyze"
    print("\n### Growth: ns a packet or frame (processor time), memory in MiB\n")
    print("| input | decode -q | memory | decode -T csv | memory | analyze --report none | memory |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    inputs = [(f"{n} packets", evenly(n, 100), None) for n in (args.packets // 10, args.packets)]
    few = args.packets // 5
    inputs += [(f"{n} connections", evenly(few, n), None) for n in (1, 10, 100, 1000, 10_000, 100_000) if n * 10 <= few]
    inputs += [(f"{n} frames a segment", ["--frames", few, "--window", n, "--coalesce", n * 44], few)
               for n in (1, 10, 100, 1000)]
    for name, options, units in inputs:
        pcap = folder / "growth.pcap"
        packets = simulate(pcap, *options)
        cells = [name]
        for command in ([decode, "-q"], [decode, "-Tcsv"], [analyze, "--report", "none"]):
            run = Run(name, [*command, pcap], units or packets)
            for _ in range(min(args.rounds, 3)):
                run.once()
            run.watch_memory()
            cells += [f"{run.unit_ns(min(run.cpu)):.1f}", f"{run.memory / 1024:.1f}"]
        print(f"| {' | '.join(cells)} |")
        sys.stdout.flush()


PARTS = {name[5:]: part for name, part in list(globals().items()) if name.startswith("part_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--packets", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--folder", type=pathlib.Path)
    args = parser.parse_args()
    needed = [RELEASE / name for name in ("decode", "analyze", "simulate", "examples/walk", "examples/typed_json")]
    if not all(path.exists() for path in needed):
        build = ["cargo", "build", "--release", "--bins", "--example", "walk", "--example", "typed_json"]
        subprocess.run(build, check=True, cwd=ROOT)
    for tool in ("tcptrace", "tshark", "go"):
        if not shutil.which(tool):
            print(f"{tool} is not installed: what needs it is left out", file=sys.stderr)
    model = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"{time.strftime('%Y-%m-%d', time.gmtime())}, {model}, {os.cpu_count()} cores, {os.uname().release}, "
          f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for part in args.only.split(","):
            PARTS[part](args, pathlib.Path(folder))


if __name__ == "__main__":
    main()
