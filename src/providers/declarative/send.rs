//! Sends one request and brings the answer: redirects by hand, a cap on bytes, a clear word on whether anything had
//! been sent when it broke. It must not know provider files.

use super::hosts::{Hosts, NotAllowed};
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, Method, Request};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 3;

/// What came back.
#[derive(Debug)]
pub struct Received {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection: nothing was sent.
    #[error("no connection could be made")]
    NotSent,
    /// The connection broke after the request was sent, or while it was.
    #[error("the connection broke off")]
    Cut,
    /// Nothing more came for too long.
    #[error("the answer stood still")]
    Silent,
    /// More bytes than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It may not be followed.
    #[error("{0}")]
    NotAllowed(#[from] NotAllowed),
    /// More redirects than are followed.
    #[error("more than {MOST_REDIRECTS} redirects")]
    Redirects,
}

/// Sends a request. Only a GET without a body follows redirects; headers marked as sensitive and the query stay with
/// the origin they were meant for. At most `most` bytes are taken, none later than `silence` after the one before.
///
/// # Errors
/// Why nothing came back.
pub async fn send(
    client: &Client,
    hosts: &Hosts,
    request: Request,
    most: usize,
    silence: Duration,
) -> Result<Received, SendError> {
    hosts.check_address(request.url())?;
    let follows = request.method() == Method::GET && request.body().is_none();
    let mut next = request;
    for _ in 0..=MOST_REDIRECTS {
        let (url, mut headers) = (next.url().clone(), next.headers().clone());
        let response = timeout(silence, client.execute(next)).await.map_err(|_| SendError::Silent)?;
        let response = response.map_err(|error| sorted(&error))?;
        let target = follows.then(|| redirect(&response, &url)).flatten();
        let Some(target) = target else { return receive(response, most, silence).await };
        hosts.check(&target)?;
        if target.origin() != url.origin() {
            let sensitive = headers.iter().filter(|(_, value)| value.is_sensitive());
            let names: Vec<_> = sensitive.map(|(name, _)| name.clone()).collect();
            if names.iter().filter_map(|name| headers.get(name)).any(|secret| shows(&target, secret.as_bytes())) {
                return Err(NotAllowed::NoUrl.into());
            }
            names.iter().for_each(|name| {
                headers.remove(name);
            });
        }
        next = Request::new(Method::GET, target);
        *next.headers_mut() = headers;
    }
    Err(SendError::Redirects)
}

/// Whether a url carries a secret away.
fn shows(url: &Url, secret: &[u8]) -> bool {
    let secret = String::from_utf8_lossy(secret);
    let word = secret.rsplit(' ').next().unwrap_or_default();
    word.len() >= 8 && url.as_str().contains(word)
}

fn redirect(response: &reqwest::Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

async fn receive(mut response: reqwest::Response, most: usize, silence: Duration) -> Result<Received, SendError> {
    let announced = response.content_length().unwrap_or_default();
    if announced > most as u64 {
        return Err(SendError::TooLarge(most));
    }
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    loop {
        let chunk = timeout(silence, response.chunk()).await.map_err(|_| SendError::Silent)?;
        let Some(chunk) = chunk.map_err(|_| SendError::Cut)? else { break };
        if body.len() + chunk.len() > most {
            return Err(SendError::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Received { status, headers, body: body.freeze() })
}

/// What broke, without the url, which may hold a key.
fn sorted(error: &reqwest::Error) -> SendError {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if let Some(not_allowed) = error.downcast_ref::<NotAllowed>() {
            return SendError::NotAllowed(not_allowed.clone());
        }
        cause = error.source();
    }
    if error.is_connect() { SendError::NotSent } else { SendError::Cut }
}
