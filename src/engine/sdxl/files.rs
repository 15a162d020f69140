//! The files of an SDXL checkpoint: which there are, and the parts of the model they hold.

use super::config::{ScheduleConfig, UnetConfig};
use super::configs::Configs;
use super::single_file::{Part, SingleFilePart, recognise};
use super::synthetic::{RandomWeights, Saving};
use super::unet::Unet;
use crate::engine::Result;
use crate::engine::autoencoder::{Autoencoder, AutoencoderConfig, TinyAutoencoder, TinyConfig};
use crate::engine::clip::{ClipEncoder, ClipTokenizer};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::{ModelSpec, SdxlParts};
use crate::engine::weights::folder::{open, read};
use crate::engine::weights::{SafetensorsFiles, Source, Weights, unusable};
use std::sync::Arc;

/// A checkpoint and what its configs say.
pub struct Files {
    spec: ModelSpec,
    parts: SdxlParts,
    checkpoint: Checkpoint,
    configs: Configs,
}

/// Where the tensors are.
enum Checkpoint {
    /// One file per component.
    Folder,
    /// All in one, under the original names.
    Single(Arc<SafetensorsFiles>),
    /// Nowhere: made up.
    Random,
}

impl Files {
    /// Finds the parts of a diffusers folder or of a single file and reads their configs. Configs for a single file
    /// are SDXL's own, unless a folder of the file's name without its ending holds others.
    ///
    /// # Errors
    /// When one is absent or not SDXL's.
    pub fn find(spec: &ModelSpec, parts: &SdxlParts) -> Result<Self> {
        let path = &spec.path;
        let (checkpoint, configs) = if parts.synthetic {
            (Checkpoint::Random, Configs::published(true)?)
        } else if path.is_file() {
            let file = SafetensorsFiles::open(std::slice::from_ref(path))?;
            recognise(&file, &path.display().to_string())?;
            let beside = path.with_extension("");
            let configs = if beside.join("model_index.json").exists() {
                Configs::of_folder(&beside)?
            } else {
                Configs::published(is_turbo(spec))?
            };
            (Checkpoint::Single(Arc::new(file)), configs)
        } else {
            (Checkpoint::Folder, Configs::of_folder(path)?)
        };
        Ok(Self { spec: spec.clone(), parts: parts.clone(), checkpoint, configs })
    }

    /// The model's name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The scheduler's config.
    #[must_use]
    pub fn schedule(&self) -> &ScheduleConfig {
        &self.configs.schedule
    }

    /// Draws with other timesteps than the checkpoint was published with.
    #[cfg(test)]
    pub fn set_spacing(&mut self, spacing: &str) {
        spacing.clone_into(&mut self.configs.schedule.timestep_spacing);
    }

    /// The autoencoder's config.
    #[must_use]
    pub fn vae_config(&self) -> &AutoencoderConfig {
        &self.configs.vae
    }

    /// The UNet's config.
    #[must_use]
    pub fn unet_config(&self) -> &UnetConfig {
        &self.configs.unet
    }

    /// Whether no negative prompt means zeros rather than the empty prompt.
    #[must_use]
    pub fn zeros_for_no_negative(&self) -> bool {
        self.configs.zeros_for_no_negative
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
                ClipTokenizer::with_padding(&self.parts.clip_vocabulary, pad)
            }
        };
        Ok([one("tokenizer", "<|endoftext|>")?, one("tokenizer_2", "!")?])
    }

    /// Both text encoders.
    ///
    /// # Errors
    /// When tensors are absent or contradict the configs.
    pub fn text_encoders(&self, place: &Place) -> Result<[ClipEncoder; 2]> {
        let [first, second] = &self.configs.text;
        Ok([
            self.component("text_encoder", place, |weights| ClipEncoder::load(weights, first))?,
            self.component("text_encoder_2", place, |weights| ClipEncoder::load(weights, second))?,
        ])
    }

    /// The UNet.
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn unet(&self, place: &Place) -> Result<Unet> {
        self.component("unet", place, |weights| Unet::load(weights, &self.configs.unet))
    }

    /// The autoencoder to use at this precision: in half precision another one than the model's own, where there
    /// is one (SDXL's overflows f16).
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn vae(&self, place: &Place) -> Result<Autoencoder> {
        match &self.parts.vae {
            Some(path) if place.compute != candle_core::DType::F32 => {
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
        self.component("vae", place, |weights| Autoencoder::load(weights, &self.configs.vae))
    }

    /// The tiny autoencoder that goes with the model, if one is installed.
    ///
    /// # Errors
    /// As [`Self::text_encoders`].
    pub fn tiny(&self, place: &Place) -> Result<Option<TinyAutoencoder>> {
        if matches!(self.checkpoint, Checkpoint::Random) {
            let load = |weights: &Weights| TinyAutoencoder::load(weights, &TinyConfig::taesdxl());
            return self.component("taesd", place, load).map(Some);
        }
        let Some(path) = &self.parts.taesd else { return Ok(None) };
        let config: TinyConfig = read(&path.join("config.json"))?;
        if config.latent_channels != self.configs.vae.latent_channels {
            return Err(unusable(format!(
                "{} decodes {} latent channels, the model has {}",
                path.display(),
                config.latent_channels,
                self.configs.vae.latent_channels
            )));
        }
        let weights = Weights::new(Arc::new(open(path)?), place.clone());
        TinyAutoencoder::load(&weights, &config).map(Some)
    }

    /// Loads one component from wherever it is; made-up weights are saved on the way where the spec names a folder.
    fn component<T>(&self, name: &'static str, place: &Place, load: impl Fn(&Weights) -> Result<T>) -> Result<T> {
        let load_from = |source: Arc<dyn Source>| load(&Weights::new(source, place.clone()));
        match &self.checkpoint {
            Checkpoint::Folder => load_from(Arc::new(open(&self.spec.path.join(name))?)),
            Checkpoint::Single(file) => {
                let part = match name {
                    "unet" => Part::unet(&self.configs.unet),
                    "vae" => Part::Vae { levels: self.configs.vae.block_out_channels.len() },
                    "text_encoder" => Part::Text1,
                    _ => Part::Text2,
                };
                load_from(Arc::new(SingleFilePart::new(Arc::clone(file), part)))
            }
            Checkpoint::Random if self.spec.path.as_os_str().is_empty() => {
                load_from(Arc::new(RandomWeights::new(name)))
            }
            Checkpoint::Random => {
                let saving = Arc::new(Saving::new(name, &self.spec.path, &self.parts.clip_vocabulary)?);
                let loaded = load_from(Arc::clone(&saving) as Arc<dyn Source>)?;
                saving.finish()?;
                Ok(loaded)
            }
        }
    }
}

/// Base and Turbo have the same tensors; only their names tell them apart.
fn is_turbo(spec: &ModelSpec) -> bool {
    let file = spec.path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = spec.name.to_lowercase();
    ["turbo", "lightning", "hyper"].iter().any(|word| file.contains(word) || name.contains(word))
}
