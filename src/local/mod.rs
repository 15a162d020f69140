//! The parent's side of the engine process: which engine, whether a model fits, one job at a time, and what to do
//! when the engine dies. It must not know how models compute, nor who else could answer.
//!
//! The way of a job: [`catalogue`] says where the model lies, `plan` whether and how it fits, `supervise` talks to
//! the process that `child` keeps, `death` reads what it died of.

mod backoff;
mod binary;
pub mod catalogue;
mod cgroup;
mod child;
mod death;
mod facts;
mod footprint;
mod memory;
mod plan;
mod settings;
mod supervise;
mod synthetic;
mod work;

pub use settings::{DeviceSetting, Settings};

use crate::engine::protocol::{BUILD_ID, DeviceChoice, DrawOutput, FailureClass, ModelSpec, Order, Report, Stats};
use crate::media::{Answered, Content, Drawing, Failure, ImageRequest, ImageResult, Provenance, Timings, Watch};
use backoff::Backoff;
use binary::Choice;
use catalogue::{Catalogue, Defaults, Family, Located};
use plan::Plan;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use supervise::{Answer, Engine, Patience};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use work::{Measured, Work};

/// A start that is due later than this is not waited for: somebody else may answer sooner.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The local models behind one supervised engine process.
pub struct Local {
    settings: Settings,
    catalogue: Arc<Catalogue>,
    /// The engine and what is known of it. Who holds this has the engine; others wait in line.
    seat: Arc<Mutex<Seat>>,
    pid: Arc<AtomicU32>,
}

#[derive(Default)]
struct Seat {
    engine: Option<Engine>,
    backoff: Backoff,
    /// Peaks of engines that drew this before, or more than there was when it killed one.
    measured: HashMap<Measured, u64>,
    cuda_refused: bool,
    device: Option<String>,
    unloader: Option<JoinHandle<()>>,
}

impl Local {
    /// Nothing is started before the first job.
    #[must_use]
    pub fn new(settings: Settings, catalogue: Arc<Catalogue>) -> Self {
        Self { settings, catalogue, seat: Arc::default(), pid: Arc::default() }
    }

    /// Draws with a manifest's model or, with `allow_path`, one given by its path. Jobs wait in line; cancelling
    /// `watch` ends the wait or the work. Dropping the future kills the engine if it was at work.
    ///
    /// # Errors
    /// [`Failure::Missing`] (model or engine), `OutOfMemory` (planned or real), `Crashed`, `Timeout`, `BadOutput`,
    /// `Busy` while the engine keeps dying, `Cancelled`, `Invalid` where the model says so.
    pub async fn draw(
        &self,
        model: &str,
        allow_path: bool,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let located = self.catalogue.locate(model, allow_path)?;
        if located.family != Family::Sdxl {
            let message = format!("'{}' is not a model that this version can draw with", located.name);
            return Err(Failure::Missing { message });
        }
        let Located { name, path, vae, taesd, clip_vocabulary, defaults, .. } = located;
        let spec = ModelSpec { name, path, vae, taesd, clip_vocabulary, synthetic: false, device: DeviceChoice::Cpu };
        self.draw_with(spec, defaults, request, watch).await
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

    pub(super) async fn draw_with(
        &self,
        spec: ModelSpec,
        defaults: Defaults,
        request: &ImageRequest,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let started = Instant::now();
        let mut work = tokio::task::spawn_blocking({
            let request = request.clone();
            move || Work::new(spec, defaults, request)
        })
        .await
        .map_err(|e| Failure::internal(format!("the memory plan failed: {e}")))?;
        let mut seat = tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(Failure::Cancelled),
            seat = self.seat.lock() => seat,
        };
        self.rest(&seat, &watch).await?;
        let choice = self.choose(&mut seat).await?;
        work.spec.device = choice.device;
        let (plan, outcome) = loop {
            let plan = self.plan(&mut seat, &mut work)?;
            let engine = self.engine_for(&mut seat, &choice, &work.spec).await?;
            let outcome = self.run(&mut seat, engine, &work, &watch).await;
            let outcome = self.settle(&mut seat, &work, &plan, outcome);
            // A card that is full leaves its engine alive. What a card has is not known here, so the ladder is gone
            // down by trying; each rung is tried once.
            let full = matches!(outcome, Err(Failure::OutOfMemory { .. })) && seat.engine.is_some();
            if !(full && plan.available == plan::UNKNOWN) {
                break (plan, outcome);
            }
        };
        outcome.map(|(output, load_s, stats)| {
            let timings = Timings { load_s, total_s: started.elapsed().as_secs_f64(), ..output.timings };
            let notices = plan.notices.into_iter().chain(output.notices).collect();
            let drawing = Drawing {
                steps: output.steps,
                guidance: output.guidance,
                mode: output.mode,
                decoder: output.decoder,
                timings,
                peak_rss_bytes: stats.peak_rss,
            };
            Answered {
                content: Content::Pictures(ImageResult { pictures: output.pictures, drawing: Some(drawing) }),
                provenance: Provenance { provider: "local".to_owned(), model: work.spec.name, fallback_reason: None },
                notices,
                bytes: 0,
            }
        })
    }

