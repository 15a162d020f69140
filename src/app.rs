//! The composition root: the only file that knows every room. It builds them from the configuration, joins them, starts
//! what runs, and ends it in order. It must not decide anything that a room could decide.

pub mod providers;
#[cfg(feature = "telegram")]
pub mod telegram;

use crate::accounts::{Accounts, Keys};
use crate::chain::trial::{KeyTrial, ModelTrial};
use crate::chain::{Chain, Unwritten};
use crate::config::Config;
use crate::db::{Clock, Db};
use crate::intake::Intake;
use crate::lettering::Letterer;
use crate::local::catalogue::Catalogue;
use crate::local::{DeviceSetting, Local, Paced};
use crate::media::{Answered, Failure, ImageRequest, Request, Watch};
use crate::pipeline::Pipeline;
use crate::providers::Provider;
use crate::providers::lettering::Lettering;
use crate::providers::local::LocalModels;
use crate::queue::{Queue, Worker};
use crate::statistics::Statistics;
use crate::storage::Storage;
use crate::{http, pipeline, telemetry};
use anyhow::{Context, Result};
use axum::Router;
use futures::FutureExt;
use providers::Remotes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long open connections may outlast the job in hand when the server ends.
const GOODBYE: Duration = Duration::from_secs(10);

/// Everyone who can answer, without a server: what `draw`, `bench` and `doctor` need.
pub struct Studio {
    local: Arc<Local>,
    chain: Arc<Chain>,
}

impl Studio {
    /// Reads the catalogue and puts the chain together. No engine is started yet. `allow_paths`: whether a model may be
    /// named by its path. `db`: where it is kept how the keys of providers stand.
    ///
    /// # Errors
    /// When the manifest is absent or wrong, a provider file or what is configured for it is wrong, or the route names
    /// what does not exist.
    pub async fn open(config: &Config, allow_paths: bool, db: Option<Db>) -> Result<Self> {
        let catalogue = Arc::new(Catalogue::read(&config.catalogue())?);
        let local = Arc::new(Local::new(config.local(), Arc::clone(&catalogue)));
        let lettering = Lettering::new(Letterer::new(config.lettering()));
        let models = LocalModels::new(Arc::clone(&local), catalogue, lettering, allow_paths);
        let mut providers: Vec<Arc<dyn Provider>> = vec![Arc::new(models)];
        let remotes = Remotes::read(config)?;
        for warning in &remotes.warnings {
            tracing::warn!("{warning}");
        }
        providers.extend(remotes.providers()?);
        let keys = remotes.keys(db).await?;
        let chain = Arc::new(Chain::new(config.chain(allow_paths), providers, keys)?);
        Ok(Self { local, chain })
    }

    /// The answer of the first of the route who has one.
    ///
    /// # Errors
    /// As [`Chain::ask`].
    pub async fn ask(&self, request: impl Into<Request>, watch: Watch) -> Result<Answered, Failure> {
        self.chain.ask(&request.into(), &watch, &Unwritten).await.result
    }

    /// Pictures of noise by random weights of SDXL's published shape, to see how long they take. The weights are
    /// written to the folder `save` when it is not empty.
    ///
    /// # Errors
    /// As [`Local::draw_synthetic`].
    pub async fn draw_synthetic(
        &self,
        model: &str,
        save: &Path,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        self.local.draw_synthetic(model, save, request, watch).await
    }

