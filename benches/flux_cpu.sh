#!/bin/sh
# FLUX.1-schnell on this machine's CPU: samovar's modes and stable-diffusion.cpp, in turn, on the same random file of the
# published shape with the same threads. Prints the seconds of a step, every run and the medians.
#
#   benches/flux_cpu.sh --peer PROGRAM [--rounds N] [--steps N] [--threads N] [--side PIXELS] [--kind q4_0|q4_k|q8_0]
#                       [--keep DIR] [--python PROGRAM] [--samovar PROGRAM]
#
# --peer is stable-diffusion.cpp's `sd-cli`, built from its sources (`cmake -DCMAKE_BUILD_TYPE=Release`, which takes this
# processor's instructions). Without --python, what writes the files is installed into target/bench-venv. They take 10 GB
# of disk (16 with q8_0) and stay in target/bench-flux (or --keep) for the next time.
set -eu
cd "$(dirname "$0")/.."

rounds=2 steps=1 threads=$(nproc) side=512 kind=q4_0
keep=target/bench-flux python='' samovar='' peer=''
while [ $# -gt 1 ]; do
    case $1 in
        --peer) peer=$2 ;;
        --rounds) rounds=$2 ;;
        --steps) steps=$2 ;;
        --threads) threads=$2 ;;
        --side) side=$2 ;;
        --kind) kind=$2 ;;
        --keep) keep=$2 ;;
        --python) python=$2 ;;
        --samovar) samovar=$2 ;;
        *) break ;;
    esac
    shift 2
done
if [ $# -gt 0 ] || [ -z "$peer" ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

if [ -z "$samovar" ]; then
    cargo build --release --no-default-features --features engine --bins
    samovar=target/release/samovar
fi
file=$keep/flux1-schnell-$kind.gguf
if [ ! -e "$file" ] || [ ! -e "$keep/ae.safetensors" ]; then
    if [ -z "$python" ]; then
        python=target/bench-venv/bin/python
        [ -x "$python" ] || python3 -m venv target/bench-venv
        "$python" -m pip install --quiet gguf numpy safetensors torch diffusers transformers accelerate
    fi
    "$python" benches/flux_checkpoint.py "$keep" --kind "$kind"
fi

results=$(mktemp)
log=$(mktemp)
trap 'rm -f "$results" "$log"' EXIT
ours() { # mode
    echo "== samovar, $1"
    SAMOVAR_THREADS=$threads "$samovar" bench "$file" --mode "$1" --steps "$steps" --runs 1 \
        --width "$side" --height "$side" --json | tee "$log"
    tail -n 1 "$log" | sed "s/.*\"step_s\":\([0-9.]*\).*/samovar_$1 \1/" >>"$results"
}
round=1
while [ "$round" -le "$rounds" ]; do
    echo "== round $round of $rounds"
    echo "== stable-diffusion.cpp"
    "$peer" --diffusion-model "$file" --clip_l "$keep/clip_l.safetensors" --t5xxl "$keep/t5.gguf" \
        --vae "$keep/ae.safetensors" -p 'a lighthouse in a storm' --cfg-scale 1 --sampling-method euler \
        --steps "$steps" -W "$side" -H "$side" -t "$threads" -o "$keep/peer.png" -v >"$log" 2>&1 || { cat "$log"; exit 1; }
    grep -E 'completed, taking|total' "$log"
    sed -n 's/.*sampling completed, taking \([0-9.]*\)s.*/\1/p' "$log" |
        awk -v steps="$steps" '{ print "stable-diffusion.cpp", $1 / steps }' >>"$results"
    ours exact
    ours fast
    round=$((round + 1))
done
echo "== seconds a step, medians"
sort -k1,1 -k2,2n "$results" | awk '
    { if ($1 != of) { if (of) tell(); of = $1; n = 0 } at[++n] = $2 }
    function tell() { printf "%-24s %8.2f\n", of, n % 2 ? at[(n + 1) / 2] : (at[n / 2] + at[n / 2 + 1]) / 2 }
    END { tell() }'
