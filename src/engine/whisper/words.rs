//! From tokens to words: a token is a few bytes, often less than a letter. Pure functions.

use crate::media::Word;

/// Languages that are written without spaces: there each letter, or what a token holds, counts as a word.
const UNSPACED: [&str; 7] = ["zh", "ja", "th", "lo", "my", "yue", "km"];

/// A token of text, and when it was said, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) bytes: Vec<u8>,
    pub(super) start: f64,
    pub(super) end: f64,
}

/// The words of a part that lasts from `start` to `end`. Times never go back and never leave the part.
pub(super) fn words(tokens: &[Token], language: &str, (start, end): (f64, f64)) -> Vec<Word> {
    let spaced = !UNSPACED.contains(&language);
    let mut words: Vec<Word> = Vec::new();
    for (text, from, to) in letters(tokens) {
        let new = text.starts_with(' ') || (!spaced && text.chars().any(char::is_alphanumeric));
        match words.last_mut() {
            Some(word) if !new => {
                word.word.push_str(&text);
                word.end = to;
            }
            _ => words.push(Word { word: text, start: from, end: to }),
        }
    }
    let mut at = start;
    for word in &mut words {
        word.word = word.word.trim().to_owned();
        word.start = word.start.clamp(at, end.max(at));
        word.end = word.end.clamp(word.start, end.max(word.start));
        at = word.start;
    }
    words.retain(|word| !word.word.is_empty());
    words
}

/// Joins tokens until they are whole letters. What never becomes any is left out.
fn letters(tokens: &[Token]) -> Vec<(String, f64, f64)> {
    let (mut letters, mut bytes, mut start) = (Vec::new(), Vec::new(), None);
    for token in tokens {
        bytes.extend_from_slice(&token.bytes);
        let start_here = *start.get_or_insert(token.start);
        match std::str::from_utf8(&bytes) {
            Ok(text) => letters.push((text.to_owned(), start_here, token.end)),
            // Cut within a letter: the rest of it comes with the next token.
            Err(error) if error.error_len().is_none() => continue,
            Err(_) => letters.push((String::from_utf8_lossy(&bytes).into_owned(), start_here, token.end)),
        }
        bytes.clear();
        start = None;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(texts: &[&[u8]]) -> Vec<Token> {
        let token = |(at, bytes): (usize, &&[u8])| {
            let start = at as f64 / 10.0;
            Token { bytes: bytes.to_vec(), start, end: start + 0.1 }
        };
        texts.iter().enumerate().map(token).collect()
    }

    fn told(tokens: &[Token], language: &str) -> Vec<(String, f64, f64)> {
        let words = words(tokens, language, (0.0, 1.0));
        words.into_iter().map(|word| (word.word, word.start, word.end)).collect()
    }

    #[test]
    fn tokens_become_words_with_the_marks_that_belong_to_them() {
        let said = tokens(&[b" He", b"llo", b",", b" \xd0", b"\xbc\xd0\xb8", "р!".as_bytes()]);
        let due = [("Hello,".to_owned(), 0.0, 0.3), ("мир!".to_owned(), 0.3, 0.6)];
        let found = told(&said, "en");
        assert_eq!(found.len(), 2);
        for ((word, start, end), (due, from, to)) in found.iter().zip(due) {
            assert!(*word == due && (start - from).abs() < 1e-9 && (end - to).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn languages_without_spaces_have_a_word_in_each_token() {
        let said = tokens(&["東京".as_bytes(), "は".as_bytes(), "。".as_bytes()]);
        let words: Vec<String> = told(&said, "ja").into_iter().map(|(word, ..)| word).collect();
        assert_eq!(words, ["東京", "は。"]);
        assert_eq!(told(&said, "ru").len(), 1);
    }

    proptest! {
        #[test]
        fn words_hold_all_that_was_said_in_order(
            text in "( ?[a-zа-я日🎉,.!]{1,6}){0,12}",
            cuts in proptest::collection::vec(0..60_usize, 0..12),
            times in proptest::collection::vec((-5.0..40.0_f64, -5.0..40.0_f64), 13),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let part = |(two, (start, end)): (&[usize], &(f64, f64))| Token {
                bytes: text.as_bytes()[two[0]..two[1]].to_vec(),
                start: *start,
                end: *end,
            };
            let tokens: Vec<Token> = cuts.windows(2).zip(&times).map(part).collect();
            let words = words(&tokens, "ru", (1.0, 31.0));
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(words.iter().map(|word| bare(&word.word)).collect::<String>(), bare(&text));
            let mut at = 1.0;
            for word in &words {
                prop_assert!(at <= word.start && word.start <= word.end && word.end <= 31.0, "{:?}", words);
                at = word.start;
            }
        }
    }
}
