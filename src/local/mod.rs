//! The parent's side of the engine process: which engine, whether a model fits, one job at a time, and what to do
//! when the engine dies. It must not know how models compute, nor who else could answer.
//!
//! The way of a job: [`catalogue`] says where the model lies, a file for each kind of job (`draw`, `upscale`, `transcribe`)
//! makes it ready for the engine, `seat` waits in line for it, `plan` says whether and how it fits, `supervise` talks to
//! the process that `child` keeps, `death` reads what it died of.

mod backoff;
mod binary;
pub mod catalogue;
mod cgroup;
mod child;
mod death;
mod draw;
mod effort;
mod facts;
mod flux_parts;
mod footprint;
mod memory;
mod pace;
mod plan;
mod seat;
mod settings;
mod supervise;
mod synthetic;
mod transcribe;
mod upscale;
mod work;

pub use pace::Paced;
pub use settings::{DeviceSetting, Settings};

use crate::engine::protocol::{BUILD_ID, DeviceChoice};
use crate::media::Failure;
use catalogue::Catalogue;
use seat::Seat;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Mutex;

/// The local models behind one supervised engine process.
pub struct Local {
    settings: Settings,
    catalogue: Arc<Catalogue>,
    /// The engine and what is known of it. Who holds this has the engine; others wait in line.
    seat: Arc<Mutex<Seat>>,
    pid: Arc<AtomicU32>,
}

impl Local {
    /// Nothing is started before the first job.
    #[must_use]
    pub fn new(settings: Settings, catalogue: Arc<Catalogue>) -> Self {
        Self { settings, catalogue, seat: Arc::default(), pid: Arc::default() }
    }

    /// The number of the engine process, `None` while there is none.
    #[must_use]
    pub fn engine_pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// One line about the engine for people: device, binary, build, memory. Starts one if none runs.
    ///
    /// # Errors
    /// When no engine can be used.
    pub async fn device_line(&self) -> Result<String, Failure> {
        let mut seat = self.seat.lock().await;
        let choice = self.choose(&mut seat).await?;
        let engine = self.engine_of(&mut seat, &choice).await?;
        let device = seat.device.clone().unwrap_or_else(|| match choice.device {
            DeviceChoice::Cpu => format!("cpu ({} threads)", self.threads()),
            DeviceChoice::Cuda(n) => format!("cuda:{n}"),
        });
        let available = memory::available(Path::new("/"), self.settings.memory_limit, Some(engine.pid()));
        let line =
            format!("{device}, {}, build {BUILD_ID}, {} MiB available", engine.binary.display(), available >> 20);
        seat.engine = Some(engine);
        self.unload_when_idle(&mut seat);
        Ok(line)
    }

    /// Ends the engine after the job in hand; cancel that first where it should not be waited for.
    pub async fn shutdown(&self) {
        let mut seat = self.seat.lock().await;
        if let Some(unloader) = seat.unloader.take() {
            unloader.abort();
        }
        if let Some(engine) = seat.engine.take() {
            engine.end().await;
        }
    }
}

/// What an engine that answers with another kind of output is called.
fn unexpected() -> Failure {
    Failure::Crashed { message: "it answered an order with something else".to_owned() }
}
