//! The file of keys: what `samovar keys add-provider` writes and every server of the data folder follows. Only its owner
//! may read it; it is replaced as a whole. Errors never quote it.

use crate::providers::Key;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What stands above the keys.
const HEAD: &str =
    "# Keys of providers, written by `samovar keys add-provider`. Nobody but its owner may read this file.\n\n";
/// Read and written by the owner alone.
const MODE: u32 = 0o600;

/// Why the file of keys cannot be used, or a change cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Its keys may have been read by others already.
    #[error("{} holds keys and others may read it: chmod 600 {}", .0.display(), .0.display())]
    Open(PathBuf),
    /// It is not what it should be. What stands there instead may be a key: it is not shown.
    #[error("{} cannot be used: it must be TOML with a table [[key]] of provider, value and vars for each key{}",
        path.display(), at(*.line))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line that is wrong.
        line: Option<usize>,
    },
    /// It cannot be read or written.
    #[error("{} cannot be {verb}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The key is there already.
    #[error("{provider} has this key already")]
    Known {
        /// Whose key.
        provider: String,
    },
    /// There is no such key.
    #[error("the file of keys has no key of {provider} that ends in {tail}")]
    Unknown {
        /// Whose key.
        provider: String,
        /// How it would end.
        tail: String,
    },
    /// More than one key is meant.
    #[error("the file of keys has several keys of {provider} that end in {tail}; give more of the last characters")]
    Several {
        /// Whose keys.
        provider: String,
        /// How they end.
        tail: String,
    },
}

/// One key of the file.
#[derive(Debug, Clone)]
pub struct FileKey {
    /// Whose key it is: the provider's id.
    pub provider: String,
    /// The key itself.
    pub value: SecretString,
    /// What is needed beside it.
    pub vars: BTreeMap<String, SecretString>,
}

impl FileKey {
    /// As it is carried around.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new(&self.provider, self.value.clone(), self.vars.clone())
    }
}

/// Tells one state of the file from another: each replacement is another file, and each change of who may read it
/// changes a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// The file of keys.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

/// The file as TOML.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    key: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    provider: String,
    value: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    vars: BTreeMap<String, String>,
}

impl KeyFile {
    /// The file at `path`, which need not be there.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which state of the file there is; `None` where there is none.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        let about = fs::metadata(&self.path).ok()?;
        Some(Stamp { inode: about.ino(), bytes: about.len(), changed: (about.ctime(), about.ctime_nsec()) })
    }

    /// Its keys; none where there is no file.
    ///
    /// # Errors
    /// When others may read it, or it is not what it should be.
    pub fn read(&self) -> Result<Vec<FileKey>, KeyFileError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io("read", error)),
        };
        let mode = file.metadata().map_err(|error| self.io("read", error))?.mode();
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open(self.path.clone()));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| self.io("read", error))?;
        let written: Written = toml::from_str(&text).map_err(|error| KeyFileError::Wrong {
            path: self.path.clone(),
            line: error.span().map(|span| 1 + text[..span.start].matches('\n').count()),
        })?;
        Ok(written.key.into_iter().map(FileKey::from).collect())
    }

    /// Adds a key.
    ///
    /// # Errors
    /// As [`Self::read`], and when the key is there already or the file cannot be written.
    pub fn add(&self, new: FileKey) -> Result<(), KeyFileError> {
        self.change(|keys| {
            if keys.iter().any(|key| key.key().id == new.key().id) {
                return Err(KeyFileError::Known { provider: new.provider });
            }
            keys.push(new);
            Ok(())
        })
    }

    /// Takes away the key of this provider that ends so, and returns it.
    ///
    /// # Errors
    /// As [`Self::read`], and when there is none, or more than one.
    pub fn remove(&self, provider: &str, tail: &str) -> Result<FileKey, KeyFileError> {
        let (id, end) = (provider.to_owned(), tail.to_owned());
        self.change(|keys| {
            let meant = |key: &FileKey| {
                let ends = !tail.is_empty() && key.value.expose_secret().ends_with(tail);
                key.provider == provider && (ends || key.key().tail() == tail)
            };
            let mut found = keys.iter().enumerate().filter(|(_, key)| meant(key)).map(|(at, _)| at);
            match (found.next(), found.next()) {
                (Some(at), None) => Ok(keys.remove(at)),
                (None, _) => Err(KeyFileError::Unknown { provider: id, tail: end }),
                (Some(_), Some(_)) => Err(KeyFileError::Several { provider: id, tail: end }),
            }
        })
    }

    /// Reads, changes and replaces the file, while nobody else does.
    fn change<T>(&self, work: impl FnOnce(&mut Vec<FileKey>) -> Result<T, KeyFileError>) -> Result<T, KeyFileError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let locked = fs::create_dir_all(folder).and_then(|()| File::open(folder)).and_then(|folder| {
            folder.lock()?;
            Ok(folder)
        });
        let folder = locked.map_err(|error| self.io("written", error))?;
        let mut keys = self.read()?;
        let done = work(&mut keys)?;
        self.replace(&keys).and_then(|()| folder.sync_all()).map_err(|error| self.io("written", error))?;
        Ok(done)
    }

    fn replace(&self, keys: &[FileKey]) -> io::Result<()> {
        let written = Written { key: keys.iter().map(WrittenKey::from).collect() };
        let text = toml::to_string(&written).map_err(io::Error::other)?;
        let new = self.path.with_extension("new");
        // One that an earlier change left half-written, perhaps with another mode.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
        file.write_all(HEAD.as_bytes())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }

    fn io(&self, verb: &'static str, error: io::Error) -> KeyFileError {
        KeyFileError::Io { path: self.path.clone(), verb, error }
    }
}

