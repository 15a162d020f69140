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
