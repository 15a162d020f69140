//! The main loop of the engine process: one thread reads orders from the parent's socket, the main thread owns the
//! models and the device. It must not know how any model computes.
//!
//! The socket is standard input, so that a parent needs nothing but the standard library to hand it over. When it
//! closes, the process ends at once, in mid-job too: nobody is left to work for.

use super::nn::kernels::threads;
use super::protocol::{
    DeviceChoice, EngineFailure, FailureClass, Hello, Job, Kind, Order, Report, Stats, read_frame, write_frame,
};
use super::{Resident, Watcher, device, load};
use crate::media::Progress;
use std::any::Any;
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Serves the parent at the other end of standard input until it closes or says `Shutdown`.
///
/// `arguments`: `--threads N` (how many threads compute) and `--device cpu|cuda:N` (checked before greeting).
///
/// # Errors
/// One sentence when it was started wrongly, cannot use the device, or meets a parent of another build.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut socket = parent()?;
    let options = Options::read(arguments)?;
    belong_to_parent();
    start_threads(options.threads)?;
    check_device(options.card)?;
    greet(&mut socket)?;
    let cancelled = Arc::new(AtomicU64::new(0));
    let from_parent = socket.try_clone().map_err(|e| format!("the parent's socket cannot be shared: {e}"))?;
    let (hand_over, orders) = channel();
    let seen = Arc::clone(&cancelled);
    std::thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || listen(from_parent, &hand_over, &seen))
        .map_err(|e| format!("the reading thread cannot be started: {e}"))?;
    Session { to_parent: socket, cancelled, residents: HashMap::new() }.serve(&orders);
    Ok(())
}

struct Options {
    threads: Option<usize>,
    card: Option<u32>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { threads: None, card: None };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("'{name}' needs a value"))?;
            match (name.as_str(), value.as_str()) {
                ("--threads", n) => {
                    options.threads = Some(n.parse().map_err(|_| format!("'{n}' is no number of threads"))?);
                }
                ("--device", "cpu") => options.card = None,
                ("--device", device) => {
                    let card = device.strip_prefix("cuda:").and_then(|n| n.parse().ok());
                    options.card = Some(card.ok_or_else(|| format!("'{device}' is no device: cpu or cuda:N"))?);
                }
                _ => return Err(format!("'{name}' is not an option")),
            }
        }
        Ok(options)
    }
}

/// The parent's socket, or what to say to somebody who started this by hand.
fn parent() -> Result<UnixStream, String> {
    let by_hand = "this is the engine of samovar, which starts it by itself; use `samovar draw` or `samovar serve`";
    let input = std::io::stdin().as_fd().try_clone_to_owned().map_err(|_| by_hand.to_owned())?;
    let socket = UnixStream::from(input);
    // Everything but a connected socket refuses this question.
    socket.peer_addr().map_err(|_| by_hand.to_owned())?;
    Ok(socket)
}

/// Ends with its parent even when it is too busy to see the socket close, and goes first when memory runs out.
fn belong_to_parent() {
    // Both are second belts: a system that refuses them still has the socket and the parent's memory plan.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Those that compute, and as many for what candle computes by itself. This one is among them: were it to hand its work
/// to others and wait, they would fall asleep between any two operations. In return nobody else may ask candle's.
fn start_threads(number: Option<usize>) -> Result<(), String> {
    if let Some(number) = number {
        threads::start(number);
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads::count())
        .use_current_thread()
        .build_global()
        .map_err(|e| format!("the threads that compute cannot be started: {e}"))
}

/// A card that cannot compute is found before the parent is told that this engine can.
fn check_device(card: Option<u32>) -> Result<(), String> {
    let Some(card) = card else { return Ok(()) };
    device::place(DeviceChoice::Cuda(card)).map(drop).map_err(|failure| failure.message)
}

fn greet(socket: &mut UnixStream) -> Result<(), String> {
    let ours = Hello::ours();
    write_frame(socket, &ours).map_err(|e| format!("the parent cannot be greeted: {e}"))?;
    let theirs: Hello = read_frame(socket).map_err(|e| format!("the parent did not greet: {e}"))?;
    if theirs == ours {
        return Ok(());
    }
    Err(format!(
        "the parent is of build {} (protocol {}) and this engine of build {} (protocol {}): build both again",
        theirs.build, theirs.version, ours.build, ours.version
    ))
}

fn listen(mut socket: UnixStream, hand_over: &Sender<Order>, cancelled: &AtomicU64) {
    loop {
        match read_frame(&mut socket) {
            Ok(Order::Cancel { id }) => cancelled.store(id, Ordering::Relaxed),
            Ok(order) => {
                if hand_over.send(order).is_err() {
                    return;
                }
            }
            Err(_) => exit(0),
        }
    }
}

struct Session {
    to_parent: UnixStream,
    /// The job last cancelled. One is enough: the parent has one job in hand.
    cancelled: Arc<AtomicU64>,
    residents: HashMap<Kind, Resident>,
}

impl Session {
    fn serve(&mut self, orders: &Receiver<Order>) {
        for order in orders {
            let report = match order {
                Order::Load { id, model } => {
                    // First the old one goes: two of a kind need not fit side by side.
                    self.residents.remove(&model.kind());
                    let started = Instant::now();
                    match caught(|| load(&model)) {
                        Ok((resident, device)) => {
                            self.residents.insert(model.kind(), resident);
                            Report::Ready { id, load_s: started.elapsed().as_secs_f64(), device }
                        }
                        Err(failure) => Report::Failed { id, failure },
                    }
                }
                Order::Run { id, job } => self.run(id, &job),
                Order::Cancel { .. } => continue,
                Order::Shutdown => return,
            };
            self.say(&report);
        }
    }

    fn run(&mut self, id: u64, job: &Job) -> Report {
        let Some(mut resident) = self.residents.remove(&job.kind()) else {
            return Report::Failed { id, failure: EngineFailure::new(FailureClass::Missing, "no model is loaded") };
        };
        let outcome = caught(|| resident.run(job, &mut Onlooker { id, session: self }));
        // What a panic leaves behind is not to be trusted.
        if !matches!(&outcome, Err(failure) if failure.class == FailureClass::Crashed) {
            self.residents.insert(job.kind(), resident);
        }
        match outcome {
            Ok(output) => Report::Done { id, output, stats: stats() },
            Err(failure) => Report::Failed { id, failure },
        }
    }

    fn say(&mut self, report: &Report) {
        if let Err(e) = write_frame(&mut self.to_parent, report) {
            eprintln!("samovar-engine: the parent is gone: {e}");
            exit(0);
        }
    }
}

struct Onlooker<'a> {
    id: u64,
    session: &'a mut Session,
}

