//! What runs on CUDA, held against diffusers: candle's operations on channels-first maps, as exactly as they go and in
//! the half precision that a card computes in. On a card where the build is for one.

use super::super::text::Text;
use super::super::unet::Conditioning;
use super::pictures::pictures_match;
use super::{Tensors, cases, close, golden, map, tiny};
use crate::engine::autoencoder::Strips;
use crate::engine::golden::candles_device;
use crate::engine::nn::FeatureMap;
use crate::engine::nn::weight::Place;
use candle_core::{DType, Tensor};

/// Each precision and how far from diffusers it may be, in the tolerances of our kernels.
const PRECISIONS: [(DType, f32); 2] = [(DType::F64, 1.0), (DType::F16, 100.0)];

fn place(compute: DType) -> Place {
    Place { device: candles_device(), compute, bytes: false }
}

/// A golden map as a network of that precision takes it.
fn input(tensors: &Tensors, name: &str, compute: DType) -> FeatureMap {
    map(&placed(&tensors[name], compute))
}

fn placed(tensor: &Tensor, compute: DType) -> Tensor {
    tensor.to_dtype(compute).unwrap().to_device(&candles_device()).unwrap()
}

#[test]
fn text_encoders_match() {
    let tensors = golden("tiny-a/golden.safetensors");
    let prompts = cases("tiny-a/cases.json").prompts.unwrap();
    for (compute, looser) in PRECISIONS {
        let (files, place) = (tiny(), place(compute));
        let mut text = Text::new(&files, &place).unwrap();
        for (i, prompt) in prompts.iter().enumerate() {
            let ours = text.embed(prompt, &files, &place).unwrap();
            let part = |name: &str| tensors[&format!("sdxl.prompt{i}.{name}")].clone();
            let theirs = Tensor::cat(&[part("te1"), part("te2")], 2).unwrap();
            close(&ours.prompt, &theirs, 1e-4 * looser, &format!("{compute:?} {prompt}"));
            close(&ours.pooled, &part("pooled"), 1e-4 * looser, &format!("{compute:?} {prompt}"));
        }
    }
}

#[test]
fn unet_matches() {
    let (tensors, more) = (golden("tiny-a/golden.safetensors"), golden("more/more.safetensors"));
    let pooled = &tensors["sdxl.prompt0.pooled"];
    let prompt = Tensor::cat(&[&tensors["sdxl.prompt0.te1"], &tensors["sdxl.prompt0.te2"]], 2).unwrap();
    for (compute, looser) in PRECISIONS {
        let unet = tiny().unet(&place(compute)).unwrap();
        let check = |tensors: &Tensors, size: &str, (h, w): (f32, f32), timestep: f32| {
            let conditioning = Conditioning {
                prompt: placed(&prompt, compute),
                pooled: placed(pooled, compute),
                sizes: [h, w, 0.0, 0.0, h, w],
                guided: false,
            };
            let latent = input(tensors, &format!("{size}.in"), compute);
            let ours = unet.forward(&latent, timestep, &conditioning, &|| Ok(())).unwrap().to_nchw().unwrap();
            let name = format!("{size}.t{timestep}");
            close(&ours, &tensors[&name], 1e-4 * looser, &format!("{compute:?} {name}"));
        };
        check(&tensors, "sdxl.unet.64x64", (64.0, 64.0), 999.0);
        check(&tensors, "sdxl.unet.96x64", (64.0, 96.0), 499.0);
        check(&more, "unet.72x104", (104.0, 72.0), 333.25);
    }
}

#[test]
fn autoencoders_match() {
    let tensors = golden("tiny-a/golden.safetensors");
    for (compute, looser) in PRECISIONS {
        let vae = tiny().own_vae(&place(compute)).unwrap();
        let latent = input(&tensors, "sdxl.unet.96x64.in", compute).map(|x| x * 8.0).unwrap();
        for strips in [Strips::Whole, Strips::Pixels(500)] {
            let what = format!("{compute:?} {strips:?}");
            let ours = vae.decode(&latent, strips, &|| Ok(())).unwrap().to_nchw().unwrap();
            close(&ours, &tensors["sdxl.vae.96x64.decode"], 1e-3 * looser, &what);
            let (mean, _) = vae.encode(&input(&tensors, "sdxl.vae.96x64.pixels", compute), strips).unwrap();
            close(&mean.to_nchw().unwrap(), &tensors["sdxl.vae.96x64.mode"], 1e-3 * looser, &what);
        }
        let tiny = tiny().tiny(&place(compute)).unwrap().unwrap();
        let decoded = tiny.decode(&input(&tensors, "taesd.in", compute), &|| Ok(())).unwrap();
        close(&decoded.to_nchw().unwrap(), &tensors["taesd.decode"], 1e-4 * looser, &format!("{compute:?} taesd"));
    }
}

#[test]
fn pictures_match_exactly() {
    assert_eq!(pictures_match(&place(DType::F64), "tiny-a", "tests/golden/tiny-a/sdxl", 55.0), 11);
}

#[test]
fn pictures_match_in_half_precision() {
    assert_eq!(pictures_match(&place(DType::F16), "tiny-a", "tests/golden/tiny-a/sdxl", 50.0), 11);
}
