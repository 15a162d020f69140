//! The files of a FLUX.1 checkpoint and the parts of the model they hold, whichever layout and type of file it comes in.

use super::config::{ScheduleConfig, TransformerConfig};
use super::original_names::{PREFIX, original_name};
use super::synthetic::RandomBlocks;
use super::transformer::Transformer;
use crate::engine::Result;
use crate::engine::autoencoder::{Autoencoder, AutoencoderConfig, TinyAutoencoder, TinyConfig};
use crate::engine::clip::{ClipConfig, ClipEncoder, ClipTokenizer};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::{FluxParts, ModelSpec};
use crate::engine::t5::{T5Config, T5Encoder, T5Tokenizer, llama_names};
use crate::engine::weights::folder::{open, parse, read};
use crate::engine::weights::names::ldm_autoencoder;
use crate::engine::weights::{GgufFile, Renamed, Source, Taken, Weights, unusable};
use candle_core::DType;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checkpoint and what its configs say.
pub struct Files {
    spec: ModelSpec,
    parts: FluxParts,
    /// The transformer's size.
    pub transformer: TransformerConfig,
    /// The sampler.
    pub schedule: ScheduleConfig,
    /// The autoencoder.
    pub vae: AutoencoderConfig,
}

impl Files {
    /// Reads the configs of a checkpoint: of its diffusers folder, else of the folder that the parent found for it, else
    /// what shapes tell and FLUX.1 was published with.
    ///
    /// # Errors
    /// When a file is absent, damaged or not FLUX.1's.
    pub fn find(spec: &ModelSpec, parts: &FluxParts) -> Result<Self> {
        let told = |name: &str| parts.configs.as_ref().map(|folder| folder.join(name)).filter(|path| path.exists());
        let transformer = if parts.synthetic.is_some() {
            published("transformer", include_str!("published/transformer_schnell.json"))?
        } else if spec.path.is_dir() {
            read(&spec.path.join("transformer/config.json"))?
        } else {
            let shapes = TransformerConfig::of_shapes(&*checkpoint(&spec.path)?)?;
            let config = told("transformer/config.json").map(|path| read(&path)).transpose()?;
            config.filter(|config: &TransformerConfig| config.same_shapes(&shapes)).unwrap_or(shapes)
        };
        transformer.check()?;
        let schedule = match told("scheduler/scheduler_config.json") {
            Some(path) => read(&path)?,
            None if transformer.guidance_embeds => {
                published("scheduler", include_str!("published/scheduler_dev.json"))?
            }
            None => published("scheduler", include_str!("published/scheduler_schnell.json"))?,
        };
        let vae: AutoencoderConfig = match config_of(parts, &parts.vae, "vae")? {
            Some(config) => config,
            None => published("vae", include_str!("published/vae.json"))?,
        };
        if transformer.in_channels != 4 * vae.latent_channels {
            return Err(unusable(format!(
                "the transformer takes {} values a token, the autoencoder makes {} channels, not a fourth of that",
                transformer.in_channels, vae.latent_channels
            )));
        }
        Ok(Self { spec: spec.clone(), parts: parts.clone(), transformer, schedule, vae })
    }

