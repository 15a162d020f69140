//! What goes with a FLUX.1 transformer: text encoders, autoencoder and configs. Found by content, never by name, in the
//! folders where people put them.

use super::catalogue::Located;
use crate::engine::protocol::FluxParts;
use crate::media::Failure;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where names of tensors stand in a file: headers of these files are shorter.
const HEADER: u64 = 8 << 20;

/// Channels of every FLUX.1 latent.
const LATENT_CHANNELS: u64 = 16;

/// A component of FLUX.1 beside its transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Component {
    Clip,
    T5,
    Autoencoder,
}

/// The parts of the model at `located`: those of its own folder when it is a whole diffusers folder; for a transformer
/// alone those the manifest names, those beside the file, or those of a diffusers folder nearby.
///
/// # Errors
/// [`Failure::Missing`], which says what is not there and where it should be.
pub(super) fn find(located: &Located) -> Result<FluxParts, Failure> {
    let path = &located.path;
    let whole = if path.is_dir() { Some(path.clone()) } else { diffusers_folder(located) };
    let parts = FluxParts {
        taef1: tiny_decoder(located, whole.as_deref()),
        clip_vocabulary: located.clip_vocabulary.clone(),
        t5_vocabulary: located.t5_vocabulary.clone(),
        configs: whole.clone(),
        ..FluxParts::default()
    };
    let loose = if path.is_dir() { Vec::new() } else { components_beside(path) };
    let part = |wanted: Component, folder: &str, told: &str| {
        let beside = loose.iter().find(|(component, _)| *component == wanted).map(|(_, path)| path.clone());
        let inside = whole.as_ref().map(|whole| whole.join(folder)).filter(|inside| inside.is_dir());
        beside.or(inside).ok_or_else(|| absent(located, folder, told))
    };
    Ok(FluxParts {
        clip: part(Component::Clip, "text_encoder", "the text encoder CLIP-L")?,
        t5: part(Component::T5, "text_encoder_2", "the text encoder T5")?,
        vae: part(Component::Autoencoder, "vae", "the autoencoder (ae.safetensors)")?,
        ..parts
    })
}

/// TAEF1 as the manifest names it, else inside the model's folder or beside it. Other families' tiny decoders may lie
/// there too: FLUX.1's has 16 channels.
fn tiny_decoder(located: &Located, whole: Option<&Path>) -> Option<PathBuf> {
    let near = ["taesd", "taef1"].map(|name| [Some(located.path.with_file_name(name)), whole.map(|w| w.join(name))]);
    let channels = |folder: &Path| json(&folder.join("config.json"))?["latent_channels"].as_u64();
    let mut places = located.taesd.iter().cloned().chain(near.into_iter().flatten().flatten());
    places.find(|folder| channels(folder) == Some(LATENT_CHANNELS))
}

fn absent(located: &Located, folder: &str, told: &str) -> Failure {
    let beside = located.path.parent().unwrap_or(Path::new(".")).display();
    let where_to = if located.path.is_dir() {
        format!("its folder {folder} is not there")
    } else {
        format!("put it into {beside}, as a file or as a folder {folder}")
    };
    Failure::Missing { message: format!("'{}' comes without {told}: {where_to}", located.name) }
}

/// A diffusers folder of FLUX.1 that describes the checkpoint: named by the manifest, called like the file, around it,
/// beside it, or beside its folder.
fn diffusers_folder(located: &Located) -> Option<PathBuf> {
    let path = &located.path;
    let parent = path.parent()?;
    let mut places: Vec<PathBuf> = located.companions.iter().cloned().collect();
    places.extend([path.with_extension(""), parent.to_owned()]);
    places.extend(folders(parent));
    places.extend(parent.canonicalize().ok().and_then(|parent| Some(folders(parent.parent()?))).unwrap_or_default());
    let guided = names(path).is_some_and(|names| has(&names, "guidance_in."));
    let mut flux = places.into_iter().filter(|place| is_flux(place));
    // One whose transformer is of the same kind first, for its schedule is that of the checkpoint.
    let all: Vec<PathBuf> = flux.by_ref().collect();
    all.iter().find(|place| guidance(place).is_none_or(|told| told == guided)).or(all.first()).cloned()
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found = entries(of);
    found.retain(|path| path.is_dir());
    found
}

fn entries(of: &Path) -> Vec<PathBuf> {
    let of = if of.as_os_str().is_empty() { Path::new(".") } else { of };
    let mut found: Vec<PathBuf> = std::fs::read_dir(of).into_iter().flatten().flatten().map(|e| e.path()).collect();
    found.sort();
    found
}

