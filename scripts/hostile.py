#!/usr/bin/env python3
"""Runs decode and analyze in every mode over a folder of damaged and foreign files, with a time and a memory limit.

    hostile.py --decode BIN [--analyze BIN] FOLDER [--only N] [--seconds 20] [--megabytes 1024] [--jobs 2]

Reports every run that ends with an exit code other than 0, 2 or 3 (of analyze 1, too), by a signal or not at all, every
exit with 2 or 3 that says nothing on stderr, and control bytes on stdout or stderr. Exit code 1 if there was any.
"""

import argparse
import concurrent.futures
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

MODES = [
    [],
    *(["-T", form] for form in ("table", "csv", "tsv", "json", "ndjson", "text")),
    ["-V"],
    ["-x"],
    ["-V", "-x", "-c", "3"],
    ["-t", "ad"],
    ["-Y", 'arq.header == "MSG" && arq.pos > 1'],
    ["--port", "55558"],
    ["--max-msg-size", "10"],
    ["--message"],
    ["--info"],
    ["--info", "-T", "json"],
    ["--streams", "{folder}"],
    ["-q"],
    ["-"],
]
ANALYZE_MODES = [
    ["--window", "3", "--timeout", "2", "--ladder"],
    *(["--report", form] for form in ("json", "ndjson", "junit", "html")),
    ["-w", "{folder}/annotated.pcapng"],
]
# Newline and tab are layout; everything else below space, and DEL, has no place in output.
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


def attempt(binary, path, mode, seconds, megabytes):
    """What is wrong with one run: a list of phrases; and its time."""
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, *(a.format(folder=folder) for a in mode)]
        piped = mode == ["-"]
        if not piped:
            command.append(path)

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        begin = time.monotonic()
        with open(path if piped else "/dev/null", "rb") as stdin:
            try:
                done = subprocess.run(command, stdin=stdin, capture_output=True, timeout=seconds, preexec_fn=limit)
            except subprocess.TimeoutExpired:
                return [f"not finished after {seconds} s"], seconds
        took = time.monotonic() - begin
    wrong = []
    if done.returncode < 0:
        wrong.append(f"killed by signal {-done.returncode}")
    elif done.returncode not in ((0, 1, 2, 3) if mode in ANALYZE_MODES else (0, 2, 3)):
        wrong.append(f"exit {done.returncode}")
    if done.returncode in (2, 3) and not done.stderr.strip():
        wrong.append(f"exit {done.returncode} with nothing on stderr")
    if b"panicked" in done.stderr:
        wrong.append("panicked")
    for name, output in (("stdout", done.stdout), ("stderr", done.stderr)):
        found = CONTROL.search(output)
        if found:
            wrong.append(f"byte 0x{found[0][0]:02x} on {name}")
    if wrong:
        wrong.append("stderr: " + done.stderr.decode(errors="replace").strip()[:300].replace("\n", " / "))
    return wrong, took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--decode", type=Path, required=True)
    parser.add_argument("--analyze", type=Path, help="the analyze binary, which gets modes of its own")
    parser.add_argument("--only", type=int, default=1, metavar="N", help="every Nth file")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    binary = arguments.decode.resolve()
    files = sorted(p for p in arguments.folder.rglob("*") if p.is_file())[:: arguments.only]
    if not files:
        sys.exit(f"no files in {arguments.folder}")
    tasks = [(binary, path, mode) for path in files for mode in MODES]
    if arguments.analyze:
        tasks += [(arguments.analyze.resolve(), path, mode) for path in files for mode in ANALYZE_MODES]
    kinds, slowest = Counter(), (0, None, None)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda t: attempt(*t, arguments.seconds, arguments.megabytes), tasks)
        for (binary, path, mode), (wrong, took) in zip(tasks, results):
            slowest = max(slowest, (took, str(path), " ".join(mode)))
            if wrong:
                kinds[re.sub(r"0x..", "0x..", wrong[0])] += 1
                print(f"{path.relative_to(arguments.folder)}  {binary.name} {' '.join(mode)}: {'; '.join(wrong)}", flush=True)
    print(f"{len(files)} files, {len(tasks)} runs, {sum(kinds.values())} bad runs")
    for kind, count in kinds.most_common():
        print(f"    {count:6}  {kind}")
    print(f"slowest: {slowest[0]:.2f} s, decode {slowest[2]} {slowest[1]}")
    sys.exit(1 if kinds else 0)


if __name__ == "__main__":
    main()
