//! The files of an SDXL checkpoint: which there are, and the parts of the model they hold.

use super::config::{ModelIndex, ScheduleConfig, UnetConfig, read};
use super::unet::Unet;
use crate::engine::Result;
use crate::engine::autoencoder::{Autoencoder, AutoencoderConfig, TinyAutoencoder, TinyConfig};
use crate::engine::clip::{ClipConfig, ClipEncoder, ClipTokenizer};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::ModelSpec;
use crate::engine::weights::{SafetensorsFiles, Source, Weights, unusable};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checkpoint on disk and what its configs say.
pub struct Files {
    spec: ModelSpec,
    unet: UnetConfig,
    vae: AutoencoderConfig,
    schedule: ScheduleConfig,
    text: [ClipConfig; 2],
    zeros_for_no_negative: bool,
}

impl Files {
    /// Finds the parts of a diffusers folder and reads their configs.
    ///
    /// # Errors
    /// When one is absent or not SDXL's.
    pub fn find(spec: &ModelSpec) -> Result<Self> {
        let folder = &spec.path;
        let index: ModelIndex = read(&folder.join("model_index.json"))?;
        if !index.class_name.starts_with("StableDiffusionXL") {
            return Err(unusable(format!(
                "{} holds a {}, not Stable Diffusion XL",
                folder.display(),
                index.class_name
            )));
        }
        Ok(Self {
            unet: read(&folder.join("unet/config.json"))?,
            vae: read(&folder.join("vae/config.json"))?,
            schedule: read(&folder.join("scheduler/scheduler_config.json"))?,
            text: [read(&folder.join("text_encoder/config.json"))?, read(&folder.join("text_encoder_2/config.json"))?],
            zeros_for_no_negative: index.force_zeros_for_empty_prompt,
            spec: spec.clone(),
        })
    }

    /// The model's name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The scheduler's config.
    #[must_use]
    pub fn schedule(&self) -> &ScheduleConfig {
        &self.schedule
    }

    /// Draws with other timesteps than the checkpoint was published with.
    #[cfg(test)]
    pub fn set_spacing(&mut self, spacing: &str) {
        spacing.clone_into(&mut self.schedule.timestep_spacing);
    }

    /// The autoencoder's config.
    #[must_use]
    pub fn vae_config(&self) -> &AutoencoderConfig {
        &self.vae
    }

    /// The UNet's config.
    #[must_use]
    pub fn unet_config(&self) -> &UnetConfig {
        &self.unet
    }

    /// Whether no negative prompt means zeros rather than the empty prompt.
    #[must_use]
    pub fn zeros_for_no_negative(&self) -> bool {
        self.zeros_for_no_negative
    }

    /// Both tokenizers; the folder's own, else ours with SDXL's paddings.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn tokenizers(&self) -> Result<[ClipTokenizer; 2]> {
        let one = |name: &str, pad: &str| {
            let own = self.spec.path.join(name);
            if own.join("vocab.json").exists() {
                ClipTokenizer::read(&own)
            } else {
                ClipTokenizer::with_padding(&self.spec.clip_vocabulary, pad)
            }
        };
        Ok([one("tokenizer", "<|endoftext|>")?, one("tokenizer_2", "!")?])
    }

    /// Both text encoders.
    ///
    /// # Errors
    /// When tensors are absent or contradict the configs.
    pub fn text_encoders(&self, place: &Place) -> Result<[ClipEncoder; 2]> {
        let one = |i: usize, name: &str| -> Result<ClipEncoder> {
            ClipEncoder::load(&Weights::new(self.component(name)?, place.clone()), &self.text[i])
        };
        Ok([one(0, "text_encoder")?, one(1, "text_encoder_2")?])
    }

    /// The UNet.
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn unet(&self, place: &Place) -> Result<Unet> {
        Unet::load(&Weights::new(self.component("unet")?, place.clone()), &self.unet)
    }

    /// The autoencoder to use at this precision: in half precision another one than the model's own, where there
    /// is one (SDXL's overflows f16).
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn vae(&self, place: &Place) -> Result<Autoencoder> {
        match &self.spec.vae {
            Some(path) if !place.is_cpu() => {
                let config = read(&path.join("config.json"))?;
                Autoencoder::load(&Weights::new(Arc::new(open(path)?), place.clone()), &config)
            }
            _ => self.own_vae(&Place { compute: candle_core::DType::F32, ..place.clone() }),
        }
    }

    /// The model's own autoencoder.
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn own_vae(&self, place: &Place) -> Result<Autoencoder> {
        Autoencoder::load(&Weights::new(self.component("vae")?, place.clone()), &self.vae)
    }

    /// The tiny autoencoder that goes with the model, if one is installed.
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn tiny(&self, place: &Place) -> Result<Option<TinyAutoencoder>> {
        let Some(path) = &self.spec.taesd else { return Ok(None) };
        let config: TinyConfig = read(&path.join("config.json"))?;
        if config.latent_channels != self.vae.latent_channels {
            return Err(unusable(format!(
                "{} decodes {} latent channels, the model has {}",
                path.display(),
                config.latent_channels,
                self.vae.latent_channels
            )));
        }
        let weights = Weights::new(Arc::new(open(path)?), place.clone());
        TinyAutoencoder::load(&weights, &config).map(Some)
    }

    fn component(&self, name: &str) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(open(&self.spec.path.join(name))?))
    }
}

/// Opens the safetensors files of a component's folder: the half-precision variant where there is one, one file or
/// the shards that an index names.
fn open(folder: &Path) -> Result<SafetensorsFiles> {
    let stems = ["diffusion_pytorch_model", "model"];
    for variant in [".fp16", ""] {
        for stem in stems {
            let one = folder.join(format!("{stem}{variant}.safetensors"));
            if one.exists() {
                return SafetensorsFiles::open(&[one]);
            }
            let index = folder.join(format!("{stem}.safetensors.index{variant}.json"));
            if index.exists() {
                return SafetensorsFiles::open(&shards(folder, &index)?);
            }
        }
    }
    Err(unusable(format!("{} has no .safetensors file", folder.display())))
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let described: serde_json::Value = read(index)?;
    let mut names: Vec<&str> =
        described["weight_map"].as_object().into_iter().flatten().filter_map(|(_, file)| file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.iter().any(|n| n.contains(['/', '\\'])) {
        return Err(unusable(format!("{} names no shards beside it", index.display())));
    }
    Ok(names.into_iter().map(|n| folder.join(n)).collect())
}
