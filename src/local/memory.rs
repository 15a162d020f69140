//! How much memory the engine may use: the least of what the machine has, what every cgroup above leaves, and what
//! was configured.

use super::cgroup::{self, field};
use std::fs;
use std::path::Path;

/// Bytes the engine may use in all. `engine`: its pid if one is running, for what it holds now comes back to it.
pub(super) fn available(root: &Path, limit: Option<u64>, engine: Option<u32>) -> u64 {
    let held = engine.map_or(0, |pid| held(root, pid));
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let machine = field(&meminfo, "MemAvailable").map_or(u64::MAX, |kib| kib * 1024);
    let groups = cgroup::of(root, "self").iter().filter_map(cgroup::Cgroup::headroom).min().unwrap_or(u64::MAX);
    machine.min(groups).saturating_add(held).min(limit.unwrap_or(u64::MAX))
}

/// Bytes that only this process holds; pages of files count as free already.
fn held(root: &Path, pid: u32) -> u64 {
    let status = fs::read_to_string(root.join(format!("proc/{pid}/status"))).unwrap_or_default();
    field(&status, "RssAnon").map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::super::cgroup::tests::tree;
    use super::*;

    #[test]
    fn the_tightest_bound_counts() {
        let root = tree(&[
            ("proc/meminfo", "MemTotal:  100 kB\nMemFree: 1 kB\nMemAvailable:   50 kB\n"),
            ("proc/7/status", "VmRSS:\t 30 kB\nRssAnon:\t  20 kB\nRssFile:\t 10 kB\n"),
            ("proc/self/cgroup", "0::/box\n"),
            ("sys/fs/cgroup/box/memory.max", "40960\n"),
            ("sys/fs/cgroup/box/memory.current", "10240\n"),
        ]);
        assert_eq!(available(root.path(), None, None), 30 * 1024, "the cgroup is tightest");
        assert_eq!(available(root.path(), None, Some(7)), 50 * 1024, "what the engine holds is its own");
        assert_eq!(available(root.path(), Some(5000), Some(7)), 5000, "the configured limit is tightest");
        fs::write(root.path().join("sys/fs/cgroup/box/memory.max"), "max").expect("a file");
        assert_eq!(available(root.path(), None, None), 50 * 1024, "the machine is tightest");
    }

    #[test]
    fn this_machine_has_memory() {
        let bytes = available(Path::new("/"), None, None);
        assert!(bytes > 1 << 20 && bytes < 1 << 50, "{bytes}");
    }
}
