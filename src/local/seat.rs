//! The one engine and the line of jobs before it: waiting, resting after deaths, making room, loading, running, and
//! learning from how it went. The same for every kind of job; it must not know what they are.

use super::backoff::Backoff;
use super::binary::{self, Choice};
use super::plan::{self, Plan};
use super::supervise::{Answer, Engine, Loaded, Patience};
use super::work::{Measured, Work};
use super::{Local, memory, unexpected};
use crate::engine::protocol::{DeviceChoice, FailureClass, Order, Output, Report};
use crate::media::{Failure, Watch};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A start that is due later than this is not waited for: somebody else may answer sooner.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The engine and what is known of it.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) engine: Option<Engine>,
    backoff: Backoff,
    /// Peaks of engines that did this before, or more than there was when it killed one.
    measured: HashMap<Measured, u64>,
    /// Operations a second that heavy models computed here, by their names.
    rates: HashMap<String, f64>,
    cuda_refused: bool,
    pub(super) device: Option<String>,
    pub(super) unloader: Option<JoinHandle<()>>,
}

/// A job that was done.
pub(super) struct Served {
    /// What came of it.
    pub(super) output: Output,
    /// Seconds of reading weights, 0 when they were in memory.
    pub(super) load_s: f64,
    /// The engine's largest resident size so far, bytes.
    pub(super) peak_rss: u64,
    /// What of it this job took, where none before it took more.
    new_peak: Option<u64>,
    /// What the plan gave up.
    pub(super) notices: Vec<String>,
}

