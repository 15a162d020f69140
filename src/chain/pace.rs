//! How long an answer may take: what the latest answers of a model took, times three.
//!
//! Must not know what is asked; small and large requests of one model share what is known of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Answers that are remembered of each model.
const REMEMBERED: usize = 20;
/// Answers without which nothing is known: the first few may all have been quick by chance.
const ENOUGH: usize = 5;
/// How much longer than nearly all answers the next one may take.
const PATIENCE: u32 = 3;
/// The shortest time that is allowed.
const LEAST: Duration = Duration::from_secs(15);

/// What is known of each model's pace. Cheap to clone; clones share what they learn.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Mutex<Known>>);

/// The latest times by provider and model.
type Known = BTreeMap<String, BTreeMap<String, VecDeque<Duration>>>;

impl Pace {
    /// How long the next answer of this model may take, `most` at the longest.
    #[must_use]
    pub fn timeout(&self, provider: &str, model: &str, most: Duration) -> Duration {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = known.get(provider).and_then(|models| models.get(model));
        let nearly_all = times.filter(|times| times.len() >= ENOUGH).map(nearly_all);
        nearly_all.map_or(most, |time| (time * PATIENCE).max(LEAST).min(most))
    }

    /// An answer took so long.
    pub fn learned(&self, provider: &str, model: &str, took: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let models = known.entry(provider.to_owned()).or_default();
        let times = models.entry(model.to_owned()).or_default();
        if times.len() == REMEMBERED {
            times.pop_front();
        }
        times.push_back(took);
    }

    /// No answer came within the time that was allowed. Without this, a model that has become slower would be given up
    /// every time and never be known to be slower.
    pub fn missed(&self, provider: &str, model: &str, waited: Duration) {
        // Twice: one of twenty alone does not move what nearly all of them took.
        self.learned(provider, model, waited);
        self.learned(provider, model, waited);
    }
}

/// The 95th percentile.
fn nearly_all(times: &VecDeque<Duration>) -> Duration {
    let mut sorted: Vec<Duration> = times.iter().copied().collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: Duration = Duration::from_secs(300);

    fn pace(seconds: impl IntoIterator<Item = u64>) -> Pace {
        let pace = Pace::default();
        for seconds in seconds {
            pace.learned("fal", "flux", Duration::from_secs(seconds));
        }
        pace
    }

    fn timeout(pace: &Pace) -> u64 {
        pace.timeout("fal", "flux", MOST).as_secs()
    }

    #[test]
    fn nothing_is_known_before_a_few_answers() {
        assert_eq!(timeout(&pace([])), 300);
        assert_eq!(timeout(&pace([10; 4])), 300);
        assert_eq!(timeout(&pace([10; 5])), 30);
        let pace = pace([10; 20]);
        assert_eq!(pace.timeout("fal", "other", MOST), MOST);
        assert_eq!(pace.timeout("other", "flux", MOST), MOST);
    }

    #[test]
    fn one_slow_answer_of_twenty_changes_nothing_and_two_do() {
        assert_eq!(timeout(&pace([10; 19].into_iter().chain([90]))), 30);
        assert_eq!(timeout(&pace([10; 18].into_iter().chain([90; 2]))), 270);
    }

    #[test]
    fn the_time_has_bounds() {
        assert_eq!(timeout(&pace([1; 20])), 15);
        assert_eq!(timeout(&pace([200; 20])), 300);
        assert_eq!(pace([1; 20]).timeout("fal", "flux", Duration::from_secs(5)), Duration::from_secs(5));
    }

    #[test]
    fn old_answers_are_forgotten() {
        assert_eq!(timeout(&pace([90; 20].into_iter().chain([10; 20]))), 30);
    }

    #[test]
    fn a_model_that_became_slower_is_given_more_time_after_each_miss() {
        let pace = pace([10; 20]);
        let mut allowed = Vec::new();
        for _ in 0..4 {
            let timeout = pace.timeout("fal", "flux", MOST);
            allowed.push(timeout.as_secs());
            pace.missed("fal", "flux", timeout);
        }
        assert_eq!(allowed, [30, 90, 270, 300]);
    }

    proptest! {
        #[test]
        fn the_time_is_never_longer_than_allowed_and_leaves_room_for_nearly_all(
            seconds in prop::collection::vec(0_u64..1000, 5..60), most in 1_u64..1000,
        ) {
            let pace = pace(seconds.clone());
            let timeout = pace.timeout("fal", "flux", Duration::from_secs(most));
            prop_assert!(timeout <= Duration::from_secs(most));
            let latest = &seconds[seconds.len().saturating_sub(REMEMBERED)..];
            let in_time = latest.iter().filter(|s| Duration::from_secs(**s) <= timeout).count();
            prop_assert!(timeout.as_secs() == most || in_time * 100 >= latest.len() * 95);
        }
    }
}
