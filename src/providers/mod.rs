//! Everyone who can answer a request, local or remote, behind one trait.
//!
//! A provider turns one request into one answer or one typed failure, with the key it is given. It must not know routes,
//! other providers, jobs or users: who is asked next, and with which key, is decided in `chain`.

pub mod declarative;
pub mod key;
pub mod lettering;
pub mod local;

pub use key::Key;

use crate::media::models::ModelCard;
use crate::media::{Answered, Failure, Request, Watch};
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;

/// One call of a provider.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Which of its models is asked.
    pub model: &'a str,
    /// What is asked, checked and with its files.
    pub request: &'a Request,
    /// With which key; `None` for a provider that needs none.
    pub key: Option<&'a Key>,
    /// Cancelling it ends the call soon with [`Failure::Cancelled`].
    pub watch: &'a Watch,
    /// How long the whole call may take.
    pub timeout: Duration,
    /// What must be written down on the way.
    pub journal: &'a dyn Journal,
    /// Go on with what [`Journal::submitted`] was told by an earlier attempt, instead of submitting again.
    pub resume: Option<&'a Value>,
}

/// Where a call notes what must survive the end of this process.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Something that may have to be paid is about to be sent.
    ///
    /// # Errors
    /// When that could not be written down: then it must not be sent.
    async fn submitting(&self) -> Result<(), Failure>;

    /// It was taken; `state` is what a later call needs to go on from here.
    ///
    /// # Errors
    /// When that could not be written down.
    async fn submitted(&self, state: &Value) -> Result<(), Failure>;
}

/// How a provider wants to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Whether it is asked with a key.
    pub keyed: bool,
    /// Calls at a time with one key, or at all where there is none.
    pub concurrency: usize,
    /// Whether its refusal of a content says nothing about others: the next one is asked all the same.
    pub own_policy: bool,
    /// The longest that any call may take.
    pub patience: Duration,
}

/// Somebody who answers requests.
#[async_trait]
pub trait Provider: Send + Sync {
    /// `local` or the provider's id, as routes and answers name it.
    fn id(&self) -> &str;

    /// Its name for people.
    fn title(&self) -> &str;

    /// Other names of it in routes and requests.
    fn aliases(&self) -> &[String] {
        &[]
    }

    /// Its models, those that cannot answer now included; the first of a task is its usual one.
    fn models(&self) -> Vec<ModelCard>;

    /// Today's name of a model that people still ask for by another one.
    fn renamed(&self, _model: &str) -> Option<String> {
        None
    }

    /// How it wants to be treated.
    fn manners(&self) -> Manners;

    /// The longest that one of its models may take for a task.
    fn patience(&self, _model: &str, _task: &str) -> Duration {
        self.manners().patience
    }

    /// Answers a checked request.
    ///
    /// # Errors
    /// A typed failure, on which the chain decides.
    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure>;

    /// Makes the cheapest real call that shows whether a key works.
    ///
    /// # Errors
    /// As [`Self::answer`].
    async fn probe(&self, key: Option<&Key>) -> Result<(), Failure>;
}
