//! How much memory FLUX.1 takes. Its parts rarely fit side by side, so what counts is which of them are there at once.

use super::headers::{files, tensors};
use super::{BASE, F32, decode};
use crate::engine::protocol::{FluxParts, Keep};
use crate::local::draw::DrawWay;
use crate::media::Decoder;
use std::path::Path;

/// Pixels a side when nobody asks for a size: FLUX.1 was trained on squares of a megapixel.
pub(super) const SIDE: u32 = 1024;
/// Every side is a multiple of this: 8 pixels a latent, two latents a token.
pub(super) const STEP: u32 = 16;

/// Tokens of the longest prompt.
const TEXT_TOKENS: u64 = 512;
/// Live values of the transformer for each token, in multiples of its width: the row itself, its norm, queries, keys,
/// values and their turned copies, the feed-forward layer twice and the row that joins it with the attention.
const TRANSFORMER_ROWS: u64 = 22;
/// Live values of T5 for each token, in multiples of its width; its bias for every pair of tokens and head comes to it.
const T5_ROWS: u64 = 16;
/// Sizes as published, where no config tells others.
const PUBLISHED: Sizes = Sizes { width: 3072, t5_width: 4096, t5_heads: 64 };
/// Channels of the autoencoder's largest maps: half-finished ones of the second level at full size.
const VAE_CHANNELS: u64 = 256;
/// Of a file whose blocks are not told apart, no block is more than this part.
const FEWEST_BLOCKS: u64 = 12;
/// What random weights come to (`samovar bench --synthetic`): values of T5 and of the transformer as published.
const SYNTHETIC: (u64, u64) = (4_762_310_656, 11_891_178_560);

/// What the memory of work in hand grows with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    /// Values of the transformer's tokens.
    width: u64,
    /// Values of T5's tokens.
    t5_width: u64,
    t5_heads: u64,
}

impl Sizes {
    /// As the configs of a diffusers folder tell.
    fn of_folder(folder: &Path) -> Option<Self> {
        let config = |part: &str| -> Option<serde_json::Value> {
            serde_json::from_slice(&std::fs::read(folder.join(part).join("config.json")).ok()?).ok()
        };
        let (transformer, t5) = (config("transformer")?, config("text_encoder_2")?);
        Some(Self {
            width: transformer["attention_head_dim"].as_u64()? * transformer["num_attention_heads"].as_u64()?,
            t5_width: t5["d_model"].as_u64()?,
            t5_heads: t5["num_heads"].as_u64()?,
        })
    }
}

/// What there is to know of a FLUX.1 checkpoint before it is loaded; parts in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) struct FluxFootprint {
    clip: u64,
    t5: Part,
    transformer: Part,
    vae: u64,
    /// 0 where there is no tiny decoder.
    pub(super) taef1: u64,
    sizes: Sizes,
}

/// A network of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Part {
    all: u64,
    /// Its largest block and what is not in blocks: what is there at once when blocks are read one at a time.
    streamed: u64,
}

impl Part {
    /// Of the files at `path`; a block's tensors begin with one of `blocks`, a number and a dot.
    fn read(path: &Path, blocks: &[&str]) -> Self {
        let tensors = tensors(&files(path));
        if tensors.is_empty() {
            // GGUF's headers are not read here: nearly all of such a file is blocks, of which there are many.
            let all = path.metadata().map_or(0, |file| if file.is_file() { file.len() } else { 0 });
            return Self { all, streamed: all / FEWEST_BLOCKS };
        }
        let mut part = Self::default();
        let mut sizes = std::collections::HashMap::<String, u64>::new();
        for (name, bytes) in tensors {
            part.all += bytes;
            match block_of(&name, blocks) {
                Some(block) => *sizes.entry(block).or_default() += bytes,
                None => part.streamed += bytes,
            }
        }
        part.streamed += sizes.values().max().copied().unwrap_or_default();
        part
    }
}

fn block_of(name: &str, blocks: &[&str]) -> Option<String> {
    blocks.iter().find_map(|prefix| {
        let (_, rest) = name.split_once(prefix)?;
        let (number, _) = rest.split_once('.')?;
        number.parse::<u32>().is_ok().then(|| format!("{prefix}{number}"))
    })
}

