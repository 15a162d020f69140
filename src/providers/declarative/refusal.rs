//! What a refusal means: the rules of the file, then the usual meaning of the status. The provider's own words go to
//! the log only, without the key and cut short.

use super::file::{ErrorRule, ProviderFile, RetryAfter};
use super::reply::{self, Reply};
use crate::media::Refusal;
use jiff::Timestamp;
use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

/// Longest piece of a provider's own words in the log, in characters.
const LONGEST_WORDS: usize = 500;
/// Longest wait that is believed, in seconds.
const LONGEST_WAIT: u64 = 24 * 3600;

/// What a refusal means, and when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The class.
    pub refusal: Refusal,
    /// Seconds.
    pub retry_after_s: Option<u64>,
}

/// What the file's rules say of an answer. Of a good one, only rules that look at it count.
#[must_use]
pub fn by_rule(rules: &[ErrorRule], reply: &Reply, step: &str, fine: bool) -> Option<Meaning> {
    let rule = rules.iter().find(|rule| {
        let here = rule.step.as_deref().is_none_or(|name| name == step);
        let status = rule.status.is_empty() || rule.status.iter().any(|status| status.covers(reply.status));
        let said = match &rule.condition {
            Some(condition) => reply.meets(condition),
            None => !fine,
        };
        here && status && said
    })?;
    let told = rule.retry_after.iter().find_map(|source| wait_of(source, reply));
    Some(Meaning { refusal: rule.refusal, retry_after_s: told.or_else(|| usual_wait(rule.refusal, reply)) })
}

/// The usual meaning of a status.
#[must_use]
pub fn by_status(reply: &Reply) -> Meaning {
    let refusal = match reply.status {
        401 | 403 => Refusal::BadKey,
        402 => Refusal::Payment,
        404 | 410 => Refusal::Gone,
        // A gateway that gave up: the work behind it may go on.
        408 | 502 | 504 | 520 | 524 => Refusal::Timeout,
        413 => Refusal::TooBig,
        429 => Refusal::Rate,
        400..500 => Refusal::Invalid,
        500..600 => Refusal::Busy,
        _ => Refusal::BadResponse,
    };
    Meaning { refusal, retry_after_s: usual_wait(refusal, reply) }
}

fn usual_wait(refusal: Refusal, reply: &Reply) -> Option<u64> {
    let waits = matches!(refusal, Refusal::Rate | Refusal::Loading | Refusal::Busy);
    waits.then(|| wait_in(reply.header("retry-after")?)).flatten()
}

fn wait_of(source: &RetryAfter, reply: &Reply) -> Option<u64> {
    match source {
        RetryAfter::Seconds(seconds) => Some(*seconds),
        RetryAfter::Look(look, pattern) => reply.look(look).iter().find_map(|value| {
            let words = reply::words_of(value);
            wait_in(&matched(&words, pattern.as_ref())?)
        }),
    }
}

fn matched(words: &str, pattern: Option<&Regex>) -> Option<String> {
    match pattern {
        None => Some(words.to_owned()),
        Some(pattern) => Some(pattern.captures(words)?.get(1)?.as_str().to_owned()),
    }
}

/// Seconds to wait: `20`, `34.4s`, `1m30s`, `Fri, 20 Nov 2026 19:30:00 GMT`.
fn wait_in(words: &str) -> Option<u64> {
    let words = words.trim();
    let seconds = match words.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => match words.parse::<jiff::SignedDuration>() {
            Ok(duration) => duration.as_secs_f64(),
            Err(_) => {
                let date = jiff::fmt::rfc2822::parse(words).ok()?.timestamp();
                date.duration_since(Timestamp::now()).as_secs_f64()
            }
        },
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = |seconds: f64| seconds.ceil().clamp(0.0, LONGEST_WAIT as f64) as u64;
    seconds.is_finite().then(|| whole(seconds))
}

/// The provider's own words about a refusal, for the log: without secrets, and cut short.
#[must_use]
pub fn own_words(file: &ProviderFile, reply: &Reply, secrets: &[SecretString]) -> String {
    let found = reply::find(&reply.json, &file.message);
    let words = match found.first() {
        Some(value) => reply::words_of(value),
        None => String::from_utf8_lossy(&reply.body[..reply.body.len().min(4 * LONGEST_WORDS)]).into_owned(),
    };
    scrubbed(&words, secrets).chars().take(LONGEST_WORDS).collect()
}

/// Without any of the secrets.
#[must_use]
pub fn scrubbed(words: &str, secrets: &[SecretString]) -> String {
    let long = secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| secret.len() >= 4);
    long.fold(words.to_owned(), |words, secret| words.replace(secret, "[key]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_every_form() {
        let date = (Timestamp::now() + jiff::SignedDuration::from_secs(90)).to_zoned(jiff::tz::TimeZone::UTC);
        let date = jiff::fmt::rfc2822::to_string(&date).unwrap();
        let soon = wait_in(&date).unwrap();
        assert!((80..=90).contains(&soon), "{soon}");
        for (words, seconds) in
            [("20", 20), (" 1.2 ", 2), ("34.4s", 35), ("1m30s", 90), ("-5", 0), ("1e30", LONGEST_WAIT)]
        {
            assert_eq!(wait_in(words), Some(seconds), "{words}");
        }
        for words in ["", "soon", "NaN", "inf", "20 Nov"] {
            assert_eq!(wait_in(words), None, "{words}");
        }
    }

    #[test]
    fn secrets_are_scrubbed() {
        let secrets = ["sk-1234".into(), "x".into()];
        assert_eq!(scrubbed("Incorrect key sk-1234 for x", &secrets), "Incorrect key [key] for x");
    }
}
