//! The UNet of Stable Diffusion XL: predicts the noise (or velocity) in a latent.

use super::config::UnetConfig;
use super::unet_blocks::{Residual, SpatialTransformer};
use crate::engine::Result;
use crate::engine::nn::{Activation, Around, Conv2d, FeatureMap, GroupNorm, Linear, Padding, timestep_embedding};
use crate::engine::weights::{ConvShape, Weights, unusable};
use candle_core::Tensor;

/// What a latent is denoised towards.
#[derive(Clone)]
pub struct Conditioning {
    /// Vectors of the prompt, `(batch, tokens, cross_attention_dim)`.
    pub prompt: Tensor,
    /// The pooled prompt, `(batch, projection)`.
    pub pooled: Tensor,
    /// Original height and width, crop top and left, target height and width, in pixels.
    pub sizes: [f32; 6],
    /// Whether guidance will multiply what is predicted for it.
    pub guided: bool,
}

/// The UNet.
pub struct Unet {
    config: UnetConfig,
    time: (Linear, Linear),
    addition: (Linear, Linear),
    conv_in: Conv2d,
    down: Vec<Level>,
    middle: (Residual, SpatialTransformer, Residual),
    up: Vec<Level>,
    norm: GroupNorm,
    conv_out: Conv2d,
}

/// One size of map.
struct Level {
    steps: Vec<(Residual, Option<SpatialTransformer>)>,
    resample: Option<Conv2d>,
}

impl Unet {
    /// Loads the UNet.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config, or the config asks for what is not supported.
    pub fn load(weights: &Weights, config: &UnetConfig) -> Result<Self> {
        config.check()?;
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let wide = 4 * first;
        let embedding = |name: &str, inputs: usize| -> Result<(Linear, Linear)> {
            let at = weights.at(name).kept_exact();
            Ok((at.linear("linear_1", inputs, wide, true)?, at.linear("linear_2", wide, wide, true)?))
        };
        let mid = weights.at("mid_block");
        let deepest = channels.len() - 1;
        Ok(Self {
            time: embedding("time_embedding", first)?,
            addition: embedding("add_embedding", config.projection_class_embeddings_input_dim)?,
            conv_in: weights.conv("conv_in", ConvShape::three(config.in_channels, first))?,
            down: load_down(weights, config)?,
            middle: (
                Residual::load(&mid.at("resnets.0"), config, last, last)?,
                SpatialTransformer::load(&mid.at("attentions.0"), config, deepest)?,
                Residual::load(&mid.at("resnets.1"), config, last, last)?,
            ),
            up: load_up(weights, config)?,
            norm: weights.group_norm("conv_norm_out", first, config.norm_num_groups, config.norm_eps)?,
            conv_out: weights.conv("conv_out", ConvShape::three(first, config.out_channels))?,
            config: config.clone(),
        })
    }

