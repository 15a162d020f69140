//! Repetition: what a model of speech says over and over when it has lost the thread. Pure functions on tokens.

/// Longest phrase looked for, in tokens.
const LONGEST: usize = 24;
/// A phrase counts as a loop when it is said this often in a row,
const TIMES: usize = 4;
/// and fills this many tokens: people do say "ha ha ha ha".
const FILLS: usize = 16;

/// How many tokens of a text say again what was just said; 0 where nothing is a loop.
pub(super) fn repeated(tokens: &[i32]) -> usize {
    let (mut repeated, mut at) = (0, 0);
    while at < tokens.len() {
        match loop_at(&tokens[at..]) {
            Some((period, fills)) => {
                repeated += fills - period;
                at += fills;
            }
            None => at += 1,
        }
    }
    repeated
}

/// The loop that a text begins with: the tokens of its phrase, and those that all its repetitions fill.
fn loop_at(tokens: &[i32]) -> Option<(usize, usize)> {
    (1..=LONGEST.min(tokens.len() / TIMES)).find_map(|period| {
        let fills = period + tokens.iter().zip(&tokens[period..]).take_while(|(a, b)| a == b).count();
        (fills >= FILLS.max(TIMES * period)).then_some((period, fills))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(text: &str) -> Vec<i32> {
        let number = |word: &str| word.bytes().fold(7, |sum, byte| sum * 31 % 50_000 + i32::from(byte));
        text.split_whitespace().map(number).collect()
    }

    #[test]
    fn phrases_said_over_and_over_are_found() {
        let stuck = format!("so it was {}", "thank you for watching ".repeat(4));
        assert_eq!(repeated(&tokens(&stuck)), 12);
        assert_eq!(repeated(&tokens(&"да ".repeat(16))), 15);
        let cut = format!("{}thank you", "thank you for watching ".repeat(5));
        assert_eq!(repeated(&tokens(&cut)), 18);
        assert_eq!(repeated(&tokens(&format!("{stuck} and {stuck}"))), 24);
    }

    #[test]
    fn what_people_say_is_not() {
        for text in [
            "",
            "ask not what your country can do for you ask what you can do for your country",
            "ha ha ha ha ha",
            "да да да да конечно да да да да",
            "row row row your boat gently down the stream merrily merrily merrily merrily life is but a dream",
        ] {
            assert_eq!(repeated(&tokens(text)), 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_phrase_is_found_wherever_it_begins(
            before in proptest::collection::vec(1000..50_000_i32, 0..20),
            period in 1..=LONGEST,
            times in TIMES..9,
        ) {
            // Each token of the phrase is there once.
            let phrase: Vec<i32> = (0..).take(period).collect();
            let said = before.into_iter().chain(phrase.repeat(times)).collect::<Vec<_>>();
            let due = if period * times >= FILLS { period * (times - 1) } else { 0 };
            prop_assert_eq!(repeated(&said), due);
        }

        #[test]
        fn where_nothing_is_said_twice_nothing_is_found(length in 0..300_i32) {
            prop_assert_eq!(repeated(&(0..length).collect::<Vec<_>>()), 0);
        }
    }
}
