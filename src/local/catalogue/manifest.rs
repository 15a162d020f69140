//! models/manifest.toml: every model that can be brought here, strictly read (an unknown key is an error, so that a
//! typing mistake never passes for a default). docs/adding-a-model.md describes the format for people.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its name in requests and on the command line.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// Which code runs it.
    pub family: Family,
    /// What it does, such as `image.generate`.
    pub tasks: Vec<String>,
    /// Under which terms it may be used.
    pub licence: Licence,
    /// What hardware it suits, one sentence.
    pub hardware: String,
    /// Bytes of memory that running it on a CPU takes, roughly.
    pub memory: Option<u64>,
    /// Bytes of GPU memory that running it on a GPU takes, roughly.
    pub vram: Option<u64>,
    /// What a request that says nothing gets.
    pub defaults: Defaults,
    /// Who else serves this model, best first, as links of a route: `hf:black-forest-labs/FLUX.1-schnell`.
    pub remote: Vec<String>,
    /// Languages of prompts that it understands; empty: any.
    pub prompt_languages: Vec<String>,
    /// Comes with the program, never fetched.
    pub bundled: bool,
    /// Every file, those shared with other models included.
    pub files: Vec<File>,
    /// The file to load, below the model's folder; `None` when the folder itself is the model.
    pub main: Option<PathBuf>,
    /// Another VAE, below the model's folder: the one that is safe in half precision.
    pub vae: Option<PathBuf>,
    /// The tiny decoder, below the model's folder.
    pub taesd: Option<PathBuf>,
}

impl Entry {
    /// Whether it is here to show how things work, rather than to be used: those come last in routes and never stand in
    /// for a model that was named.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.bundled && (self.name == "demo" || self.name.starts_with("demo-"))
    }

    /// Bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size.bytes()).sum()
    }
}

/// Which code runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Stable Diffusion XL.
    Sdxl,
    /// FLUX.1.
    Flux,
    /// Whisper in whisper.cpp's ggml format.
    Whisper,
    /// Real-ESRGAN.
    RealEsrgan,
    /// Real-ESRGAN's compact network (`SRVGGNetCompact`).
    RealEsrganCompact,
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Its name.
    pub name: String,
    /// Where its text is.
    pub page: String,
    /// Whether commercial use is allowed without a separate agreement.
    pub commercial: bool,
    /// What a person must know before fetching; when set, fetching asks for consent.
    pub consent: Option<String>,
}

/// What a request that says nothing gets. `None`: the model's own files say.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Classifier-free guidance; up to 1 means none.
    pub guidance: Option<f32>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Where it comes from; `None` for a bundled one.
    pub origin: Option<Origin>,
    /// Where it lies below the weights folder (bundled: below the models folder).
    pub place: PathBuf,
    /// Its size.
    pub size: Size,
    /// Its SHA-256 in hexadecimal, where the manifest pins it.
    pub sha256: Option<String>,
}

/// A file on the hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Origin {
    /// `owner/name`.
    pub repo: String,
    /// A branch, tag or commit.
    pub revision: String,
    /// Path in the repository.
    pub path: String,
}

/// How large a file is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// As published; a file of another size is not this file.
    Exact(u64),
    /// Roughly, for planning.
    About(u64),
}

impl Size {
    /// The number, exact or not.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::Exact(bytes) | Self::About(bytes) => bytes,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    licences: BTreeMap<String, Licence>,
    #[serde(default)]
    shared: Vec<RawShared>,
    model: Vec<RawModel>,
}

/// Files that several models need; they lie in the folder of one of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShared {
    name: String,
    folder: String,
    source: Vec<RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    title: String,
    family: Family,
    tasks: Vec<String>,
    licence: String,
    hardware: String,
    memory_gib: Option<f64>,
    vram_gib: Option<f64>,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    remote: Vec<String>,
    #[serde(default)]
    prompt_languages: Vec<String>,
    #[serde(default)]
    bundled: bool,
    main: Option<PathBuf>,
    vae: Option<PathBuf>,
    taesd: Option<PathBuf>,
    #[serde(default)]
    needs: Vec<String>,
    source: Vec<RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    repo: Option<String>,
    #[serde(default = "main_branch")]
    revision: String,
    /// Below the model's folder; the repository's own layout continues below it.
    #[serde(default)]
    folder: PathBuf,
    files: Vec<RawFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: String,
    bytes: Option<u64>,
    about: Option<u64>,
    sha256: Option<String>,
}

