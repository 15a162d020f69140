#!/usr/bin/env python3
"""Write tests/golden/upscale: what Real-ESRGAN's compact network makes of a small photo, computed by numpy in f64.

    python scripts/golden/upscale.py PHOTO     # needs numpy and pillow; PHOTO is scikit-image's astronaut.png

The photo is Eileen Collins by NASA, in the public domain. It is cut to the face and halved. The results are PNGs of
16 bits a channel, which keep a value of 0 to 1 to 8e-6.
"""
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/golden/upscale"
WEIGHTS = ROOT / "models/realesrgan/realesr-general-x4v3.safetensors"
TYPES = {"F16": np.float16, "F32": np.float32}


def tensors(path):
    """Every tensor of a safetensors file, in f64."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    out = {}
    for name, at in header.items():
        start, end = at["data_offsets"]
        values = np.frombuffer(data[8 + length + start:8 + length + end], TYPES[at["dtype"]])
        out[name] = values.reshape(at["shape"]).astype(np.float64)
    return out


def conv(x, weight, bias):
    """A 3×3 convolution of `(channels, height, width)` with zeros around."""
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((weight.shape[0], height, width)) + bias[:, None, None]
    for dy in range(3):
        for dx in range(3):
            out += np.einsum("oi,ihw->ohw", weight[:, :, dy, dx], padded[:, dy:dy + height, dx:dx + width])
    return out


def enlarge(pixels, weights):
    """SRVGGNetCompact.forward on `(3, height, width)` of 0 to 1."""
    x, layer = pixels, 0
    while True:
        x = conv(x, weights[f"body.{layer}.weight"], weights[f"body.{layer}.bias"])
        slope = weights.get(f"body.{layer + 1}.weight")
        if slope is None:
            break
        x = np.where(x >= 0, x, x * slope[:, None, None])
        layer += 2
    scale = round((x.shape[0] / 3) ** 0.5)
    height, width = pixels.shape[1:]
    # PixelShuffle: channel c·s² + i·s + j becomes the pixel (i, j) of its square.
    x = x.reshape(3, scale, scale, height, width).transpose(0, 3, 1, 4, 2).reshape(3, height * scale, width * scale)
    nearest = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    return np.clip(x + nearest, 0, 1)


def halved(pixels):
    """Half the size by Lanczos, as Pillow does it."""
    size = (pixels.shape[2] // 2, pixels.shape[1] // 2)
    planes = [Image.fromarray(plane.astype(np.float32), "F").resize(size, Image.Resampling.LANCZOS) for plane in pixels]
    return np.clip(np.stack([np.asarray(plane) for plane in planes]), 0, 1)


def write_16_bits(path, pixels):
    """A PNG of 16 bits a channel, which Pillow does not write."""
    rows = np.rint(pixels.transpose(1, 2, 0) * 65535).astype(">u2")
    height, width, _ = rows.shape
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def main():
    photo = Image.open(sys.argv[1]).convert("RGB").crop((176, 66, 274, 164))
    small = photo.resize((49, 49), Image.Resampling.LANCZOS).crop((0, 0, 49, 43))
    OUT.mkdir(parents=True, exist_ok=True)
    small.save(OUT / "photo.png", optimize=True)
    large = enlarge(np.asarray(small).transpose(2, 0, 1) / 255.0, tensors(WEIGHTS))
    write_16_bits(OUT / "photo_x4.png", large)
    write_16_bits(OUT / "photo_x2.png", halved(large))


if __name__ == "__main__":
    main()
