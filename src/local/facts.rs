//! What can be said of the engine without starting it: for readiness and for `samovar doctor`.

use super::{Local, binary, memory};
use crate::media::Failure;
use std::path::Path;

impl Local {
    /// Whether there is an engine to start: a look at the disk.
    ///
    /// # Errors
    /// [`Failure::Missing`] that says where it was looked for.
    pub fn probe(&self) -> Result<(), Failure> {
        let (engine, device) = (self.settings.engine.as_deref(), self.settings.device);
        binary::choose(engine, device, false, &binary::beside()).map(drop)
    }

    /// Bytes the engine may use now, what it holds already included.
    #[must_use]
    pub fn memory(&self) -> u64 {
        memory::available(Path::new("/"), self.settings.memory_limit, self.engine_pid())
    }

    /// Threads the engine computes with.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.settings.threads.unwrap_or_else(|| {
            let allowed = std::thread::available_parallelism().map_or(1, usize::from);
            sysinfo::System::physical_core_count().unwrap_or(allowed).clamp(1, allowed)
        })
    }
}
