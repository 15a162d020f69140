//! The engine process. Started by `samovar`, never by hand; see [`samovar::engine::session`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match samovar::engine::session::run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("samovar-engine: {sentence}");
            ExitCode::from(2)
        }
    }
}
