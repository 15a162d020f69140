//! Who looks on while a picture is drawn, and how far the job is.

use crate::engine::protocol::{EngineFailure, FailureClass};
use crate::engine::{Result, Watcher};
use crate::media::{Picture, Progress};
use std::cell::{Cell, RefCell};

/// Counts a job's steps and asks its [`Watcher`] whether to go on.
pub struct Looker<'a> {
    watch: RefCell<&'a mut dyn Watcher>,
    done: Cell<u32>,
    of: u32,
}

impl<'a> Looker<'a> {
    /// Looks on for `watch` at a job of `of` steps over all its pictures.
    pub fn new(watch: &'a mut dyn Watcher, of: usize) -> Self {
        Self { watch: RefCell::new(watch), done: Cell::new(0), of: u32::try_from(of).unwrap_or(u32::MAX) }
    }

    /// A sign of life between parts of a step.
    ///
    /// # Errors
    /// [`FailureClass::Cancelled`] when the job was cancelled.
    pub fn go_on(&self) -> Result<()> {
        self.tell(0, None)
    }

    /// A sign of life when `done` of `of` parts of the step in hand are done.
    ///
    /// # Errors
    /// As [`Self::go_on`].
    pub fn within(&self, done: usize, of: usize) -> Result<()> {
        let percent = u8::try_from(done * 100 / of.max(1)).unwrap_or(99);
        self.tell(percent.min(99), None)
    }

    /// Counts a finished step.
    ///
    /// # Errors
    /// As [`Self::go_on`].
    pub fn step(&self, preview: Option<Picture>) -> Result<()> {
        self.done.set(self.done.get() + 1);
        self.tell(0, preview)
    }

    fn tell(&self, percent: u8, preview: Option<Picture>) -> Result<()> {
        let mut watch = self.watch.borrow_mut();
        watch.progress(Progress { step: self.done.get(), of: self.of, percent, preview });
        if watch.cancelled() {
            return Err(EngineFailure::new(FailureClass::Cancelled, "cancelled"));
        }
        Ok(())
    }
}
