#!/usr/bin/env bash
# Fuzzes each target for a while and keeps what is new, in fuzz/work/ (not committed); stops at the first failure.
#
#   scripts/fuzz.sh [SECONDS=60] [TARGET...]        fuzz
#   scripts/fuzz.sh keep [TARGET...]                minimise what was found into fuzz/corpus/
#
# Needs cargo-fuzz; with a stable compiler RUSTC_BOOTSTRAP=1, which is set here. A line a run goes to fuzz/work/log:
# when, target, seconds of the processor, runs.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
export RUSTC_BOOTSTRAP=1

keep=
seconds=60
if [[ ${1-} == keep ]]; then
    keep=1
    shift
elif [[ ${1-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
targets=("$@")
if ((${#targets[@]} == 0)); then
    for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

cargo fuzz build
binaries=target/$(rustc -vV | sed -n 's/^host: //p')/release
for target in "${targets[@]}"; do
    work=work/$target
    mkdir -p "$work" "corpus/$target" "artifacts/$target"
    # Two of one target would write over each other's account.
    exec 9>"work/$target.lock"
    if ! flock -n 9; then
        echo "$target: is being fuzzed already; left out" >&2
        continue
    fi
    # Larger inputs are slower and seldom find more; an export's packet is large by itself.
    case $target in
        wireshark_json | rows | analysis) max_len=32768 ;;
        pcap | pcapng | compressed) max_len=8192 ;;
        *) max_len=2048 ;;
    esac
    if [[ -n $keep ]]; then
        small=$(mktemp -d)
        "$binaries/$target" -merge=1 -max_len="$max_len" -rss_limit_mb=2048 "$small" "corpus/$target" "$work"
        rm -r "corpus/$target"
        mv "$small" "corpus/$target"
        chmod 755 "corpus/$target"
        continue
    fi
    # User and system time of the fuzzer alone: what counts as fuzzing, however busy the machine.
    TIMEFORMAT='%U %S'
    { time "$binaries/$target" -max_total_time="$seconds" -max_len="$max_len" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" "$work" "corpus/$target" >"work/$target.out" 2>&1 || true
    } 2>"work/$target.time"
    grep -E '^(#[0-9]+\s+(DONE|INITED)|==|stat::(number|average)|SUMMARY)|panicked|^  (left|right)' "work/$target.out" || true
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "work/$target.out")
    seconds_used=$(awk '{ printf "%.0f", $1 + $2 }' "work/$target.time")
    echo "$(date -u +%FT%TZ) $target $seconds_used s ${runs:-?} runs" | tee -a work/log
    if grep -qE '^SUMMARY|Test unit written' "work/$target.out"; then
        echo "$target: see fuzz/work/$target.out and fuzz/artifacts/$target/" >&2
        exit 1
    fi
done
