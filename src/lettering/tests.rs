//! Pictures with texts, looked at pixel by pixel. The fonts are those that `scripts/setup.sh` installs.

use super::style::{Horizontal, Length, Margins, Outline, Shadow, Size, Step, Vertical};
use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static LETTERER: LazyLock<Letterer> =
    LazyLock::new(|| Letterer::new(Settings { folder: "/usr/share/fonts/truetype/noto".into() }));

const GRAY: [u8; 3] = [128; 3];
const RED: Colour = Colour([255, 0, 0]);

fn plain(width: u32, height: u32, colour: [u8; 3]) -> Picture {
    Picture { width, height, rgb: colour.repeat((width * height) as usize) }
}

/// Squares of black and white, of so many pixels.
fn squares(width: u32, height: u32, side: u32) -> Picture {
    let light = |at: u32| ((at % width) / side + (at / width) / side).is_multiple_of(2);
    let rgb = (0..width * height).flat_map(|at| [if light(at) { 255 } else { 0 }; 3]).collect();
    Picture { width, height, rgb }
}

fn lettered(picture: &Picture, text: &str, wish: &str) -> Lettered {
    let lettered = LETTERER.letter(picture, text, wish).expect("a picture");
    assert_eq!((lettered.picture.width, lettered.picture.height), (picture.width, picture.height));
    lettered
}

fn styled(picture: &Picture, text: &str, style: &Style) -> Picture {
    LETTERER.letter_in(picture, text, style).expect("a picture").picture
}

fn at(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let at = (y * picture.width + x) as usize * 3;
    picture.rgb[at..at + 3].try_into().expect("a pixel")
}

fn pixels(picture: &Picture) -> impl Iterator<Item = (u32, u32, [u8; 3])> {
    (0..picture.width * picture.height)
        .map(|n| (n % picture.width, n / picture.width, at(picture, n % picture.width, n / picture.width)))
}

fn count(picture: &Picture, wanted: impl Fn([u8; 3]) -> bool) -> usize {
    pixels(picture).filter(|(_, _, colour)| wanted(*colour)).count()
}

/// Left, top, right and bottom of what differs.
fn changed(before: &Picture, after: &Picture) -> [u32; 4] {
    let differs = pixels(after).filter(|(x, y, colour)| at(before, *x, *y) != *colour);
    let ends = differs.fold(None, |ends: Option<[u32; 4]>, (x, y, _)| {
        let [left, top, right, bottom] = ends.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
    });
    ends.expect("nothing was written")
}

fn colourful([red, green, blue]: [u8; 3]) -> bool {
    red.max(green).max(blue) - red.min(green).min(blue) > 60
}

/// Red letters of this size at the upper left, nothing else.
fn red(size: f32) -> Style {
    Style {
        vertical: Vertical::Top,
        horizontal: Horizontal::Left,
        size: Size::Exact(Length::Px(size)),
        colour: Some(RED),
        outline: Outline::Without,
        ..Style::default()
    }
}

#[test]
fn nine_places_are_where_they_are_called_and_nothing_else_changes() {
    let base = plain(600, 300, GRAY);
    for (word, column, row) in [
        ("top left", 0, 0),
        ("сверху", 1, 0),
        ("top right", 2, 0),
        ("слева", 0, 1),
        ("по центру", 1, 1),
        ("справа", 2, 1),
        ("внизу слева", 0, 2),
        ("", 1, 2),
        ("в правом нижнем углу", 2, 2),
    ] {
        let [left, top, right, bottom] = changed(&base, &lettered(&base, "Чай", word).picture);
        let third = |from: u32, to: u32, side: u32| (from + to) / 2 * 3 / side;
        assert_eq!((third(left, right, 600), third(top, bottom, 300)), (column, row), "{word}");
        assert!(right - left < 90 && bottom - top < 40, "{word}: {left} {top} {right} {bottom}");
        assert!(left >= 14 && right < 586 && top >= 14 && bottom < 286, "{word} is beyond the margin");
    }
}

