//! Failures for the one who asked: a sentence that says what to do, by the class of the failure. It never shows what a
//! provider or the log says, and never the money: the texts around it do.

use super::super::texts::{Lang, args};
use super::{cut, money, time};
use crate::media::failure::Attempt;
use crate::media::image::{MAX_COUNT, MAX_PROMPT_CHARS, MAX_SEED, MAX_STEPS, SIDE_STEP, SIDES};
use crate::media::{Failure, Refusal};
use std::time::Duration;

/// Longest title of a provider in a sentence.
const TITLE: usize = 60;

/// One sentence or two: HTML.
#[must_use]
pub fn sentence(lang: Lang, failure: &Failure) -> String {
    let text = |key| lang.html(key, args! {});
    match failure {
        Failure::Invalid { param, message } => invalid(lang, param.as_deref().unwrap_or_default(), message),
        Failure::TooBig { message } => text(too_big(message)),
        Failure::Missing { .. } => text("failure-missing"),
        Failure::OutOfMemory { .. } => text("failure-memory"),
        Failure::Crashed { .. } => text("failure-crashed"),
        Failure::Timeout { .. } => text("failure-timeout"),
        Failure::Busy { retry_after_s: Some(wait), .. } => {
            lang.html("failure-busy-until", args! { "wait" => waiting(lang, *wait) })
        }
        Failure::Busy { .. } => text("failure-busy"),
        Failure::BadOutput { .. } => text("failure-bad-output"),
        Failure::Remote { provider, refusal, retry_after_s, .. } => remote(lang, provider, *refusal, *retry_after_s),
        Failure::Unavailable { .. } => text("failure-unavailable"),
        Failure::Quota { limit, price, balance, retry_after_s } => {
            quota(lang, (*limit, *price, *balance), *retry_after_s)
        }
        Failure::Forbidden { message } if message.contains("had to be done first") => text("failure-parent"),
        Failure::Forbidden { .. } => text("failure-forbidden"),
        Failure::Cancelled => text("failure-cancelled"),
        Failure::Exhausted { attempts } => exhausted(lang, attempts),
        Failure::Internal { .. } => text("failure-internal"),
    }
}

fn waiting(lang: Lang, seconds: u64) -> String {
    time::exact(lang, Duration::from_secs(seconds.max(1)))
}

fn too_big(message: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // `audio` has no pixels, and what is told of a picture names no time.
    if says(&["`audio`", " s long", "samples"]) {
        "failure-too-big-sound"
    } else if says(&["megapixels", "picture", "`image`", "`mask`", "`images`"]) {
        "failure-too-big-picture"
    } else {
        "failure-too-big"
    }
}

fn quota(lang: Lang, (limit, price, balance): (u32, i64, i64), reset: Option<u64>) -> String {
    let (price, balance) = (money::roubles(lang, price), money::roubles(lang, balance));
    match reset {
        Some(reset) if limit > 0 => lang.html(
            "failure-quota",
            args! { "limit" => limit, "price" => price, "balance" => balance, "reset" => waiting(lang, reset) },
        ),
        _ => lang.html("failure-quota-paid", args! { "price" => price, "balance" => balance }),
    }
}

fn remote(lang: Lang, provider: &str, refusal: Refusal, after: Option<u64>) -> String {
    let title = || cut::within(provider, TITLE);
    let wait = after.map(|after| waiting(lang, after));
    let key = match (refusal, wait) {
        (Refusal::Policy, _) => return lang.html("failure-policy", args! {}),
        (Refusal::Rate, Some(wait)) => {
            return lang.html("failure-remote-rate-until", args! { "provider" => title(), "wait" => wait });
        }
        (Refusal::Loading, Some(wait)) => {
            return lang.html("failure-remote-loading-until", args! { "provider" => title(), "wait" => wait });
        }
        (Refusal::BadKey | Refusal::Payment, _) => "failure-remote-key",
        (Refusal::Rate, None) => "failure-remote-rate",
        (Refusal::Loading, None) => "failure-remote-loading",
        (Refusal::Geo, _) => "failure-remote-geo",
        (Refusal::Busy, _) => "failure-remote-busy",
        (Refusal::Invalid, _) => "failure-remote-invalid",
        (Refusal::TooBig, _) => "failure-remote-too-big",
        (Refusal::Gone, _) => "failure-remote-gone",
        (Refusal::Timeout, _) => "failure-remote-timeout",
        (Refusal::BadResponse, _) => "failure-remote-bad-response",
    };
    lang.html(key, args! { "provider" => title() })
}

