//! The product: a claimed job becomes a question to the chain, its pictures become stored files, the files become the
//! job's answer, and what was held for it is charged in the same transaction.
//!
//! Owns the worker: what it claims, how long it holds on, what it does when it is told to stop. Must not know doors, and
//! of those who answer only the chain.

mod answer;
mod cache;
mod housekeeping;
mod memo;
mod settle;
mod work;

pub use housekeeping::keep_house;

use crate::accounts::Accounts;
use crate::chain::Chain;
use crate::db::Db;
use crate::queue::{Queue, Worker};
use crate::statistics::Statistics;
use crate::storage::Storage;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause after the database could not be asked for a job.
const WITHOUT_DATABASE: Duration = Duration::from_secs(1);

/// Everything a job needs on its way. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    /// Where everything is written down.
    pub db: Db,
    /// The line.
    pub queue: Queue,
    /// Who answers.
    pub chain: Arc<Chain>,
    /// Where pictures lie.
    pub storage: Arc<Storage>,
    /// Who pays.
    pub accounts: Accounts,
    /// What is counted.
    pub statistics: Statistics,
    /// How long the job in hand may go on after the worker was told to stop; then it is handed back.
    pub grace: Duration,
    /// Jobs at a time. The local engine has one of them; the others wait for it, or for providers elsewhere.
    pub lanes: usize,
}

/// Works off the line until `stop`. The jobs in hand then end, or go back into the line.
pub async fn run(pipeline: Pipeline, worker: Worker, stop: CancellationToken) {
    let lanes = (0..pipeline.lanes.max(1)).map(|_| lane(&pipeline, &worker, &stop));
    futures::future::join_all(lanes).await;
    if let Err(error) = pipeline.queue.leave(&worker).await {
        tracing::warn!(%error, "this worker could not be struck off; others will notice");
    }
}

/// One job after the other.
async fn lane(pipeline: &Pipeline, worker: &Worker, stop: &CancellationToken) {
    loop {
        let claim = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            claim = pipeline.queue.claim_next(worker) => claim,
        };
        match claim {
            Ok(claim) => {
                work::work(pipeline, &claim, stop).await;
                worker.leaves(&claim);
            }
            Err(error) => {
                tracing::error!(%error, "no job could be claimed");
                tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(WITHOUT_DATABASE) => {} }
            }
        }
    }
}
