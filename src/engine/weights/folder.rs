//! The layout of a diffusers folder: JSON configs beside safetensors files.

use super::{SafetensorsFiles, unusable};
use crate::engine::Result;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Reads a JSON file.
///
/// # Errors
/// When it is absent or not what is expected; the sentence names it.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| unusable(format!("{}: {e}", path.display())))?;
    parse(path, &text)
}

/// Parses the text of a JSON file.
///
/// # Errors
/// When it is not what is expected; the sentence names `path`.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| unusable(format!("{} is not valid: {e}", path.display())))
}

/// Opens the safetensors files of a component: a file itself, or in a folder the half-precision variant where there is
/// one, one file or the shards that an index names.
///
/// # Errors
/// When there is none or one is damaged.
pub fn open(path: &Path) -> Result<SafetensorsFiles> {
    SafetensorsFiles::open(&files(path)?)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let stems = ["diffusion_pytorch_model", "model"];
    for variant in [".fp16", ""] {
        for stem in stems {
            let one = folder.join(format!("{stem}{variant}.safetensors"));
            if one.exists() {
                return Ok(vec![one]);
            }
            let index = folder.join(format!("{stem}.safetensors.index{variant}.json"));
            if index.exists() {
                return shards(folder, &index);
            }
        }
    }
    Err(unusable(format!("{} has no .safetensors file", folder.display())))
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let described: serde_json::Value = read(index)?;
    let mut names: Vec<&str> =
        described["weight_map"].as_object().into_iter().flatten().filter_map(|(_, file)| file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.iter().any(|n| n.contains(['/', '\\'])) {
        return Err(unusable(format!("{} names no shards beside it", index.display())));
    }
    Ok(names.into_iter().map(|n| folder.join(n)).collect())
}