impl FluxFootprint {
    /// Reads headers.
    pub(super) fn read(path: &Path, parts: &FluxParts) -> Self {
        if let Some(kind) = &parts.synthetic {
            return Self::synthetic(kind);
        }
        let transformer = if path.is_dir() { path.join("transformer") } else { path.to_owned() };
        let bytes = |path: &Path| tensors(&files(path)).values().sum::<u64>();
        Self {
            clip: bytes(&parts.clip),
            t5: Part::read(&parts.t5, &["encoder.block.", "enc.blk."]),
            transformer: Part::read(
                &transformer,
                &["single_transformer_blocks.", "transformer_blocks.", "double_blocks.", "single_blocks."],
            ),
            vae: bytes(&parts.vae),
            taef1: parts.taef1.as_deref().map_or(0, bytes),
            sizes: parts.configs.as_deref().and_then(Sizes::of_folder).unwrap_or(PUBLISHED),
        }
    }

    /// Of random weights in blocks of that type.
    fn synthetic(kind: &str) -> Self {
        let (values, bytes) = match kind {
            "q4_0" => (32, 18),
            "q8_0" => (32, 34),
            _ => (1, 2),
        };
        let part = |n: u64| Part { all: n / values * bytes, streamed: n / values * bytes / FEWEST_BLOCKS };
        let (t5, transformer) = SYNTHETIC;
        Self {
            clip: 246_144_152,
            t5: part(t5),
            transformer: part(transformer),
            vae: 167_666_902,
            taef1: 9_848_636,
            sizes: PUBLISHED,
        }
    }

    /// Bytes of the model at rest, all of it in memory.
    pub(super) fn weights(&self) -> u64 {
        self.clip + self.t5.all + self.transformer.all + self.vae + self.taef1
    }

    /// Bytes of the engine at its peak.
    pub(super) fn peak(&self, way: &DrawWay) -> u64 {
        // A token stands for 16 × 16 pixels.
        let tokens = way.pixels() / 256 + TEXT_TOKENS;
        let Sizes { width, t5_width, t5_heads } = self.sizes;
        let denoise = tokens * width * TRANSFORMER_ROWS * F32;
        let encode = TEXT_TOKENS * (t5_width * T5_ROWS + t5_heads * TEXT_TOKENS) * F32;
        let decoder = if way.decoder == Decoder::Taesd { 0 } else { self.vae };
        let decode = decode(way, VAE_CHANNELS);
        let transformer = match way.keep {
            Keep::All | Keep::NoTextEncoders => {
                return BASE + self.weights() + denoise.max(encode).max(decode);
            }
            Keep::OnePart => self.transformer.all,
            Keep::OneBlock => self.transformer.streamed,
        };
        // T5 is read layer by layer where it is not kept.
        let parts = [self.t5.streamed + encode, self.clip, transformer + denoise, decoder + decode];
        BASE + self.taef1 + parts.into_iter().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn tiny() -> FluxFootprint {
        let at = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/flux/schnell").join(name);
        let parts =
            FluxParts { clip: at("text_encoder"), t5: at("text_encoder_2"), vae: at("vae"), ..FluxParts::default() };
        FluxFootprint::read(&at(""), &parts)
    }

    fn drawing(side: u32, keep: Keep) -> DrawWay {
        DrawWay { size: (side, side), guided: false, keep, tiled: false, decoder: Decoder::Vae }
    }

    #[test]
    fn parts_and_their_largest_blocks_are_those_of_the_files() {
        let tiny = tiny();
        assert!(tiny.transformer.all > 1_000_000 && tiny.t5.all > 3_000_000, "{tiny:?}");
        assert!(tiny.transformer.streamed < tiny.transformer.all / 2, "{tiny:?}");
        // T5's table of words is not in a block.
        assert!(tiny.t5.streamed > 32128 * 48 * 2 && tiny.t5.streamed < tiny.t5.all, "{tiny:?}");
        assert_eq!(
            block_of("model.diffusion_model.double_blocks.7.img_mod.lin.bias", &["double_blocks."]).as_deref(),
            Some("double_blocks.7")
        );
        assert_eq!(block_of("single_transformer_blocks.x.norm", &["transformer_blocks."]), None);
    }

    #[test]
    fn each_way_to_keep_less_needs_less_and_larger_pictures_more() {
        let q4 = FluxFootprint::synthetic("q4_0");
        let needs: Vec<u64> =
            [Keep::All, Keep::OnePart, Keep::OneBlock].map(|keep| q4.peak(&drawing(512, keep))).to_vec();
        assert!(needs.is_sorted_by(|a, b| a > b), "{needs:?}");
        assert!(needs[1] < 9_000_000_000, "a Q4 transformer and 512×512: {}", needs[1]);
        assert!(q4.peak(&drawing(1024, Keep::OneBlock)) > needs[2]);
        assert_eq!(FluxFootprint::read(&PathBuf::from("nowhere"), &FluxParts::default()).weights(), 0);
    }
}