#[test]
fn letters_grow_with_the_picture() {
    let height = |side: u32| {
        let base = plain(side, side, GRAY);
        let [_, top, _, bottom] = changed(&base, &lettered(&base, "Ш", "крупный красный, без обводки").picture);
        f64::from(bottom - top + 1) / f64::from(side)
    };
    let usual = height(1000);
    assert!((0.06..0.09).contains(&usual), "{usual}");
    assert!((height(3000) / usual - 1.0).abs() < 0.03, "{}", height(3000));
    // On a small picture they are larger, for they must be read.
    assert!(height(64) > 1.5 * usual, "{}", height(64));
}

#[test]
fn a_plate_is_mixed_exactly() {
    let base = plain(300, 200, [10, 200, 61]);
    for opacity in [0_u8, 25, 50, 80, 100] {
        let plate = Plate {
            colour: Some(Colour([255, 255, 0])),
            opacity: Some(opacity),
            corner: Some(Length::Px(0.0)),
            padding: Some(Length::Px(20.0)),
            ..Plate::default()
        };
        let margins = Margins { top: Some(Length::Px(10.0)), left: Some(Length::Px(10.0)), ..Margins::default() };
        let picture = styled(&base, "I", &Style { plate: Some(plate), margins, ..red(40.0) });
        let mixed = [10_i32, 200, 61].into_iter().zip([255, 255, 0]).map(|(under, over)| {
            let mixed = f64::from(under) + f64::from(over - under) * f64::from(opacity) / 100.0;
            mixed.round() as u8
        });
        let mixed: [u8; 3] = mixed.collect::<Vec<_>>().try_into().expect("three channels");
        for (x, y) in [(10, 10), (12, 40), (25, 12)] {
            assert_eq!(at(&picture, x, y), mixed, "{opacity}% at {x},{y}");
        }
        assert_eq!((at(&picture, 9, 10), at(&picture, 10, 9)), ([10, 200, 61], [10, 200, 61]));
    }
}

#[test]
fn transparent_letters_are_mixed_exactly() {
    let base = plain(300, 200, [20, 40, 200]);
    let picture = styled(&base, "I", &Style { opacity: 30, bold: true, ..red(120.0) });
    // 20 + (255 - 20) * 0.3, 40 * 0.7, 200 * 0.7.
    assert!(count(&picture, |colour| colour == [91, 28, 140]) > 500);
    assert_eq!(count(&picture, |colour| colour == [255, 0, 0]), 0);
}

#[test]
fn a_blurred_plate_softens_what_is_beneath_and_only_that() {
    let base = squares(400, 300, 4);
    let plate = Plate {
        opacity: Some(0),
        blur: Some(Length::Px(12.0)),
        padding: Some(Length::Px(40.0)),
        corner: Some(Length::Px(0.0)),
        ..Plate::default()
    };
    let margins = Margins { top: Some(Length::Px(50.0)), left: Some(Length::Px(50.0)), ..Margins::default() };
    let picture = styled(&base, "I", &Style { plate: Some(plate), margins, ..red(20.0) });
    for (x, y) in [(50, 50), (60, 80), (85, 60)] {
        assert!(at(&picture, x, y).iter().all(|value| value.abs_diff(128) < 16), "{:?}", at(&picture, x, y));
    }
    for (x, y) in [(49, 60), (60, 49), (300, 200)] {
        assert_eq!(at(&picture, x, y), at(&base, x, y));
    }
}