    /// The model's name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// CLIP's tokenizer and T5's.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn tokenizers(&self) -> Result<(ClipTokenizer, T5Tokenizer)> {
        let own = |name: &str, file: &str| {
            self.parts.configs.as_ref().map(|folder| folder.join(name)).filter(|folder| folder.join(file).exists())
        };
        let clip = match own("tokenizer", "vocab.json") {
            Some(folder) => ClipTokenizer::read(&folder)?,
            None => ClipTokenizer::with_padding(&self.parts.clip_vocabulary, "<|endoftext|>")?,
        };
        let t5 = own("tokenizer_2", "tokenizer.json").unwrap_or_else(|| self.parts.t5_vocabulary.clone());
        Ok((clip, T5Tokenizer::read(&t5)?))
    }

    /// CLIP.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn clip(&self, place: &Place) -> Result<ClipEncoder> {
        let text = include_str!("published/text_encoder.json");
        if self.parts.synthetic.is_some() {
            return ClipEncoder::load(&self.random("text_encoder", place), &published("text_encoder", text)?);
        }
        let source: Arc<dyn Source> = Arc::new(open(&self.parts.clip)?);
        let config: Option<ClipConfig> = config_of(&self.parts, &self.parts.clip, "text_encoder")?;
        let config = config.map_or_else(|| ClipConfig::of_shapes(&*source), Ok)?;
        ClipEncoder::load(&Weights::new(source, place.clone()), &config)
    }

    /// T5, its layers kept in memory or `streamed`. `go_on` is asked between layers.
    ///
    /// # Errors
    /// As [`Self::clip`].
    pub fn t5(&self, place: &Place, streamed: bool, go_on: &dyn Fn() -> Result<()>) -> Result<T5Encoder> {
        if self.parts.synthetic.is_some() {
            let config = published("text_encoder_2", include_str!("published/text_encoder_2.json"))?;
            return T5Encoder::load(&self.random("text_encoder_2", place), &config, streamed, go_on);
        }
        let path = &self.parts.t5;
        let source: Arc<dyn Source> = if is_gguf(path) {
            Arc::new(Renamed::new(Arc::new(GgufFile::open(path, "")?), llama_names))
        } else {
            Arc::new(open(path)?)
        };
        let config = self.t5_config()?.map_or_else(|| T5Config::of_shapes(&*source), Ok)?;
        T5Encoder::load(&Weights::new(source, place.clone()), &config, streamed, go_on)
    }

    /// Whether T5 is computed with where its file is mapped, so that reading a layer copies nothing.
    #[must_use]
    pub fn t5_is_mapped(&self) -> bool {
        is_gguf(&self.parts.t5)
    }

    /// What a config says of T5, where there is one.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn t5_config(&self) -> Result<Option<T5Config>> {
        config_of(&self.parts, &self.parts.t5, "text_encoder_2")
    }

    /// The transformer, its blocks kept in memory or `streamed`. `go_on` is asked between blocks.
    ///
    /// # Errors
    /// As [`Self::clip`].
    pub fn transformer(&self, place: &Place, streamed: bool, go_on: &dyn Fn() -> Result<()>) -> Result<Transformer> {
        if self.parts.synthetic.is_some() {
            return Transformer::load(&self.random("transformer", place), &self.transformer, streamed, go_on);
        }
        let source: Arc<dyn Source> = if self.spec.path.is_dir() {
            Arc::new(open(&self.spec.path.join("transformer"))?)
        } else {
            let width = self.transformer.width();
            Arc::new(Renamed::new(checkpoint(&self.spec.path)?, move |name: &str| original_name(name, width)))
        };
        Transformer::load(&Weights::new(source, place.clone()), &self.transformer, streamed, go_on)
    }

    /// The autoencoder, which always computes in f32.
    ///
    /// # Errors
    /// As [`Self::clip`].
    pub fn autoencoder(&self, place: &Place) -> Result<Autoencoder> {
        let place = Place { compute: DType::F32, ..place.clone() };
        if self.parts.synthetic.is_some() {
            return Autoencoder::load(&self.random("vae", &place), &self.vae);
        }
        let file = open(&self.parts.vae)?;
        let levels = self.vae.block_out_channels.len();
        let original = file.shape("decoder.mid.block_1.conv1.weight").is_some();
        let source: Arc<dyn Source> = if original {
            Arc::new(Renamed::new(Arc::new(file), move |name: &str| Taken::whole(ldm_autoencoder(name, levels))))
        } else {
            Arc::new(file)
        };
        Autoencoder::load(&Weights::new(source, place), &self.vae)
    }

    /// The tiny autoencoder that goes with the model, if one is installed.
    ///
    /// # Errors
    /// As [`Self::clip`].
    pub fn tiny(&self, place: &Place) -> Result<Option<TinyAutoencoder>> {
        if self.parts.synthetic.is_some() {
            let config = TinyConfig { latent_channels: self.vae.latent_channels, ..TinyConfig::taesdxl() };
            return TinyAutoencoder::load(&self.random("taef1", place), &config).map(Some);
        }
        let Some(path) = &self.parts.taef1 else { return Ok(None) };
        let config: TinyConfig = read(&path.join("config.json"))?;
        if config.latent_channels != self.vae.latent_channels {
            return Err(unusable(format!(
                "{} decodes {} latent channels, the model has {}",
                path.display(),
                config.latent_channels,
                self.vae.latent_channels
            )));
        }
        TinyAutoencoder::load(&Weights::new(Arc::new(open(path)?), place.clone()), &config).map(Some)
    }

    fn random(&self, component: &'static str, place: &Place) -> Weights {
        let kind = self.parts.synthetic.as_deref().unwrap_or_default();
        Weights::new(Arc::new(RandomBlocks::new(component, kind)), place.clone())
    }
}

/// The config of a component: the one beside its weights, else that of the folder found for the checkpoint.
fn config_of<T: DeserializeOwned>(parts: &FluxParts, weights: &Path, name: &str) -> Result<Option<T>> {
    let beside = weights.join("config.json");
    let told = parts.configs.as_ref().map(|folder| folder.join(name).join("config.json"));
    let path = Some(beside).filter(|beside| beside.exists()).or(told).filter(|path| path.exists());
    path.map(|path| read(&path)).transpose()
}

fn published<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    parse(&PathBuf::from(name), text)
}

/// An original checkpoint under its own names, without the prefix that merged ones have.
fn checkpoint(path: &Path) -> Result<Arc<dyn Source>> {
    if is_gguf(path) {
        return Ok(Arc::new(GgufFile::open(path, PREFIX)?));
    }
    let file = open(path)?;
    if file.names().any(|name| name.starts_with(PREFIX)) {
        let prefixed = |name: &str| Taken::whole(format!("{PREFIX}{name}"));
        return Ok(Arc::new(Renamed::new(Arc::new(file), prefixed)));
    }
    Ok(Arc::new(file))
}

fn is_gguf(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"GGUF"
}
