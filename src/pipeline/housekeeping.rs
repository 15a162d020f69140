//! What is done now and then, by every worker: say that it lives, take up the jobs of those that do not, close orphans,
//! delete what is past its time.

use super::{Pipeline, cache, settle};
use crate::db::DbError;
use crate::media::Failure;
use crate::queue::Worker;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often orphans are closed and old things deleted.
const SWEEP: Duration = Duration::from_secs(3600);

/// Does it, at once and then again and again, until `stop`.
pub async fn keep_house(pipeline: Pipeline, worker: Worker, stop: CancellationToken) {
    // Beside each other: a long cleaning must not look like the end of this worker.
    tokio::join!(watch_over(&pipeline, &worker, &stop), clean_up(&pipeline, &stop));
}

async fn watch_over(pipeline: &Pipeline, worker: &Worker, stop: &CancellationToken) {
    let mut beat = tokio::time::interval(pipeline.queue.settings().lease / 5);
    loop {
        tokio::select! { () = stop.cancelled() => return, _ = beat.tick() => {} }
        if let Err(error) = take_up(pipeline, worker).await {
            tracing::warn!(%error, "the jobs of lost workers could not be looked for");
        }
    }
}

async fn clean_up(pipeline: &Pipeline, stop: &CancellationToken) {
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! { () = stop.cancelled() => return, _ = sweep.tick() => {} }
        if let Err(failure) = clean(pipeline).await {
            tracing::warn!(%failure, "what is past its time could not be deleted");
        }
    }
}

async fn take_up(pipeline: &Pipeline, worker: &Worker) -> Result<(), DbError> {
    pipeline.queue.register(worker).await?;
    let mut tx = pipeline.db.begin().await?;
    for job in pipeline.queue.take_up(&mut tx, worker).await? {
        settle::settle(&pipeline.accounts, &mut tx, &job, false).await?;
    }
    tx.commit().await?;
    pipeline.queue.length().await?;
    pipeline.queue.open_to_all().await
}

async fn clean(pipeline: &Pipeline) -> Result<(), Failure> {
    let closed = settle::close_orphans(pipeline).await?;
    let jobs = pipeline.queue.forget().await?;
    let results = cache::forget(pipeline).await?;
    let attempts = pipeline.statistics.forget(pipeline.queue.settings().keep_finished).await?;
    let files = pipeline.storage.sweep(pipeline.db.now()).await?;
    tracing::info!(
        closed,
        jobs,
        results,
        attempts,
        expired = files.expired,
        orphans = files.orphans,
        "holds without a job closed; jobs, kept answers, attempts and files past their time deleted"
    );
    Ok(())
}
