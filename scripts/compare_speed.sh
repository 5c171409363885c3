#!/usr/bin/env bash
# Compares whole commands, decode and tshark, on one generated capture.
#
#   compare_speed.sh [PACKETS [RUNS [DECODE]]]     (default: 2000000 5 target/release/decode)
#
# The commands run in turn, round after round, so that a slow minute of the machine hits all of them; the table
# shows each one's median, fastest and slowest wall-clock seconds, and how many times longer tshark's median is.
# tshark, the slowest by far, gets at most three rounds. The capture lies in $TMPDIR while this runs.
set -euo pipefail

packets=${1:-2000000}
runs=${2:-5}
decode=${3:-$(dirname "$0")/../target/release/decode}
[[ -x $decode ]] || { echo "no $decode: cargo build --release, or name it as the third argument" >&2; exit 2; }
command -v tshark >/dev/null || { echo "needs tshark" >&2; exit 2; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
capture=$folder/large.pcap
python3 "$(dirname "$0")/make_large.py" "$capture" --packets "$packets"

names=("decode -q" "decode -T csv" "decode -T ndjson" "decode -T table" "tshark -T fields")
command_of() {
    case $1 in
        tshark*) tshark -n -r "$capture" -T fields -e frame.number -e frame.time_epoch -e tcp.stream -e tcp.seq \
            -e tcp.payload 2>/dev/null ;;
        *) "$decode" ${1#decode } "$capture" 2>/dev/null ;; # split on purpose: an option and its value
    esac
}

cat "$capture" >/dev/null # into the page cache
for ((round = 1; round <= runs; round++)); do
    for name in "${names[@]}"; do
        [[ $name == tshark* && $round -gt 3 ]] && continue
        begin=$EPOCHREALTIME
        command_of "$name" >/dev/null
        end=$EPOCHREALTIME
        echo "$(((${end/./} - ${begin/./}))) $name" >>"$folder/times"
    done
    echo "round $round of $runs" >&2
done

echo "$(nproc) cores, $(stat -c %s "$capture") bytes, $(capinfos -T -r -m -c "$capture" | cut -d, -f2) packets, output to /dev/null"
python3 - "$folder/times" "$packets" "${names[@]}" <<'PYTHON'
import statistics
import sys

times = {name: [] for name in sys.argv[3:]}
for line in open(sys.argv[1]):
    micros, name = line.rstrip("\n").split(" ", 1)
    times[name].append(int(micros) / 1e6)
reference = statistics.median(times["tshark -T fields"])
print(f"{'command':<18} {'median s':>9} {'min':>8} {'max':>8} {'M packets/s':>12} {'tshark takes':>13}")
for name, seconds in times.items():
    median = statistics.median(seconds)
    rate = int(sys.argv[2]) / median / 1e6
    print(f"{name:<18} {median:>9.3f} {min(seconds):>8.3f} {max(seconds):>8.3f} {rate:>12.2f} {reference / median:>12.1f}×")
PYTHON
