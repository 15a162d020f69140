//! FLUX's transformer: predicts the way from noise to picture for a row of packed latents.

use super::blocks::{DoubleBlock, Modulation, SingleBlock};
use super::config::TransformerConfig;
use crate::engine::Result;
use crate::engine::nn::{Activation, Linear, Rope, timestep_embedding};
use crate::engine::weights::stack::Stack;
use crate::engine::weights::{Weights, unusable};
use candle_core::Tensor;

/// Sinusoids that stand for a time or a guidance.
const SINUSOIDS: usize = 256;
/// Base of the frequencies of places.
const THETA: f64 = 10_000.0;

/// What a latent is denoised towards.
#[derive(Clone)]
pub struct Conditioning {
    /// T5's vectors, `(1, tokens, joint_attention_dim)`.
    pub prompt: Tensor,
    /// CLIP's vector, `(1, pooled_projection_dim)`.
    pub pooled: Tensor,
    /// Told to models that were trained with it.
    pub guidance: f32,
}

/// The transformer.
pub struct Transformer {
    config: TransformerConfig,
    picture_in: Linear,
    text_in: Linear,
    time: (Linear, Linear),
    guidance: Option<(Linear, Linear)>,
    pooled: (Linear, Linear),
    double: Stack<DoubleBlock>,
    single: Stack<SingleBlock>,
    last_modulation: Linear,
    out: Linear,
}

impl Transformer {
    /// Loads the transformer, its blocks kept in memory or `streamed`. `go_on` is asked between blocks.
    ///
    /// # Errors
    /// When `go_on` says so, tensors are absent or contradict the config, or the config asks for what is not supported.
    pub fn load(
        weights: &Weights,
        config: &TransformerConfig,
        streamed: bool,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        config.check()?;
        let width = config.width();
        // What everything after them depends on, and what is computed for one row, stays exact.
        let exact = weights.kept_exact();
        let embedder = |name: &str, inputs: usize| -> Result<(Linear, Linear)> {
            let at = exact.at("time_text_embed").at(name);
            Ok((at.linear("linear_1", inputs, width, true)?, at.linear("linear_2", width, width, true)?))
        };
        let places = |name: &str, n: usize| (0..n).map(|i| weights.at(name).at(i)).collect::<Vec<_>>();
        let (of_double, of_single) = (config.clone(), config.clone());
        let double = places("transformer_blocks", config.num_layers);
        let single = places("single_transformer_blocks", config.num_single_layers);
        Ok(Self {
            picture_in: exact.linear("x_embedder", config.in_channels, width, true)?,
            text_in: exact.linear("context_embedder", config.joint_attention_dim, width, true)?,
            time: embedder("timestep_embedder", SINUSOIDS)?,
            guidance: config.guidance_embeds.then(|| embedder("guidance_embedder", SINUSOIDS)).transpose()?,
            pooled: embedder("text_embedder", config.pooled_projection_dim)?,
            double: Stack::load(double, streamed, go_on, move |at| DoubleBlock::load(at, &of_double))?,
            single: Stack::load(single, streamed, go_on, move |at| SingleBlock::load(at, &of_single))?,
            last_modulation: exact.linear("norm_out.linear", width, 2 * width, true)?,
            out: exact.linear("proj_out", width, config.in_channels, true)?,
            config: config.clone(),
        })
    }

    /// The places of `text` prompt tokens and of a picture of `(rows, columns)` tokens.
    ///
    /// # Errors
    /// When the device fails.
    #[allow(clippy::cast_precision_loss)]
    pub fn places(&self, text: usize, (rows, columns): (usize, usize), like: &Tensor) -> Result<Rope> {
        let of_text = std::iter::repeat_n(vec![0.0; 3], text);
        let of_picture = (0..rows).flat_map(|y| (0..columns).map(move |x| vec![0.0, y as f64, x as f64]));
        let positions: Vec<Vec<f64>> = of_text.chain(of_picture).collect();
        Ok(Rope::new(&positions, &self.config.axes_dims_rope, THETA, like.device())?)
    }

    /// What it predicts for `latent` `(1, n, in_channels)` at `timestep` (0…1000). `within` is told how many of how many
    /// blocks are done.
    ///
    /// # Errors
    /// When `within` says so, the sizes disagree, or the device fails.
    pub fn forward(
        &self,
        latent: &Tensor,
        timestep: f32,
        conditioning: &Conditioning,
        rope: &Rope,
        within: &dyn Fn(usize, usize) -> Result<()>,
    ) -> Result<Tensor> {
        let time = self.time_vector(timestep, conditioning)?;
        let (doubles, blocks) = (self.double.len(), self.double.len() + self.single.len());
        let mut picture = self.picture_in.forward(latent)?;
        let mut text = self.text_in.forward(&conditioning.prompt)?;
        for i in 0..doubles {
            within(i, blocks)?;
            (text, picture) = self.double.with(i, |block| block.forward((&text, &picture), &time, rope))?;
        }
        let (m, n) = (text.dim(1)?, picture.dim(1)?);
        let mut all = Tensor::cat(&[text, picture], 1)?;
        for i in 0..self.single.len() {
            within(doubles + i, blocks)?;
            all = self.single.with(i, |block| block.forward(&all, &time, rope))?;
        }
        let modulation = Modulation::of(&self.last_modulation, &time, 2)?;
        // Here, unlike in the blocks, the scale comes first.
        Ok(self.out.forward(&modulation.norm(&all.narrow(1, m, n)?, (1, 0))?)?)
    }

    /// Timestep, guidance and pooled prompt in one vector, already through SiLU, `(1, width)`.
    fn time_vector(&self, timestep: f32, conditioning: &Conditioning) -> Result<Tensor> {
        let pooled = &conditioning.pooled;
        let embedded = |layers: &(Linear, Linear), value: f32| -> Result<Tensor> {
            let sinusoids = timestep_embedding(&[value], SINUSOIDS, true, 0.0, pooled.device())?;
            two_layers(layers, &sinusoids.to_dtype(pooled.dtype())?)
        };
        // diffusers divides timesteps by 1000 on the way in and multiplies them again, in f32.
        let mut vector = embedded(&self.time, timestep / 1000.0 * 1000.0)?;
        if let Some(layers) = &self.guidance {
            vector = (vector + embedded(layers, conditioning.guidance * 1000.0)?)?;
        }
        if pooled.dim(1)? != self.config.pooled_projection_dim {
            return Err(unusable(format!("CLIP's vector has {} values", pooled.dim(1)?)));
        }
        let vector = (vector + two_layers(&self.pooled, pooled)?)?;
        Ok(Activation::Silu.forward(&vector)?)
    }
}

fn two_layers(layers: &(Linear, Linear), x: &Tensor) -> Result<Tensor> {
    Ok(layers.1.forward(&Activation::Silu.forward(&layers.0.forward(x)?)?)?)
}
