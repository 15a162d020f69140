//! Held against what diffusers computes (tests/golden/flux), part by part and picture by picture.

mod parts;
mod pictures;
mod quantised;

use super::files::Files;
use crate::engine::golden::root;
use crate::engine::protocol::{Architecture, DeviceChoice, FluxParts, ModelSpec};
use std::path::PathBuf;

fn at(name: &str) -> PathBuf {
    root().join("tests/golden/flux").join(name)
}

/// The parts of a whole diffusers folder.
fn parts(name: &str) -> FluxParts {
    FluxParts {
        configs: Some(at(name)),
        clip: at(name).join("text_encoder"),
        t5: at(name).join("text_encoder_2"),
        vae: at(name).join("vae"),
        taef1: Some(at("taef1")),
        clip_vocabulary: root().join("models/tokenizers/clip"),
        t5_vocabulary: root().join("models/tokenizers/t5"),
        synthetic: None,
        bytes: false,
    }
}

fn spec(path: PathBuf, parts: &FluxParts) -> ModelSpec {
    let name = path.display().to_string();
    ModelSpec { name, path, architecture: Architecture::Flux(parts.clone()), device: DeviceChoice::Cpu }
}

fn files(name: &str) -> Files {
    Files::find(&spec(at(name), &parts(name)), &parts(name)).unwrap()
}