#[test]
fn a_blurred_plate_is_half_seen_and_another_one_wholly() {
    let base = plain(300, 200, [0; 3]);
    let most = |wish| {
        pixels(&lettered(&base, "Ы", wish).picture).map(|(_, _, colour)| colour[0]).filter(|value| *value > 0).fold(
            [0; 256],
            |mut seen, value| {
                seen[value as usize] += 1;
                seen
            },
        )
    };
    let common = |wish| most(wish).into_iter().enumerate().max_by_key(|(_, seen)| *seen).map(|(value, _)| value);
    assert_eq!(common("чёрный текст, белая плашка"), Some(255));
    assert_eq!(common("чёрный текст, белая плашка с размытием 5"), Some(128));
}

#[test]
fn emoji_keep_their_colours_and_sequences_are_one_sign() {
    let base = plain(900, 200, [255; 3]);
    let width = |text: &str| {
        let picture = styled(&base, text, &red(100.0));
        assert!(count(&picture, |colour| colourful(colour) && colour != RED.0) > 1000, "{text} has no colours");
        let [left, _, right, _] = changed(&base, &picture);
        right - left
    };
    let one = width("👨");
    for sequence in ["👩‍🚀", "🇷🇺", "👋🏽", "🏳️‍🌈", "❤️", "1️⃣"] {
        assert!(width(sequence) < one * 3 / 2, "{sequence} is {} wide, one is {one}", width(sequence));
    }
    assert!(width("👨👩👧") > one * 5 / 2);
    // The family is one sign, which this font has in gray.
    let [left, _, right, _] = changed(&base, &styled(&base, "👨‍👩‍👧‍👦", &red(100.0)));
    assert!(right - left < one * 3 / 2, "{left} {right}");
    let tones = ["👋", "👋🏽", "👋🏿"].map(|hand| styled(&base, hand, &red(100.0)));
    assert!(tones[0] != tones[1] && tones[1] != tones[2]);
    // A digit is no emoji.
    let digit = styled(&base, "1", &red(100.0));
    assert_eq!(count(&digit, |[_, green, blue]| green != blue), 0);
}

#[test]
fn the_colour_is_the_one_that_can_be_read() {
    let (dark, light) = (plain(300, 200, [30; 3]), plain(300, 200, [220; 3]));
    let on = |base: &Picture, wish: &str| {
        let picture = lettered(base, "Чай", wish).picture;
        (count(&picture, |colour| colour == [255; 3]), count(&picture, |colour| colour == [0; 3]))
    };
    assert!(matches!(on(&dark, "крупно"), (50.., 0)), "{:?}", on(&dark, "крупно"));
    assert!(matches!(on(&light, "крупно"), (0, 50..)), "{:?}", on(&light, "крупно"));
    // On squares of both there is an outline of the other colour, unless it is not wanted: 60% of black on white.
    let squares = squares(600, 400, 24);
    let outlined = |wish: &str| count(&lettered(&squares, "Чай", wish).picture, |colour| colour == [102; 3]);
    assert!(outlined("огромный") > 200, "{}", outlined("огромный"));
    assert_eq!((outlined("огромный, без обводки"), outlined("огромный, на плашке")), (0, 0));
    // With a plate it is the plate that counts.
    let (white, black) = on(&dark, "огромный текст, жёлтая плашка");
    assert!(white == 0 && black > 20, "{white} {black}");
    let plate = lettered(&light, "Чай", "огромный жёлтый текст на плашке").picture;
    assert!(count(&plate, |colour| colour == [0; 3]) > 200 && count(&plate, |colour| colour == [255, 225, 0]) > 20);
    let (white, black) = on(&plain(300, 200, [90; 3]), "огромный текст, плашка");
    assert!(black > white && white > 20, "{white} {black}");
}

