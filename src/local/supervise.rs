//! One engine as its parent talks to it: greeting, orders and reports, the watch over its progress, its end.
//! It must not know models, plans or queues of requests.

use super::binary::Choice;
use super::cgroup;
use super::child::Child;
use super::death::{Cause, Death, Kills};
use crate::engine::protocol::{DeviceChoice, EngineFailure, Hello, MAX_FRAME, ModelSpec, Order, Report, Stats};
use crate::media::{Failure, Watch};
use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// How long starting and greeting may take; a CUDA driver alone needs seconds.
const GREETING: Duration = Duration::from_secs(60);
/// How long a cancelled job may go on before its engine is killed.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// How long an idle engine may take to end after it was asked to.
const GOODBYE: Duration = Duration::from_secs(5);
/// A later step may take this many times the slowest before it.
const SLOWER: u32 = 20;
/// Yet no silence up to this is taken for a stall, short of what was configured.
const SHORTEST_STALL: Duration = Duration::from_secs(60);

/// How long silence is borne: `first` until the first step, after that in proportion to how slow the steps are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    first: Duration,
    slowest: Duration,
}

impl Patience {
    /// `stall` is meant for 512×512 pixels; larger pictures get more in proportion.
    pub(super) fn new(stall: Duration, pixels: u64) -> Self {
        let times = u32::try_from(pixels.div_ceil(512 * 512)).unwrap_or(u32::MAX).max(1);
        Self { first: stall.saturating_mul(times), slowest: Duration::ZERO }
    }

    fn saw(&mut self, silence: Duration) {
        self.slowest = self.slowest.max(silence);
    }

    fn now(&self) -> Duration {
        if self.slowest.is_zero() {
            return self.first;
        }
        self.slowest.saturating_mul(SLOWER).max(SHORTEST_STALL).min(self.first)
    }
}

/// A greeted engine. Dropping it kills it.
pub(super) struct Engine {
    child: Child,
    link: Framed<UnixStream, LengthDelimitedCodec>,
    last_id: u64,
    /// What it computes on.
    pub(super) device: DeviceChoice,
    /// Its binary.
    pub(super) binary: PathBuf,
    /// What it has in memory, at most one model of a kind.
    pub(super) loaded: Vec<Loaded>,
    /// Its memory after the last job.
    pub(super) stats: Stats,
}

/// A model in an engine's memory.
pub(super) struct Loaded {
    /// Which.
    pub(super) spec: ModelSpec,
    /// Its bytes at rest.
    pub(super) bytes: u64,
}

/// How an order ended while the engine lives on.
pub(super) enum Answer {
    /// Its last report.
    Done(Report),
    /// It could not.
    Failed(EngineFailure),
}

