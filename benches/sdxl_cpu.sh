#!/bin/sh
# One-step SDXL on this machine's CPU: samovar's modes and diffusers, in turn, on the same random f16 checkpoint with the
# same threads. Prints every run and the table of medians.
#
#   benches/sdxl_cpu.sh [--runs N] [--rounds N] [--threads N] [--width W] [--height H] [--keep DIR]
#                       [--python PROGRAM] [--samovar PROGRAM] [--ours-only] [-- options of diffusers_side.py]
#
# Without --python, torch and diffusers are installed into target/bench-venv. diffusers needs about 20 GB of memory
# at 512x512; the checkpoint takes 7 GB of disk and stays in target/bench-sdxl (or --keep) for the next time.
set -eu
cd "$(dirname "$0")/.."

runs=2 rounds=2 threads=$(nproc) width=512 height=512
keep=target/bench-sdxl python='' samovar='' ours_only=''
while [ $# -gt 0 ]; do
    case $1 in
        --runs) runs=$2; shift 2 ;;
        --rounds) rounds=$2; shift 2 ;;
        --threads) threads=$2; shift 2 ;;
        --width) width=$2; shift 2 ;;
        --height) height=$2; shift 2 ;;
        --keep) keep=$2; shift 2 ;;
        --python) python=$2; shift 2 ;;
        --samovar) samovar=$2; shift 2 ;;
        --ours-only) ours_only=1; shift ;;
        --) shift; break ;;
        *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done

if [ -z "$samovar" ]; then
    cargo build --release --no-default-features --features engine --bins
    samovar=target/release/samovar
fi
if [ -z "$python" ] && [ -z "$ours_only" ]; then
    python=target/bench-venv/bin/python
    if [ ! -x "$python" ]; then
        python3 -m venv target/bench-venv
        "$python" -m pip install --quiet torch diffusers transformers accelerate safetensors
    fi
fi

export SAMOVAR_THREADS="$threads"
size="--width $width --height $height"
if [ ! -e "$keep/unet/diffusion_pytorch_model.fp16.safetensors" ]; then
    echo "== the checkpoint, written to $keep"
    "$samovar" bench sdxl-turbo --synthetic --save "$keep" --mode exact --width 64 --height 64 --runs 1
fi

if [ ! -e "$keep/taesd" ] && [ -n "$python" ]; then
    "$python" - "$keep/taesd" <<'TAESD'
import sys
from diffusers import AutoencoderTiny

AutoencoderTiny().half().save_pretrained(sys.argv[1])
TAESD
fi

results=$(mktemp)
trap 'rm -f "$results"' EXIT
ours() { # name, then options of `samovar bench`
    name=$1; shift
    echo "== samovar, $name"
    # shellcheck disable=SC2086
    "$samovar" bench "$@" $size --steps 1 --runs "$runs" --json | tee /dev/stderr | tail -n 1 |
        sed "s/^{/{\"side\":\"samovar $name\",/" >>"$results"
}
round=1
while [ "$round" -le "$rounds" ]; do
    echo "== round $round of $rounds"
    if [ -z "$ours_only" ]; then
        echo "== diffusers, f32"
        # shellcheck disable=SC2086
        "$python" benches/diffusers_side.py "$keep" --threads "$threads" --runs "$runs" $size "$@" |
            tee /dev/stderr | tail -n 1 | sed 's/^{/{"side":"diffusers f32",/' >>"$results"
    fi
    ours exact "$keep" --mode exact
    ours fast "$keep" --mode fast
    if [ -e "$keep/taesd" ]; then
        ours 'fast, taesd' "$keep" --mode fast --decoder taesd
    else
        ours 'fast, taesd' sdxl-turbo --synthetic --mode fast --decoder taesd
    fi
    round=$((round + 1))
done

"${python:-python3}" - "$results" <<'TABLE'
import json
import statistics
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
sides = list(dict.fromkeys(row["side"] for row in rows))
medians = {
    side: {
        key: statistics.median(row[key] for row in rows if row["side"] == side and key in row)
        for key in ["load_s", "text_s", "denoise_s", "decode_s", "total_s", "peak_rss_bytes"]
        if any(key in row for row in rows if row["side"] == side)
    }
    for side in sides
}
base = medians.get("diffusers f32", {}).get("total_s")
print(f"{'':22} {'load':>7} {'text':>7} {'denoise':>8} {'decode':>7} {'total':>7} {'ratio':>6} {'peak GB':>8}")
for side, of in medians.items():
    seconds = [f"{of.get(key, float('nan')):>{w}.2f}" for key, w in
               [("load_s", 7), ("text_s", 7), ("denoise_s", 8), ("decode_s", 7), ("total_s", 7)]]
    ratio = f"{of['total_s'] / base:>6.2f}" if base and "total_s" in of else f"{'':>6}"
    print(f"{side:22} {' '.join(seconds)} {ratio} {of['peak_rss_bytes'] / 1e9:>8.2f}")
TABLE
