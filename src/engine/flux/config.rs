//! What the config files of a FLUX.1 checkpoint say, and what the shapes of an original file tell instead.

use crate::engine::Result;
use crate::engine::weights::{Source, unusable};
use serde::Deserialize;

/// `transformer/config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TransformerConfig {
    /// Values of a packed latent token.
    pub in_channels: usize,
    /// Blocks with a stream for the text and one for the picture.
    pub num_layers: usize,
    /// Blocks with one stream for both.
    pub num_single_layers: usize,
    /// Values a head.
    pub attention_head_dim: usize,
    /// Heads.
    pub num_attention_heads: usize,
    /// Width of T5's vectors.
    pub joint_attention_dim: usize,
    /// Width of CLIP's vector.
    pub pooled_projection_dim: usize,
    /// Whether it is told the guidance (dev) or knows none (schnell).
    #[serde(default)]
    pub guidance_embeds: bool,
    /// Values of a head that turn with each coordinate of a token.
    #[serde(default = "axes")]
    pub axes_dims_rope: Vec<usize>,
}

/// As published for heads of 128.
fn axes() -> Vec<usize> {
    vec![16, 56, 56]
}

impl TransformerConfig {
    /// Values a token.
    #[must_use]
    pub fn width(&self) -> usize {
        self.attention_head_dim * self.num_attention_heads
    }

    /// Refuses what this code does not draw with.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn check(&self) -> Result<()> {
        if self.axes_dims_rope.len() != 3 || self.axes_dims_rope.iter().sum::<usize>() != self.attention_head_dim {
            return Err(unusable(format!(
                "transformer: axes_dims_rope {:?} do not make up heads of {}",
                self.axes_dims_rope, self.attention_head_dim
            )));
        }
        if self.axes_dims_rope.iter().any(|axis| !axis.is_multiple_of(2)) || self.attention_head_dim == 0 {
            return Err(unusable("transformer: axes_dims_rope must be even"));
        }
        if !self.in_channels.is_multiple_of(4) || self.in_channels == 0 {
            return Err(unusable(format!(
                "transformer: in_channels {} are no latent packed four to one",
                self.in_channels
            )));
        }
        if self.num_layers == 0 && self.num_single_layers == 0 {
            return Err(unusable("transformer: it has no blocks"));
        }
        Ok(())
    }

    /// What the shapes of a checkpoint under the original names tell. How a head divides among coordinates no shape
    /// tells: it is taken as published.
    ///
    /// # Errors
    /// When a tensor is absent that every FLUX has; the sentence names it.
    pub fn of_shapes(source: &dyn Source) -> Result<Self> {
        let shape = |name: &str, rank: usize| {
            source
                .shape(name)
                .filter(|s| s.len() == rank)
                .ok_or_else(|| unusable(format!("the checkpoint has no tensor {name}, which every FLUX.1 has")))
        };
        let count =
            |format: &dyn Fn(usize) -> String| (0..).take_while(|n| source.shape(&format(*n)).is_some()).count();
        let (picture, text) = (shape("img_in.weight", 2)?, shape("txt_in.weight", 2)?);
        let pooled = shape("vector_in.in_layer.weight", 2)?;
        shape("final_layer.linear.weight", 2)?;
        let doubles = count(&|n| format!("double_blocks.{n}.img_attn.qkv.weight"));
        let singles = count(&|n| format!("single_blocks.{n}.linear1.weight"));
        let head = if doubles > 0 {
            shape("double_blocks.0.img_attn.norm.query_norm.scale", 1)?[0]
        } else {
            shape("single_blocks.0.norm.query_norm.scale", 1)?[0]
        };
        Ok(Self {
            in_channels: picture[1],
            num_layers: doubles,
            num_single_layers: singles,
            attention_head_dim: head,
            num_attention_heads: picture[0] / head.max(1),
            joint_attention_dim: text[1],
            pooled_projection_dim: pooled[1],
            guidance_embeds: source.shape("guidance_in.in_layer.weight").is_some(),
            axes_dims_rope: axes(),
        })
    }

    /// Whether both describe the same tensors.
    #[must_use]
    pub fn same_shapes(&self, other: &Self) -> bool {
        *self == Self { axes_dims_rope: self.axes_dims_rope.clone(), ..other.clone() }
    }
}

/// `scheduler/scheduler_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct ScheduleConfig {
    /// Timesteps it was trained on.
    #[serde(default = "thousand")]
    pub num_train_timesteps: usize,
    /// How far sigmas are moved towards noise, where that does not depend on the size.
    #[serde(default = "one")]
    pub shift: f64,
    /// Whether it does.
    #[serde(default)]
    pub use_dynamic_shifting: bool,
    /// Tokens of a picture that moves by `base_shift`.
    #[serde(default = "base_tokens")]
    pub base_image_seq_len: usize,
    /// Tokens of a picture that moves by `max_shift`.
    #[serde(default = "max_tokens")]
    pub max_image_seq_len: usize,
    /// Exponent of the shift of small pictures.
    #[serde(default = "base_shift")]
    pub base_shift: f64,
    /// Exponent of the shift of large pictures.
    #[serde(default = "max_shift")]
    pub max_shift: f64,
    /// Must be `exponential`.
    #[serde(default = "exponential")]
    pub time_shift_type: String,
}

fn thousand() -> usize {
    1000
}

fn one() -> f64 {
    1.0
}

fn base_tokens() -> usize {
    256
}

fn max_tokens() -> usize {
    4096
}

fn base_shift() -> f64 {
    0.5
}

fn max_shift() -> f64 {
    1.15
}

fn exponential() -> String {
    "exponential".to_owned()
}
