//! Roubles as people write them, to kopecks. `media::failure::roubles` is the way back.

/// Kopecks of `3`, `12.5`, `-0.50` or `12,50`. Never through a float; `None` for anything else, also for amounts with
/// more than nine digits before the point.
#[must_use]
pub fn kopecks(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole, 9) || !digits(part, 2) {
        return None;
    }
    let roubles: i64 = whole.parse().ok()?;
    let hundredths: i64 = part.parse().ok()?;
    let hundredths = if part.len() == 1 { hundredths * 10 } else { hundredths };
    Some(sign * (roubles * 100 + hundredths))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::failure::roubles;

    #[test]
    fn roubles_are_read_to_the_kopeck() {
        for (text, expected) in [
            ("3", 300),
            ("0", 0),
            ("12.5", 1250),
            ("12,05", 1205),
            ("0.07", 7),
            ("+50", 5000),
            ("-0.50", -50),
            ("999999999.99", 99_999_999_999),
        ] {
            assert_eq!(kopecks(text), Some(expected), "{text}");
        }
        for wrong in
            ["", "-", ".5", "5.", "1.234", "1e3", "1 000", "0x10", "--1", "+-1", "1.-1", "1.2.3", "1234567890", "٣"]
        {
            assert_eq!(kopecks(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for amount in [0, 1, -1, 99, 100, -12_345] {
            assert_eq!(kopecks(roubles(amount).trim_end_matches(" ₽")), Some(amount));
        }
    }
}
