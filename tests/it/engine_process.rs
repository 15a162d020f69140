//! The engine process with the real binaries: drawing, dying in every way, being cancelled, waited for and replaced.

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, waitid};
use samovar::engine::protocol::{BUILD_ID, Hello, Order, VERSION, read_frame, write_frame};
use samovar::local::catalogue::{self, Catalogue};
use samovar::local::{DeviceSetting, Local, Settings};
use samovar::media::{Answered, Drawing, Failure, ImageRequest, ImageResult, Progress, Watch};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a slow machine: only a hang meets it.
const HANG: Duration = Duration::from_secs(240);

fn settings() -> Settings {
    Settings {
        engine: Some(env!("CARGO_BIN_EXE_samovar-engine").into()),
        device: DeviceSetting::Cpu,
        threads: Some(2),
        ..Settings::default()
    }
}

fn local_with(settings: Settings) -> Arc<Local> {
    let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let weights_dir = models_dir.join("weights-that-are-not-there");
    let catalogue = Catalogue::read(&catalogue::Settings { models_dir, weights_dir }).unwrap();
    Arc::new(Local::new(settings, Arc::new(catalogue)))
}

fn quick() -> ImageRequest {
    ImageRequest {
        seed: Some(1),
        steps: Some(1),
        width: Some(64),
        height: Some(64),
        ..ImageRequest::new("a red apple")
    }
}

/// Many steps: it is still at work when something happens to it after the first.
fn long() -> ImageRequest {
    ImageRequest { seed: Some(1), steps: Some(50), width: Some(256), height: Some(256), ..ImageRequest::new("a cat") }
}

/// More than the memory that tests leave.
fn large() -> ImageRequest {
    ImageRequest { width: Some(1024), height: Some(1024), ..quick() }
}

/// The pictures of an answer, and how they were drawn.
fn drawn(answered: &Answered) -> (ImageResult, Drawing) {
    let pictures = answered.content.clone().pictures().unwrap();
    let drawing = pictures.drawing.unwrap();
    (pictures, drawing)
}

async fn draw(local: &Local, request: &ImageRequest) -> Result<Answered, Failure> {
    tokio::time::timeout(HANG, local.draw("demo", false, request, Watch::nobody())).await.expect("no hang")
}

/// A job in its own task, with its progress and the means to cancel it.
struct Running {
    task: JoinHandle<Result<Answered, Failure>>,
    progress: UnboundedReceiver<Progress>,
    cancel: CancellationToken,
}

impl Running {
    fn start(local: &Arc<Local>, request: ImageRequest) -> Self {
        let cancel = CancellationToken::new();
        let (watch, progress) = Watch::new(cancel.clone());
        let local = Arc::clone(local);
        let task = tokio::spawn(async move { local.draw("demo", false, &request, watch).await });
        Self { task, progress, cancel }
    }

    /// A job that has finished at least one of its many steps.
    async fn in_mid_job(local: &Arc<Local>) -> Self {
        let mut running = Self::start(local, long());
        loop {
            let progress = tokio::time::timeout(HANG, running.progress.recv()).await.expect("no hang");
            let Some(progress) = progress else { panic!("it ended before a step: {:?}", running.task.await) };
            if progress.step >= 1 {
                assert!(progress.step < progress.of, "{progress:?}");
                return running;
            }
        }
    }

    async fn outcome(self) -> Result<Answered, Failure> {
        tokio::time::timeout(HANG, self.task).await.expect("no hang").unwrap()
    }
}

