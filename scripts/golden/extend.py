#!/usr/bin/env python3
"""Write tests/golden/more: what diffusers computes where tests/golden/tiny-a has no case.

    python scripts/golden/extend.py            # from anywhere; needs the packages of requirements.txt

Weights are those of tests/golden/tiny-a and models/demo, only the scheduler's settings vary.
Everything is computed in f32 on one CPU thread.
"""
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import (AutoencoderTiny, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline)
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
OUT = GOLDEN / "more"
MODELS = {"tiny-a": GOLDEN / "tiny-a/sdxl", "demo": ROOT / "models/demo"}
SCHEDULERS = {"euler_a": EulerAncestralDiscreteScheduler, "euler": EulerDiscreteScheduler}
SPACINGS = ("trailing", "leading", "linspace")
STEPS = (1, 2, 3, 4, 7, 16, 20, 25, 30, 48, 50, 61)


def scheduler_tables():
    """Timesteps, sigmas and the start noise's deviation by scheduler, spacing and number of steps."""
    out = {}
    for name, kind in SCHEDULERS.items():
        for spacing in SPACINGS:
            s = kind(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing=spacing)
            for n in STEPS:
                s.set_timesteps(n)
                key = f"sched.{name}.{spacing}.n{n}"
                out |= {f"{key}.timesteps": s.timesteps.float(), f"{key}.sigmas": s.sigmas.float(),
                        f"{key}.init_noise_sigma": torch.tensor([float(s.init_noise_sigma)])}
    return out | {"sched.betas": s.betas, "sched.alphas_cumprod": s.alphas_cumprod}


def noise():
    """torch.randn by seed and size, and several draws in a row from one generator (their sizes are in the name)."""
    out = {}
    for seed in (1, 7, 123456789012, 2**31, 2**62 + 12345):
        for n in (2, 8, 17, 24, 31, 33, 4 * 9 * 13):
            out[f"randn.seed{seed}.n{n}"] = torch.randn(n, generator=torch.Generator().manual_seed(seed))
    for seed, sizes in ((42, (17, 5, 31, 256)), (3, (468, 468, 468)), (9, (1, 1, 1, 16, 15, 16))):
        g = torch.Generator().manual_seed(seed)
        out[f"randn.seed{seed}.row{'-'.join(map(str, sizes))}"] = torch.cat([torch.randn(n, generator=g) for n in sizes])
    return out


def stages(pipe):
    """What each part of tiny-a's UNet and VAE gives: a picture hardly shows a mistake in a middle block, these do.

    Inputs are those of tiny-a/golden.safetensors: prompt 0, `sdxl.unet.64x64.in` at t 499, the same times 8
    for the decoder, `sdxl.vae.64x64.pixels` for the encoder.
    """
    gold, out, hooks = load_file(GOLDEN / "tiny-a/golden.safetensors"), {}, []

    def watch(name, module, inputs=False):
        def keep(_, args, result):
            if inputs:
                out[f"{name}.in"] = args[0].clone()
            out[name] = (result[0] if isinstance(result, tuple) else result).clone()
        hooks.append(module.register_forward_hook(keep))

    unet, vae = pipe.unet, pipe.vae
    for name in ("time_embedding", "add_embedding", "conv_in", "mid_block"):
        watch(f"stage.unet.{name}", getattr(unet, name))
    for side in ("down_blocks", "up_blocks"):
        for i, block in enumerate(getattr(unet, side)):
            watch(f"stage.unet.{side}.{i}", block)
    middle = {"resnets.0": unet.mid_block.resnets[0], "attentions.0": unet.mid_block.attentions[0],
              "attentions.0.transformer_blocks.0": unet.mid_block.attentions[0].transformer_blocks[0]}
    for name, module in middle.items():
        watch(f"stage.unet.mid_block.{name}", module, inputs=True)
    for name, module in (("encoder", vae.encoder), ("decoder", vae.decoder)):
        watch(f"stage.vae.{name}.mid_block", module.mid_block, inputs=True)
        watch(f"stage.vae.{name}.mid_block.attentions.0", module.mid_block.attentions[0], inputs=True)
    watch("stage.vae.quant_conv", vae.quant_conv)
    x, text = gold["sdxl.unet.64x64.in"], torch.cat([gold["sdxl.prompt0.te1"], gold["sdxl.prompt0.te2"]], -1)
    added = lambda h, w: {"text_embeds": gold["sdxl.prompt0.pooled"], "time_ids": torch.tensor([[h, w, 0, 0, h, w]]).float()}
    unet(x, 499.0, encoder_hidden_states=text, added_cond_kwargs=added(64, 64))
    vae.decode(x * 8)
    vae.encode(gold["sdxl.vae.64x64.pixels"])
    for h in hooks:
        h.remove()
    x = torch.randn(1, 4, 13, 9, generator=torch.Generator().manual_seed(7))
    out["unet.72x104.in"], out["unet.72x104.t333.25"] = x, unet(x, 333.25, encoder_hidden_states=text, added_cond_kwargs=added(104, 72)).sample
    return out


