//! Talks to a model hub (huggingface.co or a mirror of it). hf-hub builds the addresses and asks for the listing of a
//! repository; opening a file is our own, because hf-hub hides what a refusal says and when to come back
//! (docs/decisions/0002-fetching.md). It must not know the disk.

use super::digest::Digest;
use super::manifest::Origin;
use hf_hub::api::tokio::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use reqwest::header::{self, HeaderMap, HeaderName};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The hub itself; a mirror is given by `HF_ENDPOINT`.
pub const ENDPOINT: &str = "https://huggingface.co";
/// Hops from the hub to the storage behind it.
const MAX_REDIRECTS: usize = 5;

/// What the hub says of a file before sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Bytes.
    pub size: u64,
    /// What identifies the content.
    pub digest: Digest,
    /// The commit it belongs to, when told.
    pub commit: Option<String>,
}

/// Why the hub did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Access needs the terms to be accepted, or a token.
    #[error("{0}")]
    Refused(String),
    /// No such repository, revision or file.
    #[error("{0}")]
    NotFound(String),
    /// Too many requests, or the hub is out of order; another try makes sense.
    #[error("the hub answered {status} for {what}")]
    Busy {
        /// HTTP status.
        status: StatusCode,
        /// What was asked.
        what: String,
        /// When the hub said to come back.
        after: Option<Duration>,
    },
    /// The connection failed or stood still; another try makes sense.
    #[error("the connection to the hub failed at {what}: {reason}")]
    Connection {
        /// What was asked.
        what: String,
        /// What happened.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("{0}")]
    Odd(String),
}

/// A file being sent.
#[derive(Debug)]
pub struct Opened {
    /// What the hub says of the whole file.
    pub declared: Declared,
    /// The byte at which `response` starts.
    pub start: u64,
    /// The bytes.
    pub response: Response,
}

/// The sizes and hashes of one repository's files, by path.
pub type Listing = HashMap<String, Declared>;

/// A connection to the hub.
pub struct Hub {
    api: Api,
    client: Client,
    endpoint: Url,
    token: Option<SecretString>,
    stall: Duration,
}

#[derive(Deserialize)]
struct RepoInfo {
    sha: Option<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    oid: Option<String>,
    size: Option<u64>,
}

