//! Where the bytes lie: a folder or an S3 bucket, and the name of each file there.

use super::StorageError;
use crate::media::AssetId;
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, Error, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How often a request to S3 is made again, and for how long: a job should learn in time that its result has no place.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(15);
/// How long a probe may take.
const PROBING: Duration = Duration::from_secs(20);

/// Where the bytes lie. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder; made when absent.
    Folder(PathBuf),
    /// A bucket of S3, or of a server that speaks the same.
    S3(S3),
}

/// A bucket and how to get at it.
#[derive(Debug, Clone)]
pub struct S3 {
    /// Its name.
    pub bucket: String,
    /// What the name of every object begins with; may be empty.
    pub prefix: String,
    /// Address of the server; `None`: Amazon's.
    pub endpoint: Option<Url>,
    /// Where the bucket is.
    pub region: String,
    /// Names the account.
    pub access_key: SecretString,
    /// Proves it.
    pub secret_key: SecretString,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::S3(S3 { bucket, prefix, endpoint, region, .. }) => {
                let slash = if prefix.is_empty() { "" } else { "/" };
                write!(f, "s3://{bucket}{slash}{prefix} at ")?;
                match endpoint {
                    Some(endpoint) => endpoint.fmt(f),
                    None => write!(f, "Amazon in {region}"),
                }
            }
        }
    }
}

impl Place {
    /// The folder, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&std::path::Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::S3(_) => None,
        }
    }

    /// Whether files can be stored there. A folder is made for that.
    ///
    /// # Errors
    /// [`StorageError::Place`] when they cannot.
    pub async fn check(&self) -> Result<(), StorageError> {
        try_out(&*self.open()?).await.map_err(|reason| self.unusable(reason))
    }

    pub(super) fn unusable(&self, reason: String) -> StorageError {
        StorageError::Place { place: self.to_string(), reason }
    }

    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, StorageError> {
        let fail = |reason| self.unusable(reason);
        match self {
            Self::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|e| fail(e.to_string()))?;
                let files = LocalFileSystem::new_with_prefix(folder).map_err(|e| fail(reason(&e)))?;
                Ok(Arc::new(files))
            }
            Self::S3(s3) => {
                let bucket = s3.open().map_err(|e| fail(reason(&e)))?;
                Ok(Arc::new(PrefixStore::new(bucket, s3.prefix.as_str())))
            }
        }
    }
}

impl S3 {
    fn open(&self) -> Result<impl ObjectStore, Error> {
        // Without encryption only where somebody wrote so.
        let plain = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http");
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRYING, ..RetryConfig::default() };
        let builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(self.access_key.expose_secret())
            .with_secret_access_key(self.secret_key.expose_secret())
            .with_client_options(ClientOptions::new().with_allow_http(plain))
            .with_retry(retry);
        match &self.endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint.as_str().trim_end_matches('/')).build(),
            None => builder.build(),
        }
    }
}

/// The object that holds the bytes of a file. Spread over 256 folders: some file systems are slow with large ones.
pub(super) fn name(id: AssetId) -> Path {
    let text = id.to_string();
    Path::from_iter([&text[..2], &text])
}

/// An object that this program made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ours {
    /// The bytes of this file.
    Asset(AssetId),
    /// What a probe left, or an earlier version, which kept no rows.
    Leftover,
}

/// What an object is. `None`: something of somebody else, which is none of our business.
pub(super) fn ours(path: &Path) -> Option<Ours> {
    let text = path.as_ref();
    let id = |text: &str| text.parse::<AssetId>().ok();
    if let Some(known) = text.split_once('/').and_then(|(_, last)| id(last)) {
        return (name(known) == *path).then_some(Ours::Asset(known));
    }
    let earlier = text.strip_suffix(".bin").or_else(|| text.strip_suffix(".json"));
    earlier.or_else(|| text.strip_prefix(PROBE)).and_then(id).map(|_| Ours::Leftover)
}

/// What the name of a probe begins with.
const PROBE: &str = "probe-";

/// Lists, and writes, reads and deletes a small object; says what failed.
pub(super) async fn try_out(objects: &dyn ObjectStore) -> Result<(), String> {
    let path = Path::from(format!("{PROBE}{}", AssetId::fresh()));
    let tried = async {
        // The sweep lists; and not every server minds a write into a bucket that is not there.
        objects.list(Some(&path)).try_next().await?;
        objects.put(&path, PutPayload::from_static(b"probe")).await?;
        objects.get(&path).await?.bytes().await?;
        objects.delete(&path).await
    };
    match tokio::time::timeout(PROBING, tried).await {
        Ok(tried) => tried.map_err(|e| reason(&e)),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// Has a file and its name on the disk itself. The database survives a power cut, so must what it promises.
pub(super) fn flush(folder: &std::path::Path, object: &Path) -> std::io::Result<()> {
    let file = folder.join(object.as_ref());
    File::open(&file)?.sync_all()?;
    file.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())?;
    File::open(folder)?.sync_all()
}

const NOT_THERE: &str = "the bucket or the folder is not there";
const REFUSED: &str = "access was refused: the keys are wrong or allow too little";

/// Why a store refused, in few words. What a server answers to wrong keys is kept out: it repeats some of them.
pub(super) fn reason(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let said = innermost.to_string();
    // A listing's error has no kind, only the server's words.
    match error {
        Error::NotFound { .. } => NOT_THERE.to_owned(),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => REFUSED.to_owned(),
        _ if said.contains("404 Not Found") => NOT_THERE.to_owned(),
        _ if said.contains("403 Forbidden") || said.contains("401 Unauthorized") => REFUSED.to_owned(),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_program_names_is_its_own() {
        let id: AssetId = "01234567-89ab-4def-8123-456789abcdef".parse().unwrap();
        let of = |path: &str| ours(&Path::from(path));
        assert_eq!(name(id).as_ref(), format!("01/{id}"));
        assert_eq!(of(&format!("01/{id}")), Some(Ours::Asset(id)));
        for leftover in [format!("{id}.bin"), format!("{id}.json"), format!("probe-{id}")] {
            assert_eq!(of(&leftover), Some(Ours::Leftover), "{leftover}");
        }
        let foreign = [format!("02/{id}"), format!("a/01/{id}"), id.to_string(), format!("01/{id}.png")];
        for foreign in foreign.iter().map(String::as_str).chain(["taxes.pdf", "01/taxes.json", "probe-x", "x.bin"]) {
            assert_eq!(of(foreign), None, "{foreign}");
        }
    }
}
