#!/usr/bin/env bash
# Installs what building and testing Samovar needs on Debian or Ubuntu, only where it is missing. Rust itself comes
# from https://rustup.rs (rust-toolchain.toml names the version). Quick when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }

tests=false
[[ "${1:-}" != --tests ]] || tests=true

packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need cc build-essential
# libopus and whisper.cpp are built from the sources that their crates bring; the latter is C++.
need c++ build-essential
need cmake cmake
need curl curl
need git git
need python3 python3
# Debian splits venv from Python: the module is there but cannot make an environment without ensurepip.
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
# What texts on pictures are written with.
fonts=${SAMOVAR_FONTS_DIR:-/usr/share/fonts/truetype/noto}
[[ -f $fonts/NotoSans-Regular.ttf && -f $fonts/NotoSans-Bold.ttf ]] || packages+=(fonts-noto-core)
[[ -f $fonts/NotoColorEmoji.ttf ]] || packages+=(fonts-noto-color-emoji)
# The tests start a server of their own. Debian keeps PostgreSQL's programs out of PATH.
if $tests && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then need initdb postgresql; fi

if ((${#packages[@]})); then
    command -v apt-get >/dev/null || { say "missing: ${packages[*]}; install them with your package manager"; exit 1; }
    root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || { say "missing: ${packages[*]}; run this as root, or install sudo"; exit 1; }
        root=(sudo)
    fi
    say "installing ${packages[*]}"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

command -v cargo >/dev/null || { say "Rust is missing: install it from https://rustup.rs, then run this again"; exit 1; }

# What only the tests need; `scripts/run.sh` does not ask for it.
if $tests; then
    if ! command -v cargo-nextest >/dev/null; then
        say "installing cargo-nextest, which takes some minutes"
        cargo install --locked cargo-nextest
    fi
    if ! .venv/bin/python -c 'import openai' 2>/dev/null; then
        say "installing the openai client into .venv"
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check openai
    fi
fi