    /// How fast this machine reads speech with a model, or with random weights of its published shape, which are kept in
    /// the folder `save` if that is given.
    ///
    /// # Errors
    /// As [`Local::pace_speech`].
    pub async fn pace_speech(
        &self,
        model: &str,
        (synthetic, save): (bool, Option<&Path>),
        watch: Watch,
    ) -> Result<Paced, Failure> {
        if synthetic {
            return self.local.pace_synthetic_speech(model, save, watch).await;
        }
        self.local.pace_speech(model, watch).await
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

    /// Tries every key of a provider; one that works is used again.
    pub async fn try_keys(&self, provider: &str) -> Vec<KeyTrial> {
        self.chain.try_keys(provider).await
    }

    /// Tries every model of a provider, which may cost money.
    pub async fn try_models(&self, provider: &str) -> Vec<ModelTrial> {
        self.chain.try_models(provider).await
    }

    /// What a worker here can do that others perhaps cannot.
    fn capabilities(&self, config: &Config) -> Vec<String> {
        let mut tags: Vec<String> = self.chain.names().into_iter().map(|name| format!("model:{name}")).collect();
        if matches!(config.device, DeviceSetting::Cuda(_)) {
            tags.push("cuda".to_owned());
        }
        tags
    }

    fn warn_of_skipped_links(&self) {
        let skipped = self.chain.skipped();
        if !skipped.is_empty() {
            tracing::warn!("providers of the routes that have no key are skipped: {}", skipped.join(", "));
        }
    }

    /// Follows the file of the providers' keys and how they stand elsewhere, until `stop`.
    fn follow_keys(&self, stop: &CancellationToken) -> JoinHandle<()> {
        let (keys, stop) = (self.chain.keys().clone(), stop.clone());
        tokio::spawn(async move { keys.follow(stop).await })
    }

    /// Ends the engine.
    pub async fn close(&self) {
        self.local.shutdown().await;
    }
}

/// Everything that is written down and everyone who writes: the rooms behind the doors.
pub struct House {
    db: Db,
    queue: Queue,
    accounts: Accounts,
    storage: Arc<Storage>,
    /// What the doors call.
    pub intake: Intake,
}

impl House {
    /// Opens the database and the storage. `stop` ends the waiting of those who wait for an answer.
    ///
    /// # Errors
    /// When either cannot be used.
    pub async fn open(config: &Config, stop: &CancellationToken) -> Result<Self> {
        let db = Db::open(config.database(), Clock::system()).await?;
        let storage = Arc::new(Storage::open(config.storage(), db.clone()).await?);
        let queue = Queue::new(db.clone(), config.queue());
        let accounts = Accounts::new(db.clone(), config.accounts.clone());
        let intake = Intake::new(db.clone(), queue.clone(), accounts.clone(), Arc::clone(&storage), stop.child_token());
        Ok(Self { db, queue, accounts, storage, intake })
    }

