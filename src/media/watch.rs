//! How the one who asked looks on while an answer is made: signs of life one way, the wish to stop the other.

use super::Progress;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Goes with a request to whoever answers it. Cheap to clone; clones share the same ends.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Where signs of life go. Nobody needs to listen: a send that fails is no error.
    pub progress: UnboundedSender<Progress>,
    /// Cancelled when the answer is no longer wanted.
    pub cancel: CancellationToken,
}

impl Watch {
    /// A watch and the end where its progress arrives.
    #[must_use]
    pub fn new(cancel: CancellationToken) -> (Self, UnboundedReceiver<Progress>) {
        let (progress, arrives) = unbounded_channel();
        (Self { progress, cancel }, arrives)
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
