//! What must survive the end of this process: to whom a request was sent that may have to be paid, and how to go on
//! with it there. Nobody is sent the same request twice who may have taken it the first time.

use crate::media::Failure;
use crate::providers::Journal;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Remote {
    /// Providers that may have taken it, and did not give an answer: they are not asked again.
    pub spent: Vec<String>,
    /// Who has it now.
    pub current: Option<Current>,
}

/// Who has a request now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Current {
    /// The provider's id.
    pub provider: String,
    /// The model asked.
    pub model: String,
    /// The id of the key it was asked with.
    pub key: Option<String>,
    /// What the provider needs to go on; `None` until it is known to have taken the request.
    pub state: Option<Value>,
}

/// Where it is remembered.
#[async_trait]
pub trait Memo: Send + Sync {
    /// What an earlier attempt left.
    fn kept(&self) -> Option<Remote>;

    /// Remembers this from now on.
    ///
    /// # Errors
    /// When it could not be written down.
    async fn keep(&self, remote: &Remote) -> Result<(), Failure>;
}

/// For requests that nobody takes up again after this process.
pub struct Unwritten;

#[async_trait]
impl Memo for Unwritten {
    fn kept(&self) -> Option<Remote> {
        None
    }

    async fn keep(&self, _: &Remote) -> Result<(), Failure> {
        Ok(())
    }
}

/// The way of one request, as far as it has to be remembered.
pub(super) struct Trail<'a> {
    memo: &'a dyn Memo,
    remote: Mutex<Remote>,
}

impl<'a> Trail<'a> {
    /// The trail of a request, and what an earlier attempt left half done.
    pub fn of(memo: &'a dyn Memo) -> (Self, Option<Current>) {
        let mut remote = memo.kept().unwrap_or_default();
        let current = remote.current.take();
        (Self { memo, remote: Mutex::new(remote) }, current)
    }

    /// Whether this provider must not be asked any more.
    pub fn spent(&self, provider: &str) -> bool {
        self.with(|remote| remote.spent.iter().any(|spent| spent == provider))
    }

    /// This provider must not be asked any more.
    pub fn spend(&self, provider: &str) {
        self.with(|remote| {
            if !remote.spent.iter().any(|spent| spent == provider) {
                remote.spent.push(provider.to_owned());
            }
        });
    }

    /// Nobody has it any more: whoever was noted refused it clearly.
    pub async fn refused(&self) {
        let remote = self.with(|remote| remote.current.take().map(|_| remote.clone()));
        if let Some(remote) = remote
            && let Err(failure) = self.memo.keep(&remote).await
        {
            // At worst it is taken for one that may have been paid.
            tracing::warn!(%failure, "that a provider refused could not be written down");
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Remote) -> T) -> T {
        change(&mut self.remote.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn keep(&self, current: Current) -> Result<(), Failure> {
        let remote = self.with(|remote| {
            remote.current = Some(current);
            remote.clone()
        });
        self.memo.keep(&remote).await
    }
}

/// The journal of one call.
pub(super) struct Page<'a> {
    pub trail: &'a Trail<'a>,
    pub provider: &'a str,
    pub model: &'a str,
    pub key: Option<&'a str>,
}

impl Page<'_> {
    fn current(&self, state: Option<Value>) -> Current {
        let (provider, model) = (self.provider.to_owned(), self.model.to_owned());
        Current { provider, model, key: self.key.map(str::to_owned), state }
    }
}

#[async_trait]
impl Journal for Page<'_> {
    async fn submitting(&self) -> Result<(), Failure> {
        self.trail.keep(self.current(None)).await
    }

    async fn submitted(&self, state: &Value) -> Result<(), Failure> {
        self.trail.keep(self.current(Some(state.clone()))).await
    }
}
