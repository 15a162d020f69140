//! What the headers of weight files tell: the bytes of every tensor, without reading any.

use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest header read, as the engine does.
const MAX_HEADER: u64 = 100_000_000;

/// The weight files of a component: half precision where both are published.
pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let all: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "safetensors")).collect();
    let half = |p: &&PathBuf| p.file_name().is_some_and(|name| name.to_string_lossy().contains(".fp16"));
    let halves: Vec<PathBuf> = all.iter().filter(half).cloned().collect();
    if halves.is_empty() { all } else { halves }
}

/// Bytes of every tensor of these files, by name.
pub(in crate::local) fn tensors(files: &[PathBuf]) -> HashMap<String, u64> {
    files.iter().filter_map(|file| header(file)).flatten().collect()
}

fn header(path: &Path) -> Option<Vec<(String, u64)>> {
    #[derive(Deserialize)]
    struct Tensor {
        data_offsets: (u64, u64),
    }
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return None;
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).ok()?;
    let described: HashMap<String, serde_json::Value> = serde_json::from_slice(&text).ok()?;
    let bytes = |value: serde_json::Value| {
        let tensor: Tensor = serde_json::from_value(value).ok()?;
        tensor.data_offsets.1.checked_sub(tensor.data_offsets.0)
    };
    Some(described.into_iter().filter_map(|(name, value)| Some((name, bytes(value)?))).collect())
}
