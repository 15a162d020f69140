//! What can be told about a job: whose it is, where it stands, what came of it.

use crate::media::{Answer, Failure, JobId};
use std::sync::Arc;
use std::time::SystemTime;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Waits.
    Queued {
        /// 1 is next.
        position: usize,
        /// Expected seconds until it starts; `None` before anything was measured.
        eta_s: Option<u64>,
    },
    /// Is computed.
    Running {
        /// Steps finished.
        step: u32,
        /// Steps in all; 0 until the first sign of life.
        of: u32,
    },
    /// Answered.
    Done(Arc<Answer>),
    /// Not answered.
    Failed(Failure),
    /// Cancelled before it was answered.
    Cancelled,
}

impl State {
    pub(super) fn of(outcome: Result<Answer, Failure>) -> Self {
        match outcome {
            Ok(answer) => Self::Done(Arc::new(answer)),
            Err(Failure::Cancelled) => Self::Cancelled,
            Err(failure) => Self::Failed(failure),
        }
    }

    /// Whether nothing more will happen to the job.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Cancelled)
    }

    /// Its label in the metrics.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Queued { .. } | Self::Running { .. } => "open",
            Self::Done(_) => "done",
            Self::Failed(failure) => failure.class(),
            Self::Cancelled => "cancelled",
        }
    }
}

/// One job, as shown to its owner.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// The job.
    pub id: JobId,
    /// When it was submitted.
    pub created: SystemTime,
    /// Where it stands.
    pub state: State,
}
