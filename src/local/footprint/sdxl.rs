//! How much memory SDXL takes.

use super::headers::{files, tensors};
use super::{BASE, F32, decode};
use crate::engine::protocol::{Keep, SdxlParts};
use crate::local::draw::DrawWay;
use serde::Deserialize;
use std::path::Path;

/// Live values of the UNet for each latent pixel, in multiples of its first level's channels.
const UNET_MAPS: u64 = 25;
/// What there is to know of a model before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) struct SdxlFootprint {
    /// Bytes of both text encoders.
    pub(super) text: u64,
    /// Bytes of the UNet.
    pub(super) unet: u64,
    /// Bytes of the autoencoder.
    pub(super) vae: u64,
    /// Bytes of the tiny decoder, 0 where there is none.
    pub(super) taesd: u64,
    /// Channels of the UNet's first level.
    unet_channels: u64,
    /// Channels of the autoencoder's largest maps.
    vae_channels: u64,
    /// Pixels a side when nobody asks for a size.
    pub(super) side: u32,
}

/// SDXL as published, in half precision.
const SDXL: SdxlFootprint = SdxlFootprint {
    text: 246_144_152 + 1_389_382_176,
    unet: 5_135_149_760,
    vae: 167_335_342,
    taesd: 0,
    unet_channels: 320,
    vae_channels: 256,
    side: 1024,
};

/// The same with linear layers in bytes.
const SDXL_IN_BYTES: SdxlFootprint = SdxlFootprint { text: 880_000_000, unet: 2_930_000_000, ..SDXL };

/// Nothing that can be read.
const NOTHING: SdxlFootprint = SdxlFootprint { text: 0, unet: 0, vae: 0, ..SDXL };

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    block_out_channels: Vec<u64>,
    #[serde(default)]
    sample_size: Option<u32>,
}

impl SdxlFootprint {
    /// Reads headers and configs. What cannot be read counts as nothing: the engine will say what is wrong with it.
    pub(super) fn read(path: &Path, parts: &SdxlParts) -> Self {
        let taesd = parts.taesd.as_deref().map_or(0, |path| tensors(&files(path)).values().sum());
        if parts.synthetic {
            return Self { taesd, ..if parts.bytes { SDXL_IN_BYTES } else { SDXL } };
        }
        let mut footprint = if path.is_dir() { folder(path) } else { single_file(path) };
        if let Some(vae) = &parts.vae {
            footprint.vae = tensors(&files(vae)).values().sum();
        }
        if parts.bytes {
            // Nearly all of both are linear layers of two bytes a weight; what stays are convolutions and vocabularies.
            footprint.text = footprint.text * 6 / 10;
            footprint.unet = footprint.unet * 6 / 10;
        }
        Self { taesd, ..footprint }
    }

    /// Bytes of the model at rest.
    pub(super) fn weights(&self) -> u64 {
        self.text + self.unet + self.vae + self.taesd
    }

    /// Bytes of the engine at its peak.
    pub(super) fn peak(&self, way: &DrawWay) -> u64 {
        let weights = self.weights();
        let kept = if way.keep == Keep::All { weights } else { weights - self.text };
        let pixels = way.pixels();
        let batch = if way.guided { 2 } else { 1 };
        let denoise = pixels / 64 * self.unet_channels * UNET_MAPS * F32 * batch;
        BASE + weights.max(kept + denoise.max(decode(way, self.vae_channels)))
    }
}

