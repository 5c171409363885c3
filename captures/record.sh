#!/usr/bin/env bash
# Records the five reference runs (docs/protocol.md, section 7) as the real client and server play them on loopback:
#
#     captures/record.sh [FOLDER] [BINARIES]
#
# FOLDER is captures/recorded unless given; BINARIES, the folder of `client` and `server`, is target/release, and they
# are built if they are not there. tcpdump records where it is there and may (it needs root or CAP_NET_RAW); else the
# client's --capture does. Each run becomes runN.pcapng and, where tshark is there, runN.json. It takes a
# minute and a half: new packages are 0.8 s apart, so that, as in the reference's runs, the timer of a window's first
# package has ended when the window of three is full, and not before.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/recorded}
binaries=${2:-$here/../target/release}
port=${PORT:-55558}

if [[ ! -x $binaries/client || ! -x $binaries/server ]]; then
    [[ $# -lt 2 ]] || { echo "record.sh: needed client and server in $binaries; there is none" >&2; exit 2; }
    cargo build --release --locked --manifest-path "$here/../Cargo.toml" --bin client --bin server
fi
mkdir -p "$folder"
work=$(mktemp -d)
server_pid=
tcpdump_pid=
clean_up() {
    [[ -z $server_pid ]] || kill "$server_pid" 2>/dev/null || true
    [[ -z $tcpdump_pid ]] || kill "$tcpdump_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

# Waits for words in a file that a process writes, at most ten seconds; fails too when the process ends without them.
wait_for() {
    local words=$1 file=$2 pid=$3
    for _ in $(seq 100); do
        grep -q "$words" "$file" 2>/dev/null && return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    grep -q "$words" "$file" 2>/dev/null
}

start_tcpdump() {
    tcpdump_pid=
    command -v tcpdump >/dev/null && command -v editcap >/dev/null || return 1
    tcpdump -n -U -i lo --immediate-mode --time-stamp-precision=nano -w "$work/raw.pcap" "tcp port $port" \
        2>"$work/tcpdump.log" &
    tcpdump_pid=$!
    wait_for 'listening on' "$work/tcpdump.log" "$tcpdump_pid" && return 0
    wait "$tcpdump_pid" || true
    tcpdump_pid=
    return 1
}

# record NUMBER P TIMEOUT "CLIENT'S LOSSES" "SERVER'S LOSSES"
record() {
    local run=$1 p=$2 timeout=$3
    local -a client_losses server_losses own=()
    read -ra client_losses <<<"$4"
    read -ra server_losses <<<"$5"
    rm -f "$folder/run$run.pcapng" "$folder/run$run.json" "$work"/*
    if ! start_tcpdump; then
        own=(--capture "$folder/run$run.pcapng")
    fi

    "$binaries/server" --once --port "$port" --max-msg-size "$p" "${server_losses[@]}" \
        >"$work/message" 2>"$work/server.log" &
    server_pid=$!
    wait_for 'listening on' "$work/server.log" "$server_pid" || { cat "$work/server.log" >&2; exit 1; }
    "$binaries/client" --port "$port" --message "$message" --window 3 --timeout "$timeout" --resend eager --pace 800 \
        "${client_losses[@]}" "${own[@]}" 2>"$work/client.log" || { cat "$work/client.log" >&2; exit 1; }
    wait "$server_pid" || { cat "$work/server.log" >&2; exit 1; }
    server_pid=
    [[ $(cat "$work/message") == "$message" ]] || { echo "record.sh: run $run's message came changed" >&2; exit 1; }

    local by='the client (--capture)'
    if [[ -n $tcpdump_pid ]]; then
        sleep 0.5
        kill -INT "$tcpdump_pid"
        wait "$tcpdump_pid" || true
        tcpdump_pid=
        # Others may have used the port on another address meanwhile.
        local client_port
        client_port=$(sed -n 's/^server: client 1 (.*:\([0-9]*\)): connected$/\1/p' "$work/server.log")
        tcpdump -n -r "$work/raw.pcap" --time-stamp-precision=nano -w "$work/run.pcap" \
            "tcp port $port and tcp port $client_port" 2>/dev/null
        editcap -F pcapng --capture-comment "Reference run $run, client and server of arqscope, recorded by tcpdump" \
            "$work/run.pcap" "$folder/run$run.pcapng"
        by='tcpdump'
    fi
    if command -v tshark >/dev/null; then
        TZ=UTC tshark -n -r "$folder/run$run.pcapng" -T json >"$folder/run$run.json" 2>/dev/null
    fi
    echo "run $run: $folder/run$run.pcapng, recorded by $by"
}

message='"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll"'
record 1 4 2 '--lose 4,9,10' ''
record 2 4 2 '' '--lose-acks 4,9,10'
record 3 4 2 '' '--lose-acks 9,10,11'
record 4 5 2 '--lose 7,9,11' '--lose-acks 6,8,10'
# The stray ACKs of the reference's run 5 came from a server patched for that test; one that keeps the rules makes none.
record 5 10 1 '' '--lose-done 2'