fn main_branch() -> String {
    "main".to_owned()
}

/// Reads a manifest.
///
/// # Errors
/// One sentence: what is wrong and where.
pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let raw: RawManifest = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let mut names = HashSet::new();
    for name in raw.shared.iter().map(|s| &s.name).chain(raw.model.iter().map(|m| &m.name)) {
        check_name(name)?;
        if !names.insert(name) {
            return Err(format!("the name '{name}' is used twice"));
        }
    }
    let entries = raw.model.iter().map(|model| entry(model, &raw)).collect::<Result<_, _>>()?;
    let used: HashSet<&str> = raw.model.iter().map(|model| model.licence.as_str()).collect();
    if let Some(idle) = raw.licences.keys().find(|id| !used.contains(id.as_str())) {
        return Err(format!("no model is under the licence '{idle}'"));
    }
    Ok(entries)
}

fn entry(model: &RawModel, manifest: &RawManifest) -> Result<Entry, String> {
    let at = |message: String| format!("model '{}': {message}", model.name);
    let licence = manifest.licences.get(&model.licence).ok_or_else(|| at(format!("no licence '{}'", model.licence)))?;
    let mut files = Vec::new();
    for source in &model.source {
        collect(source, &model.name, model.bundled, &mut files).map_err(at)?;
    }
    for need in &model.needs {
        let shared = manifest
            .shared
            .iter()
            .find(|s| s.name == *need)
            .ok_or_else(|| at(format!("nothing shared is '{need}'")))?;
        for source in &shared.source {
            collect(source, &shared.folder, false, &mut files).map_err(at)?;
        }
    }
    check_files(model, &files).map_err(at)?;
    Ok(Entry {
        name: model.name.clone(),
        title: model.title.clone(),
        family: model.family,
        tasks: model.tasks.clone(),
        licence: licence.clone(),
        hardware: model.hardware.clone(),
        memory: model.memory_gib.map(from_gib),
        vram: model.vram_gib.map(from_gib),
        defaults: model.defaults,
        remote: model.remote.clone(),
        prompt_languages: model.prompt_languages.clone(),
        bundled: model.bundled,
        files,
        main: model.main.clone(),
        vae: model.vae.clone(),
        taesd: model.taesd.clone(),
    })
}

fn collect(source: &RawSource, folder: &str, bundled: bool, files: &mut Vec<File>) -> Result<(), String> {
    match (&source.repo, bundled) {
        (Some(repo), true) => return Err(format!("it is bundled and cannot come from '{repo}'")),
        (None, false) => return Err("a source has no repo".to_owned()),
        (Some(repo), false) if repo.split('/').filter(|part| !part.is_empty()).count() != 2 => {
            return Err(format!("'{repo}' is not owner/name"));
        }
        _ => {}
    }
    for raw in &source.files {
        let size = match (raw.bytes, raw.about) {
            (Some(bytes), None) => Size::Exact(bytes),
            (None, Some(bytes)) => Size::About(bytes),
            _ => return Err(format!("'{}' needs exactly one of bytes and about", raw.path)),
        };
        if raw.sha256.as_ref().is_some_and(|hex| hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(format!("the sha256 of '{}' is not 64 hexadecimal digits", raw.path));
        }
        let place = Path::new(folder).join(&source.folder).join(&raw.path);
        check_relative(&place)?;
        let origin = source.repo.as_ref().map(|repo| Origin {
            repo: repo.clone(),
            revision: source.revision.clone(),
            path: raw.path.clone(),
        });
        files.push(File { origin, place, size, sha256: raw.sha256.as_ref().map(|hex| hex.to_ascii_lowercase()) });
    }
    Ok(())
}

