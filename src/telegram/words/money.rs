//! Money for people. It must not know accounts.

use super::super::texts::Lang;

/// Between the digits of thousands and before the sign of the currency: a space that does not break a line.
const SPACE: char = '\u{a0}';

/// An amount of kopecks: `3 ₽`, `2,50 ₽` in Russian, `2.50 ₽` in English, with whole roubles without kopecks.
#[must_use]
pub fn roubles(lang: Lang, kopecks: i64) -> String {
    let sign = if kopecks < 0 { "−" } else { "" };
    let kopecks = kopecks.unsigned_abs();
    let (whole, part) = (grouped(kopecks / 100), kopecks % 100);
    let point = match lang {
        Lang::Ru => ',',
        Lang::En => '.',
    };
    let part = if part == 0 { String::new() } else { format!("{point}{part:02}") };
    format!("{sign}{whole}{part}{SPACE}₽")
}

/// The same with its sign, as a change: `+500 ₽`.
#[must_use]
pub fn change(lang: Lang, kopecks: i64) -> String {
    let plus = if kopecks > 0 { "+" } else { "" };
    format!("{plus}{}", roubles(lang, kopecks))
}

fn grouped(whole: u64) -> String {
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (at, digit) in digits.chars().enumerate() {
        // Four digits are read at a glance.
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push(SPACE);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (kopecks, ru, en) in [
            (300, "3 ₽", "3 ₽"),
            (250, "2,50 ₽", "2.50 ₽"),
            (5, "0,05 ₽", "0.05 ₽"),
            (0, "0 ₽", "0 ₽"),
            (-300, "−3 ₽", "−3 ₽"),
            (123_400, "1234 ₽", "1234 ₽"),
            (1_234_567, "12 345,67 ₽", "12 345.67 ₽"),
            (12_345_678_900, "123 456 789 ₽", "123 456 789 ₽"),
        ] {
            let plain = |lang| roubles(lang, kopecks).replace(SPACE, " ");
            assert_eq!((plain(Lang::Ru).as_str(), plain(Lang::En).as_str()), (ru, en));
        }
        assert_eq!(roubles(Lang::Ru, i64::MIN).chars().next(), Some('−'));
    }

    #[test]
    fn changes_have_their_sign() {
        let shown = [50_000, 0, -50].map(|kopecks| change(Lang::Ru, kopecks).replace(SPACE, " "));
        assert_eq!(shown, ["+500 ₽", "0 ₽", "−0,50 ₽"]);
    }
}
