//! The sentences are those that the other rooms make today.

use super::*;
use crate::media::{Failure, Refusal};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Where each notice is made, as it stands in the code there, and one that comes of it.
const MADE: &[(&str, &str, &str)] = &[
    (
        "media/image.rs",
        "control characters were removed from the {what}",
        "control characters were removed from the negative prompt",
    ),
    ("media/image.rs", "cleaned(&self.prompt, \"prompt\"", "control characters were removed from the prompt"),
    (
        "media/image.rs",
        "the picture is {}x{}; it was scaled to {width}x{height}",
        "the picture is 4000x3000; it was scaled to 2048x1536",
    ),
    (
        "engine/sdxl/canvas.rs",
        "the picture was resized from {}x{} to {width}x{height}",
        "the picture was resized from 515x515 to 512x512",
    ),
    (
        "engine/sdxl/sample.rs",
        "the prompt was longer than the model reads and was cut at a word",
        "the prompt was longer than the model reads and was cut at a word",
    ),
    (
        "providers/declarative/plan.rs",
        "the prompt has {length} characters; {title} reads {most}, so it was cut at a word",
        "the prompt has 900 characters; Yandex Cloud reads 500, so it was cut at a word",
    ),
    (
        "providers/declarative/plan.rs",
        "{title} draws {w}x{h}, the nearest to {width}x{height} that {} has",
        "OpenAI draws 1024x1536, the nearest to 832x1216 that GPT Image 2 has",
    ),
    (
        "providers/declarative/deliver.rs",
        "the picture was sent to {title} at {w}x{h}, which is what it takes",
        "the picture was sent to fal.ai at 1024x768, which is what it takes",
    ),
    (
        "providers/declarative/plan.rs",
        "{model} is gone; {today} of {} answered instead",
        "dall-e-3 is gone; gpt-image-2 of OpenAI answered instead",
    ),
    (
        "local/plan.rs",
        "memory is short: the text encoders were unloaded after use",
        "memory is short: the text encoders were unloaded after use",
    ),
    (
        "local/plan.rs",
        "memory is short: the tiny decoder drew the pixels, details are softer",
        "memory is short: the tiny decoder drew the pixels, details are softer",
    ),
    (
        "local/plan.rs",
        "memory is short: the picture was decoded in parts",
        "memory is short: the picture was decoded in parts",
    ),
    (
        "chain/prompts.rs",
        "the prompt was not translated into English ({why}); {} read it as it was written",
        "the prompt was not translated into English (no translator is set up); SDXL-Turbo read it as it was written",
    ),
    ("chain/mod.rs", "{asked} was asked for; {}:{} answered", "old was asked for; mine:large answered"),
    ("chain/mod.rs", "{made} of the {asked} pictures asked for were made", "1 of the 4 pictures asked for were made"),
    (
        "providers/declarative/call.rs",
        "{title} made {made} of the {wanted} pictures that were asked",
        "Tea made 1 of the 2 pictures that were asked",
    ),
    ("providers/declarative/call.rs", "{title} made {made}; {} was asked", "Tea made audio/ogg; mp3 was asked"),
];

/// Notices about letters on pictures.
const LETTERS: &[&str] = &[
    "Не понял: блестящий",
    "not understood: shiny",
    "текст поместился только мелкими буквами, 9 пикс.",
    "the text fits only with small letters, 9 px",
    "в шрифтах нет знаков: 𐎀",
    "no font here has these signs: 𐎀",
];

/// Where reasons are made, and words of theirs that are known here.
const REASONS_MADE: &[(&str, &str)] = &[
    ("providers/local.rs", "no local model does "),
    ("local/catalogue/locate.rs", "there is no model named "),
    ("local/catalogue/locate.rs", "the model '{name}' is not installed"),
    ("local/catalogue/locate.rs", "the model '{name}' is installed in part"),
    ("local/catalogue/locate.rs", "the bundled model '{name}' is damaged"),
    ("local/supervise.rs", "the local engine {} cannot be used"),
    ("local/mod.rs", "the local engine died {deaths} times"),
    ("chain/attempt.rs", "{before} requests are before this one on this machine"),
];

fn code(file: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn notices_are_worded_as_they_are_known_here() {
    for (file, worded, _) in MADE {
        assert!(code(file).contains(worded), "{file} no longer says: {worded}");
    }
    for (file, worded) in REASONS_MADE {
        assert!(code(file).contains(worded), "{file} no longer says: {worded}");
    }
    let made = || MADE.iter().map(|(_, _, made)| made).chain(LETTERS);
    for (known, _) in &KNOWN_NOTICES.0 {
        assert!(made().any(|made| known.is_match(made)), "{known} is known and nobody makes it");
    }
}

#[test]
fn every_notice_is_told() {
    for lang in Lang::ALL {
        let mut text = String::new();
        for made in MADE.iter().map(|(_, _, made)| made).chain(LETTERS) {
            assert!(KNOWN_NOTICES.told(lang, made).is_some(), "not known: {made}");
            writeln!(text, "{made}\n    {}", notice(lang, made).unwrap()).unwrap();
        }
        insta::assert_snapshot!(format!("notices_{lang}"), text);
    }
}

#[test]
fn what_is_not_known_is_told_only_to_those_who_read_it() {
    assert_eq!(notice(Lang::En, "something new"), Some("something new".to_owned()));
    assert_eq!(notice(Lang::Ru, "something new"), None);
}

#[test]
fn reasons_are_told_by_what_failed() {
    let message = || "x".to_owned();
    let mut failures = vec![
        Failure::OutOfMemory { needed: 2 << 30, available: 1 << 30 },
        Failure::OutOfMemory { needed: 0, available: 0 },
        Failure::Crashed { message: message() },
        Failure::Timeout { message: message() },
        Failure::BadOutput { message: message() },
        Failure::Missing { message: "no local model does speech.transcribe".to_owned() },
        Failure::Missing { message: "the model 'sdxl-turbo' is not installed; `fetch` brings it (6.9 GB)".to_owned() },
        Failure::Busy {
            message: "the local engine died 3 times in a row and rests".to_owned(),
            retry_after_s: Some(9),
        },
        Failure::Busy { message: "4 requests are before this one on this machine".to_owned(), retry_after_s: None },
        Failure::Internal { message: "the disk is full".to_owned() },
    ];
    let refusals = [
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
    failures.extend(refusals.map(|refusal| Failure::remote("Hugging Face", refusal)));
    for lang in Lang::ALL {
        let mut text = String::new();
        for failure in &failures {
            let given = format!("{failure} (and 2 more of the route)");
            writeln!(text, "{given}\n    {}", reason(lang, &given)).unwrap();
        }
        for refusal in refusals {
            let told = reason(lang, &refusal.sentence("Hugging Face", Some(7)));
            assert!(told.starts_with("Hugging Face "), "{told}");
        }
        insta::assert_snapshot!(format!("reasons_{lang}"), text);
    }
}
