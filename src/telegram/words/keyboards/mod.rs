//! Every keyboard of the door, built from what it shows. It must not know what a press does, nor where the values come
//! from.

mod admin;
mod choices;
mod history;
mod photo;
mod result;
mod trouble;

pub use admin::confirm;
pub use choices::{Choices, ModelButton, Preferences, create, formats_of, models, settings, styles};
pub use history::{History, history};
pub use photo::{photo, text_style, upscale_by};
pub use result::{Cost, ResultButtons, more, prompt, result, result_in_group, transcript, variants};
pub use trouble::{advanced, after_cancel, after_failure, already_full, late_prompt, pay, quota, unsure};

use super::super::keyboard::{Button, Keyboard};
use super::super::texts::{Lang, args};
use super::cut;
use super::mode::Mode;
use super::tap::Tap;

/// Most buttons of a row: each stays large enough for a thumb.
pub const ROW: usize = 3;

/// A button that tells `tap`. A label that would not be read whole is cut.
fn button(label: impl AsRef<str>, tap: &Tap) -> Button {
    Button::tell(cut::within(label.as_ref(), cut::LABEL), tap.encode())
}

/// A button with this text.
fn say(lang: Lang, key: &str, tap: &Tap) -> Button {
    button(lang.plain(key, args! {}), tap)
}

/// What is chosen has a tick before it.
fn ticked(lang: Lang, label: String, chosen: bool) -> String {
    if chosen { lang.plain("button-chosen", args! { "label" => label }) } else { label }
}

/// Buttons one after another, `per` to a row.
fn rows(keyboard: Keyboard, buttons: Vec<Button>, per: usize) -> Keyboard {
    let mut left = buttons.into_iter().peekable();
    let mut keyboard = keyboard;
    while left.peek().is_some() {
        keyboard = keyboard.row(left.by_ref().take(per));
    }
    keyboard
}

/// The main menu: what somebody can be asked for now.
#[must_use]
pub fn menu(lang: Lang, served: &[Mode]) -> Keyboard {
    let shown = Mode::ALL.into_iter().filter(|mode| served.contains(mode));
    let modes = shown.map(|mode| button(mode.label(lang), &Tap::Mode(mode))).collect();
    rows(Keyboard::default(), modes, 2)
        .row([
            say(lang, "button-history", &Tap::History(1)),
            say(lang, "button-profile", &Tap::Profile),
            say(lang, "button-settings", &Tap::Settings),
        ])
        .row([say(lang, "button-info", &Tap::Info)])
}

/// Back to the main menu.
#[must_use]
pub fn to_menu(lang: Lang) -> Keyboard {
    Keyboard::default().row([say(lang, "button-menu", &Tap::Menu)])
}

/// Under the profile.
#[must_use]
pub fn profile(lang: Lang) -> Keyboard {
    let history = say(lang, "button-history", &Tap::History(1));
    let settings = say(lang, "button-settings", &Tap::Settings);
    to_menu_after(lang, Keyboard::default().row([history, settings]))
}

/// While a job waits or works.
#[must_use]
pub fn status(lang: Lang, job: i64) -> Keyboard {
    Keyboard::default().row([say(lang, "button-cancel", &Tap::Cancel(job))])
}

fn to_menu_after(lang: Lang, keyboard: Keyboard) -> Keyboard {
    keyboard.row([say(lang, "button-menu", &Tap::Menu)])
}

/// `‹ 2/5 ›`: pages from 1; without neighbours nothing.
fn pages(lang: Lang, (page, pages): (u32, u32), tap: impl Fn(u32) -> Tap) -> Vec<Button> {
    if pages <= 1 {
        return Vec::new();
    }
    let place = lang.plain("button-page", args! { "page" => page, "pages" => pages });
    let earlier = (page > 1).then(|| say(lang, "button-earlier", &tap(page - 1)));
    let later = (page < pages).then(|| say(lang, "button-later", &tap(page + 1)));
    earlier.into_iter().chain([button(place, &Tap::Nothing)]).chain(later).collect()
}

#[cfg(test)]
mod tests;
