#!/usr/bin/env bash
# Checks that the engine compiles for NVIDIA cards, on a machine that needs neither a card nor a driver: CUDA's
# compiler and libraries come as Python packages (2 GB, into target/). With --build, also links samovar-engine.
set -euo pipefail
cd "$(dirname "$0")/.."

build=false
case "${1:-}" in
    "") ;;
    --build) build=true ;;
    *) echo "usage: scripts/check_cuda.sh [--build]" >&2; exit 2 ;;
esac

# CUDA 13.0 is the oldest that comes as one tree; candle pins its cuDNN bindings to 9.21.
packages=(
    nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-cccl==13.0.85
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.1.0.3 nvidia-curand==10.4.0.35
    nvidia-cudnn-cu13==9.21.0.82
)
venv=$PWD/target/cuda-venv
[[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "${packages[@]}"
packaged=$(echo "$venv"/lib/python3*/site-packages/nvidia)
export CUDA_HOME=$packaged/cu13

# What an installed toolkit has beside it: the name lib64, libraries under the names that a linker asks for, and in
# stubs/ a libcuda.so, which otherwise comes with the driver. Every function of this one answers "no device".
ln -sfn lib "$CUDA_HOME/lib64"
ln -sf "$packaged"/cudnn/lib/*.so.* "$CUDA_HOME/lib"
ln -sf "$packaged"/cudnn/include/*.h "$CUDA_HOME/include"
for library in "$CUDA_HOME"/lib/*.so.*; do
    ln -sf "$(basename "$library")" "${library%%.so.*}.so"
done
mkdir -p "$CUDA_HOME/lib/stubs"
cc -E "$CUDA_HOME/include/cuda.h" | grep -oE '\bcu[A-Z][A-Za-z0-9_]*\(' | tr -d '(' | sort -u \
    | awk '{ print "int " $0 "(void) { return 100; }" }' \
    | cc -shared -x c -Wl,-soname,libcuda.so.1 -o "$CUDA_HOME/lib/stubs/libcuda.so" -
ln -sf libcuda.so "$CUDA_HOME/lib/stubs/libcuda.so.1"

export NVCC=$CUDA_HOME/bin/nvcc CUDARC_CUDA_VERSION=13000 CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}
engine=(--locked --no-default-features --features cuda --target-dir target/cuda)

step() { echo; echo "== $*"; "$@"; }

step cargo clippy "${engine[@]}" --lib --tests --bin samovar-engine -- -D warnings
if $build; then
    step cargo build "${engine[@]}" --bin samovar-engine
    # Started by hand it only says what it is: but then every library was found and fits.
    said=$(LD_LIBRARY_PATH=$CUDA_HOME/lib:$CUDA_HOME/lib/stubs target/cuda/debug/samovar-engine </dev/null 2>&1 || true)
    echo "$said"
    [[ $said == *"the engine of samovar"* ]]
fi
echo
echo "the engine compiles for CUDA"
