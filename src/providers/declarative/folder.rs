//! Provider files on disk: one, or the whole folder. It must not know what is in them.

use super::file::{self, Mistake, ProviderFile};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read at all.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something in it is wrong.
    #[error("{}", listed(path, mistakes))]
    Wrong {
        /// Which.
        path: PathBuf,
        /// Everything that is wrong.
        mistakes: Vec<Mistake>,
    },
}

/// Reads one provider file. A file that it extends lies beside it, or in `shipped`.
///
/// # Errors
/// When it cannot be read, or is wrong.
pub fn read_file(path: &Path, shipped: &Path) -> Result<ProviderFile, FileError> {
    let text = fs::read_to_string(path).map_err(|error| FileError::Unreadable { path: path.to_owned(), error })?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let beside = path.parent().unwrap_or(Path::new("."));
    let other = |id: &str| {
        let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let read = |folder: &Path| fs::read_to_string(folder.join(format!("{id}.toml"))).ok();
        plain.then(|| read(beside).or_else(|| read(shipped))).flatten()
    };
    file::parse(&text, &stem, &other).map_err(|mistakes| FileError::Wrong { path: path.to_owned(), mistakes })
}

/// Reads every provider file of a folder, by name. A folder that is not there holds none.
#[must_use]
pub fn read_folder(folder: &Path) -> (Vec<ProviderFile>, Vec<FileError>) {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (files, errors),
        Err(error) => return (files, vec![FileError::Unreadable { path: folder.to_owned(), error }]),
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    for path in paths {
        match read_file(&path, folder) {
            Ok(file) => files.push(file),
            Err(error) => errors.push(error),
        }
    }
    (files, errors)
}

fn listed(path: &Path, mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| format!("{}:{}: {}", path.display(), mistake.line, mistake.message);
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for ProviderFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tasks: Vec<&str> = self.models.iter().flat_map(|model| &model.tasks).map(String::as_str).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let keys = if self.keys.is_empty() { "no key".to_owned() } else { self.keys.join(" or ") };
        write!(f, "{}: {} models for {}; needs {keys}", self.title, self.models.len(), tasks.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_what_is_right_and_tells_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let right = "id = \"a\"\nbase = \"https://a.example\"\nkeys = []\nauth = { in = \"none\" }\n";
        fs::write(folder.path().join("a.toml"), right).unwrap();
        fs::write(folder.path().join("b.toml"), "id = \"b\"\nextends = \"a\"\nbase = \"https://b.example\"\nkeys = []")
            .unwrap();
        fs::write(folder.path().join("c.toml"), "id = \"c\"\n\ncolour = 1").unwrap();
        fs::write(folder.path().join("notes.txt"), "not a provider").unwrap();
        let (files, errors) = read_folder(folder.path());
        assert_eq!(files.iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("c.toml:3: a provider file has no key `colour`"), "{}", errors[0]);
        assert!(read_folder(&folder.path().join("nowhere")).0.is_empty());
    }
}
