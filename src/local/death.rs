//! How the death of an engine is read: out of memory, or a crash. Knows exit statuses and counters, nothing else.

use super::cgroup;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

/// What is left of an engine.
#[derive(Debug, Clone)]
pub(super) struct Death {
    /// `None` when it could not be waited for.
    pub(super) status: Option<ExitStatus>,
    /// The end of what it wrote to standard error.
    pub(super) last_words: String,
}

/// What it died of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The kernel or its own allocator found no memory.
    OutOfMemory,
    /// Anything else, in words.
    Crashed(String),
}

/// Counts of processes killed for memory, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kills {
    cgroup: Option<u64>,
    machine: Option<u64>,
}

impl Kills {
    /// The counters of the engine's own cgroup (the parent's, once it is gone) and of the machine.
    pub(super) fn read(groups: &[cgroup::Cgroup], root: &Path) -> Self {
        let vmstat = fs::read_to_string(root.join("proc/vmstat")).unwrap_or_default();
        Self { cgroup: groups.iter().find_map(cgroup::Cgroup::kills), machine: cgroup::field(&vmstat, "oom_kill ") }
    }

    /// Whether either counter is higher than at `before`.
    pub(super) fn rose_since(self, before: Self) -> bool {
        self.cgroup > before.cgroup || self.machine > before.machine
    }
}

impl Death {
    /// Reads the cause. `oom_kills_rose`: whether the kernel killed something for memory while this engine worked; a
    /// SIGKILL alone may have come from anybody.
    pub(super) fn cause(&self, oom_kills_rose: bool) -> Cause {
        let signal = self.status.and_then(|s| s.signal());
        let killed = signal == Some(libc::SIGKILL);
        let allocator = signal == Some(libc::SIGABRT) && self.last_words.contains("memory allocation of");
        if (killed && oom_kills_rose) || allocator {
            return Cause::OutOfMemory;
        }
        Cause::Crashed(self.words())
    }

    /// One sentence part: how it ended and the last line it wrote.
    pub(super) fn words(&self) -> String {
        let end = match self.status {
            None => "it is gone".to_owned(),
            Some(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => format!("it was ended by signal {signal}{}", name(signal)),
                (None, Some(code)) => format!("it ended with exit code {code}"),
                (None, None) => status.to_string(),
            },
        };
        match self.last_words.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{end} after writing \"{}\"", line.trim()),
            None => end,
        }
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => " (kill)",
        libc::SIGABRT => " (abort)",
        libc::SIGSEGV => " (segmentation fault)",
        libc::SIGBUS => " (bus error)",
        libc::SIGILL => " (illegal instruction)",
        libc::SIGTERM => " (terminate)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::cgroup::tests::tree;
    use super::*;

    fn death(raw: i32, words: &str) -> Death {
        Death { status: Some(ExitStatus::from_raw(raw)), last_words: words.to_owned() }
    }

    #[test]
    fn kill_is_out_of_memory_only_when_a_counter_rose() {
        let killed = death(libc::SIGKILL, "");
        assert_eq!(killed.cause(true), Cause::OutOfMemory);
        assert_eq!(killed.cause(false), Cause::Crashed("it was ended by signal 9 (kill)".to_owned()));
    }

    #[test]
    fn abort_is_out_of_memory_only_after_the_allocators_words() {
        let allocator = "thread 'x' \nmemory allocation of 1073741824 bytes failed\n";
        assert_eq!(death(libc::SIGABRT, allocator).cause(false), Cause::OutOfMemory);
        let other = death(libc::SIGABRT, "GGML_ASSERT(n > 0) failed\n\n").cause(true);
        let words = "it was ended by signal 6 (abort) after writing \"GGML_ASSERT(n > 0) failed\"";
        assert_eq!(other, Cause::Crashed(words.to_owned()));
        assert_eq!(
            death(3 << 8, allocator).cause(true),
            Cause::Crashed(
                "it ended with exit code 3 after writing \"memory allocation of 1073741824 bytes failed\"".to_owned()
            )
        );
    }

    #[test]
    fn either_counter_counts() {
        let root = tree(&[
            ("proc/self/cgroup", "4:memory:/box\n"),
            ("proc/vmstat", "pgfault 5\noom_kill 2\n"),
            ("sys/fs/cgroup/memory/box/memory.oom_control", "under_oom 0\noom_kill 1\n"),
        ]);
        let groups = cgroup::of(root.path(), "self");
        let before = Kills::read(&groups, root.path());
        assert_eq!(before, Kills { cgroup: Some(1), machine: Some(2) });
        assert!(!Kills::read(&groups, root.path()).rose_since(before));
        fs::write(root.path().join("proc/vmstat"), "oom_kill 3\n").expect("a file");
        assert!(Kills::read(&groups, root.path()).rose_since(before));
        fs::write(root.path().join("proc/vmstat"), "oom_kill 2\n").expect("a file");
        fs::write(root.path().join("sys/fs/cgroup/memory/box/memory.oom_control"), "oom_kill 2\n").expect("a file");
        assert!(Kills::read(&groups, root.path()).rose_since(before));
        assert!(!Kills { cgroup: None, machine: None }.rose_since(before));
    }
}
