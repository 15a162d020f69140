//! Who answers: asks one link of the route after the other until one does, and keeps every failed attempt.
//!
//! It must not know doors, jobs or how any provider works; it decides by [`Failure::goes_on`] only.

pub mod breaker;
pub mod pace;
pub mod route;

use crate::media::failure::Attempt;
use crate::media::models::{ModelCard, Models};
use crate::media::{Failure, ImageRequest, ImageResult, Tried, Watch};
use crate::providers::ImageMaker;
use route::{LOCAL, Link, RouteError};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Routes as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For pictures, first choice first.
    pub image_generate: Vec<Link>,
    /// Whether a local model may be a path instead of a manifest name (the command line only).
    pub allow_paths: bool,
}

/// Why the chain cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A route names what does not exist.
    #[error("route of image.generate: {0}")]
    ImageRoute(#[from] RouteError),
}

/// What came of asking the chain.
#[derive(Debug)]
pub struct Reply {
    /// The pictures, or why there are none.
    pub result: Result<ImageResult, Failure>,
    /// Everybody who was asked, in order.
    pub tried: Vec<Tried>,
}

/// The route and everyone on it.
pub struct Chain {
    route: Vec<Link>,
    makers: Vec<Arc<dyn ImageMaker>>,
}

impl Chain {
    /// Checks the routes against who is there.
    ///
    /// # Errors
    /// When a route names an unknown provider or local model, or a link twice.
    pub fn new(settings: &Settings, makers: Vec<Arc<dyn ImageMaker>>) -> Result<Self, ChainError> {
        let providers: HashSet<&str> = makers.iter().map(|m| m.provider()).collect();
        let local: HashSet<String> =
            makers.iter().filter(|m| m.provider() == LOCAL).flat_map(|m| m.models()).map(|card| card.name).collect();
        let known = |model: &str| local.contains(model) || (settings.allow_paths && Path::new(model).exists());
        let route = route::checked(&settings.image_generate, &providers, known)?;
        Ok(Self { route, makers })
    }

    /// The route as it is followed.
    #[must_use]
    pub fn image_route(&self) -> &[Link] {
        &self.route
    }

    /// Links of the route that nobody here can follow (no key is set for them).
    #[must_use]
    pub fn skipped(&self) -> Vec<&Link> {
        self.route.iter().filter(|link| self.maker(&link.provider).is_none()).collect()
    }

    /// Pictures from the first link that can make them. What the links before it said becomes `fallback_reason`.
    ///
    /// Fails with [`Failure::Exhausted`] and every attempt when nobody could; with the failure itself where only one was
    /// to be asked, or where asking others is pointless; with [`Failure::Busy`] where one only has too much to do.
    pub async fn image(&self, request: ImageRequest, watch: Watch) -> Reply {
        let mut tried = Vec::new();
        let result = self.answer(request, watch, &mut tried).await;
        Reply { result, tried }
    }

    /// Who would be asked first for this, if nothing goes wrong.
    #[must_use]
    pub fn first(&self, request: &ImageRequest) -> Option<ModelCard> {
        let links = self.links(request).ok()?;
        links.iter().find_map(|link| {
            let (maker, model) = self.resolve(link, request).ok()?;
            maker.models().into_iter().find(|card| card.name == model && card.ready)
        })
    }

