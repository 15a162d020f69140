//! The catalogue of models: what the manifest names, what of it lies on this disk, and how to bring the rest.
//!
//! [`manifest`] reads models/manifest.toml, [`locate`] says where a model's files lie, [`recognise`] tells what a
//! file or folder given by path is, [`fetch`] brings what is missing ([`hub`] asks, `download` brings one file),
//! [`verify`] checks what is here. It must not know how models run, who answers a request, or the environment.

pub mod digest;
mod download;
pub mod fetch;
pub mod hub;
pub mod installed;
pub mod locate;
pub mod manifest;
pub mod recognise;
pub mod verify;

pub use locate::Located;
pub use manifest::{Defaults, Entry, Family, File, Licence, Origin, Size};

use installed::{Record, Records};
use std::path::{Path, PathBuf};

/// Where the catalogue looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder of manifest.toml, the bundled models and the vocabularies.
    pub models_dir: PathBuf,
    /// Folder of fetched weights, one folder a model, each in its published layout.
    pub weights_dir: PathBuf,
}

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The manifest cannot be read.
    #[error("cannot read the model manifest {}: {source}; SAMOVAR_MODELS_DIR must name the folder that holds it", .path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest is not right.
    #[error("the model manifest {} is wrong: {message}", .path.display())]
    Wrong {
        /// The manifest.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
}

/// The manifest, and a look at the disk at each question.
#[derive(Debug, Clone)]
pub struct Catalogue {
    settings: Settings,
    entries: Vec<Entry>,
}

impl Catalogue {
    /// Reads `<models_dir>/manifest.toml`.
    ///
    /// # Errors
    /// [`CatalogueError`] when it is absent or wrong.
    pub fn read(settings: &Settings) -> Result<Self, CatalogueError> {
        let path = settings.models_dir.join("manifest.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(CatalogueError::Unreadable { path, source }),
        };
        match manifest::parse(&text) {
            Ok(entries) => Ok(Self { settings: settings.clone(), entries }),
            Err(message) => Err(CatalogueError::Wrong { path, message }),
        }
    }

    /// Every model of the manifest, in its order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The model of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Whether every file of the model is here with its published size.
    #[must_use]
    pub fn installed(&self, entry: &Entry) -> bool {
        self.missing(entry).is_empty()
    }

    /// The files of the model that are absent, or whose size cannot be right.
    #[must_use]
    pub fn missing<'a>(&self, entry: &'a Entry) -> Vec<&'a File> {
        let root = self.root(entry);
        let records = if entry.bundled { Records::default() } else { Records::read(&self.settings.weights_dir) };
        let here = |file: &File| present(&root.join(&file.place), file.size, records.get(&file.place));
        entry.files.iter().filter(|file| !here(file)).collect()
    }

    /// The folder that [`File::place`] starts from: the models folder for a bundled model, else the weights folder.
    #[must_use]
    pub fn root(&self, entry: &Entry) -> &Path {
        if entry.bundled { &self.settings.models_dir } else { &self.settings.weights_dir }
    }

    /// The model's own folder.
    #[must_use]
    pub fn folder(&self, entry: &Entry) -> PathBuf {
        self.root(entry).join(&entry.name)
    }

    /// Where this catalogue looks.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Finished files are renamed into place whole, so a file of the right length is a whole file. Which length is right
/// is told by the record of its fetch, because a repository may have changed since the manifest was written.
fn present(path: &Path, size: Size, record: Option<&Record>) -> bool {
    let Ok(found) = std::fs::metadata(path) else { return false };
    let whole = match (record, size) {
        (Some(record), _) if record.bytes == found.len() => true,
        (_, Size::Exact(bytes)) => found.len() == bytes,
        (_, Size::About(_)) => record.is_none() && found.len() > 0,
    };
    found.is_file() && whole
}

/// Bytes for people: decimal units, as hubs and disks tell them.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Catalogue {
        let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let weights_dir = models_dir.join("weights-that-are-not-there");
        Catalogue::read(&Settings { models_dir, weights_dir }).unwrap()
    }

    #[test]
    fn the_shipped_manifest_is_right_and_the_bundled_models_are_here() {
        let catalogue = shipped();
        for entry in catalogue.entries() {
            assert!(entry.licence.page.starts_with("https://"), "{}", entry.name);
            assert_eq!(catalogue.installed(entry), entry.bundled, "{}: {:?}", entry.name, catalogue.missing(entry));
        }
        let last = catalogue.entries().last().unwrap();
        assert_eq!(last.name, "demo");
        let bundled: Vec<_> = catalogue.entries().iter().filter(|entry| entry.bundled).collect();
        let names: Vec<_> = bundled.iter().map(|entry| (entry.name.as_str(), entry.is_demo())).collect();
        assert_eq!(names, [("realesrgan", false), ("demo-whisper", true), ("demo", true)]);
        assert!(bundled.iter().all(|entry| entry.is_demo() == entry.title.contains("demo")));
    }

    #[test]
    fn a_manifest_that_is_not_there_says_what_to_set() {
        let nowhere = PathBuf::from("/nonexistent");
        let error = Catalogue::read(&Settings { models_dir: nowhere.clone(), weights_dir: nowhere }).unwrap_err();
        assert!(error.to_string().contains("SAMOVAR_MODELS_DIR"), "{error}");
    }

    #[test]
    fn sizes_are_told_in_human_units() {
        let told: Vec<_> = [999, 1_500, 66_857_836, 5_135_149_760].into_iter().map(human_bytes).collect();
        assert_eq!(told, ["999 B", "2 kB", "67 MB", "5.1 GB"]);
    }
}
