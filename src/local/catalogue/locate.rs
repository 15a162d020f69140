//! From a model's name, or a path, to where everything it needs lies.

use super::manifest::{Defaults, Entry, Family};
use super::recognise::recognise;
use super::{Catalogue, human_bytes};
use crate::media::Failure;
use std::path::{Path, PathBuf};

/// Where a model lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Its name in the manifest, or the path as it was given.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// Which code runs it.
    pub family: Family,
    /// The folder or the file to load.
    pub path: PathBuf,
    /// Another VAE: the one that is safe in half precision.
    pub vae: Option<PathBuf>,
    /// The tiny decoder.
    pub taesd: Option<PathBuf>,
    /// Folder of CLIP's `vocab.json` and `merges.txt`, for checkpoints that bring none.
    pub clip_vocabulary: PathBuf,
    /// Folder of T5's `tokenizer.json`, for checkpoints that bring none.
    pub t5_vocabulary: PathBuf,
    /// Folder of what goes with a checkpoint that is one network only: a diffusers folder without that network.
    pub companions: Option<PathBuf>,
    /// What a request that says nothing gets.
    pub defaults: Defaults,
    /// A small model for demonstration; people must be told.
    pub demo: bool,
}

impl Catalogue {
    /// Finds a model by its manifest name or, with `allow_path`, by a path: a diffusers folder, a single
    /// `.safetensors`, a `.gguf`, a ggml whisper file.
    ///
    /// # Errors
    /// [`Failure::Missing`], which says what to do.
    pub fn locate(&self, name_or_path: &str, allow_path: bool) -> Result<Located, Failure> {
        if let Some(entry) = self.get(name_or_path) {
            return self.locate_entry(entry);
        }
        let path = Path::new(name_or_path);
        if allow_path && path.exists() {
            return self.locate_path(path);
        }
        let message = if allow_path && (name_or_path.contains('/') || path.extension().is_some()) {
            format!("there is no model at '{name_or_path}'")
        } else {
            format!("there is no model named '{name_or_path}'; `samovar models list` shows those there are")
        };
        Err(Failure::Missing { message })
    }

    fn locate_entry(&self, entry: &Entry) -> Result<Located, Failure> {
        let missing = self.missing(entry);
        if !missing.is_empty() {
            return Err(Failure::Missing { message: self.how_to_get(entry, missing.len()) });
        }
        let folder = self.folder(entry);
        Ok(Located {
            name: entry.name.clone(),
            title: entry.title.clone(),
            family: entry.family,
            path: entry.main.as_ref().map_or_else(|| folder.clone(), |main| folder.join(main)),
            vae: entry.vae.as_ref().map(|vae| folder.join(vae)),
            taesd: entry.taesd.as_ref().map(|taesd| folder.join(taesd)),
            clip_vocabulary: self.vocabulary("clip"),
            t5_vocabulary: self.vocabulary("t5"),
            companions: self.companions(entry),
            defaults: entry.defaults,
            demo: entry.is_demo(),
        })
    }

    fn how_to_get(&self, entry: &Entry, missing: usize) -> String {
        let name = &entry.name;
        if entry.bundled {
            let folder = self.folder(entry);
            return format!("the bundled model '{name}' is damaged: files in {} are absent", folder.display());
        }
        let size = human_bytes(entry.bytes());
        if missing == entry.files.len() {
            return format!("the model '{name}' is not installed; `scripts/fetch_models.sh {name}` brings it ({size})");
        }
        let files = entry.files.len();
        format!(
            "the model '{name}' is installed in part ({missing} of {files} files are missing); \
             `scripts/fetch_models.sh {name}` completes it"
        )
    }

    fn locate_path(&self, path: &Path) -> Result<Located, Failure> {
        let family = recognise(path).map_err(|reason| Failure::Missing {
            message: format!("'{}' cannot be used as a model: {reason}", path.display()),
        })?;
        let title = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        // A tiny decoder put inside the model's folder or beside it belongs to it.
        let taesd = [path.join("taesd"), path.with_file_name("taesd")].into_iter().find(|folder| folder.is_dir());
        Ok(Located {
            name: path.display().to_string(),
            title,
            family,
            path: path.to_owned(),
            vae: None,
            taesd,
            clip_vocabulary: self.vocabulary("clip"),
            t5_vocabulary: self.vocabulary("t5"),
            companions: None,
            defaults: Defaults::default(),
            demo: false,
        })
    }