    async fn answer(
        &self,
        request: ImageRequest,
        watch: Watch,
        tried: &mut Vec<Tried>,
    ) -> Result<ImageResult, Failure> {
        let links = self.links(&request)?;
        let named = request.model.is_some() || request.provider.is_some();
        let mut attempts: Vec<Attempt> = Vec::new();
        for link in &links {
            if watch.cancel.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            match self.ask(link, &request, watch.clone(), tried).await {
                Ok(mut result) => {
                    result.provenance.fallback_reason = reason(&attempts);
                    return Ok(result);
                }
                Err(failure) if !failure.goes_on() => return Err(failure),
                Err(failure) => {
                    // What is not set up here is no news; a link that broke is.
                    if matches!(failure, Failure::Missing { .. }) {
                        tracing::debug!(link = %link, %failure, "this link is not set up");
                    } else {
                        tracing::warn!(link = %link, class = failure.class(), %failure, "no picture from this link");
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
    fn links(&self, request: &ImageRequest) -> Result<Vec<Link>, Failure> {
        if let Some(provider) = &request.provider
            && self.maker(provider).is_none()
        {
            return Err(if route::REMOTE.contains(&provider.as_str()) {
                no_key(provider)
            } else {
                Failure::invalid("provider", format!("there is no provider `{provider}`"))
            });
        }
        let allowed = |provider: &str| {
            request.provider.as_deref().is_none_or(|p| p == provider) && (!request.local_only || provider == LOCAL)
        };
        let Some(model) = &request.model else {
            let mut links: Vec<Link> = self.route.iter().filter(|l| allowed(&l.provider)).cloned().collect();
            if let Some(provider) = &request.provider
                && links.is_empty()
                && allowed(provider)
            {
                links.push(Link { provider: provider.clone(), model: None });
            }
            return Ok(links);
        };
        let mut links: Vec<Link> = self
            .makers
            .iter()
            .filter(|m| allowed(m.provider()) && m.models().iter().any(|card| card.name == *model))
            .map(|m| Link { provider: m.provider().to_owned(), model: Some(model.clone()) })
            .collect();
        if links.is_empty() {
            // Nobody lists it: a path, a provider's model that its card list leaves out, or a slip of the pen.
            // The one who is asked says so best.
            let provider = request.provider.clone().unwrap_or_else(|| LOCAL.to_owned());
            links.push(Link { provider, model: Some(model.clone()) });
        }
        Ok(links)
    }

    async fn ask(
        &self,
        link: &Link,
        request: &ImageRequest,
        watch: Watch,
        tried: &mut Vec<Tried>,
    ) -> Result<ImageResult, Failure> {
        let (maker, model) = self.resolve(link, request)?;
        let start = Instant::now();
        let result = maker.make(&model, request, watch).await;
        // What is not set up was not tried.
        if !matches!(result, Err(Failure::Missing { .. })) {
            tried.push(Tried {
                provider: link.provider.clone(),
                model,
                took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
                bytes: 0,
                class: result.as_ref().map_or_else(Failure::class, |_| "done").to_owned(),
            });
        }
        result
    }

    /// Who follows a link, and with which model.
    fn resolve(&self, link: &Link, request: &ImageRequest) -> Result<(&Arc<dyn ImageMaker>, String), Failure> {
        let maker = self.maker(&link.provider).ok_or_else(|| no_key(&link.provider))?;
        let allowed = |model: &String| request.allowed_models.as_ref().is_none_or(|allowed| allowed.contains(model));
        let model = match &link.model {
            Some(model) if allowed(model) => model.clone(),
            Some(model) => {
                return Err(Failure::Missing {
                    message: format!("the model `{model}` is not for accounts of this level"),
                });
            }
            None => {
                let ready = maker.models().into_iter().find(|card| card.ready && allowed(&card.name));
                ready.map(|card| card.name).ok_or_else(|| Failure::Missing {
                    message: format!("`{}` has no model that is ready to draw", link.provider),
                })?
            }
        };
        Ok((maker, model))
    }

    fn maker(&self, provider: &str) -> Option<&Arc<dyn ImageMaker>> {
        self.makers.iter().find(|m| m.provider() == provider)
    }
}

impl Models for Chain {
    fn cards(&self) -> Vec<ModelCard> {
        let mut cards: Vec<ModelCard> = self.makers.iter().flat_map(|m| m.models()).collect();
        let place = |card: &ModelCard| {
            let exact = |l: &Link| l.provider == card.provider && l.model.as_ref().is_none_or(|m| *m == card.name);
            self.route.iter().position(exact).unwrap_or(usize::MAX)
        };
        cards.sort_by_key(place);
        cards
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