    /// Waits until an engine that keeps dying may be started again.
    async fn rest(&self, seat: &Seat, watch: &Watch) -> Result<(), Failure> {
        let left = seat.backoff.left(Instant::now());
        if left > LONGEST_WAIT {
            let deaths = seat.backoff.deaths();
            return Err(Failure::Busy {
                message: format!("the local engine died {deaths} times in a row and rests before the next start"),
                retry_after_s: Some(left.as_secs() + 1),
            });
        }
        tokio::select! {
            () = watch.cancel.cancelled() => Err(Failure::Cancelled),
            () = tokio::time::sleep(left) => Ok(()),
        }
    }

    /// Which engine serves; one for a card is started here, for only that shows whether it can be.
    async fn choose(&self, seat: &mut Seat) -> Result<Choice, Failure> {
        let beside = binary::beside();
        let choose = |refused| binary::choose(self.settings.engine.as_deref(), self.settings.device, refused, &beside);
        let choice = choose(seat.cuda_refused)?;
        if !choice.optional || seat.engine.is_some() {
            return Ok(choice);
        }
        match self.start(&choice).await {
            Ok(engine) => {
                seat.engine = Some(engine);
                Ok(choice)
            }
            Err(failure) => {
                tracing::warn!("no CUDA card will be used, the processor takes over: {failure}");
                seat.cuda_refused = true;
                choose(true)
            }
        }
    }

    fn plan(&self, seat: &mut Seat, work: &mut Work) -> Result<Plan, Failure> {
        let available = match work.spec.device {
            DeviceChoice::Cuda(_) => plan::UNKNOWN,
            DeviceChoice::Cpu => {
                // The other VAE is for half precision, which a processor does not compute in.
                work.spec.vae = None;
                let pid = seat.engine.as_ref().map(Engine::pid);
                memory::available(Path::new("/"), self.settings.memory_limit, pid)
            }
        };
        let measured = |rung| seat.measured.get(&work.measured(rung)).copied();
        let plan = match plan::plan(&work.footprint, work.wish, available, measured) {
            Err(_) if available == plan::UNKNOWN => {
                // Others may give the card's memory back: the next job tries the whole ladder again.
                seat.measured.retain(|of, _| of.model != work.spec);
                return Err(Failure::OutOfMemory { needed: 0, available: 0 });
            }
            plan => plan?,
        };
        work.job.tiled = plan.rung.tiled;
        work.job.drop_text_encoders = plan.rung.drop_text_encoders;
        work.job.decoder = plan.rung.decoder;
        Ok(plan)
    }

    /// An engine that has this model, or nothing, in memory. Another model's engine is ended: only that gives all
    /// its memory back.
    async fn engine_for(&self, seat: &mut Seat, choice: &Choice, spec: &ModelSpec) -> Result<Engine, Failure> {
        if let Some(engine) = seat.engine.take_if(|e| e.resident.as_ref().is_some_and(|resident| resident != spec)) {
            engine.end().await;
        }
        self.engine_of(seat, choice).await
    }

    async fn engine_of(&self, seat: &mut Seat, choice: &Choice) -> Result<Engine, Failure> {
        if let Some(mut engine) = seat.engine.take()
            && engine.device == choice.device
            && engine.lives()
        {
            return Ok(engine);
        }
        self.start(choice).await
    }

    async fn start(&self, choice: &Choice) -> Result<Engine, Failure> {
        Engine::start(choice, self.threads(), Arc::clone(&self.pid)).await
    }

