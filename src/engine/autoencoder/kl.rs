//! The variational autoencoder (diffusers' `AutoencoderKL`).

use super::strips::{Strips, norm_silu_conv, upsample_conv};
use crate::engine::Result;
use crate::engine::nn::weight::Place;
use crate::engine::nn::{Attend, Conv2d, FeatureMap, GroupNorm, Linear, Padding, attend};
use crate::engine::weights::{ConvShape, Weights, unusable};
use serde::Deserialize;

/// All group norms of this family.
const EPS: f32 = 1e-6;

/// The size of an autoencoder, as its `config.json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct AutoencoderConfig {
    /// Channels of the latent.
    pub latent_channels: usize,
    /// Channels of each level, largest map first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks a level (one more on the way up).
    pub layers_per_block: usize,
    /// Groups of the norms.
    #[serde(default = "default_groups")]
    pub norm_num_groups: usize,
    /// Latents are multiplied by this after encoding.
    pub scaling_factor: f64,
    /// Subtracted from latents before that.
    #[serde(default)]
    pub shift_factor: Option<f64>,
    /// Whether a 1×1 convolution follows the encoder.
    #[serde(default = "yes")]
    pub use_quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder.
    #[serde(default = "yes")]
    pub use_post_quant_conv: bool,
    /// Whether the middle has an attention.
    #[serde(default = "yes")]
    pub mid_block_add_attention: bool,
}

fn default_groups() -> usize {
    32
}

fn yes() -> bool {
    true
}

impl AutoencoderConfig {
    /// Pixels a latent pixel stands for, along a side.
    #[must_use]
    pub fn scale(&self) -> usize {
        1 << self.block_out_channels.len().saturating_sub(1)
    }
}

/// The autoencoder.
pub struct Autoencoder {
    encoder: Encoder,
    decoder: Decoder,
    latent_channels: usize,
    place: Place,
}

impl Autoencoder {
    /// Loads encoder and decoder.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(weights: &Weights, config: &AutoencoderConfig) -> Result<Self> {
        if config.block_out_channels.is_empty() || config.latent_channels == 0 {
            return Err(unusable("autoencoder: the config names no blocks or no latent channels"));
        }
        Ok(Self {
            encoder: Encoder::load(weights, config)?,
            decoder: Decoder::load(weights, config)?,
            latent_channels: config.latent_channels,
            place: weights.place().clone(),
        })
    }

    /// Where it computes and in which precision; what goes in must be there.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Latents `(1, latent, h, w)` to pixels in -1…1 `(1, 3, h · scale, w · scale)`.
    /// `go_on` is asked between levels.
    ///
    /// # Errors
    /// When `go_on` says so, or the device fails.
    pub fn decode(&self, latent: &FeatureMap, strips: Strips, go_on: &dyn Fn() -> Result<()>) -> Result<FeatureMap> {
        self.decoder.forward(latent, strips, go_on)
    }

    /// Pixels in -1…1 to mean and logarithm of the variance of the latent's distribution.
    ///
    /// # Errors
    /// When the device fails.
    pub fn encode(&self, pixels: &FeatureMap, strips: Strips) -> Result<(FeatureMap, FeatureMap)> {
        let moments = self.encoder.forward(pixels, strips)?;
        let mean = moments.channels_range(0, self.latent_channels)?;
        let variance = moments.channels_range(self.latent_channels, self.latent_channels)?;
        Ok((mean, variance.map(|v| v.clamp(-30f32, 20f32))?))
    }
}

struct Encoder {
    conv_in: Conv2d,
    levels: Vec<(Vec<Residual>, Option<Conv2d>)>,
    middle: Middle,
    norm: GroupNorm,
    conv_out: Conv2d,
    quant: Option<Conv2d>,
}

impl Encoder {
    fn load(weights: &Weights, config: &AutoencoderConfig) -> Result<Self> {
        let (all, latent) = (&config.block_out_channels, config.latent_channels);
        let (first, last) = (all[0], all[all.len() - 1]);
        let at = weights.at("encoder");
        let mut levels = Vec::new();
        let mut inputs = first;
        for (i, channels) in all.iter().enumerate() {
            let block = at.at(format_args!("down_blocks.{i}"));
            let residuals = residuals(&block, config, config.layers_per_block, inputs, *channels)?;
            let down = (i + 1 < all.len())
                .then(|| block.conv("downsamplers.0.conv", ConvShape::halving(*channels, Padding::AfterOnly)))
                .transpose()?;
            levels.push((residuals, down));
            inputs = *channels;
        }
        let quant = ConvShape::one(2 * latent, 2 * latent);
        Ok(Self {
            conv_in: at.conv("conv_in", ConvShape::three(3, first))?,
            levels,
            middle: Middle::load(&at.at("mid_block"), config, last)?,
            norm: at.group_norm("conv_norm_out", last, config.norm_num_groups, EPS)?,
            conv_out: at.conv("conv_out", ConvShape::three(last, 2 * latent))?,
            quant: config.use_quant_conv.then(|| weights.conv("quant_conv", quant)).transpose()?,
        })
    }

    fn forward(&self, pixels: &FeatureMap, strips: Strips) -> Result<FeatureMap> {
        let mut x = self.conv_in.forward(pixels)?;
        for (residuals, down) in &self.levels {
            for residual in residuals {
                x = residual.forward(x, strips)?;
            }
            if let Some(down) = down {
                x = down.forward(&x)?;
            }
        }
        x = norm_silu_conv(strips, &self.norm, &self.conv_out, &self.middle.forward(x)?, None)?;
        Ok(match &self.quant {
            Some(quant) => quant.forward(&x)?,
            None => x,
        })
    }
}