/// Where everybody who can be asked says the same of the request itself, that is said.
fn exhausted(lang: Lang, attempts: &[Attempt]) -> String {
    let missing = |a: &&Attempt| matches!(*a.failure, Failure::Missing { .. });
    let mut asked = attempts.iter().filter(|a| !missing(a)).peekable();
    let refused = |a: &Attempt| matches!(*a.failure, Failure::Remote { refusal: Refusal::Policy, .. });
    let small = |a: &Attempt| matches!(*a.failure, Failure::OutOfMemory { .. });
    if asked.peek().is_some() {
        let asked: Vec<&Attempt> = asked.collect();
        if asked.iter().all(|a| refused(a)) {
            return lang.html("failure-policy", args! {});
        }
        if asked.iter().all(|a| small(a)) {
            return lang.html("failure-memory", args! {});
        }
    }
    lang.html("failure-exhausted", args! {})
}

/// A wrong request, by the field at fault and, where one field can be wrong in several ways, by the words about it.
fn invalid(lang: Lang, param: &str, message: &str) -> String {
    let says = |words: &str| message.contains(words);
    let most = |key, most: usize| lang.html(key, args! { "most" => most });
    let text = |key| lang.html(key, args! {});
    // What can be said of any field.
    if says("is missing: send a file") {
        return text("failure-no-file");
    }
    if says("is not there or has expired") {
        return text("failure-file-gone");
    }
    if says("times; at most") {
        return most("failure-many-files", last_number(message).unwrap_or(1));
    }
    if says("is not a picture") || says("cannot be read") {
        return text("failure-bad-picture");
    }
    if says("is not a sound") || says("is not OGG") {
        return text("failure-bad-sound");
    }
    match param {
        "prompt" if says("empty") => text("failure-empty-prompt"),
        "prompt" | "negative_prompt" => most("failure-long-prompt", last_number(message).unwrap_or(MAX_PROMPT_CHARS)),
        "text" if says("characters") => most("failure-long-text", last_number(message).unwrap_or(MAX_PROMPT_CHARS)),
        "model" | "provider" => text("failure-model-name"),
        "size" => size(lang, SIDE_STEP),
        "steps" => most("failure-steps", MAX_STEPS as usize),
        "n" => most("failure-count", MAX_COUNT as usize),
        "seed" => lang.html("failure-seed", args! { "most" => MAX_SEED.to_string() }),
        "guidance_scale" => text("failure-guidance"),
        "strength" if says("leave none to do") => text("failure-strength-steps"),
        "strength" => text("failure-strength"),
        "mask" => text("failure-mask"),
        "scale" => text("failure-scale"),
        "parent" => text("failure-parent"),
        "language" | "target" | "source" => text("failure-language"),
        _ if says("draws sides divisible by") => size(lang, step_in(message)),
        _ if says("leave none to do") => text("failure-strength-steps"),
        _ => text("failure-invalid"),
    }
}

fn size(lang: Lang, step: u32) -> String {
    lang.html("failure-size", args! { "least" => *SIDES.start(), "most" => *SIDES.end(), "step" => step })
}

/// The 16 of `this model draws sides divisible by 16, not 520x520`.
fn step_in(message: &str) -> u32 {
    let after = message.split("divisible by ").nth(1).unwrap_or_default();
    after.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(SIDE_STEP)
}

