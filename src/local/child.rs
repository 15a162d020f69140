//! One engine process as the operating system sees it: started, killed, waited for, its standard error read.

use super::death::Death;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// How much of standard error is remembered.
const LAST_WORDS: usize = 4096;
/// How long a killed process may take to be gone.
const BURIAL: Duration = Duration::from_secs(10);

/// A running process. Dropping it kills it.
pub(super) struct Child {
    pid: u32,
    /// Names this very process, even after its number was given to another.
    pidfd: Option<OwnedFd>,
    ended: oneshot::Receiver<Death>,
    /// Where others read the pid; 0 when there is no process.
    shown: Arc<AtomicU32>,
}

impl Child {
    /// Starts `command` with `socket` as its standard input.
    pub(super) async fn start(mut command: Command, socket: UnixStream, shown: Arc<AtomicU32>) -> io::Result<Self> {
        command
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is for the parent alone, which then ends its jobs in order.
            .process_group(0);
        let (tell_start, started) = oneshot::channel();
        let (tell_end, ended) = oneshot::channel();
        // The engine asks the kernel to end it when the thread that started it ends, so that thread stays until the
        // engine is gone.
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || keep(command, tell_start, tell_end))?;
        let pid = started.await.map_err(io::Error::other)??;
        shown.store(pid, Ordering::Relaxed);
        let pidfd = number(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Ok(Self { pid, pidfd, ended, shown })
    }

    /// Its number.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has not ended yet.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.ended.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    /// Sends SIGKILL, which no process can refuse, a stopped one neither.
    pub(super) fn kill(&self) {
        let sent = match (&self.pidfd, number(self.pid)) {
            (Some(pidfd), _) => pidfd_send_signal(pidfd, Signal::KILL),
            (None, Some(pid)) => kill_process(pid, Signal::KILL),
            (None, None) => Ok(()),
        };
        if let Err(e) = sent
            && e != rustix::io::Errno::SRCH
        {
            tracing::warn!(pid = self.pid, "the engine cannot be killed: {e}");
        }
    }

    /// Waits for its end, at most `patience`; then it is killed.
    pub(super) async fn end(mut self, patience: Duration) -> Death {
        let gone = Death { status: None, last_words: String::new() };
        if let Ok(death) = tokio::time::timeout(patience, &mut self.ended).await {
            return death.unwrap_or(gone);
        }
        self.kill();
        match tokio::time::timeout(BURIAL, &mut self.ended).await {
            Ok(Ok(death)) => death,
            _ => gone,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.shown.store(0, Ordering::Relaxed);
        if self.lives() {
            self.kill();
        }
    }
}

fn number(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The life of one engine, on a thread of its own.
fn keep(mut command: Command, started: oneshot::Sender<io::Result<u32>>, ended: oneshot::Sender<Death>) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) => {
            let _ = started.send(Err(e));
            return;
        }
    };
    // The command still holds the child's end of the socket: with it open, the child's death would not be seen.
    drop(command);
    // Nobody listens any more only when the start was given up; then the end of the socket ends the child.
    let _ = started.send(Ok(child.id()));
    let last_words = child.stderr.take().map(|stderr| read(stderr, child.id())).unwrap_or_default();
    let _ = ended.send(Death { status: child.wait().ok(), last_words });
}

/// Passes lines on to the log until standard error closes, and remembers the end.
fn read(stderr: ChildStderr, pid: u32) -> String {
    let mut lines = BufReader::new(stderr);
    let mut last_words = String::new();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        let text = String::from_utf8_lossy(&line);
        tracing::info!(pid, "engine: {}", text.trim_end());
        last_words.push_str(&text);
        if let Some(cut) = last_words.len().checked_sub(LAST_WORDS) {
            let cut = (cut..last_words.len()).find(|at| last_words.is_char_boundary(*at)).unwrap_or_default();
            last_words.drain(..cut);
        }
        line.clear();
    }
    last_words
}
