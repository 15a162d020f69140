//! What somebody chooses for good: language, format, model, style, photo or file.

use super::super::modes::{self, Done};
use super::super::session::Step;
use super::super::texts::{Lang, args};
use super::super::turn::Turn;
use super::super::words::keyboards::{self, ModelButton, Preferences};
use super::super::words::mode::Mode;
use super::super::words::style::Style;
use super::super::words::tap::{Desk, ModelKey};
use crate::media::{ImageRequest, Task};

/// `/settings`.
///
/// # Errors
/// None; of the form of the others.
pub fn page(turn: &Turn) -> Done {
    let (lang, tastes) = (turn.lang(), turn.tastes());
    let choices = modes::choices(&turn.door, &tastes);
    let sends = if tastes.as_file { "name-sends-file" } else { "name-sends-photo" };
    let model = choices.model.clone().unwrap_or_else(|| lang.plain("button-model-auto", args! {}));
    let text = lang.html(
        "settings",
        args! {
            "lang" => lang.plain(&format!("name-lang-{lang}"), args! {}),
            "format" => tastes.format.label(lang),
            "model" => model,
            "style" => tastes.style.label(lang),
            "sends" => lang.plain(sends, args! {}),
        },
    );
    turn.edit(text, keyboards::settings(lang, &Preferences { lang, choices, as_file: tastes.as_file }));
    Ok(())
}

/// Back to where choices are made.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn desk(turn: &Turn, desk: Desk) -> Done {
    match desk {
        Desk::Settings => page(turn),
        Desk::Create => {
            turn.go(Step::mode(Mode::Create));
            modes::desk(turn);
            Ok(())
        }
        Desk::Change => modes::open(turn, Mode::Change).await,
    }
}

/// A page of the models that somebody may choose, from 1.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn models(turn: &Turn, desk: Desk, page: u32) -> Done {
    let (owner, _) = turn.account().await?;
    let lang = turn.lang();
    let chosen = turn.tastes().model;
    let mut chosen_key = None;
    let mut known = Vec::new();
    for card in turn.door.choosable(ImageRequest::NAME, &owner) {
        let key = ModelKey::of(&card.provider, &card.name);
        if chosen.as_deref() == Some(card.name.as_str()) {
            chosen_key = Some(key);
        }
        known.push(ModelButton { key, title: card.title });
    }
    let key = if known.is_empty() { "models-none" } else { "models" };
    turn.edit(lang.html(key, args! {}), keyboards::models(lang, desk, &known, chosen_key, page));
    Ok(())
}

/// This model from now on.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn choose_model(turn: &Turn, at: Desk, key: Option<ModelKey>) -> Done {
    let (owner, _) = turn.account().await?;
    let cards = turn.door.choosable(ImageRequest::NAME, &owner);
    let model = match key {
        None => None,
        Some(key) => {
            let card = cards.into_iter().find(|card| ModelKey::of(&card.provider, &card.name) == key);
            let Some(card) = card else {
                turn.toast(turn.lang().plain("toast-old", args! {}));
                return Ok(());
            };
            Some(card.name)
        }
    };
    turn.change(|person| person.tastes.model = model);
    saved(turn);
    desk(turn, at).await
}

/// The list of styles.
///
/// # Errors
/// None; of the form of the others.
pub fn styles(turn: &Turn, desk: Desk) -> Done {
    let lang = turn.lang();
    turn.edit(lang.html("styles", args! {}), keyboards::styles(lang, desk, turn.tastes().style));
    Ok(())
}

/// This style from now on.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn choose_style(turn: &Turn, at: Desk, style: Style) -> Done {
    turn.change(|person| person.tastes.style = style);
    saved(turn);
    desk(turn, at).await
}

/// This language from now on.
///
/// # Errors
/// None; of the form of the others.
pub fn choose_language(turn: &Turn, lang: Lang) -> Done {
    turn.change(|person| person.lang = lang);
    saved(turn);
    page(turn)
}

/// What was chosen is remembered.
pub fn saved(turn: &Turn) {
    turn.toast(turn.lang().plain("toast-saved", args! {}));
}
