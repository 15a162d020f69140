//! Every golden picture through `samovar draw --mode exact`, the way a user meets the engine.

use crate::support::desk::{Desk, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The command line of a case.
fn arguments(case: &Value, folder: &Path, model: &Path) -> Vec<String> {
    let mut arguments = vec!["draw".to_owned(), case["prompt"].as_str().unwrap().to_owned()];
    let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    add("--model", model.display().to_string());
    add("--mode", "exact".to_owned());
    add("--out", "drawn.png".to_owned());
    for key in ["seed", "steps", "width", "height", "guidance", "strength", "scheduler", "negative"] {
        match &case[key] {
            Value::Null => {}
            Value::String(text) => add(&format!("--{key}"), text.clone()),
            number => add(&format!("--{key}"), number.to_string()),
        }
    }
    for key in ["image", "mask"] {
        if let Some(file) = case[key].as_str() {
            add(&format!("--{key}"), folder.join(file).display().to_string());
        }
    }
    arguments
}

/// Peak signal to noise ratio, dB.
fn psnr(a: &Path, b: &Path) -> f64 {
    let (a, b) = (image::open(a).unwrap().into_rgb8(), image::open(b).unwrap().into_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: f64 = a.iter().zip(b.iter()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    if sum == 0.0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 * a.len() as f64 / sum).log10() }
}

fn drawn_as_diffusers_does(cases: &str, model: &str, least: f64) -> usize {
    let desk = Desk::new();
    let folder = root().join("tests/golden").join(cases);
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    for case in cases {
        let arguments = arguments(case, &folder, &root().join(model));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = desk.run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let file = case["file"].as_str().unwrap();
        let psnr = psnr(&desk.path("drawn.png"), &folder.join(file));
        println!("{file}: {psnr:.1} dB");
        assert!(psnr >= least, "{file}: {psnr:.1} dB, at least {least} are expected");
    }
    cases.len()
}

#[test]
fn tiny_pictures_are_drawn_as_diffusers_does() {
    assert_eq!(drawn_as_diffusers_does("tiny-a", "tests/golden/tiny-a/sdxl", 55.0), 11);
}

#[test]
fn demo_pictures_are_drawn_as_diffusers_does() {
    assert_eq!(drawn_as_diffusers_does("demo", "models/demo", 50.0), 24);
}

/// FLUX's cases name the folder of their model; `also` draws schnell's from another file or folder.
fn flux_drawn_as_diffusers_does(also: Option<&str>, least: f64) -> usize {
    let desk = Desk::new();
    let folder = root().join("tests/golden/flux");
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let mut drawn = 0;
    for case in cases["cases"].as_array().unwrap() {
        let model = case["model"].as_str().unwrap();
        if also.is_some() && model != "schnell" {
            continue;
        }
        let arguments = arguments(case, &folder, &folder.join(also.unwrap_or(model)));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = desk.run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let file = case["file"].as_str().unwrap();
        let psnr = psnr(&desk.path("drawn.png"), &folder.join(file));
        println!("{file} {}: {psnr:.1} dB", also.unwrap_or(model));
        assert!(psnr >= least, "{file}: {psnr:.1} dB, at least {least} are expected");
        drawn += 1;
    }
    drawn
}

#[test]
fn flux_pictures_are_drawn_as_diffusers_does() {
    assert_eq!(flux_drawn_as_diffusers_does(None, 55.0), 6);
}

#[test]
fn an_original_flux_checkpoint_draws_the_same_pictures() {
    assert_eq!(flux_drawn_as_diffusers_does(Some("single/flux1-schnell.safetensors"), 55.0), 5);
}

#[test]
fn a_quantised_flux_draws_nearly_the_same_pictures() {
    assert_eq!(flux_drawn_as_diffusers_does(Some("gguf/transformer-q8_0.gguf"), 30.0), 5);
}

#[test]
fn with_too_little_memory_flux_says_what_it_needs() {
    let desk = Desk::new();
    let model = root().join("tests/golden/flux/schnell");
    let arguments = ["draw", "a red apple", "--model", model.to_str().unwrap(), "--width", "64", "--height", "64"];
    let limited = |bytes: &str| desk.command(&arguments).env("SAMOVAR_MEMORY_LIMIT", bytes).output().unwrap();
    let refused = limited("100MiB");
    let said = stderr(&refused);
    assert!(!refused.status.success() && said.contains("not enough memory"), "{said}");
    // The numbers are of this model: what its parts need one after the other, and what there is.
    assert!(said.contains("GiB needed, 0.10 GiB available"), "{said}");
}
