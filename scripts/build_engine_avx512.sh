#!/usr/bin/env bash
# Builds samovar-engine-avx512, whose speech models use AVX-512 with VNNI, into a folder (target/release without one).
# samovar takes it by itself where it lies beside and the processor has the instructions; pictures need no such engine.
set -euo pipefail
cd "$(dirname "$0")/.."

# A target of its own: cargo does not see that whisper.cpp has to be built anew for other instructions.
GGML_AVX512=ON GGML_AVX512_VNNI=ON cargo build --release --locked --bin samovar-engine --target-dir target/avx512
install -D target/avx512/release/samovar-engine "${1:-target/release}/samovar-engine-avx512"
