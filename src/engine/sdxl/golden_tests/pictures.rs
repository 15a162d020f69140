//! Whole pictures, from prompt to pixels.

use super::super::Sdxl;
use super::{Nobody, cases, parts, psnr, root, spec};
use crate::engine::Painter;
use crate::engine::nn::weight::Place;
use crate::engine::protocol::FailureClass;
use crate::media::Picture;
use std::collections::HashMap;

/// Draws every case of a folder and holds it to `least` dB.
pub(super) fn pictures_match(place: &Place, folder: &str, default_model: &str, least: f64) -> usize {
    let at = root().join("tests/golden").join(folder);
    let cases = cases(&format!("{folder}/cases.json")).cases;
    let mut models: HashMap<String, Sdxl> = HashMap::new();
    let mut bad = Vec::new();
    for case in &cases {
        let path = if case.model.as_deref() == Some("demo") { "models/demo" } else { default_model };
        let load = || Sdxl::load(&spec(path), &parts(), place.clone()).unwrap();
        let model = models.entry(path.to_owned()).or_insert_with(load);
        let published = model.files.schedule().timestep_spacing.clone();
        model.files.set_spacing(case.spacing.as_deref().unwrap_or(&published));
        let mut job = case.job(&at);
        // These cases were drawn without guidance unless they name it.
        job.guidance = job.guidance.or(Some(0.0));
        let output = model.draw(&job, &mut Nobody).unwrap();
        model.files.set_spacing(&published);
        let theirs = Picture::decode(&std::fs::read(at.join(&case.file)).unwrap(), "golden").unwrap();
        let psnr = psnr(&output.pictures[0].picture, &theirs);
        println!("{folder}/{}: {psnr:.1} dB", case.file);
        if psnr < least {
            bad.push(format!("{}: {psnr:.1} dB", case.file));
        }
    }
    assert!(bad.is_empty(), "below {least} dB: {bad:?}");
    cases.len()
}

#[test]
fn tiny_pictures_match() {
    assert_eq!(pictures_match(&Place::cpu(), "tiny-a", "tests/golden/tiny-a/sdxl", 55.0), 11);
}

#[test]
fn more_pictures_match() {
    assert!(pictures_match(&Place::cpu(), "more", "tests/golden/tiny-a/sdxl", 55.0) >= 30);
}

#[test]
fn demo_pictures_match() {
    assert_eq!(pictures_match(&Place::cpu(), "demo", "models/demo", 50.0), 24);
}

#[test]
fn pictures_in_bytes_are_near() {
    assert_eq!(pictures_match(&Place::cpu_in_bytes(), "tiny-a", "tests/golden/tiny-a/sdxl", 30.0), 11);
    assert_eq!(pictures_match(&Place::cpu_in_bytes(), "demo", "models/demo", 35.0), 24);
}

#[test]
fn a_single_file_draws_the_same_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let golden = root().join("tests/golden/tiny-a");
    // Only its configs are tiny: they lie in a folder of the file's name.
    let file = folder.path().join("checkpoint.safetensors");
    std::os::unix::fs::symlink(golden.join("sdxl-single.safetensors"), &file).unwrap();
    std::os::unix::fs::symlink(golden.join("sdxl"), folder.path().join("checkpoint")).unwrap();
    let mut spec = spec("tests/golden/tiny-a/sdxl");
    spec.path = file;
    let mut model = Sdxl::load(&spec, &parts(), Place::cpu()).unwrap();
    for case in cases("tiny-a/cases.json").cases.iter().take(3) {
        let output = model.draw(&case.job(&golden), &mut Nobody).unwrap();
        let theirs = Picture::decode(&std::fs::read(golden.join(&case.file)).unwrap(), "golden").unwrap();
        assert!(psnr(&output.pictures[0].picture, &theirs) > 55.0, "{}", case.file);
    }
}

#[test]
fn a_single_file_that_contradicts_sdxls_configs_is_named() {
    let mut spec = spec("tests/golden/tiny-a/sdxl-single.safetensors");
    spec.name = "tiny".to_owned();
    let failure = Sdxl::load(&spec, &parts(), Place::cpu()).err().unwrap();
    assert_eq!(failure.class, FailureClass::Missing);
    assert!(failure.message.contains("sdxl-single.safetensors"), "{}", failure.message);
    assert!(failure.message.contains("the config wants"), "{}", failure.message);
}

#[test]
fn weights_that_are_not_numbers_give_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let golden = root().join("tests/golden/tiny-a/sdxl");
    for entry in std::fs::read_dir(&golden).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "unet" {
            std::os::unix::fs::symlink(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    std::fs::create_dir(folder.path().join("unet")).unwrap();
    std::fs::copy(golden.join("unet/config.json"), folder.path().join("unet/config.json")).unwrap();
    let name = "unet/diffusion_pytorch_model.fp16.safetensors";
    let mut bytes = std::fs::read(golden.join(name)).unwrap();
    let end = bytes.len();
    // The last value of the last tensor, in f16.
    bytes[end - 2..].copy_from_slice(&half::f16::NAN.to_le_bytes());
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let mut spec = spec("tests/golden/tiny-a/sdxl");
    spec.path = folder.path().to_owned();
    let case = &cases("tiny-a/cases.json").cases[0];
    let job = case.job(&root().join("tests/golden/tiny-a"));
    let failure = Sdxl::load(&spec, &parts(), Place::cpu()).unwrap().draw(&job, &mut Nobody).unwrap_err();
    assert_eq!(failure.class, FailureClass::BadOutput);
}

#[test]
fn changed_pictures_of_a_batch_are_those_drawn_alone() {
    let golden = root().join("tests/golden/tiny-a");
    let mut model = Sdxl::load(&spec("tests/golden/tiny-a/sdxl"), &parts(), Place::cpu()).unwrap();
    for case in cases("tiny-a/cases.json").cases.iter().filter(|case| case.image.is_some()) {
        let mut job = case.job(&golden);
        job.seeds = vec![case.seed, case.seed + 1];
        let batch = model.draw(&job, &mut Nobody).unwrap().pictures;
        for drawn in batch {
            job.seeds = drawn.seed.into_iter().collect();
            assert_eq!(model.draw(&job, &mut Nobody).unwrap().pictures, [drawn], "{}", case.file);
        }
    }
}