PROMPTS = [
    "", " ", "!", "!!", "a!b", "hello!!! world!", "wow! !wow !", "?!?!...!", "A Red APPLE", "a  red   apple", "  leading and trailing  ",
    "tabs\tand\nnew\r\nlines\u0085\u00a0nbsp\u2003em\u3000wide", "it's we're I'll don't they've I'm she'd 'tis O'Neil's", "it\u2019s curly \u201cquotes\u201d",
    "\U0001f431", "a \U0001f431 in \U0001f680!", "\U0001f468\u200d\U0001f469\u200d\U0001f467 family", "\U0001f1f7\U0001f1fa flag \u2764\ufe0f", "thumbs \U0001f44d\U0001f3fd",
    "\u4e00\u53ea\u5728\u96ea\u5730\u91cc\u7684\u732b", "\u65e5\u672c\u306e\u5bcc\u58eb\u5c71\u3001\u590f", "\ud55c\uad6d\uc5b4 \uace0\uc591\uc774", "\u0642\u0637\u0629 \u062d\u0645\u0631\u0627\u0621 \u0641\u064a \u0627\u0644\u0641\u0636\u0627\u0621", "\u05d7\u05ea\u05d5\u05dc \u05d0\u05d3\u05d5\u05dd",
    "\u092c\u093f\u0932\u094d\u0932\u0940", "\u0e41\u0e21\u0e27", "\u0420\u044b\u0436\u0438\u0439 \u041a\u041e\u0422, \u0401\u043b\u043a\u0430!", "caf\u00e9 na\u00efve", "cafe\u0301 nai\u0308ve", "\u0439 \u0438\u0306 \u0451 \u0435\u0308",
    "\u0130stanbul \u1e9e \u03a3\u0391\u03a3 \u01c5", "\ufb01sh \u2167 \u00bd x\u00b2 \uff11\uff12", "1920s 35mm f/1.8 3.14159 007", "8k,4k;(masterpiece:1.2),[bad]", "a_b-c/d\\e|f", "$100 & 50% @home #tag ^_^ ~`",
    "</w>", "cat</w> dog", "<|endoftext|>", "a <|endoftext|> b", "<|startoftext|>cat", "<|ENDOFTEXT|> x", "<|endoftext|", "zero\u200bwidth\u200djoin\ufeffbom", "nul\u0000 bell\u0007 esc\u001b del\u007f", "\u202eright to left\u202c",
    "Donaudampfschifffahrtselektrizit\u00e4tenhauptbetriebswerkbauunterbeamtengesellschaft", "\u0434\u0435\u0432\u044f\u043d\u043e\u0441\u0442\u043e\u0434\u0435\u0432\u044f\u0442\u0438\u043b\u0435\u0442\u043d\u0438\u0439" * 6, "a" * 300, "aB1" * 60, "!" * 100, "word " * 74 + "last", "word " * 75 + "last", "word " * 74 + "!", "photo, " * 60,
    "\U0001f600" * 40, "\U00010348\U0001d518\u2603", "http://example.org/?q=1&r=2", "don''t 'S 'LL we'Re",
]


def tokens():
    """Both tokenizers' ids, cut to 77, with the start and end tokens and without padding."""
    a, b = (CLIPTokenizer.from_pretrained(MODELS["tiny-a"] / f) for f in ("tokenizer", "tokenizer_2"))
    ids = lambda t, p: t(p, max_length=77, truncation=True).input_ids
    return [dict(prompt=p, ids1=ids(a, p), ids2=ids(b, p)) for p in PROMPTS]


