//! Asking one link: with which key, how often, how long. Every call is noted, and what it told is learned from.

use super::asking::{Asking, AtWork};
use super::breaker::Outcome;
use super::decide::{self, Next, Standing};
use super::keys::{NoKey, Taken, Verdict};
use super::memo::{Current, Page};
use super::route::{LOCAL, Link};
use super::{Chain, no_key, prompts};
use crate::media::models::ModelCard;
use crate::media::{Answered, Failure, Refusal, Request, Tried};
use crate::providers::{Call, Key, Provider};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How much longer than it was told a call may take before it is broken off here.
const OVERTIME: Duration = Duration::from_secs(5);

/// One model of one provider, about to be asked.
struct Target<'a> {
    provider: &'a Arc<dyn Provider>,
    model: &'a str,
    /// Whether nobody else is left to be asked.
    last: bool,
}

impl Chain {
    /// The answer of a link, by the first of its models that has one. `last`: nobody but this machine comes after it.
    pub(super) async fn follow(
        &self,
        link: &Link,
        request: &Request,
        asking: &Asking<'_>,
        last: bool,
    ) -> Result<Answered, (Failure, Next)> {
        let stop = |failure: Failure| {
            let next = if failure.goes_on() { Next::OtherLink } else { Next::Stop };
            (failure, next)
        };
        let (provider, models) = self.candidates(link, request).map_err(stop)?;
        if asking.trail.spent(provider.id()) {
            // It may have done this once already, and is not paid twice.
            return Err((overdue(provider.title()), Next::OtherLink));
        }
        let mut failed = (no_key(provider.id()), Next::OtherLink);
        for model in &models {
            let target = Target { provider, model, last };
            let asked = if provider.id() == LOCAL {
                self.on_this_machine(&target, request, asking).await
            } else {
                self.elsewhere(&target, request, asking).await
            };
            match asked {
                Err((failure, Next::OtherModel)) => failed = (failure, Next::OtherLink),
                asked => return asked,
            }
        }
        Err(failed)
    }

    async fn on_this_machine(
        &self,
        target: &Target<'_>,
        request: &Request,
        asking: &Asking<'_>,
    ) -> Result<Answered, (Failure, Next)> {
        // Writing on a picture neither uses the engine nor waits for it.
        let engine = !matches!(request, Request::ImageLetter(_));
        let here = engine.then(|| AtWork::enter(&self.at_work));
        let before = here.as_ref().map_or(0, |(_, before)| *before);
        if before > self.local_queue && !target.last {
            let message = format!("{before} requests are before this one on this machine");
            return Err((Failure::Busy { message, retry_after_s: None }, Next::OtherLink));
        }
        let card = target.provider.models().into_iter().find(|card| card.name == target.model);
        let asked = self.in_its_words(target, request, card.as_ref(), asking);
        let (words, notice) = asked.await;
        let start = Instant::now();
        let result = self.once(target, words.as_ref().unwrap_or(request), None, asking).await;
        asking.extend(start.elapsed());
        match result {
            Ok(answered) => Ok(with_notice(answered, notice)),
            Err(failure) => {
                let next = if failure.goes_on() { Next::OtherLink } else { Next::Stop };
                Err((failure, next))
            }
        }
    }

