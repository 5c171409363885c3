#!/usr/bin/env bash
# Rewrites every file of this folder: the captures from the protocol's rules, the exports with tshark.
set -euo pipefail
cd "$(dirname "$0")"

python3 generate.py

# frame.time is written in local time; the rest does not depend on the machine, only on tshark's version.
export TZ=UTC
for run in 1 2 3 4 5; do
    tshark -n -r "run$run.pcapng" -T json >"run$run.json" 2>/dev/null
done
# The same packets with their bytes, as the "packet bytes" box of the export dialogue adds them.
tshark -n -r run5.pcapng -T json -x >run5-bytes.json 2>/dev/null
