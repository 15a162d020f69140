//! The program `samovar`: the command line, and nothing else.

use std::process::ExitCode;

/// Releases memory to the system sooner than the system's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    samovar::cli::run()
}
