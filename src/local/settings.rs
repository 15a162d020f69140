//! How engines are run.

use std::path::PathBuf;
use std::time::Duration;

/// What to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSetting {
    /// A card if its engine lies beside and starts, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA card of that ordinal, or nothing.
    Cuda(u32),
}

/// How engines are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The engine binary; `None`: beside this executable.
    pub engine: Option<PathBuf>,
    /// What to compute on.
    pub device: DeviceSetting,
    /// Threads of the engine; `None`: physical cores within the cgroup.
    pub threads: Option<usize>,
    /// Bytes the engine may use; `None`: what is free, within the cgroup.
    pub memory_limit: Option<u64>,
    /// When an engine without work ends; zero: never.
    pub idle_unload: Duration,
    /// When a silent engine is taken for dead, for 512×512 pixels; larger pictures get more in proportion.
    pub stall: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: None,
            device: DeviceSetting::Auto,
            threads: None,
            memory_limit: None,
            idle_unload: Duration::from_secs(600),
            stall: Duration::from_secs(600),
        }
    }
}
