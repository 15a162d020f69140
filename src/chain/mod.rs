//! Who answers: asks one link of the route after the other until one does, and keeps every failed attempt.
//!
//! It must not know doors, jobs or how any provider works; it decides by the class of a [`Failure`] only.

pub mod breaker;
pub mod keys;
pub mod pace;
pub mod route;

use crate::media::failure::Attempt;
use crate::media::models::{ModelCard, Models};
use crate::media::{Answered, Failure, Request, Tried, Watch};
use crate::providers::{Call, Journal, Provider};
use async_trait::async_trait;
use route::{LOCAL, Link, OTHERS, RouteError};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Routes as configured.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// For each task, first choice first.
    pub routes: BTreeMap<String, Vec<Link>>,
    /// Whether a local model may be a path instead of a manifest name (the command line only).
    pub allow_paths: bool,
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

/// For requests that nobody takes up again after this process.
pub struct Unwritten;

#[async_trait]
impl Journal for Unwritten {
    async fn submitting(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn submitted(&self, _: &Value) -> Result<(), Failure> {
        Ok(())
    }
}

/// The routes and everyone on them.
pub struct Chain {
    routes: BTreeMap<String, Vec<Link>>,
    providers: Vec<Arc<dyn Provider>>,
}

impl Chain {
    /// Checks the routes against who is there.
    ///
    /// # Errors
    /// When a route names an unknown provider or local model, or a link twice.
    pub fn new(settings: &Settings, providers: Vec<Arc<dyn Provider>>) -> Result<Self, ChainError> {
        let ids: HashSet<&str> = providers.iter().map(|p| p.id()).collect();
        let local: HashSet<String> =
            providers.iter().filter(|p| p.id() == LOCAL).flat_map(|p| p.models()).map(|card| card.name).collect();
        let known = |model: &str| local.contains(model) || (settings.allow_paths && Path::new(model).exists());
        let mut routes = BTreeMap::new();
        for (task, route) in &settings.routes {
            let checked = route::checked(route, &ids, known);
            routes.insert(task.clone(), checked.map_err(|error| ChainError { task: task.clone(), error })?);
        }
        Ok(Self { routes, providers })
    }

    /// The route of a task as it is followed.
    #[must_use]
    pub fn route(&self, task: &str) -> &[Link] {
        self.routes.get(task).map_or(&[], Vec::as_slice)
    }

    /// Links of the routes that nobody here can follow (no key is set for them).
    #[must_use]
    pub fn skipped(&self) -> Vec<&Link> {
        let mut seen = HashSet::new();
        let links = self.routes.values().flatten();
        let absent = |link: &&Link| link.provider != OTHERS && self.provider(&link.provider).is_none();
        links.filter(|link| absent(link) && seen.insert(*link)).collect()
    }

    /// The answer of the first link that has one. What the links before it said becomes `fallback_reason`.
    ///
    /// Fails with [`Failure::Exhausted`] and every attempt when nobody could; with the failure itself where only one was
    /// to be asked, or where asking others is pointless; with [`Failure::Busy`] where one only has too much to do.
    pub async fn ask(&self, request: &Request, watch: &Watch, journal: &dyn Journal) -> Reply {
        let mut tried = Vec::new();
        let result = self.answer(request, watch, journal, &mut tried).await;
        Reply { result, tried }
    }

    /// Who would be asked first for this, if nothing goes wrong.
    #[must_use]
    pub fn first(&self, request: &Request) -> Option<ModelCard> {
        let links = self.links(request).ok()?;
        links.iter().find_map(|link| {
            let (provider, model) = self.resolve(link, request).ok()?;
            provider.models().into_iter().find(|card| card.name == model && card.ready)
        })
    }

    async fn answer(
        &self,
        request: &Request,
        watch: &Watch,
        journal: &dyn Journal,
        tried: &mut Vec<Tried>,
    ) -> Result<Answered, Failure> {
        let links = self.links(request)?;
        let named = request.choice().model.is_some() || request.choice().provider.is_some();
        let mut attempts: Vec<Attempt> = Vec::new();
        for link in &links {
            if watch.cancel.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            match self.call(link, request, watch, journal, tried).await {
                Ok(mut answered) => {
                    answered.provenance.fallback_reason = reason(&attempts);
                    return Ok(answered);
                }
                Err(failure) if !failure.goes_on() => return Err(failure),
                Err(failure) => {
                    // What is not set up here is no news; a link that broke is.
                    if matches!(failure, Failure::Missing { .. }) {
                        tracing::debug!(link = %link, %failure, "this link is not set up");
                    } else {
                        tracing::warn!(link = %link, class = failure.class(), %failure, "no answer from this link");
                    }
                    attempts.push(Attempt {
                        provider: link.provider.clone(),
                        model: link.model.clone().unwrap_or_default(),
                        failure: Box::new(failure),
                    });
                }
            }
        }
        // Whoever is only busy can answer later, which the others cannot.
        if let Some(busy) = attempts.iter().find(|a| matches!(*a.failure, Failure::Busy { .. })) {
            return Err((*busy.failure).clone());
        }
        match attempts.pop() {
            Some(only) if named && attempts.is_empty() => Err(*only.failure),
            last => {
                attempts.extend(last);
                Err(Failure::Exhausted { attempts })
            }
        }
    }

