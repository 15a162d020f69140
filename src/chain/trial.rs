//! Trying out providers because somebody wants to know: each key with the cheapest call there is, each model with the
//! smallest request. What comes of it counts for the keys; routes and breakers do not matter here.

mod sample;

use super::Chain;
use super::keys::{NoKey, Verdict};
use crate::media::{Failure, Refusal, Request, Watch};
use crate::providers::{Call, Journal, Provider};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a key's call may take, and a model's.
const KEY_PATIENCE: Duration = Duration::from_secs(30);
const MODEL_PATIENCE: Duration = Duration::from_secs(180);

/// What came of trying a key.
#[derive(Debug)]
pub struct KeyTrial {
    /// Its last characters; empty for a provider that is asked without keys.
    pub tail: String,
    /// Whether it works.
    pub result: Result<(), Failure>,
}

/// What came of trying a model.
#[derive(Debug)]
pub struct ModelTrial {
    /// The model.
    pub model: String,
    /// What it was asked for.
    pub task: String,
    /// Whether it answered; `None`: it was not asked, because even the smallest request costs much.
    pub result: Option<Result<(), Failure>>,
}

impl Chain {
    /// Tries every key of a provider, those that rest or are retired, too; one that works is used again.
    pub async fn try_keys(&self, provider: &str) -> Vec<KeyTrial> {
        let Some(provider) = self.provider(self.id_of(provider)) else { return Vec::new() };
        let keyed = provider.manners().keyed;
        let mut trials = Vec::new();
        for key in self.keys.of(provider.id()) {
            let asked = timeout(KEY_PATIENCE, provider.probe(keyed.then_some(&key))).await;
            let result = asked.unwrap_or_else(|_| Err(late(provider)));
            if let Some(verdict) = Verdict::of(result.as_ref().err()) {
                self.keys.tested(&key, verdict).await;
            }
            let tail = if keyed { key.tail() } else { String::new() };
            trials.push(KeyTrial { tail, result });
        }
        trials
    }

    /// Tries every model of a provider for everything that it does. It may cost money.
    pub async fn try_models(&self, provider: &str) -> Vec<ModelTrial> {
        let Some(provider) = self.provider(self.id_of(provider)) else { return Vec::new() };
        let mut trials = Vec::new();
        for card in provider.models() {
            for task in &card.tasks {
                let result = match sample::of(task, provider.id(), &card.name) {
                    Some(Ok(request)) => Some(self.try_model(provider, &card.name, &request).await),
                    Some(Err(failure)) => Some(Err(failure)),
                    None => None,
                };
                trials.push(ModelTrial { model: card.name.clone(), task: task.clone(), result });
            }
        }
        trials
    }

    async fn try_model(&self, provider: &Arc<dyn Provider>, model: &str, request: &Request) -> Result<(), Failure> {
        let watch = Watch::nobody();
        let taken = self.keys.take(provider.id(), &watch.cancel).await.map_err(|none| keyless(provider, none))?;
        let (key, journal) = (taken.secret(), &Unjournaled);
        let call = Call { model, request, key, watch: &watch, timeout: MODEL_PATIENCE, journal, resume: None };
        let asked = timeout(MODEL_PATIENCE + KEY_PATIENCE, provider.answer(call)).await;
        let result = asked.unwrap_or_else(|_| Err(late(provider)));
        if let Some(verdict) = Verdict::of(result.as_ref().err()) {
            self.keys.tested(&taken.key, verdict).await;
        }
        let answered = result?;
        if request.fits(&answered.content) { Ok(()) } else { Err(refusal(provider, Refusal::BadResponse)) }
    }
}

/// A trial is not taken up again after this process.
struct Unjournaled;

#[async_trait]
impl Journal for Unjournaled {
    async fn submitting(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn submitted(&self, _: &Value) -> Result<(), Failure> {
        Ok(())
    }
}

fn late(provider: &Arc<dyn Provider>) -> Failure {
    refusal(provider, Refusal::Timeout)
}

fn refusal(provider: &Arc<dyn Provider>, refusal: Refusal) -> Failure {
    Failure::remote(provider.title(), refusal)
}

fn keyless(provider: &Arc<dyn Provider>, none: NoKey) -> Failure {
    Failure::Missing { message: format!("{}: {none}", provider.title()) }
}

#[cfg(test)]
mod tests;
