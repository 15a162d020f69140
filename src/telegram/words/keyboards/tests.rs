//! Every keyboard as people see it, and what no keyboard may do.

use super::super::super::keyboard::{MOST_DATA, Press};
use super::super::format::Format;
use super::super::style::Style;
use super::super::tap::{Desk, Matter, ModelKey, Shot};
use super::*;
use crate::media::{Failure, Refusal};
use std::fmt::Write as _;

const JOB: i64 = 1295;
const PROMPT: &str = "рыжий кот в скафандре";

fn result_buttons(made_by: Mode, variations: Cost) -> ResultButtons<'static> {
    let shot = Shot { job: JOB, nth: 1 };
    ResultButtons { shot, made_by, served: &Mode::ALL, variations, prompt: Some(PROMPT), seed: Some(42) }
}

fn some_models() -> Vec<ModelButton> {
    let title = |n: usize| match n {
        0 => "Samovar demo: emoji at 128×128, and a long name".to_owned(),
        n => format!("Model {n}"),
    };
    (0..19).map(|n| ModelButton { key: ModelKey::of("local", &title(n)), title: title(n) }).collect()
}

fn failures() -> Vec<(&'static str, Failure)> {
    let busy = Failure::Busy { message: String::new(), retry_after_s: None };
    vec![
        ("after policy", Failure::remote("X", Refusal::Policy)),
        ("after a wrong request", Failure::invalid("prompt", "x")),
        ("after a missing model", Failure::Missing { message: String::new() }),
        ("after quota", Failure::Quota { limit: 3, price: 300, balance: 0, retry_after_s: None }),
        ("after busy", busy),
        ("after a crash", Failure::Crashed { message: String::new() }),
    ]
}

#[allow(clippy::too_many_lines)]
fn all(lang: Lang) -> Vec<(&'static str, Keyboard)> {
    let models_known = some_models();
    let choices = Choices { format: Format::Portrait, model: Some(models_known[0].title.clone()), style: Style::Oil };
    let preferences = Preferences { lang, choices: choices.clone(), as_file: true };
    let create_result = result_buttons(Mode::Create, Cost::Requests(4));
    let mut all = vec![
        ("menu", menu(lang, &Mode::ALL)),
        ("menu without much", menu(lang, &[Mode::Create, Mode::Change, Mode::Upscale])),
        ("back to the menu", to_menu(lang)),
        ("profile", profile(lang)),
        ("status", status(lang, JOB)),
        ("create", create(lang, Desk::Create, &Choices::default(), true)),
        ("create with choices", create(lang, Desk::Create, &choices, false)),
        ("change", create(lang, Desk::Change, &choices, true)),
        ("settings", settings(lang, &preferences)),
        ("models, first page", models(lang, Desk::Create, &models_known, None, 1)),
        ("models, last page", models(lang, Desk::Settings, &models_known, Some(models_known[17].key), 99)),
        ("no models", models(lang, Desk::Create, &[], None, 1)),
        ("styles", styles(lang, Desk::Create, Style::Water)),
        ("formats of a result", formats_of(lang, Shot::first(JOB))),
        ("history", history(lang, &History { jobs: vec![9, 8, 7, 6, 5], page: 2, pages: 3 })),
        ("history of one page", history(lang, &History { jobs: vec![9], page: 1, pages: 1 })),
        ("photo", photo(lang, 77, &Mode::ALL, false)),
        ("photos", photo(lang, 77, &Mode::ALL, true)),
        ("upscale by", upscale_by(lang, 77)),
        ("style of a text", text_style(lang)),
        ("result", result(lang, &create_result)),
        ("result, free", result(lang, &result_buttons(Mode::Create, Cost::Free))),
        ("result, for money", result(lang, &result_buttons(Mode::Create, Cost::Money(1200)))),
        ("result of a change", result(lang, &result_buttons(Mode::Change, Cost::Free))),
        ("result of a text", result(lang, &result_buttons(Mode::AddText, Cost::Free))),
        ("more", more(lang, &create_result)),
        (
            "more of an upscale",
            more(lang, &ResultButtons { prompt: None, seed: None, made_by: Mode::Upscale, ..create_result.clone() }),
        ),
        ("result in a group", result_in_group(lang, &create_result, "samovar_bot")),
        ("variants", variants(lang, JOB, 4)),
        ("a written prompt", prompt(lang, JOB, PROMPT)),
        ("a long written prompt", prompt(lang, JOB, &PROMPT.repeat(50))),
        ("transcript", transcript(lang, JOB)),
        ("after cancel", after_cancel(lang, JOB)),
        ("already full", already_full(lang, &[11, 12, 13])),
        ("pay", pay(lang, 77, 1250)),
        ("late prompt", late_prompt(lang, 77)),
        ("advanced", advanced(lang, 77)),
        ("unsure", unsure(lang, 5)),
        ("confirm a balance", confirm(lang, Matter::AddBalance, 3)),
        ("confirm a broadcast", confirm(lang, Matter::Broadcast, 3)),
        ("confirm a deletion", confirm(lang, Matter::DeleteMe, 3)),
    ];
    all.extend(failures().into_iter().map(|(name, failure)| (name, after_failure(lang, JOB, &failure))));
    all
}

fn drawn(keyboard: &Keyboard) -> String {
    let one = |button: &Button| {
        let press = match &button.press {
            Press::Tell(data) => data.clone(),
            Press::Copy(text) => format!("copies {text}"),
            Press::Open(address) => format!("opens {address}"),
        };
        format!("[{}]  <{press}>", button.label)
    };
    keyboard.rows.iter().map(|row| row.iter().map(one).collect::<Vec<_>>().join("   ") + "\n").collect()
}

#[test]
fn every_keyboard_is_as_it_was_agreed() {
    for lang in Lang::ALL {
        let mut text = String::new();
        for (name, keyboard) in all(lang) {
            writeln!(text, "{name}\n{}", drawn(&keyboard)).unwrap();
        }
        insta::assert_snapshot!(format!("keyboards_{lang}"), text);
    }
}

#[test]
fn buttons_keep_the_limits_and_tell_what_can_be_read() {
    for (name, keyboard) in Lang::ALL.into_iter().flat_map(all) {
        assert!(!keyboard.is_empty(), "{name}");
        for row in &keyboard.rows {
            assert!((1..=ROW).contains(&row.len()), "{name}: {row:?}");
            for button in row {
                assert!((1..=cut::LABEL).contains(&cut::units(&button.label)), "{name}: {button:?}");
                match &button.press {
                    Press::Tell(data) => {
                        assert!(data.is_ascii() && data.len() <= MOST_DATA, "{name}: {data}");
                        assert!(Tap::decode(data).is_ok(), "{name}: {data}");
                    }
                    Press::Copy(text) => assert!((1..=256).contains(&cut::units(text)), "{name}: {text}"),
                    Press::Open(address) => assert!(address.starts_with("https://"), "{name}: {address}"),
                }
            }
        }
    }
}