    /// Silero's model of where somebody speaks, which every model of speech needs.
    pub(in crate::local) fn vad(&self) -> PathBuf {
        self.settings().models_dir.join("silero-vad").join("ggml-silero-v6.2.0.bin")
    }

    fn vocabulary(&self, name: &str) -> PathBuf {
        self.settings().models_dir.join("tokenizers").join(name)
    }

    /// Where the shared files of a model of one file lie: beside their `model_index.json`.
    fn companions(&self, entry: &Entry) -> Option<PathBuf> {
        entry.main.as_ref()?;
        let index =
            entry.files.iter().find(|file| file.place.file_name().is_some_and(|name| name == "model_index.json"))?;
        Some(self.root(entry).join(index.place.parent()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn shipped(weights_dir: &Path) -> Catalogue {
        let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        Catalogue::read(&Settings { models_dir, weights_dir: weights_dir.to_owned() }).unwrap()
    }

    fn message(failure: Failure) -> String {
        assert_eq!(failure.class(), "missing");
        failure.to_string()
    }

    #[test]
    fn the_demo_model_is_always_here() {
        let home = tempfile::tempdir().unwrap();
        let demo = shipped(home.path()).locate("demo", false).unwrap();
        assert!(demo.demo && demo.path.join("model_index.json").is_file());
        assert!(demo.clip_vocabulary.join("merges.txt").is_file());
        assert_eq!((demo.family, demo.defaults.width), (Family::Sdxl, Some(128)));
    }

    #[test]
    fn a_folder_given_by_path_is_recognised_and_brings_its_tiny_decoder() {
        let home = tempfile::tempdir().unwrap();
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny-a/sdxl");
        let located = shipped(home.path()).locate(tiny.to_str().unwrap(), true).unwrap();
        assert_eq!((located.family, located.demo, &located.path), (Family::Sdxl, false, &tiny));
        assert_eq!(located.taesd, Some(tiny.with_file_name("taesd")));
    }

    #[test]
    fn what_is_not_there_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = shipped(home.path());
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny-a/sdxl");
        let unnamed = message(catalogue.locate(tiny.to_str().unwrap(), false).unwrap_err());
        assert!(unnamed.contains("samovar models list"), "{unnamed}");
        let absent = message(catalogue.locate("./no/such.safetensors", true).unwrap_err());
        assert!(absent.contains("no model at './no/such.safetensors'"), "{absent}");
    }

    #[test]
    fn a_folder_copied_by_hand_is_installed_with_its_other_decoders() {
        let home = tempfile::tempdir().unwrap();
        let manifest = r#"
[licences.free]
name = "MIT"
page = "https://spdx.org/licenses/MIT.html"
commercial = true
[[model]]
name = "copied"
title = "Copied"
family = "sdxl"
tasks = ["image.generate"]
licence = "free"
hardware = "Any."
vae = "vae-fp16-fix"
taesd = "taesd"
[[model.source]]
repo = "owner/copied"
files = [
    { path = "model_index.json", about = 2 },
    { path = "vae-fp16-fix/model.bin", bytes = 4 },
    { path = "taesd/model.bin", bytes = 5 },
]
"#;
        std::fs::write(home.path().join("manifest.toml"), manifest).unwrap();
        let settings = Settings { models_dir: home.path().to_owned(), weights_dir: home.path().join("weights") };
        let catalogue = Catalogue::read(&settings).unwrap();
        let absent = message(catalogue.locate("copied", false).unwrap_err());
        assert!(absent.contains("not installed; `scripts/fetch_models.sh copied`"), "{absent}");
        let folder = home.path().join("weights/copied");
        for (place, text) in [("model_index.json", "{ }"), ("vae-fp16-fix/model.bin", "1234"), ("taesd/model.bin", "1")]
        {
            std::fs::create_dir_all(folder.join(place).parent().unwrap()).unwrap();
            std::fs::write(folder.join(place), text).unwrap();
        }
        let cut = message(catalogue.locate("copied", false).unwrap_err());
        assert!(cut.contains("in part (1 of 3 files are missing)"), "{cut}");
        std::fs::write(folder.join("taesd/model.bin"), "12345").unwrap();
        let located = catalogue.locate("copied", false).unwrap();
        assert_eq!((&located.path, located.demo), (&folder, false));
        assert_eq!((located.vae, located.taesd), (Some(folder.join("vae-fp16-fix")), Some(folder.join("taesd"))));
    }
}
