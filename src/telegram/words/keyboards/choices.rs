//! Where people choose: shapes, models, styles, settings.

use super::super::super::keyboard::{Button, Keyboard};
use super::super::super::texts::{Lang, args};
use super::super::format::Format;
use super::super::style::Style;
use super::super::tap::{Desk, ModelKey, Shot, Tap};
use super::{ROW, button, pages, rows, say, ticked, to_menu_after};

/// Models on one page of the list.
const MODELS: usize = 8;

/// What is chosen now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    /// The shape.
    pub format: Format,
    /// The name for people of the model; `None`: whoever is free.
    pub model: Option<String>,
    /// The style.
    pub style: Style,
}

/// What is chosen for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// The language.
    pub lang: Lang,
    /// For every picture.
    pub choices: Choices,
    /// Whether pictures come as files.
    pub as_file: bool,
}

/// A model that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelButton {
    /// Its short name.
    pub key: ModelKey,
    /// Its name for people.
    pub title: String,
}

/// Before a picture is drawn or changed. `helps`: whether somebody writes prompts.
#[must_use]
pub fn create(lang: Lang, desk: Desk, choices: &Choices, helps: bool) -> Keyboard {
    let mut keyboard = Keyboard::default();
    if desk == Desk::Create {
        keyboard = keyboard.row(formats(lang, desk, choices.format));
    }
    keyboard = lists(lang, desk, choices, keyboard);
    if desk == Desk::Create && helps {
        keyboard = keyboard.row([say(lang, "button-prompt-help", &Tap::Mode(super::Mode::Write))]);
    }
    to_menu_after(lang, keyboard)
}

/// The settings.
#[must_use]
pub fn settings(lang: Lang, now: &Preferences) -> Keyboard {
    let languages = Lang::ALL.map(|one| {
        let key = match one {
            Lang::Ru => "name-lang-ru",
            Lang::En => "name-lang-en",
        };
        button(ticked(lang, lang.plain(key, args! {}), one == now.lang), &Tap::Language(one))
    });
    let sends = [false, true].map(|as_file| {
        let key = if as_file { "button-as-file" } else { "button-as-photo" };
        button(ticked(lang, lang.plain(key, args! {}), as_file == now.as_file), &Tap::AsFile(as_file))
    });
    let keyboard = Keyboard::default().row(languages).row(formats(lang, Desk::Settings, now.choices.format));
    to_menu_after(lang, lists(lang, Desk::Settings, &now.choices, keyboard).row(sends))
}

/// A page of the models, from 1.
#[must_use]
pub fn models(lang: Lang, desk: Desk, known: &[ModelButton], chosen: Option<ModelKey>, page: u32) -> Keyboard {
    let most = u32::try_from(known.len().div_ceil(MODELS).max(1)).unwrap_or(u32::MAX);
    let page = page.clamp(1, most);
    let auto = ticked(lang, lang.plain("button-model-auto", args! {}), chosen.is_none());
    let mut keyboard = Keyboard::default().row([button(auto, &Tap::Model(desk, None))]);
    for model in known.iter().skip((page as usize - 1) * MODELS).take(MODELS) {
        let label = ticked(lang, model.title.clone(), chosen == Some(model.key));
        keyboard = keyboard.row([button(label, &Tap::Model(desk, Some(model.key)))]);
    }
    back_to(lang, desk, keyboard.row(pages(lang, (page, most), |page| Tap::Models(desk, page))))
}

/// The styles.
#[must_use]
pub fn styles(lang: Lang, desk: Desk, chosen: Style) -> Keyboard {
    let one = |style: Style| button(ticked(lang, style.label(lang), style == chosen), &Tap::Style(desk, style));
    back_to(lang, desk, rows(Keyboard::default(), Style::ALL.map(one).into(), ROW))
}

/// The shapes in which a picture can be drawn again.
#[must_use]
pub fn formats_of(lang: Lang, shot: Shot) -> Keyboard {
    let one = |format: Format| button(format.label(lang), &Tap::Reshape(shot, format));
    Keyboard::default().row(Format::ALL.map(one)).row([say(lang, "button-back", &Tap::Back(shot))])
}

fn formats(lang: Lang, desk: Desk, chosen: Format) -> [Button; 3] {
    Format::ALL.map(|one| button(ticked(lang, one.label(lang), one == chosen), &Tap::Format(desk, one)))
}

/// The buttons that open the lists of models and styles, each on a row of its own: they hold a name.
fn lists(lang: Lang, desk: Desk, choices: &Choices, keyboard: Keyboard) -> Keyboard {
    let auto = || lang.plain("button-model-auto", args! {});
    let model = choices.model.clone().unwrap_or_else(auto);
    let opens = |key, name: &'static str, value: &str| {
        // The mark at the end must stay when the name is cut.
        let room = super::cut::LABEL - super::cut::units(&lang.plain(key, args_of(name, "")));
        lang.plain(key, args_of(name, &super::cut::within(value, room)))
    };
    let model = button(opens("button-model", "model", &model), &Tap::Models(desk, 1));
    let style = button(opens("button-style", "style", &choices.style.label(lang)), &Tap::Styles(desk));
    keyboard.row([model]).row([style])
}

fn args_of(name: &'static str, value: &str) -> super::super::super::texts::Args {
    super::super::super::texts::Args(vec![(name, value.into())])
}

fn back_to(lang: Lang, desk: Desk, keyboard: Keyboard) -> Keyboard {
    keyboard.row([say(lang, "button-back", &Tap::Desk(desk))])
}
