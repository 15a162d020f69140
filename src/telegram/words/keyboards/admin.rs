//! Before what cannot be undone.

use super::super::super::keyboard::Keyboard;
use super::super::super::texts::Lang;
use super::super::tap::{Matter, Tap};
use super::say;

/// Yes or no to a matter of this number.
#[must_use]
pub fn confirm(lang: Lang, matter: Matter, number: i64) -> Keyboard {
    let yes = match matter {
        Matter::AddBalance => "button-confirm",
        Matter::Broadcast => "button-broadcast",
        Matter::DeleteMe => "button-delete-me",
    };
    Keyboard::default()
        .row([say(lang, yes, &Tap::Confirm(matter, number)), say(lang, "button-no", &Tap::Refuse(matter, number))])
}
