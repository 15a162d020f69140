//! One call of a provider while it lasts: with which key, until when, what was sent and may have to be paid. Every
//! request of the call goes through here, and every failure gets its class and its word on money here.

use super::file::{Body, Op, Parse, Step};
use super::refusal::{self, Meaning};
use super::reply::Reply;
use super::request::{self, Part};
use super::send::{self, SendError};
use super::template::value::{Value, Values};
use super::{Declarative, PATIENCE};
use crate::media::{Failure, Refusal, Watch};
use crate::providers::Key;
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Largest answer of a step that is no download.
const MOST_BYTES: usize = 128 << 20;
/// What a call without an end gets.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How long one look may take, or an answer that was paid stand still while it is fetched.
const LOOK: Duration = Duration::from_secs(30);
/// Tries of a request that costs nothing, after something that did.
const TRIES: u32 = 3;
/// The pause before the second try; each later one is longer.
const PAUSE: Duration = Duration::from_millis(500);
/// How long it may take to tell that an answer is no longer wanted.
const CANCEL: Duration = Duration::from_secs(5);

/// One call of a provider.
pub struct Caller<'a> {
    /// The provider.
    pub house: &'a Declarative,
    /// Its base, filled in.
    pub base: String,
    /// The values of its variables.
    pub vars: BTreeMap<String, String>,
    /// The key as a value of templates.
    pub key: Option<Value>,
    /// Cancels the call.
    pub watch: &'a Watch,
    /// When it must be over.
    pub deadline: Instant,
    /// Never to be written down.
    secrets: Vec<SecretString>,
    /// Bytes received.
    bytes: AtomicU64,
    /// Something was sent that may have to be paid.
    paid: AtomicBool,
    /// It was taken.
    accepted: AtomicBool,
}

/// Whether a request may have to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// It only asks, or costs nothing.
    Free,
    /// It may be billed as soon as it is sent.
    Billed,
}

impl Cost {
    /// Of a step of an op.
    #[must_use]
    pub fn of(step: &Step, op: &Op) -> Self {
        if step.method == Method::GET || op.resubmit { Self::Free } else { Self::Billed }
    }
}

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy)]
enum Within {
    /// All of it.
    Whole(Duration),
    /// Each piece of it.
    Pieces(Duration),
}

impl<'a> Caller<'a> {
    /// A call that may take so long.
    ///
    /// # Errors
    /// [`Failure::Missing`] when a variable is not set that the provider needs.
    pub fn new(
        house: &'a Declarative,
        key: Option<&'a Key>,
        watch: &'a Watch,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let mut vars = BTreeMap::new();
        for (name, var) in &house.file.vars {
            let given = key.and_then(|key| key.vars.get(name)).map(|value| value.expose_secret().to_owned());
            match given.filter(|value| !value.is_empty()).or_else(|| var.default.clone()) {
                Some(value) => vars.extend([(name.clone(), value)]),
                None if var.optional => {}
                None => {
                    let names = var.env.join(" or ");
                    let message = format!("{} needs {names} beside its key", house.file.title);
                    return Err(Failure::Missing { message });
                }
            }
        }
        let shown = key.map(|key| key.value.expose_secret()).filter(|key| !key.is_empty());
        if shown.is_none() && !house.file.keys.is_empty() {
            return Err(Failure::Missing { message: format!("no key is set for {}", house.file.title) });
        }
        let plain: Values = vars.iter().map(|(name, value)| (name.clone(), Value::text(value.as_str()))).collect();
        let base = request::base(&house.file.base, &plain);
        let deadline = Instant::now().checked_add(timeout.min(LONGEST)).unwrap_or_else(Instant::now);
        let secrets = key.map(|key| key.vars.values().chain([&key.value]).cloned().collect()).unwrap_or_default();
        Ok(Self {
            house,
            base,
            vars,
            key: shown.map(Value::text),
            watch,
            deadline,
            secrets,
            bytes: AtomicU64::new(0),
            paid: AtomicBool::new(false),
            accepted: AtomicBool::new(false),
        })
    }

