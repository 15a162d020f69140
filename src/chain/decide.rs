//! What a failure means for the request: the same again, another key, somebody else, or the end. Pure rules, no waiting.

use crate::media::{Failure, Refusal};
use std::time::Duration;

/// Most repetitions of one call after failures that pass by themselves.
pub const MOST_RETRIES: u32 = 3;
/// First pause before a repetition; each further one is twice as long.
const BACKOFF: Duration = Duration::from_millis(500);
/// The longest pause that is worth it while nobody else can be asked.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest wait for a model that is being loaded.
const LONGEST_LOADING: Duration = Duration::from_secs(30);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same call once more, after a pause.
    Again(Duration),
    /// The same provider with another key.
    OtherKey,
    /// The same provider with another of its models, where the request leaves the choice.
    OtherModel,
    /// The next link of the route.
    OtherLink,
    /// Nobody: everyone would say the same.
    Stop,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Repetitions so far.
    pub retries: u32,
    /// Whether nobody else is left to be asked.
    pub last: bool,
    /// Whether the provider's refusal of a content says nothing about others.
    pub own_policy: bool,
}

/// Decides by the class of the failure.
#[must_use]
pub fn next(failure: &Failure, standing: Standing) -> Next {
    let Failure::Remote { refusal, retry_after_s, spend_unknown, .. } = failure else {
        // Our own database is away: the job is done again when it is back.
        if matches!(failure, Failure::Unavailable { .. }) {
            return Next::Stop;
        }
        return if failure.goes_on() { Next::OtherLink } else { Next::Stop };
    };
    // It may have been taken, and paid: never the same there again.
    if *spend_unknown {
        return Next::OtherLink;
    }
    let after = retry_after_s.map(Duration::from_secs);
    match refusal {
        Refusal::BadKey | Refusal::Payment | Refusal::Rate => Next::OtherKey,
        Refusal::Policy if standing.own_policy => Next::OtherLink,
        Refusal::Policy => Next::Stop,
        Refusal::Loading if standing.retries == 0 => Next::Again(after.unwrap_or(LONGEST_PAUSE).min(LONGEST_LOADING)),
        Refusal::Busy => busy(after, standing),
        Refusal::Gone | Refusal::TooBig => Next::OtherModel,
        Refusal::Loading | Refusal::Geo | Refusal::Invalid | Refusal::Timeout | Refusal::BadResponse => Next::OtherLink,
    }
}

/// A hiccup is worth one more call; several only where nobody else is left.
fn busy(after: Option<Duration>, standing: Standing) -> Next {
    let most = if standing.last { MOST_RETRIES } else { 1 };
    let pause = after.unwrap_or_else(|| BACKOFF * 2_u32.saturating_pow(standing.retries));
    let worth = if standing.last { LONGEST_PAUSE } else { 2 * BACKOFF };
    if standing.retries < most && pause <= worth { Next::Again(pause) } else { Next::OtherLink }
}

/// Whether a key that rests is worth waiting for.
#[must_use]
pub fn worth_waiting(rest: Duration, standing: Standing) -> bool {
    standing.last && standing.retries < MOST_RETRIES && rest <= LONGEST_PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMONG_OTHERS: Standing = Standing { retries: 0, last: false, own_policy: false };
    const LAST: Standing = Standing { retries: 0, last: true, own_policy: false };

    fn failure(refusal: Refusal, after: Option<u64>) -> Failure {
        let status = None;
        Failure::Remote { provider: "X".into(), refusal, retry_after_s: after, spend_unknown: false, status }
    }

    #[test]
    fn each_class_has_its_next_step() {
        let cases = [
            (Refusal::BadKey, Next::OtherKey),
            (Refusal::Payment, Next::OtherKey),
            (Refusal::Rate, Next::OtherKey),
            (Refusal::Policy, Next::Stop),
            (Refusal::Geo, Next::OtherLink),
            (Refusal::Loading, Next::Again(Duration::from_secs(10))),
            (Refusal::Busy, Next::Again(BACKOFF)),
            (Refusal::Invalid, Next::OtherLink),
            (Refusal::TooBig, Next::OtherModel),
            (Refusal::Gone, Next::OtherModel),
            (Refusal::Timeout, Next::OtherLink),
            (Refusal::BadResponse, Next::OtherLink),
        ];
        for (refusal, expected) in cases {
            assert_eq!(next(&failure(refusal, None), AMONG_OTHERS), expected, "{refusal}");
        }
        let own = Standing { own_policy: true, ..LAST };
        assert_eq!(next(&failure(Refusal::Policy, None), own), Next::OtherLink);
        assert_eq!(next(&Failure::Cancelled, LAST), Next::Stop);
        assert_eq!(next(&Failure::Crashed { message: String::new() }, LAST), Next::OtherLink);
    }

    #[test]
    fn what_may_have_been_paid_is_never_repeated() {
        for refusal in [Refusal::Busy, Refusal::Timeout, Refusal::BadResponse, Refusal::Loading, Refusal::BadKey] {
            let status = None;
            let cut =
                Failure::Remote { provider: "X".into(), refusal, retry_after_s: Some(0), spend_unknown: true, status };
            assert_eq!(next(&cut, LAST), Next::OtherLink, "{refusal}");
        }
    }

    #[test]
    fn a_hiccup_is_repeated_at_most_three_times_and_only_where_the_pause_is_short() {
        let pauses: Vec<Next> =
            (0..=3).map(|retries| next(&failure(Refusal::Busy, None), Standing { retries, ..LAST })).collect();
        let again = |ms| Next::Again(Duration::from_millis(ms));
        assert_eq!(pauses, [again(500), again(1000), again(2000), Next::OtherLink]);
        assert_eq!(next(&failure(Refusal::Busy, None), Standing { retries: 1, ..AMONG_OTHERS }), Next::OtherLink);
        assert_eq!(next(&failure(Refusal::Busy, Some(60)), LAST), Next::OtherLink);
        assert_eq!(next(&failure(Refusal::Loading, Some(300)), LAST), Next::Again(LONGEST_LOADING));
        assert_eq!(next(&failure(Refusal::Loading, Some(5)), Standing { retries: 1, ..LAST }), Next::OtherLink);
    }
}
