//! How long a job takes here, from those that finished: the ground of every expected wait.

use std::time::Duration;

/// Weight of the newest job in the running mean: about the last ten count.
const NEWEST: f64 = 0.2;

/// A running mean of job times.
#[derive(Debug, Default)]
pub(super) struct Pace {
    mean_s: Option<f64>,
}

impl Pace {
    /// Takes the time of one finished job into the mean.
    pub(super) fn note(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.mean_s = Some(self.mean_s.map_or(took, |mean| mean + NEWEST * (took - mean)));
    }

    /// Seconds one job takes, rounded up. `None` before the first has finished.
    pub(super) fn job_s(&self) -> Option<u64> {
        self.mean_s.map(whole)
    }

    /// Seconds until a job starts that has `ahead` waiting jobs before it, beside those that run since `running`.
    pub(super) fn wait_s(&self, running: &[Duration], ahead: usize) -> Option<u64> {
        let mean = self.mean_s?;
        let left: f64 = running.iter().map(|since| (mean - since.as_secs_f64()).max(0.0)).sum();
        #[allow(clippy::cast_precision_loss)]
        Some(whole(left + mean * ahead as f64))
    }
}

fn whole(seconds: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds.ceil() as u64;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_promised_before_the_first_job_finished() {
        assert_eq!(Pace::default().wait_s(&[], 3), None);
    }

    #[test]
    fn the_wait_is_the_rest_of_the_running_job_and_all_of_those_ahead() {
        let mut pace = Pace::default();
        pace.note(Duration::from_secs(10));
        assert_eq!(pace.job_s(), Some(10));
        assert_eq!(pace.wait_s(&[Duration::from_secs(4)], 2), Some(26));
        assert_eq!(pace.wait_s(&[Duration::from_secs(40)], 0), Some(0), "a slow job is never a negative wait");
        pace.note(Duration::from_secs(20));
        assert_eq!(pace.job_s(), Some(12));
    }
}
