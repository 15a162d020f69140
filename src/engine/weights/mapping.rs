//! Files mapped into memory. This is the only room of `weights` with unsafe code.

use memmap2::{Mmap, UncheckedAdvice};
use std::fs::File;
use std::io;
use std::ops::Range;

/// A file that is read by looking at it. Its pages come from disk when they are first touched and may leave when memory
/// is short, so a model larger than memory can be used.
pub struct Mapping(Mmap);

impl Mapping {
    /// Maps all of a file.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes are only read, as plain bytes. A file that is cut while it is mapped ends the process with a
        // signal instead of an error; the engine is a process of its own for that (docs/decisions/0015-flux.md).
        unsafe { Mmap::map(file) }.map(Self)
    }

    /// Lets the pages of `range` leave memory; they come from the file again when they are touched.
    pub fn forget(&self, range: Range<usize>) {
        // SAFETY: the mapping is read-only and of a file, so pages that leave come back with the same bytes.
        let advised = unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
        // Only an advice: pages that stay are no harm.
        let _ = advised;
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