    /// Bytes received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that something paid was taken: an earlier attempt did, or this one.
    pub fn accepted(&self) {
        self.paid.store(true, Ordering::Relaxed);
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// Sends a step's request, and brings whatever the answer is.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn exchange(&self, step: &Step, part: &Part, cost: Cost) -> Result<Reply, Failure> {
        let request = request::of_step(self, step, part)?;
        let within = match &step.poll {
            Some(_) => Within::Whole(LOOK),
            None if cost == Cost::Free && part.last.is_some() => Within::Pieces(LOOK),
            None => Within::Whole(PATIENCE),
        };
        let received = self.fetch(request, MOST_BYTES, cost, within).await?;
        let success = (200..300).contains(&received.status);
        Ok(Reply::read(received.status, received.headers, received.body, step.parse, success))
    }

    /// Fetches a file of at most so many bytes. One that goes on coming may take all the time there is.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn download(&self, request: Request, most: usize) -> Result<send::Received, Failure> {
        self.fetch(request, most, Cost::Free, Within::Pieces(LOOK)).await
    }

    async fn fetch(
        &self,
        request: Request,
        most: usize,
        cost: Cost,
        within: Within,
    ) -> Result<send::Received, Failure> {
        let before = self.paid.load(Ordering::Relaxed);
        if cost == Cost::Billed {
            self.paid.store(true, Ordering::Relaxed);
        }
        let (end, silence) = match within {
            Within::Whole(time) => (self.deadline.min(Instant::now() + time), Duration::MAX),
            Within::Pieces(time) => (self.deadline, time),
        };
        let sending = timeout_at(end, send::send(&self.house.client, &self.house.hosts, request, most, silence));
        let sent = tokio::select! {
            () = self.watch.cancel.cancelled() => return Err(Failure::Cancelled),
            sent = sending => sent,
        };
        let error = match sent {
            Ok(Ok(received)) => {
                self.bytes.fetch_add(received.body.len() as u64, Ordering::Relaxed);
                return Ok(received);
            }
            // What is refused here has not left this machine; only what costs nothing follows redirects.
            Ok(Err(error @ (SendError::NotSent | SendError::NotAllowed(_)))) => {
                self.paid.store(before, Ordering::Relaxed);
                error
            }
            Ok(Err(error)) => error,
            Err(_) => {
                tracing::debug!(provider = self.house.file.id, "no answer in time");
                return Err(self.broken(Refusal::Timeout));
            }
        };
        tracing::debug!(provider = self.house.file.id, %error, "no answer");
        let refusal = match error {
            SendError::NotSent => Refusal::Busy,
            SendError::Cut | SendError::Silent => Refusal::Timeout,
            SendError::TooLarge(_) | SendError::NotAllowed(_) | SendError::Redirects => Refusal::BadResponse,
        };
        Err(self.broken(refusal))
    }

    /// Sends something that nobody waits for.
    pub async fn whisper(&self, request: Request) {
        let sending = send::send(&self.house.client, &self.house.hosts, request, MOST_BYTES, CANCEL);
        if let Ok(Err(error)) = tokio::time::timeout(CANCEL, sending).await {
            tracing::debug!(provider = self.house.file.id, %error, "the end of a job could not be told");
        }
    }

    /// An answer that may be gone on with: a good status, no rule against it, what the file says must be true.
    ///
    /// # Errors
    /// What the refusal means.
    pub fn judged(&self, reply: Reply, step: &Step) -> Result<Reply, Failure> {
        let good = fine(reply.status, step);
        if let Some(meaning) = refusal::by_rule(&self.house.file.errors, &reply, &step.name, good) {
            return Err(self.refused(meaning, &reply, step));
        }
        if !good {
            return Err(self.refused(refusal::by_status(&reply), &reply, step));
        }
        if !reply.readable || !step.ok_when.iter().all(|condition| reply.meets(condition)) {
            return Err(self.unusable(&reply, step));
        }
        Ok(reply)
    }

    /// An answer that nothing can be made of.
    #[must_use]
    pub fn unusable(&self, reply: &Reply, step: &Step) -> Failure {
        let meaning = Meaning { refusal: Refusal::BadResponse, retry_after_s: None };
        let failure = self.refused(meaning, reply, step);
        self.with_spend(failure, self.paid.load(Ordering::Relaxed))
    }

    /// A refusal, its own words put into the log.
    #[must_use]
    pub fn refused(&self, meaning: Meaning, reply: &Reply, step: &Step) -> Failure {
        let Meaning { refusal, retry_after_s } = meaning;
        let words = refusal::own_words(&self.house.file, reply, &self.secrets);
        let (provider, class) = (self.house.file.id.as_str(), refusal.word());
        tracing::warn!(provider, step = step.name, status = reply.status, class, words, "the provider refused");
        // A verdict on the request costs nothing; anything else after it was taken leaves the money open, and so does a
        // gateway that lost its patience.
        let verdict = matches!(refusal, Refusal::Policy | Refusal::Invalid | Refusal::TooBig | Refusal::Payment);
        let open = match refusal {
            Refusal::Timeout => self.paid.load(Ordering::Relaxed),
            _ => self.accepted.load(Ordering::Relaxed) && !verdict,
        };
        let provider = self.house.file.title.clone();
        Failure::Remote { provider, refusal, retry_after_s, spend_unknown: open, status: Some(reply.status) }
    }

    /// A failure without an answer.
    #[must_use]
    pub fn broken(&self, refusal: Refusal) -> Failure {
        let failure = Failure::remote(&self.house.file.title, refusal);
        self.with_spend(failure, self.paid.load(Ordering::Relaxed))
    }

    /// The same failure with another word on money.
    #[must_use]
    pub fn with_spend(&self, failure: Failure, open: bool) -> Failure {
        match failure {
            Failure::Remote { provider, refusal, retry_after_s, status, .. } => {
                Failure::Remote { provider, refusal, retry_after_s, status, spend_unknown: open }
            }
            other => other,
        }
    }

    /// When what costs nothing is to be asked again after a failure that passes: something was paid, and it is fetched
    /// as long as there is time.
    #[must_use]
    pub fn again(&self, failure: &Failure, tried: u32) -> Option<Instant> {
        let Failure::Remote { refusal, retry_after_s, .. } = failure else { return None };
        let pause = PAUSE * tried.min(20);
        let pause = match refusal {
            Refusal::Busy | Refusal::Timeout if tried < TRIES => pause,
            Refusal::Rate | Refusal::Loading => retry_after_s.map_or(pause, Duration::from_secs).max(PAUSE),
            _ => return None,
        };
        Some(Instant::now() + pause).filter(|at| *at < self.deadline)
    }

    /// The first of several failures; the money is open where it is for any of them.
    #[must_use]
    pub fn first_of(&self, first: Option<Failure>, next: Failure) -> Failure {
        let open = matches!(next, Failure::Remote { spend_unknown: true, .. });
        match first {
            Some(first @ Failure::Remote { .. }) if open => self.with_spend(first, true),
            Some(first) if !open => first,
            _ => next,
        }
    }

    /// Waits, unless the answer is no longer wanted or it is too late.
    ///
    /// # Errors
    /// [`Failure::Cancelled`], or a timeout.
    pub async fn wait_until(&self, at: Instant) -> Result<(), Failure> {
        if at > self.deadline {
            return Err(self.broken(Refusal::Timeout));
        }
        tokio::select! {
            () = self.watch.cancel.cancelled() => Err(Failure::Cancelled),
            () = tokio::time::sleep_until(at) => Ok(()),
        }
    }
}

/// Whether a status is a good one for a step.
#[must_use]
pub fn fine(status: u16, step: &Step) -> bool {
    (200..300).contains(&status) || step.ok_status.iter().any(|good| good.covers(status))
}

/// A step without a body, such as the end of a job.
#[must_use]
pub fn plain_step(method: Method, url: super::template::Text) -> Step {
    Step {
        name: "cancel".to_owned(),
        method,
        url,
        query: Vec::new(),
        headers: Vec::new(),
        body: Body::None,
        ok_status: Vec::new(),
        parse: Parse::Text,
        ok_when: Vec::new(),
        extract: Vec::new(),
        skip_when: None,
        poll: None,
    }
}
