//! Pages of fresh memory, many at a time. The system makes a page when it is first touched; to be interrupted for each of
//! them takes about as long as making it.

use super::threads;

/// Bytes of pages that a thread asks for at a time.
const PART: usize = 1 << 20;

/// Has the pages made of memory that is about to be written. Where the system knows no such request they come one by
/// one, as they do otherwise.
pub fn make<T>(memory: &mut [T]) {
    #[cfg(target_os = "linux")]
    if !memory.is_empty() {
        use rustix::mm::{Advice, madvise};
        let page = rustix::param::page_size();
        // Whole pages: what else lies on the first and the last is mapped, too, and is not changed.
        let first = memory.as_mut_ptr().addr() / page * page;
        let bytes = (memory.as_mut_ptr().addr() + size_of_val(memory)).next_multiple_of(page) - first;
        let at = memory.as_mut_ptr().map_addr(|_| first);
        // SAFETY: pages that are mapped and writable are made as writing to them would make them; no byte changes.
        let made = unsafe { madvise(at.cast(), bytes, Advice::LinuxPopulateWrite) };
        // Only an advice: Linux before 5.14 does not know it.
        let _ = made;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// The same of much memory, by all threads.
pub fn make_all<T: Send>(memory: &mut [T]) {
    if size_of_val(memory) >= 2 * PART {
        threads::each(memory.chunks_mut(PART / size_of::<T>()), make);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays() {
        let mut values: Vec<u32> = (0..3_000_000).collect();
        make(&mut values[1000..70_000]);
        make_all(&mut values);
        make::<u32>(&mut []);
        assert!(values.iter().zip(0..).all(|(value, i)| *value == i));
    }

    #[test]
    fn pages_are_there_before_they_are_touched() {
        let mut fresh: Vec<u8> = Vec::with_capacity(64 << 20);
        let before = resident();
        make_all(fresh.spare_capacity_mut());
        if cfg!(target_os = "linux") {
            assert!(resident() >= before + (48 << 20), "{before} bytes before, {} after", resident());
        }
    }

    /// Bytes of this process that are in memory.
    fn resident() -> usize {
        let told = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = told.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        pages * rustix::param::page_size()
    }
}
