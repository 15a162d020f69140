//! What the bot can be asked to do: one value each. It must not know how it is done.

use super::super::texts::{Lang, args};
use crate::media::words;

/// One thing that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A picture from words.
    Create,
    /// A long prompt from a short wish.
    Write,
    /// Pictures changed as words say.
    Change,
    /// Words put on a picture.
    AddText,
    /// A picture made larger.
    Upscale,
    /// A text from a sound.
    Voice,
}

words!(Mode {
    "create" => Mode::Create, "write" => Mode::Write, "change" => Mode::Change, "text" => Mode::AddText,
    "upscale" => Mode::Upscale, "voice" => Mode::Voice,
});

impl Mode {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 6] = [Self::Create, Self::Write, Self::Change, Self::AddText, Self::Upscale, Self::Voice];

    /// What stands on its button.
    #[must_use]
    pub fn label(self, lang: Lang) -> String {
        let key = match self {
            Self::Create => "button-create",
            Self::Write => "button-write",
            Self::Change => "button-change",
            Self::AddText => "button-add-text",
            Self::Upscale => "button-upscale",
            Self::Voice => "button-voice",
        };
        lang.plain(key, args! {})
    }

    /// What is asked of people when they press it: HTML.
    #[must_use]
    pub fn question(self, lang: Lang) -> String {
        let key = match self {
            Self::Create => "create-ask",
            Self::Write => "write-ask",
            Self::Change => "change-ask",
            Self::AddText => "text-ask-picture",
            Self::Upscale => "upscale-ask",
            Self::Voice => "voice-ask",
        };
        lang.html(key, args! {})
    }

    /// What it does while it works, such as `🎨 Drawing`.
    #[must_use]
    pub fn doing(self, lang: Lang) -> String {
        let key = match self {
            Self::Create => "name-doing-draw",
            Self::Write => "name-doing-write",
            Self::Change => "name-doing-change",
            Self::AddText => "name-doing-letter",
            Self::Upscale => "name-doing-upscale",
            Self::Voice => "name-doing-listen",
        };
        lang.plain(key, args! {})
    }

    /// Its line of the help: HTML.
    #[must_use]
    pub fn help(self, lang: Lang) -> String {
        let key = match self {
            Self::Create => "help-create",
            Self::Write => "help-write",
            Self::Change => "help-change",
            Self::AddText => "help-add-text",
            Self::Upscale => "help-upscale",
            Self::Voice => "help-voice",
        };
        lang.html(key, args! {})
    }

    /// What is said when nobody can do it: HTML.
    #[must_use]
    pub fn unserved(self, lang: Lang) -> String {
        lang.html("mode-unserved", args! { "mode" => self.label(lang) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_has_its_words() {
        for mode in Mode::ALL {
            assert_eq!(mode.word().parse(), Ok(mode));
            for lang in Lang::ALL {
                let said = [mode.label(lang), mode.question(lang), mode.doing(lang), mode.help(lang)];
                // The mark of a mode is the same wherever it is spoken of.
                let marks: Vec<&str> = said.iter().map(|said| said.split(' ').next().unwrap_or_default()).collect();
                assert!(marks.iter().all(|mark| *mark == marks[0] && !mark.is_ascii()), "{said:?}");
                assert!(mode.unserved(lang).contains(&mode.label(lang)));
            }
        }
    }
}