impl Engine {
    /// Starts a binary and exchanges greetings.
    ///
    /// # Errors
    /// [`Failure::Missing`] with one sentence when it does not start, is of another build, or is no engine at all.
    pub(super) async fn start(choice: &Choice, threads: usize, shown: Arc<AtomicU32>) -> Result<Self, Failure> {
        let cannot = |e: io::Error| refused(&choice.path, &format!("it cannot be started: {e}"));
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(cannot)?;
        ours.set_nonblocking(true).map_err(cannot)?;
        let mut command = Command::new(&choice.path);
        command.arg("--threads").arg(threads.to_string()).arg("--device").arg(match choice.device {
            DeviceChoice::Cpu => "cpu".to_owned(),
            DeviceChoice::Cuda(n) => format!("cuda:{n}"),
        });
        // mimalloc reads these before anything else runs. Pages of an arena count as used only when they are: 4 % less.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        // A map that is freed makes room for the next one of its size, a layer or two later, which at 1024×1024 takes
        // seconds: its pages stay for twenty (not 10 ms), which saves the system from making them anew. It finds them where
        // all maps lie in one range of addresses; what is reserved takes no memory. One of 16 GiB mimalloc 3 reserves and
        // gives back: what it keeps about it would not fit into the 32 MiB that it allows for that.
        command.env("MIMALLOC_PURGE_DELAY", "20000");
        command.env("MIMALLOC_ARENA_RESERVE", "8GiB");
        let child = Child::start(command, theirs, shown).await.map_err(cannot)?;
        let codec = LengthDelimitedCodec::builder().little_endian().max_frame_length(MAX_FRAME as usize).new_codec();
        let mut link = Framed::new(UnixStream::from_std(ours).map_err(cannot)?, codec);
        if let Err(problem) = timeout(GREETING, greet(&mut link))
            .await
            .unwrap_or_else(|_| Err(Problem::Says(format!("it did not greet within {} s", GREETING.as_secs()))))
        {
            let problem = match problem {
                Problem::Says(sentence) => sentence,
                Problem::Gone => format!("it did not greet: {}", child.end(GOODBYE).await.words()),
            };
            return Err(refused(&choice.path, &problem));
        }
        tracing::info!(pid = child.pid(), binary = %choice.path.display(), device = ?choice.device, "engine started");
        let (device, binary) = (choice.device, choice.path.clone());
        Ok(Self { child, link, last_id: 0, device, binary, loaded: Vec::new(), stats: Stats::default() })
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Whether its process has not ended yet.
    pub(super) fn lives(&mut self) -> bool {
        self.child.lives()
    }

    /// Whether it has this model in memory.
    pub(super) fn holds(&self, spec: &ModelSpec) -> bool {
        self.loaded.iter().any(|loaded| loaded.spec == *spec)
    }

    /// Whether it has another model of the same kind in memory.
    pub(super) fn holds_another(&self, spec: &ModelSpec) -> bool {
        self.loaded.iter().any(|loaded| loaded.spec.kind() == spec.kind() && loaded.spec != *spec)
    }

    /// Bytes of its models of other kinds.
    pub(super) fn beside(&self, spec: &ModelSpec) -> u64 {
        self.loaded.iter().filter(|loaded| loaded.spec.kind() != spec.kind()).map(|loaded| loaded.bytes).sum()
    }

    /// A number for the next order.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Gives an order, passes its progress on and waits for its last report.
    ///
    /// # Errors
    /// When the engine died, stood still or would not stop; it is gone then.
    pub(super) async fn ask(
        mut self,
        (id, order): (u64, Order),
        watch: &Watch,
        patience: &mut Patience,
    ) -> Result<(Self, Answer), Failure> {
        let groups = cgroup::of(Path::new("/"), &self.pid().to_string());
        let before = Kills::read(&groups, Path::new("/"));
        let end = match self.converse(id, &order, watch, patience).await {
            Ok(answer) => return Ok((self, answer)),
            Err(end) => end,
        };
        let pid = self.pid();
        match end {
            End::Unanswered if watch.cancel.is_cancelled() => {
                tracing::warn!(pid, "engine killed: it did not stop a cancelled job in time");
                self.kill().await;
                Err(Failure::Cancelled)
            }
            End::Unanswered => {
                let silence = patience.now().as_secs();
                tracing::warn!(pid, silence, "engine killed: no progress");
                self.kill().await;
                Err(Failure::Timeout { message: format!("the local engine made no progress for {silence} s") })
            }
            End::Broken(problem) => {
                let death = self.bury().await;
                let cause = death.cause(Kills::read(&groups, Path::new("/")).rose_since(before));
                tracing::warn!(pid, problem, ?cause, "engine died");
                Err(match cause {
                    Cause::OutOfMemory => Failure::OutOfMemory { needed: 0, available: 0 },
                    Cause::Crashed(words) => Failure::Crashed { message: words },
                })
            }
        }
    }

    async fn converse(
        &mut self,
        id: u64,
        order: &Order,
        watch: &Watch,
        patience: &mut Patience,
    ) -> Result<Answer, End> {
        timeout(patience.now(), send(&mut self.link, order)).await.map_err(|_| End::Unanswered)??;
        let mut heard = Instant::now();
        let mut deadline = heard + patience.now();
        let mut cancelling = false;
        let mut told = None;
        loop {
            let report = tokio::select! {
                frame = self.link.next() => receive::<Report>(frame)?,
                () = watch.cancel.cancelled(), if !cancelling => {
                    cancelling = true;
                    deadline = Instant::now() + CANCEL_GRACE;
                    let sent = timeout(CANCEL_GRACE, send(&mut self.link, &Order::Cancel { id })).await;
                    sent.map_err(|_| End::Unanswered)??;
                    continue;
                }
                () = sleep_until(deadline) => return Err(End::Unanswered),
            };
            match report {
                Report::Progress { id: of, progress } if of == id => {
                    // Signs of life that say nothing new are for this watchdog alone.
                    let new = (progress.step, progress.percent);
                    if told.replace(new) != Some(new) || progress.preview.is_some() {
                        watch.tell(progress);
                    }
                }
                Report::Failed { id: of, failure } if of == id => return Ok(Answer::Failed(failure)),
                Report::Ready { id: of, .. } | Report::Done { id: of, .. } if of == id => {
                    return Ok(Answer::Done(report));
                }
                _ => continue,
            }
            if !cancelling {
                patience.saw(heard.elapsed());
                heard = Instant::now();
                deadline = heard + patience.now();
            }
        }
    }

    /// Ends an idle engine: it is asked to, and killed if it does not.
    pub(super) async fn end(mut self) {
        let pid = self.pid();
        // A failed send means that it is ending already.
        let _ = timeout(GOODBYE, send(&mut self.link, &Order::Shutdown)).await;
        drop(self.link);
        self.child.end(GOODBYE).await;
        tracing::info!(pid, "engine ended");
    }

    async fn kill(self) {
        self.child.kill();
        self.child.end(GOODBYE).await;
    }

    async fn bury(self) -> Death {
        drop(self.link);
        self.child.end(GOODBYE).await
    }
}

enum End {
    /// Silent for too long.
    Unanswered,
    /// The connection ended or carried something else.
    Broken(String),
}

enum Problem {
    Says(String),
    Gone,
}

impl From<io::Error> for End {
    fn from(e: io::Error) -> Self {
        Self::Broken(e.to_string())
    }
}

async fn greet(link: &mut Framed<UnixStream, LengthDelimitedCodec>) -> Result<(), Problem> {
    let ours = Hello::ours();
    // Where nobody takes it, what was said before leaving tells more than that.
    let _ = send(link, &ours).await;
    let theirs = match receive::<Hello>(link.next().await) {
        Ok(theirs) => theirs,
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            return Err(Problem::Says("it speaks another language than samovar's engine".to_owned()));
        }
        Err(_) => return Err(Problem::Gone),
    };
    if theirs == ours {
        return Ok(());
    }
    Err(Problem::Says(format!(
        "it is of build {} (protocol {}) but this samovar of build {} (protocol {}): build both again",
        theirs.build, theirs.version, ours.build, ours.version
    )))
}

