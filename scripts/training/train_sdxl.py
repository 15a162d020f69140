#!/usr/bin/env python3
"""Train the micro SDXL-Turbo demo pipeline (emoji pictures, 128x128, one step) on a CPU.

    python train_sdxl.py                # everything, in order: vae, text, unet, decoder, export
    python train_sdxl.py vae --minutes 20
    python train_sdxl.py unet --minutes 40      # continues from the last checkpoint if there is one
    python train_sdxl.py export         # pipeline folder, grid, golden pictures, vocabulary

The architecture is that of SDXL (two CLIP text encoders, UNet with text_time conditioning,
8x AutoencoderKL) with small dimensions; the weights memorise the emoji of emoji_captions.txt.
Prediction type is "v_prediction": with one step at sigma 14.6 the network then outputs the
picture itself, which is well conditioned.

Needs: torch, diffusers, transformers, tokenizers, safetensors, pillow, numpy, emoji, and
Debian's fonts-noto-color-emoji.
"""
import argparse, json, math, os, random, re, shutil, time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "models"
OUT = Path(os.environ.get("DEMO_OUT", "out"))
WORK = Path(os.environ.get("DEMO_WORK", "work"))
FONT = os.environ.get("EMOJI_FONT", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
CLIP = MODELS / "tokenizers/clip"
SIZE, LATENT = 128, 16
HOLD = False                 # --hold: a constant learning rate, for a run that another will continue
VOCAB, BOS, EOS, CONTEXT = 49408, 49406, 49407, 77
TE1_DIM, TE2_DIM, PROJ = 32, 48, 64


# --- data ----------------------------------------------------------------------------------------

def read_table():
    """[(emoji, [english], [(russian, accusative)])]"""
    rows = []
    for line in (HERE / "emoji_captions.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        char, rest = line.lstrip("~").split(" ", 1)
        en, ru = rest.split(";")
        words = []
        for w in ru.split(","):
            w = w.strip()
            if "/" in w:
                nom, acc = w.split("/")
            elif w.endswith("^"):
                nom = w[:-1]
                acc = nom[:-1] + "я" if nom[-1] in "йь" else nom + "а"
            else:
                nom = w
                acc = accusative(w)
            words.append((nom, acc))
        rows.append((char, [w.strip() for w in en.split(",")], words))
    add_cldr_names(rows)
    return rows


def drawn():
    """Numbers of the rows that the UNet learns (not marked ~)."""
    lines = [l for l in (HERE / "emoji_captions.txt").read_text().splitlines() if l.strip() and not l.startswith("#")]
    return [i for i, l in enumerate(lines) if not l.startswith("~")]


def accusative(phrase):
    """Feminine nouns and adjectives; everything else is taken for inanimate and unchanged."""
    words = phrase.split(" ")
    endings = (("аяся", "уюся"), ("ая", "ую"), ("яя", "юю"), ("ья", "ью"), ("а", "у"), ("я", "ю"))
    for i, w in enumerate(words[:2]):
        new = next((w[:-len(a)] + b for a, b in endings if w.endswith(a) and w not in ("пламя", "время")), w)
        words[i] = new
        if not (new != w and w.endswith(("ая", "яя", "ья", "аяся"))):        # only an adjective agrees with the next word
            break
    return " ".join(words)


def add_cldr_names(rows):
    """The Unicode CLDR names, English and Russian, from the `emoji` package."""
    try:
        import emoji
        import emoji.unicode_codes as codes
        codes.load_from_json("ru")
    except ImportError:
        return
    taken = {w for _, en, ru in rows for w in en + [a for a, _ in ru]}
    for char, en, ru in rows:
        info = emoji.EMOJI_DATA.get(char) or emoji.EMOJI_DATA.get(char.rstrip("\ufe0f")) or {}
        clean = lambda s: re.sub(r"[_:“”!]+", " ", s).strip().lower()
        for key, add in (("en", lambda n: en.append(n)), ("ru", lambda n: ru.append((n, accusative(n))))):
            name = clean(info.get(key, ""))
            if name and name not in taken:
                taken.add(name)
                add(name)


def render(char, size=SIZE, fill=0.88, dx=0, dy=0, background=(255, 255, 255)):
    from PIL import Image, ImageDraw, ImageFont
    font = ImageFont.truetype(FONT, 109)
    im = Image.new("RGBA", (192, 192), (0, 0, 0, 0))
    ImageDraw.Draw(im).text((24, 24), char, font=font, embedded_color=True)
    box = im.getbbox()
    im = im.crop(box)
    k = size * fill / max(im.size)
    im = im.resize((max(1, round(im.width * k)), max(1, round(im.height * k))), Image.LANCZOS)
    bg = Image.new("RGBA", (size, size), background + (255,))
    bg.alpha_composite(im, ((size - im.width) // 2 + dx, (size - im.height) // 2 + dy))
    return bg.convert("RGB")


def to_tensor(im):
    return torch.from_numpy(np.asarray(im, np.float32).transpose(2, 0, 1) / 127.5 - 1)


def pictures(rows):
    cache = WORK / "pictures.pt"
    chars = [r[0] for r in rows]
    if cache.exists():
        saved = torch.load(cache)
        if saved["chars"] == chars:
            return saved["x"]
    x = torch.stack([to_tensor(render(c)) for c in chars])
    WORK.mkdir(parents=True, exist_ok=True)
    torch.save(dict(chars=chars, x=x), cache)
    return x


EN = ["{x}"] * 6 + ["a {x}"] * 4 + ["an {x}", "the {x}", "one {x}", "a picture of a {x}", "a photo of a {x}", "an emoji of a {x}", "emoji of a {x}",
      "draw a {x}", "draw me a {x}, please", "{x} emoji", "{x} on a white background", "a cute {x}", "a drawing of a {x}", "an image of a {x}",
      "icon of a {x}", "a beautiful {x}", "a little {x}", "a big {x}", "a {x}, high quality, detailed", "an illustration of {x}", "cartoon {x}",
      "show me a {x}", "please generate a picture of a {x}", "a painting of a {x}", "a nice {x} icon", "simple {x}"]
RU = ["{x}"] * 9 + ["нарисуй {a}"] * 3 + ["нарисуй мне {a}", "нарисуй, пожалуйста, {a}", "картинка: {x}", "эмодзи {x}", "эмодзи: {x}", "смайлик {x}", "{x} на белом фоне",
      "изображение: {x}", "рисунок: {x}", "покажи {a}", "сгенерируй {a}", "создай картинку: {x}", "милый {x}", "милая {x}", "красивая {x}",
      "красивый {x}", "красивое {x}", "большой {x}", "большая {x}", "маленький {x}", "маленькая {x}", "хочу {a}", "иконка: {x}", "сделай {a}", "изобрази {a}"]


def caption(rows, i, rng):
    char, en, ru = rows[i]
    r = rng.random()
    if r < 0.03:
        return char
    if r < 0.5:
        text = rng.choice(EN).format(x=rng.choice(en))
    else:
        x, a = rng.choice(ru)
        text = rng.choice(RU).format(x=x, a=a)
    if rng.random() < .1: text = text.capitalize()
    if rng.random() < .1: text += rng.choice([".", "!", " "])
    if rng.random() < .1: text = text.replace("ё", "е")
    return text


class Tokens:
    """The CLIP BPE, and a compact numbering of the tokens the captions use (order kept, so EOS is last)."""

    def __init__(self, rows):
        from transformers import CLIPTokenizer
        self.tok = CLIPTokenizer.from_pretrained(MODELS / "demo/tokenizer").backend_tokenizer
        self.tok.no_padding(); self.tok.no_truncation()
        used = {0, BOS, EOS}
        for i, (char, en, ru) in enumerate(rows):
            texts = [char] + [t.format(x=w) for w in en for t in set(EN)]
            for x, a in ru:
                for t in set(RU):
                    texts += [t.format(x=x, a=a), t.format(x=x, a=a).replace("ё", "е")]
            texts += [t + e for t in texts[:3] for e in ".!"]
            for e in self.tok.encode_batch(texts, add_special_tokens=False):
                used.update(e.ids)
        used.update(self.tok.encode_batch(["a . ! , : a. a! a,"], add_special_tokens=False)[0].ids)
        self.used = sorted(used)                         # used[0] is "!", the padding of tokenizer_2
        self.unk = len(self.used) - 1                    # an extra slot just below EOS
        self.count = len(self.used) + 1
        self.index = {t: i for i, t in enumerate(self.used)}
        self.index[EOS] = self.count - 1

    def ids(self, text):
        return [self.index.get(t, self.unk) for t in self.tok.encode(text, add_special_tokens=False).ids][:CONTEXT - 2]

    def batch(self, texts, rng=None):
        a = np.full((len(texts), CONTEXT), self.index[EOS])
        b = np.zeros((len(texts), CONTEXT), np.int64)
        for i, t in enumerate(texts):
            ids = self.ids(t)
            if rng is not None and rng.random() < .12:   # words the model does not know change nothing
                for _ in range(rng.randrange(1, 5)):
                    ids.insert(rng.randrange(0, len(ids) + 1), self.unk)
                ids = ids[:CONTEXT - 2]
            ids = [self.index[BOS], *ids, self.index[EOS]]
            a[i, :len(ids)] = ids
            b[i, :len(ids)] = ids
        return torch.from_numpy(a), torch.from_numpy(b)


# --- models --------------------------------------------------------------------------------------

def make_vae():
    from diffusers import AutoencoderKL
    vae = AutoencoderKL(in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
                         up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(16, 32, 64, 96), layers_per_block=1,
                         latent_channels=4, norm_num_groups=4, sample_size=SIZE, force_upcast=False)
    with torch.no_grad():                                # start with next to no sampling noise
        vae.quant_conv.weight[4:] *= 0.1
        vae.quant_conv.bias[4:] = -6
    return vae


def make_unet():
    from diffusers import UNet2DConditionModel
    unet = UNet2DConditionModel(
        sample_size=LATENT, in_channels=4, out_channels=4, block_out_channels=(64, 128, 128), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TE1_DIM + TE2_DIM, attention_head_dim=[2, 4, 4], transformer_layers_per_block=[1, 1, 1],
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=PROJ + 6 * 32, norm_num_groups=32)
    with torch.no_grad():
        # At the first step the input is pure noise. Let constants outweigh it at the start: the zero padding of
        # the convolutions then tells the network where it is, and there is less to unlearn.
        unet.conv_in.weight *= 0.1
        unet.conv_in.bias.normal_(0, 1)
        unet.conv_out.weight *= 0.3
    return unet


def make_text(vocab):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
    common = dict(vocab_size=vocab, max_position_embeddings=CONTEXT, bos_token_id=0, eos_token_id=2, pad_token_id=1, projection_dim=PROJ)
    a = CLIPTextModel(CLIPTextConfig(hidden_size=TE1_DIM, intermediate_size=4 * TE1_DIM, num_hidden_layers=3,
                                     num_attention_heads=2, hidden_act="quick_gelu", **common))
    b = CLIPTextModelWithProjection(CLIPTextConfig(hidden_size=TE2_DIM, intermediate_size=4 * TE2_DIM, num_hidden_layers=4,
                                                   num_attention_heads=3, hidden_act="gelu", **common))
    for m in (a, b):
        m.set_attn_implementation("sdpa")
        emb = token_embedding(m)
        emb.data.normal_(0, 0.1)
    return a, b


def token_embedding(m):
    return next(p for n, p in m.named_parameters() if n.endswith("token_embedding.weight"))


def encode(text, ids):
    """What diffusers' SDXL pipeline computes: penultimate states of both encoders, pooled output of the second."""
    a, b = text
    ha = a(ids[0], output_hidden_states=True).hidden_states[-2]
    ob = b(ids[1], output_hidden_states=True)
    return torch.cat([ha, ob.hidden_states[-2]], -1), ob.text_embeds


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates (Newton-Schulz) for weight matrices; convolutions are flattened."""

    def __init__(self, params, lr, momentum=0.95, steps=4):
        super().__init__(params, dict(lr=lr, momentum=momentum))
        self.steps = steps

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                buf = self.state[p].setdefault("m", torch.zeros_like(p))
                buf.lerp_(p.grad, 1 - group["momentum"])
                g = torch.lerp(p.grad, buf, group["momentum"]).flatten(1)
                tall = g.shape[0] > g.shape[1]
                x = (g.T if tall else g) / (g.norm() + 1e-7)
                for _ in range(self.steps):
                    a = x @ x.T
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                x = x.T if tall else x
                p.mul_(1 - group["lr"] * 0.01)
                p.add_(x.reshape(p.shape), alpha=-group["lr"] * 0.2 * max(g.shape) ** 0.5)


class Ema:
    def __init__(self, modules, decay):
        self.params = [p for m in modules for p in m.parameters()]
        self.shadow = [p.detach().clone() for p in self.params]
        self.decay, self.n = decay, 0

    @torch.no_grad()
    def update(self):
        self.n += 1
        d = min(self.decay, (1 + self.n) / (10 + self.n))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.params], 1 - d)

    def swap(self):
        for p, s in zip(self.params, self.shadow):
            p.data, s.data = s.data, p.data


def clock(minutes, lr, opt, warmup=100, floor=0.02):
    """Yields step numbers until the time is up, moving the learning rate along a cosine of the elapsed time."""
    t0, step = time.time(), 0
    floor = 1 if HOLD else floor
    while (done := (time.time() - t0) / (60 * minutes)) < 1:
        k = min(1, (step + 1) / warmup) * (floor + (1 - floor) * (0.5 + 0.5 * math.cos(math.pi * done)))
        for g in opt.param_groups:
            g["lr"] = lr * k * g.get("scale", 1)
        yield step, time.time() - t0
        step += 1


def save_atomic(state, path):
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def save_grid(x, path, columns=8):
    from PIL import Image
    x = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    h, w = x.shape[1:3]
    rows = (len(x) + columns - 1) // columns
    im = Image.new("RGB", (columns * w, rows * h), "white")
    for i, p in enumerate(x):
        im.paste(Image.fromarray(p), (i % columns * w, i // columns * h))
    im.save(path)


# --- stage 1: autoencoder ------------------------------------------------------------------------

def picture_loss(out, y):
    """Squared error, sharper edges, and the colour of every latent cell (which is what is learned last)."""
    rec = F.mse_loss(out, y)
    coarse = F.mse_loss(F.avg_pool2d(out, 8), F.avg_pool2d(y, 8)) + F.mse_loss(F.avg_pool2d(out, 4), F.avg_pool2d(y, 4))
    return rec, rec + 2 * coarse + 0.25 * F.l1_loss(out, y) + 0.5 * (edges(out) - edges(y)).abs().mean()


def edges(x):
    return torch.cat([(x[..., 1:] - x[..., :-1]).flatten(), (x[..., 1:, :] - x[..., :-1, :]).flatten()])


def train_vae(minutes, batch=4, lr=2e-3, crop=None, latent_noise=0.05):
    rows = read_table()
    x = pictures(rows).contiguous(memory_format=torch.channels_last)
    rng = random.Random(1)
    torch.manual_seed(1)
    vae = make_vae().to(memory_format=torch.channels_last)
    ck = WORK / "vae.pt"
    if ck.exists():
        vae.load_state_dict(torch.load(ck)); print("continuing from", ck)
    # A throw-away linear map from a latent cell to its mean colour keeps the latents near-linear in colour,
    # as SDXL's are: without it red and green are learned very late, and the UNet's task is harder.
    to_rgb = torch.nn.Conv2d(4, 3, 1)
    opt = torch.optim.AdamW([*vae.parameters(), *to_rgb.parameters()], lr=lr, betas=(0.9, 0.98), weight_decay=1e-3)
    ema = Ema([vae], 0.995)
    order, saved, avg = [], 0, None
    for step, t in clock(minutes, lr, opt, 50):
        if len(order) < batch:
            order = list(range(len(x))); rng.shuffle(order)
        take = [order.pop() for _ in range(batch)]
        y = []
        for i in take:
            p = x[i]
            if rng.random() < .15:                       # so that img2img input may be placed differently
                p = torch.roll(p, (rng.randrange(-8, 9), rng.randrange(-8, 9)), (1, 2))
            if crop:                                     # cheap steps for the beginning
                a, b = rng.randrange(8, SIZE - crop - 7), rng.randrange(8, SIZE - crop - 7)
                p = p[:, a:a + crop, b:b + crop]
            y.append(p)
        y = torch.stack(y).contiguous(memory_format=torch.channels_last)
        post = vae.encode(y).latent_dist
        z = post.mean + post.std * torch.randn_like(post.mean)
        noise = torch.rand(batch, 1, 1, 1) * latent_noise  # the diffusion model's latents will not be exact
        z = z + noise * torch.randn_like(z) * z.detach().std()
        out = vae.decode(z).sample
        rec, loss = picture_loss(out, y)
        loss = loss + 1e-6 * post.kl().mean() + F.mse_loss(to_rgb(z), F.avg_pool2d(y, 8))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        opt.step()
        ema.update()
        avg = rec.item() if avg is None else 0.97 * avg + 0.03 * rec.item()
        if step % 100 == 0:
            print(f"vae step {step} {t:.0f} s mse {avg:.4f} (psnr {10 * math.log10(4 / avg):.1f}) latent std {z.std().item():.2f}", flush=True)
        if t - saved > 120:
            saved = t
            ema.swap(); torch.save(vae.state_dict(), ck); vae_grid(vae, x); ema.swap()
    ema.swap()
    torch.save(vae.state_dict(), ck)
    vae_grid(vae, x)


@torch.no_grad()
def vae_grid(vae, x):
    pick = x[::max(1, len(x) // 24)][:24]
    out = vae.decode(vae.encode(pick).latent_dist.mean).sample
    save_grid(torch.stack([pick, out], 1).flatten(0, 1), WORK / "vae.png", 12)


@torch.no_grad()
def latents(vae, x):
    z = torch.cat([vae.encode(p).latent_dist.mean for p in x.split(32)])
    return z.contiguous(), round(1.0 / z.std().item(), 5)


# --- stage 2: text encoders alone, told to name the emoji ------------------------------------------

def train_text(minutes, batch=128, lr=3e-3):
    rows = read_table()
    tok, rng = Tokens(rows), random.Random(2)
    torch.manual_seed(2)
    text = make_text(tok.count)
    heads = torch.nn.ModuleList([torch.nn.Linear(PROJ, len(rows)), torch.nn.Linear(TE1_DIM + TE2_DIM, len(rows))])
    params = [p for m in (*text, heads) for p in m.parameters()]
    opt = torch.optim.AdamW(params, lr=lr, betas=(0.9, 0.98), weight_decay=1e-2)
    for step, t in clock(minutes, lr, opt):
        pick = [rng.randrange(len(rows)) for _ in range(batch)]
        ids = tok.batch([caption(rows, i, rng) for i in pick], rng)
        ctx, pooled = encode(text, ids)
        label = torch.tensor(pick)
        la = heads[0](pooled)
        loss = F.cross_entropy(la, label) + 0.3 * F.cross_entropy(heads[1](ctx[:, 1:24].mean(1)), label)
        opt.zero_grad(set_to_none=True); loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        zero_unknown(text, tok)
        if step % 50 == 0:
            print(f"text step {step} {t:.0f} s loss {loss.item():.3f} accuracy {(la.argmax(1) == label).float().mean():.3f}", flush=True)
    torch.save([m.state_dict() for m in text] + [heads.state_dict(), tok.used], WORK / "text.pt")


@torch.no_grad()
def zero_unknown(text, tok):
    for m in text:
        token_embedding(m)[tok.unk] = 0


# --- stage 3: UNet and text encoders ----------------------------------------------------------------

def alphas():
    b = torch.linspace(0.00085 ** .5, 0.012 ** .5, 1000) ** 2
    return torch.cumprod(1 - b, 0)


def time_ids(n, rng=None):
    t = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]] * n, dtype=torch.float32)
    if rng is not None:
        for i in range(n):
            if rng.random() < .15:
                s = rng.choice([64, 128, 256, 512, 1024])
                t[i] = torch.tensor([s, s, 0, 0, s, s])
    return t


def load_stage3(tok):
    vae, unet, text = make_vae(), make_unet(), make_text(tok.count)
    vae.load_state_dict(torch.load(WORK / "vae.pt"))
    ck = WORK / "unet.pt"
    if ck.exists():
        s = torch.load(ck)
        unet.load_state_dict(s["unet"])
        for m, d in zip(text, s["text"]): m.load_state_dict(d)
    elif (WORK / "text.pt").exists():
        s = torch.load(WORK / "text.pt")
        for m, d in zip(text, s[:2]): m.load_state_dict(d)
    return vae, unet, text, ck


def train_unet(minutes, batch=16, lr=3e-3, text_lr=0.2, compiled=False, top=0.75, muon=True):
    rows = read_table()
    tok, rng = Tokens(rows), random.Random(time.time_ns() if (WORK / "unet.pt").exists() else 3)
    torch.manual_seed(rng.randrange(1 << 30))
    vae, unet, text, ck = load_stage3(tok)
    heads_state = torch.load(WORK / "text.pt")[2]
    head = torch.nn.Linear(PROJ, len(rows))
    head.load_state_dict({k[2:]: v for k, v in heads_state.items() if k.startswith("0.")})
    z, scale = latents(vae, pictures(rows))
    z = z * scale
    print(f"{sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M UNet parameters, scaling factor {scale}", flush=True)
    matrices = [p for n, p in unet.named_parameters() if p.ndim >= 2 and not n.startswith(("conv_in", "conv_out"))] if muon else []
    taken = {id(p) for p in matrices}
    second = Muon(matrices, lr) if muon else None
    opt = torch.optim.AdamW([dict(params=[p for p in unet.parameters() if id(p) not in taken]), dict(params=[p for m in (*text, head) for p in m.parameters()], scale=text_lr)],
                            lr=lr, betas=(0.9, 0.98), weight_decay=1e-3)
    ema = Ema([unet, *text], 0.998)
    ac = alphas()
    fwd = torch.compile(unet) if compiled else unet
    saved, avg, order, known = 0, None, [], drawn()

    def save():
        ema.swap()
        save_atomic(dict(unet=unet.state_dict(), text=[m.state_dict() for m in text]), ck)
        vae.load_state_dict(torch.load(WORK / "vae.pt"))  # stage 4 may be improving the decoder meanwhile
        try:
            sample_grid(vae, scale, unet, text, tok)
        finally:
            ema.swap()

    for step, t in clock(minutes, lr, opt, 200, 0.01):
        if len(order) < batch:
            order = known.copy(); rng.shuffle(order)
        pick = [order.pop() for _ in range(batch)]
        ids = tok.batch([caption(rows, i, rng) for i in pick], rng)
        ctx, pooled = encode(text, ids)
        x0 = z[pick]
        ts = torch.tensor([999 if (r := rng.random()) < top else rng.choice([249, 333, 499, 666, 749]) if r < (1 + top) / 2 else rng.randrange(1000) for _ in pick])
        a = ac[ts].view(-1, 1, 1, 1)
        eps = torch.randn_like(x0)
        xt = a.sqrt() * x0 + (1 - a).sqrt() * eps
        v = a.sqrt() * eps - (1 - a).sqrt() * x0
        out = fwd(xt, ts, ctx, added_cond_kwargs=dict(text_embeds=pooled, time_ids=time_ids(batch, rng))).sample
        per = (out - v).square().mean((1, 2, 3))
        loss = per.mean() + 0.02 * F.cross_entropy(head(pooled), torch.tensor(pick))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in opt.param_groups for p in g["params"]], 1.0)
        opt.step()
        if second:
            for g in second.param_groups:
                g["lr"] = opt.param_groups[0]["lr"]
            second.step()
            second.zero_grad(set_to_none=True)
        zero_unknown(text, tok)
        ema.update()
        first = per[ts == 999]
        now = (per.mean().item(), first.mean().item() if len(first) else 1)
        avg = now if avg is None else tuple(0.98 * p + 0.02 * q for p, q in zip(avg, now))
        if step % 100 == 0:
            print(f"unet step {step} {t:.0f} s loss {avg[0]:.4f} one-step {avg[1]:.4f}", flush=True)
        if t - saved > 240:
            saved = t
            save()
    save()


GRID = ["a red apple", "красное яблоко", "ракета", "rocket", "smiling cat face", "рыжий кот", "дерево", "a green tree",
        "нарисуй собаку", "a penguin", "пицца", "hamburger", "красная машина", "a sailboat", "роза", "sunflower",
        "улыбающееся лицо", "crying face", "красное сердце", "a blue heart", "звезда", "rainbow", "гитара", "a birthday cake"]


@torch.no_grad()
def one_step(vae, scale, unet, text, tok, prompts, seed=0):
    """What one step of EulerAncestralDiscreteScheduler with v_prediction comes to."""
    g = torch.Generator().manual_seed(seed)
    a = alphas()[-1]
    sigma = ((1 - a) / a) ** .5
    x = torch.randn(len(prompts), 4, LATENT, LATENT, generator=g) * sigma
    ctx, pooled = encode(text, tok.batch(prompts))
    v = unet(x / (sigma ** 2 + 1) ** .5, torch.full((len(prompts),), 999), ctx,
             added_cond_kwargs=dict(text_embeds=pooled, time_ids=time_ids(len(prompts)))).sample
    x0 = v * (-sigma / (sigma ** 2 + 1) ** .5) + x / (sigma ** 2 + 1)
    return x0 / scale


@torch.no_grad()
def sample_grid(vae, scale, unet, text, tok):
    x = vae.decode(one_step(vae, scale, unet, text, tok, GRID)).sample
    save_grid(x, WORK / "samples.png")


# --- stage 4: the decoder learns what the UNet really produces -------------------------------------

def train_decoder(minutes, batch=8, lr=1e-3):
    rows = read_table()
    tok, rng = Tokens(rows), random.Random(5)
    torch.manual_seed(5)
    vae, unet, text, ck = load_stage3(tok)
    x = pictures(rows)
    z, scale = latents(vae, x)
    for m in (unet, *text):
        m.eval()
    vae.to(memory_format=torch.channels_last)
    made, index = z, torch.arange(len(z))                # before there is a UNet: the true latents only
    if ck.exists():
        made = []                                        # (picture, latent the UNet makes of its caption)
        for seed in range(6):
            for n in (drawn()[i::5] for i in range(5)):
                made.append((n, one_step(vae, scale, unet, text, tok, [caption(rows, k, rng) for k in n], seed)))
        index = torch.tensor([k for n, _ in made for k in n])
        made = torch.cat([m for _, m in made])
        print(f"error of the UNet's latents {(made - z[index]).square().mean().sqrt() * scale:.3f}", flush=True)
    part = list(vae.decoder.parameters()) + list(vae.post_quant_conv.parameters())
    opt = torch.optim.AdamW(part, lr=lr, betas=(0.9, 0.98), weight_decay=1e-3)
    ema = Ema([vae], 0.99)
    avg, saved = None, 0
    for step, t in clock(minutes, lr, opt, 30):
        k = torch.randint(len(made), (batch,))
        w = torch.rand(batch, 1, 1, 1)
        w = torch.where(torch.rand(batch, 1, 1, 1) < .25, torch.zeros(()), torch.where(w < .5, w * 2, torch.ones(())))
        lat = made[k] * w + z[index[k]] * (1 - w)
        lat = lat + torch.rand(batch, 1, 1, 1) * 0.12 / scale * torch.randn_like(lat)
        y = x[index[k]]
        out = vae.decode(lat.contiguous(memory_format=torch.channels_last)).sample
        rec, loss = picture_loss(out, y)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(part, 1.0)
        opt.step()
        ema.update()
        avg = rec.item() if avg is None else 0.97 * avg + 0.03 * rec.item()
        if step % 50 == 0:
            print(f"decoder step {step} {t:.0f} s mse {avg:.4f} (psnr {10 * math.log10(4 / avg):.1f})", flush=True)
        if t - saved > 100:
            saved = t
            ema.swap(); save_atomic(vae.state_dict(), WORK / "vae.pt"); ema.swap()
    ema.swap()
    save_atomic(vae.state_dict(), WORK / "vae.pt")
    vae_grid(vae, x)
    sample_grid(vae, scale, unet, text, tok)


# --- export --------------------------------------------------------------------------------------

def export():
    from safetensors.torch import save_file
    rows = read_table()
    tok = Tokens(rows)
    vae, unet, text, _ = load_stage3(tok)
    _, scale = latents(vae, pictures(rows))               # the encoder is the same before and after stage 4
    dest = OUT / "sdxl-turbo-demo"
    shutil.rmtree(dest, ignore_errors=True)
    half = lambda sd: {k: v.detach().half().contiguous() for k, v in sd.items() if v.is_floating_point()}

    def write(folder, state, config, name):
        d = dest / folder
        d.mkdir(parents=True)
        save_file(half(state), d / name, metadata={"format": "pt"})
        (d / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    vae.register_to_config(scaling_factor=scale)
    write("vae", vae.state_dict(), model_config(vae), "diffusion_pytorch_model.fp16.safetensors")
    write("unet", unet.state_dict(), model_config(unet), "diffusion_pytorch_model.fp16.safetensors")

    full = make_text(VOCAB)
    for folder, small, big, cls in (("text_encoder", text[0], full[0], "CLIPTextModel"),
                                    ("text_encoder_2", text[1], full[1], "CLIPTextModelWithProjection")):
        state = small.state_dict()
        key = next(k for k in state if k.endswith("token_embedding.weight"))
        e = torch.zeros(VOCAB, state[key].shape[1])
        for t in tok.used:
            e[t] = state[key][tok.index[t]]
        state[key] = e
        # transformers 5 leaves out the "text_model." of the published SDXL weights: put it back
        state = {k if k.startswith(("text_model.", "text_projection")) else "text_model." + k: v
                 for k, v in state.items() if not k.endswith("position_ids")}
        c = small.config.to_dict()
        keep = ("attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id", "hidden_act", "hidden_size", "initializer_factor",
                "initializer_range", "intermediate_size", "layer_norm_eps", "max_position_embeddings", "num_attention_heads",
                "num_hidden_layers", "projection_dim")
        conf = {"architectures": [cls], "model_type": "clip_text_model", "dropout": 0.0, "torch_dtype": "float16", "vocab_size": VOCAB,
                **{k: c[k] for k in keep}}
        write(folder, state, dict(sorted(conf.items())), "model.fp16.safetensors")

    for folder, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        d = dest / folder
        d.mkdir()
        for f in ("vocab.json", "merges.txt"):
            shutil.copy(CLIP / f, d / f)
        conf = json.loads((MODELS / f"demo/{folder}/tokenizer_config.json").read_text())
        assert conf["pad_token"] == pad
        (d / "tokenizer_config.json").write_text(json.dumps(conf, indent=2) + "\n")
        special = {k: dict(content=conf[k]["content"], lstrip=False, normalized=True, rstrip=False, single_word=False) for k in ("bos_token", "eos_token", "unk_token")}
        (d / "special_tokens_map.json").write_text(json.dumps({**special, "pad_token": pad}, indent=2) + "\n")
    (dest / "scheduler").mkdir()
    (dest / "scheduler/scheduler_config.json").write_text(json.dumps({
        "_class_name": "EulerAncestralDiscreteScheduler", "_diffusers_version": "0.42.1", "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "clip_sample": False, "interpolation_type": "linear", "num_train_timesteps": 1000,
        "prediction_type": "v_prediction", "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
        "timestep_spacing": "trailing", "trained_betas": None}, indent=2) + "\n")
    (dest / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.42.1", "force_zeros_for_empty_prompt": True,
        "add_watermarker": None, "scheduler": ["diffusers", "EulerAncestralDiscreteScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}, indent=2) + "\n")
    (OUT / "sdxl-demo-vocabulary.json").write_text(json.dumps(
        [dict(emoji=c, en=en, ru=[x for x, _ in ru]) for c, en, ru in (rows[i] for i in drawn())], ensure_ascii=False, indent=1))
    print(f"{dest}: {sum(f.stat().st_size for f in dest.rglob('*') if f.is_file()) / 1e6:.1f} MB")
    demo(dest)


def model_config(m):
    return {k: (list(v) if isinstance(v, tuple) else v) for k, v in m.config.items() if k not in ("_use_default_values", "_name_or_path")} \
        | {"_class_name": m.__class__.__name__, "_diffusers_version": "0.42.1"}


def demo(dest):
    """Load the folder as anyone would, and make the grid and the golden pictures."""
    from diffusers import StableDiffusionXLPipeline
    from PIL import Image
    pipe = StableDiffusionXLPipeline.from_pretrained(dest, torch_dtype=torch.float32, variant="fp16", use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)

    def make(prompt, seed, steps):
        return pipe(prompt, num_inference_steps=steps, guidance_scale=0.0, height=SIZE, width=SIZE,
                    generator=torch.Generator("cpu").manual_seed(seed)).images[0]

    grid = Image.new("RGB", (8 * SIZE, 3 * SIZE))
    for i, p in enumerate(GRID):
        grid.paste(make(p, i, 1), (i % 8 * SIZE, i // 8 * SIZE))
    grid.save(OUT / "sdxl-demo-grid.png")
    gold = OUT / "sdxl-golden"
    shutil.rmtree(gold, ignore_errors=True)
    gold.mkdir(parents=True)
    for name, prompt in (("apple", "a red apple"), ("rocket", "ракета"), ("cat", "smiling cat face"), ("tree", "дерево")):
        for seed in (0, 42):
            for steps in (1, 2, 4):
                make(prompt, seed, steps).save(gold / f"{name}_seed{seed}_steps{steps}.png")
    (gold / "README.md").write_text(
        "Made by `python train_sdxl.py demo` (diffusers, CPU, float32): StableDiffusionXLPipeline.from_pretrained('sdxl-turbo-demo', "
        "torch_dtype=torch.float32, variant='fp16')(prompt, num_inference_steps=N, guidance_scale=0.0, height=128, width=128, "
        "generator=torch.Generator('cpu').manual_seed(S)).\n\nPrompts: apple = \"a red apple\", rocket = \"ракета\", cat = \"smiling cat face\", tree = \"дерево\".\n"
        "Grid (../sdxl-demo-grid.png): one step, seed = position, prompts in order: " + ", ".join(f"`{p}`" for p in GRID) + ".\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("stage", nargs="?", default="all", choices=["all", "vae", "text", "unet", "decoder", "export", "demo"])
    ap.add_argument("--minutes", type=float)
    ap.add_argument("--lr", type=float)
    ap.add_argument("--batch", type=int)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--compile", action="store_true")
    ap.add_argument("--adam", action="store_true", help="unet: AdamW alone instead of Muon for the matrices")
    ap.add_argument("--top", type=float, default=0.75, help="unet: share of samples at the first step's noise level")
    ap.add_argument("--hold", action="store_true")
    ap.add_argument("--crop", type=int, help="vae: train on crops of this size")
    a = ap.parse_args()
    global HOLD
    HOLD = a.hold
    torch.set_num_threads(a.threads)
    WORK.mkdir(parents=True, exist_ok=True); OUT.mkdir(parents=True, exist_ok=True)
    opt = {k: v for k, v in (("lr", a.lr), ("batch", a.batch)) if v}
    if a.stage == "vae": train_vae(a.minutes or 20, crop=a.crop, **opt)
    if a.stage == "all":
        HOLD = True; train_vae(8, batch=8, crop=64); HOLD = False
        train_vae(14)
    if a.stage in ("all", "text"): train_text(a.minutes or 3, **opt)
    if a.stage in ("all", "unet"): train_unet(a.minutes or 28, compiled=a.compile, top=a.top, muon=not a.adam, **opt)
    if a.stage in ("all", "decoder"): train_decoder(a.minutes or 6, **opt)
    if a.stage in ("all", "export"): export()
    if a.stage == "demo": demo(OUT / "sdxl-turbo-demo")


if __name__ == "__main__":
    main()
