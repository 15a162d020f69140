//! The configs of a checkpoint together: from its folder, or SDXL's own as published for files that bring none.

use super::config::{ModelIndex, ScheduleConfig, UnetConfig};
use crate::engine::Result;
use crate::engine::autoencoder::AutoencoderConfig;
use crate::engine::clip::ClipConfig;
use crate::engine::weights::folder::parse;
use crate::engine::weights::unusable;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Where each config lies in a diffusers folder, and SDXL's own.
const PUBLISHED: [(&str, &str); 8] = [
    ("model_index.json", include_str!("published/model_index.json")),
    ("unet/config.json", include_str!("published/unet.json")),
    ("vae/config.json", include_str!("published/vae.json")),
    ("text_encoder/config.json", include_str!("published/text_encoder.json")),
    ("text_encoder_2/config.json", include_str!("published/text_encoder_2.json")),
    ("tokenizer/tokenizer_config.json", include_str!("published/tokenizer.json")),
    ("tokenizer_2/tokenizer_config.json", include_str!("published/tokenizer_2.json")),
    (SCHEDULER, include_str!("published/scheduler_base.json")),
];
const SCHEDULER: &str = "scheduler/scheduler_config.json";
/// Turbo's: base and Turbo differ in nothing else.
const TURBO_SCHEDULER: &str = include_str!("published/scheduler_turbo.json");

/// SDXL's own configs by their places, with Turbo's scheduler where `turbo` says so.
fn published(turbo: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    PUBLISHED
        .into_iter()
        .map(move |(name, text)| (name, if turbo && name == SCHEDULER { TURBO_SCHEDULER } else { text }))
}

/// Everything the config files of a checkpoint say.
pub struct Configs {
    /// The UNet.
    pub unet: UnetConfig,
    /// The autoencoder.
    pub vae: AutoencoderConfig,
    /// The sampler.
    pub schedule: ScheduleConfig,
    /// Both text encoders.
    pub text: [ClipConfig; 2],
    /// Whether no negative prompt means zeros rather than the empty prompt.
    pub zeros_for_no_negative: bool,
}

impl Configs {
    /// Those of a diffusers folder.
    ///
    /// # Errors
    /// When one is absent or not SDXL's.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        Self::gather(&|name| {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).map_err(|e| unusable(format!("{}: {e}", path.display())))?;
            Ok((path, text))
        })
    }

    /// SDXL's own; `turbo` for a checkpoint distilled to few steps.
    ///
    /// # Errors
    /// Never: what is published parses.
    pub fn published(turbo: bool) -> Result<Self> {
        Self::gather(&|name| {
            let (_, text) = published(turbo).find(|(known, _)| *known == name).unwrap_or_default();
            Ok((PathBuf::from(name), text.to_owned()))
        })
    }

    fn gather(text_of: &dyn Fn(&str) -> Result<(PathBuf, String)>) -> Result<Self> {
        let index: ModelIndex = config(text_of, "model_index.json")?;
        if !index.class_name.starts_with("StableDiffusionXL") {
            return Err(unusable(format!(
                "model_index.json describes a {}, not Stable Diffusion XL",
                index.class_name
            )));
        }
        Ok(Self {
            unet: config(text_of, "unet/config.json")?,
            vae: config(text_of, "vae/config.json")?,
            schedule: config(text_of, SCHEDULER)?,
            text: [config(text_of, "text_encoder/config.json")?, config(text_of, "text_encoder_2/config.json")?],
            zeros_for_no_negative: index.force_zeros_for_empty_prompt,
        })
    }
}

fn config<T: DeserializeOwned>(text_of: &dyn Fn(&str) -> Result<(PathBuf, String)>, name: &str) -> Result<T> {
    let (path, text) = text_of(name)?;
    parse(&path, &text)
}

/// Writes the published configs of SDXL-Turbo, and the vocabulary in `clip_vocabulary`, in a diffusers folder's places.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_published(folder: &Path, clip_vocabulary: &Path) -> std::io::Result<()> {
    for (name, text) in published(true) {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        for file in ["vocab.json", "merges.txt"] {
            std::fs::copy(clip_vocabulary.join(file), folder.join(tokenizer).join(file))?;
        }
    }
    Ok(())
}
