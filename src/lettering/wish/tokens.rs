//! A wish cut into words, numbers with their units, colours such as #ff8800, and the marks between clauses.

use crate::lettering::style::Colour;

/// Points are a third larger than pixels.
const PIXELS_A_POINT: f32 = 4.0 / 3.0;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Px,
    Percent,
}

/// A number and what it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub value: f32,
    pub unit: Unit,
}

/// A piece of a wish.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// As it was written, and in small letters without «ё».
    Word(&'a str, String),
    Number(&'a str, Number),
    Hex(&'a str, Colour),
    /// The end of a clause.
    Break,
}

/// Cuts a wish. Quotes, dashes and brackets say nothing.
pub(super) fn cut(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '0'..='9' => number(rest),
            '#' => hex(rest),
            '.' | ',' | ';' | '!' | '?' | '\n' => (Some(Token::Break), 1),
            '+' | '&' => (Some(Token::Word(&rest[..1], "и".to_owned())), 1),
            first if first.is_alphabetic() => word(rest, char::is_alphabetic),
            first if first.is_whitespace() || first.is_ascii_punctuation() || is_mark(first) => {
                (None, first.len_utf8())
            }
            // An emoji, a number in another script: nothing that is known here, and told as such.
            _ => word(rest, |c| !c.is_alphanumeric() && !c.is_whitespace() && !c.is_ascii()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

fn is_mark(c: char) -> bool {
    matches!(c, '«' | '»' | '“' | '”' | '„' | '‘' | '’' | '—' | '–' | '−' | '…' | '•' | '·')
}

fn word(text: &str, belongs: impl Fn(char) -> bool) -> (Option<Token<'_>>, usize) {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let end = text[first..].find(|c| !belongs(c)).map_or(text.len(), |at| at + first);
    let said = &text[..end];
    (Some(Token::Word(said, plain(said))), end)
}

/// Small letters, without «ё».
pub(super) fn plain(text: &str) -> String {
    text.to_lowercase().replace('ё', "е")
}

fn number(text: &str) -> (Option<Token<'_>>, usize) {
    let digits = |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |at| at + from);
    let mut end = digits(0);
    let mut value = text[..end].to_owned();
    if let Some(fraction) = text[end..].strip_prefix(['.', ','])
        && fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        let whole = end;
        end = digits(whole + 1);
        value = format!("{}.{}", &text[..whole], &text[whole + 1..end]);
    }
    let (unit, factor, end) = unit(text, end);
    let said = text[..end].trim_end();
    match value.parse::<f32>() {
        Ok(value) if value.is_finite() => (Some(Token::Number(said, Number { value: value * factor, unit })), end),
        _ => (Some(Token::Word(said, said.to_owned())), end),
    }
}

/// The unit after a number, what its values are multiplied with, and where it ends.
fn unit(text: &str, end: usize) -> (Unit, f32, usize) {
    let gap = text[end..].len() - text[end..].trim_start_matches([' ', '\u{a0}', '-']).len();
    let from = end + gap;
    if text[from..].starts_with('%') {
        return (Unit::Percent, 1.0, from + 1);
    }
    let length = text[from..].find(|c: char| !c.is_alphabetic()).unwrap_or(text.len() - from);
    let word = plain(&text[from..from + length]);
    match word.as_str() {
        "px" | "рх" | "пкс" | "пикс" | "pixel" | "pixels" => (Unit::Px, 1.0, from + length),
        "pt" | "пт" | "point" | "points" => (Unit::Px, PIXELS_A_POINT, from + length),
        "percent" => (Unit::Percent, 1.0, from + length),
        word if word.starts_with("пиксел") => (Unit::Px, 1.0, from + length),
        word if word.starts_with("процент") => (Unit::Percent, 1.0, from + length),
        _ => (Unit::None, 1.0, end),
    }
}

fn hex(text: &str) -> (Option<Token<'_>>, usize) {
    let end = text[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(text.len(), |at| at + 1);
    let said = &text[..end];
    let colour = colour(&said[1..]);
    let token = colour.map_or_else(|| Token::Word(said, said.to_owned()), |colour| Token::Hex(said, colour));
    (Some(token), end)
}

/// `ff8800` or `f80`.
fn colour(digits: &str) -> Option<Colour> {
    let whole = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit; 2]).collect(),
        6 => digits.to_owned(),
        _ => return None,
    };
    let [_, red, green, blue] = u32::from_str_radix(&whole, 16).ok()?.to_be_bytes();
    Some(Colour([red, green, blue]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_colours_and_marks_are_told_apart() {
        let said = |text: &'static str| cut(text);
        let px = |said: &'static str, value| Token::Number(said, Number { value, unit: Unit::Px });
        assert_eq!(said("72px"), [px("72px", 72.0)]);
        assert_eq!(said("72 пикселя"), [px("72 пикселя", 72.0)]);
        assert_eq!(said("12pt"), [px("12pt", 16.0)]);
        let percent = Token::Number("2,5 %", Number { value: 2.5, unit: Unit::Percent });
        assert_eq!(said("2,5 %, #F80"), [percent, Token::Break, Token::Hex("#F80", Colour([255, 136, 0]))]);
        let word = |said, plain: &str| Token::Word(said, plain.to_owned());
        assert_eq!(
            said("«Чёрная» semi-transparent"),
            [word("Чёрная", "черная"), word("semi", "semi"), word("transparent", "transparent")]
        );
        assert_eq!(said("#ff"), [word("#ff", "#ff")]);
        assert_eq!(said("🎉🎉 5"), [word("🎉🎉", "🎉🎉"), Token::Number("5", Number { value: 5.0, unit: Unit::None })]);
    }
}
