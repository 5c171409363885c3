#!/usr/bin/env bash
# Rewrites every file of this folder, or one of its two sets:
#
#     captures/regenerate.sh [generated|recorded]
#
# `generated` are the captures that the protocol's rules give, with tshark's exports of them; `recorded` are the five runs
# of the real client and server (record.sh).
set -euo pipefail
cd "$(dirname "$0")"
which=${1:-both}
case $which in
    generated | recorded | both) ;;
    *) echo "regenerate.sh: needed generated, recorded or nothing (both), not \`$which\`" >&2; exit 2 ;;
esac

if [[ $which != recorded ]]; then
    python3 generate.py
    # frame.time is written in local time; the rest does not depend on the machine, only on tshark's version.
    export TZ=UTC
    for run in 1 2 3 4 5; do
        tshark -n -r "run$run.pcapng" -T json >"run$run.json" 2>/dev/null
    done
    # The same packets with their bytes, as the "packet bytes" box of the export dialogue adds them.
    tshark -n -r run5.pcapng -T json -x >run5-bytes.json 2>/dev/null
fi
if [[ $which != generated ]]; then
    ./record.sh
fi
