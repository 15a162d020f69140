//! Who answers: asks one link of the route after the other until one does, and keeps every failed attempt.
//!
//! It must not know doors, jobs or how any provider works; it decides by the class of a [`Failure`] only.

mod asking;
mod attempt;
pub mod breaker;
mod decide;
pub mod keys;
mod language;
pub mod memo;
pub mod pace;
mod plan;
mod prompts;
pub mod route;
pub mod trial;
mod view;

pub use memo::{Memo, Unwritten};

use crate::media::failure::Attempt;
use crate::media::models::{ModelCard, Models};
use crate::media::{Answered, Content, Failure, Request, Tried, Watch};
use crate::providers::Provider;
use asking::Asking;
use breaker::Breakers;
use decide::Next;
use keys::KeyPools;
use memo::Trail;
use pace::Pace;
use prompts::Translations;
use route::{LOCAL, Link, OTHERS, RouteError};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a model that a provider no longer has is not asked for.
const GONE: Duration = Duration::from_secs(3600);

/// Routes as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For each task, first choice first.
    pub routes: BTreeMap<String, Vec<Link>>,
    /// Whether a local model may be a path instead of a manifest name (the command line only).
    pub allow_paths: bool,
    /// Requests that may wait for the local engine before others are asked, who could answer at once.
    pub local_queue: usize,
    /// How long the providers of a route may take together.
    pub budget: Duration,
}

/// Why the chain cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route of {task}: {error}")]
pub struct ChainError {
    /// Whose route is wrong.
    task: String,
    /// What it names that does not exist.
    error: RouteError,
}

/// What came of asking the chain.
#[derive(Debug)]
pub struct Reply {
    /// The answer, or why there is none.
    pub result: Result<Answered, Failure>,
    /// Everybody who was asked, in order.
    pub tried: Vec<Tried>,
}

/// The routes and everyone on them.
pub struct Chain {
    routes: BTreeMap<String, Vec<Link>>,
    local_queue: usize,
    budget: Duration,
    providers: Vec<Arc<dyn Provider>>,
    keys: KeyPools,
    breakers: Breakers,
    pace: Pace,
    translations: Translations,
    /// Requests that the local engine has or that wait for it.
    at_work: AtomicUsize,
    /// Models that a provider said it no longer has for a task, and since when.
    gone: Mutex<HashMap<[String; 3], Instant>>,
}

impl Chain {
    /// Checks the routes against who is there.
    ///
    /// # Errors
    /// When a route names an unknown provider or local model, or a link twice.
    pub fn new(settings: Settings, providers: Vec<Arc<dyn Provider>>, keys: KeyPools) -> Result<Self, ChainError> {
        let ids: Vec<&str> = providers.iter().map(|p| p.id()).collect();
        let local: HashSet<String> =
            providers.iter().filter(|p| p.id() == LOCAL).flat_map(|p| p.models()).map(|card| card.name).collect();
        let known = |model: &str| local.contains(model) || (settings.allow_paths && Path::new(model).exists());
        let mut chain = Self {
            routes: BTreeMap::new(),
            local_queue: settings.local_queue,
            budget: settings.budget,
            providers: providers.clone(),
            keys,
            breakers: Breakers::default(),
            pace: Pace::default(),
            translations: Translations::default(),
            at_work: AtomicUsize::new(0),
            gone: Mutex::default(),
        };
        for (task, mut route) in settings.routes {
            for link in &mut route {
                link.provider = chain.id_of(&link.provider).to_owned();
            }
            let checked = route::checked(&route, &ids, known);
            let checked = checked.map_err(|error| ChainError { task: task.clone(), error })?;
            chain.routes.insert(task, checked);
        }
        Ok(chain)
    }

    /// The route of a task as it is followed.
    #[must_use]
    pub fn route(&self, task: &str) -> &[Link] {
        self.routes.get(task).map_or(&[], Vec::as_slice)
    }

    /// Providers of the routes that nobody here can ask: no key is set for them.
    #[must_use]
    pub fn skipped(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let named = self.routes.values().flatten().map(|link| link.provider.as_str());
        named.filter(|id| *id != OTHERS && !self.supplied(id) && seen.insert(*id)).collect()
    }

    /// The keys of the providers.
    #[must_use]
    pub fn keys(&self) -> &KeyPools {
        &self.keys
    }

