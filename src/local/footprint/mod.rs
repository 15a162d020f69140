//! How much memory drawing takes: a model's weights as its files tell, and what the work adds, by a formula.
//!
//! The formula only has to be right enough for the first picture of a size: after it, the measured peak counts.

mod flux;
mod headers;
mod sdxl;

pub(super) use headers::tensors;

use super::draw::DrawWay;
use crate::engine::protocol::{Architecture, Keep, ModelSpec};
use crate::media::Decoder;
use crate::media::image::SIDE_STEP;
use flux::FluxFootprint;
use sdxl::SdxlFootprint;

/// Program, thread stacks, vocabularies, prompt embeddings.
pub(super) const BASE: u64 = 96 << 20;
/// Bytes of a value in work.
const F32: u64 = 4;
/// Live maps at full size while the autoencoder works: all of them, and with only strips of the temporaries.
const VAE_MAPS: u64 = 4;
const VAE_MAPS_TILED: u64 = 3;
/// Live values a pixel of the tiny decoder, which has 64 channels.
const TAESD_VALUES: u64 = 4 * 64;

/// What there is to know of a model that draws before it is loaded.
pub(super) enum Footprint {
    /// Stable Diffusion XL.
    Sdxl(SdxlFootprint),
    /// FLUX.1.
    Flux(FluxFootprint),
}

impl Footprint {
    /// Reads headers and configs. What cannot be read counts as nothing: the engine will say what is wrong with it.
    /// `None`: the model does not draw.
    pub(super) fn read(model: &ModelSpec) -> Option<Self> {
        match &model.architecture {
            Architecture::Sdxl(parts) => Some(Self::Sdxl(SdxlFootprint::read(&model.path, parts))),
            Architecture::Flux(parts) => Some(Self::Flux(FluxFootprint::read(&model.path, parts))),
            Architecture::CompactEsrgan | Architecture::Whisper(_) => None,
        }
    }

    /// Bytes of the model at rest.
    pub(super) fn weights(&self) -> u64 {
        match self {
            Self::Sdxl(footprint) => footprint.weights(),
            Self::Flux(footprint) => footprint.weights(),
        }
    }

    /// Bytes of the engine at its peak.
    pub(super) fn peak(&self, way: &DrawWay) -> u64 {
        match self {
            Self::Sdxl(footprint) => footprint.peak(way),
            Self::Flux(footprint) => footprint.peak(way),
        }
    }

    /// Pixels a side when nobody asks for a size, and what every side is a multiple of.
    pub(super) fn side(&self) -> (u32, u32) {
        match self {
            Self::Sdxl(footprint) => (footprint.side, SIDE_STEP),
            Self::Flux(_) => (flux::SIDE, flux::STEP),
        }
    }

    /// Whether a tiny decoder goes with the model.
    pub(super) fn has_tiny_decoder(&self) -> bool {
        match self {
            Self::Sdxl(footprint) => footprint.taesd > 0,
            Self::Flux(footprint) => footprint.taef1 > 0,
        }
    }

    /// What can be kept in memory while drawing, most first.
    pub(super) fn keeps(&self) -> &'static [Keep] {
        match self {
            Self::Sdxl(_) => &[Keep::All, Keep::NoTextEncoders],
            Self::Flux(_) => &[Keep::All, Keep::OnePart, Keep::OneBlock],
        }
    }
}

/// Bytes that decoding adds, where the autoencoder's largest maps have `channels`.
fn decode(way: &DrawWay, channels: u64) -> u64 {
    let pixels = way.pixels();
    if way.decoder == Decoder::Taesd {
        return pixels * TAESD_VALUES * F32;
    }
    let maps = if way.tiled { VAE_MAPS_TILED } else { VAE_MAPS };
    pixels * channels * maps * F32
}
