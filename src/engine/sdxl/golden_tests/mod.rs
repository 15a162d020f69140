//! Held against what diffusers computes (tests/golden), part by part and picture by picture.

mod candle;
mod parts;
mod pictures;

use super::files::Files;
use crate::engine::Watcher;
use crate::engine::nn::FeatureMap;
use crate::engine::protocol::{Architecture, DeviceChoice, DrawJob, ModelSpec, SdxlParts};
use crate::media::{Decoder, Mask, Mode, Picture, Progress, Scheduler};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

type Tensors = HashMap<String, Tensor>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn golden(name: &str) -> Tensors {
    candle_core::safetensors::load(root().join("tests/golden").join(name), &Device::Cpu).unwrap()
}

fn parts() -> SdxlParts {
    SdxlParts {
        taesd: Some(root().join("tests/golden/tiny-a/taesd")),
        clip_vocabulary: root().join("models/tokenizers/clip"),
        ..SdxlParts::default()
    }
}

fn spec(path: &str) -> ModelSpec {
    ModelSpec {
        name: path.to_owned(),
        path: root().join(path),
        architecture: Architecture::Sdxl(parts()),
        device: DeviceChoice::Cpu,
    }
}

fn tiny() -> Files {
    Files::find(&spec("tests/golden/tiny-a/sdxl"), &parts()).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() })
        .fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}

fn close(ours: &Tensor, theirs: &Tensor, tolerance: f32, what: &str) {
    let worst = worst(&values(ours), &values(theirs));
    assert!(worst <= tolerance, "{what}: off by {worst}");
}

fn map(tensor: &Tensor) -> FeatureMap {
    FeatureMap::from_nchw(tensor).unwrap()
}

struct Nobody;

impl Watcher for Nobody {
    fn progress(&mut self, _progress: Progress) {}

    fn cancelled(&self) -> bool {
        false
    }
}

#[derive(Deserialize)]
struct Cases {
    prompts: Option<Vec<String>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    prompt: String,
    seed: u64,
    steps: u32,
    width: Option<u32>,
    height: Option<u32>,
    negative: Option<String>,
    guidance: Option<f32>,
    strength: Option<f32>,
    scheduler: Option<Scheduler>,
    spacing: Option<String>,
    image: Option<String>,
    mask: Option<String>,
    model: Option<String>,
    decoder: Option<Decoder>,
}

fn cases(file: &str) -> Cases {
    serde_json::from_str(&std::fs::read_to_string(root().join("tests/golden").join(file)).unwrap()).unwrap()
}

impl Case {
    fn job(&self, folder: &Path) -> DrawJob {
        let bytes = |name: &String| std::fs::read(folder.join(name)).unwrap();
        DrawJob {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            seeds: vec![self.seed],
            steps: Some(self.steps),
            width: self.width,
            height: self.height,
            guidance: self.guidance,
            scheduler: self.scheduler,
            decoder: self.decoder.unwrap_or_default(),
            mode: Mode::Exact,
            init: self.image.as_ref().map(|n| Picture::decode(&bytes(n), "image").unwrap()),
            strength: self.strength,
            mask: self.mask.as_ref().map(|n| Mask::decode(&bytes(n), "mask").unwrap()),
            tiled: false,
            drop_text_encoders: false,
            previews: false,
            profile: false,
        }
    }
}

/// Peak signal to noise ratio of two pictures, dB.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: f64 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    #[allow(clippy::cast_precision_loss)]
    let mean = sum / a.rgb.len() as f64;
    if mean == 0.0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 / mean).log10() }
}
