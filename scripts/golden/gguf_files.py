#!/usr/bin/env python3
"""Write tests/golden/flux/gguf: GGUF files of the tiny FLUX, and every block type with its values.

    python scripts/golden/gguf_files.py          # from anywhere; needs the packages of requirements.txt

`transformer-q8_0.gguf` has Black Forest Labs' names as published files have, `transformer-q4_0.gguf` the same with the
prefix of merged checkpoints, `t5.gguf` llama.cpp's names. `kinds.gguf` holds one tensor of each type, `kinds.safetensors`
what the gguf package makes of them.
"""
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants
from safetensors.numpy import load_file, save_file

FLUX = Path(__file__).resolve().parents[2] / "tests/golden/flux"
OUT = FLUX / "gguf"
T5 = (("encoder.", "enc."), (".block.", ".blk."), ("shared", "token_embd"), ("final_layer_norm", "output_norm"), ("layer.0.SelfAttention.relative_attention_bias", "attn_rel_b"),
      ("layer.0.SelfAttention.", "attn_"), ("layer.0.layer_norm", "attn_norm"), ("layer.1.layer_norm", "ffn_norm"), ("layer.1.DenseReluDense.wi_0", "ffn_gate"),
      ("layer.1.DenseReluDense.wi_1", "ffn_up"), ("layer.1.DenseReluDense.wo", "ffn_down"))
# Where a block of each type keeps its half-precision scales: random bytes there would be no numbers.
SCALES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}


def write(name, architecture, tensors):
    writer = gguf.GGUFWriter(OUT / name, architecture)
    writer.add_string("general.name", name)
    writer.add_array("tokens", ["one", "два"])
    for key, (data, kind) in tensors.items():
        writer.add_tensor(key, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def stored(value, kind):
    """A tensor in blocks of `kind` where its rows are whole blocks, else as converters leave it."""
    if value.ndim == 1:
        return value.astype(np.float32), Type.F32
    if value.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        return value.astype(np.float16), Type.F16
    return quants.quantize(value.astype(np.float32), kind), kind


def kinds():
    random = np.random.default_rng(8)
    tensors, values = {}, {}
    for kind, scales in SCALES.items():
        of, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (4, 512 // of, size), dtype=np.uint8)
        for at in scales:
            blocks[..., at : at + 2] = random.normal(0, 0.05, (4, 512 // of)).astype(np.float16)[..., None].view(np.uint8)
        raw = blocks.reshape(4, -1)
        tensors[kind.name] = raw, kind
        values[kind.name] = quants.dequantize(raw, kind)
    plain = random.normal(0, 1, (4, 512)).astype(np.float32)
    for kind in (Type.F32, Type.F16, Type.BF16):
        raw = quants.quantize(plain, kind)
        tensors[kind.name] = raw, kind
        values[kind.name] = quants.dequantize(raw, kind)
    write("kinds.gguf", "kinds", tensors)
    save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in values.items()}, OUT / "kinds.safetensors")


def main():
    OUT.mkdir(exist_ok=True)
    transformer = load_file(FLUX / "single/flux1-schnell.safetensors")
    write("transformer-q8_0.gguf", "flux", {k: stored(v, Type.Q8_0) for k, v in transformer.items()})
    write("transformer-q4_0.gguf", "flux", {"model.diffusion_model." + k: stored(v, Type.Q4_0) for k, v in transformer.items()})
    t5 = {}
    for key, value in load_file(next((FLUX / "schnell/text_encoder_2").glob("*.safetensors"))).items():
        for theirs, ours in T5:
            key = key.replace(theirs, ours)
        t5[key] = stored(value, Type.Q8_0)
    write("t5.gguf", "t5encoder", t5)
    kinds()


if __name__ == "__main__":
    main()
