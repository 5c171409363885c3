#!/usr/bin/env bash
# Compares the commands `client` and `server` with the least that can exchange the same frames, and `simulate` with itself:
#
#   compare_exchange.sh [PACKAGES [ROUNDS]]     (default: 20000000 5)
#
# The floor is a bare pair of threads (benches/bare): the same frames, stamped, one ACK a package, the same window, a
# message in memory; `batched` with everything that is ready in one system call, `by frame` with one a frame. All run in
# turn on the same processors, round after round, so that a slow minute of the machine hits all of them: first on one
# processor, then on all. Times are from connecting to the end of the exchange, as each program says itself; processor
# seconds (user and system) are of the whole processes, reading the message and starting included. Ratios are the medians
# of the rounds' own ratios. Needs 10 bytes of $TMPDIR and as much memory a package; the message of P = 9999 has 400 MB.
set -euo pipefail

packages=${1:-20000000}
rounds=${2:-5}
root=$(cd "$(dirname "$0")/.." && pwd)
bin=$root/target/release
for program in client server simulate examples/bare_pair; do
    [[ -x $bin/$program ]] || { echo "needs cargo build --release --bins --example bare_pair" >&2; exit 2; }
done

folder=$(mktemp -d)
server_pid=
trap '[[ -z $server_pid ]] || kill $server_pid 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
TIMEFORMAT="%U %S"

# on CORES COMMAND…: pinned to one processor, or as it is.
on() {
    local cores=$1
    shift
    if [[ $cores == one ]] && command -v taskset >/dev/null; then taskset -c 0 "$@"; else "$@"; fi
}

# Prints `seconds user+system`.
bare() {
    local cores=$1
    shift
    { time on "$cores" "$bin/examples/bare_pair" "$@" >took; } 2>cpu
    echo "$(cat took) $(awk '{ print $1 + $2 }' cpu)"
}

commands() {
    local cores=$1 p=$2 window=$3
    rm -f log
    { time on "$cores" timeout 600 "$bin/server" --once --port 0 --max-msg-size "$p" >/dev/null 2>log; } 2>server_cpu &
    server_pid=$!
    for _ in $(seq 200); do grep -q listening log 2>/dev/null && break; sleep 0.02; done
    local port
    port=$(sed -n 's/.*listening on [^ ]*:\([0-9]*\),.*/\1/p' log)
    { time on "$cores" "$bin/client" --port "$port" --file message --window "$window" --timeout 30 2>table; } 2>cpu
    wait $server_pid
    server_pid=
    grep -q 'outcome *complete' table || { cat table >&2; exit 1; }
    echo "$(awk '$1 == "time" { print $2 }' table) $(cat cpu server_cpu | awk '{ sum += $1 + $2 } END { print sum }')"
}

for load in "10 64 $packages" "10 400 $packages" "9999 64 $((packages / 500))"; do
    read -r p window count <<<"$load"
    head -c $((p * count)) /dev/zero | tr '\0' x >message
    few=$((count / 20 > 1000 ? count / 20 : 1000))
    for cores in one all; do
        for ((round = 1; round <= rounds; round++)); do
            echo "$p $window $count $few $cores $(bare $cores batched "$p" "$window" "$count") \
$(commands $cores "$p" "$window") $(bare $cores plain "$p" "$window" "$few")" >>times
        done
        echo "P $p, window $window, $cores: done" >&2
    done
done
for ((round = 1; round <= rounds; round++)); do
    { time "$bin/simulate" --connections 100 --frames 10000000 -w /dev/null -F pcap 2>/dev/null; } 2>>simulated
done

echo "$(date -u +%F), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -sr), load $(cut -d' ' -f1 /proc/loadavg)"
echo "$(rustc --version), $rounds rounds"
python3 - <<'PYTHON'
import statistics

loads = {}
for line in open("times"):
    p, window, count, few, cores, *figures = line.split()
    loads.setdefault((p, window, int(count), int(few), cores), []).append([float(figure) for figure in figures])
print(f"{'P':>5} {'window':>6} {'cores':>5} | {'bare pair':>9} {'commands':>9} k/s | commands / pair: time, processor | / by frame")
for (p, window, count, few, cores), rounds in loads.items():
    median = lambda value: statistics.median(value(*figures) for figures in rounds)
    print(
        f"{p:>5} {window:>6} {cores:>5} |"
        f" {count / median(lambda bt, bc, ct, cc, pt, pc: bt) / 1e3:>9.0f}"
        f" {count / median(lambda bt, bc, ct, cc, pt, pc: ct) / 1e3:>9.0f}     |"
        f" {median(lambda bt, bc, ct, cc, pt, pc: bt / ct):>22.2f}"
        f" {median(lambda bt, bc, ct, cc, pt, pc: bc / cc):>10.2f} |"
        f" {median(lambda bt, bc, ct, cc, pt, pc: pt / few * count / ct):>10.1f}"
    )
seconds = [sum(map(float, line.split())) for line in open("simulated")]
print(f"simulate to /dev/null: {10 / statistics.median(seconds):.1f} M frames a processor second")
PYTHON
