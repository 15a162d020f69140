//! Words that call the bot in a group, and what is left of a message without them. It must not know who may call.

use super::super::texts::{Lang, args};

/// What may stand between a name or a calling word and the rest.
const BETWEEN: [char; 8] = [',', ':', ';', '!', '.', '-', '–', '—'];
/// A particle that asks kindly, after a calling word: «покажи-ка».
const KINDLY: &str = "-ка";

/// What is asked by a message that begins with one of `triggers`, perhaps after the bot's name: «Самовар, нарисуй кота»
/// asks for «кота». `None` when nobody called.
#[must_use]
pub fn called(text: &str, triggers: &[String]) -> Option<String> {
    let text = text.trim_start();
    let name = Lang::ALL.map(|lang| lang.plain("name-bot", args! {}));
    let unnamed = name.iter().find_map(|name| after_word(text, name)).map(|rest| rest.trim_start_matches(between));
    let begins = |text| triggers.iter().filter_map(|trigger| after_word(text, trigger)).min_by_key(|rest| rest.len());
    let rest = begins(text).or_else(|| begins(unnamed?))?;
    let kind = after_word(rest, KINDLY).unwrap_or(rest);
    Some(kind.trim_start_matches(between).trim_end().to_owned())
}

/// The message without what stands in `ranges`: offsets and lengths in UTF-16 units, as Telegram gives them.
#[must_use]
pub fn without_mentions(text: &str, ranges: &[(usize, usize)]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for c in text.chars() {
        let end = at + c.len_utf16();
        let inside = ranges.iter().any(|(from, length)| at < from.saturating_add(*length) && end > *from);
        if !inside {
            kept.push(c);
        }
        at = end;
    }
    let lines: Vec<String> = kept.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n").trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ':')).to_owned()
}

fn between(c: char) -> bool {
    c.is_whitespace() || BETWEEN.contains(&c)
}

/// What follows `word` at the beginning of a text, whatever the case, where it ends there.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let word = word.trim();
    if word.is_empty() {
        return None;
    }
    let mut left = text.chars();
    for wanted in word.chars() {
        let found = left.next()?;
        if !found.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    let rest = left.as_str();
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '_');
    ends.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usual() -> Vec<String> {
        "нарисуй, нарисуйте, изобрази, покажи, draw, show".split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn a_word_calls_where_it_ends() {
        for (text, asked) in [
            ("нарисуй кота", Some("кота")),
            ("  Нарисуй: кота ", Some("кота")),
            ("НАРИСУЙТЕ кота", Some("кота")),
            ("draw a cat", Some("a cat")),
            ("Самовар, нарисуй кота", Some("кота")),
            ("samovar draw a cat", Some("a cat")),
            ("покажи-ка кота", Some("кота")),
            ("покажи", Some("")),
            ("нарисуй\nкота\nи пса", Some("кота\nи пса")),
            ("нарисуйка кота", None),
            ("drawing of a cat", None),
            ("draw_it", None),
            ("не нарисуй кота", None),
            ("Самовар, как дела?", None),
            ("Самоварище, нарисуй кота", None),
            ("", None),
        ] {
            assert_eq!(called(text, &usual()).as_deref(), asked, "{text}");
        }
    }

    #[test]
    fn no_word_calls_nobody() {
        for words in [vec![], vec![String::new()], vec!["  ".to_owned()]] {
            assert_eq!(called("нарисуй кота", &words), None);
        }
    }

    #[test]
    fn mentions_leave_by_telegrams_offsets() {
        assert_eq!(without_mentions("@bot, кот", &[(0, 4)]), "кот");
        assert_eq!(without_mentions("🍎 @bot кот", &[(3, 4)]), "🍎 кот");
        assert_eq!(without_mentions("кот @bot\nи  пёс", &[(4, 4)]), "кот\nи пёс");
        assert_eq!(without_mentions("@bot", &[(0, 4)]), "");
        assert_eq!(without_mentions("кот", &[(usize::MAX, 2), (1, 0)]), "кот");
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in any::<String>(), ranges in proptest::collection::vec((0usize..40, 0usize..40), 0..4)) {
            let left = without_mentions(&text, &ranges);
            prop_assert!(left.len() <= text.len());
            let _ = called(&text, &usual());
        }
    }
}