    /// The answer of the first link that has one. What the links before it said becomes `fallback_reason`.
    ///
    /// Fails with [`Failure::Exhausted`] and every attempt when nobody could; with the failure itself where only one was
    /// to be asked, or where asking others is pointless; with [`Failure::Busy`] where one only has too much to do.
    pub async fn ask(&self, request: &Request, watch: &Watch, memo: &dyn Memo) -> Reply {
        let tried = Mutex::default();
        let (trail, begun) = Trail::of(memo);
        let asking = Asking::new(watch, trail, &tried, self.budget);
        let resumed = match &begun {
            Some(current) => self.resume(current, request, &asking).await,
            None => None,
        };
        let result = match resumed {
            Some(answered) => Ok(answered),
            None => self.course(request, &asking).await,
        };
        drop(asking);
        Reply { result, tried: tried.into_inner().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Along the route until somebody answers.
    async fn course(&self, request: &Request, asking: &Asking<'_>) -> Result<Answered, Failure> {
        let links = self.links(request)?;
        let mut attempts: Vec<Attempt> = Vec::new();
        for (at, link) in links.iter().enumerate() {
            if asking.watch.cancel.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            let could = |link: &Link| !asking.trail.spent(&link.provider) && self.could(link, request);
            let last = !links[at + 1..].iter().any(could);
            match self.follow(link, request, asking, last).await {
                Ok(mut answered) => {
                    answered.notices.extend(renamed(request, &answered));
                    answered.notices.extend(fewer(request, &answered));
                    answered.notices.extend(untimed(request, &answered));
                    answered.provenance.fallback_reason = reason(&attempts);
                    return Ok(answered);
                }
                Err((failure, Next::Stop)) => return Err(failure),
                Err((failure, _)) => attempts.push(noted(link, failure)),
            }
        }
        Err(unanswered(request, attempts))
    }

    fn is_gone(&self, provider: &str, model: &str, task: &str) -> bool {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let since = gone.get(&[provider, model, task].map(str::to_owned));
        since.is_some_and(|since| since.elapsed() < GONE)
    }

    fn forget(&self, provider: &str, model: &str, task: &str) {
        let key = [provider, model, task].map(str::to_owned);
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Instant::now());
    }
}

impl Models for Chain {
    fn cards(&self) -> Vec<ModelCard> {
        let there = self.providers.iter().filter(|p| self.supplied(p.id()));
        let mut cards: Vec<ModelCard> = there.flat_map(|p| p.models()).collect();
        let place = |card: &ModelCard| {
            let exact = |l: &Link| l.provider == card.provider && l.model.as_ref().is_none_or(|m| *m == card.name);
            let task = card.tasks.first().map(String::as_str).unwrap_or_default();
            self.route(task).iter().position(exact).unwrap_or(usize::MAX)
        };
        cards.sort_by_key(place);
        cards
    }

    fn knows(&self, model: &str) -> bool {
        let mut there = self.providers.iter().filter(|p| self.supplied(p.id()));
        there.any(|p| p.renamed(model).is_some() || p.models().iter().any(|card| card.name == model))
    }
}

fn no_key(provider: &str) -> Failure {
    Failure::Missing { message: format!("no key is set for the provider `{provider}`") }
}

fn noted(link: &Link, failure: Failure) -> Attempt {
    // What is not set up here is no news; a link that broke is.
    if matches!(failure, Failure::Missing { .. }) {
        tracing::debug!(link = %link, %failure, "this link is not set up");
    } else {
        tracing::warn!(link = %link, class = failure.class(), %failure, "no answer from this link");
    }
    let (provider, model) = (link.provider.clone(), link.model.clone().unwrap_or_default());
    Attempt { provider, model, failure: Box::new(failure) }
}

/// What to say when nobody answered.
fn unanswered(request: &Request, mut attempts: Vec<Attempt>) -> Failure {
    // Whoever is only busy can answer later, which the others cannot.
    if let Some(busy) = attempts.iter().find(|a| matches!(*a.failure, Failure::Busy { .. })) {
        return (*busy.failure).clone();
    }
    let named = request.choice().model.is_some() || request.choice().provider.is_some();
    match attempts.pop() {
        Some(only) if named && attempts.is_empty() => *only.failure,
        last => {
            attempts.extend(last);
            Failure::Exhausted { attempts }
        }
    }
}

/// A word about a model that was asked for by an older name.
fn renamed(request: &Request, answered: &Answered) -> Option<String> {
    let asked = request.choice().model.as_ref()?;
    let by = &answered.provenance;
    let other = by.provider != LOCAL && by.model != *asked;
    other.then(|| format!("{asked} was asked for; {}:{} answered", by.provider, by.model))
}

/// A word about pictures that were asked for and not made.
fn fewer(request: &Request, answered: &Answered) -> Option<String> {
    let Content::Pictures(result) = &answered.content else { return None };
    let (made, asked) = (result.pictures.len(), request.units() as usize);
    (made < asked).then(|| format!("{made} of the {asked} pictures asked for were made"))
}

/// A word about times of words that were asked for and not told.
fn untimed(request: &Request, answered: &Answered) -> Option<String> {
    let (Request::SpeechTranscribe(request), Content::Text(text)) = (request, &answered.content) else { return None };
    let by = &answered.provenance;
    let untold = request.words && text.words.is_empty() && !text.text.is_empty();
    untold.then(|| format!("{}:{} does not tell when each word was said", by.provider, by.model))
}

/// One sentence for the person who asked: why the first choice did not answer, and how many more did not. The log has
/// them all.
fn reason(attempts: &[Attempt]) -> Option<String> {
    let (first, others) = attempts.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        n => format!(" (and {n} more of the route)"),
    };
    Some(format!("{}{more}", first.failure))
}

#[cfg(test)]
mod tests;
