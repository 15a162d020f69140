//! What the chain remembers of a job's request, kept with the job.

use super::Pipeline;
use crate::chain::Memo;
use crate::chain::memo::Remote;
use crate::media::Failure;
use crate::queue::{Claim, Held};
use async_trait::async_trait;

/// The memory of one attempt at a job.
pub(super) struct JobMemo<'a> {
    pub pipeline: &'a Pipeline,
    pub claim: &'a Claim,
}

#[async_trait]
impl Memo for JobMemo<'_> {
    fn kept(&self) -> Option<Remote> {
        // Another version's note may not be read; then its job is begun anew, as it would be without one.
        serde_json::from_str(self.claim.remote.as_deref()?).ok()
    }

    async fn keep(&self, remote: &Remote) -> Result<(), Failure> {
        let note = serde_json::to_string(remote)
            .map_err(|e| Failure::internal(format!("what was sent cannot be written down: {e}")))?;
        let (db, queue) = (&self.pipeline.db, &self.pipeline.queue);
        match db.retrying(|| queue.note(self.claim, &note)).await? {
            Held::Ours => Ok(()),
            Held::Cancelled => Err(Failure::Cancelled),
            // It goes on without this worker: nothing more is sent for it from here.
            Held::Lost => Err(Failure::Cancelled),
        }
    }
}
