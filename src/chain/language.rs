//! In which language a text is, as far as it matters for a model that reads only some.

use whatlang::{Lang, Script};

/// Fewest characters from which the words of a Latin text say more than chance.
const ENOUGH: usize = 24;

/// Whether a model that reads these languages reads this text; no language at all means any.
#[must_use]
pub fn reads(languages: &[String], text: &str) -> bool {
    languages.is_empty() || of(text).is_none_or(|language| languages.iter().any(|known| known == language))
}

/// The ISO-639-1 code of a text's language, or its ISO-639-3 code where it is a rare one. `None` where it has no letters.
#[must_use]
pub fn of(text: &str) -> Option<&'static str> {
    let script = whatlang::detect_script(text)?;
    let info = whatlang::detect(text)?;
    match script {
        // Short texts in Latin letters are English more often than anything that a guess would say.
        Script::Latin if !info.is_reliable() || text.chars().count() < ENOUGH => Some("en"),
        // Which Slavic language it is matters less than that it is none in Latin letters.
        Script::Cyrillic if !info.is_reliable() => Some("ru"),
        _ => Some(code(info.lang())),
    }
}

fn code(language: Lang) -> &'static str {
    match language {
        Lang::Eng => "en",
        Lang::Rus => "ru",
        Lang::Ukr => "uk",
        Lang::Bel => "be",
        Lang::Bul => "bg",
        Lang::Srp => "sr",
        Lang::Deu => "de",
        Lang::Fra => "fr",
        Lang::Spa => "es",
        Lang::Ita => "it",
        Lang::Por => "pt",
        Lang::Pol => "pl",
        Lang::Tur => "tr",
        Lang::Cmn => "zh",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Ara => "ar",
        Lang::Hin => "hi",
        other => other.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_is_not_english_and_short_latin_is() {
        for russian in ["красное яблоко", "кот", "Рыжий кот спит на подоконнике в лучах солнца"]
        {
            assert_ne!(of(russian), Some("en"), "{russian}");
        }
        for english in ["cat", "a red apple", "cyberpunk city at night, neon", "mandala"] {
            assert_eq!(of(english), Some("en"), "{english}");
        }
        assert_eq!(of("Ein roter Apfel liegt auf dem alten Tisch in der Küche meiner Großmutter"), Some("de"));
        assert_eq!(of("🍎 42"), None);
    }

    #[test]
    fn a_model_without_languages_reads_everything() {
        assert!(reads(&[], "красное яблоко"));
        assert!(reads(&["en".to_owned()], "a red apple") && reads(&["en".to_owned()], "42"));
        assert!(!reads(&["en".to_owned()], "красное яблоко"));
        assert!(reads(&["en".to_owned(), "ru".to_owned()], "красное яблоко"));
    }
}
