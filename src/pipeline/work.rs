//! One claimed job, from the claim to the last word about it: held by heartbeats, stopped when it must be, ended once.

use super::answer::{Outcome, answer};
use super::{Pipeline, settle};
use crate::db::Passing;
use crate::media::{Failure, Watch};
use crate::queue::{Claim, Finished, Held, Standing, State};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often progress is written down at most.
const PROGRESS: Duration = Duration::from_millis(300);

/// Why the work on a job was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// Its owner or an admin wished so.
    Cancelled,
    /// It went on without this worker.
    Lost,
    /// The worker has to end.
    NoTime,
}

pub(super) async fn work(pipeline: &Pipeline, claim: &Claim, stop: &CancellationToken) {
    let (outcome, stopped) = hold(pipeline, claim, stop).await;
    log(claim, &outcome, stopped);
    if stopped == Some(Stopped::NoTime) && outcome.result == Err(Failure::Cancelled) {
        match pipeline.db.retrying(|| pipeline.queue.hand_back(claim, &outcome.tried)).await {
            Ok(true) => return,
            // Somebody cancelled it meanwhile, or it is lost: the last word tells.
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(job = %claim.id, %error, "the job could not be handed back; its lease will end");
                return;
            }
        }
    }
    let counts = stopped != Some(Stopped::Lost) && conclude(pipeline, claim, &outcome, stop).await;
    if !counts {
        outcome.discard(&pipeline.storage).await;
    }
}

/// Does the work, renewing the lease meanwhile.
async fn hold(pipeline: &Pipeline, claim: &Claim, stop: &CancellationToken) -> (Outcome, Option<Stopped>) {
    let (watch, mut arrives) = Watch::new(CancellationToken::new());
    let own = watch.clone();
    let mut news = pipeline.db.listen();
    // A task of its own: it goes on while the lease is renewed, which waits for a transaction that it may hold; and a
    // panic in it does not end the worker.
    let mut job = tokio::spawn({
        let (pipeline, claim) = (pipeline.clone(), claim.clone());
        async move { answer(&pipeline, &claim, watch).await }
    });
    let third = pipeline.queue.settings().lease / 3;
    let mut beat = tokio::time::interval_at(Instant::now() + third, third);
    let mut told = Instant::now();
    let (mut step, mut of, mut stopped) = (0, 0, None);
    let no_time = async {
        stop.cancelled().await;
        tokio::time::sleep(pipeline.grace).await;
    };
    tokio::pin!(no_time);
    loop {
        let held = tokio::select! {
            outcome = &mut job => return (outcome.unwrap_or_else(|_| Outcome::broken()), stopped),
            () = &mut no_time, if stopped.is_none() => {
                stopped = Some(Stopped::NoTime);
                own.hand_on();
                continue;
            }
            Some(progress) = arrives.recv() => {
                (step, of) = (progress.step, progress.of);
                if told.elapsed() < PROGRESS && step < of && step > 1 {
                    continue;
                }
                told = Instant::now();
                pipeline.queue.heartbeat(claim, step, of).await
            }
            _ = beat.tick() => pipeline.queue.heartbeat(claim, step, of).await,
            () = pipeline.queue.may_have_to_stop(&mut news, claim), if stopped.is_none() => pipeline.queue.held(claim).await,
        };
        match held {
            Ok(Held::Ours) => {}
            Ok(Held::Cancelled) => stopped = Some(stopped.unwrap_or(Stopped::Cancelled)),
            Ok(Held::Lost) => stopped = Some(Stopped::Lost),
            // The lease runs on meanwhile; whether it was lost will be told when the database is back.
            Err(error) => tracing::warn!(job = %claim.id, %error, "the lease could not be renewed"),
        }
        match stopped {
            Some(Stopped::Cancelled) => own.cancel.cancel(),
            // Somebody else has the job, or will have it.
            Some(Stopped::Lost | Stopped::NoTime) => own.hand_on(),
            None => {}
        }
    }
}

/// Writes down what came of it, and settles the account. `false` when the answer does not count: the job had gone on
/// without this worker, or was cancelled.
async fn conclude(pipeline: &Pipeline, claim: &Claim, outcome: &Outcome, stop: &CancellationToken) -> bool {
    loop {
        match pipeline.db.retrying(|| write_down(pipeline, claim, outcome)).await {
            Ok(Finished::Lost) => {
                tracing::warn!(job = %claim.id, attempt = claim.attempt, "the job had gone on without this worker");
                return false;
            }
            Ok(Finished::Requeued) => return true,
            Ok(Finished::Ended(ended)) => {
                return outcome.result.is_err() || ended.first().is_none_or(|end| end.standing == Standing::Done);
            }
            // The answer is here and stays here: the database may take its time to come back. Not so a worker that has
            // to end; what it stored expires.
            Err(failure) if failure.passes() => {
                if stop.is_cancelled() {
                    return true;
                }
                tracing::error!(job = %claim.id, %failure, "the end of the job waits for the database");
            }
            Err(failure) => {
                tracing::error!(job = %claim.id, %failure, "the end of the job could not be written down; its lease will end");
                return true;
            }
        }
    }
}

async fn write_down(pipeline: &Pipeline, claim: &Claim, outcome: &Outcome) -> Result<Finished, Failure> {
    let mut tx = pipeline.db.begin().await?;
    for tried in &outcome.tried {
        let task = tried.task.as_deref().unwrap_or(&claim.task);
        pipeline.statistics.record(&mut tx, claim.id, task, tried).await?;
    }
    let finished = match &outcome.result {
        Err(failure @ Failure::Unavailable { .. }) => {
            pipeline.queue.retry(&mut tx, claim, failure.clone(), &outcome.tried).await?
        }
        result => {
            let end = match result {
                Ok(answer) => State::Done(Arc::clone(answer)),
                Err(Failure::Cancelled) => State::Cancelled,
                Err(failure) => State::Failed(failure.clone()),
            };
            pipeline.queue.finish(&mut tx, claim, end, &outcome.tried).await?
        }
    };
    if let Finished::Ended(ended) = &finished {
        for job in ended {
            settle::settle(&pipeline.accounts, &mut tx, job, outcome.cached()).await?;
        }
    }
    // A job that goes on without this worker keeps nothing of it, not even the statistics.
    if finished != Finished::Lost {
        tx.commit().await?;
    }
    Ok(finished)
}

fn log(claim: &Claim, outcome: &Outcome, stopped: Option<Stopped>) {
    let (job, attempt) = (claim.id, claim.attempt);
    for tried in &outcome.tried {
        tracing::info!(%job, attempt, task = claim.task, provider = tried.provider, model = tried.model,
            took_ms = tried.took_ms, bytes = tried.bytes, class = tried.class, "asked");
    }
    match &outcome.result {
        Ok(answer) => tracing::info!(%job, provider = answer.provenance.provider, model = answer.provenance.model,
            fallback_reason = answer.provenance.fallback_reason, from_cache = answer.from_cache, "job answered"),
        Err(Failure::Cancelled) => tracing::info!(%job, ?stopped, "job stopped"),
        Err(failure) => tracing::warn!(%job, class = failure.class(), %failure, "job failed"),
    }
}