fn pid(local: &Local) -> Pid {
    let pid = local.engine_pid().expect("an engine runs");
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

fn signal(pid: Pid, signal: Signal) {
    rustix::process::kill_process(pid, signal).unwrap();
}

/// The end of an engine, as an event.
struct End(OwnedFd);

impl End {
    fn of(pid: Pid) -> Self {
        Self(rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    async fn seen(self) {
        // Engines are children of this process; one that was waited for already is no child any more.
        let wait = move || match waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) | Err(rustix::io::Errno::CHILD) => {}
            Err(e) => panic!("{e}"),
        };
        tokio::time::timeout(HANG, tokio::task::spawn_blocking(wait)).await.expect("it ends").unwrap();
    }
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn message(outcome: Result<Answered, Failure>, class: &str) -> String {
    let failure = outcome.expect_err("it cannot be drawn");
    assert_eq!(failure.class(), class, "{failure}");
    failure.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_stays_in_memory_between_jobs() {
    let local = local_with(settings());
    assert_eq!(local.engine_pid(), None, "nothing is started before the first job");
    let first = draw(&local, &quick()).await.unwrap();
    let engine = local.engine_pid();
    let second = draw(&local, &quick()).await.unwrap();
    assert_eq!(local.engine_pid(), engine);
    let ((pictures, how), (again, then)) = (drawn(&first), drawn(&second));
    assert_eq!(pictures.pictures, again.pictures);
    assert!(how.timings.load_s > 0.0 && then.timings.load_s == 0.0, "{how:?} {then:?}");
    assert_eq!((first.provenance.provider.as_str(), first.provenance.model.as_str()), ("local", "demo"));
    assert!(how.peak_rss_bytes > 20_000_000 && how.timings.total_s >= how.timings.load_s, "{how:?}");
    assert!(local.device_line().await.unwrap().contains(BUILD_ID));
    local.shutdown().await;
    assert_eq!(local.engine_pid(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_is_a_crash_and_the_next_job_gets_a_fresh_one() {
    let local = local_with(settings());
    let running = Running::in_mid_job(&local).await;
    let killed = pid(&local);
    signal(killed, Signal::KILL);
    let said = message(running.outcome().await, "crashed");
    assert!(said.contains("signal 9"), "{said}");
    draw(&local, &quick()).await.unwrap();
    assert_ne!(pid(&local), killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_between_jobs_is_replaced_without_a_word() {
    let local = local_with(settings());
    draw(&local, &quick()).await.unwrap();
    let killed = pid(&local);
    let end = End::of(killed);
    signal(killed, Signal::KILL);
    end.seen().await;
    draw(&local, &quick()).await.unwrap();
    assert_ne!(pid(&local), killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_engine_is_killed_and_reported() {
    let local = local_with(Settings { stall: Duration::from_secs(15), ..settings() });
    let running = Running::in_mid_job(&local).await;
    let hung = pid(&local);
    let end = End::of(hung);
    signal(hung, Signal::STOP);
    let said = message(running.outcome().await, "timeout");
    assert!(said.contains("no progress for 15 s"), "{said}");
    end.seen().await;
    draw(&local, &quick()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_stops_and_the_engine_keeps_its_model() {
    let local = local_with(settings());
    let running = Running::in_mid_job(&local).await;
    let engine = pid(&local);
    running.cancel.cancel();
    assert_eq!(running.outcome().await, Err(Failure::Cancelled));
    let next = draw(&local, &quick()).await.unwrap();
    assert_eq!((pid(&local), drawn(&next).1.timings.load_s), (engine, 0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_will_not_stop_a_cancelled_job_is_killed() {
    let local = local_with(settings());
    let running = Running::in_mid_job(&local).await;
    let end = End::of(pid(&local));
    signal(pid(&local), Signal::STOP);
    running.cancel.cancel();
    assert_eq!(running.outcome().await, Err(Failure::Cancelled));
    end.seen().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_line_can_be_cancelled_and_nobody_waits_for_one_that_was_dropped() {
    let local = local_with(settings());
    let first = Running::in_mid_job(&local).await;
    let waiting = Running::start(&local, quick());
    waiting.cancel.cancel();
    assert_eq!(waiting.outcome().await, Err(Failure::Cancelled));
    let end = End::of(pid(&local));
    first.task.abort();
    end.seen().await;
    draw(&local, &quick()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_jobs_at_once_are_drawn_one_after_the_other() {
    let local = local_with(settings());
    let request = |seed| ImageRequest { seed: Some(seed), ..quick() };
    let requests = [request(1), request(2), request(1)];
    let (a, b, c) = tokio::join!(draw(&local, &requests[0]), draw(&local, &requests[1]), draw(&local, &requests[2]));
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    let [a, b, c] = [a, b, c].map(|answered| drawn(&answered).0.pictures);
    assert_eq!(a, c);
    assert_ne!(a[0].picture, b[0].picture);
    assert_eq!(b[0].seed, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_engine_ends_and_gives_its_memory_back() {
    let local = local_with(Settings { idle_unload: Duration::from_millis(1), ..settings() });
    let running = Running::in_mid_job(&local).await;
    let end = End::of(pid(&local));
    running.cancel.cancel();
    assert_eq!(running.outcome().await, Err(Failure::Cancelled));
    end.seen().await;
    draw(&local, &quick()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_larger_than_the_limit_is_refused_before_anything_is_started() {
    let local = local_with(Settings { memory_limit: Some(20 << 20), ..settings() });
    match draw(&local, &quick()).await {
        Err(Failure::OutOfMemory { needed, available }) => {
            assert_eq!(available, 20 << 20);
            assert!(needed > available, "{needed}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(local.engine_pid(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_memory_plan_gave_up_is_said_in_the_answer() {
    let request = ImageRequest { width: Some(384), height: Some(384), ..quick() };
    let plenty = draw(&local_with(settings()), &request).await.unwrap();
    assert_eq!(plenty.notices, Vec::<String>::new());
    // What does not fit costs nothing to ask, so the first limit that is enough is that of the cheapest way.
    for mib in (64..1024).step_by(4) {
        let limit = Settings { memory_limit: Some(mib << 20), ..settings() };
        match draw(&local_with(limit), &request).await {
            Err(Failure::OutOfMemory { .. }) => {}
            short => {
                let notices = short.unwrap().notices;
                assert_eq!(notices.len(), 2, "{notices:?}");
                assert!(notices.iter().all(|n| n.starts_with("memory is short: ")), "{notices:?}");
                return;
            }
        }
    }
    panic!("nothing was enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_space_that_is_too_small_is_out_of_memory() {
    let home = tempfile::tempdir().unwrap();
    let limited = format!("ulimit -v 400000; exec '{}' \"$@\"", env!("CARGO_BIN_EXE_samovar-engine"));
    let local = local_with(Settings { engine: Some(script(home.path(), "limited", &limited)), ..settings() });
    let outcome = draw(&local, &large()).await;
    assert!(matches!(outcome, Err(Failure::OutOfMemory { needed: 0, available: 1.. })), "{outcome:?}");
    draw(&local, &quick()).await.unwrap();
}

/// A memory cgroup of this test, version 1 or 2, below the one it runs in.
struct Box(PathBuf);

impl Box {
    fn of_bytes(limit: u64) -> Result<Self, String> {
        let text = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = |prefix: &str| {
            let line = text.lines().find(|l| l.split_once(':').is_some_and(|(_, rest)| rest.starts_with(prefix)));
            line.and_then(|l| l.rsplit(':').next()).map(|path| path.trim_start_matches('/').to_owned())
        };
        let (mount, path, file) = match own("memory:") {
            Some(path) => ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
            None => ("/sys/fs/cgroup", own(":").ok_or("no memory cgroup")?, "memory.max"),
        };
        let group = Path::new(mount).join(path).join(format!("samovar-test-{}", std::process::id()));
        fs::create_dir(&group).map_err(|e| format!("{} cannot be made: {e}", group.display()))?;
        let made = Self(group);
        fs::write(made.0.join(file), limit.to_string()).map_err(|e| format!("no limit can be set: {e}"))?;
        Ok(made)
    }

    fn take(&self, pid: Pid) {
        fs::write(self.0.join("cgroup.procs"), pid.as_raw_nonzero().to_string()).unwrap();
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_by_its_cgroup_is_out_of_memory() {
    let group = match Box::of_bytes(48 << 20) {
        Ok(group) => group,
        Err(reason) => {
            println!("skipped: memory cgroups cannot be made here ({reason})");
            return;
        }
    };
    let local = local_with(settings());
    local.device_line().await.unwrap();
    let end = End::of(pid(&local));
    group.take(pid(&local));
    let request = ImageRequest { width: Some(1024), height: Some(1024), ..quick() };
    let outcome = draw(&local, &request).await;
    assert!(matches!(outcome, Err(Failure::OutOfMemory { needed: 0, available: 1.. })), "{outcome:?}");
    end.seen().await;
    draw(&local, &quick()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_not_there_is_named() {
    let local = local_with(Settings { engine: Some("/nowhere/samovar-engine".into()), ..settings() });
    let said = message(draw(&local, &quick()).await, "missing");
    assert!(said.contains("/nowhere/samovar-engine"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_engine_is_refused_with_both_build_ids() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("samovar-engine");
    let mut binary = fs::read(env!("CARGO_BIN_EXE_samovar-engine")).unwrap();
    let id = BUILD_ID.as_bytes();
    let places: Vec<usize> = (0..binary.len() - id.len()).filter(|at| binary[*at..].starts_with(id)).collect();
    assert!(!places.is_empty(), "the binary holds its build id");
    for at in places {
        binary[at..at + id.len()].copy_from_slice(b"feedfacefeedface");
    }
    fs::write(&path, binary).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let local = local_with(Settings { engine: Some(path), ..settings() });
    let said = message(draw(&local, &quick()).await, "missing");
    assert!(said.contains("feedfacefeedface") && said.contains(BUILD_ID), "{said}");
    assert_eq!(local.engine_pid(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_than_an_engine_is_refused_with_what_it_said() {
    let home = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("echo 'Hello, I am something else' >&0", "another language"),
        ("echo 'libcuda.so.1: cannot open shared object file' >&2; exit 127", "libcuda.so.1"),
        ("exit 3", "exit code 3"),
    ] {
        let local = local_with(Settings { engine: Some(script(home.path(), "samovar-engine", text)), ..settings() });
        let said = message(draw(&local, &quick()).await, "missing");
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_asked_for_and_is_not_there_is_an_error() {
    if cfg!(feature = "cuda") {
        println!("skipped: this engine can compute on a card");
        return;
    }
    let local = local_with(Settings { device: DeviceSetting::Cuda(0), ..settings() });
    let said = message(draw(&local, &quick()).await, "missing");
    assert!(said.contains("built without CUDA"), "{said}");
}

/// `samovar draw` from a folder of its own, logging to standard error.
fn draw_command(samovar: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(samovar);
    command.args(["draw", "a cat", "--model", "demo", "--out", "cat.png"]).args(arguments);
    command.current_dir(home).env_clear().env("RUST_LOG", "samovar=info");
    command.env("SAMOVAR_MODELS_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn an_engine_ends_with_its_killed_parent() {
    let home = tempfile::tempdir().unwrap();
    // An orphan becomes our child, so that its end can be waited for.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let samovar = Path::new(env!("CARGO_BIN_EXE_samovar"));
    let long = ["--steps", "50", "--width", "256", "--height", "256"];
    let mut parent = draw_command(samovar, home.path(), &long).spawn().unwrap();
    let mut engine = None;
    for line in BufReader::new(parent.stderr.take().unwrap()).lines().map(Result::unwrap) {
        if let Some((_, rest)) = line.split_once("engine started pid=") {
            engine = rest.split(' ').next().and_then(|pid| Pid::from_raw(pid.parse().unwrap()));
        }
        if line.starts_with("step 1 of") {
            break;
        }
    }
    let engine = rustix::process::pidfd_open(engine.expect("it logs the pid"), PidfdFlags::empty()).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Blocks until the engine has ended; a hang here is for the test runner to end.
    waitid(WaitId::PidFd(engine.as_fd()), WaitIdOptions::EXITED).unwrap().expect("it ended");
    assert!(!home.path().join("cat.png").exists());
}

#[test]
fn a_card_that_cannot_be_used_leaves_the_work_to_the_processor() {
    let home = tempfile::tempdir().unwrap();
    let samovar = home.path().join("samovar");
    fs::copy(env!("CARGO_BIN_EXE_samovar"), &samovar).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_samovar-engine"), home.path().join("samovar-engine")).unwrap();
    let no_driver = "echo 'error while loading shared libraries: libcuda.so.1' >&2; exit 127";
    let cuda = script(home.path(), "samovar-engine-cuda", no_driver);
    let small = ["--steps", "1", "--width", "64", "--height", "64"];
    let output = draw_command(&samovar, home.path(), &small).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(warnings[0].contains("the processor takes over") && warnings[0].contains("libcuda.so.1"), "{said}");
    // Whoever asks for the card itself is told.
    let output = draw_command(&samovar, home.path(), &small).env("SAMOVAR_DEVICE", "cuda").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains(cuda.to_str().unwrap()), "{said}");
}

#[test]
fn an_engine_started_by_hand_says_what_to_use() {
    for input in [Stdio::null(), Stdio::piped()] {
        let output = Command::new(env!("CARGO_BIN_EXE_samovar-engine")).stdin(input).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("samovar serve") && said.lines().count() == 1, "{said}");
    }
}

/// An engine whose parent is this test itself.
fn bare_engine() -> (std::process::Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_samovar-engine"));
    let child = command.stdin(OwnedFd::from(theirs)).stderr(Stdio::piped()).spawn().unwrap();
    ours.set_read_timeout(Some(HANG)).unwrap();
    (child, ours)
}

#[test]
fn an_engine_ends_when_its_socket_closes_and_when_it_is_told_to() {
    for order in [None, Some(Order::Shutdown)] {
        let (mut child, mut socket) = bare_engine();
        assert_eq!(read_frame::<Hello>(&mut socket).unwrap(), Hello::ours());
        write_frame(&mut socket, &Hello::ours()).unwrap();
        match order {
            Some(order) => write_frame(&mut socket, &order).unwrap(),
            None => socket.shutdown(std::net::Shutdown::Both).unwrap(),
        }
        assert!(child.wait().unwrap().success());
        assert!(socket.as_fd().try_clone_to_owned().is_ok());
    }
}

#[test]
fn an_engine_refuses_a_parent_of_another_protocol() {
    let (child, mut socket) = bare_engine();
    let theirs = Hello { version: VERSION + 1, build: "another".to_owned() };
    write_frame(&mut socket, &theirs).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("another") && said.contains(BUILD_ID), "{said}");
}

#[test]
fn an_engine_offers_itself_to_the_oom_killer() {
    let (mut child, mut socket) = bare_engine();
    // It greets after it has settled in.
    assert_eq!(read_frame::<Hello>(&mut socket).unwrap(), Hello::ours());
    let score = fs::read_to_string(format!("/proc/{}/oom_score_adj", child.id())).unwrap();
    assert_eq!(score.trim(), "1000");
    drop(socket);
    child.wait().unwrap();
}
