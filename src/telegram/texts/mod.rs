//! What people read, in each language: every text of the door stands in `ru.ftl` and `en.ftl` and is had by its key. It
//! must not know when a text is shown.
//!
//! A key that begins with one of [`PLAIN`] is plain text (buttons, toasts, commands); every other one is HTML as
//! Telegram understands it, into which what people wrote comes escaped.

mod args;

pub(crate) use args::args;
pub use args::{Args, Html, Value, escaped};

use crate::media::words;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// What keys of plain texts begin with.
pub const PLAIN: [&str; 10] =
    ["about-", "ask-", "button-", "command-", "file-transcript", "name-", "notice-", "reason-", "toast-", "unit-"];

/// Languages of people who mostly read Russian, too.
const READ_RUSSIAN: [&str; 12] = ["ru", "be", "kk", "uk", "ky", "uz", "hy", "az", "tg", "tk", "ab", "os"];

/// A language of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Russian.
    Ru,
    /// English.
    En,
}

words!(Lang { "ru" => Lang::Ru, "en" => Lang::En });

struct Bundles {
    ru: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

static BUNDLES: LazyLock<Bundles> =
    LazyLock::new(|| Bundles { ru: bundle("ru", include_str!("ru.ftl")), en: bundle("en", include_str!("en.ftl")) });

impl Lang {
    /// Both, Russian first.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The language for somebody whose Telegram speaks `code`, such as `ru` or `pt-br`. Who does not tell gets Russian.
    #[must_use]
    pub fn of(code: Option<&str>) -> Self {
        let Some(code) = code else { return Self::Ru };
        let base = code.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        if READ_RUSSIAN.contains(&base.as_str()) { Self::Ru } else { Self::En }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Ru => Self::En,
            Self::En => Self::Ru,
        }
    }

    /// The text of a message: HTML, into which texts go escaped and [`Html`] goes as it is.
    #[must_use]
    pub fn html(self, key: &str, args: Args) -> String {
        self.text(key, &args.into_fluent(true))
    }

    /// A text without markup: a label, a toast, the description of a command.
    #[must_use]
    pub fn plain(self, key: &str, args: Args) -> String {
        self.text(key, &args.into_fluent(false))
    }

    fn text(self, key: &str, args: &FluentArgs<'_>) -> String {
        self.found(key, args).or_else(|| self.other().found(key, args)).unwrap_or_else(|| key.to_owned())
    }

    fn found(self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        let bundle = self.bundle();
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, lang = self.word(), "a text is missing");
            return None;
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::error!(key, lang = self.word(), ?errors, "a text was shown without what belongs into it");
        }
        Some(text)
    }

    fn bundle(self) -> &'static FluentBundle<FluentResource> {
        match self {
            Self::Ru => &BUNDLES.ru,
            Self::En => &BUNDLES.en,
        }
    }
}

/// What of a file can be read becomes its bundle; a test makes sure that this is all of it.
fn bundle(lang: &str, source: &str) -> FluentBundle<FluentResource> {
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, errors)| {
        tracing::error!(lang, ?errors, "texts cannot be read");
        resource
    });
    let mut bundle = FluentBundle::new_concurrent(lang.parse::<LanguageIdentifier>().into_iter().collect());
    // The marks around what is put in would be seen in copied texts, and Telegram needs none.
    bundle.set_use_isolating(false);
    if let Err(errors) = bundle.add_resource(resource) {
        tracing::error!(lang, ?errors, "texts stand there twice");
    }
    bundle
}

#[cfg(test)]
mod tests;
