#!/usr/bin/env python3
"""Write FLUX.1-schnell's published shape with random weights, in files that Samovar and stable-diffusion.cpp both read.

    python benches/flux_checkpoint.py DIR [--kind q4_0|q4_k|q8_0]    # needs gguf, numpy, safetensors, torch, diffusers, transformers

`flux1-schnell-KIND.gguf` has the matrices of the transformer's blocks in ggml's blocks and all else in f16 and f32, as
published files do; beside it `t5.gguf` (Q4_0, llama.cpp's names), `clip_l.safetensors` and `ae.safetensors`.
"""
import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from diffusers import AutoencoderKL
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

WIDTH, MLP, T5 = 3072, 12288, 4096
# Of a block's random bytes: where its half-precision scales stand, and what each is at one unit of spread.
SCALES = {
    Type.Q4_0: {0: 1 / 4.6},
    Type.Q8_0: {0: 1 / 74},
    # Scales of six bits, 31.5 on average, times quants of 7.5 ± 4.6; the minimum takes the mean away.
    Type.Q4_K: {0: 1 / 190, 2: 7.5 / 190},
}


def transformer():
    """Names of Black Forest Labs' code, and shapes."""
    def linear(name, inputs, outputs):
        return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}

    def norm(name):
        return {f"{name}.query_norm.scale": (128,), f"{name}.key_norm.scale": (128,)}

    tensors = linear("img_in", 64, WIDTH) | linear("txt_in", T5, WIDTH)
    for name, inputs in (("time_in", 256), ("vector_in", 768)):
        tensors |= linear(f"{name}.in_layer", inputs, WIDTH) | linear(f"{name}.out_layer", WIDTH, WIDTH)
    for i in range(19):
        for side in ("img", "txt"):
            block = f"double_blocks.{i}.{side}"
            tensors |= linear(f"{block}_mod.lin", WIDTH, 6 * WIDTH) | linear(f"{block}_attn.qkv", WIDTH, 3 * WIDTH)
            tensors |= norm(f"{block}_attn.norm") | linear(f"{block}_attn.proj", WIDTH, WIDTH)
            tensors |= linear(f"{block}_mlp.0", WIDTH, MLP) | linear(f"{block}_mlp.2", MLP, WIDTH)
    for i in range(38):
        block = f"single_blocks.{i}"
        tensors |= linear(f"{block}.modulation.lin", WIDTH, 3 * WIDTH) | norm(f"{block}.norm")
        tensors |= linear(f"{block}.linear1", WIDTH, 3 * WIDTH + MLP) | linear(f"{block}.linear2", WIDTH + MLP, WIDTH)
    tensors |= linear("final_layer.linear", WIDTH, 64) | linear("final_layer.adaLN_modulation.1", WIDTH, 2 * WIDTH)
    return tensors


def t5():
    """llama.cpp's names of T5's encoder, and shapes."""
    tensors = {"token_embd.weight": (32128, T5), "enc.output_norm.weight": (T5,), "enc.blk.0.attn_rel_b.weight": (32, 64)}
    for i in range(24):
        block = f"enc.blk.{i}"
        tensors |= {f"{block}.attn_{part}.weight": (T5, T5) for part in "qkvo"}
        tensors |= {f"{block}.ffn_{part}.weight": (10240, T5) for part in ("gate", "up")}
        tensors |= {f"{block}.ffn_down.weight": (T5, 10240)}
        tensors |= {f"{block}.{norm}.weight": (T5,) for norm in ("attn_norm", "ffn_norm")}
    return tensors


def stored_as(name, shape, kind):
    if len(shape) == 1 or "attn_rel_b" in name:
        return Type.F32
    return kind if "_blocks." in name or "blk." in name or name == "token_embd.weight" else Type.F16


def random_tensor(random, name, shape, kind):
    if kind == Type.F32:
        plain = np.ones(shape) if name.endswith(("scale", "norm.weight")) else random.normal(0, 0.01, shape)
        return plain.astype(np.float32)
    # Variance 1 / inputs keeps activations of the size a trained model has.
    spread = shape[-1] ** -0.5
    if kind == Type.F16:
        return (random.standard_normal(shape, dtype=np.float32) * spread).astype(np.float16)
    of, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.frombuffer(random.bytes(shape[0] * shape[1] // of * size), dtype=np.uint8).reshape(-1, size).copy()
    for at, unit in SCALES[kind].items():
        blocks[:, at : at + 2] = np.frombuffer(np.float16(unit * spread).tobytes(), dtype=np.uint8)
    return blocks.reshape(shape[0], -1)


def write(path, architecture, tensors, kind):
    random = np.random.default_rng(8)
    writer = gguf.GGUFWriter(path, architecture)
    kinds = {name: stored_as(name, shape, kind) for name, shape in tensors.items()}
    for name, shape in tensors.items():
        of, size = gguf.GGML_QUANT_SIZES[kinds[name]]
        rows = shape if kinds[name] in (Type.F32, Type.F16) else (shape[0], shape[1] // of * size)
        dtype = {Type.F32: np.float32, Type.F16: np.float16}.get(kinds[name], np.uint8)
        writer.add_tensor_info(name, rows, np.dtype(dtype), int(np.prod(shape)) // of * size, raw_dtype=kinds[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, shape in tensors.items():
        writer.write_tensor_data(random_tensor(random, name, shape, kinds[name]))
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", default="q4_0", choices=["q4_0", "q4_k", "q8_0"])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(8)
    path = args.out / f"flux1-schnell-{args.kind}.gguf"
    if not path.exists():
        write(path, "flux", transformer(), Type[args.kind.upper()])
    if not (args.out / "t5.gguf").exists():
        write(args.out / "t5.gguf", "t5encoder", t5(), Type.Q4_0)
    if not (args.out / "clip_l.safetensors").exists():
        clip = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, projection_dim=768))
        # Newer versions leave out the prefix that published files have.
        weights = {("" if name.startswith("text_model.") else "text_model.") + name: value.half().contiguous() for name, value in clip.state_dict().items() if "position_ids" not in name}
        save_file(weights, args.out / "clip_l.safetensors")
    if not (args.out / "ae.safetensors").exists():
        vae = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[128, 256, 512, 512],
            layers_per_block=2, latent_channels=16, use_quant_conv=False, use_post_quant_conv=False)
        save_file({name: value.contiguous() for name, value in vae.state_dict().items()}, args.out / "ae.safetensors")


main()