fn last_number(message: &str) -> Option<usize> {
    message.split(|c: char| !c.is_ascii_digit()).rfind(|digits| !digits.is_empty())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn invalids() -> Vec<Failure> {
        [
            ("prompt", "the prompt is empty: say what to draw"),
            ("prompt", "`prompt` has 10001 characters; at most 10000 are accepted"),
            ("text", "`text` has 5001 characters; at most 5000 are accepted"),
            ("model", "`model` is no name that anything here could have"),
            ("size", "the width is 65; it must be from 64 to 2048 and divisible by 8"),
            ("steps", "`steps` is 99; it must be from 1 to 50"),
            ("n", "9 pictures asked; from 1 to 8 are possible"),
            ("seed", "`seed` must be from 0 to 9223372036854775807, for each picture"),
            ("guidance_scale", "`guidance_scale` must be from 0 to 50"),
            ("strength", "`strength` must be above 0 and at most 1"),
            ("strength", "1 steps at strength 0.5 leave none to do; ask for more of either"),
            ("mask", "the mask is 8x8 but the picture is 9x9; they must be of one size"),
            ("scale", "`scale` is 3; 2 and 4 are possible"),
            ("image", "`image` is missing: send a file"),
            ("image", "`image` is there 5 times; at most 4 are possible"),
            ("image", "`image` is not a picture that can be read: bad signature"),
            ("audio", "`audio` is not a sound that can be read: nothing in it decodes"),
            ("audio", "`audio` is not OGG, MP3, WAV, FLAC, M4A, MP4, AAC, WebM or AMR"),
            ("image", "the file 00000000-0000-0000-0000-000000000000 is not there or has expired"),
            ("parent", "the job that had to be done first has left no picture"),
            ("language", "`language` must be a code such as ru or en-US"),
            ("Idempotency-Key", "it was used for something else"),
            ("", "this model draws sides divisible by 16, not 520x520"),
            ("", "1 steps at strength 0.1 leave none to do; at least 10 are needed"),
        ]
        .into_iter()
        .map(|(param, message)| Failure::Invalid {
            param: (!param.is_empty()).then(|| param.to_owned()),
            message: message.to_owned(),
        })
        .collect()
    }

    fn remotes() -> Vec<Failure> {
        let all = [
            Refusal::BadKey,
            Refusal::Payment,
            Refusal::Rate,
            Refusal::Policy,
            Refusal::Geo,
            Refusal::Loading,
            Refusal::Busy,
            Refusal::Invalid,
            Refusal::TooBig,
            Refusal::Gone,
            Refusal::Timeout,
            Refusal::BadResponse,
        ];
        let after = |refusal| Failure::Remote {
            provider: "Hugging <Face>".to_owned(),
            refusal,
            retry_after_s: Some(90),
            spend_unknown: false,
            status: Some(429),
        };
        let plain = all.into_iter().map(|refusal| Failure::remote("Hugging <Face>", refusal));
        plain.chain([after(Refusal::Rate), after(Refusal::Loading)]).collect()
    }

    fn attempt(failure: Failure) -> Attempt {
        Attempt { provider: "hf".to_owned(), model: "flux".to_owned(), failure: Box::new(failure) }
    }

    fn others() -> Vec<Failure> {
        let message = || "SECRET <raw> words".to_owned();
        let missing = || attempt(Failure::Missing { message: message() });
        let policy = || attempt(Failure::remote("A", Refusal::Policy));
        let memory = || attempt(Failure::OutOfMemory { needed: 2, available: 1 });
        vec![
            Failure::TooBig { message: "`image` is 9000x9000; at most 40 megapixels are accepted".to_owned() },
            Failure::TooBig { message: "`audio` is 14460 s long; at most 14400 s are accepted".to_owned() },
            Failure::TooBig { message: message() },
            Failure::Missing { message: message() },
            Failure::OutOfMemory { needed: 1, available: 0 },
            Failure::Crashed { message: message() },
            Failure::Timeout { message: message() },
            Failure::Busy { message: message(), retry_after_s: Some(40) },
            Failure::Busy { message: message(), retry_after_s: None },
            Failure::BadOutput { message: message() },
            Failure::Unavailable { message: message() },
            Failure::Quota { limit: 3, price: 300, balance: 50, retry_after_s: Some(19_200) },
            Failure::Quota { limit: 0, price: 300, balance: 50, retry_after_s: None },
            Failure::Forbidden { message: message() },
            Failure::Forbidden { message: "the job 1, which had to be done first, was not".to_owned() },
            Failure::Cancelled,
            Failure::Exhausted { attempts: vec![] },
            Failure::Exhausted { attempts: vec![missing(), policy(), policy()] },
            Failure::Exhausted { attempts: vec![memory(), missing()] },
            Failure::Exhausted { attempts: vec![memory(), policy()] },
            Failure::Internal { message: message() },
        ]
    }

    #[test]
    fn every_failure_has_its_sentence() {
        for lang in Lang::ALL {
            let mut text = String::new();
            for failure in others().into_iter().chain(remotes()).chain(invalids()) {
                let said = sentence(lang, &failure);
                assert!(!said.contains("SECRET") && !said.contains("<Face>"), "{said}");
                let about = match &failure {
                    Failure::Invalid { message, .. } | Failure::TooBig { message } => message,
                    _ => "",
                };
                writeln!(text, "{} {about}\n    {said}", failure.class()).unwrap();
            }
            insta::assert_snapshot!(format!("failures_{lang}"), text);
        }
    }

    #[test]
    fn wrong_requests_say_what_is_wrong() {
        let generic = Lang::En.html("failure-invalid", args! {});
        let vague = invalids().iter().filter(|failure| sentence(Lang::En, failure) == generic).count();
        assert_eq!(vague, 1, "only what no user of the bot can cause is left without words");
    }
}
