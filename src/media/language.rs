//! The languages that Whisper knows, by code and by English name, as it and OpenAI's API call them.

/// Codes and names, in Whisper's order.
const LANGUAGES: [(&str, &str); 100] = [
    ("en", "english"),
    ("zh", "chinese"),
    ("de", "german"),
    ("es", "spanish"),
    ("ru", "russian"),
    ("ko", "korean"),
    ("fr", "french"),
    ("ja", "japanese"),
    ("pt", "portuguese"),
    ("tr", "turkish"),
    ("pl", "polish"),
    ("ca", "catalan"),
    ("nl", "dutch"),
    ("ar", "arabic"),
    ("sv", "swedish"),
    ("it", "italian"),
    ("id", "indonesian"),
    ("hi", "hindi"),
    ("fi", "finnish"),
    ("vi", "vietnamese"),
    ("he", "hebrew"),
    ("uk", "ukrainian"),
    ("el", "greek"),
    ("ms", "malay"),
    ("cs", "czech"),
    ("ro", "romanian"),
    ("da", "danish"),
    ("hu", "hungarian"),
    ("ta", "tamil"),
    ("no", "norwegian"),
    ("th", "thai"),
    ("ur", "urdu"),
    ("hr", "croatian"),
    ("bg", "bulgarian"),
    ("lt", "lithuanian"),
    ("la", "latin"),
    ("mi", "maori"),
    ("ml", "malayalam"),
    ("cy", "welsh"),
    ("sk", "slovak"),
    ("te", "telugu"),
    ("fa", "persian"),
    ("lv", "latvian"),
    ("bn", "bengali"),
    ("sr", "serbian"),
    ("az", "azerbaijani"),
    ("sl", "slovenian"),
    ("kn", "kannada"),
    ("et", "estonian"),
    ("mk", "macedonian"),
    ("br", "breton"),
    ("eu", "basque"),
    ("is", "icelandic"),
    ("hy", "armenian"),
    ("ne", "nepali"),
    ("mn", "mongolian"),
    ("bs", "bosnian"),
    ("kk", "kazakh"),
    ("sq", "albanian"),
    ("sw", "swahili"),
    ("gl", "galician"),
    ("mr", "marathi"),
    ("pa", "punjabi"),
    ("si", "sinhala"),
    ("km", "khmer"),
    ("sn", "shona"),
    ("yo", "yoruba"),
    ("so", "somali"),
    ("af", "afrikaans"),
    ("oc", "occitan"),
    ("ka", "georgian"),
    ("be", "belarusian"),
    ("tg", "tajik"),
    ("sd", "sindhi"),
    ("gu", "gujarati"),
    ("am", "amharic"),
    ("yi", "yiddish"),
    ("lo", "lao"),
    ("uz", "uzbek"),
    ("fo", "faroese"),
    ("ht", "haitian creole"),
    ("ps", "pashto"),
    ("tk", "turkmen"),
    ("nn", "nynorsk"),
    ("mt", "maltese"),
    ("sa", "sanskrit"),
    ("lb", "luxembourgish"),
    ("my", "myanmar"),
    ("bo", "tibetan"),
    ("tl", "tagalog"),
    ("mg", "malagasy"),
    ("as", "assamese"),
    ("tt", "tatar"),
    ("haw", "hawaiian"),
    ("ln", "lingala"),
    ("ha", "hausa"),
    ("ba", "bashkir"),
    ("jw", "javanese"),
    ("su", "sundanese"),
    ("yue", "cantonese"),
];

/// The code of a language given as a code (`ru`, `ru-RU`, `RU`) or as its English name (`russian`); `None` for one that
/// Whisper does not know.
#[must_use]
pub fn code(language: &str) -> Option<&'static str> {
    let wanted = language.trim().to_ascii_lowercase();
    let base = wanted.split('-').next().unwrap_or_default();
    let found = LANGUAGES.iter().find(|(code, name)| *code == base || *name == wanted);
    found.map(|(code, _)| *code)
}

/// The English name of a language given as a code or a name; what is not known stays as it is.
#[must_use]
pub fn name(language: &str) -> String {
    let code = code(language);
    let known = LANGUAGES.iter().find(|(known, _)| Some(*known) == code);
    known.map_or_else(|| language.to_owned(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_code_and_by_name() {
        for (given, due) in [("ru", "ru"), ("RU", "ru"), ("pt-BR", "pt"), ("russian", "ru"), ("Haitian Creole", "ht")] {
            assert_eq!(code(given), Some(due), "{given}");
        }
        assert_eq!((code("klingon"), code(""), code("-")), (None, None, None));
        assert_eq!((name("ru").as_str(), name("German").as_str(), name("tlh").as_str()), ("russian", "german", "tlh"));
    }

    #[test]
    fn no_language_is_there_twice() {
        for (at, (code, name)) in LANGUAGES.iter().enumerate() {
            assert!(LANGUAGES[..at].iter().all(|(c, n)| c != code && n != name), "{code} {name}");
        }
    }
}