fn folder(path: &Path) -> SdxlFootprint {
    let bytes = |part: &str| tensors(&files(&path.join(part))).values().sum::<u64>();
    let config = |part: &str| -> Option<Config> {
        serde_json::from_slice(&std::fs::read(path.join(part).join("config.json")).ok()?).ok()
    };
    let (unet, vae) = (config("unet"), config("vae"));
    let level = |c: &Option<Config>, n: usize| c.as_ref().and_then(|c| c.block_out_channels.get(n).copied());
    // The decoder's largest maps are half-finished ones of the second level at full size.
    let vae_channels = level(&vae, 1).or_else(|| level(&vae, 0)).unwrap_or(SDXL.vae_channels);
    let latent_side = unet.as_ref().and_then(|c| c.sample_size);
    SdxlFootprint {
        text: bytes("text_encoder") + bytes("text_encoder_2"),
        unet: bytes("unet"),
        vae: bytes("vae"),
        taesd: 0,
        unet_channels: level(&unet, 0).unwrap_or(SDXL.unet_channels),
        vae_channels,
        side: latent_side.map_or(SDXL.side, |side| side.saturating_mul(8)),
    }
}

/// An original checkpoint: everything in one file, told apart by the names.
fn single_file(path: &Path) -> SdxlFootprint {
    let mut footprint = NOTHING;
    for (name, bytes) in tensors(&[path.to_owned()]) {
        if name.starts_with("conditioner.") {
            footprint.text += bytes;
        } else if name.starts_with("first_stage_model.") {
            footprint.vae += bytes;
        } else {
            footprint.unet += bytes;
        }
    }
    footprint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Decoder;
    use std::path::PathBuf;

    fn at(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    fn read(path: &Path, parts: SdxlParts) -> SdxlFootprint {
        SdxlFootprint::read(path, &parts)
    }

    fn drawing(side: u32) -> DrawWay {
        let size = (side, side);
        DrawWay { size, guided: false, keep: Keep::All, tiled: false, decoder: Decoder::Vae }
    }

    #[test]
    fn weights_of_a_folder_are_those_of_its_files_without_their_headers() {
        let demo = read(&at("models/demo"), SdxlParts::default());
        for (bytes, file) in [
            (demo.unet, "unet/diffusion_pytorch_model.fp16.safetensors"),
            (demo.vae, "vae/diffusion_pytorch_model.fp16.safetensors"),
        ] {
            let length = std::fs::metadata(at("models/demo").join(file)).expect("the demo model").len();
            assert!(bytes < length && bytes > length * 9 / 10, "{file}: {bytes} of {length}");
        }
        assert!(demo.text > 7_000_000 && demo.taesd == 0, "{demo:?}");
        let tiny = SdxlParts { taesd: Some(at("tests/golden/tiny-a/taesd")), ..SdxlParts::default() };
        assert!(read(&at("models/demo"), tiny).taesd > 1_000_000);
    }

    #[test]
    fn files_that_lie_or_are_not_there_count_as_nothing() {
        let home = tempfile::tempdir().expect("a folder");
        let lying = home.path().join("model.safetensors");
        for content in [&b"\xff\xff\xff\xff\xff\xff\xff\xff{}"[..], b"\x02\0\0\0\0\0\0\0[]", b"short", b""] {
            std::fs::write(&lying, content).expect("a file");
            let footprint = read(&lying, SdxlParts::default());
            assert_eq!((footprint.text, footprint.unet, footprint.vae), (0, 0, 0));
        }
        assert_eq!(read(&at("nowhere"), SdxlParts::default()).unet, 0);
    }

    #[test]
    fn every_rung_of_the_ladder_needs_less_and_larger_pictures_more() {
        let all = drawing(1024);
        let rungs = [
            all,
            DrawWay { keep: Keep::NoTextEncoders, ..all },
            DrawWay { keep: Keep::NoTextEncoders, tiled: true, ..all },
            DrawWay { keep: Keep::NoTextEncoders, tiled: true, decoder: Decoder::Taesd, ..all },
        ];
        let needs: Vec<u64> = rungs.iter().map(|d| SDXL.peak(d)).collect();
        assert!(needs.is_sorted_by(|a, b| a > b), "{needs:?}");
        assert!(SDXL.peak(&drawing(512)) < needs[0]);
        let steps_only = SdxlFootprint { vae_channels: 0, ..SDXL };
        assert!(steps_only.peak(&DrawWay { guided: true, ..all }) > steps_only.peak(&all));
    }
}
