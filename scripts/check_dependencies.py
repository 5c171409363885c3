#!/usr/bin/env python3
"""Checks licences, sources and duplicates of all dependencies against deny.toml, without cargo-deny.

    check_dependencies.py [--manifest-path Cargo.toml]

What is built and tested on this platform counts. Exit code 1 if anything is not allowed.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def satisfied(expression, allowed):
    """Whether an SPDX expression holds with these licences; `/` is how `OR` was once written."""
    expression = re.sub(r"\s+WITH\s+[\w.-]+", "", expression.replace("/", " OR "))
    words = re.findall(r"[()]|[\w.+-]+", expression)
    text = " ".join(
        word.lower() if word in ("AND", "OR") else word if word in "()" else str(word in allowed) for word in words
    )
    if not re.fullmatch(r"(?:True|False|and|or|[() ])+", text):
        return False
    return eval(text, {"__builtins__": {}})  # of nothing but these words


def packages(manifest):
    """(name, version, remarks, licence) of everything that is built or tested here."""
    command = "cargo tree --locked --edges normal,build,dev --prefix none --no-dedupe --format".split()
    tree = subprocess.check_output([*command, "{p}|{l}", "--manifest-path", str(manifest)], text=True)
    for line in sorted(set(tree.splitlines())):
        package, licence = line.split("|")
        name, version, *remarks = package.split(maxsplit=2)
        # A proc-macro says so, and a package that is not from the registry says where it is from.
        yield name, version.removeprefix("v"), "".join(remarks).replace("(proc-macro)", "").strip(), licence


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest-path", type=Path, default=ROOT / "Cargo.toml")
    arguments = parser.parse_args()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    skipped = {entry["crate"] for entry in rules["bans"]["skip"]}
    wrong, versions = [], defaultdict(list)
    for name, version, source, licence in packages(arguments.manifest_path):
        if name.startswith("arqscope"):
            continue
        versions[name].append(f"{name}@{version}")
        if source:
            wrong.append(f"{name} {version} comes from {source}, not from the registry")
        if not satisfied(licence, allowed):
            wrong.append(f"{name} {version} has the licence {licence}, of which deny.toml allows too little")
    for names in versions.values():
        if len(names) > 1 and len([name for name in names if name not in skipped]) > 1:
            wrong.append(f"several versions: {', '.join(names)}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(versions)} packages, {len(wrong)} things that deny.toml does not allow")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
