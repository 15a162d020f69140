//! The tiny autoencoder (TAESD, diffusers' `AutoencoderTiny`): a stack of 3×3 convolutions, no norms.

use super::strips::{PIXELS, doubled_in_strips};
use crate::engine::Result;
use crate::engine::nn::{Activation, Around, Bend, Conv2d, FeatureMap, Padding};
use crate::engine::weights::{ConvShape, Weights, unusable};
use serde::Deserialize;

/// The size of a tiny autoencoder, as its `config.json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct TinyConfig {
    /// Channels of the latent.
    pub latent_channels: usize,
    /// Channels of the encoder's stages.
    pub encoder_block_out_channels: Vec<usize>,
    /// Channels of the decoder's stages.
    pub decoder_block_out_channels: Vec<usize>,
    /// Blocks of the encoder's stages.
    pub num_encoder_blocks: Vec<usize>,
    /// Blocks of the decoder's stages.
    pub num_decoder_blocks: Vec<usize>,
    /// Name of the activation.
    #[serde(default = "relu")]
    pub act_fn: String,
    /// Latents are multiplied by this after encoding.
    #[serde(default = "one")]
    pub scaling_factor: f64,
}

impl TinyConfig {
    /// TAESDXL's, as published.
    #[must_use]
    pub fn taesdxl() -> Self {
        Self {
            latent_channels: 4,
            encoder_block_out_channels: vec![64; 4],
            decoder_block_out_channels: vec![64; 4],
            num_encoder_blocks: vec![1, 3, 3, 3],
            num_decoder_blocks: vec![3, 3, 3, 1],
            act_fn: relu(),
            scaling_factor: one(),
        }
    }
}

fn relu() -> String {
    "relu".to_owned()
}

fn one() -> f64 {
    1.0
}

/// A tiny autoencoder.
pub struct TinyAutoencoder {
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
}

enum Layer {
    Conv(Conv2d),
    Act(Activation),
    Block(Box<Block>),
    /// A convolution of the map made twice as large.
    Doubling(Conv2d),
}

/// Three convolutions beside a shortcut.
struct Block {
    convs: [Conv2d; 3],
    act: Activation,
}

