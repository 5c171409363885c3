#!/usr/bin/env python3
"""Writes what the README's tour shows: the real output of its commands.

    tour.py [--check] [--bin FOLDER]

Every block of README.md between `<!-- tour: decode ARGS -->` (or `analyze`) and `<!-- tour: end -->` is replaced by what the command
prints on a terminal of 100 columns. `ARGS | sed SCRIPT` shows a part: what it prints on standard output, through sed. With
--check nothing is written; the exit code is 1 if the README differs.
Python standard library only.
"""

import argparse
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios

COLUMNS = 100
BLOCK = re.compile(r"<!-- tour: ((?:decode|analyze) .*?) -->\n.*?<!-- tour: end -->", re.S)


def on_terminal(command):
    """What `command` prints on a terminal."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=side, stderr=side, env={**os.environ, "NO_COLOR": "1"}
    )
    os.close(side)
    output = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # Linux reports the closed terminal as an error
            break
        if not piece:
            break
        output += piece
    process.wait()
    os.close(main)
    return output.decode().replace("\r\n", "\n")


def through(command, pipe):
    """What `pipe` makes of what `command` prints on standard output."""
    source = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return subprocess.run(pipe, input=source.stdout, capture_output=True, check=True).stdout.decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bin", default="target/release", help="where the commands are")
    options = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

    def block(match):
        command = match.group(1)
        name, *words = shlex.split(command)
        bar = words.index("|") if "|" in words else len(words)
        program, pipe = [os.path.join(options.bin, name), *words[:bar]], words[bar + 1 :]
        if pipe and pipe[0] != "sed":
            sys.exit(f"{command}: a tour's output goes through sed and nothing else")
        lines = (through(program, pipe) if pipe else on_terminal(program)).splitlines()
        shown = "\n".join(line.rstrip() for line in lines)
        return f"<!-- tour: {command} -->\n```console\n$ {command}\n{shown}\n```\n<!-- tour: end -->"

    with open("README.md", encoding="utf-8") as file:
        before = file.read()
    after = BLOCK.sub(block, before)
    if options.check:
        if before != after:
            sys.exit("README.md: the tour does not show what the commands print; run scripts/tour.py")
        print(f"{len(BLOCK.findall(before))} tour blocks are what the commands print")
    else:
        with open("README.md", "w", encoding="utf-8") as file:
            file.write(after)


if __name__ == "__main__":
    main()
