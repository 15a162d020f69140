//! Memory cgroups of a process, version 1 and 2: what their limits leave, and how many processes they killed.
//!
//! Everything is read below a root folder, `/` outside of tests.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// One memory cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup {
    folder: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The memory cgroups that a process (`self` or a pid) lives in: its own first, then its ancestors as far as they can
/// be seen from here.
pub(super) fn of(root: &Path, process: &str) -> Vec<Cgroup> {
    let text = fs::read_to_string(root.join("proc").join(process).join("cgroup")).unwrap_or_default();
    let base = root.join("sys/fs/cgroup");
    text.lines().filter_map(entry).flat_map(|(version, path)| ancestry(&mount(&base, version), version, path)).collect()
}

/// `4:memory:/some/group` is version 1, `0::/some/group` is version 2.
fn entry(line: &str) -> Option<(Version, &str)> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if number == "0" && controllers.is_empty() {
        return Some((Version::Two, path));
    }
    controllers.split(',').any(|c| c == "memory").then_some((Version::One, path))
}

fn mount(base: &Path, version: Version) -> PathBuf {
    let hybrid = base.join("unified");
    match version {
        Version::One => base.join("memory"),
        Version::Two if hybrid.is_dir() => hybrid,
        Version::Two => base.to_owned(),
    }
}

/// The group and what is above it, ending with the mount. A path that is not visible from here (a container sees the
/// host's path but only its own subtree) leaves the mount alone, which is then the container's own group.
fn ancestry(mount: &Path, version: Version, path: &str) -> Vec<Cgroup> {
    let inner = Path::new(path.trim_start_matches('/'));
    let plain = inner.components().all(|c| matches!(c, Component::Normal(_)));
    let own = if plain { inner } else { Path::new("") };
    let folders = own.ancestors().map(|a| mount.join(a)).filter(|folder| folder.is_dir());
    folders.map(|folder| Cgroup { folder, version }).collect()
}

impl Cgroup {
    /// Bytes its limit leaves, file cache counted as free (it gives way); `None` without a limit.
    pub(super) fn headroom(&self) -> Option<u64> {
        let (limit, used, cache) = match self.version {
            Version::One => {
                ("memory.limit_in_bytes", "memory.usage_in_bytes", ["total_inactive_file", "total_active_file"])
            }
            Version::Two => ("memory.max", "memory.current", ["inactive_file", "active_file"]),
        };
        let limit = self.number(limit)?;
        let stat = self.text("memory.stat");
        let cache: u64 = cache.iter().filter_map(|name| field(&stat, name)).sum();
        let used = self.number(used).unwrap_or_default().saturating_sub(cache);
        Some(limit.saturating_sub(used))
    }

    /// Processes of this group that the kernel killed for memory.
    pub(super) fn kills(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        field(&self.text(file), "oom_kill")
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    /// `None` for `max` too.
    fn number(&self, file: &str) -> Option<u64> {
        self.text(file).trim().parse().ok()
    }
}

/// The number in a line `name 123`.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim_start_matches(':').split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tree of small files.
    pub(in crate::local) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        root
    }

    fn headrooms(root: &Path) -> Vec<Option<u64>> {
        of(root, "self").iter().map(Cgroup::headroom).collect()
    }

    #[test]
    fn version_one_reads_limits_use_and_kills_of_every_ancestor() {
        let root = tree(&[
            ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "700\n"),
            (
                "sys/fs/cgroup/memory/docker/abc/memory.stat",
                "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 50\n",
            ),
            ("sys/fs/cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
            ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/memory.usage_in_bytes", "700\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "700\n"),
            ("sys/fs/cgroup/unified/cgroup.procs", ""),
        ]);
        let groups = of(root.path(), "self");
        assert_eq!(headrooms(root.path()), [Some(450), Some(9_223_372_036_854_771_012), None, None]);
        assert_eq!(groups[0].kills(), Some(3));
        assert_eq!(groups[1].kills(), None);
    }

    #[test]
    fn version_two_reads_limits_use_and_kills_of_every_ancestor() {
        let root = tree(&[
            ("proc/42/cgroup", "0::/user.slice/samovar.service\n"),
            ("sys/fs/cgroup/user.slice/samovar.service/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/samovar.service/memory.current", "700\n"),
            ("sys/fs/cgroup/user.slice/samovar.service/memory.events", "low 0\noom 2\noom_kill 1\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "2000\n"),
            ("sys/fs/cgroup/user.slice/memory.current", "1900\n"),
            ("sys/fs/cgroup/user.slice/memory.stat", "anon 1\ninactive_file 300\nactive_file 200\n"),
        ]);
        let groups = of(root.path(), "42");
        let headrooms: Vec<_> = groups.iter().map(Cgroup::headroom).collect();
        assert_eq!(headrooms, [None, Some(600), None]);
        assert_eq!(groups[0].kills(), Some(1));
    }

    #[test]
    fn path_that_a_container_cannot_see_means_the_mount() {
        for path in ["/docker/not-here", "/../outside"] {
            let root = tree(&[
                ("proc/self/cgroup", &format!("4:memory:{path}\n")),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "500\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n"),
            ]);
            assert_eq!(headrooms(root.path()), [Some(400)], "{path}");
        }
    }

    #[test]
    fn use_above_the_limit_leaves_nothing_and_no_cgroup_says_nothing() {
        let root = tree(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "100\n"),
            ("sys/fs/cgroup/memory.current", "150\n"),
        ]);
        assert_eq!(headrooms(root.path()), [Some(0)]);
        assert_eq!(of(tree(&[]).path(), "self"), []);
    }
}
