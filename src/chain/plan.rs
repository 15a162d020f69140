//! Who may answer a request, in which order: the route of its task, or whoever it names.

use super::route::{LOCAL, Link, OTHERS};
use super::{Chain, decide, no_key};
use crate::media::models::ModelCard;
use crate::media::{Failure, Level, Request};
use crate::providers::Provider;
use std::sync::Arc;
use tokio::time::Instant;

impl Chain {
    /// Which links may answer this request, in order.
    pub(super) fn links(&self, request: &Request) -> Result<Vec<Link>, Failure> {
        let choice = request.choice();
        let named = choice.provider.as_deref().map(|name| self.id_of(name));
        if let Some(id) = named {
            match self.provider(id) {
                None => return Err(Failure::invalid("provider", format!("there is no provider `{id}`"))),
                Some(_) if !self.supplied(id) => return Err(no_key(id)),
                Some(_) => {}
            }
        }
        let allowed = |id: &str| named.is_none_or(|named| named == id) && (!choice.local_only || id == LOCAL);
        let mut links = match &choice.model {
            None => self.with_others(self.route(request.task()), request.task()),
            Some(model) => self.who_has(model, request.task()),
        };
        links.retain(|link| allowed(&link.provider));
        if let Some(id) = named.filter(|id| links.is_empty() && allowed(id)) {
            // Not of the route, or a model that its own list leaves out: the one who is asked says so best.
            links.push(Link { provider: id.to_owned(), model: choice.model.clone() });
        }
        if links.is_empty() && choice.model.is_some() {
            // Nobody lists it: a path, or a slip of the pen.
            links.push(Link { provider: LOCAL.to_owned(), model: choice.model.clone() });
        }
        Ok(links)
    }

    /// The route with everybody in the place of `*` who can do the task and is not named elsewhere in it.
    fn with_others(&self, route: &[Link], task: &str) -> Vec<Link> {
        let named = |id: &str| id == LOCAL || route.iter().any(|link| link.provider == id);
        let others = || {
            let others = self.providers.iter().filter(|p| !named(p.id()) && self.supplied(p.id()));
            others.filter(|p| p.models().iter().any(|card| does(card, task)))
        };
        let all = route.iter().flat_map(|link| match link.provider.as_str() {
            OTHERS => others().map(|p| Link { provider: p.id().to_owned(), model: None }).collect(),
            _ => vec![link.clone()],
        });
        all.collect()
    }

    /// Everybody who has a model of this name, this machine first, then those who serve the same model elsewhere.
    fn who_has(&self, model: &str, task: &str) -> Vec<Link> {
        let (mut links, mut elsewhere, mut keyless) = (Vec::new(), Vec::new(), Vec::new());
        for provider in &self.providers {
            let today = provider.renamed(model).unwrap_or_else(|| model.to_owned());
            let cards = provider.models();
            let Some(card) = cards.iter().find(|card| card.name == today && (does(card, task) || !card.ready)) else {
                continue;
            };
            let link = Link { provider: provider.id().to_owned(), model: Some(today) };
            if self.supplied(provider.id()) {
                links.push(link)
            } else {
                keyless.push(link)
            }
            elsewhere.extend(card.elsewhere.iter().filter_map(|link| link.parse::<Link>().ok()));
        }
        elsewhere.retain(|link: &Link| self.supplied(&link.provider) && !links.contains(link));
        links.extend(elsewhere);
        // Whoever would have it, with a key, says so best.
        if links.is_empty() { keyless } else { links }
    }

    /// Who follows a link, and with which of its models, the first choice first.
    pub(super) fn candidates(
        &self,
        link: &Link,
        request: &Request,
    ) -> Result<(&Arc<dyn Provider>, Vec<String>), Failure> {
        let provider = self.provider(&link.provider).filter(|p| self.supplied(p.id()));
        let provider = provider.ok_or_else(|| no_key(&link.provider))?;
        let permitted = &request.choice().allowed_models;
        let cards = provider.models();
        let level = request.choice().level.map(Level::word);
        let for_level = |card: &ModelCard| {
            card.levels.is_empty() || level.is_none_or(|level| card.levels.iter().any(|word| word == level))
        };
        let allowed = |model: &String| {
            permitted.as_ref().is_none_or(|permitted| permitted.contains(model))
                && cards.iter().find(|card| card.name == *model).is_none_or(for_level)
        };
        if let Some(model) = &link.model {
            if !allowed(model) {
                let message = format!("the model `{model}` is not for accounts of this level");
                return Err(Failure::Missing { message });
            }
            return Ok((provider, vec![provider.renamed(model).unwrap_or_else(|| model.clone())]));
        }
        let fit = cards.iter().filter(|card| card.ready && does(card, request.task()) && allowed(&card.name));
        let models: Vec<String> = fit
            .map(|card| card.name.clone())
            .filter(|model| !self.is_gone(provider.id(), model, request.task()))
            .collect();
        if models.is_empty() {
            let message = format!("{} has no model that is ready for {}", provider.title(), request.task());
            return Err(Failure::Missing { message });
        }
        Ok((provider, models))
    }

    /// Who would be asked first for this, if nothing goes wrong.
    #[must_use]
    pub fn first(&self, request: &Request) -> Option<ModelCard> {
        let links = self.links(request).ok()?;
        links.iter().find_map(|link| {
            let (provider, models) = self.candidates(link, request).ok()?;
            provider.models().into_iter().find(|card| Some(&card.name) == models.first() && card.ready)
        })
    }

    /// The id of a provider by any of its names.
    pub(super) fn id_of<'a>(&'a self, name: &'a str) -> &'a str {
        let known = self.providers.iter().find(|p| p.id() == name || p.aliases().iter().any(|alias| alias == name));
        known.map_or(name, |p| p.id())
    }

    pub(super) fn provider(&self, id: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.iter().find(|p| p.id() == id)
    }

    /// Whether a provider could be asked: it has a key, or needs none.
    pub(super) fn supplied(&self, id: &str) -> bool {
        id == LOCAL || self.keys.supplied(id)
    }

    /// Whether a link elsewhere could answer soon.
    pub(super) fn could(&self, link: &Link, request: &Request) -> bool {
        let id = link.provider.as_str();
        id != LOCAL
            && self.keys.ready(id, decide::LONGEST_PAUSE)
            && self.breakers.rests_for(id, Instant::now()).is_none()
            && self.candidates(link, request).is_ok()
    }

    /// Whether anybody but this machine could answer anything.
    #[must_use]
    pub fn remote(&self) -> bool {
        self.providers.iter().any(|p| p.id() != LOCAL && self.supplied(p.id()))
    }

    /// What a worker with this chain can be asked for by name: models that are here, and those that somebody else serves.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for provider in self.providers.iter().filter(|p| self.supplied(p.id())) {
            let served = |card: &ModelCard| {
                let links = card.elsewhere.iter().filter_map(|link| link.parse::<Link>().ok());
                card.ready || links.into_iter().any(|link| self.supplied(&link.provider))
            };
            names.extend(provider.models().into_iter().filter(served).map(|card| card.name));
        }
        names.sort();
        names.dedup();
        names
    }
}

/// Whether a model does a task.
fn does(card: &ModelCard, task: &str) -> bool {
    card.tasks.iter().any(|known| known == task)
}