async fn send<T: Serialize>(link: &mut Framed<UnixStream, LengthDelimitedCodec>, value: &T) -> io::Result<()> {
    link.send(Bytes::from(postcard::to_stdvec(value).map_err(io::Error::other)?)).await
}

fn receive<T: DeserializeOwned>(frame: Option<io::Result<BytesMut>>) -> io::Result<T> {
    let frame = frame.ok_or(io::ErrorKind::UnexpectedEof)??;
    postcard::from_bytes(&frame).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

fn refused(binary: &Path, problem: &str) -> Failure {
    Failure::Missing { message: format!("the local engine {} cannot be used: {problem}", binary.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn patience_grows_with_the_picture_and_follows_the_steps() {
        let mut patience = Patience::new(10 * MINUTE, 64 * 64);
        assert_eq!(patience.now(), 10 * MINUTE);
        assert_eq!(Patience::new(10 * MINUTE, 1024 * 1024).now(), 40 * MINUTE);
        patience.saw(Duration::from_millis(50));
        assert_eq!(patience.now(), MINUTE, "fast steps still get a minute");
        patience.saw(Duration::from_secs(9));
        assert_eq!(patience.now(), 3 * MINUTE);
        patience.saw(2 * MINUTE);
        assert_eq!(patience.now(), 10 * MINUTE, "never more than what was configured");
        let mut short = Patience::new(Duration::from_secs(2), 1);
        short.saw(Duration::from_millis(1));
        assert_eq!(short.now(), Duration::from_secs(2));
    }
}