    async fn elsewhere(
        &self,
        target: &Target<'_>,
        request: &Request,
        asking: &Asking<'_>,
    ) -> Result<Answered, (Failure, Next)> {
        let (id, title) = (target.provider.id(), target.provider.title());
        let card = target.provider.models().into_iter().find(|card| card.name == target.model);
        let (words, notice) = self.in_its_words(target, request, card.as_ref(), asking).await;
        let mut request = words.unwrap_or_else(|| request.clone());
        let mut standing = Standing { retries: 0, last: target.last, own_policy: target.provider.manners().own_policy };
        let mut said: Option<Failure> = None;
        loop {
            let late = |said: Option<Failure>| {
                (said.unwrap_or_else(|| Failure::remote(title, Refusal::Timeout)), Next::OtherLink)
            };
            if asking.left() < asking.least {
                return Err(late(said));
            }
            let rests = |rest: Duration| refused(title, Refusal::Busy, Some(rest));
            let pass = self.breakers.allow(id, Instant::now());
            let pass = pass.map_err(|rest| (said.clone().unwrap_or_else(|| rests(rest)), Next::OtherLink))?;
            let waited = asking.left().saturating_sub(asking.least);
            let taken = tokio::time::timeout(waited, self.keys.take(id, &asking.watch.cancel)).await;
            let Ok(taken) = taken else { return Err(late(said)) };
            let taken = match taken {
                Ok(taken) => taken,
                Err(NoKey::Resting { after }) if decide::worth_waiting(after, standing) => {
                    drop(pass);
                    asking.pause(after).await.map_err(|failure| (failure, Next::Stop))?;
                    standing.retries += 1;
                    continue;
                }
                Err(none) => {
                    let unpaid = self.keys.unpaid(id);
                    return Err(said.map_or_else(|| keyless(id, title, (none, unpaid)), |said| (said, Next::OtherLink)));
                }
            };
            let hurried = asking.left() < self.patience(target, &request);
            let result = self.once(target, &request, Some(&taken), asking).await;
            let class = result.as_ref().map_or_else(Failure::class, |_| Tried::DONE);
            // That it had too little time says nothing about it.
            let ours = hurried && class == Refusal::Timeout.word();
            pass.report(if ours { Outcome::Nothing } else { Outcome::of(class) }, Instant::now());
            drop(taken);
            let failure = match result {
                Ok(answered) if request.fits(&answered.content) => {
                    return Ok(with_notice(prompts::tidied(&request, answered), notice));
                }
                Ok(_) => match prompts::once_more(&request) {
                    Some(again) => {
                        request = again;
                        continue;
                    }
                    None => Failure::remote(title, Refusal::BadResponse),
                },
                Err(failure) => failure,
            };
            if matches!(failure, Failure::Remote { refusal: Refusal::Gone, spend_unknown: false, .. }) {
                self.forget(id, target.model, request.task());
            }
            match decide::next(&failure, standing) {
                Next::Again(pause) => {
                    asking.pause(pause).await.map_err(|failure| (failure, Next::Stop))?;
                    standing.retries += 1;
                }
                Next::OtherKey => {}
                next => return Err((failure, next)),
            }
            said = Some(failure);
        }
    }

    /// The request in words that the model reads, where they are others.
    async fn in_its_words(
        &self,
        target: &Target<'_>,
        request: &Request,
        card: Option<&ModelCard>,
        asking: &Asking<'_>,
    ) -> (Option<Request>, Option<String>) {
        // What is not here does not read: nobody waits for a translation to be told so.
        let here = target.provider.id() != LOCAL || card.is_none_or(|card| card.ready);
        if !here {
            return (None, None);
        }
        let prompts::Readable { request, notice } = self.readable(request, card, asking).await;
        (request, notice)
    }

    /// One call, noted and learned from.
    async fn once(
        &self,
        target: &Target<'_>,
        request: &Request,
        taken: Option<&Taken>,
        asking: &Asking<'_>,
    ) -> Result<Answered, Failure> {
        let key = taken.and_then(Taken::secret);
        let page = Page {
            trail: &asking.trail,
            provider: target.provider.id(),
            model: target.model,
            key: key.map(|key| key.id.as_str()),
        };
        let patience = self.patience(target, request);
        let timeout = if target.provider.id() == LOCAL { patience } else { patience.min(asking.left()) };
        let call =
            Call { model: target.model, request, key, watch: asking.watch, timeout, journal: &page, resume: None };
        self.made(target, call, taken.map(|taken| &taken.key), asking).await
    }

    /// How long this model may take for a request of this size.
    fn patience(&self, target: &Target<'_>, request: &Request) -> Duration {
        let most = target.provider.patience(target.model, request.task());
        self.pace.timeout(target.provider.id(), &paced(target.model, request), most)
    }

    /// Goes on with what an earlier attempt has begun elsewhere.
    pub(super) async fn resume(&self, current: &Current, request: &Request, asking: &Asking<'_>) -> Option<Answered> {
        let Current { provider, model, key, state } = current;
        let unknown = || Tried {
            provider: provider.clone(),
            model: model.clone(),
            class: Refusal::Timeout.word().to_owned(),
            spend_unknown: true,
            ..Tried::default()
        };
        // From here on it is this provider's only chance: what it has taken it is not sent again.
        asking.trail.spend(provider);
        let known = state.as_ref().zip(self.provider(provider));
        let Some((state, provider)) = known else {
            asking.note(unknown());
            return None;
        };
        let key = match key {
            Some(id) => match self.keys.find(id) {
                Some(key) => Some(key),
                None => {
                    asking.note(unknown());
                    return None;
                }
            },
            None => None,
        };
        let resumed = self.resumed(provider, model, (key.as_ref(), state), request, asking).await;
        resumed.ok().filter(|answered| request.fits(&answered.content))
    }

