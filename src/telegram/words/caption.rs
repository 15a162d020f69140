//! What stands under a picture, within what Telegram lets stand there. It must not know where the picture is from.

use super::super::texts::{Args, Html, Lang, args, escaped};
use super::{cut, html, notice, time};
use std::time::Duration;

/// Most units of what was asked for.
const PROMPT: usize = 700;
/// Most units of a name, and of one line.
const NAME: usize = 80;
const LINE: usize = 200;
/// Units that are kept for what was asked for, however much else there is to say.
const ROOM: usize = 100;
/// The provider that is this server.
const LOCAL: &str = "local";

/// What there is to say.
#[derive(Debug, Clone)]
pub struct Caption<'a> {
    /// The language.
    pub lang: Lang,
    /// What was asked for.
    pub prompt: &'a str,
    /// The model that drew it, for people.
    pub model: &'a str,
    /// Width and height; 0 where they are not known.
    pub size: (u32, u32),
    /// What draws it again.
    pub seed: Option<u64>,
    /// How long that took.
    pub took: Option<Duration>,
    /// What it cost, or what is left: HTML.
    pub bill: Option<String>,
    /// Who answered, where that was not this server: HTML.
    pub answered_by: Option<String>,
    /// What else should be known: HTML, the most important first.
    pub lines: Vec<String>,
}

impl Caption<'_> {
    /// All of it: HTML of at most [`cut::CAPTION`] units.
    #[must_use]
    pub fn html(&self) -> String {
        let fixed = [Some(self.made()), self.bill.clone(), self.answered_by.clone()];
        let fixed = fixed.into_iter().flatten().filter(|line| !line.is_empty());
        let mut below = String::new();
        for line in fixed.chain(self.lines.iter().cloned()) {
            let line = html::within(&line, LINE);
            if html::units(&below) + html::units(&line) < cut::CAPTION - ROOM {
                below = joined(below, line);
            }
        }
        let left = (cut::CAPTION - 1).saturating_sub(html::units(&below));
        joined(escaped(&cut::within(self.prompt.trim(), PROMPT.min(left))), below)
    }

    fn made(&self) -> String {
        let (width, height) = self.size;
        let size = (width > 0 && height > 0).then(|| format!("{width}×{height}"));
        let model = Some(cut::within(self.model, NAME)).filter(|model| !model.is_empty());
        let seed = self.seed.map(|seed| seeded(self.lang, seed));
        let took = self.took.map(|took| time::exact(self.lang, took));
        let parts: Vec<String> = [model, size, seed, took].into_iter().flatten().collect();
        escaped(&parts.join(" · "))
    }
}

/// Under one of several pictures: HTML.
#[must_use]
pub fn short(lang: Lang, prompt: &str, seed: Option<u64>) -> String {
    let seed = seed.map(|seed| seeded(lang, seed)).unwrap_or_default();
    joined(escaped(&cut::within(prompt.trim(), PROMPT)), seed)
}

/// That somebody else than this server answered, and why: HTML.
#[must_use]
pub fn answered_by(lang: Lang, provider: &str, title: &str, fallback_reason: Option<&str>) -> Option<String> {
    if provider == LOCAL {
        return None;
    }
    let title = cut::within(title, NAME);
    Some(match fallback_reason {
        Some(why) => lang.html(
            "caption-answered-by",
            args! { "provider" => title, "reason" => cut::within(&notice::reason(lang, why), LINE) },
        ),
        None => lang.html("caption-answered-by-choice", args! { "provider" => title }),
    })
}

/// What an answer says about itself: HTML. `None` for what has no words in this language.
#[must_use]
pub fn notice(lang: Lang, said: &str) -> Option<String> {
    notice::notice(lang, said).map(|said| noted(lang, &escaped(&said)))
}

/// A line that should not be overlooked.
pub(super) fn noted(lang: Lang, html: &str) -> String {
    lang.html("caption-notice", args! { "notice" => Html(html.to_owned()) })
}

fn seeded(lang: Lang, seed: u64) -> String {
    let args: Args = args! { "seed" => seed.to_string() };
    lang.plain("unit-seed", args)
}

fn joined(above: String, below: String) -> String {
    match (above.is_empty(), below.is_empty()) {
        (true, _) => below,
        (_, true) => above,
        _ => format!("{above}\n{below}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(lang: Lang) -> Caption<'static> {
        let reason = "not enough memory: 9.00 GiB needed, 4.00 GiB available (and 1 more of the route)";
        Caption {
            lang,
            prompt: "рыжий <кот> & пёс",
            model: "FLUX.1 schnell",
            size: (832, 1216),
            seed: Some(42),
            took: Some(Duration::from_millis(12_300)),
            bill: Some(lang.html("caption-free", args! { "used" => 2, "limit" => 3 })),
            answered_by: answered_by(lang, "hf", "Hugging Face", Some(reason)),
            lines: notice(lang, "memory is short: the picture was decoded in parts").into_iter().collect(),
        }
    }

    #[test]
    fn captions_are_as_agreed() {
        for lang in Lang::ALL {
            insta::assert_snapshot!(format!("caption_{lang}"), full(lang).html());
        }
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let bare = Caption {
            prompt: "",
            size: (0, 0),
            seed: None,
            took: None,
            bill: None,
            answered_by: answered_by(Lang::Ru, LOCAL, "this server", None),
            lines: vec![],
            ..full(Lang::Ru)
        };
        assert_eq!(bare.html(), "FLUX.1 schnell");
        assert_eq!(short(Lang::Ru, "кот", Some(7)), "кот\nseed 7");
        assert_eq!(short(Lang::Ru, " ", None), "");
        let chosen = answered_by(Lang::Ru, "hf", "Hugging Face", None);
        assert_eq!(chosen.as_deref(), Some("☁️ Ответил Hugging Face"));
    }

    #[test]
    fn the_prompt_gives_way() {
        let lines = vec!["строка ".repeat(40); 9];
        let prompt = "очень длинное описание ".repeat(100);
        let caption = Caption { prompt: &prompt, lines, ..full(Lang::Ru) }.html();
        assert!(html::units(&caption) <= cut::CAPTION, "{}", html::units(&caption));
        assert!(caption.starts_with("очень длинное описание") && caption.contains("seed 42"), "{caption}");
        let caption = Caption { prompt: &prompt, ..full(Lang::Ru) }.html();
        let first = caption.lines().next().unwrap_or_default();
        assert!((680..=700).contains(&cut::units(first)), "{}", cut::units(first));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_caption_is_too_long(
            prompt in "[а-я<&🍎 ]{0,1500}",
            model in ".{0,200}",
            lines in proptest::collection::vec("[a-z<&]{0,400}", 0..8),
        ) {
            let lines = lines.iter().map(|line| escaped(line)).collect();
            let caption = Caption { prompt: &prompt, model: &model, lines, ..full(Lang::En) }.html();
            prop_assert!(html::units(&caption) <= cut::CAPTION);
        }
    }
}