    /// What `latent` `(batch, channels, h, w)` is predicted to hold at `timestep`. `go_on` is asked between levels.
    ///
    /// # Errors
    /// When `go_on` says so, the sizes disagree, or the device fails.
    pub fn forward(
        &self,
        latent: &FeatureMap,
        timestep: f32,
        conditioning: &Conditioning,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<FeatureMap> {
        let time = self.time_vector(timestep, conditioning)?;
        let guided = conditioning.guided;
        let mut x = self.conv_in.forward(latent)?;
        let mut skips = vec![x.clone()];
        for level in &self.down {
            go_on()?;
            for (residual, transformer) in &level.steps {
                x = residual.forward(&x, &time, guided)?;
                if let Some(transformer) = transformer {
                    x = transformer.forward(&x, &conditioning.prompt, guided)?;
                }
                skips.push(x.clone());
            }
            if let Some(conv) = &level.resample {
                x = conv.forward(&x)?;
                skips.push(x.clone());
            }
        }
        go_on()?;
        x = self.middle.0.forward(&x, &time, guided)?;
        x = self.middle.1.forward(&x, &conditioning.prompt, guided)?;
        x = self.middle.2.forward(&x, &time, guided)?;
        for level in &self.up {
            go_on()?;
            for (residual, transformer) in &level.steps {
                let skip = skips.pop().ok_or_else(|| unusable("unet: the blocks on the way up do not match"))?;
                x = residual.forward(&x.cat_channels(&skip)?, &time, guided)?;
                if let Some(transformer) = transformer {
                    x = transformer.forward(&x, &conditioning.prompt, guided)?;
                }
            }
            if let (Some(conv), Some(next)) = (&level.resample, skips.last()) {
                // A side that was halved from an odd number and doubled again is one pixel too long.
                x = if (next.height(), next.width()) == (2 * x.height(), 2 * x.width()) {
                    conv.forward_with(&x, Around { doubled: true, exact: guided, ..Around::default() })?
                } else {
                    conv.forward(&x.upsample2x()?.crop(0, 0, next.height(), next.width())?)?
                };
            }
        }
        Ok(self.conv_out.forward_with(&x, Around { norm_silu: Some(&self.norm), ..Around::default() })?)
    }

    /// Timestep, sizes and pooled prompt in one vector, already through SiLU, `(batch, 4 · channels)`.
    fn time_vector(&self, timestep: f32, conditioning: &Conditioning) -> Result<Tensor> {
        let config = &self.config;
        let (flip, shift) = (config.flip_sin_to_cos, config.freq_shift);
        let (device, dtype) = (conditioning.pooled.device(), conditioning.pooled.dtype());
        let batch = conditioning.pooled.dim(0)?;
        let time = timestep_embedding(&[timestep], config.block_out_channels[0], flip, shift, device)?;
        let sizes = timestep_embedding(&conditioning.sizes, config.addition_time_embed_dim, flip, shift, device)?
            .reshape((1, ()))?;
        let sizes = sizes.repeat((batch, 1))?.to_dtype(dtype)?;
        let added = Tensor::cat(&[&conditioning.pooled, &sizes], 1)?;
        let time = two_layers(&self.time, &time.to_dtype(dtype)?)?;
        let vector = two_layers(&self.addition, &added)?.broadcast_add(&time)?;
        Ok(Activation::Silu.forward(&vector)?)
    }
}

fn two_layers(layers: &(Linear, Linear), x: &Tensor) -> Result<Tensor> {
    Ok(layers.1.forward(&layers.0.forward_then(x, Activation::Silu)?)?)
}

fn load_down(weights: &Weights, config: &UnetConfig) -> Result<Vec<Level>> {
    let channels = &config.block_out_channels;
    let mut inputs = channels[0];
    let mut levels = Vec::new();
    for (i, outputs) in channels.iter().copied().enumerate() {
        let at = weights.at(format_args!("down_blocks.{i}"));
        let attends = config.down_block_types[i].starts_with("CrossAttn");
        let mut steps = Vec::new();
        for j in 0..config.layers_per_block {
            let from = if j == 0 { inputs } else { outputs };
            steps.push(load_step(&at, config, (j, attends.then_some(i)), from, outputs)?);
        }
        let shape = ConvShape::halving(outputs, Padding::Same);
        let last = i + 1 == channels.len();
        let resample = (!last).then(|| at.conv("downsamplers.0.conv", shape)).transpose()?;
        levels.push(Level { steps, resample });
        inputs = outputs;
    }
    Ok(levels)
}

fn load_up(weights: &Weights, config: &UnetConfig) -> Result<Vec<Level>> {
    let channels = &config.block_out_channels;
    let n = channels.len();
    let mut previous = channels[n - 1];
    let mut levels = Vec::new();
    for i in 0..n {
        let level = n - 1 - i;
        let (outputs, below) = (channels[level], channels[level.saturating_sub(1)]);
        let at = weights.at(format_args!("up_blocks.{i}"));
        let attends = config.up_block_types[i].starts_with("CrossAttn");
        let mut steps = Vec::new();
        for j in 0..=config.layers_per_block {
            let from = if j == 0 { previous } else { outputs };
            let skip = if j == config.layers_per_block { below } else { outputs };
            steps.push(load_step(&at, config, (j, attends.then_some(level)), from + skip, outputs)?);
        }
        let shape = ConvShape::three(outputs, outputs);
        let resample = (i + 1 < n).then(|| at.conv("upsamplers.0.conv", shape)).transpose()?;
        levels.push(Level { steps, resample });
        previous = outputs;
    }
    Ok(levels)
}

/// Residual block `index` and, where the level attends, its transformer.
fn load_step(
    at: &Weights,
    config: &UnetConfig,
    (index, attends): (usize, Option<usize>),
    from: usize,
    to: usize,
) -> Result<(Residual, Option<SpatialTransformer>)> {
    let residual = Residual::load(&at.at(format_args!("resnets.{index}")), config, from, to)?;
    let transformer = attends
        .map(|level| SpatialTransformer::load(&at.at(format_args!("attentions.{index}")), config, level))
        .transpose()?;
    Ok((residual, transformer))
}
