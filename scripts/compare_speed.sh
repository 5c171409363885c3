#!/usr/bin/env bash
# Compares whole commands on generated captures: a bare walk over the records, decode, and tshark.
#
#   compare_speed.sh [PACKETS [RUNS [DECODE]]]     (default: 10000000 5 target/release/decode)
#
# The commands run in turn, round after round, so that a slow minute of the machine hits all of them. Times are
# processor seconds (user + system), which other work on the machine disturbs less than the wall clock; the ratio to
# the walk is the median of the rounds' ratios. tshark, slower by two orders of magnitude, reads the first 500000
# packets in at most two rounds. The captures lie in $TMPDIR while this runs: 114 bytes a packet, and 132 as pcapng.
set -euo pipefail

packets=${1:-10000000}
runs=${2:-5}
root=$(dirname "$0")/..
decode=${3:-$root/target/release/decode}
walk=$root/target/release/examples/walk
[[ -x $decode && -x $walk ]] || { echo "needs cargo build --release --bins --example walk" >&2; exit 2; }
for tool in tshark editcap; do
    command -v $tool >/dev/null || { echo "needs $tool" >&2; exit 2; }
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
capture=$folder/large.pcap
small=$folder/small.pcap
few=$((packets < 500000 ? packets : 500000))
python3 "$root/scripts/make_large.py" "$capture" --packets "$packets" --connections 100
editcap -F pcapng "$capture" "$folder/large.pcapng"
editcap -F nsecpcap -r "$capture" "$small" "1-$few"

names=(walk "decode --info" "decode -q" "decode -q, pcapng" "decode -T csv" "decode -T ndjson" "decode -T table"
    "tshark -T fields")
command_of() {
    case $1 in
        walk) "$walk" "$capture" ;;
        "decode -q, pcapng") "$decode" -q "$folder/large.pcapng" ;;
        decode*) "$decode" ${1#decode } "$capture" ;; # split on purpose: an option and its value
        tshark*) tshark -n -r "$small" -T fields -e frame.number -e frame.time_epoch -e tcp.stream -e ip.src \
            -e tcp.srcport -e tcp.seq -e tcp.len -e tcp.payload ;;
    esac
}

# Most resident memory in KiB, asked of the kernel while the command runs.
memory_of() {
    local most=0 now pid
    command_of "$1" >/dev/null 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        now=$(pgrep -P $pid 2>/dev/null | head -n 1)
        now=$(awk '/VmHWM/ { print $2 }' "/proc/${now:-$pid}/status" 2>/dev/null) || true
        ((${now:-0} > most)) && most=$now
        sleep 0.02
    done
    wait $pid
    echo "$most"
}

cat "$capture" "$folder/large.pcapng" >/dev/null # into the page cache
TIMEFORMAT="%U %S %R"
for ((round = 1; round <= runs; round++)); do
    for name in "${names[@]}"; do
        [[ $name == tshark* && $round -gt 2 ]] && continue
        { time command_of "$name" >/dev/null 2>&1; } 2>"$folder/time"
        echo "$round $(cat "$folder/time") $name" >>"$folder/times"
    done
    echo "round $round of $runs" >&2
done
for name in "${names[@]}"; do
    echo "$(memory_of "$name") $name" >>"$folder/memory"
done

echo "$(date -u +%F), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -sr), load $(cut -d' ' -f1 /proc/loadavg)"
echo "$(rustc --version), $(tshark --version 2>/dev/null | head -n 1)"
echo "$packets packets, $(stat -c %s "$capture") bytes, output to /dev/null, $runs rounds"
python3 - "$folder" "$packets" "$few" "${names[@]}" <<'PYTHON'
import statistics
import sys

folder, packets, few, names = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
rounds = {name: {} for name in names}
wall = {name: [] for name in names}
for line in open(f"{folder}/times"):
    number, user, system, real, name = line.rstrip("\n").split(" ", 4)
    read = few if name.startswith("tshark") else packets
    rounds[name][number] = (float(user) + float(system)) / read * 1e9
    wall[name].append(read / float(real) / 1e6)
memory = dict(reversed(line.rstrip("\n").split(" ", 1)) for line in open(f"{folder}/memory"))
print(f"| {'command':<18} | ns a packet | fastest | × walk | M packets/s (wall) | memory MiB |")
print(f"| {'-' * 18} | ----------: | ------: | -----: | -----------------: | ---------: |")
for name in names:
    costs = rounds[name]
    ratio = statistics.median(cost / rounds["walk"][number] for number, cost in costs.items())
    print(
        f"| {name:<18} | {statistics.median(costs.values()):>11.1f} | {min(costs.values()):>7.1f} | {ratio:>6.1f} "
        f"| {statistics.median(wall[name]):>18.3f} | {int(memory[name]) / 1024:>10.1f} |"
    )
PYTHON