fn check_files(model: &RawModel, files: &[File]) -> Result<(), String> {
    if files.is_empty() || model.tasks.is_empty() {
        return Err("it has no files or no tasks".to_owned());
    }
    let mut places = HashSet::new();
    if let Some(twice) = files.iter().find(|file| !places.insert(&file.place)) {
        return Err(format!("two files lie at {}", twice.place.display()));
    }
    for part in [&model.main, &model.vae, &model.taesd].into_iter().flatten() {
        let place = Path::new(&model.name).join(part);
        if !files.iter().any(|file| file.place.starts_with(&place)) {
            return Err(format!("no file lies at {}", place.display()));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        return Err(format!("'{name}' is not a name: lower-case letters, digits, '-', '_' and '.' make one"));
    }
    Ok(())
}

/// A manifest must not be able to write outside the weights folder.
fn check_relative(path: &Path) -> Result<(), String> {
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(());
    }
    Err(format!("'{}' must stay below the model's folder", path.display()))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn from_gib(gib: f64) -> u64 {
    (gib * f64::from(1 << 30)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[licences.free]
name = "MIT"
page = "https://spdx.org/licenses/MIT.html"
commercial = true

[[shared]]
name = "encoders"
folder = "big"
[[shared.source]]
repo = "owner/parts"
files = [{ path = "t5/model.bin", about = 10 }]

[[model]]
name = "big"
title = "Big"
family = "flux"
tasks = ["image.generate"]
licence = "free"
hardware = "a large one"
memory_gib = 1.5
remote = ["hf:owner/big"]
needs = ["encoders"]
taesd = "tiny"
[[model.source]]
repo = "owner/big"
revision = "v1"
files = [{ path = "unet/model.bin", bytes = 7 }]
[[model.source]]
repo = "owner/tiny"
folder = "tiny"
files = [{ path = "model.bin", bytes = 5 }]
"#;

    #[test]
    fn files_are_placed_in_the_published_layout() {
        let entries = parse(GOOD).unwrap();
        let places: Vec<_> = entries[0].files.iter().map(|f| f.place.to_str().unwrap()).collect();
        assert_eq!(places, ["big/unet/model.bin", "big/tiny/model.bin", "big/t5/model.bin"]);
        assert_eq!(entries[0].bytes(), 22);
        assert_eq!(entries[0].memory, Some(3 << 29));
        let origin = entries[0].files[0].origin.as_ref().unwrap();
        assert_eq!((origin.revision.as_str(), origin.path.as_str()), ("v1", "unet/model.bin"));
        assert_eq!(entries[0].files[1].origin.as_ref().unwrap().revision, "main");
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to, said) in [
            ("remote =", "remotes =", "unknown field `remotes`"),
            ("about = 10", "about = 10, size = 3", "unknown field `size`"),
            ("about = 10", "about = 10, bytes = 3", "exactly one of bytes and about"),
            ("name = \"encoders\"", "name = \"big\"", "the name 'big' is used twice"),
            ("name = \"big\"", "name = \"Big one\"", "'Big one' is not a name"),
            ("licence = \"free\"\n", "", "missing field `licence`"),
            ("licence = \"free\"", "licence = \"other\"", "no licence 'other'"),
            ("needs = [\"encoders\"]", "needs = [\"decoders\"]", "nothing shared is 'decoders'"),
            ("unet/model.bin", "../model.bin", "must stay below"),
            ("folder = \"tiny\"", "folder = \"/etc\"", "must stay below"),
            ("owner/big\"\nrevision", "big\"\nrevision", "'big' is not owner/name"),
            ("t5/model.bin", "unet/model.bin", "two files lie at big/unet/model.bin"),
            ("taesd = \"tiny\"", "taesd = \"small\"", "no file lies at big/small"),
            ("bytes = 7", "bytes = 7, sha256 = \"12\"", "64 hexadecimal digits"),
            ("family = \"flux\"", "family = \"flax\"", "unknown variant `flax`"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let wrong = parse(&GOOD.replacen(from, to, 1));
            let message = wrong.expect_err(to);
            assert!(message.contains(said), "{to}: {message}");
        }
    }

    #[test]
    fn a_licence_that_nothing_uses_is_a_mistake() {
        let idle = "[licences.idle]\nname = \"x\"\npage = \"y\"\ncommercial = true\n";
        assert!(parse(&format!("{idle}{GOOD}")).unwrap_err().contains("'idle'"));
    }
}
