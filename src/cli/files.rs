//! Files of pictures: those to start from, read; those to write, named before anything is made, and appearing whole or
//! not at all.

use super::Usage;
use crate::media::picture::MAX_FILE_BYTES;
use anyhow::{Context, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The names of `count` pictures: `a.png`, `a-2.png` … in a folder that is known to take files.
///
/// # Errors
/// When `out` is not the name of a PNG, or its folder is not there or not writable.
pub fn plan(out: Option<PathBuf>, count: u32) -> Result<Vec<PathBuf>> {
    let out =
        out.unwrap_or_else(|| PathBuf::from(jiff::Zoned::now().strftime("samovar-%Y%m%d-%H%M%S.png").to_string()));
    let stem = out.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let is_png = out.extension().is_none_or(|e| e.eq_ignore_ascii_case("png"));
    if stem.is_empty() || !is_png {
        return Err(Usage(format!(
            "--out {}: pictures are written as PNG; name a file such as apple.png",
            out.display()
        ))
        .into());
    }
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        anyhow::bail!("the folder {} does not exist; nothing was made", folder.display());
    }
    if out.is_dir() {
        anyhow::bail!("{} is a folder; nothing was made", out.display());
    }
    let probe = part_of(&out);
    fs::File::create(&probe)
        .and_then(|_| fs::remove_file(&probe))
        .with_context(|| format!("the folder {} takes no files; nothing was made", folder.display()))?;
    let extension = out.extension().map_or_else(|| "png".into(), |e| e.to_string_lossy().into_owned());
    let name = |k: u32| if k == 0 { out.clone() } else { out.with_file_name(format!("{stem}-{}.{extension}", k + 1)) };
    Ok((0..count).map(name).collect())
}

/// Reads a file, unless it is too large to be a picture anyway.
///
/// # Errors
/// When it is, or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", path.display());
    let bytes = fs::metadata(path).with_context(unreadable)?.len();
    if bytes > MAX_FILE_BYTES as u64 {
        let message = format!("{} has {bytes} bytes; at most {MAX_FILE_BYTES} are accepted", path.display());
        return Err(Usage(message).into());
    }
    fs::read(path).with_context(unreadable)
}

/// Writes a file under another name and renames it when it is whole and on the disk.
///
/// # Errors
/// When the disk refuses; what was begun is removed.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part_of(path);
    let written = fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    written
        .inspect_err(|_| drop(fs::remove_file(&part)))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Beside the file, with this process's number: two programs that write one name do not meet.
fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_numbered_from_its_second_picture() {
        let folder = tempfile::tempdir().unwrap();
        let planned = plan(Some(folder.path().join("a.png")), 3).unwrap();
        let names: Vec<_> = planned.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.png", "a-2.png", "a-3.png"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "planning leaves nothing behind");
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_before_drawing() {
        let folder = tempfile::tempdir().unwrap();
        let error = plan(Some(folder.path().join("no/a.png")), 1).unwrap_err();
        assert!(error.to_string().contains("does not exist"), "{error}");
        fs::create_dir(folder.path().join("dir.png")).unwrap();
        let error = plan(Some(folder.path().join("dir.png")), 1).unwrap_err();
        assert!(error.to_string().contains("is a folder"), "{error}");
        assert!(plan(Some(folder.path().join("a.jpg")), 1).unwrap_err().is::<Usage>());
    }

    #[test]
    fn writing_replaces_whole_files_and_leaves_no_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(write(&folder.path().join("no/a.png"), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