impl Local {
    /// Waits in line for the engine, has it load the model if need be, and do the job. `prepare` reads files.
    ///
    /// # Errors
    /// Whatever kept it from being done.
    pub(super) async fn serve(
        &self,
        prepare: impl FnOnce() -> Result<Work, Failure> + Send + 'static,
        watch: &Watch,
    ) -> Result<Served, Failure> {
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let mut work = prepared.map_err(|e| Failure::internal(format!("the memory plan failed: {e}")))??;
        let mut seat = tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(Failure::Cancelled),
            seat = self.seat.lock() => seat,
        };
        self.rest(&seat, watch).await?;
        let choice = self.choose(&mut seat).await?;
        work.compute_on(choice.device);
        if let (Some(effort), DeviceChoice::Cpu) = (&work.effort, choice.device) {
            effort.reasonable(&work.spec.name, self.threads(), seat.rates.get(&work.spec.name).copied())?;
        }
        loop {
            let plan = self.plan(&mut seat, &mut work)?;
            let engine = self.engine_for(&mut seat, &choice, &work, plan.alone).await?;
            let outcome = self.run(&mut seat, engine, &work, watch).await;
            // A card that is full leaves its engine alive. What a card has is not known here, so room is made by
            // trying: other models leave, then the ladder is gone down, and each rung is tried once.
            let full = plan.available == plan::UNKNOWN
                && matches!(outcome, Err(Failure::OutOfMemory { .. }))
                && seat.engine.is_some();
            if full && let Some(engine) = seat.engine.take_if(|engine| engine.beside(&work.spec) > 0) {
                engine.end().await;
                continue;
            }
            let outcome = self.settle(&mut seat, &work, plan, outcome);
            if !full {
                return outcome;
            }
        }
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
    pub(super) async fn choose(&self, seat: &mut Seat) -> Result<Choice, Failure> {
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
                let pid = seat.engine.as_ref().map(Engine::pid);
                memory::available(Path::new("/"), self.settings.memory_limit, pid)
            }
        };
        let beside = seat.engine.as_ref().map_or(0, |engine| engine.beside(&work.spec));
        let measured = |way| seat.measured.get(&work.measured(way)).copied();
        let plan = match plan::plan(&work.ladder, available, beside, measured) {
            Err(_) if available == plan::UNKNOWN => {
                // Others may give the card's memory back: the next job tries the whole ladder again.
                seat.measured.retain(|of, _| of.model != work.spec);
                return Err(Failure::OutOfMemory { needed: 0, available: 0 });
            }
            plan => plan?,
        };
        work.go(plan.rung.way);
        Ok(plan)
    }

    /// An engine that has this model in memory, or room for it. An engine that holds another model of its kind is
    /// ended, and so is one whose others must leave: only that gives all their memory back.
    async fn engine_for(&self, seat: &mut Seat, choice: &Choice, work: &Work, alone: bool) -> Result<Engine, Failure> {
        let in_the_way =
            |engine: &mut Engine| engine.holds_another(&work.spec) || (alone && engine.beside(&work.spec) > 0);
        if let Some(engine) = seat.engine.take_if(in_the_way) {
            engine.end().await;
        }
        self.engine_of(seat, choice).await
    }

    pub(super) async fn engine_of(&self, seat: &mut Seat, choice: &Choice) -> Result<Engine, Failure> {
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

    /// Loads if need be, has the job done, and puts the engine back if it is fit for more.
    async fn run(&self, seat: &mut Seat, engine: Engine, work: &Work, watch: &Watch) -> Result<Served, Failure> {
        let mut patience = Patience::new(self.settings.stall, work.pixels);
        // Loading says nothing about the speed of steps.
        let (mut engine, load_s) = self.load(seat, engine, work, (watch, &mut patience.clone())).await?;
        let id = engine.next_id();
        let order = Order::Run { id, job: work.job.clone() };
        let (mut engine, answer) = engine.ask((id, order), watch, &mut patience).await?;
        let Answer::Done(Report::Done { output, stats, .. }) = answer else {
            return Err(self.put_back(seat, engine, answer));
        };
        let rose = stats.peak_rss > engine.stats.peak_rss;
        let new_peak = rose.then(|| stats.peak_rss.saturating_sub(engine.beside(&work.spec)));
        engine.stats = stats;
        seat.engine = Some(engine);
        self.unload_when_idle(seat);
        Ok(Served { output, load_s, peak_rss: stats.peak_rss, new_peak, notices: Vec::new() })
    }

    /// An engine that holds the model, and the seconds it took to read it.
    async fn load(
        &self,
        seat: &mut Seat,
        mut engine: Engine,
        work: &Work,
        (watch, patience): (&Watch, &mut Patience),
    ) -> Result<(Engine, f64), Failure> {
        if engine.holds(&work.spec) {
            return Ok((engine, 0.0));
        }
        let id = engine.next_id();
        let order = Order::Load { id, model: work.spec.clone() };
        let (mut engine, answer) = engine.ask((id, order), watch, patience).await?;
        match answer {
            Answer::Done(Report::Ready { load_s, device, .. }) => {
                engine.loaded.push(Loaded { spec: work.spec.clone(), bytes: work.weights });
                seat.device = Some(device);
                Ok((engine, load_s))
            }
            answer => Err(self.put_back(seat, engine, answer)),
        }
    }

    /// Keeps an engine that answered with a failure, unless it broke; gives the failure in the words of this side.
    fn put_back(&self, seat: &mut Seat, engine: Engine, answer: Answer) -> Failure {
        let Answer::Failed(failure) = answer else {
            return unexpected();
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
    fn settle(
        &self,
        seat: &mut Seat,
        work: &Work,
        plan: Plan,
        outcome: Result<Served, Failure>,
    ) -> Result<Served, Failure> {
        match outcome {
            Ok(served) => {
                seat.backoff.worked();
                if let (Some(effort), Output::Drawn(drawn)) = (&work.effort, &served.output) {
                    seat.rates.insert(work.spec.name.clone(), effort.rate(drawn.timings.denoise_s));
                }
                if let Some(peak) = served.new_peak {
                    seat.measured.insert(work.measured(plan.rung.way), peak);
                }
                Ok(Served { notices: plan.rung.notices, ..served })
            }
            Err(failure) => Err(self.learn(seat, work, &plan, failure)),
        }
    }

    fn learn(&self, seat: &mut Seat, work: &Work, plan: &Plan, failure: Failure) -> Failure {
        match failure {
            Failure::OutOfMemory { .. } => {
                // It needs more than there was: next time the ladder goes on from here.
                seat.measured.insert(work.measured(plan.rung.way), plan.available.saturating_add(1));
                if seat.engine.is_none() {
                    seat.backoff.died(Instant::now());
                }
                let known = if plan.available == plan::UNKNOWN { 0 } else { plan.available };
                Failure::OutOfMemory { needed: 0, available: known }
            }
            Failure::Crashed { .. } | Failure::Timeout { .. } => {
                seat.backoff.died(Instant::now());
                failure
            }
            failure => failure,
        }
    }

    /// Ends the engine once nobody has used it for the time that is set.
    pub(super) fn unload_when_idle(&self, seat: &mut Seat) {
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
