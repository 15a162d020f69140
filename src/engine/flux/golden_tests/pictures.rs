//! Whole pictures, from prompt to pixels, in every layout and way to keep less in memory.

use super::super::Flux;
use super::{at, files, parts, spec};
use crate::engine::Painter;
use crate::engine::golden::{Nobody, candles_device, cases, close, golden, psnr, root};
use crate::engine::nn::weight::Place;
use crate::engine::painting::Looker;
use crate::engine::protocol::{DrawJob, FailureClass, FluxParts, Keep};
use crate::media::Picture;
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::PathBuf;

fn load(path: PathBuf, parts: &FluxParts) -> Flux {
    Flux::load(&spec(path, parts), parts, Place::cpu()).unwrap()
}

/// Candle's operations in that precision, where a card runs them if the build is for one.
fn candle(compute: DType) -> Place {
    Place { device: candles_device(), compute, bytes: false }
}

fn theirs(file: &str) -> Picture {
    Picture::decode(&std::fs::read(at(file)).unwrap(), "golden").unwrap()
}

/// Draws every case at `place` as `change` has it and holds it to `least` dB.
fn pictures_match(place: &Place, least: f64, change: impl Fn(&mut DrawJob)) -> usize {
    let mut models: HashMap<String, Flux> = HashMap::new();
    let cases = cases("flux/cases.json").cases;
    let mut bad = Vec::new();
    for case in &cases {
        let name = case.model.clone().unwrap();
        let model = models.entry(name.clone()).or_insert_with(|| {
            let parts = FluxParts { bytes: place.bytes, ..parts(&name) };
            Flux::load(&spec(at(&name), &parts), &parts, place.clone()).unwrap()
        });
        let mut job = case.job(&root().join("tests/golden/flux"));
        change(&mut job);
        let output = model.draw(&job, &mut Nobody).unwrap();
        let psnr = psnr(&output.pictures[0].picture, &theirs(&case.file));
        println!("{}: {psnr:.1} dB", case.file);
        if psnr < least {
            bad.push(format!("{}: {psnr:.1} dB", case.file));
        }
    }
    assert!(bad.is_empty(), "below {least} dB: {bad:?}");
    cases.len()
}

#[test]
fn pictures_are_diffusers() {
    assert_eq!(pictures_match(&Place::cpu(), 55.0, |_| ()), 6);
}

#[test]
fn pictures_in_bytes_are_near() {
    assert_eq!(pictures_match(&Place::cpu_in_bytes(), 30.0, |_| ()), 6);
}

#[test]
fn pictures_match_by_candles_operations() {
    assert_eq!(pictures_match(&candle(DType::F64), 55.0, |_| ()), 6);
}

/// In bf16, which candle multiplies on cards only.
#[cfg(feature = "cuda")]
#[test]
fn pictures_match_in_half_precision() {
    assert_eq!(pictures_match(&candle(DType::F16), 30.0, |_| ()), 6);
}

#[test]
fn less_memory_draws_the_same_pictures() {
    for keep in [Keep::OnePart, Keep::OneBlock] {
        assert_eq!(pictures_match(&Place::cpu(), 55.0, |job| (job.keep, job.tiled) = (keep, true)), 6);
    }
}

#[test]
fn latents_are_diffusers() {
    let tensors = golden("flux/golden.safetensors");
    let mut seen = 0;
    for case in cases("flux/cases.json").cases.iter().filter(|case| case.image.is_none()) {
        let name = case.model.clone().unwrap();
        let mut model = load(at(&name), &parts(&name));
        let job = case.job(&at(""));
        let nobody = &mut Nobody;
        let mut packed = model.packed(&job, &Looker::new(nobody, 1)).unwrap();
        let golden = if name == "dev" { "flux-dev.packed".to_owned() } else { case.file.replace(".png", ".packed") };
        let theirs = &tensors[&golden];
        let ours = Tensor::from_vec(packed.remove(0), theirs.dims(), &Device::Cpu).unwrap();
        close(&ours, theirs, 1e-3, &golden);
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn an_original_checkpoint_draws_the_same_pictures() {
    // Its configs are of a folder, its autoencoder is under the original names too.
    let parts = FluxParts { vae: at("single/ae.safetensors"), ..parts("schnell") };
    let mut model = load(at("single/flux1-schnell.safetensors"), &parts);
    let mut folder = load(at("schnell"), &super::parts("schnell"));
    for case in cases("flux/cases.json").cases.iter().filter(|case| case.model.as_deref() == Some("schnell")) {
        let job = case.job(&at(""));
        let ours = model.draw(&job, &mut Nobody).unwrap().pictures;
        assert_eq!(ours, folder.draw(&job, &mut Nobody).unwrap().pictures, "{}", case.file);
    }
}

#[test]
fn pictures_of_a_batch_are_those_drawn_alone() {
    let mut model = load(at("schnell"), &parts("schnell"));
    for case in cases("flux/cases.json").cases.iter().filter(|case| case.steps == 4) {
        let mut job = case.job(&at(""));
        job.seeds = vec![case.seed, case.seed + 1];
        let batch = model.draw(&job, &mut Nobody).unwrap().pictures;
        for drawn in batch {
            job.seeds = drawn.seed.into_iter().collect();
            assert_eq!(model.draw(&job, &mut Nobody).unwrap().pictures, [drawn], "{}", case.file);
        }
    }
}

#[test]
fn sides_and_wishes_that_flux_does_not_know_are_told() {
    let mut model = load(at("schnell"), &parts("schnell"));
    let mut job = cases("flux/cases.json").cases[0].job(&at(""));
    job.width = Some(72);
    let failure = model.draw(&job, &mut Nobody).unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid);
    assert!(failure.message.contains("divisible by 16"), "{}", failure.message);
    job.width = Some(64);
    job.negative = Some("rain".to_owned());
    job.prompt = "word ".repeat(400);
    let notices = model.draw(&job, &mut Nobody).unwrap().notices;
    assert!(
        notices.len() == 2 && notices[0].contains("negative") && notices[1].contains("cut at a word"),
        "{notices:?}"
    );
}

#[test]
fn a_checkpoint_that_is_none_or_misses_a_tensor_is_named() {
    let failure = Flux::load(&spec(at("single/ae.safetensors"), &parts("schnell")), &parts("schnell"), Place::cpu());
    let message = failure.err().unwrap().message;
    assert!(message.contains("img_in.weight"), "{message}");
    let wide = FluxParts { configs: None, ..parts("schnell") };
    let failure = Flux::load(&spec(at("single/flux1-schnell.safetensors"), &wide), &wide, Place::cpu());
    // Heads of 32 are not published: how they divide among coordinates must be told by a config.
    let message = failure.err().unwrap().message;
    assert!(message.contains("axes_dims_rope"), "{message}");
    assert_eq!(files("dev").transformer.axes_dims_rope, [8, 12, 12]);
}
