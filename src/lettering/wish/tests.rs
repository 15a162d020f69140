//! Sentences and what is understood of them.

use super::*;
use crate::lettering::style::{Colour, Horizontal, Length, Margins, Outline, Plate, Shadow, Size, Step, Vertical};

/// What a wish says beyond the usual, in a few words: places, text, outline, shadow, plate, what was not understood.
fn told(text: &str) -> String {
    let Wish { style, unknown } = read(text);
    let mut parts = Vec::new();
    let vertical = [(Vertical::Top, "top"), (Vertical::Middle, "middle"), (Vertical::Bottom, "bottom")];
    let horizontal = [(Horizontal::Left, "left"), (Horizontal::Centre, "centre"), (Horizontal::Right, "right")];
    let word = |side| horizontal.iter().find(|(known, _)| *known == side).map_or("", |(_, word)| *word);
    let height = vertical.iter().find(|(known, _)| *known == style.vertical).map_or("", |(_, word)| *word);
    match (height, word(style.horizontal)) {
        ("bottom", "centre") => {}
        ("middle", "centre") => parts.push("centre".to_owned()),
        (height, "centre") => parts.push(height.to_owned()),
        (height, side) => parts.push(format!("{height} {side}")),
    }
    parts.extend(style.align.map(|side| format!("align {}", word(side))));
    parts.extend(margins(style.margins));
    parts.extend(letters(&style));
    parts.extend(outline(style.outline));
    parts.extend(style.shadow.map(shadow));
    parts.extend(style.plate.map(plate));
    if !unknown.is_empty() {
        parts.push(format!("?{}", unknown.join(" ")));
    }
    parts.join(", ")
}

fn length(length: Length) -> String {
    match length {
        Length::Px(px) => format!("{px}px"),
        Length::Percent(percent) => format!("{percent}%"),
    }
}

