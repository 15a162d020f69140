//! What the families that draw share: sizes and pixels of pictures ([`canvas`]), latents in and out of networks
//! ([`latent`]), the picture a job starts from ([`init`]), both decoders ([`decoders`]), and who looks on
//! ([`looker`]). It must not know any family.

pub mod canvas;
pub mod decoders;
pub mod init;
pub mod latent;
pub mod looker;

pub use decoders::Decoders;
pub use init::Init;
pub use looker::Looker;

use std::time::Instant;

/// Does `work` and adds the seconds it took to `total`.
pub fn timed<T>(total: &mut f64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    *total += started.elapsed().as_secs_f64();
    done
}

/// What to tell whose prompt was cut.
pub const CUT: &str = "the prompt was longer than the model reads and was cut at a word";

/// The decimal an f32 was written as, in f64: diffusers computes how many steps a strength leaves in f64, so that 10
/// steps at 0.7 are 7 and not 6.
#[must_use]
pub fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}
