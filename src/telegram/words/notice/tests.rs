//! The sentences are those that the other rooms make today.

use super::*;
use crate::media::{Failure, Refusal};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Each notice as it stands in the code that makes it, and one that comes of it.
const MADE: &[(&str, &str)] = &[
    ("control characters were removed from the {what}", "control characters were removed from the negative prompt"),
    ("cleaned(&self.prompt, \"prompt\"", "control characters were removed from the prompt"),
    ("the picture is {}x{}; it was scaled to {width}x{height}", "the picture is 4000x3000; it was scaled to 2048x1536"),
    ("the picture was resized from {}x{} to {width}x{height}", "the picture was resized from 515x515 to 512x512"),
    (
        "the prompt was longer than the model reads and was cut at a word",
        "the prompt was longer than the model reads and was cut at a word",
    ),
    (
        "the prompt has {length} characters; {title} reads {most}, so it was cut at a word",
        "the prompt has 900 characters; Yandex Cloud reads 500, so it was cut at a word",
    ),
    (
        "{title} draws {w}x{h}, the nearest to {width}x{height} that {} has",
        "OpenAI draws 1024x1536, the nearest to 832x1216 that GPT Image 2 has",
    ),
    (
        "the picture was sent to {title} at {w}x{h}, which is what it takes",
        "the picture was sent to fal.ai at 1024x768, which is what it takes",
    ),
    ("{model} is gone; {today} of {} answered instead", "dall-e-3 is gone; gpt-image-2 of OpenAI answered instead"),
    (
        "memory is short: the text encoders were unloaded after use",
        "memory is short: the text encoders were unloaded after use",
    ),
    (
        "memory is short: the tiny decoder drew the pixels, details are softer",
        "memory is short: the tiny decoder drew the pixels, details are softer",
    ),
    ("memory is short: the picture was decoded in parts", "memory is short: the picture was decoded in parts"),
    (
        "the demo model wrote this down: it knows only its own clips and makes something up for other speech; ",
        "the demo model wrote this down: it knows only its own clips and makes something up for other speech; \
         `scripts/fetch_models.sh whisper-small-q5_1` brings a real one",
    ),
    (
        "memory is short: only one reading of the sound was followed",
        "memory is short: only one reading of the sound was followed",
    ),
    ("what is said at {:.0} s could not be made out", "what is said at 84 s could not be made out"),
    (
        "the prompt was not translated into English ({why}); {} read it as it was written",
        "the prompt was not translated into English (no translator is set up); SDXL-Turbo read it as it was written",
    ),
    ("{asked} was asked for; {}:{} answered", "old was asked for; mine:large answered"),
    ("{made} of the {asked} pictures asked for were made", "1 of the 4 pictures asked for were made"),
    ("{title} made {made} of the {wanted} pictures that were asked", "Tea made 1 of the 2 pictures that were asked"),
    ("{title} made {made}; {} was asked", "Tea made audio/ogg; mp3 was asked"),
    ("Не понял: {}", "Не понял: блестящий"),
    ("not understood: {}", "not understood: shiny"),
    ("текст поместился только мелкими буквами, {:.0} пикс.", "текст поместился только мелкими буквами, 9 пикс."),
    ("the text fits only with small letters, {:.0} px", "the text fits only with small letters, 9 px"),
    ("в шрифтах нет знаков: {signs}", "в шрифтах нет знаков: 𐎀"),
    ("no font here has these signs: {signs}", "no font here has these signs: 𐎀"),
];

/// What is known here of reasons, as it stands in the code that makes them.
const REASONS_MADE: &[&str] = &[
    "no local model does ",
    "there is no model named ",
    "no model of speech is installed",
    "the model '{name}' is not installed",
    "the model '{name}' is installed in part",
    "the bundled model '{name}' is damaged",
    "the local engine {} cannot be used",
    "the local engine died {deaths} times",
    "{before} requests are before this one on this machine",
];

/// The code of every room but this one.
fn code() -> String {
    fn collect(folder: &Path, code: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("telegram") {
                collect(&path, code);
            } else if path.extension().is_some_and(|e| e == "rs") {
                code.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut code = String::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    code
}

#[test]
fn sentences_are_worded_as_they_are_known_here() {
    let code = code();
    for worded in MADE.iter().map(|(worded, _)| worded).chain(REASONS_MADE) {
        assert!(code.contains(worded), "nobody says any more: {worded}");
    }
    for (known, _) in &KNOWN_NOTICES.0 {
        assert!(MADE.iter().any(|(_, made)| known.is_match(made)), "{known} is known and nobody makes it");
    }
}

#[test]
fn every_notice_is_told() {
    for lang in Lang::ALL {
        let mut text = String::new();
        for (_, made) in MADE {
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
        Failure::Missing { message: "no model of speech is installed; `fetch` brings one".to_owned() },
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
            writeln!(text, "{}\n    {}", failure.class(), reason(lang, &given)).unwrap();
        }
        for refusal in refusals {
            let told = reason(lang, &refusal.sentence("Hugging Face", Some(7)));
            assert!(told.starts_with("Hugging Face "), "{told}");
        }
        insta::assert_snapshot!(format!("reasons_{lang}"), text);
    }
}