fn colour(Colour(rgb): Colour) -> String {
    let named = [
        ([255; 3], "white"),
        ([0; 3], "black"),
        ([0xe6, 0x1e, 0x1e], "red"),
        ([0xff, 0xe1, 0], "yellow"),
        ([0x1f, 0x4f, 0xe0], "blue"),
        ([0x1e, 0x9e, 0x3a], "green"),
    ];
    let name = named.iter().find(|(known, _)| *known == rgb).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| format!("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]))
}

fn margins(margins: Margins) -> Vec<String> {
    let Margins { top, right, bottom, left } = margins;
    if top.is_some() && [right, bottom, left] == [top; 3] {
        return top.map(|all| format!("margin {}", length(all))).into_iter().collect();
    }
    let edges = [("top", top), ("right", right), ("bottom", bottom), ("left", left)];
    edges.into_iter().filter_map(|(side, edge)| Some(format!("margin-{side} {}", length(edge?)))).collect()
}

fn letters(style: &Style) -> Option<String> {
    let mut words = Vec::new();
    match style.size {
        Size::Word(Step::Normal) => {}
        Size::Word(step) => words.push(format!("{step:?}").to_lowercase()),
        Size::Exact(size) => words.push(length(size)),
    }
    words.extend(style.bold.then(|| "bold".to_owned()));
    words.extend(style.colour.map(colour));
    words.extend((style.opacity < 100).then(|| format!("seen {}%", style.opacity)));
    (!words.is_empty()).then(|| format!("text {}", words.join(" ")))
}

fn outline(outline: Outline) -> Option<String> {
    match outline {
        Outline::Automatic => None,
        Outline::Without => Some("no outline".to_owned()),
        Outline::Of { colour: of, width } => {
            let words = [Some("outline".to_owned()), of.map(colour), width.map(length)];
            Some(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
    }
}

fn shadow(shadow: Shadow) -> String {
    let blur = shadow.blur.map(|blur| format!("blur {}", length(blur)));
    let words = [Some("shadow".to_owned()), shadow.colour.map(colour), shadow.distance.map(length), blur];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn plate(plate: Plate) -> String {
    let words = [
        Some("plate".to_owned()),
        plate.colour.map(colour),
        plate.opacity.map(|opacity| format!("{opacity}%")),
        plate.blur.map(|blur| format!("blur {}", length(blur))),
        plate.corner.map(|corner| format!("corner {}", length(corner))),
        plate.padding.map(|padding| format!("padding {}", length(padding))),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn check(cases: &[(&str, &str)]) {
    let told = |(text, _): &(&str, &str)| told(text);
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| told(case) != case.1)
        .map(|case| format!("{}\n  said: {}\n  want: {}", case.0, told(case), case.1))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn nothing_said_is_the_usual() {
    check(&[("", ""), ("  \n ", ""), ("текст", ""), ("обычный текст", ""), ("please", ""), (",,,;", "")]);
    assert_eq!(read("").style, Style::default());
}

#[test]
fn the_customers_own_sentences() {
    check(&[
        ("Крупный белый текст в центре, на чёрной плашке", "centre, text large white, plate black"),
        ("Огромный текст по центру, красный цвет, без плашки", "centre, text huge red"),
        ("Обычный текст снизу, белая плашка с прозрачностью 50%", "plate white 50%"),
        ("Текст размером 72px снизу, расстояние от низа 10%", "margin-bottom 10%, text 72px"),
        ("Белая плашка с размытием, радиус размытия 5", "plate white blur 5px"),
        ("72px bottom, 10% margin", "margin 10%, text 72px"),
        ("big yellow text top left with a black outline", "top left, text large yellow, outline black"),
        ("white text on a semi-transparent black box", "text white, plate black 50%"),
    ]);
}

#[test]
fn adjectives_go_to_their_nouns_in_russian() {
    check(&[
        ("белый текст на чёрной плашке", "text white, plate black"),
        ("на чёрной плашке белый текст", "text white, plate black"),
        ("на плашке чёрного цвета белый текст", "text white, plate black"),
        ("текст белого цвета на плашке чёрного цвета", "text white, plate black"),
        ("плашка белая, текст чёрный", "text black, plate white"),
        ("белый текст и чёрная плашка", "text white, plate black"),
        ("белый текст чёрная плашка", "text white, plate black"),
        ("текст белый плашка чёрная", "text white, plate black"),
        ("белая надпись на чёрном фоне", "text white, plate black"),
        ("белым по чёрному", "text white, plate black"),
        ("белым на чёрном", "text white, plate black"),
        ("цвет текста — красный, цвет плашки — белый", "text red, plate white"),
        ("красные буквы с белой обводкой", "text red, outline white"),
        ("текст с обводкой чёрного цвета 3px", "outline black 3px"),
        ("обводка текста чёрная", "outline black"),
        ("жёлтый жирный текст с тонкой чёрной обводкой", "text bold yellow, outline black 4%"),
        ("текст на чёрной, полупрозрачной плашке", "plate black 50%"),
        ("чёрная и полупрозрачная плашка, белый текст", "text white, plate black 50%"),
        ("плашка под текстом белая, текст чёрный", "text black, plate white"),
        ("Большой, жирный, красный текст", "text large bold red"),
        ("белая плашка, красный", "text red, plate white"),
        ("красный, чёрная плашка", "text red, plate black"),
        ("полупрозрачный белый текст", "text white seen 50%"),
        ("тёмно-синий текст на светло-серой плашке", "text #112b7b, plate #b9b9b9"),
        ("тёмная плашка и светлые буквы", "text #f2f2f2, plate #1a1a1a"),
        ("плашка белая, цвет текста чёрный", "text black, plate white"),
        ("Текст пусть будет синего цвета, а плашка жёлтого", "text blue, plate yellow"),
        ("Сделай, пожалуйста, крупную красную надпись вверху", "top, text large red"),
        ("надпись розовым цветом на белой подложке с закруглёнными углами", "text #ff6fb5, plate white"),
        ("Размер 10%, цвет белый, плашка чёрная", "text 10% white, plate black"),
        ("Жёлтая надпись, чёрный контур 4px, внизу слева", "bottom left, text yellow, outline black 4px"),
        ("Очень крупный белый текст, тёмная плашка", "text huge white, plate #1a1a1a"),
        (
            "Текст белый, обводка чёрная, тень красная, плашка синяя",
            "text white, outline black, shadow red, plate blue",
        ),
        ("Сделай текст побольше и поставь его наверх", "top, text large"),
        ("белый текст с чёрной тенью", "text white, shadow black"),
        (
            "белый текст на чёрной плашке с красной обводкой и синей тенью",
            "text white, outline red, shadow blue, plate black",
        ),
    ]);
}

#[test]
fn adjectives_go_to_their_nouns_in_english() {
    check(&[
        ("white text on black", "text white, plate black"),
        ("white on black", "text white, plate black"),
        ("black text outline, white text", "text white, outline black"),
        ("red letters, white box", "text red, plate white"),
        ("white text black box", "text white, plate black"),
        ("text color red, box color black", "text red, plate black"),
        ("bold white text with a thick black border", "text bold white, outline black 14%"),
        ("light blue caption with dark red shadow", "text #849eee, shadow #7f1111"),
        ("very large green text", "text huge green"),
        ("small text in the bottom right corner", "bottom right, text small"),
        ("#ff8800 text on a #333 plate", "text #ff8800, plate #333333"),
        ("text in white on a blurred background", "text white, plate blur 1.2%"),
        ("white text on top of a black bar", "text white, plate black"),
        ("a solid white box behind the text", "plate white 100%"),
    ]);
}

#[test]
fn numbers_go_to_what_they_count() {
    check(&[
        ("72 пикселя", "text 72px"),
        ("размер 72", "text 72px"),
        ("size 96", "text 96px"),
        ("шрифт 48px", "text 48px"),
        ("font size 5%", "text 5%"),
        ("текст 12 pt", "text 16px"),
        ("отступ 5%", "margin 5%"),
        ("отступ от края 20 px", "margin 20px"),
        ("10% from the bottom", "margin-bottom 10%"),
        ("на 15% от верха", "top, margin-top 15%"),
        ("отступ снизу 10%, слева", "bottom left, margin-bottom 10%"),
        ("left margin 5%, bottom margin 10%", "bottom left, margin-bottom 10%, margin-left 5%"),
        ("большой отступ", "margin 10%"),
        ("чёрная плашка 50%", "plate black 50%"),
        ("плашка с непрозрачностью 80%", "plate 80%"),
        ("плашка прозрачная на 30%", "plate 70%"),
        ("50% transparent white plate", "plate white 50%"),
        ("box opacity 0.4", "plate 40%"),
        ("прозрачность плашки 20%, прозрачность текста 10%", "text seen 90%, plate 80%"),
        ("плашка: радиус скругления 12px, внутренний отступ 20px", "plate corner 12px padding 20px"),
        ("rounded corners 10px, black box", "plate black corner 10px"),
        ("плашка с размытием 8 и прозрачностью 40%", "plate 60% blur 8px"),
        ("blur radius 5, corner radius 12, white box", "plate white blur 5px corner 12px"),
        ("text with 3px black outline", "outline black 3px"),
        ("72px text with 10% margin", "margin 10%, text 72px"),
        ("обводка 3px отступ 5%", "margin 5%, outline 3px"),
        ("тень 4px", "shadow 4px"),
        ("размер 200%", "?размер"),
        ("прозрачность 150%", "?прозрачность"),
    ]);
}

#[test]
fn places_are_found_in_every_form() {
    check(&[
        ("сверху", "top"),
        ("в левом верхнем углу", "top left"),
        ("справа внизу", "bottom right"),
        ("по центру", "centre"),
        ("снизу по центру", ""),
        ("слева", "middle left"),
        ("по центру по вертикали", "centre"),
        ("center right", "middle right"),
        ("top center", "top"),
        ("in the middle", "centre"),
        ("в верхней части картинки справа", "top right"),
        ("текст сверху, выравнивание по левому краю", "top, align left"),
        ("left-aligned text at the bottom", "align left"),
        ("right bottom", "bottom right"),
    ]);
}

#[test]
fn what_is_not_wanted_is_left_out() {
    check(&[
        ("без плашки", ""),
        ("белый текст без плашки и обводки", "text white, no outline"),
        ("без обводки, белая плашка", "no outline, plate white"),
        ("no outline, no shadow", "no outline"),
        ("плашка не нужна", ""),
        ("не надо плашки", ""),
        ("чёрная плашка без скругления", "plate black corner 0px"),
        ("плашка без прозрачности", "plate 100%"),
        ("without margins", "margin 0px"),
        ("белая непрозрачная плашка", "plate white 100%"),
        ("плашка не прозрачная", "plate 100%"),
        ("убери тень", ""),
    ]);
}

#[test]
fn what_is_not_understood_is_given_back() {
    check(&[
        ("красивый текст с блёстками", "?красивый блёстками"),
        ("Comic Sans, red", "text red, ?Comic Sans"),
        ("курсив", "?курсив"),
        ("большая плашка", "plate, ?большая"),
        ("big black box", "plate black, ?big"),
        ("🎉 снизу", "?🎉"),
        ("белый текст #12", "text white, ?#12"),
        ("белка и кот", "?белка кот"),
        ("без", "?без"),
        ("плашка во всю ширину", "plate, ?всю ширину"),
    ]);
}

#[test]
fn colours_are_known_in_every_gender_and_case() {
    for form in [
        "белый",
        "белая",
        "белое",
        "белые",
        "белого",
        "белой",
        "белых",
        "белому",
        "белым",
        "белыми",
        "белом",
        "белую",
        "БЕЛОЮ",
    ] {
        assert_eq!(read(form).style.colour, Some(Colour::WHITE), "{form}");
    }
    for form in ["синий", "синяя", "синее", "синие", "синего", "синей", "синим", "синюю", "blue"]
    {
        assert_eq!(told(form), "text blue", "{form}");
    }
    for form in [
        "золотой",
        "голубой",
        "рыжий",
        "фиолетовый",
        "розовый",
        "бирюзовый",
        "хаки",
        "фуксии",
        "оранжевый",
        "жёлтый",
        "коричневый",
        "серый",
        "бежевый",
    ] {
        assert!(read(form).style.colour.is_some() && read(form).unknown.is_empty(), "{form}");
    }
}