    /// What was stored.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Starts a worker of this process; the task ends after `stop`, with the job in hand.
    fn employ(&self, studio: &Studio, config: &Config, stop: &CancellationToken) -> JoinHandle<()> {
        let worker = Worker::here(studio.capabilities(config));
        let pipeline = Pipeline {
            db: self.db.clone(),
            queue: self.queue.clone(),
            chain: Arc::clone(&studio.chain),
            storage: Arc::clone(&self.storage),
            accounts: self.accounts.clone(),
            statistics: Statistics::new(self.db.clone()),
            grace: config.grace,
            lanes: if studio.chain.remote() { config.parallel } else { 1 },
        };
        // The house is kept until the last word about the last job: others must see that this worker lives.
        let kept = CancellationToken::new();
        let stop = stop.clone();
        tokio::spawn(async move {
            let house = tokio::spawn(pipeline::keep_house(pipeline.clone(), worker.clone(), kept.clone()));
            pipeline::run(pipeline, worker, stop).await;
            kept.cancel();
            if let Err(error) = house.await {
                tracing::error!(%error, "the housekeeping broke");
            }
        })
    }
}

/// Claims jobs and does them until `stop`; then ends the job in hand, or hands it back, and the engine.
///
/// # Errors
/// When the database, the storage or the models cannot be used.
pub async fn work(config: &Config, stop: CancellationToken) -> Result<()> {
    let house = House::open(config, &stop).await?;
    let studio = Studio::open(config, false, Some(house.db.clone())).await?;
    studio.warn_of_skipped_links();
    let keys = studio.follow_keys(&stop);
    tracing::info!("working");
    house.employ(&studio, config, &stop).await.context("the worker broke")?;
    studio.close().await;
    keys.await.context("the follower of the providers' keys broke")?;
    Ok(())
}

/// Serves HTTP and the bot, each with a worker or without, until `stop`; then ends the job in hand, or hands it back, and the engine.
///
/// # Errors
/// When something cannot be had that the server needs, such as its address or its folder.
pub async fn serve(config: &Config, Doing { worker, bot }: Doing, stop: CancellationToken) -> Result<()> {
    let settings = config.http()?;
    // Whatever ends first ends the others: a server without its worker would only collect jobs.
    let stop = stop.child_token();
    let house = House::open(config, &stop).await?;
    let studio = Studio::open(config, false, Some(house.db.clone())).await?;
    studio.warn_of_skipped_links();
    let provider_keys = studio.follow_keys(&stop);
    let keys = Arc::new(Keys::open(house.db.clone(), &config.api_keys, config.rate_limit).await?);
    let (known, ended) = (Arc::clone(&keys), stop.clone());
    let follower = tokio::spawn(async move { known.follow(ended).await });
    let bot = Bot::start(config, bot, &house, &studio, &stop)?;
    let state = http::State {
        keys,
        accounts: house.accounts.clone(),
        intake: house.intake.clone(),
        storage: Arc::clone(&house.storage),
        models: Arc::clone(&studio.chain) as _,
        providers: Arc::clone(&studio.chain) as _,
        readiness: vec![("database", database_probe(&house.db)), ("engine", engine_probe(&studio.local))],
        statistics: Statistics::new(house.db.clone()),
        metrics: telemetry::metrics()?,
        beside: bot.webhook,
    };
    let works = worker.then(|| {
        let line = house.employ(&studio, config, &stop);
        let stop = stop.clone();
        tokio::spawn(async move {
            let ended = line.await;
            stop.cancel();
            ended
        })
    });
    if !worker {
        tracing::warn!("no worker here: requests wait in the line for another one");
    }
    let served = tokio::select! {
        served = http::serve(settings, state, stop.clone()) => served,
        // Whoever still sends or reads slowly has had the time of the job in hand.
        () = async { stop.cancelled().await; tokio::time::sleep(config.grace + GOODBYE).await } => Ok(()),
    };
    stop.cancel();
    if let Some(works) = works {
        works.await.context("the worker broke")?.context("the worker broke")?;
    }
    bot.runs.await.context("the Telegram bot broke")?;
    follower.await.context("the reader of API keys broke")?;
    provider_keys.await.context("the follower of the providers' keys broke")?;
    studio.close().await;
    Ok(served?)
}

/// What a server does beside HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Doing {
    /// Works on jobs.
    pub worker: bool,
    /// Serves the Telegram bot, where there is a token.
    pub bot: bool,
}

/// The bot at work, or nobody.
struct Bot {
    /// Where Telegram brings updates to.
    webhook: Router,
    runs: JoinHandle<()>,
}

impl Bot {
    #[cfg(feature = "telegram")]
    fn start(config: &Config, wanted: bool, house: &House, studio: &Studio, stop: &CancellationToken) -> Result<Self> {
        let bot = if wanted { telegram::open(config, house, studio)? } else { None };
        let Some(bot) = bot else { return Ok(Self::nobody()) };
        let webhook = bot.webhook().unwrap_or_default();
        Ok(Self { webhook, runs: tokio::spawn(bot.run(stop.clone())) })
    }

    #[cfg(not(feature = "telegram"))]
    fn start(config: &Config, wanted: bool, _: &House, _: &Studio, _: &CancellationToken) -> Result<Self> {
        if wanted && config.telegram.is_some() {
            tracing::warn!("this program was built without the Telegram bot");
        }
        Ok(Self::nobody())
    }

    fn nobody() -> Self {
        Self { webhook: Router::new(), runs: tokio::spawn(async {}) }
    }
}

fn engine_probe(local: &Arc<Local>) -> http::Probe {
    let local = Arc::clone(local);
    Arc::new(move || {
        let ready = local.probe().map_err(|failure| failure.to_string());
        async { ready }.boxed()
    })
}

fn database_probe(db: &Db) -> http::Probe {
    let db = db.clone();
    Arc::new(move || {
        let db = db.clone();
        async move { db.probe().await }.boxed()
    })
}