#[test]
fn lines_are_wrapped_within_the_margins() {
    let base = plain(500, 400, GRAY);
    let words = "Съешь же ещё этих мягких французских булок, да выпей чаю. ".repeat(3);
    let endless = "Ж".repeat(1000);
    for (text, wish) in [
        (words.as_str(), "крупный текст, margin 10%"),
        (words.as_str(), "40px, margin 10%"),
        (endless.as_str(), "40px, margin 10%"),
        (endless.as_str(), "обычный текст, отступ 10%, плашка"),
        (words.as_str(), "огромный текст справа, отступ 10%, с обводкой и тенью"),
    ] {
        let lettered = lettered(&base, text, wish);
        let [left, top, right, bottom] = changed(&base, &lettered.picture);
        // A pixel for soft edges.
        assert!(left >= 49 && right <= 450 && top >= 39 && bottom <= 360, "{wish}: {left} {top} {right} {bottom}");
        assert!(right - left > 300, "{wish}: {left} to {right}");
    }
}

#[test]
fn a_text_that_is_too_high_is_made_smaller_and_that_is_told() {
    let base = plain(300, 200, GRAY);
    let text = "один\nдва\nтри\nчетыре\nпять\nшесть";
    let small = lettered(&base, text, "72px");
    assert!(matches!(small.remarks[..], [Remark::Smaller { px }] if (20.0..25.0).contains(&px)), "{:?}", small.remarks);
    let [_, top, _, bottom] = changed(&base, &small.picture);
    assert!(top >= 9 && bottom <= 190 && bottom - top > 150, "{top} {bottom}");
    assert!(lettered(&base, "один", "72px").remarks.is_empty());
    // A size in words says nothing that could be missed.
    assert!(lettered(&base, text, "огромный").remarks.is_empty());
}

#[test]
fn a_long_word_is_shrunk_before_it_is_broken_unless_the_size_is_exact() {
    let base = plain(400, 400, GRAY);
    let bands = |wish: &str| {
        let picture = lettered(&base, "Преимущество", wish).picture;
        let inked = |y: u32| (0..400).any(|x| at(&picture, x, y) != GRAY);
        (1..400).filter(|y| inked(*y) && !inked(y - 1)).count()
    };
    assert_eq!((bands("огромный"), bands("64px")), (1, 2));
}

#[test]
fn every_line_of_the_text_is_a_line_of_the_picture() {
    let base = plain(400, 400, GRAY);
    let rows = |text: &str| {
        let picture = styled(&base, text, &red(40.0));
        let [_, top, _, bottom] = changed(&base, &picture);
        bottom - top
    };
    let line = rows("Ш\nШ") - rows("Ш");
    assert_eq!(line, 50);
    assert_eq!(rows("Ш\n\nШ") - rows("Ш"), 100);
    assert_eq!(rows("\n\nШ\n \n"), rows("Ш"));
}

#[test]
fn lines_stand_below_each_other_as_they_are_aligned() {
    let base = plain(600, 300, GRAY);
    let ends = |align| {
        let picture = styled(&base, "Ш\nШШШШШ", &Style { align, ..red(40.0) });
        let row = |range: std::ops::Range<u32>| {
            let inked =
                pixels(&picture).filter(|(_, y, colour)| range.contains(y) && *colour != GRAY).map(|(x, _, _)| x);
            inked.fold((u32::MAX, 0), |(left, right), x| (left.min(x), right.max(x)))
        };
        (row(15..60), row(66..115))
    };
    let ((left, _), (first, _)) = ends(None);
    assert!(left.abs_diff(first) <= 1, "{left} {first}");
    let ((_, right), (_, last)) = ends(Some(Horizontal::Right));
    assert!(right.abs_diff(last) <= 1, "{right} {last}");
    let ((left, right), (first, last)) = ends(Some(Horizontal::Centre));
    assert!((left + right).abs_diff(first + last) <= 2, "{left} {right} {first} {last}");
}