def inputs():
    """Init pictures and masks, and what Pillow makes of them at other sizes (the file name says which)."""
    y, x = np.mgrid[:80, :100]
    rng = np.random.default_rng(5)
    a = np.stack([x * 2.5, y * 3, 128 + 100 * np.sin(x / 5) * np.cos(y / 7)], -1) + rng.normal(0, 12, (80, 100, 3))
    a[20:50, 30:60] = (240, 30, 20)
    init = Image.fromarray(a.clip(0, 255).astype("uint8"))
    init.save(OUT / "init_100x80.png")
    for size in ((96, 80), (96, 64), (64, 64), (72, 104), (160, 128)):
        init.resize(size, Image.LANCZOS).save(OUT / f"init_100x80_to_{size[0]}x{size[1]}.png")
    y, x = np.mgrid[:64, :64]
    soft = (255 * (1.2 - np.hypot(x - 36.0, y - 28.0) / 26)).clip(0, 255)
    Image.fromarray(soft.round().astype("uint8")).save(OUT / "mask_soft_64x64.png")
    y, x = np.mgrid[:50, :90]
    soft = (255 * (1.3 - np.hypot(x - 40.0, y - 25.0) / 24)).clip(0, 255)
    Image.fromarray(soft.round().astype("uint8")).save(OUT / "mask_soft_90x50.png")


def cases():
    """Every picture: defaults are tiny-a, its own scheduler, guidance 0, 64x64, the real VAE."""
    red, cat, low = "a red apple", "Рыжий кот в скафандре, акварель!", "blurry, low quality"
    base = dict(scheduler="euler", spacing="leading")       # as SDXL base 1.0 ships
    t = lambda name, **k: dict(kind="txt2img", file=f"{name}.png", width=64, height=64) | k
    i = lambda name, **k: dict(kind="img2img", file=f"{name}.png", image="../tiny-a/init.png") | k
    p = lambda name, **k: dict(kind="inpaint", file=f"{name}.png", image="../tiny-a/init.png", mask="mask_soft_64x64.png", width=64, height=64) | k
    demo = dict(model="demo", prompt="ракета", width=128, height=128)
    big = "init_100x80.png"
    return [
        t("euler_leading_cfg5_steps6", prompt=cat, negative=low, guidance=5.0, seed=31, steps=6, **base),
        t("euler_leading_cfg5_steps20_96x64", prompt=red, negative=low, guidance=5.0, seed=32, steps=20, **base) | dict(width=96),
        t("euler_a_leading_steps3", prompt=red, seed=33, steps=3, spacing="leading"),
        t("euler_a_linspace_steps3", prompt=red, seed=34, steps=3, spacing="linspace"),
        t("euler_linspace_cfg3_steps4", prompt=cat, negative=low, guidance=3.0, seed=35, steps=4, scheduler="euler", spacing="linspace"),
        t("cfg_no_negative", prompt=red, guidance=2.0, seed=36, steps=2),
        t("cfg_empty_negative", prompt=cat, negative="", guidance=4.0, seed=36, steps=3),
        t("guidance_1_is_none", prompt=cat, negative=low, guidance=1.0, seed=36, steps=3),
        t("size_72x104", prompt=red, seed=37, steps=3) | dict(width=72, height=104),
        t("size_136x88_cfg", prompt=red, negative=low, guidance=3.0, seed=38, steps=2) | dict(width=136, height=88),
        t("steps50", prompt=red, seed=39, steps=50),
        t("steps16", prompt=red, seed=40, steps=16),
        t("batch_first", prompt=red, seed=41, steps=3, batch=0),
        t("batch_second", prompt=red, seed=42, steps=3, batch=1),
        t("taesd_p0_seed42_steps2", prompt=red, seed=42, steps=2, decoder="taesd"),
        t("taesd_96x64_steps1", prompt=cat, seed=43, steps=1, decoder="taesd") | dict(width=96),
        t("demo_euler_steps3", seed=44, steps=3, scheduler="euler", **demo),
        t("demo_euler_a_steps3", seed=44, steps=3, **demo),
        t("demo_cfg_steps2", seed=45, steps=2, guidance=2.0, negative="a red apple", **demo),
        t("demo_cfg_no_negative", seed=45, steps=2, guidance=1.5, **demo),
        i("demo_img2img_steps4_strength0.5", image="../demo/apple_seed0_steps4.png", model="demo", prompt="синее сердце", seed=46, steps=4, strength=0.5),
        i("img2img_cfg", prompt=cat, negative=low, guidance=4.0, seed=47, steps=5, strength=0.6),
        i("img2img_euler_leading_cfg", prompt=cat, negative=low, guidance=5.0, seed=48, steps=6, strength=0.5, **base),
        i("img2img_strength1", prompt=red, seed=49, steps=3, strength=1.0),
        i("img2img_10steps_strength0.7", prompt=red, seed=50, steps=10, strength=0.7),
        i("img2img_100x80_own_size", image=big, prompt=red, seed=51, steps=4, strength=0.5),
        i("img2img_100x80_at_96x64", image=big, prompt=red, seed=52, steps=4, strength=0.5, width=96, height=64),
        p("inpaint_soft_cfg", prompt=cat, negative=low, guidance=4.0, seed=53, steps=5, strength=0.8),
        p("inpaint_euler", prompt=red, seed=54, steps=4, strength=1.0, scheduler="euler", spacing="leading"),
        p("inpaint_other_sizes_96x64", image=big, mask="mask_soft_90x50.png", prompt=red, seed=55, steps=4, strength=0.9) | dict(width=96),
        p("demo_inpaint", image="../demo/apple_seed0_steps4.png", mask="mask_soft_90x50.png", seed=56, steps=4, strength=0.75, **demo),
    ]


