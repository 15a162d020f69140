//! What tests that hold the engine against tests/golden share: its files, its cases as jobs, and how near is near.

use super::Watcher;
use super::nn::FeatureMap;
use super::protocol::{DrawJob, Keep};
use crate::media::{Decoder, Mask, Picture, Progress, Scheduler};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub type Tensors = HashMap<String, Tensor>;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub fn golden(name: &str) -> Tensors {
    candle_core::safetensors::load(root().join("tests/golden").join(name), &Device::Cpu).unwrap()
}

/// Where candle's operations are tested: on the card in a build for one, else on the processor.
pub fn candles_device() -> Device {
    if cfg!(feature = "cuda") { Device::new_cuda(0).unwrap() } else { Device::Cpu }
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_dtype(DType::F32).unwrap().to_device(&Device::Cpu).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

pub fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() })
        .fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}

pub fn close(ours: &Tensor, theirs: &Tensor, tolerance: f32, what: &str) {
    let worst = worst(&values(ours), &values(theirs));
    assert!(worst <= tolerance, "{what}: off by {worst}");
}

pub fn map(tensor: &Tensor) -> FeatureMap {
    FeatureMap::from_nchw(tensor).unwrap()
}

pub struct Nobody;

impl Watcher for Nobody {
    fn progress(&mut self, _progress: Progress) {}

    fn cancelled(&self) -> bool {
        false
    }
}

#[derive(Deserialize)]
pub struct Cases {
    pub prompts: Option<Vec<String>>,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Case {
    pub file: String,
    pub prompt: String,
    pub seed: u64,
    pub steps: u32,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub negative: Option<String>,
    pub guidance: Option<f32>,
    pub strength: Option<f32>,
    pub scheduler: Option<Scheduler>,
    pub spacing: Option<String>,
    pub image: Option<String>,
    pub mask: Option<String>,
    pub model: Option<String>,
    pub decoder: Option<Decoder>,
}

pub fn cases(file: &str) -> Cases {
    serde_json::from_str(&std::fs::read_to_string(root().join("tests/golden").join(file)).unwrap()).unwrap()
}

impl Case {
    pub fn job(&self, folder: &Path) -> DrawJob {
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
            init: self.image.as_ref().map(|n| Picture::decode(&bytes(n), "image").unwrap()),
            strength: self.strength,
            mask: self.mask.as_ref().map(|n| Mask::decode(&bytes(n), "mask").unwrap()),
            tiled: false,
            keep: Keep::All,
            previews: false,
            profile: false,
        }
    }
}

/// Peak signal to noise ratio of two pictures, dB.
pub fn psnr(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: f64 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    #[allow(clippy::cast_precision_loss)]
    let mean = sum / a.rgb.len() as f64;
    if mean == 0.0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 / mean).log10() }
}