impl TinyAutoencoder {
    /// Loads encoder and decoder.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(weights: &Weights, config: &TinyConfig) -> Result<Self> {
        let act = Activation::named(&config.act_fn)
            .ok_or_else(|| unusable(format!("tiny autoencoder: the activation {} is not known", config.act_fn)))?;
        let stages = |channels: &[usize], blocks: &[usize]| -> Result<Vec<(usize, usize)>> {
            if channels.len() != blocks.len() || channels.is_empty() {
                return Err(unusable("tiny autoencoder: the config's stages and blocks do not match"));
            }
            Ok(channels.iter().copied().zip(blocks.iter().copied()).collect())
        };
        let down = stages(&config.encoder_block_out_channels, &config.num_encoder_blocks)?;
        let up = stages(&config.decoder_block_out_channels, &config.num_decoder_blocks)?;
        Ok(Self {
            encoder: encoder(&weights.at("encoder.layers"), &down, config.latent_channels, act)?,
            decoder: decoder(&weights.at("decoder.layers"), &up, config.latent_channels, act)?,
        })
    }

    /// Latents `(b, latent, h, w)` to pixels in -1…1.
    ///
    /// # Errors
    /// When `go_on` says so, or the device fails.
    pub fn decode(&self, latent: &FeatureMap, go_on: &dyn Fn() -> Result<()>) -> Result<FeatureMap> {
        self.decode_by(latent, PIXELS, go_on)
    }

    /// The same, in strips of about as many pixels where it is made large.
    pub(in crate::engine) fn decode_by(
        &self,
        latent: &FeatureMap,
        pixels: usize,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<FeatureMap> {
        // Latents are softly limited to ±3, the range it was trained on.
        let mut x = latent.map(|x| (x / 3.0)?.tanh()? * 3.0)?;
        // The last enlargement and what follows it are three fifths of the work, on maps of four times the memory.
        let last = self.decoder.iter().rposition(|layer| matches!(layer, Layer::Doubling(_)));
        let (before, after) = self.decoder.split_at(last.unwrap_or(self.decoder.len()));
        let run = |layers: &[Layer], x: &FeatureMap| {
            layers.iter().try_fold(x.clone(), |x, layer| {
                go_on()?;
                layer.forward(&x)
            })
        };
        x = run(before, &x)?;
        if !after.is_empty() {
            let reach = after.iter().map(Layer::reach).sum::<usize>().div_ceil(2);
            x = doubled_in_strips(&x, pixels, reach, |strip| run(after, strip))?;
        }
        Ok(x.map(|x| (x * 2.0)? - 1.0)?)
    }

    /// Pixels in -1…1 to latents.
    ///
    /// # Errors
    /// When the device fails.
    pub fn encode(&self, pixels: &FeatureMap) -> Result<FeatureMap> {
        let mut x = pixels.map(|x| (x + 1.0)? / 2.0)?;
        for layer in &self.encoder {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
}

fn encoder(at: &Weights, stages: &[(usize, usize)], latent: usize, act: Activation) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    let mut inputs = 3;
    for (i, (channels, blocks)) in stages.iter().enumerate() {
        let shape = if i == 0 {
            ConvShape::three(inputs, *channels)
        } else {
            ConvShape { bias: false, inputs, ..ConvShape::halving(*channels, Padding::Same) }
        };
        layers.push(Layer::Conv(at.conv(layers.len(), shape)?));
        for _ in 0..*blocks {
            layers.push(block(&at.at(layers.len()), *channels, act)?);
        }
        inputs = *channels;
    }
    layers.push(Layer::Conv(at.conv(layers.len(), ConvShape::three(inputs, latent))?));
    Ok(layers)
}

fn decoder(at: &Weights, stages: &[(usize, usize)], latent: usize, act: Activation) -> Result<Vec<Layer>> {
    let mut layers = vec![Layer::Conv(at.conv(0, ConvShape::three(latent, stages[0].0))?), Layer::Act(act)];
    let mut number = layers.len();
    for (i, (channels, blocks)) in stages.iter().enumerate() {
        let last = i + 1 == stages.len();
        for _ in 0..*blocks {
            layers.push(block(&at.at(number), *channels, act)?);
            number += 1;
        }
        let outputs = if last { 3 } else { *channels };
        let shape = ConvShape { bias: last, ..ConvShape::three(*channels, outputs) };
        // Layers are numbered as in diffusers, where the enlargement is one.
        let conv = at.conv(number + usize::from(!last), shape)?;
        number += 1 + usize::from(!last);
        layers.push(if last { Layer::Conv(conv) } else { Layer::Doubling(conv) });
    }
    Ok(layers)
}

fn block(at: &Weights, channels: usize, act: Activation) -> Result<Layer> {
    let conv = |i: usize| at.at("conv").conv(i, ConvShape::three(channels, channels));
    Ok(Layer::Block(Box::new(Block { convs: [conv(0)?, conv(2)?, conv(4)?], act })))
}

impl Layer {
    /// How many rows beyond its own it looks, of what it gives.
    fn reach(&self) -> usize {
        match self {
            Self::Conv(_) | Self::Doubling(_) => 1,
            Self::Act(_) => 0,
            Self::Block(block) => block.convs.len(),
        }
    }

    fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        Ok(match self {
            Self::Conv(conv) => conv.forward(x)?,
            Self::Act(act) => x.map(|x| act.forward(x))?,
            Self::Block(block) => block.forward(x)?,
            Self::Doubling(conv) => conv.forward_with(x, Around { doubled: true, ..Around::default() })?,
        })
    }
}

impl Block {
    fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let [first, second, third] = &self.convs;
        let then = Some(Bend::Same(self.act));
        let y = first.forward_with(x, Around { then, ..Around::default() })?;
        let y = second.forward_with(&y, Around { then, ..Around::default() })?;
        Ok(third.forward_with(&y, Around { plus: Some(x), then, ..Around::default() })?)
    }
}
