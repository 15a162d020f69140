//! The names of colours, in Russian and in English.

use crate::lettering::style::Colour;

/// Stems of Russian adjectives and words of either language that do not change, English names, and the colour.
const COLOURS: &[(&[&str], &[&str], u32)] = &[
    (&["бел", "белоснежн"], &["white"], 0xffffff),
    (&["черн"], &["black"], 0x000000),
    (&["сер"], &["gray", "grey"], 0x808080),
    (&["серебрян", "серебрист"], &["silver"], 0xc0c0c0),
    (&["красн"], &["red"], 0xe61e1e),
    (&["ал"], &["scarlet"], 0xff2400),
    (&["малинов", "багров"], &["crimson"], 0xdc143c),
    (&["бордов", "вишнев", "винн"], &["burgundy", "maroon", "cherry"], 0x800020),
    (&["розов"], &["pink"], 0xff6fb5),
    (&["коралл", "кораллов"], &["coral"], 0xff7f50),
    (&["персиков"], &["peach"], 0xffcba4),
    (&["оранжев"], &["orange"], 0xff8c00),
    (&["рыж"], &["ginger"], 0xd2691e),
    (&["янтарн"], &["amber"], 0xffbf00),
    (&["желт"], &["yellow"], 0xffe100),
    (&["лимонн"], &["lemon"], 0xfff44f),
    (&["золот", "золотист"], &["gold", "golden"], 0xffc933),
    (&["бронзов"], &["bronze"], 0xcd7f32),
    (&["бежев", "песочн"], &["beige", "sand"], 0xf5e6c8),
    (&["кремов"], &["cream", "ivory"], 0xfff8e1),
    (&["коричнев", "шоколадн"], &["brown", "chocolate"], 0x7a4a21),
    (&["зелен"], &["green"], 0x1e9e3a),
    (&["салатов", "лаймов"], &["lime"], 0x9be31b),
    (&["оливков"], &["olive"], 0x808000),
    (&["изумрудн"], &["emerald"], 0x00a86b),
    (&["мятн"], &["mint"], 0x98e6c0),
    (&["бирюзов"], &["turquoise"], 0x30d5c8),
    (&["циан", "цианов"], &["cyan", "aqua"], 0x00e5ff),
    (&["голуб", "лазурн", "небесн"], &["azure"], 0x42aaff),
    (&["син"], &["blue"], 0x1f4fe0),
    (&["индиго"], &["indigo"], 0x4b0082),
    (&["фиолетов"], &["violet", "purple"], 0x8b3fd9),
    (&["лилов"], &["mauve"], 0xb06fd8),
    (&["сиренев", "лавандов"], &["lilac", "lavender"], 0xc8a2e8),
    (&["пурпурн"], &["magenta"], 0xd01fb0),
    (&["фуксия", "фуксии"], &["fuchsia"], 0xff00ff),
    (&["хаки"], &["khaki"], 0xb5a642),
    (&[], &["navy"], 0x0b1f4d),
    (&[], &["teal"], 0x008080),
];

/// The colour of an English name.
pub(super) fn english(word: &str) -> Option<Colour> {
    let of = |(_, names, colour): &(&[&str], &[&str], u32)| names.contains(&word).then_some(*colour);
    COLOURS.iter().find_map(of).map(colour)
}

/// The colour of a Russian stem, or of a word that does not change.
pub(super) fn russian(stem: &str) -> Option<Colour> {
    let of = |(stems, _, colour): &(&[&str], &[&str], u32)| stems.contains(&stem).then_some(*colour);
    COLOURS.iter().find_map(of).map(colour)
}

fn colour(rgb: u32) -> Colour {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Colour([red, green, blue])
}
