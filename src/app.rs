//! The composition root: the only file that knows every room. It builds them from the configuration, joins them, starts
//! what runs, and ends it in order. It must not decide anything that a room could decide.

use crate::chain::Chain;
use crate::config::Config;
use crate::db::{Clock, Db};
use crate::intake::Intake;
use crate::local::Local;
use crate::local::catalogue::Catalogue;
use crate::media::{Failure, ImageRequest, ImageResult, Watch};
use crate::providers::ImageMaker;
use crate::providers::local::LocalImages;
use crate::queue::{self, Queue};
use crate::statistics::Statistics;
use crate::storage::{Storage, Swept};
use crate::{http, pipeline, telemetry};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often results past their time are looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// Everyone who can answer, without a server: what `draw`, `bench` and `doctor` need.
pub struct Studio {
    local: Arc<Local>,
    chain: Arc<Chain>,
}

impl Studio {
    /// Reads the catalogue and puts the chain together. No engine is started yet. `allow_paths`: whether a model may be
    /// named by its path.
    ///
    /// # Errors
    /// When the manifest is absent or wrong, or the route names what does not exist.
    pub fn open(config: &Config, allow_paths: bool) -> Result<Self> {
        let catalogue = Arc::new(Catalogue::read(&config.catalogue())?);
        let local = Arc::new(Local::new(config.local(), Arc::clone(&catalogue)));
        let images = LocalImages::new(Arc::clone(&local), catalogue, allow_paths);
        let makers: Vec<Arc<dyn ImageMaker>> = vec![Arc::new(images)];
        let chain = Arc::new(Chain::new(&config.chain(allow_paths), makers)?);
        Ok(Self { local, chain })
    }

    /// Pictures from the first of the route who can make them.
    ///
    /// # Errors
    /// As [`Chain::image`].
    pub async fn draw(&self, request: ImageRequest, watch: Watch) -> Result<ImageResult, Failure> {
        self.chain.image(request, watch).await
    }

    /// Pictures of noise by random weights of SDXL's published shape, to see how long they take. The weights are
    /// written to the folder `save` when it is not empty.
    ///
    /// # Errors
    /// As [`Local::draw_synthetic`].
    pub async fn draw_synthetic(
        &self,
        save: &Path,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<ImageResult, Failure> {
        self.local.draw_synthetic(save, request, watch).await
    }

    /// One line about the engine, which is started for it.
    ///
    /// # Errors
    /// When no engine can be used.
    pub async fn engine(&self) -> Result<String, Failure> {
        self.local.device_line().await
    }

    /// Bytes the engine may use now.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.local.memory()
    }

    /// Threads the engine computes with.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.local.threads()
    }

    /// Ends the engine.
    pub async fn close(&self) {
        self.local.shutdown().await;
    }
}

/// Serves HTTP, with a worker or without, until `stop`; then ends the job in hand and the engine.
///
/// # Errors
/// When something cannot be had that the server needs, such as its address or its folder.
pub async fn serve(config: &Config, worker: bool, stop: CancellationToken) -> Result<()> {
    let settings = config.http()?;
    let studio = Studio::open(config, false)?;
    for link in studio.chain.skipped() {
        tracing::warn!("{link} of the route is skipped: it has no key");
    }
    let db = Db::open(config.database(), Clock::system()).await?;
    let storage = Arc::new(Storage::open(config.storage(), db.clone()).await?);
    let queue = Arc::new(Queue::new(queue::Settings::default()));
    let state = http::State {
        intake: Intake::new(Arc::clone(&queue)),
        storage: Arc::clone(&storage),
        models: Arc::clone(&studio.chain) as _,
        readiness: vec![("engine", probe(&studio.local))],
        statistics: Statistics::new(db.clone()),
        metrics: telemetry::metrics()?,
    };
    // Whatever ends first ends the others: a server without its worker would only collect jobs.
    let stop = stop.child_token();
    let sweeper = tokio::spawn(sweep(Arc::clone(&storage), db, stop.clone()));
    let works = worker.then(|| {
        let line = pipeline::run(queue, Arc::clone(&studio.chain), storage, stop.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            line.await;
            stop.cancel();
        })
    });
    if !worker {
        tracing::warn!("no worker: requests wait in the line until they are cancelled");
    }
    let served = http::serve(settings, state, stop.clone()).await;
    stop.cancel();
    if let Some(works) = works {
        works.await.context("the worker broke")?;
    }
    sweeper.await.context("the sweeper of old results broke")?;
    studio.close().await;
    Ok(served?)
}

fn probe(local: &Arc<Local>) -> http::Probe {
    let local = Arc::clone(local);
    Arc::new(move || local.probe().map_err(|failure| failure.to_string()))
}

/// Deletes results past their time, now and every hour.
async fn sweep(storage: Arc<Storage>, db: Db, stop: CancellationToken) {
    loop {
        match storage.sweep(db.now()).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::info!(expired = swept.expired, orphans = swept.orphans, "old files were deleted"),
            Err(failure) => tracing::warn!(%failure, "old files could not be deleted"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}
