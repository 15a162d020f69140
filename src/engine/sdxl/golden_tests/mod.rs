//! Held against what diffusers computes (tests/golden), part by part and picture by picture.

mod candle;
mod parts;
mod pictures;

use super::files::Files;
use crate::engine::golden::{Cases, Nobody, Tensors, cases, close, golden, map, psnr, root, values, worst};
use crate::engine::protocol::{Architecture, DeviceChoice, ModelSpec, SdxlParts};

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
