//! The grammar, right and wrong.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;

fn knows(name: &str) -> bool {
    ["flux-schnell", "demo", "gpt-image-2"].contains(&name)
}

fn understood(words: &str) -> Advanced {
    match read(words, knows) {
        Read::Line(line) => line,
        other => panic!("{words}: {other:?}"),
    }
}

fn wrong(words: &str) -> Wrong {
    match read(words, knows) {
        Read::Wrong(wrong) => wrong,
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn a_line_says_everything_in_both_languages() {
    let all = Advanced {
        prompt: "маяк в шторм".to_owned(),
        model: Some("flux-schnell".to_owned()),
        size: Some((832, 1216)),
        aspect: None,
        negative: Some("люди, текст".to_owned()),
        seed: Some(7),
        steps: Some(4),
        guidance: Some(3.5),
        count: Some(2),
        notices: vec![],
    };
    let russian = "Изображение маяк в шторм | модель=flux | размер=832х1216 | негатив=люди, текст | сид=7 | шаги=4 \
        | cfg=3,5 | количество=2";
    let english =
        "image маяк в шторм|model = Flux |size=832*1216|NEGATIVE=люди, текст|seed=7|steps=4|guidance=3.5|n=2|";
    assert_eq!(understood(russian), all);
    assert_eq!(understood(english), all);
    assert_eq!(understood("IMAGE: кот\nи пёс | aspect_ratio=16:9").prompt, "кот\nи пёс");
}

#[test]
fn bars_and_other_signs_are_kept_where_they_are_meant() {
    let line = understood(r"Изображение кот \| пёс = дружба | негатив=a=b \| c\d");
    assert_eq!(line.prompt, "кот | пёс = дружба");
    assert_eq!(line.negative.as_deref(), Some(r"a=b | c\d"));
}

#[test]
fn shapes_are_words_or_numbers() {
    for (value, shape) in [
        ("1:1", (1, 1)),
        ("16:9", (16, 9)),
        ("9 / 16", (9, 16)),
        ("Портрет", (2, 3)),
        ("landscape", (3, 2)),
        ("квадрат", (1, 1)),
    ] {
        let aspect = understood(&format!("Image кот | формат={value}")).aspect.expect(value);
        assert_eq!((aspect.width, aspect.height), shape, "{value}");
    }
    let both = understood("Image кот | size=512x512 | aspect_ratio=16:9");
    assert_eq!((both.size, both.aspect), (Some((512, 512)), None));
    assert_eq!(both.notices, [Notice::SizeWins(512, 512)]);
    assert!(both.notices[0].html(Lang::Ru).contains("512×512"));
}

#[test]
fn descriptions_are_no_lines() {
    for words in [
        "Image of a cat",
        "изображение кота",
        "кот | пёс",
        "Imagery | seed=1",
        "",
        "|",
        "картинка | seed=1",
        r"Image a \| b",
    ] {
        assert_eq!(read(words, knows), Read::Plain, "{words}");
    }
    assert_eq!(understood("Image a cat |"), Advanced { prompt: "a cat".to_owned(), ..Advanced::default() });
}

#[test]
fn the_first_wrong_thing_is_told() {
    let value = |key, name: &str, value: &str| Wrong::Value(key, name.to_owned(), value.to_owned());
    for (line, expected) in [
        ("Image | seed=1", Wrong::NoPrompt),
        ("Image кот | быстро", Wrong::Pair("быстро".to_owned())),
        ("Image кот | strength=0.5 | seed=x", Wrong::Key("strength".to_owned())),
        ("Image кот | seed=1 | сид=2", Wrong::Twice("сид".to_owned())),
        ("Image кот | model=midjourney", value(Key::Model, "model", "midjourney")),
        ("Image кот | размер=65x64", value(Key::Size, "размер", "65x64")),
        ("Image кот | size=32x64", value(Key::Size, "size", "32x64")),
        ("Image кот | size=4096x4096", value(Key::Size, "size", "4096x4096")),
        ("Image кот | size=big", value(Key::Size, "size", "big")),
        ("Image кот | ar=0:1", value(Key::Aspect, "ar", "0:1")),
        ("Image кот | ar=10:1", value(Key::Aspect, "ar", "10:1")),
        ("Image кот | negative=", value(Key::Negative, "negative", "")),
        ("Image кот | seed=-1", value(Key::Seed, "seed", "-1")),
        ("Image кот | seed=9223372036854775808", value(Key::Seed, "seed", "9223372036854775808")),
        ("Image кот | steps=51", value(Key::Steps, "steps", "51")),
        ("Image кот | guidance=NaN", value(Key::Guidance, "guidance", "NaN")),
        ("Image кот | n=9", value(Key::Count, "n", "9")),
    ] {
        assert_eq!(wrong(line), expected, "{line}");
    }
}

#[test]
fn what_is_wrong_is_told_with_what_there_is() {
    let models = ["flux-schnell".to_owned(), "<demo>".to_owned()];
    let lines = [
        "Image | seed=1",
        "Image кот | <быстро>",
        "Image кот | сила=1",
        "Image кот | seed=1 | сид=2",
        "Image кот | model=midjourney",
        "Image кот | size=big",
        "Image кот | формат=круг",
        "Image кот | негатив=",
        "Image кот | seed=x",
        "Image кот | шаги=0",
        "Image кот | cfg=x",
        "Image кот | n=0",
    ];
    for lang in Lang::ALL {
        let told = lines.map(|line| format!("{line}\n    {}\n", wrong(line).html(lang, &models))).concat();
        insta::assert_snapshot!(format!("wrong_lines_{lang}"), told);
    }
    assert!(wrong("Image кот | model=x").html(Lang::En, &[]).contains("Auto"));
    let long = wrong(&format!("Image кот | {}", "я".repeat(5000))).html(Lang::Ru, &models);
    assert!(cut::units(&long) < 300, "{long}");
}

/// A text as it may stand in a line: its ends are trimmed, and what it says is not empty.
fn text() -> impl Strategy<Value = String> {
    "[а-яa-z=|\\\\:,\n🍎<&-]([ а-яa-z=|\\\\:,\n🍎<&-]{0,40}[а-яa-z=:,🍎<&-])?"
        // A backslash before a bar says that the bar is a text: both of them cannot be told from that.
        .prop_map(|text| text.replace("\\|", "|"))
        .prop_filter("it says something", |text| {
            let trimmed = text.trim();
            !trimmed.is_empty() && trimmed == text && !text.starts_with(':') && !text.ends_with('\\')
        })
}

fn lines() -> impl Strategy<Value = Advanced> {
    let side = || (8u32..=256).prop_map(|n| n * 8);
    let shape =
        || select(vec![(1, 1), (16, 9), (2, 3), (100, 99)]).prop_map(|(width, height)| Aspect { width, height });
    let size_or_shape = prop_oneof![
        Just((None, None)),
        (side(), side()).prop_map(|size| (Some(size), None)),
        shape().prop_map(|shape| (None, Some(shape))),
    ];
    let maybe = proptest::option::of::<BoxedStrategy<u32>>;
    (
        text(),
        proptest::option::of(select(vec!["flux-schnell".to_owned(), "demo".to_owned()])),
        size_or_shape,
        proptest::option::of(text()),
        proptest::option::of(0..=MAX_SEED),
        maybe((1..=MAX_STEPS).boxed()),
        proptest::option::of(0f32..=50.0),
        maybe((1..=MAX_COUNT).boxed()),
    )
        .prop_map(|(prompt, model, (size, aspect), negative, seed, steps, guidance, count)| Advanced {
            prompt,
            model,
            size,
            aspect,
            negative,
            seed,
            steps,
            guidance,
            count,
            notices: vec![],
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was_meant(line in lines()) {
        prop_assert_eq!(read(&line.written(), knows), Read::Line(line.clone()), "{}", line.written());
    }

    #[test]
    fn nothing_breaks_it(words in ".{0,200}", rest in "[ =|\\\\а-яa-z0-9:х*]{0,80}") {
        for words in [words, format!("Image {rest}"), format!("Изображение{rest}")] {
            if let Read::Wrong(wrong) = read(&words, knows) {
                prop_assert!(!wrong.html(Lang::Ru, &[]).is_empty());
            }
        }
    }
}