fn json(path: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn is_flux(folder: &Path) -> bool {
    let index = json(&folder.join("model_index.json"));
    index.is_some_and(|index| index["_class_name"].as_str().is_some_and(|class| class.starts_with("Flux")))
}

fn guidance(folder: &Path) -> Option<bool> {
    Some(json(&folder.join("transformer/config.json"))?["guidance_embeds"].as_bool().unwrap_or(false))
}

/// Files beside a transformer, and folders beside it, that are components.
fn components_beside(path: &Path) -> Vec<(Component, PathBuf)> {
    let beside = entries(path.parent().unwrap_or(Path::new(".")));
    beside.into_iter().filter(|entry| entry != path).filter_map(|entry| Some((component(&entry)?, entry))).collect()
}

/// What a weight file is, or a folder by the first weight file in it.
fn component(path: &Path) -> Option<Component> {
    if path.is_dir() {
        let mut inside = entries(path);
        inside.retain(|file| file.extension().is_some_and(|e| e == "safetensors"));
        return inside.iter().filter(|file| file.is_file()).find_map(|file| component(file));
    }
    let names = names(path)?;
    if has(&names, "encoder.block.0.layer.0.SelfAttention.q.weight") || has(&names, "enc.blk.0.attn_q.weight") {
        return Some(Component::T5);
    }
    // CLIP-L has twelve layers, CLIP-G more.
    if has(&names, "text_model.encoder.layers.0.") && !has(&names, "text_model.encoder.layers.12.") {
        return Some(Component::Clip);
    }
    let decodes = has(&names, "decoder.mid.block_1.conv1.") || has(&names, "decoder.mid_block.resnets.0.conv1.");
    // Other families' autoencoders have a convolution more.
    (decodes && !has(&names, "quant_conv.")).then_some(Component::Autoencoder)
}

/// The beginning of a safetensors or GGUF file, where the names of its tensors stand.
fn names(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let mut start = [0; 8];
    file.read_exact(&mut start).ok()?;
    let gguf = start.starts_with(b"GGUF");
    let length = if gguf { HEADER } else { u64::from_le_bytes(start) };
    let mut names = Vec::new();
    (length <= HEADER).then_some(())?;
    file.take(length).read_to_end(&mut names).ok()?;
    (gguf || names.starts_with(b"{")).then_some(names)
}

fn has(names: &[u8], part: &str) -> bool {
    names.windows(part.len()).any(|window| window == part.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{Catalogue, Settings};
    use super::*;
    use std::os::unix::fs::symlink;

    fn golden() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/flux")
    }

    fn parts_of(path: &Path) -> Result<FluxParts, Failure> {
        let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let weights_dir = models_dir.join("weights");
        let catalogue = Catalogue::read(&Settings { models_dir, weights_dir }).unwrap();
        find(&catalogue.locate(path.to_str().unwrap(), true).unwrap())
    }

    #[test]
    fn a_whole_folder_has_everything_inside_and_a_tiny_decoder_beside() {
        let schnell = golden().join("schnell");
        let parts = parts_of(&schnell).unwrap();
        assert_eq!((parts.clip, parts.t5), (schnell.join("text_encoder"), schnell.join("text_encoder_2")));
        assert_eq!((parts.vae, parts.configs), (schnell.join("vae"), Some(schnell)));
        assert_eq!(parts.taef1, Some(golden().join("taef1")));
        assert!(parts.t5_vocabulary.join("tokenizer.json").is_file());
    }

    #[test]
    fn a_transformer_alone_takes_what_lies_beside_it_and_the_rest_from_a_folder_nearby() {
        let single = golden().join("single");
        let parts = parts_of(&single.join("flux1-schnell.safetensors")).unwrap();
        assert_eq!(parts.vae, single.join("ae.safetensors"));
        // Of two folders nearby the one of its own kind.
        let schnell = golden().canonicalize().unwrap().join("schnell");
        assert_eq!((parts.t5, parts.configs), (schnell.join("text_encoder_2"), Some(schnell)));
        let quantised = parts_of(&golden().join("gguf/transformer-q4_0.gguf")).unwrap();
        assert_eq!(quantised.t5, golden().join("gguf/t5.gguf"));
    }

    #[test]
    fn components_are_known_by_content_whatever_they_are_called() {
        let home = tempfile::tempdir().unwrap();
        let inside = home.path().join("models");
        std::fs::create_dir(&inside).unwrap();
        let link = |from: &str, to: &str| symlink(golden().join(from), inside.join(to)).unwrap();
        let checkpoint = inside.join("a.safetensors");
        link("single/flux1-schnell.safetensors", "a.safetensors");
        link("schnell/text_encoder/model.fp16.safetensors", "b.safetensors");
        link("schnell/text_encoder_2", "words");
        let said = parts_of(&checkpoint).unwrap_err().to_string();
        assert!(said.contains("without the autoencoder") && said.contains(inside.to_str().unwrap()), "{said}");
        link("single/ae.safetensors", "c.safetensors");
        let parts = parts_of(&checkpoint).unwrap();
        assert_eq!((parts.clip, parts.t5), (inside.join("b.safetensors"), inside.join("words")));
        assert_eq!((parts.vae, parts.configs, parts.taef1), (inside.join("c.safetensors"), None, None));
    }
}
