//! Under pictures that people sent, and while they are asked what to do with them.

use super::super::super::keyboard::Keyboard;
use super::super::super::texts::{Lang, args};
use super::super::mode::Mode;
use super::super::tap::{Act, Tap};
use super::{button, rows, say, to_menu_after};

/// What can be done with the pictures of a message. Several can only be changed.
#[must_use]
pub fn photo(lang: Lang, message: i64, served: &[Mode], several: bool) -> Keyboard {
    let acts = [
        (Mode::Change, Act::Change, Mode::Change.label(lang)),
        (Mode::AddText, Act::AddText, Mode::AddText.label(lang)),
        (Mode::Upscale, Act::Upscale2, lang.plain("button-upscale-by", args! { "scale" => 2 })),
        (Mode::Upscale, Act::Upscale4, lang.plain("button-upscale-by", args! { "scale" => 4 })),
    ];
    let shown = acts.into_iter().filter(|(mode, act, _)| served.contains(mode) && (!several || *act == Act::Change));
    let buttons = shown.map(|(_, act, label)| button(label, &Tap::Photo(message, act))).collect();
    to_menu_after(lang, rows(Keyboard::default(), buttons, 2))
}

/// How much larger the picture of a message is made.
#[must_use]
pub fn upscale_by(lang: Lang, message: i64) -> Keyboard {
    let by =
        |scale: u32, act| button(lang.plain("button-times", args! { "scale" => scale }), &Tap::Photo(message, act));
    to_menu_after(lang, Keyboard::default().row([by(2, Act::Upscale2), by(4, Act::Upscale4)]))
}

/// While it is asked how a text is to look.
#[must_use]
pub fn text_style(lang: Lang) -> Keyboard {
    to_menu_after(lang, Keyboard::default().row([say(lang, "button-usual", &Tap::Skip)]))
}