impl Watcher for Onlooker<'_> {
    fn progress(&mut self, progress: Progress) {
        self.session.say(&Report::Progress { id: self.id, progress });
    }

    fn cancelled(&self) -> bool {
        self.session.cancelled.load(Ordering::Relaxed) == self.id
    }
}

/// A panic becomes a failure: the process lives and can say so.
fn caught<T>(work: impl FnOnce() -> Result<T, EngineFailure>) -> Result<T, EngineFailure> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(EngineFailure::new(FailureClass::Crashed, words(panic.as_ref()))))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a defect in the model code ({})", text.unwrap_or("it left no message"))
}

fn stats() -> Stats {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Stats { rss: field(&status, "VmRSS:"), peak_rss: field(&status, "VmHWM:"), vram: 0 }
}

/// Bytes of a line such as `VmRSS: 12345 kB`.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::{BUILD_ID, VERSION};

    #[test]
    fn panics_become_failures_with_their_words() {
        let failure = caught::<()>(|| panic!("index {} out of range", 7)).expect_err("it panicked");
        assert_eq!(failure.class, FailureClass::Crashed);
        assert_eq!(failure.message, "a defect in the model code (index 7 out of range)");
        let failure =
            caught::<()>(|| Err(EngineFailure::new(FailureClass::BadOutput, "black"))).expect_err("it failed");
        assert_eq!(failure, EngineFailure::new(FailureClass::BadOutput, "black"));
    }

    #[test]
    fn reads_its_own_memory() {
        let stats = stats();
        assert!(stats.rss > 0 && stats.peak_rss >= stats.rss, "{stats:?}");
        assert_eq!(field("VmPeak:\t 7 kB\nVmRSS:\t   12 kB\n", "VmRSS:"), 12 * 1024);
    }

    #[test]
    fn refuses_a_parent_of_another_build() {
        for theirs in [
            Hello { version: VERSION + 1, build: BUILD_ID.to_owned() },
            Hello { version: VERSION, build: "0123456789abcdef".to_owned() },
        ] {
            let (mut parent, mut child) = UnixStream::pair().expect("a socket pair");
            write_frame(&mut parent, &theirs).expect("room in the socket");
            let sentence = greet(&mut child).expect_err("another build");
            assert!(sentence.contains(&theirs.build) && sentence.contains(BUILD_ID), "{sentence}");
            let greeting: Hello = read_frame(&mut parent).expect("it greets first");
            assert_eq!(greeting, Hello::ours());
        }
    }

    #[test]
    fn options_are_checked() {
        let read = |words: &[&str]| Options::read(words.iter().map(ToString::to_string));
        let options = read(&["--threads", "3", "--device", "cuda:1"]).expect("right options");
        assert_eq!((options.threads, options.card), (Some(3), Some(1)));
        assert_eq!(read(&["--device", "tpu"]).err().as_deref(), Some("'tpu' is no device: cpu or cuda:N"));
        assert_eq!(read(&["--threads"]).err().as_deref(), Some("'--threads' needs a value"));
    }
}
