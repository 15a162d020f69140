//! The names of colours, in Russian and in English.

use crate::lettering::style::Colour;

/// Stems of Russian adjectives and words of either language that do not change, English names, and the colour.
const COLOURS: &[(&[&str], &[&str], u32)] = &[
    (&["бел", "белоснежн"], &["white"], 0xff_ff_ff),
    (&["черн"], &["black"], 0x00_00_00),
    (&["сер"], &["gray", "grey"], 0x80_80_80),
    (&["серебрян", "серебрист"], &["silver"], 0xc0_c0_c0),
    (&["красн"], &["red"], 0xe6_1e_1e),
    (&["ал"], &["scarlet"], 0xff_24_00),
    (&["малинов", "багров"], &["crimson"], 0xdc_14_3c),
    (&["бордов", "вишнев", "винн"], &["burgundy", "maroon", "cherry"], 0x80_00_20),
    (&["розов"], &["pink"], 0xff_6f_b5),
    (&["коралл", "кораллов"], &["coral"], 0xff_7f_50),
    (&["персиков"], &["peach"], 0xff_cb_a4),
    (&["оранжев"], &["orange"], 0xff_8c_00),
    (&["рыж"], &["ginger"], 0xd2_69_1e),
    (&["янтарн"], &["amber"], 0xff_bf_00),
    (&["желт"], &["yellow"], 0xff_e1_00),
    (&["лимонн"], &["lemon"], 0xff_f4_4f),
    (&["золот", "золотист"], &["gold", "golden"], 0xff_c9_33),
    (&["бронзов"], &["bronze"], 0xcd_7f_32),
    (&["бежев", "песочн"], &["beige", "sand"], 0xf5_e6_c8),
    (&["кремов"], &["cream", "ivory"], 0xff_f8_e1),
    (&["коричнев", "шоколадн"], &["brown", "chocolate"], 0x7a_4a_21),
    (&["зелен"], &["green"], 0x1e_9e_3a),
    (&["салатов", "лаймов"], &["lime"], 0x9b_e3_1b),
    (&["оливков"], &["olive"], 0x80_80_00),
    (&["изумрудн"], &["emerald"], 0x00_a8_6b),
    (&["мятн"], &["mint"], 0x98_e6_c0),
    (&["бирюзов"], &["turquoise"], 0x30_d5_c8),
    (&["циан", "цианов"], &["cyan", "aqua"], 0x00_e5_ff),
    (&["голуб", "лазурн", "небесн"], &["azure"], 0x42_aa_ff),
    (&["син"], &["blue"], 0x1f_4f_e0),
    (&["индиго"], &["indigo"], 0x4b_00_82),
    (&["фиолетов"], &["violet", "purple"], 0x8b_3f_d9),
    (&["лилов"], &["mauve"], 0xb0_6f_d8),
    (&["сиренев", "лавандов"], &["lilac", "lavender"], 0xc8_a2_e8),
    (&["пурпурн"], &["magenta"], 0xd0_1f_b0),
    (&["фуксия", "фуксии"], &["fuchsia"], 0xff_00_ff),
    (&["хаки"], &["khaki"], 0xb5_a6_42),
    (&[], &["navy"], 0x0b_1f_4d),
    (&[], &["teal"], 0x00_80_80),
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
