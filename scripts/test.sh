#!/usr/bin/env bash
# Everything that CI runs. With --soak, also what takes long or needs the network.
set -euo pipefail
cd "$(dirname "$0")/.."

soak=false
case "${1:-}" in
    "") ;;
    --soak) soak=true ;;
    *) echo "usage: scripts/test.sh [--soak]" >&2; exit 2 ;;
esac

step() { echo; echo "== $*"; "$@"; }

scripts/setup.sh --tests
step cargo fmt --check
step cargo clippy --locked --workspace --all-targets -- -D warnings
step cargo clippy --locked --all-targets --no-default-features -- -D warnings
# Tests of the database run on SQLite and on a PostgreSQL that lives as long as they do.
step scripts/test_postgres.sh run cargo nextest run --locked --workspace
# Everything is documented for those who work on it: links to private items are wanted.
RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" step cargo doc --locked --workspace --no-deps --document-private-items --quiet
if $soak; then
    command -v cargo-deny >/dev/null || step cargo install --locked cargo-deny
    step cargo deny check
    step scripts/test_postgres.sh run cargo nextest run --locked --run-ignored only --no-tests=pass
fi
echo
echo "all passed"