    async fn resumed(
        &self,
        provider: &Arc<dyn Provider>,
        model: &str,
        (key, state): (Option<&Key>, &Value),
        request: &Request,
        asking: &Asking<'_>,
    ) -> Result<Answered, Failure> {
        let page = Page { trail: &asking.trail, provider: provider.id(), model, key: key.map(|key| key.id.as_str()) };
        let timeout = provider.patience(model, request.task()).min(asking.left());
        let call = Call { model, request, key, watch: asking.watch, timeout, journal: &page, resume: Some(state) };
        self.made(&Target { provider, model, last: true }, call, key, asking).await
    }

    /// `key`: whose the verdict is; that of a provider that wants none is nameless.
    async fn made(
        &self,
        target: &Target<'_>,
        call: Call<'_>,
        key: Option<&Key>,
        asking: &Asking<'_>,
    ) -> Result<Answered, Failure> {
        let (provider, model) = (target.provider.id(), target.model);
        let start = Instant::now();
        let limit = call.timeout.saturating_add(OVERTIME);
        let result = tokio::time::timeout(limit, target.provider.answer(call)).await;
        let result = result.unwrap_or_else(|_| Err(overdue(target.provider.title())));
        let took = start.elapsed();
        if let Some(key) = key {
            self.learn(target, &call, key, (took, &result)).await;
        }
        let (status, spend_unknown) = match &result {
            Err(Failure::Remote { status, spend_unknown, .. }) => (*status, *spend_unknown),
            _ => (None, false),
        };
        match &result {
            _ if spend_unknown => asking.trail.spend(provider),
            Err(Failure::Remote { .. }) => asking.trail.refused().await,
            _ => {}
        }
        // What is not set up was not tried.
        if !matches!(result, Err(Failure::Missing { .. })) {
            asking.note(Tried {
                provider: provider.to_owned(),
                model: model.to_owned(),
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                bytes: result.as_ref().map_or(0, |answered| answered.bytes),
                class: result.as_ref().map_or_else(Failure::class, |_| Tried::DONE).to_owned(),
                key: call.key.map(Key::tail),
                status,
                spend_unknown,
                task: Some(call.request.task().to_owned()),
            });
        }
        result
    }

    async fn learn(
        &self,
        target: &Target<'_>,
        call: &Call<'_>,
        key: &Key,
        (took, result): (Duration, &Result<Answered, Failure>),
    ) {
        let (provider, model) = (target.provider.id(), paced(target.model, call.request));
        let hurried = call.timeout < self.patience(target, call.request);
        match result {
            Ok(_) if call.resume.is_none() => self.pace.learned(provider, &model, took),
            Err(Failure::Remote { refusal: Refusal::Timeout, .. }) if !hurried => {
                self.pace.missed(provider, &model, took);
            }
            _ => {}
        }
        let verdict = Verdict::of(result.as_ref().err());
        if let Some(verdict) = verdict {
            self.keys.report(key, verdict).await;
        }
    }
}

/// What the pace of a model is remembered by: a long film says nothing about a short one.
fn paced(model: &str, request: &Request) -> String {
    format!("{model}/{}", request.effort().max(1).ilog2())
}

fn with_notice(mut answered: Answered, notice: Option<String>) -> Answered {
    answered.notices.extend(notice);
    answered
}

fn refused(title: &str, refusal: Refusal, after: Option<Duration>) -> Failure {
    Failure::Remote {
        provider: title.to_owned(),
        refusal,
        retry_after_s: after.map(|after| after.as_secs().max(1)),
        spend_unknown: false,
        status: None,
    }
}

/// No answer, although the call itself should have ended long before: whether it is paid is not known.
fn overdue(title: &str) -> Failure {
    Failure::Remote {
        provider: title.to_owned(),
        refusal: Refusal::Timeout,
        retry_after_s: None,
        spend_unknown: true,
        status: None,
    }
}

fn keyless(id: &str, title: &str, (none, unpaid): (NoKey, bool)) -> (Failure, Next) {
    match none {
        NoKey::None => (no_key(id), Next::OtherLink),
        NoKey::Resting { after } => (refused(title, Refusal::Rate, Some(after)), Next::OtherLink),
        NoKey::Retired if unpaid => (Failure::remote(title, Refusal::Payment), Next::OtherLink),
        NoKey::Retired => (Failure::remote(title, Refusal::BadKey), Next::OtherLink),
        NoKey::Cancelled => (Failure::Cancelled, Next::Stop),
    }
}
