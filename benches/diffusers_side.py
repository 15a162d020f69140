"""The other side of sdxl_cpu.sh: one-step SDXL by diffusers, in f32 on the CPU, each stage on the clock.

Prints one JSON object: the medians of text_s, denoise_s, decode_s and total_s, load_s, threads and the process's
peak of resident memory. With --stage, only that part of the model is loaded and run (on random input), for sizes at
which all of it does not fit.
"""

import argparse
import json
import resource
import statistics
import time

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="checkpoint in the published layout")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3, help="pictures, after one that is not counted")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--stage", choices=["all", "unet", "vae"], default="all")
    parser.add_argument("--tiled", action="store_true", help="decode in tiles")
    parser.add_argument("--channels-last", action="store_true", help="UNet and VAE in torch's channels_last")
    return parser.parse_args()


class Clock:
    """Seconds spent in a function of a module."""

    def __init__(self, module, name):
        self.seconds = 0.0
        self.function = getattr(module, name)
        setattr(module, name, self)

    def __call__(self, *args, **kwargs):
        started = time.perf_counter()
        result = self.function(*args, **kwargs)
        self.seconds += time.perf_counter() - started
        return result


def layout(asked, *modules):
    if asked.channels_last:
        for module in modules:
            module.to(memory_format=torch.channels_last)


def whole(asked):
    started = time.perf_counter()
    kind = {"torch_dtype": torch.float32, "variant": "fp16", "local_files_only": True}
    pipe = StableDiffusionXLPipeline.from_pretrained(asked.folder, **kind)
    pipe.set_progress_bar_config(disable=True)
    pipe.watermark = None
    if asked.tiled:
        pipe.vae.enable_tiling()
    layout(asked, pipe.unet, pipe.vae)
    load = time.perf_counter() - started
    clocks = {
        "text_s": Clock(pipe, "encode_prompt"),
        "denoise_s": Clock(pipe.unet, "forward"),
        "decode_s": Clock(pipe.vae, "decode"),
    }
    rows = []
    for run in range(asked.runs + 1):
        for clock in clocks.values():
            clock.seconds = 0.0
        started = time.perf_counter()
        pipe(
            prompt=f"a lighthouse in a storm, oil painting {run:04}",
            num_inference_steps=1,
            guidance_scale=0.0,
            width=asked.width,
            height=asked.height,
            generator=torch.Generator().manual_seed(0),
        )
        row = {name: clock.seconds for name, clock in clocks.items()}
        row["total_s"] = time.perf_counter() - started
        rows.append(row)
    return load, rows[1:]


def alone(asked):
    """One stage by itself, on random input of the right shape."""
    latent = torch.randn(1, 4, asked.height // 8, asked.width // 8)
    kind = {"torch_dtype": torch.float32, "variant": "fp16", "local_files_only": True}
    started = time.perf_counter()
    if asked.stage == "unet":
        model = UNet2DConditionModel.from_pretrained(asked.folder, subfolder="unet", **kind)
        sizes = torch.tensor([[asked.height, asked.width, 0, 0, asked.height, asked.width]], dtype=torch.float32)
        added = {"text_embeds": torch.randn(1, 1280), "time_ids": sizes}
        prompt = torch.randn(1, 77, 2048)
        name, run = "denoise_s", lambda: model(latent, 999, prompt, added_cond_kwargs=added)
    else:
        model = AutoencoderKL.from_pretrained(asked.folder, subfolder="vae", **kind)
        if asked.tiled:
            model.enable_tiling()
        name, run = "decode_s", lambda: model.decode(latent)
    layout(asked, model)
    load = time.perf_counter() - started
    rows = []
    for _ in range(asked.runs + 1):
        started = time.perf_counter()
        run()
        rows.append({name: time.perf_counter() - started})
    return load, rows[1:]


def main():
    asked = arguments()
    torch.set_num_threads(asked.threads)
    with torch.inference_mode():
        load, rows = whole(asked) if asked.stage == "all" else alone(asked)
    told = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    told |= {
        "load_s": load,
        "threads": asked.threads,
        "runs": asked.runs,
        "torch": torch.__version__,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
