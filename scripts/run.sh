#!/usr/bin/env bash
# Installs what is missing, builds both programs, and serves on http://127.0.0.1:8080 (see .env.example).
# Arguments go to `samovar serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cargo build --release --locked --bins
exec target/release/samovar serve "$@"
