//! Asks again and again until a job is done. What a status or a broken connection says about the asking says nothing
//! about the job, which may still run and be paid: asking goes on until the time is over.

use super::caller::{Caller, Cost, fine, plain_step};
use super::file::{Poll, Step, Unknown};
use super::refusal;
use super::reply::{self, Reply};
use super::request::{self, Part};
use crate::media::{Failure, Refusal};
use std::time::Duration;
use tokio::time::Instant;

/// A wait that a provider asks for between two looks is not longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Shortest pause, whatever a file says.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// What an answer says about the job.
enum State {
    Pending,
    Done,
    Failed,
}

/// Calls a step until the job is done.
///
/// # Errors
/// When it failed, is no longer wanted, or takes too long.
pub async fn poll(caller: &Caller<'_>, step: &Step, poll: &Poll, part: &Part) -> Result<Reply, Failure> {
    let start = Instant::now();
    let end = start.checked_add(seconds(poll.max_s)).map_or(caller.deadline, |end| end.min(caller.deadline));
    let mut next = start + seconds(poll.first_s);
    loop {
        let waited = if next > end { Err(caller.broken(Refusal::Timeout)) } else { caller.wait_until(next).await };
        let looked = match waited {
            Ok(()) => look(caller, step, poll, part).await,
            Err(failure) => Err(failure),
        };
        match looked {
            Ok((Some(reply), _)) => return Ok(reply),
            Ok((None, pause)) => next = Instant::now() + pause.max(seconds(poll.every_s)).max(SHORTEST_PAUSE),
            Err(failure) => {
                if gives_up(&failure) {
                    cancel(caller, poll, part).await;
                }
                return Err(failure);
            }
        }
    }
}

/// One look: the answer of a job that is done, or how long to wait.
async fn look(
    caller: &Caller<'_>,
    step: &Step,
    poll: &Poll,
    part: &Part,
) -> Result<(Option<Reply>, Duration), Failure> {
    let none = (None, Duration::ZERO);
    let reply = match caller.exchange(step, part, Cost::Free).await {
        Ok(reply) => reply,
        Err(Failure::Remote { refusal: Refusal::Busy | Refusal::Timeout, .. }) if Instant::now() < caller.deadline => {
            return Ok(none);
        }
        Err(failure) => return Err(failure),
    };
    let covered = |list: &[super::file::Status]| list.iter().any(|status| status.covers(reply.status));
    if covered(&poll.http_pending) {
        return Ok(none);
    }
    if covered(&poll.tolerate) {
        let told = refusal::by_status(&reply).retry_after_s.map_or(Duration::ZERO, Duration::from_secs);
        return Ok((None, told.min(LONGEST_PAUSE)));
    }
    if !fine(reply.status, step) || !reply.readable {
        return match caller.judged(reply, step) {
            Ok(_) => Ok(none),
            Err(failure) => later(failure),
        };
    }
    let state = state(poll, &reply);
    if let Some(meaning) = refusal::by_rule(&caller.house.file.errors, &reply, &step.name, true) {
        let failure = caller.refused(meaning, &reply, step);
        return if matches!(state, State::Pending) { later(failure) } else { Err(failure) };
    }
    match state {
        State::Pending => Ok(none),
        State::Done => caller.judged(reply, step).map(|reply| (Some(reply), Duration::ZERO)),
        // It says itself that it failed, so nothing is open about the money.
        State::Failed => Err(caller.with_spend(caller.unusable(&reply, step), false)),
    }
}

/// The asking was too often or too early, or a gateway gave up: the job is asked after again, when that was told.
fn later(failure: Failure) -> Result<(Option<Reply>, Duration), Failure> {
    match failure {
        Failure::Remote { refusal: Refusal::Rate | Refusal::Loading | Refusal::Timeout, retry_after_s, .. } => {
            Ok((None, retry_after_s.map_or(Duration::ZERO, Duration::from_secs).min(LONGEST_PAUSE)))
        }
        failure => Err(failure),
    }
}

fn state(poll: &Poll, reply: &Reply) -> State {
    if poll.state.is_empty() {
        return State::Done;
    }
    let found = reply::find(&reply.json, &poll.state);
    let among = |list: &[serde_json::Value]| {
        found.first().is_some_and(|found| list.iter().any(|wanted| reply::same(wanted, found)))
    };
    if among(&poll.done) {
        return State::Done;
    }
    if among(&poll.fail) {
        return State::Failed;
    }
    if among(&poll.pending) {
        return State::Pending;
    }
    match poll.unknown {
        Unknown::Pending => State::Pending,
        Unknown::Done => State::Done,
        Unknown::Fail => State::Failed,
    }
}

/// Whether the job may still run while nobody waits for it any more.
fn gives_up(failure: &Failure) -> bool {
    matches!(failure, Failure::Cancelled | Failure::Remote { refusal: Refusal::Timeout, .. })
}

/// Tells that the answer is no longer wanted, where there is a way to.
pub async fn cancel(caller: &Caller<'_>, poll: &Poll, part: &Part) {
    let Some((method, url)) = &poll.cancel else { return };
    // Another worker goes on with it.
    if caller.watch.handed_on() {
        return;
    }
    // A url that the provider did not give cannot be called.
    if url.slots().any(|slot| !part.values.contains_key(&slot.name)) {
        return;
    }
    if let Ok(request) = request::of_step(caller, &plain_step(method.clone(), url.clone()), part) {
        caller.whisper(request).await;
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(Duration::from_secs(7 * 24 * 3600))
}
