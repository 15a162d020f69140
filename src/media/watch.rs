//! How the one who asked looks on while an answer is made: signs of life one way, the wish to stop the other.

use super::Progress;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Goes with a request to whoever answers it. Cheap to clone; clones share the same ends.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Where signs of life go. Nobody needs to listen: a send that fails is no error.
    pub progress: UnboundedSender<Progress>,
    /// Cancelled when the answer is no longer wanted, or no longer here.
    pub cancel: CancellationToken,
    /// Whether somebody else goes on with it.
    handed_on: Arc<AtomicBool>,
}

impl Watch {
    /// A watch and the end where its progress arrives.
    #[must_use]
    pub fn new(cancel: CancellationToken) -> (Self, UnboundedReceiver<Progress>) {
        let (progress, arrives) = unbounded_channel();
        (Self { progress, cancel, handed_on: Arc::default() }, arrives)
    }

    /// Ends the work here, but not the wish: another worker goes on with what was begun elsewhere.
    pub fn hand_on(&self) {
        self.handed_on.store(true, Ordering::Relaxed);
        self.cancel.cancel();
    }

    /// Whether what was begun elsewhere must be left as it is.
    #[must_use]
    pub fn handed_on(&self) -> bool {
        self.handed_on.load(Ordering::Relaxed)
    }

    /// For callers who neither look on nor cancel.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(CancellationToken::new()).0
    }

    /// Passes a sign of life on.
    pub fn tell(&self, progress: Progress) {
        // The listener may have left: the work goes on all the same.
        let _ = self.progress.send(progress);
    }
}
