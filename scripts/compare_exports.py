#!/usr/bin/env python3
"""Checks that `decode --streams` gives the same bytes for an export as for the capture it was made from.

    compare_exports.py --decode BIN LIST.tsv

LIST.tsv has the columns file, capture and options (of tshark); paths are relative to its folder, or to the one
above. A capture's streams come from decode and, independently, from the reassembly of compare_corpus.py.
Connections are matched by their end points, in order: an export may leave out a connection that carries no data.
Exit code 1 if any export differs.
"""

import argparse
import csv
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from compare_corpus import Packets, decode_streams, digest, twin_streams


def by_ends(streams):
    """(end points) → its connections' {source: bytes} in order, those without data left out."""
    found = defaultdict(list)
    for number in sorted(streams):
        sides = {source: data for source, (data, _) in streams[number].items() if data}
        if sides:
            found[tuple(sorted(streams[number]))].append(sides)
    return found


def decoded(binary, path):
    with tempfile.TemporaryDirectory() as folder:
        streams, code, error = decode_streams(binary, path, Path(folder) / "streams")
    return by_ends(streams), code, error


def sizes(connections):
    return [{source: f"{len(data)} B {digest(data)}" for source, data in sides.items()} for sides in connections]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("--decode", type=Path, required=True)
    parser.add_argument("--only", default="", help="only exports whose path or options contain this text")
    arguments = parser.parse_args()
    binary = arguments.decode.resolve()
    folder = arguments.list.resolve().parent
    captures, counts = {}, Counter()
    with arguments.list.open(newline="") as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    for row in rows:
        if arguments.only not in row["file"] and arguments.only not in row["options"]:
            continue
        root = folder if (folder / row["file"]).exists() else folder.parent
        capture = root / row["capture"]
        if capture not in captures:
            captures[capture] = (decoded(binary, capture)[0], by_ends(twin_streams(Packets(capture))))
        of_capture, of_twin = captures[capture]
        of_export, code, error = decoded(binary, root / row["file"])
        faults = []
        if code:
            faults.append(f"exit {code}: {error[:300]}")
        for name, expected in (("decode of the capture", of_capture), ("twin", of_twin)):
            for ends in sorted(set(expected) | set(of_export)):
                if expected.get(ends) != of_export.get(ends):
                    ours, theirs = sizes(of_export.get(ends, [])), sizes(expected.get(ends, []))
                    faults.append(f"{' ↔ '.join(ends)}: export {ours}, {name} {theirs}")
        counts["same" if not faults else "differ"] += 1
        if faults:
            print(f"{row['file']}  ({row['options']})")
            for fault in faults[:6]:
                print(f"    {fault}")
            if len(faults) > 6:
                print(f"    … and {len(faults) - 6} more")
    print(f"{counts['same']} exports equal their capture, {counts['differ']} differ")
    sys.exit(1 if counts["differ"] or not counts["same"] else 0)


if __name__ == "__main__":
    main()
