//! What the config files of an SDXL checkpoint say. Nothing of a model's size is written down anywhere else.

use crate::engine::Result;
use crate::engine::weights::unusable;
use serde::Deserialize;

/// `unet/config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct UnetConfig {
    /// Channels of the latent that goes in.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Channels of each level, largest map first.
    pub block_out_channels: Vec<usize>,
    /// `DownBlock2D` or `CrossAttnDownBlock2D` for each level.
    pub down_block_types: Vec<String>,
    /// `UpBlock2D` or `CrossAttnUpBlock2D`, smallest map first.
    pub up_block_types: Vec<String>,
    /// Residual blocks a level (one more on the way up).
    pub layers_per_block: usize,
    /// Width of the prompt's vectors.
    pub cross_attention_dim: usize,
    /// Heads of each level. The published name is a mistake that everyone keeps.
    pub attention_head_dim: PerLevel,
    /// Heads of each level where a config names them rightly.
    #[serde(default)]
    pub num_attention_heads: Option<PerLevel>,
    /// Transformer blocks of each level.
    #[serde(default = "one_per_level")]
    pub transformer_layers_per_block: PerLevel,
    /// Width of each of the six size numbers' sinusoids.
    pub addition_time_embed_dim: usize,
    /// Width of pooled prompt and sinusoids together.
    pub projection_class_embeddings_input_dim: usize,
    /// Side of the latent it was trained on.
    pub sample_size: usize,
    /// Groups of the norms.
    #[serde(default = "groups")]
    pub norm_num_groups: usize,
    /// Keeps roots from zero in residual blocks.
    #[serde(default = "eps")]
    pub norm_eps: f32,
    /// Cosines before sines in sinusoids.
    #[serde(default = "yes")]
    pub flip_sin_to_cos: bool,
    /// Shifts the frequencies of sinusoids.
    #[serde(default)]
    pub freq_shift: f64,
    /// Must be `text_time`.
    pub addition_embed_type: Option<String>,
}

/// One number for all levels or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PerLevel {
    /// For all.
    All(usize),
    /// For each.
    Each(Vec<usize>),
}

impl PerLevel {
    /// The number of a level.
    #[must_use]
    pub fn of(&self, level: usize) -> Option<usize> {
        match self {
            Self::All(n) => Some(*n),
            Self::Each(all) => all.get(level).copied(),
        }
    }
}

fn one_per_level() -> PerLevel {
    PerLevel::All(1)
}

fn groups() -> usize {
    32
}

fn eps() -> f32 {
    1e-5
}

fn yes() -> bool {
    true
}

impl UnetConfig {
    /// Refuses what this code does not draw with.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn check(&self) -> Result<()> {
        let levels = self.block_out_channels.len();
        if levels == 0 || self.down_block_types.len() != levels || self.up_block_types.len() != levels {
            return Err(unusable("unet: block_out_channels, down_block_types and up_block_types do not match"));
        }
        if self.addition_embed_type.as_deref() != Some("text_time") {
            return Err(unusable("unet: addition_embed_type is not text_time, so this is not an SDXL model"));
        }
        if self.in_channels != self.out_channels {
            return Err(unusable(format!(
                "unet: {} input channels (an inpainting or editing model) are not supported, only {}",
                self.in_channels, self.out_channels
            )));
        }
        let known = ["DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"];
        for name in self.down_block_types.iter().chain(&self.up_block_types) {
            if !known.contains(&name.as_str()) {
                return Err(unusable(format!("unet: blocks of type {name} are not supported")));
            }
        }
        for level in 0..levels {
            if self.heads(level).is_none_or(|h| h == 0) || self.transformer_layers_per_block.of(level).is_none() {
                return Err(unusable("unet: attention_head_dim or transformer_layers_per_block names too few levels"));
            }
        }
        Ok(())
    }

    /// Heads of a level.
    #[must_use]
    pub fn heads(&self, level: usize) -> Option<usize> {
        self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim).of(level)
    }
}

/// `scheduler/scheduler_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct ScheduleConfig {
    /// The sampler it was published with.
    #[serde(rename = "_class_name", default)]
    pub class_name: String,
    /// First beta.
    pub beta_start: f64,
    /// Last beta.
    pub beta_end: f64,
    /// `scaled_linear` or `linear`.
    pub beta_schedule: String,
    /// Timesteps it was trained on.
    pub num_train_timesteps: usize,
    /// `epsilon` or `v_prediction`.
    #[serde(default = "epsilon")]
    pub prediction_type: String,
    /// `trailing`, `leading` or `linspace`.
    #[serde(default = "linspace")]
    pub timestep_spacing: String,
    /// Added to leading timesteps.
    #[serde(default)]
    pub steps_offset: i64,
}

fn epsilon() -> String {
    "epsilon".to_owned()
}

fn linspace() -> String {
    "linspace".to_owned()
}

/// `model_index.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelIndex {
    /// Must be a Stable Diffusion XL pipeline.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// Whether no negative prompt means zeros rather than the empty prompt.
    #[serde(default = "yes")]
    pub force_zeros_for_empty_prompt: bool,
}