    /// Which links may answer this request, in order.
    fn links(&self, request: &Request) -> Result<Vec<Link>, Failure> {
        let choice = request.choice();
        if let Some(provider) = &choice.provider
            && self.provider(provider).is_none()
        {
            return Err(if route::REMOTE.contains(&provider.as_str()) {
                no_key(provider)
            } else {
                Failure::invalid("provider", format!("there is no provider `{provider}`"))
            });
        }
        let allowed = |provider: &str| {
            choice.provider.as_deref().is_none_or(|p| p == provider) && (!choice.local_only || provider == LOCAL)
        };
        let Some(model) = &choice.model else {
            let route = self.route(request.task());
            let mut links = self.with_others(route, request.task());
            links.retain(|link| allowed(&link.provider));
            if let Some(provider) = &choice.provider
                && links.is_empty()
                && allowed(provider)
            {
                links.push(Link { provider: provider.clone(), model: None });
            }
            return Ok(links);
        };
        let mut links: Vec<Link> = self
            .providers
            .iter()
            .filter(|p| allowed(p.id()) && p.models().iter().any(|card| card.name == *model))
            .map(|p| Link { provider: p.id().to_owned(), model: Some(model.clone()) })
            .collect();
        if links.is_empty() {
            // Nobody lists it: a path, a provider's model that its card list leaves out, or a slip of the pen.
            // The one who is asked says so best.
            let provider = choice.provider.clone().unwrap_or_else(|| LOCAL.to_owned());
            links.push(Link { provider, model: Some(model.clone()) });
        }
        Ok(links)
    }

    /// The route with everybody in the place of `*` who can do the task and is not named elsewhere in it.
    fn with_others(&self, route: &[Link], task: &str) -> Vec<Link> {
        let named = |id: &str| id == LOCAL || route.iter().any(|link| link.provider == id);
        let does = |p: &&Arc<dyn Provider>| p.models().iter().any(|card| card.tasks.iter().any(|t| t == task));
        let others = || self.providers.iter().filter(|p| !named(p.id())).filter(does);
        let all = route.iter().flat_map(|link| match link.provider.as_str() {
            OTHERS => others().map(|p| Link { provider: p.id().to_owned(), model: None }).collect(),
            _ => vec![link.clone()],
        });
        all.collect()
    }

    async fn call(
        &self,
        link: &Link,
        request: &Request,
        watch: &Watch,
        journal: &dyn Journal,
        tried: &mut Vec<Tried>,
    ) -> Result<Answered, Failure> {
        let (provider, model) = self.resolve(link, request)?;
        let start = Instant::now();
        let call = Call { model: &model, request, key: None, watch, timeout: Duration::MAX, journal, resume: None };
        let result = provider.answer(call).await;
        // What is not set up was not tried.
        if !matches!(result, Err(Failure::Missing { .. })) {
            tried.push(Tried {
                provider: link.provider.clone(),
                model,
                took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
                bytes: result.as_ref().map_or(0, |answered| answered.bytes),
                class: result.as_ref().map_or_else(Failure::class, |_| "done").to_owned(),
                key: None,
                status: None,
                spend_unknown: false,
            });
        }
        result
    }

    /// Who follows a link, and with which model.
    fn resolve(&self, link: &Link, request: &Request) -> Result<(&Arc<dyn Provider>, String), Failure> {
        let provider = self.provider(&link.provider).ok_or_else(|| no_key(&link.provider))?;
        let allowed_models = &request.choice().allowed_models;
        let allowed = |model: &String| allowed_models.as_ref().is_none_or(|allowed| allowed.contains(model));
        let serves = |card: &ModelCard| card.tasks.iter().any(|task| task == request.task());
        let model = match &link.model {
            Some(model) if allowed(model) => model.clone(),
            Some(model) => {
                return Err(Failure::Missing {
                    message: format!("the model `{model}` is not for accounts of this level"),
                });
            }
            None => {
                let mut cards = provider.models().into_iter();
                let ready = cards.find(|card| card.ready && serves(card) && allowed(&card.name));
                ready.map(|card| card.name).ok_or_else(|| Failure::Missing {
                    message: format!("{} has no model that is ready for {}", link.provider, request.task()),
                })?
            }
        };
        Ok((provider, model))
    }

    fn provider(&self, id: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.iter().find(|p| p.id() == id)
    }
}

impl Models for Chain {
    fn cards(&self) -> Vec<ModelCard> {
        let mut cards: Vec<ModelCard> = self.providers.iter().flat_map(|p| p.models()).collect();
        let place = |card: &ModelCard| {
            let exact = |l: &Link| l.provider == card.provider && l.model.as_ref().is_none_or(|m| *m == card.name);
            let task = card.tasks.first().map(String::as_str).unwrap_or_default();
            self.route(task).iter().position(exact).unwrap_or(usize::MAX)
        };
        cards.sort_by_key(place);
        cards
    }

    fn knows(&self, model: &str) -> bool {
        self.providers.iter().any(|p| p.renamed(model).is_some() || p.models().iter().any(|card| card.name == model))
    }
}

fn no_key(provider: &str) -> Failure {
    Failure::Missing { message: format!("no key is set for the provider `{provider}`") }
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
