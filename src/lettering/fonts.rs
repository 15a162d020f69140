//! The fonts: where their files lie, what is missing, and reading them into memory.

use crate::media::Failure;
use cosmic_text::{FontSystem, SwashCache, fontdb};
use std::path::{Path, PathBuf};

/// The family of letters, and that of emoji.
pub(super) const LETTERS: &str = "Noto Sans";
pub(super) const EMOJI: &str = "Noto Color Emoji";

/// Files without which nothing is written, and the Debian package of each.
const NEEDED: [(&str, &str); 3] = [
    ("NotoSans-Regular.ttf", "fonts-noto-core"),
    ("NotoSans-Bold.ttf", "fonts-noto-core"),
    ("NotoColorEmoji.ttf", "fonts-noto-color-emoji"),
];

/// Other scripts and signs, where their files are there too: `NotoSansHebrew-Regular.ttf` and its like.
const SCRIPTS: [&str; 12] = [
    "Arabic",
    "Armenian",
    "Bengali",
    "Devanagari",
    "Ethiopic",
    "Georgian",
    "Hebrew",
    "Math",
    "Symbols",
    "Symbols2",
    "Tamil",
    "Thai",
];

/// Where the fonts are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of their files.
    pub folder: PathBuf,
}

/// Fonts in memory. A mapped file would end the program when somebody cuts it short.
pub(super) struct Fonts {
    pub system: FontSystem,
    pub glyphs: SwashCache,
    emoji: Option<fontdb::ID>,
}

impl Fonts {
    /// Reads them.
    ///
    /// # Errors
    /// [`Failure::Missing`] when one that is needed is absent, or cannot be read.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        find(folder)?;
        let mut db = fontdb::Database::new();
        for (file, package) in NEEDED {
            let before = db.len();
            if let Ok(bytes) = std::fs::read(folder.join(file)) {
                db.load_font_data(bytes);
            }
            if db.len() == before {
                let path = folder.join(file);
                let message = format!("the font {} cannot be used: install {package} anew", path.display());
                return Err(Failure::Missing { message });
            }
        }
        for script in SCRIPTS {
            for weight in ["Regular", "Bold"] {
                if let Ok(bytes) = std::fs::read(folder.join(format!("NotoSans{script}-{weight}.ttf"))) {
                    db.load_font_data(bytes);
                }
            }
        }
        let emoji = db.faces().find(|face| face.families.iter().any(|(name, _)| name == EMOJI)).map(|face| face.id);
        let system = FontSystem::new_with_locale_and_db("ru-RU".to_owned(), db);
        Ok(Self { system, glyphs: SwashCache::new(), emoji })
    }

    /// Whether glyphs of this font are pictures with colours of their own.
    pub fn is_emoji(&self, font: fontdb::ID) -> bool {
        self.emoji == Some(font)
    }
}

/// Whether every font that is needed is there.
///
/// # Errors
/// [`Failure::Missing`] with the files and the packages to install.
pub(super) fn find(folder: &Path) -> Result<(), Failure> {
    let absent = || NEEDED.iter().filter(|(file, _)| !folder.join(file).is_file());
    let files: Vec<&str> = absent().map(|(file, _)| *file).collect();
    if files.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = absent().map(|(_, package)| *package).collect();
    packages.dedup();
    let (files, packages) = (files.join(", "), packages.join(" and "));
    let message = format!("no text is put on pictures without {files} in {}: install {packages}", folder.display());
    Err(Failure::Missing { message })
}

/// When the letters' font was installed.
pub(super) fn installed_at(folder: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(folder.join(NEEDED[0].0)).and_then(|file| file.modified()).ok()
}
