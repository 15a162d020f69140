#!/usr/bin/env bash
# Brings models here: scripts/fetch_models.sh NAME… [--accept-licence]. Without arguments, lists them.
# A program that is already built is used as it is; only without one is it built.
set -euo pipefail
cd "$(dirname "$0")/.."

samovar=""
for built in target/release/samovar target/debug/samovar "$(command -v samovar || true)"; do
    if [[ -x "$built" ]]; then samovar="$built"; break; fi
done
if [[ -z "$samovar" ]]; then
    scripts/setup.sh
    cargo build --release --locked --bins
    samovar=target/release/samovar
fi
if (($# == 0)); then
    exec "$samovar" models list
fi
exec "$samovar" models fetch "$@"
