//! How fast this processor multiplies and adds f32 at best: what kernels are measured against.

use super::lanes::per_lanes;
use super::level::Level;
use super::threads;
use std::time::Instant;

/// Vectors that are added up side by side: more than it takes to keep two units busy.
const VECTORS: usize = 12;
const ROUNDS: usize = 200_000;
const TRIES: usize = 5;

/// GFLOP/s of as many threads as compute, together, the best of a few tries.
#[must_use]
pub fn peak(level: Level) -> f64 {
    let lanes = match level.min(Level::best()) {
        Level::Portable => 4,
        Level::Avx2 => 8,
        Level::Avx512 | Level::Vnni => 16,
    };
    let one = || {
        let started = Instant::now();
        let mut sum = [0.0f32; 16];
        // SAFETY: a vector has at most sixteen values.
        unsafe { multiply_and_add(level, ROUNDS, sum.as_mut_ptr()) };
        std::hint::black_box(sum);
        #[allow(clippy::cast_precision_loss)]
        let operations = (2 * ROUNDS * VECTORS * lanes) as f64;
        operations / started.elapsed().as_secs_f64() / 1e9
    };
    let all = || {
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads::count()).map(|_| scope.spawn(one)).collect();
            one() + others.into_iter().filter_map(|other| other.join().ok()).sum::<f64>()
        })
    };
    (0..TRIES).map(|_| all()).fold(0.0, f64::max)
}

per_lanes! {
    /// Multiplies and adds so many times, and leaves a vector that depends on all of it.
    ///
    /// # Safety
    /// There is room for a vector.
    pub unsafe fn multiply_and_add<V>(rounds: usize, to: *mut f32) {
        // SAFETY: there is room: the caller's promise.
        unsafe {
            let mut sums = [V::splat(0.1); VECTORS];
            let small = V::splat(1e-9);
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = sum.times_plus(0.999, small);
                }
            }
            let mut total = sums[0];
            for sum in &sums[1..] {
                total = total.plus(*sum);
            }
            total.store(to);
        }
    }
}