struct Decoder {
    post_quant: Option<Conv2d>,
    conv_in: Conv2d,
    middle: Middle,
    levels: Vec<(Vec<Residual>, Option<Conv2d>)>,
    norm: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    fn load(weights: &Weights, config: &AutoencoderConfig) -> Result<Self> {
        let (all, latent) = (&config.block_out_channels, config.latent_channels);
        let (first, last) = (all[0], all[all.len() - 1]);
        let at = weights.at("decoder");
        let mut levels = Vec::new();
        let mut inputs = last;
        for (i, channels) in all.iter().rev().enumerate() {
            let block = at.at(format_args!("up_blocks.{i}"));
            let residuals = residuals(&block, config, config.layers_per_block + 1, inputs, *channels)?;
            let up = (i + 1 < all.len())
                .then(|| block.conv("upsamplers.0.conv", ConvShape::three(*channels, *channels)))
                .transpose()?;
            levels.push((residuals, up));
            inputs = *channels;
        }
        let post_quant = ConvShape::one(latent, latent);
        Ok(Self {
            post_quant: config.use_post_quant_conv.then(|| weights.conv("post_quant_conv", post_quant)).transpose()?,
            conv_in: at.conv("conv_in", ConvShape::three(latent, last))?,
            middle: Middle::load(&at.at("mid_block"), config, last)?,
            levels,
            norm: at.group_norm("conv_norm_out", first, config.norm_num_groups, EPS)?,
            conv_out: at.conv("conv_out", ConvShape::three(first, 3))?,
        })
    }

    fn forward(&self, latent: &FeatureMap, strips: Strips, go_on: &dyn Fn() -> Result<()>) -> Result<FeatureMap> {
        let mut x = match &self.post_quant {
            Some(conv) => conv.forward(latent)?,
            None => latent.clone(),
        };
        x = self.middle.forward(self.conv_in.forward(&x)?)?;
        for (residuals, up) in &self.levels {
            for residual in residuals {
                go_on()?;
                x = residual.forward(x, strips)?;
            }
            if let Some(up) = up {
                go_on()?;
                x = upsample_conv(strips, up, &x)?;
            }
        }
        go_on()?;
        norm_silu_conv(strips, &self.norm, &self.conv_out, &x, None)
    }
}

fn residuals(at: &Weights, config: &AutoencoderConfig, n: usize, from: usize, to: usize) -> Result<Vec<Residual>> {
    (0..n)
        .map(|i| Residual::load(&at.at(format_args!("resnets.{i}")), config, if i == 0 { from } else { to }, to))
        .collect()
}

struct Residual {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

impl Residual {
    fn load(at: &Weights, config: &AutoencoderConfig, from: usize, to: usize) -> Result<Self> {
        let groups = config.norm_num_groups;
        Ok(Self {
            norm1: at.group_norm("norm1", from, groups, EPS)?,
            conv1: at.conv("conv1", ConvShape::three(from, to))?,
            norm2: at.group_norm("norm2", to, groups, EPS)?,
            conv2: at.conv("conv2", ConvShape::three(to, to))?,
            shortcut: (from != to).then(|| at.conv("conv_shortcut", ConvShape::one(from, to))).transpose()?,
        })
    }

    /// Takes the map, to let go of it early: the largest are a quarter of a gigabyte.
    fn forward(&self, x: FeatureMap, strips: Strips) -> Result<FeatureMap> {
        let y = norm_silu_conv(strips, &self.norm1, &self.conv1, &x, None)?;
        let beside = match &self.shortcut {
            None => x,
            Some(conv) => {
                let narrowed = conv.forward(&x)?;
                drop(x);
                narrowed
            }
        };
        norm_silu_conv(strips, &self.norm2, &self.conv2, &y, Some(&beside))
    }
}

struct Middle {
    first: Residual,
    attention: Option<MapAttention>,
    second: Residual,
}

impl Middle {
    fn load(at: &Weights, config: &AutoencoderConfig, channels: usize) -> Result<Self> {
        Ok(Self {
            first: Residual::load(&at.at("resnets.0"), config, channels, channels)?,
            attention: config
                .mid_block_add_attention
                .then(|| MapAttention::load(&at.at("attentions.0"), config, channels))
                .transpose()?,
            second: Residual::load(&at.at("resnets.1"), config, channels, channels)?,
        })
    }

    fn forward(&self, x: FeatureMap) -> Result<FeatureMap> {
        let mut x = self.first.forward(x, Strips::Whole)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.second.forward(x, Strips::Whole)
    }
}

/// One head over all pixels.
struct MapAttention {
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl MapAttention {
    fn load(at: &Weights, config: &AutoencoderConfig, channels: usize) -> Result<Self> {
        // Files written before diffusers 0.17 call them query, key, value and proj_attn.
        let old = at.has("query.weight");
        let exact = at.kept_exact();
        let linear = |now: &str, then: &str| exact.linear(if old { then } else { now }, channels, channels, true);
        Ok(Self {
            norm: at.group_norm("group_norm", channels, config.norm_num_groups, EPS)?,
            q: linear("to_q", "query")?,
            k: linear("to_k", "key")?,
            v: linear("to_v", "value")?,
            out: linear("to_out.0", "proj_attn")?,
        })
    }

    fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let tokens = self.norm.norm(x)?.to_tokens()?;
        let kind = Attend { heads: 1, causal: false, rounded: false };
        let (q, k, v) = (self.q.forward(&tokens)?, self.k.forward(&tokens)?, self.v.forward(&tokens)?);
        Ok(x.with_tokens(&self.out.forward_plus(&attend(kind, &q, &k, &v)?, &x.to_tokens()?)?)?)
    }
}