impl Hub {
    /// Prepares a connection; nothing is sent yet. `stall`: how long the hub may stay silent.
    ///
    /// # Errors
    /// When the HTTP client cannot be made (a proxy address that is none, no certificates).
    pub fn new(endpoint: &Url, token: Option<SecretString>, stall: Duration) -> Result<Self, HubError> {
        let odd = |error: &dyn std::fmt::Display| HubError::Odd(format!("the HTTP client cannot be made: {error}"));
        // hf-hub must not look into its own cache or token file: both are given.
        let api = ApiBuilder::from_cache(Cache::new(PathBuf::new()))
            .with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned())
            .with_token(token.as_ref().map(|token| token.expose_secret().to_owned()))
            .with_progress(false)
            .build()
            .map_err(|error: ApiError| odd(&error))?;
        // Redirects are followed by hand: the token must not leave the hub's own address.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .user_agent(concat!("samovar/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(stall.min(Duration::from_secs(20)))
            .read_timeout(stall)
            .build()
            .map_err(|error| odd(&error))?;
        Ok(Self { api, client, endpoint: endpoint.clone(), token, stall })
    }

    /// Sizes and hashes of every file of a repository in one request. `None` where the hub gives no listing
    /// (some mirrors serve only files); then each file tells its own.
    ///
    /// # Errors
    /// [`HubError::Busy`] and [`HubError::Connection`].
    pub async fn listing(&self, repo: &str, revision: &str) -> Result<Option<Listing>, HubError> {
        let request = self.api.repo(model(repo, revision)).info_request().query(&[("blobs", "true")]);
        let what = format!("the listing of {repo}");
        let response = request.timeout(self.stall).send().await.map_err(|error| connection(&what, &error))?;
        if is_busy(response.status()) {
            return Err(HubError::Busy { status: response.status(), what, after: retry_after(response.headers()) });
        }
        if !response.status().is_success() {
            return Ok(None);
        }
        let text = response.text().await.map_err(|error| connection(&what, &error))?;
        let Ok(info) = serde_json::from_str::<RepoInfo>(&text) else { return Ok(None) };
        let listed = |file: Sibling| {
            let (size, hash) = match file.lfs {
                Some(lfs) => (lfs.size.or(file.size)?, lfs.sha256.or(lfs.oid)?),
                None => (file.size?, file.blob_id?),
            };
            let declared = Declared { size, digest: Digest::from_etag(&hash)?, commit: info.sha.clone() };
            Some((file.rfilename, declared))
        };
        Ok(Some(info.siblings.into_iter().filter_map(listed).collect()))
    }

    /// Asks for the size and hash of one file.
    ///
    /// # Errors
    /// Any [`HubError`].
    pub async fn declared(&self, origin: &Origin) -> Result<Declared, HubError> {
        Ok(self.send(origin, Some("bytes=0-0".to_owned()), None).await?.declared)
    }

    /// Opens a file at byte `from`. A hub that cannot do that sends it from its start. What the answer leaves unsaid
    /// of the file is taken from `known`.
    ///
    /// # Errors
    /// Any [`HubError`].
    pub async fn open(&self, origin: &Origin, from: u64, known: &Declared) -> Result<Opened, HubError> {
        self.send(origin, (from > 0).then(|| format!("bytes={from}-")), Some(known)).await
    }

    async fn send(&self, origin: &Origin, range: Option<String>, known: Option<&Declared>) -> Result<Opened, HubError> {
        let what = format!("{} of {}", origin.path, origin.repo);
        let odd = |message: String| HubError::Odd(format!("the hub's answer for {what} makes no sense: {message}"));
        let address = self.api.repo(model(&origin.repo, &origin.revision)).url(&origin.path);
        let mut url = Url::parse(&address).map_err(|error| odd(error.to_string()))?;
        let mut told = Told::default();
        for _ in 0..=MAX_REDIRECTS {
            // Compressed, the sizes and hashes would be those of another file.
            let mut request = self.client.get(url.clone()).header(header::ACCEPT_ENCODING, "identity");
            if let Some(range) = &range {
                request = request.header(header::RANGE, range);
            }
            if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin()) {
                request = request.bearer_auth(token.expose_secret());
            }
            let response = request.send().await.map_err(|error| connection(&what, &error))?;
            told.read(response.headers());
            if !response.status().is_redirection() {
                if !response.status().is_success() {
                    return Err(self.refusal(response.status(), response.headers(), origin, &what));
                }
                return opened(response, told, known).map_err(|error| odd(error.to_owned()));
            }
            let to = text(response.headers(), &header::LOCATION).ok_or_else(|| odd("a redirect to nowhere".into()))?;
            let next = url.join(&to).map_err(|error| odd(error.to_string()))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(odd(format!("a redirect from https to {}", next.scheme())));
            }
            url = next;
        }
        Err(odd("too many redirects".into()))
    }

    /// What a refusal means for the person who wants the file.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap, origin: &Origin, what: &str) -> HubError {
        let Origin { repo, revision, path } = origin;
        let code = text(headers, &HeaderName::from_static("x-error-code")).unwrap_or_default();
        match (status, code.as_str()) {
            (_, "RepoNotFound") | (StatusCode::NOT_FOUND, _) => HubError::NotFound(match code.as_str() {
                "RepoNotFound" => format!("the hub has no repository {repo}, or HF_TOKEN may not see it"),
                "RevisionNotFound" => format!("the repository {repo} has no revision {revision}"),
                _ => format!("the repository {repo} has no file {path} at revision {revision}"),
            }),
            (StatusCode::UNAUTHORIZED, _) if self.token.is_some() && code != "GatedRepo" => {
                HubError::Refused(format!("the hub does not accept the token in HF_TOKEN (asked for {what})"))
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => HubError::Refused(format!(
                "{repo} is gated: accept its terms at {ENDPOINT}/{repo}, then set HF_TOKEN to a token of the same \
                 account (from {ENDPOINT}/settings/tokens)"
            )),
            _ if is_busy(status) => HubError::Busy { status, what: what.to_owned(), after: retry_after(headers) },
            _ => HubError::Odd(format!("the hub answered {status} for {what}")),
        }
    }
}

