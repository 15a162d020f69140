//! What a model given by path is: told by its content, never by its name.

use super::Family;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest safetensors header read; the format's own limit.
const MAX_HEADER: u64 = 100_000_000;
/// ggml's magic number, 0x67676d6c, as its bytes lie in a file.
const GGML: &[u8] = b"lmgg";
/// How much of a GGUF file is read for its header.
const GGUF_HEADER: u64 = 1 << 20;
/// What names of tensors of FLUX have in them.
const FLUX_BLOCK: &[u8] = b"double_blocks.0.";

/// Which family a diffusers folder or a single file belongs to.
///
/// # Errors
/// A clause that says why it cannot be used.
pub fn recognise(path: &Path) -> Result<Family, String> {
    if path.is_dir() { folder(path) } else { file(path) }
}

fn folder(path: &Path) -> Result<Family, String> {
    let text = std::fs::read_to_string(path.join("model_index.json"))
        .map_err(|error| format!("its model_index.json cannot be read ({error})"))?;
    let index: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("its model_index.json is not JSON ({error})"))?;
    match index["_class_name"].as_str() {
        Some(class) if class.starts_with("StableDiffusionXL") => Ok(Family::Sdxl),
        Some(class) if class.starts_with("Flux") => Ok(Family::Flux),
        Some(class) => Err(format!("it is of the kind {class}, which is not supported")),
        None => Err("its model_index.json names no _class_name".to_owned()),
    }
}

fn file(path: &Path) -> Result<Family, String> {
    let mut file = File::open(path).map_err(|error| format!("it cannot be opened ({error})"))?;
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(|_| "it is too short to be a model".to_owned())?;
    if start.starts_with(GGML) {
        return Ok(Family::Whisper);
    }
    if start.starts_with(b"GGUF") {
        return gguf(&mut file);
    }
    let length = u64::from_le_bytes(start);
    let rest = file.metadata().map_or(0, |found| found.len()).saturating_sub(8);
    if length > MAX_HEADER || length > rest {
        return Err("it is neither safetensors, GGUF nor ggml, or it is cut short".to_owned());
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(|error| format!("it cannot be read ({error})"))?;
    safetensors(&header)
}

fn safetensors(header: &[u8]) -> Result<Family, String> {
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| format!("its safetensors header is not JSON ({error})"))?;
    let has = |prefix: &str| header.keys().any(|key| key.starts_with(prefix));
    if has("conditioner.embedders.") && has("model.diffusion_model.") {
        return Ok(Family::Sdxl);
    }
    if has("double_blocks.") || has("model.diffusion_model.double_blocks.") {
        return Ok(Family::Flux);
    }
    // Convolutions and the slopes between them, by number.
    let rank = |key: &str| header.get(key).and_then(|tensor| tensor["shape"].as_array()).map(Vec::len);
    if rank("body.0.weight") == Some(4) && rank("body.1.weight") == Some(1) {
        return Ok(Family::RealEsrganCompact);
    }
    Err("its tensors belong to no model that is supported".to_owned())
}

/// Of a GGUF file `general.architecture` matters, which writers put first; some write none, and then the names of its
/// tensors tell.
fn gguf(file: &mut File) -> Result<Family, String> {
    let mut start = Vec::new();
    file.take(GGUF_HEADER).read_to_end(&mut start).map_err(|error| format!("it cannot be read ({error})"))?;
    match architecture(&start) {
        Some("flux") => Ok(Family::Flux),
        None if start.windows(FLUX_BLOCK.len()).any(|window| window == FLUX_BLOCK) => Ok(Family::Flux),
        Some(other) => Err(format!("its architecture is {other}, which is not supported")),
        None => Err("its GGUF header names no architecture".to_owned()),
    }
}

fn architecture(start: &[u8]) -> Option<&str> {
    let key = b"general.architecture";
    let at = start.windows(key.len()).position(|window| window == key)? + key.len();
    // After the key: the value's type (u32, 8 is a string), its length (u64), its bytes.
    let kind = u32::from_le_bytes(start.get(at..at + 4)?.try_into().ok()?);
    let length = usize::try_from(u64::from_le_bytes(start.get(at + 4..at + 12)?.try_into().ok()?)).ok()?;
    let value = start.get(at + 12..at.checked_add(12)?.checked_add(length)?)?;
    if kind == 8 { std::str::from_utf8(value).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Result<Family, String> {
        let folder = tempfile::tempdir().unwrap();
        // The name lies on purpose: only the content counts.
        let path = folder.path().join("model.txt");
        std::fs::write(&path, bytes).unwrap();
        recognise(&path)
    }

    fn safetensors(header: &str) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
    }

    fn gguf(architecture: &str) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend([0; 16]);
        bytes.extend(20_u64.to_le_bytes());
        bytes.extend(b"general.architecture");
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend((architecture.len() as u64).to_le_bytes());
        bytes.extend(architecture.as_bytes());
        bytes
    }

    #[test]
    fn single_files_are_told_by_content() {
        let sdxl = r#"{"conditioner.embedders.0.a":{},"model.diffusion_model.input_blocks.0":{}}"#;
        assert_eq!(told(&safetensors(sdxl)), Ok(Family::Sdxl));
        assert_eq!(told(&safetensors(r#"{"double_blocks.0.img":{}}"#)), Ok(Family::Flux));
        let compact = r#"{"body.0.weight":{"shape":[64,3,3,3]},"body.1.weight":{"shape":[64]}}"#;
        assert_eq!(told(&safetensors(compact)), Ok(Family::RealEsrganCompact));
        assert_eq!(told(&gguf("flux")), Ok(Family::Flux));
        assert_eq!(told(b"lmgg and more bytes"), Ok(Family::Whisper));
    }

    #[test]
    fn damaged_and_foreign_files_are_refused_with_the_reason() {
        let cut = &safetensors(r#"{"double_blocks.0.img":{}}"#)[..20];
        for (bytes, said) in [
            (b"abc".as_slice(), "too short"),
            (cut, "cut short"),
            (&[0xff; 64], "cut short"),
            (&safetensors("{not json}"), "not JSON"),
            (&safetensors(r#"{"lm_head.weight":{}}"#), "no model that is supported"),
            (&gguf("llama"), "architecture is llama"),
            (b"GGUF\x03\0\0\0general.architecture\x08", "no architecture"),
        ] {
            let reason = told(bytes).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }

    #[test]
    fn folders_without_a_usable_index_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(recognise(folder.path()).unwrap_err().contains("cannot be read"));
        std::fs::write(folder.path().join("model_index.json"), r#"{"_class_name":"StableDiffusionPipeline"}"#).unwrap();
        assert!(recognise(folder.path()).unwrap_err().contains("StableDiffusionPipeline"));
    }
}