#[test]
fn bold_outline_and_shadow_are_seen() {
    let base = plain(500, 200, [255; 3]);
    let ink = |style: &Style| count(&styled(&base, "Чай", style), |colour| colour == RED.0);
    let usual = red(80.0);
    let bold = ink(&Style { bold: true, ..usual });
    assert!(bold * 10 > ink(&usual) * 13, "{bold} {}", ink(&usual));
    let blue = Colour([0, 0, 255]);
    let outline = Outline::Of { colour: Some(blue), width: Some(Length::Px(4.0)) };
    let outlined = styled(&base, "Чай", &Style { outline, ..usual });
    assert!(count(&outlined, |colour| colour == blue.0) > 500);
    assert!(count(&outlined, |colour| colour == RED.0).abs_diff(ink(&usual)) < ink(&usual) / 50, "the letters stay");
    let shadow = Shadow { colour: Some(blue), distance: Some(Length::Px(10.0)), blur: Some(Length::Px(0.0)) };
    let shaded = styled(&base, "Чай", &Style { shadow: Some(shadow), ..usual });
    // Three quarters of blue on white, ten pixels to the right and down.
    assert!(count(&shaded, |colour| colour == [64, 64, 255]) > 200);
}

#[test]
fn the_same_is_the_same_and_looks_as_it_did() {
    let base = plain(400, 200, [0; 3]);
    let wish = "белый текст 50px слева сверху";
    let picture = lettered(&base, "Привет, мир!", wish).picture;
    assert_eq!(picture, lettered(&base, "Привет, мир!", wish).picture);
    // Of the fonts in Debian 12; another version may differ by a little.
    let ink = picture.rgb.iter().map(|value| u64::from(*value)).sum::<u64>() as f64 / 3.0 / 255.0;
    let [left, top, right, bottom] = changed(&base, &picture).map(f64::from);
    for (found, expected) in [(ink, INK), (left, 17.0), (top, 27.0), (right, 326.0), (bottom, 75.0)] {
        assert!((found - expected).abs() <= 2.0 + expected * 0.02, "{ink} {left} {top} {right} {bottom}");
    }
}

/// White pixels of «Привет, мир!» in letters of 50 pixels.
const INK: f64 = 3249.0;

#[test]
fn odd_pictures_and_texts_are_written_all_the_same() {
    let long = "🎉".repeat(1000);
    let stacked = format!("e{}", "\u{301}".repeat(300));
    let texts = [
        "x",
        "",
        "   ",
        "\n\n",
        "\u{200b}\u{200d}\u{fe0f}",
        &long,
        &stacked,
        "שלום עולם, مرحبا 5",
        "a\u{202e}b",
        "\u{fffd}\u{e000}",
    ];
    for (width, height) in [(1, 1), (2, 3), (8000, 10), (10, 8000), (64, 64)] {
        let base = plain(width, height, [50, 90, 20]);
        for text in texts {
            for wish in
                ["", "огромный текст с обводкой и тенью на белой плашке с размытием 50", "5000px", "отступ 100%"]
            {
                lettered(&base, text, wish);
            }
        }
    }
}

#[test]
fn scripts_from_right_to_left_begin_at_the_right() {
    let base = plain(600, 200, [255; 3]);
    // The first of two words is written at the right.
    let both = styled(&base, "אא ללללללל", &red(60.0));
    let [left, _, right, _] = changed(&base, &both);
    let inked = |x: u32| (0..200).any(|y| at(&both, x, y) != [255; 3]);
    let widest = (left..right).filter(|x| !inked(*x) && (x + 1..x + 8).all(|next| !inked(next))).max();
    let gap = widest.expect("a gap between the words");
    assert!(gap - left > right - gap, "{left} {gap} {right}");
    assert!(lettered(&base, "שלום, مرحبا", "").remarks.is_empty());
}

#[test]
fn what_could_not_be_done_is_said_in_the_language_of_the_wish() {
    let base = plain(600, 200, GRAY);
    let found = lettered(&base, "漢字", "красивый текст").remarks;
    assert_eq!(found, [Remark::NotUnderstood(vec!["красивый".into()]), Remark::Shapeless("漢字".into())]);
    let told: Vec<String> = [true, false]
        .into_iter()
        .flat_map(|russian| found.iter().map(move |remark| remark.sentence(russian)))
        .collect();
    assert_eq!(
        told,
        [
            "Не понял: красивый",
            "в шрифтах нет знаков: 漢字",
            "not understood: красивый",
            "no font here has these signs: 漢字"
        ]
    );
}