fn opened(response: Response, told: Told, known: Option<&Declared>) -> Result<Opened, &'static str> {
    let (start, total) = if response.status() == StatusCode::PARTIAL_CONTENT {
        content_range(response.headers()).ok_or("a part without a content range")?
    } else {
        let length = response.content_length().or(told.size).or(known.map(|known| known.size));
        (0, length.ok_or("it does not tell the length")?)
    };
    if told.size.is_some_and(|size| size != total) {
        return Err("two different lengths");
    }
    let digest = told.digest.or_else(|| known.map(|known| known.digest.clone()));
    let digest = digest.ok_or("it declares no hash, so the file cannot be checked")?;
    Ok(Opened { declared: Declared { size: total, digest, commit: told.commit }, start, response })
}

/// What the answers on the way to a file said of it; the first that speaks counts, because only the hub knows the
/// file and the storage behind it has etags of its own.
#[derive(Default)]
struct Told {
    size: Option<u64>,
    digest: Option<Digest>,
    commit: Option<String>,
}

impl Told {
    fn read(&mut self, headers: &HeaderMap) {
        let linked = text(headers, &HeaderName::from_static("x-linked-etag"));
        let etag = linked.or_else(|| text(headers, &header::ETAG));
        let size = text(headers, &HeaderName::from_static("x-linked-size")).and_then(|size| size.parse().ok());
        self.digest = self.digest.take().or_else(|| etag.and_then(|etag| Digest::from_etag(&etag)));
        self.size = self.size.or(size);
        self.commit = self.commit.take().or_else(|| text(headers, &HeaderName::from_static("x-repo-commit")));
    }
}

fn model(repo: &str, revision: &str) -> Repo {
    Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// `bytes 5-9/10` gives 5 and 10.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let range = text(headers, &header::CONTENT_RANGE)?;
    let (part, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

/// `Retry-After` in seconds or as a date; without one, the seconds that the hub's own `RateLimit: "api";r=0;t=55` has.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let Some(value) = text(headers, &header::RETRY_AFTER) else {
        let limit = text(headers, &HeaderName::from_static("ratelimit"))?;
        let seconds = limit.split(';').find_map(|part| part.trim().strip_prefix("t="))?;
        return seconds.parse().ok().map(Duration::from_secs);
    };
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(&value).ok()?;
    let wait = date.timestamp().duration_since(jiff::Timestamp::now());
    Some(wait.try_into().unwrap_or(Duration::ZERO))
}

/// The causes of a reqwest error say more than the error; its address may carry a signature and stays out.
fn connection(what: &str, error: &reqwest::Error) -> HubError {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let reason = if error.is_timeout() { "no answer in time".to_owned() } else { deepest.to_string() };
    HubError::Connection { what: what.to_owned(), reason }
}

/// The same for an error in the middle of a file.
pub(super) fn cut(origin: &Origin, error: &reqwest::Error) -> HubError {
    connection(&format!("{} of {}", origin.path, origin.repo), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range(&headers(header::CONTENT_RANGE, "bytes 5-9/10")), Some((5, 10)));
        for wrong in ["bytes */10", "bytes 5-9/*", "5-9/10", ""] {
            assert_eq!(content_range(&headers(header::CONTENT_RANGE, wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers(header::RETRY_AFTER, "7")), Some(Duration::from_secs(7)));
        let past = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(retry_after(&headers(header::RETRY_AFTER, past)), Some(Duration::ZERO));
        assert_eq!(retry_after(&headers(header::RETRY_AFTER, "soon")), None);
        let limit = headers(HeaderName::from_static("ratelimit"), "\"api\";r=0;t=55");
        assert_eq!(retry_after(&limit), Some(Duration::from_secs(55)));
    }

    #[test]
    fn the_hub_speaks_before_its_storage() {
        let mut told = Told::default();
        let mut first = headers(HeaderName::from_static("x-linked-etag"), &format!("\"{}\"", "a".repeat(64)));
        first.insert("x-linked-size", HeaderValue::from_static("12"));
        told.read(&first);
        told.read(&headers(header::ETAG, &format!("\"{}\"", "b".repeat(40))));
        assert_eq!(told.digest, Some(Digest::Sha256("a".repeat(64))));
        assert_eq!(told.size, Some(12));
    }
}
