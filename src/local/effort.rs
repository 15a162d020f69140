//! How long a heavy model will compute here, and whether that is reasonable when nobody named it: then somebody else in
//! the route may answer sooner. It must not know routes.

use crate::media::Failure;

/// A picture of a model that nobody named may take so many seconds.
const LONGEST_UNASKED: f64 = 120.0;
/// Floating-point operations a second of one thread, where nothing was measured: a modern core with AVX2.
const RATE_OF_A_THREAD: f64 = 60e9;

/// The work of a drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effort {
    /// Floating-point operations of the denoising network, over all steps and pictures.
    operations: f64,
    /// Whether somebody named the model.
    named: bool,
}

impl Effort {
    /// Of FLUX.1's transformer for pictures of so many pixels, over `times` steps in all. As published it takes 1.29e10
    /// operations a token for its matrices, and 6.7e5 for every pair of tokens.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn flux(pixels: u64, times: u64, named: bool) -> Self {
        let tokens = (pixels / 256 + 256) as f64;
        let step = tokens * 1.29e10 + tokens * tokens * 6.7e5;
        Self { operations: step * times as f64, named }
    }

    /// Operations a second, of a drawing that denoised for so long.
    pub(super) fn rate(&self, denoise_s: f64) -> f64 {
        self.operations / denoise_s.max(1e-3)
    }

    /// Refuses what would take too long on a processor of `threads` threads. `measured`: operations a second of an
    /// earlier drawing.
    ///
    /// # Errors
    /// [`Failure::Missing`], which says how long it would take.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn reasonable(&self, name: &str, threads: usize, measured: Option<f64>) -> Result<(), Failure> {
        let rate = measured.unwrap_or(threads as f64 * RATE_OF_A_THREAD);
        let seconds = self.operations / rate;
        if self.named || seconds <= LONGEST_UNASKED {
            return Ok(());
        }
        let minutes = (seconds / 60.0).ceil();
        let message = format!("'{name}' would draw for about {minutes:.0} min here; it does when it is named");
        Err(Failure::Missing { message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_a_slow_model_waits_for_it() {
        let (unasked, named) = (Effort::flux(512 * 512, 4, false), Effort::flux(512 * 512, 4, true));
        let refused = unasked.reasonable("flux", 2, None).unwrap_err().to_string();
        assert!(refused.contains("'flux' would draw for about 10 min here"), "{refused}");
        assert_eq!(named.reasonable("flux", 2, None), Ok(()));
        assert_eq!(unasked.reasonable("flux", 16, None), Ok(()));
        // What was measured counts more.
        assert_eq!(unasked.reasonable("flux", 2, Some(unasked.rate(100.0))), Ok(()));
        assert!(unasked.reasonable("flux", 16, Some(unasked.rate(130.0))).is_err());
        assert!(Effort::flux(1024 * 1024, 4, false).reasonable("flux", 16, None).is_err());
    }
}
