//! Whoever wants to know what came of parcels, and how they hear of it: again and again until it works.

use super::rows::{self, Untold};
use crate::db::Db;
use crate::media::{Failure, JobId};
use crate::telegram::parcel::{Parcel, Place, Urgency};
use async_trait::async_trait;

/// Whoever wants to know what came of parcels. Everything may be told more than once.
#[async_trait]
pub trait Onward: Send + Sync {
    /// The answer of a job has arrived. `receipt` says where.
    async fn arrived(&self, job: JobId, receipt: &str) -> Result<(), Failure>;

    /// The answer of a job can never arrive.
    async fn unreachable(&self, job: JobId, reason: &str) -> Result<(), Failure>;

    /// A message may have arrived or not. What is returned is sent after it, under a key of the outbox's own; a press
    /// of a button there may have it sent again by [`super::Outbox::resend`].
    async fn unsure(&self, lost: Lost) -> Result<Option<Parcel>, Failure>;
}

/// A message that may have arrived or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// What the outbox calls it.
    pub parcel: i64,
    /// Where it was to arrive.
    pub place: Place,
    /// Whether it was a result.
    pub was_result: bool,
    /// The job whose answer it is.
    pub job: Option<JobId>,
}

/// How keys of questions begin that follow messages of which nothing is known. They ask no such question themselves.
const QUESTION: &str = "unsure:";

/// Whether a parcel is a question whether another one arrived: sent twice it does no harm.
pub(super) fn is_question(key: &str) -> bool {
    key.starts_with(QUESTION)
}

/// Tells of everything of a chat that is untold. What follows from it stands in the outbox afterwards.
pub(super) async fn tell(db: &Db, onward: &dyn Onward, chat: i64) -> Result<(), Failure> {
    for untold in rows::untold(db, chat).await? {
        let follows = tell_of(onward, &untold).await?;
        rows::told(db, untold.id, follows.as_ref()).await?;
    }
    Ok(())
}

async fn tell_of(onward: &dyn Onward, untold: &Untold) -> Result<Option<Parcel>, Failure> {
    match (untold.state.as_str(), untold.job) {
        ("sent", Some(job)) => {
            let message = untold.message.unwrap_or_default();
            onward.arrived(job, &format!("telegram:{}/{message}", untold.place.chat)).await?;
        }
        ("refused", Some(job)) => onward.unreachable(job, &untold.reason).await?,
        // Nobody misses a status, so nobody is asked about one.
        ("unsure", job) if !is_question(&untold.key) && untold.urgency != Urgency::Status => {
            let was_result = untold.urgency == Urgency::Result;
            let lost = Lost { parcel: untold.id, place: untold.place, was_result, job };
            // Each time anew: it may be asked again after it was sent again.
            let key = format!("{QUESTION}{}:{}", untold.id, untold.attempts);
            return Ok(onward.unsure(lost).await?.map(|parcel| Parcel { key, ..parcel }));
        }
        _ => {}
    }
    Ok(None)
}