class Studio:
    """The three pipelines of each model over one set of weights."""

    def __init__(self):
        self.sets = {}
        self.tiny = AutoencoderTiny.from_pretrained(GOLDEN / "tiny-a/taesd", variant="fp16", torch_dtype=torch.float32)

    def pipeline(self, case):
        model = case.get("model", "tiny-a")
        if model not in self.sets:
            text = StableDiffusionXLPipeline.from_pretrained(MODELS[model], variant="fp16", torch_dtype=torch.float32)
            rest = [kind(**text.components) for kind in (StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline)]
            self.sets[model] = (dict(zip(("txt2img", "img2img", "inpaint"), (text, *rest))), text.scheduler.config, text.vae)
        pipes, config, vae = self.sets[model]
        pipe = pipes[case["kind"]]
        pipe.set_progress_bar_config(disable=True)
        kind = SCHEDULERS[case.get("scheduler", "euler_a")]
        pipe.scheduler = kind.from_config(config, **({"timestep_spacing": case["spacing"]} if "spacing" in case else {}))
        pipe.vae = self.tiny if case.get("decoder") == "taesd" else vae
        return pipe

    def draw(self, case, output_type="pil"):
        """A batch case draws seeds (seed - batch) and the next together, and returns its own."""
        seeds = [case["seed"]] if "batch" not in case else [case["seed"] - case["batch"], case["seed"] - case["batch"] + 1]
        args = dict(prompt=case["prompt"], negative_prompt=case.get("negative"), num_inference_steps=case["steps"], guidance_scale=case.get("guidance", 0.0),
                    num_images_per_prompt=len(seeds), generator=[torch.Generator().manual_seed(s) for s in seeds], output_type=output_type)
        pipe = self.pipeline(case)
        size = dict(width=case["width"], height=case["height"]) if "width" in case else {}
        if case["kind"] != "txt2img":
            image = Image.open(OUT / case["image"]).convert("RGB")
            if case["kind"] == "img2img" and size:           # the pipeline takes no size: resized as its processor would
                image = pipe.image_processor.resize(image, size["height"], size["width"])
                size = {}
            args |= dict(image=image, strength=case["strength"])
        if case["kind"] == "inpaint":
            args |= dict(mask_image=Image.open(OUT / case["mask"]))
        return pipe(**args, **size).images[case.get("batch", 0)]


@torch.inference_mode()
def main():
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    inputs()
    tensors, studio, all_cases = scheduler_tables() | noise(), Studio(), cases()
    for case in all_cases:
        studio.draw(case).save(OUT / case["file"])
        tensors[case["file"].removesuffix(".png") + ".latent"] = studio.draw(case, "latent")[None]
        if "decoder" in case:                                # random TAESD weights draw nearly black: keep the decoder's own output
            tensors[case["file"].removesuffix(".png") + ".decoded"] = studio.tiny.decode(tensors[case["file"].removesuffix(".png") + ".latent"]).sample
        if "batch" in case:
            alone = {k: v for k, v in case.items() if k != "batch"}
            assert np.abs(np.asarray(studio.draw(case), int) - np.asarray(studio.draw(alone), int)).max() <= 1, case
        print(case["file"], flush=True)
    tensors |= stages(studio.pipeline(all_cases[0]))
    save_file({k: v.contiguous() for k, v in tensors.items()}, OUT / "more.safetensors")
    (OUT / "cases.json").write_text(json.dumps(dict(cases=all_cases), ensure_ascii=False, indent=1) + "\n")
    # Escaped, so that no editor can normalise what is meant to be unusual.
    (OUT / "tokens.json").write_text("[\n" + ",\n".join(json.dumps(t) for t in tokens()) + "\n]\n")


if __name__ == "__main__":
    main()