    /// Loads if need be, draws, and puts the engine back if it is fit for more.
    async fn run(
        &self,
        seat: &mut Seat,
        mut engine: Engine,
        work: &Work,
        watch: &Watch,
    ) -> Result<(DrawOutput, f64, Stats), Failure> {
        let mut patience = Patience::new(self.settings.stall, work.wish.pixels);
        let mut seconds = 0.0;
        if engine.resident.as_ref() != Some(&work.spec) {
            let id = engine.next_id();
            let order = Order::Load { id, model: work.spec.clone() };
            // Loading says nothing about the speed of steps.
            let (mut loaded, answer) = engine.ask((id, order), watch, &mut patience.clone()).await?;
            match answer {
                Answer::Done(Report::Ready { load_s, device, .. }) => {
                    loaded.resident = Some(work.spec.clone());
                    seat.device = Some(device);
                    seconds = load_s;
                }
                answer => return Err(self.put_back(seat, loaded, answer)),
            }
            engine = loaded;
        }
        let id = engine.next_id();
        let order = Order::Draw { id, job: work.job.clone() };
        let (mut engine, answer) = engine.ask((id, order), watch, &mut patience).await?;
        match answer {
            Answer::Done(Report::Done { output, stats, .. }) => {
                let rose = stats.peak_rss > engine.stats.peak_rss;
                engine.stats = stats;
                if rose {
                    seat.measured.insert(work.measured(work.rung()), stats.peak_rss);
                }
                seat.engine = Some(engine);
                self.unload_when_idle(seat);
                Ok((output, seconds, stats))
            }
            answer => Err(self.put_back(seat, engine, answer)),
        }
    }

    /// Keeps an engine that answered with a failure, unless it broke; gives the failure in the words of this side.
    fn put_back(&self, seat: &mut Seat, engine: Engine, answer: Answer) -> Failure {
        let Answer::Failed(failure) = answer else {
            return Failure::Crashed { message: "it answered an order with something else".to_owned() };
        };
        let message = failure.message;
        if failure.class == FailureClass::Crashed {
            // Dropped: whatever a panic left behind goes with it.
            return Failure::Crashed { message };
        }
        seat.engine = Some(engine);
        self.unload_when_idle(seat);
        match failure.class {
            FailureClass::Invalid => Failure::Invalid { param: None, message },
            FailureClass::Missing => Failure::Missing { message },
            FailureClass::BadOutput => Failure::BadOutput { message },
            FailureClass::Cancelled => Failure::Cancelled,
            FailureClass::OutOfMemory => {
                tracing::warn!("the engine found no memory: {message}");
                Failure::OutOfMemory { needed: 0, available: 0 }
            }
            FailureClass::Crashed => Failure::Crashed { message },
        }
    }

    /// Learns from how it went.
    fn settle<T>(
        &self,
        seat: &mut MutexGuard<'_, Seat>,
        work: &Work,
        plan: &Plan,
        outcome: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match &outcome {
            Ok(_) => seat.backoff.worked(),
            Err(Failure::Crashed { .. } | Failure::Timeout { .. }) => seat.backoff.died(Instant::now()),
            Err(Failure::OutOfMemory { .. }) => {
                // It needs more than there was: next time the ladder goes on from here.
                seat.measured.insert(work.measured(plan.rung), plan.available.saturating_add(1));
                if seat.engine.is_none() {
                    seat.backoff.died(Instant::now());
                }
                let known = if plan.available == plan::UNKNOWN { 0 } else { plan.available };
                return Err(Failure::OutOfMemory { needed: 0, available: known });
            }
            Err(_) => {}
        }
        outcome
    }

    /// Ends the engine once nobody has used it for the time that is set.
    fn unload_when_idle(&self, seat: &mut Seat) {
        if let Some(unloader) = seat.unloader.take() {
            unloader.abort();
        }
        let after = self.settings.idle_unload;
        if after.is_zero() {
            return;
        }
        // Weak: an engine must not outlive its owner by this.
        let weak = Arc::downgrade(&self.seat);
        seat.unloader = Some(tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let Some(seat) = weak.upgrade() else { return };
            // A job that got here first aborts this; one that waits in line finds no engine and starts another.
            let engine = seat.lock().await.engine.take();
            if let Some(engine) = engine {
                engine.end().await;
            }
        }));
    }
}
