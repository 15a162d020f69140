#!/usr/bin/env python3
"""Write tests/golden/tiny-a/sdxl-single.safetensors: tiny-a/sdxl as one original (ldm) SDXL checkpoint, f16.

    python scripts/golden/single_file.py             # write it
    python scripts/golden/single_file.py --check     # does diffusers draw the same from it?

Needs the packages of requirements.txt. The names are explained in tests/golden/README.md.
"""
import json
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden"
SOURCE = GOLDEN / "tiny-a/sdxl"
DEST = GOLDEN / "tiny-a/sdxl-single.safetensors"
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
OUTER = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
         "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0", "conv_out": "out.2"}


def weights(folder):
    return load_file(next((SOURCE / folder).glob("*.safetensors")))


def config(folder):
    return json.loads((SOURCE / folder / "config.json").read_text())


def unet_name(name, layers, attended):
    """ldm's name of a diffusers UNet tensor. `attended`: which up blocks have attentions."""
    if (m := next((k for k in OUTER if name.startswith(k + ".")), None)):
        return OUTER[m] + name[len(m):]
    renamed = lambda rest: ".".join([RESNET.get(rest.split(".")[0], rest.split(".")[0]), *rest.split(".")[1:]])
    if (m := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name)):
        return f"middle_block.{2 * int(m[2])}.{renamed(m[3])}" if m[1] == "resnets" else f"middle_block.{2 * int(m[2]) + 1}.{m[3]}"
    side, block, part, index, rest = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name).groups()
    block, index = int(block), int(index)
    if side == "down":
        at = 1 + block * (layers + 1) + index
        return {"resnets": f"input_blocks.{at}.0.{renamed(rest)}", "attentions": f"input_blocks.{at}.1.{rest}",
                "downsamplers": f"input_blocks.{1 + block * (layers + 1) + layers}.0.op.{rest.removeprefix('conv.')}"}[part]
    at = block * (layers + 1) + index
    return {"resnets": f"output_blocks.{at}.0.{renamed(rest)}", "attentions": f"output_blocks.{at}.1.{rest}",
            "upsamplers": f"output_blocks.{block * (layers + 1) + layers}.{2 if attended[block] else 1}.{rest}"}[part]


def unet():
    c = config("unet")
    attended = [t.startswith("CrossAttn") for t in c["up_block_types"]]
    return {"model.diffusion_model." + unet_name(k, c["layers_per_block"], attended): v for k, v in weights("unet").items()}


def vae():
    out, last = {}, len(config("vae")["block_out_channels"]) - 1
    for k, v in weights("vae").items():
        n = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", k)
        n = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", n)
        n = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{last - int(m[1])}.block", n)
        n = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{last - int(m[1])}.upsample", n)
        n = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", n)
        if "mid_block.attentions.0" in n:
            n = re.sub(r"to_([qkv])\b", r"\1", n.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm").replace("to_out.0", "proj_out"))
            v = v[:, :, None, None] if v.dim() == 2 else v   # the original's are 1x1 convolutions
        out["first_stage_model." + n.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")] = v
    return out


def text_encoder():
    out = {"conditioner.embedders.0.transformer." + k: v for k, v in weights("text_encoder").items()}
    return out | {"conditioner.embedders.0.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}


def text_encoder_2():
    """OpenCLIP's names; q, k, v in one matrix; the projection is (width, projection), applied from the right."""
    d, out = weights("text_encoder_2"), {}
    for k in [k for k in d if k.endswith(("q_proj.weight", "q_proj.bias"))]:
        base, kind = k.split(".q_proj.")
        out[f"{base}.in_proj_{kind}"] = torch.cat([d[f"{base}.{x}_proj.{kind}"] for x in "qkv"])
    out |= {k: v for k, v in d.items() if not re.search(r"\.[qkv]_proj\.", k)}
    names = (("text_model.encoder.layers.", "transformer.resblocks."), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
             ("self_attn", "attn"), ("text_model.final_layer_norm", "ln_final"), ("text_model.embeddings.token_embedding", "token_embedding"),
             ("text_model.embeddings.position_embedding.weight", "positional_embedding"), ("text_projection.weight", "text_projection"))
    final = {}
    for k, v in out.items():
        for a, b in names:
            k = k.replace(a, b)
        final["conditioner.embedders.1.model." + k] = v.T if k == "text_projection" else v
    return final | {"conditioner.embedders.1.model.logit_scale": torch.tensor(4.6055)}


def check():
    """Load the file with diffusers: the weights must equal the folder's, and the pictures tiny-a's."""
    import numpy as np
    from diffusers import StableDiffusionXLPipeline
    from PIL import Image
    torch.set_num_threads(1)
    pipe = StableDiffusionXLPipeline.from_single_file(str(DEST), config=str(SOURCE), torch_dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    folder = StableDiffusionXLPipeline.from_pretrained(SOURCE, variant="fp16", torch_dtype=torch.float32)
    for name in ("unet", "vae", "text_encoder", "text_encoder_2"):
        mine, theirs = getattr(pipe, name).state_dict(), getattr(folder, name).state_dict()
        assert mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in theirs), name
        print(name, len(mine), "tensors equal")
    for case in [c for c in json.loads((GOLDEN / "tiny-a/cases.json").read_text())["cases"] if c["kind"] == "txt2img"]:
        r = pipe(case["prompt"], num_inference_steps=case["steps"], guidance_scale=0.0, width=case["width"], height=case["height"], generator=torch.Generator().manual_seed(case["seed"])).images[0]
        off = np.abs(np.asarray(r, int) - np.asarray(Image.open(GOLDEN / "tiny-a" / case["file"]), int)).max()
        print(case["file"], "largest difference", off)
        assert off <= 1


def main():
    if "--check" in sys.argv:
        return check()
    parts = unet() | vae() | text_encoder() | text_encoder_2()
    save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in parts.items()}, DEST, {"format": "pt"})
    print(len(parts), "tensors", DEST.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