#[test]
fn without_fonts_the_packages_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let letterer = Letterer::new(Settings { folder: folder.path().into() });
    for failure in [letterer.probe().err(), letterer.letter(&plain(9, 9, GRAY), "x", "").err()] {
        let Some(Failure::Missing { message }) = failure else { panic!("{failure:?}") };
        assert!(message.ends_with("install fonts-noto-core and fonts-noto-color-emoji"), "{message}");
    }
    for name in ["NotoSans-Regular.ttf", "NotoSans-Bold.ttf", "NotoColorEmoji.ttf"] {
        std::fs::write(folder.path().join(name), "no font").expect("a file");
    }
    let failure = letterer.letter(&plain(9, 9, GRAY), "x", "").expect_err("no fonts");
    assert!(failure.to_string().contains("NotoSans-Regular.ttf cannot be used"), "{failure}");
}

fn any_length() -> impl Strategy<Value = Length> {
    prop_oneof![(0.0_f32..10_000.0).prop_map(Length::Px), (0.0_f32..=100.0).prop_map(Length::Percent)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_text_is_a_wish(text in "\\PC*") {
        let wish = wish::read(&text);
        prop_assert!(wish.style.opacity <= 100);
        for word in &wish.unknown {
            prop_assert!(text.contains(word.as_str()), "{word} is not in {text}");
        }
    }

    #[test]
    fn every_order_of_known_words_is_a_wish(words in prop::collection::vec(prop::sample::select(VOCABULARY), 0..14)) {
        let wish = wish::read(&words.join(" "));
        prop_assert!(wish.style.opacity <= 100);
    }
}

const VOCABULARY: &[&str] = &[
    "белый",
    "чёрной",
    "текст",
    "плашке",
    "обводка",
    "тень",
    "с",
    "на",
    "без",
    "и",
    ",",
    "50%",
    "72px",
    "5",
    "размытием",
    "радиус",
    "прозрачность",
    "отступ",
    "от",
    "снизу",
    "центр",
    "не",
    "нужна",
    "нет",
    "очень",
    "большой",
    "тёмно",
    "цвета",
    "under",
    "top",
    "of",
    "box",
    "outline",
    "align",
    "left",
    "vertically",
    "rounded",
    "bold",
    "size",
    "#fff",
    "0.5",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_style_leaves_the_picture_its_size(
        (width, height) in (1_u32..90, 1_u32..90),
        text in "\\PC{0,40}",
        (size, margin, blur, corner) in (any_length(), any_length(), any_length(), any_length()),
        opacity in 0_u8..=100,
    ) {
        let plate = Plate { opacity: Some(opacity), blur: Some(blur), corner: Some(corner), padding: Some(margin), colour: None };
        let style = Style {
            size: Size::Exact(size),
            margins: Margins { left: Some(margin), top: Some(corner), ..Margins::default() },
            shadow: Some(Shadow { distance: Some(corner), blur: Some(blur), colour: None }),
            outline: Outline::Of { colour: None, width: Some(blur) },
            plate: Some(plate).filter(|_| opacity % 2 == 0),
            opacity,
            ..Style::default()
        };
        let picture = styled(&plain(width, height, GRAY), &text, &style);
        prop_assert_eq!(picture.rgb.len(), (width * height * 3) as usize);
    }
}

#[test]
fn steps_are_in_order() {
    let page = Page { width: 640.0, height: 480.0 };
    let sizes =
        [Step::Tiny, Step::Small, Step::Normal, Step::Large, Step::Huge].map(|step| page.letters(Size::Word(step)));
    assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]), "{sizes:?}");
}
