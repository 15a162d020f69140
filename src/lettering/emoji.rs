//! Which parts of a text are emoji: those have a font of their own, and sequences of them must not be torn.

use unicode_properties::UnicodeEmoji;
use unicode_properties::emoji::EmojiStatus;
use unicode_segmentation::UnicodeSegmentation;

/// Asks for a picture, and for plain letters.
const AS_PICTURE: char = '\u{fe0f}';
const AS_TEXT: char = '\u{fe0e}';
/// The frame of «1️⃣».
const KEYCAP: char = '\u{20e3}';

/// The text in parts that are emoji (`true`) or are not.
pub(super) fn parts(text: &str) -> Vec<(&str, bool)> {
    let mut parts: Vec<(&str, bool)> = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, cluster) in text.grapheme_indices(true) {
        let emoji = is_emoji(cluster);
        if let Some(was) = last.filter(|was| *was != emoji) {
            parts.push((&text[start..at], was));
            start = at;
        }
        last = Some(emoji);
    }
    parts.extend(last.map(|emoji| (&text[start..], emoji)));
    parts
}

fn is_emoji(cluster: &str) -> bool {
    if cluster.contains(AS_TEXT) {
        return false;
    }
    let first = cluster.chars().next().is_some_and(UnicodeEmoji::is_emoji_char);
    cluster.chars().any(shown_as_picture) || first && cluster.contains([AS_PICTURE, KEYCAP])
}

fn shown_as_picture(c: char) -> bool {
    matches!(
        c.emoji_status(),
        EmojiStatus::EmojiPresentation
            | EmojiStatus::EmojiPresentationAndModifierBase
            | EmojiStatus::EmojiPresentationAndEmojiComponent
            | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_stay_whole_and_letters_stay_letters() {
        let family = "👨‍👩‍👧‍👦";
        let text = format!("Ура 🎉{family}👋🏽! 5 © 🇷🇺1️⃣❤️");
        let found = parts(&text);
        let emoji: Vec<&str> = found.iter().filter(|(_, emoji)| *emoji).map(|(part, _)| *part).collect();
        assert_eq!(emoji, [format!("🎉{family}👋🏽").as_str(), "🇷🇺1️⃣❤️"]);
        assert_eq!(found.iter().map(|(part, _)| *part).collect::<String>(), text);
        for plain in ["", "5", "#", "©", "❤", "❤\u{fe0e}", "a\u{fe0f}", "→"] {
            assert!(parts(plain).iter().all(|(_, emoji)| !emoji), "{plain}");
        }
    }
}
