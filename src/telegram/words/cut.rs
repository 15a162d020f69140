//! Lengths as Telegram counts them, and texts cut to them: never inside a letter, seldom inside a word. It must not know
//! what a text says.

use unicode_segmentation::UnicodeSegmentation;

/// Most units of a message.
pub const MESSAGE: usize = 4096;
/// Most units of a caption.
pub const CAPTION: usize = 1024;
/// Most units of the answer to a press.
pub const TOAST: usize = 200;
/// Most units on a button that are still read on a telephone.
pub const LABEL: usize = 30;
/// Most units of what an empty line of input says.
pub const PLACEHOLDER: usize = 64;

/// What stands where something was cut off; one unit.
const ELLIPSIS: &str = "…";

/// The length of a text as Telegram counts it: UTF-16 units.
#[must_use]
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text within `most` units: cut at a word, with an ellipsis, where it is longer.
#[must_use]
pub fn within(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    let Some(room) = most.checked_sub(units(ELLIPSIS)) else { return String::new() };
    let kept = &text[..head(text, room)];
    // A word that takes most of the room is cut; nothing would be left without it.
    let word = kept.rfind(char::is_whitespace).filter(|at| *at >= kept.len() / 2);
    let inside = !text[kept.len()..].starts_with(char::is_whitespace);
    let kept = word.filter(|_| inside).map_or(kept, |at| &kept[..at]);
    let kept =
        kept.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '.' | '-' | '–' | '—'));
    format!("{kept}{ELLIPSIS}")
}

/// How many bytes of the text fit into `most` units without cutting a letter as people see it.
fn head(text: &str, most: usize) -> usize {
    let mut left = most;
    for (at, letter) in text.grapheme_indices(true) {
        match left.checked_sub(units(letter)) {
            Some(rest) => left = rest,
            None => return at,
        }
    }
    text.len()
}

/// The text in parts of at most `most` units: cut between paragraphs, else between sentences, else between words, and
/// inside a word only where it is longer than a part. Parts hold everything but the blanks around the cuts; a text of
/// blanks has none.
#[must_use]
pub fn split(text: &str, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut left = text.trim();
    while !left.is_empty() {
        let (part, rest) = left.split_at(part_of(left, most));
        parts.push(part.trim_end().to_owned());
        left = rest.trim_start();
    }
    parts
}

/// Where the first part of a text ends, in bytes: never at its beginning.
fn part_of(text: &str, most: usize) -> usize {
    if units(text) <= most {
        return text.len();
    }
    let room = match head(text, most) {
        0 => letters(text, most),
        room => room,
    };
    let window = &text[..room];
    // A part that would be nearly empty is not worth a clean cut.
    let half = room / 2;
    let late = |at: Option<usize>| at.filter(|at| *at >= half);
    let sentence = || {
        let ends = window.char_indices().zip(window.chars().skip(1));
        let end = |((at, c), next): ((usize, char), char)| {
            (matches!(c, '.' | '!' | '?' | '…' | '。') && next.is_whitespace()).then(|| at + c.len_utf8())
        };
        ends.filter_map(end).last()
    };
    late(window.rfind("\n\n"))
        .or_else(|| late(window.rfind('\n')))
        .or_else(|| late(sentence()))
        .or_else(|| window.rfind(char::is_whitespace).filter(|at| *at > 0))
        .filter(|_| !text[room..].starts_with('\n'))
        .unwrap_or(room)
}

/// What fits of a single letter, as people see it, that is longer than the room: at least one character.
fn letters(text: &str, most: usize) -> usize {
    let mut left = most;
    let mut end = 0;
    for c in text.chars() {
        match left.checked_sub(c.len_utf16()) {
            Some(rest) => left = rest,
            None if end == 0 => return c.len_utf8(),
            None => break,
        }
        end += c.len_utf8();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAMILY: &str = "👨‍👩‍👧‍👦";

    #[test]
    fn lengths_are_telegrams() {
        for (text, length) in [("", 0), ("кот", 3), ("🍎", 2), ("é", 1), ("e\u{301}", 2), (FAMILY, 11)] {
            assert_eq!(units(text), length, "{text}");
        }
    }

    #[test]
    fn texts_are_cut_at_words() {
        assert_eq!(within("рыжий кот в скафандре", 100), "рыжий кот в скафандре");
        assert_eq!(within("рыжий кот в скафандре", 14), "рыжий кот в…");
        assert_eq!(within("рыжий кот, и всё", 11), "рыжий кот…");
        assert_eq!(within("электрификация", 6), "элект…");
        assert_eq!(within("12345 7", 6), "12345…");
        assert_eq!(within("кот", 0), "");
        assert_eq!(within(&format!("ab{FAMILY}"), 8), "ab…");
    }

    #[test]
    fn long_texts_are_split_where_they_pause() {
        let paragraphs = "Первый абзац.\n\nВторой абзац, подлиннее.";
        assert_eq!(split(paragraphs, 26), ["Первый абзац.", "Второй абзац, подлиннее."]);
        assert_eq!(split("Раз два. Три четыре пять.", 16), ["Раз два.", "Три четыре пять."]);
        assert_eq!(split("раз два три", 8), ["раз два", "три"]);
        assert_eq!(split("абвгдежз", 3), ["абв", "где", "жз"]);
        assert_eq!(split(&format!("{FAMILY}{FAMILY}"), 12), [FAMILY, FAMILY]);
        assert_eq!(split("  \n ", 5), Vec::<String>::new());
        assert_eq!(split("a\n\nb", 4096), ["a\n\nb"]);
    }

    fn without_blanks(text: &str) -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    proptest! {
        #[test]
        fn no_part_is_too_long_and_nothing_is_lost(text in "[ а-яa-z.!?\n🍎e\u{301}👨‍👩]{0,300}", most in 2usize..60) {
            let parts = split(&text, most);
            for part in &parts {
                prop_assert!((1..=most).contains(&units(part)), "{:?}", part);
            }
            prop_assert_eq!(without_blanks(&parts.concat()), without_blanks(&text));
        }

        #[test]
        fn what_is_cut_fits_and_begins_the_text(text in any::<String>(), most in 0usize..60) {
            let cut = within(&text, most);
            prop_assert!(units(&cut) <= most, "{:?}", cut);
            let kept = cut.strip_suffix(ELLIPSIS).unwrap_or(&cut);
            prop_assert!(text.starts_with(kept), "{:?} of {:?}", kept, text);
        }
    }
}
