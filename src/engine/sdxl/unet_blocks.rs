//! The two kinds of block the UNet is made of: residual convolutions that know the time, and transformers over the
//! pixels that know the prompt.

use super::config::UnetConfig;
use crate::engine::Result;
use crate::engine::nn::{Around, Attend, Conv2d, FeatureMap, GroupNorm, LayerNorm, Linear, attend};
use crate::engine::weights::{ConvShape, Weights, unusable};
use candle_core::Tensor;

/// Norm epsilon of the transformers, fixed in diffusers' `Transformer2DModel`.
const TRANSFORMER_EPS: f32 = 1e-6;
/// Norm epsilon inside the transformers, torch's default.
const BLOCK_EPS: f32 = 1e-5;

/// Two convolutions beside a shortcut, with the time vector added between them.
pub struct Residual {
    norm1: GroupNorm,
    conv1: Conv2d,
    time: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

impl Residual {
    /// Loads the block that turns `from` channels to `to`.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(at: &Weights, config: &UnetConfig, from: usize, to: usize) -> Result<Self> {
        let (groups, eps) = (config.norm_num_groups, config.norm_eps);
        Ok(Self {
            norm1: at.group_norm("norm1", from, groups, eps)?,
            conv1: at.conv("conv1", ConvShape::three(from, to))?,
            time: at.kept_exact().linear("time_emb_proj", 4 * config.block_out_channels[0], to, true)?,
            norm2: at.group_norm("norm2", to, groups, eps)?,
            conv2: at.conv("conv2", ConvShape::three(to, to))?,
            shortcut: (from != to).then(|| at.conv("conv_shortcut", ConvShape::one(from, to))).transpose()?,
        })
    }

    /// `time` is the time vector after SiLU, `(batch, 4 · channels)`. What is `guided` is rounded less.
    ///
    /// # Errors
    /// When the sizes disagree.
    pub fn forward(&self, x: &FeatureMap, time: &Tensor, guided: bool) -> Result<FeatureMap> {
        let time = self.time.forward(time)?;
        let either = Around { exact: guided, ..Around::default() };
        let around = Around { norm_silu: Some(&self.norm1), per_channel: Some(&time), ..either };
        let y = self.conv1.forward_with(x, around)?;
        let shortcut = self.shortcut.as_ref().map(|conv| conv.forward(x)).transpose()?;
        let plus = Some(shortcut.as_ref().unwrap_or(x));
        Ok(self.conv2.forward_with(&y, Around { norm_silu: Some(&self.norm2), plus, ..either })?)
    }
}

/// Transformer blocks over the pixels of a map.
pub struct SpatialTransformer {
    norm: GroupNorm,
    project_in: Linear,
    blocks: Vec<Block>,
    project_out: Linear,
}

impl SpatialTransformer {
    /// Loads the transformer of a level.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(at: &Weights, config: &UnetConfig, level: usize) -> Result<Self> {
        let channels = config.block_out_channels[level];
        let depth = config.transformer_layers_per_block.of(level).unwrap_or(1);
        let heads = config.heads(level).unwrap_or(1);
        if !channels.is_multiple_of(heads) {
            return Err(unusable(format!("unet: {channels} channels do not divide into {heads} heads")));
        }
        Ok(Self {
            norm: at.group_norm("norm", channels, config.norm_num_groups, TRANSFORMER_EPS)?,
            project_in: at.linear("proj_in", channels, channels, true)?,
            blocks: (0..depth)
                .map(|i| Block::load(&at.at(format_args!("transformer_blocks.{i}")), config, channels, heads))
                .collect::<Result<_>>()?,
            project_out: at.linear("proj_out", channels, channels, true)?,
        })
    }

    /// `prompt` is `(batch, tokens, cross_attention_dim)`. Guidance multiplies what rounding made of a picture: one that is
    /// `guided` is rounded less.
    ///
    /// # Errors
    /// When the sizes disagree.
    pub fn forward(&self, x: &FeatureMap, prompt: &Tensor, guided: bool) -> Result<FeatureMap> {
        let mut tokens = self.project_in.forward(&self.norm.norm(x)?.to_tokens()?)?;
        for block in &self.blocks {
            tokens = block.forward(&tokens, prompt, guided)?;
        }
        Ok(x.with_tokens(&self.project_out.forward_plus(&tokens, &x.to_tokens()?)?)?)
    }
}

struct Block {
    norms: [LayerNorm; 3],
    to_pixels: Attention,
    to_prompt: Attention,
    widen: Linear,
    narrow: Linear,
}

impl Block {
    fn load(at: &Weights, config: &UnetConfig, channels: usize, heads: usize) -> Result<Self> {
        let norm = |name: &str| at.layer_norm(name, channels, BLOCK_EPS);
        Ok(Self {
            norms: [norm("norm1")?, norm("norm2")?, norm("norm3")?],
            to_pixels: Attention::load(&at.at("attn1"), channels, channels, heads)?,
            to_prompt: Attention::load(&at.at("attn2"), channels, config.cross_attention_dim, heads)?,
            widen: at.linear("ff.net.0.proj", channels, 8 * channels, true)?,
            narrow: at.linear("ff.net.2", 4 * channels, channels, true)?,
        })
    }

    fn forward(&self, x: &Tensor, prompt: &Tensor, guided: bool) -> Result<Tensor> {
        let [norm1, norm2, norm3] = &self.norms;
        let normal = norm1.forward(x)?;
        let x = self.to_pixels.forward(&normal, &normal, x, !guided)?;
        let x = self.to_prompt.forward(&norm2.forward(&x)?, prompt, &x, false)?;
        let inner = self.widen.forward_geglu(&norm3.forward(&x)?)?;
        Ok(self.narrow.forward_plus(&inner, &x)?)
    }
}

struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
}

impl Attention {
    fn load(at: &Weights, channels: usize, context: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            q: at.linear("to_q", channels, channels, false)?,
            k: at.linear("to_k", context, channels, false)?,
            v: at.linear("to_v", context, channels, false)?,
            out: at.linear("to_out.0", channels, channels, true)?,
            heads,
        })
    }

    /// What `x` asks and `context` answers, added to `plus`; what is multiplied may be `rounded` where its layers are.
    fn forward(&self, x: &Tensor, context: &Tensor, plus: &Tensor, rounded: bool) -> Result<Tensor> {
        let kind = Attend { heads: self.heads, causal: false, rounded: rounded && self.q.in_bytes() };
        let (k, v) = (self.k.forward(context)?, self.v.forward(context)?);
        Ok(self.out.forward_plus(&attend(kind, &self.q.forward(x)?, &k, &v)?, plus)?)
    }
}
