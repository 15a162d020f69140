//! Whether the files of a model are still what was published: every byte is read.

use super::digest::Digest;
use super::download::hash;
use super::fetch::FetchError;
use super::installed::Records;
use super::manifest::{Entry, File};
use super::{Catalogue, present};

/// What is true of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its hash is right.
    Right,
    /// Its size is right; no hash of it is known here.
    SizeOnly,
    /// It is absent.
    Absent,
    /// It is not what was published.
    Wrong(String),
}

/// Reads every file of a model and compares it with the manifest's hash, or else with the one it was fetched with.
///
/// # Errors
/// When a file cannot be read.
pub async fn verify<'a>(catalogue: &Catalogue, entry: &'a Entry) -> Result<Vec<(&'a File, Verdict)>, FetchError> {
    let records = Records::read(&catalogue.settings().weights_dir);
    let mut verdicts = Vec::new();
    for file in &entry.files {
        verdicts.push((file, verdict(catalogue, entry, file, &records).await?));
    }
    Ok(verdicts)
}

async fn verdict(catalogue: &Catalogue, entry: &Entry, file: &File, records: &Records) -> Result<Verdict, FetchError> {
    let path = catalogue.root(entry).join(&file.place);
    let record = records.get(&file.place).filter(|_| !entry.bundled);
    let Ok(found) = std::fs::metadata(&path) else { return Ok(Verdict::Absent) };
    if !present(&path, file.size, record) {
        let published = record.map_or(file.size.bytes(), |record| record.bytes);
        return Ok(Verdict::Wrong(format!("it has {} bytes, published are {published}", found.len())));
    }
    let pinned = file.sha256.clone().map(Digest::Sha256);
    let Some(published) = pinned.or_else(|| record.map(|record| record.digest.clone())) else {
        return Ok(Verdict::SizeOnly);
    };
    let found = hash(&path, &published).await?;
    Ok(if found == published {
        Verdict::Right
    } else {
        Verdict::Wrong(format!("it hashes to {found}, published is {published}"))
    })
}
