//! Where stored files lie: from the variables to the storage's own words.

use super::parse::Value;
use super::sources::Sources;
use super::variables::{self as vars, Variable};
use super::{ConfigError, given};
use crate::storage::{Place, S3};
use secrecy::SecretString;
use std::path::{Path, PathBuf};

const ACCEPTED: &str = "file://FOLDER or s3://BUCKET/PREFIX is accepted";

/// The place that is configured, or `media` inside the data folder.
pub fn read(sources: &Sources, data_dir: &Path) -> Result<Place, ConfigError> {
    let Some(value) = sources.get(&vars::STORAGE_URL)? else { return Ok(Place::Folder(data_dir.join("media"))) };
    let text = value.text();
    if let Some(bucket) = text.strip_prefix("s3://") {
        return s3(sources, &value, bucket).map(Place::S3);
    }
    let folder = text.strip_prefix("file://").filter(|folder| !folder.is_empty());
    folder.map(|folder| Place::Folder(PathBuf::from(folder))).ok_or_else(|| value.wrong(ACCEPTED))
}

fn s3(sources: &Sources, value: &Value, address: &str) -> Result<S3, ConfigError> {
    let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(allowed) {
        return Err(value.wrong(ACCEPTED));
    }
    Ok(S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        endpoint: sources.get(&vars::S3_ENDPOINT)?.map(|v| v.url()).transpose()?,
        region: given(sources, &vars::S3_REGION)?.text(),
        access_key: key(sources, &vars::S3_ACCESS_KEY)?,
        secret_key: key(sources, &vars::S3_SECRET_KEY)?,
    })
}

fn key(sources: &Sources, variable: &Variable) -> Result<SecretString, ConfigError> {
    let missing = || {
        let (url, name) = (vars::STORAGE_URL.name, variable.name);
        ConfigError::Contradiction(format!("{url} names a bucket, and {name} is not set"))
    };
    sources.get(variable)?.map(|value| value.text().into()).ok_or_else(missing)
}