impl From<WrittenKey> for FileKey {
    fn from(WrittenKey { provider, value, vars }: WrittenKey) -> Self {
        let vars = vars.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self { provider, value: value.into(), vars }
    }
}

impl From<&FileKey> for WrittenKey {
    fn from(FileKey { provider, value, vars }: &FileKey) -> Self {
        let shown = |secret: &SecretString| secret.expose_secret().to_owned();
        let vars = vars.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
        Self { provider: provider.clone(), value: shown(value), vars }
    }
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key(provider: &str, value: &str) -> FileKey {
        FileKey { provider: provider.to_owned(), value: value.into(), vars: BTreeMap::new() }
    }

    fn values(file: &KeyFile) -> Vec<String> {
        file.read().unwrap().iter().map(|key| key.value.expose_secret().to_owned()).collect()
    }

    #[test]
    fn what_is_added_is_there_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("data/keys.toml"));
        assert!(file.read().unwrap().is_empty() && file.stamp().is_none());
        let mut yandex = key("yandex", "AQVN\"quoted\"\\-1");
        yandex.vars.insert("folder".to_owned(), "b1g".into());
        file.add(yandex).unwrap();
        let before = file.stamp();
        file.add(key("openai", "sk-one-of-the-keys")).unwrap();
        assert_ne!(file.stamp(), before);
        assert_eq!(values(&file), ["AQVN\"quoted\"\\-1", "sk-one-of-the-keys"]);
        assert_eq!(file.read().unwrap()[0].vars["folder"].expose_secret(), "b1g");
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let others: Vec<_> = fs::read_dir(folder.path().join("data")).unwrap().collect();
        assert_eq!(others.len(), 1, "{others:?}");
        let again = file.add(key("openai", "sk-one-of-the-keys")).unwrap_err();
        assert_eq!(again.to_string(), "openai has this key already");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_not_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        file.add(key("openai", "sk-one-of-the-keys")).unwrap();
        for mode in [0o640, 0o604, 0o644, 0o660] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let path = file.path().display();
            let said = format!("{path} holds keys and others may read it: chmod 600 {path}");
            assert_eq!(file.read().unwrap_err().to_string(), said);
            assert_eq!(file.add(key("hf", "hf_another")).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn keys_are_removed_by_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        for (provider, value) in
            [("fal", "fal-first-abcd"), ("fal", "fal-second-abcd"), ("hf", "fal-first-abcd"), ("fal", "short")]
        {
            file.add(key(provider, value)).unwrap();
        }
        let said = |tail| file.remove("fal", tail).unwrap_err().to_string();
        assert!(said("abcd").contains("several keys of fal that end in abcd"));
        assert!(said("wxyz").contains("no key of fal that ends in wxyz") && said("").contains("no key"));
        assert_eq!(file.remove("fal", "first-abcd").unwrap().value.expose_secret(), "fal-first-abcd");
        assert_eq!(file.remove("fal", "....").unwrap().value.expose_secret(), "short");
        assert_eq!(values(&file), ["fal-second-abcd", "fal-first-abcd"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_a_word_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        for (text, line) in [
            ("[[key]]\nprovider = \"openai\"\nvalue = \"sk-s3cret", 3),
            ("[[key]]\nprovider = \"openai\"\nvalue = s3cret\n", 3),
            ("[[key]]\nprovider = \"openai\"\nvalues = \"s3cret\"\n", 3),
            ("[[key]]\nprovider = \"openai\"\nvalue = [\"s3cret\"]\n", 3),
            ("[[key]]\nprovider = \"openai\"\nvalue = \"a\"\nvars = \"s3cret\"", 4),
            ("s3cret\n", 1),
        ] {
            fs::write(file.path(), text).unwrap();
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
            let error = file.read().unwrap_err();
            assert!(matches!(error, KeyFileError::Wrong { line: Some(at), .. } if at == line), "{error}");
            assert!(!error.to_string().contains("s3cret") && !format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        fs::write(file.path(), b"\xff").unwrap();
        assert!(matches!(file.read(), Err(KeyFileError::Io { .. })));
    }

    #[test]
    fn many_who_change_it_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        std::thread::scope(|scope| {
            for n in 0..16 {
                let file = file.clone();
                scope.spawn(move || file.add(key("fal", &format!("fal-key-number-{n:02}"))).unwrap());
            }
        });
        assert_eq!(file.read().unwrap().len(), 16);
    }
}
