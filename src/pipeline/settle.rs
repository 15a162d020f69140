//! The money and the quota of a job that is over.

use super::Pipeline;
use crate::accounts::Accounts;
use crate::db::{DbError, Tx};
use crate::media::Door;
use crate::queue::{Ended, Standing};

/// How long an answer may be on its way to its owner before what was held for it is given back, in milliseconds.
const DELIVERY: i64 = 24 * 3_600_000;

/// Charges for an answer that has been delivered by being there, gives back what was held for anything else but an
/// answer that its door has yet to deliver.
pub(super) async fn settle(accounts: &Accounts, tx: &mut Tx, job: &Ended, from_cache: bool) -> Result<(), DbError> {
    match (job.standing, job.door) {
        (Standing::Done, _) if from_cache => accounts.release(tx, job.id, "answered from the storage").await,
        (Standing::Done, Door::Http) => accounts.charge(tx, job.id, "stored").await,
        (Standing::Done, Door::Telegram) | (Standing::Open, _) => Ok(()),
        (Standing::Failed, _) => accounts.release(tx, job.id, "failed").await,
        (Standing::Cancelled, _) => accounts.release(tx, job.id, "cancelled").await,
    }
}

/// Closes what a crash or a silent door left pending. Returns how many were closed.
pub(super) async fn close_orphans(pipeline: &Pipeline) -> Result<u64, DbError> {
    let mut tx = pipeline.db.begin().await?;
    let mut closed = 0;
    for (id, _) in pipeline.accounts.pending(&mut tx).await? {
        match pipeline.queue.standing(&mut tx, id).await? {
            None => pipeline.accounts.release(&mut tx, id, "the job is no longer kept").await?,
            Some((job, _)) if job.standing == Standing::Open => continue,
            Some((job, finished)) if job.standing == Standing::Done && job.door == Door::Telegram => {
                if tx.now() - finished < DELIVERY {
                    continue;
                }
                pipeline.accounts.release(&mut tx, id, "not delivered within a day").await?;
            }
            Some((job, _)) => settle(&pipeline.accounts, &mut tx, &job, false).await?,
        }
        closed += 1;
    }
    tx.commit().await?;
    Ok(closed)
}
