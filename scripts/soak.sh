#!/usr/bin/env bash
# Besieges the release build of `server`: see examples/soak/main.rs. Loopback only, bounded in count and time.
#
#     scripts/soak.sh [--connections 5000] [--hostile 0.3] [--seconds 600] [--seed 1] [--open-files N] [--address-space MIB] …
#
# Prints what was promised and seen; exit code 1 when a promise is broken.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release --bin server
cargo build --locked --example soak
# Two for each client at the server, one here.
files=$(ulimit -Hn)
ulimit -n "$files"
exec target/debug/examples/soak --server target/release/server "$@"
