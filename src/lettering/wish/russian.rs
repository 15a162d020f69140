//! Russian words, by their stem and their ending.

use super::colours;
use super::sense::{Genders, Property, Quality, Sense, Side, Thing};
use crate::lettering::style::Step;

/// Endings of nouns in every case and number.
const NOUN: &[&str] = &[
    "", "а", "о", "й", "у", "ом", "е", "ы", "и", "ь", "ью", "ю", "я", "ей", "ой", "ою", "ов", "ам", "ами", "ах", "ям",
    "ями", "ях", "ем", "ев", "ие", "ия", "ию", "ием", "ии", "ий",
];

/// Stems of nouns, without a vowel that some cases lose, and what they mean.
const NOUNS: &[(&str, Sense)] = &[
    ("текст", Sense::Thing(Thing::Text, Genders::MASCULINE)),
    ("шрифт", Sense::Thing(Thing::Text, Genders::MASCULINE)),
    ("заголовк", Sense::Thing(Thing::Text, Genders::MASCULINE)),
    ("заголовок", Sense::Thing(Thing::Text, Genders::MASCULINE)),
    ("надпис", Sense::Thing(Thing::Text, Genders::FEMININE)),
    ("подпис", Sense::Thing(Thing::Text, Genders::FEMININE)),
    ("фраз", Sense::Thing(Thing::Text, Genders::FEMININE)),
    ("букв", Sense::Thing(Thing::Text, Genders::FEMININE.or(Genders::PLURAL))),
    ("слов", Sense::Thing(Thing::Text, Genders::NEUTER.or(Genders::PLURAL))),
    ("плашк", Sense::Thing(Thing::Plate, Genders::FEMININE)),
    ("плашек", Sense::Thing(Thing::Plate, Genders::FEMININE.or(Genders::PLURAL))),
    ("подложк", Sense::Thing(Thing::Plate, Genders::FEMININE)),
    ("полос", Sense::Thing(Thing::Plate, Genders::FEMININE)),
    ("панел", Sense::Thing(Thing::Plate, Genders::FEMININE)),
    ("фон", Sense::Thing(Thing::Plate, Genders::MASCULINE)),
    ("прямоугольник", Sense::Thing(Thing::Plate, Genders::MASCULINE)),
    ("бокс", Sense::Thing(Thing::Plate, Genders::MASCULINE)),
    ("обводк", Sense::Thing(Thing::Outline, Genders::FEMININE)),
    ("обводок", Sense::Thing(Thing::Outline, Genders::FEMININE.or(Genders::PLURAL))),
    ("окантовк", Sense::Thing(Thing::Outline, Genders::FEMININE)),
    ("контур", Sense::Thing(Thing::Outline, Genders::MASCULINE)),
    ("тен", Sense::Thing(Thing::Shadow, Genders::FEMININE)),
    ("размер", Sense::Property(Property::Size)),
    ("кегл", Sense::Property(Property::Size)),
    ("высот", Sense::Property(Property::Size)),
    ("прозрачност", Sense::Property(Property::Transparency)),
    ("непрозрачност", Sense::Property(Property::Opacity)),
    ("размыт", Sense::Property(Property::Blur)),
    ("блюр", Sense::Property(Property::Blur)),
    ("отступ", Sense::Property(Property::Margin)),
    ("расстояни", Sense::Property(Property::Margin)),
    ("скруглени", Sense::Property(Property::Corner)),
    ("закруглени", Sense::Property(Property::Corner)),
    ("радиус", Sense::Property(Property::Radius)),
    ("выравнивани", Sense::Align),
    ("вертикал", Sense::Upright),
    ("горизонтал", Sense::Across),
    ("центр", Sense::Side(Side::Centre)),
    ("середин", Sense::Side(Side::Centre)),
    ("верх", Sense::Side(Side::Top)),
    ("низ", Sense::Side(Side::Bottom)),
];

/// Stems of nouns that only say where something is, or that something is wished.
const EMPTY: &[&str] = &[
    "картинк",
    "изображени",
    "фот",
    "фотографи",
    "снимк",
    "рисунк",
    "кадр",
    "част",
    "сторон",
    "област",
    "кра",
    "угл",
    "угол",
    "уровн",
    "степен",
    "значени",
    "толщин",
    "величин",
];

/// Words that have one form, or one that counts.
const WORDS: &[(&str, Sense)] = &[
    ("снизу", Sense::Side(Side::Bottom)),
    ("внизу", Sense::Side(Side::Bottom)),
    ("книзу", Sense::Side(Side::Bottom)),
    ("сверху", Sense::Side(Side::Top)),
    ("вверху", Sense::Side(Side::Top)),
    ("наверх", Sense::Side(Side::Top)),
    ("вниз", Sense::Side(Side::Bottom)),
    ("наверху", Sense::Side(Side::Top)),
    ("слева", Sense::Side(Side::Left)),
    ("влево", Sense::Side(Side::Left)),
    ("справа", Sense::Side(Side::Right)),
    ("вправо", Sense::Side(Side::Right)),
    ("посередине", Sense::Side(Side::Centre)),
    ("посредине", Sense::Side(Side::Centre)),
    ("крупно", Sense::Quality(Quality::Step(Step::Large), Genders::ANY)),
    ("крупнее", Sense::Quality(Quality::Step(Step::Large), Genders::ANY)),
    ("покрупнее", Sense::Quality(Quality::Step(Step::Large), Genders::ANY)),
    ("больше", Sense::Quality(Quality::Step(Step::Large), Genders::ANY)),
    ("побольше", Sense::Quality(Quality::Step(Step::Large), Genders::ANY)),
    ("мелко", Sense::Quality(Quality::Step(Step::Small), Genders::ANY)),
    ("мельче", Sense::Quality(Quality::Step(Step::Small), Genders::ANY)),
    ("помельче", Sense::Quality(Quality::Step(Step::Small), Genders::ANY)),
    ("меньше", Sense::Quality(Quality::Step(Step::Small), Genders::ANY)),
    ("поменьше", Sense::Quality(Quality::Step(Step::Small), Genders::ANY)),
    ("жирно", Sense::Quality(Quality::Bold, Genders::ANY)),
    ("светло", Sense::Quality(Quality::Light, Genders::ANY)),
    ("бледно", Sense::Quality(Quality::Light, Genders::ANY)),
    ("нежно", Sense::Quality(Quality::Light, Genders::ANY)),
    ("темно", Sense::Quality(Quality::Dark, Genders::ANY)),
    ("ярко", Sense::Quality(Quality::Bright, Genders::ANY)),
    // As an adjective it would be «размытые».
    ("размытие", Sense::Property(Property::Blur)),
    ("цвет", Sense::Property(Property::Colour)),
    ("цвета", Sense::Property(Property::Colour)),
    ("цвету", Sense::Property(Property::Colour)),
    ("цветом", Sense::Property(Property::Colour)),
    ("цвете", Sense::Property(Property::Colour)),
    ("поля", Sense::Property(Property::Margin)),
    ("полей", Sense::Property(Property::Margin)),
    ("полям", Sense::Property(Property::Margin)),
    ("полями", Sense::Property(Property::Margin)),
    ("полях", Sense::Property(Property::Margin)),
    ("внутри", Sense::Property(Property::Padding)),
    ("выровнять", Sense::Align),
    ("выровняй", Sense::Align),
    ("без", Sense::Without),
    ("убери", Sense::Without),
    ("убрать", Sense::Without),
    ("не", Sense::Not),
    ("надо", Sense::Need),
    ("нужно", Sense::Need),
    ("нужен", Sense::Need),
    ("нужна", Sense::Need),
    ("нужны", Sense::Need),
    ("нет", Sense::Off),
    ("очень", Sense::Very),
    ("самый", Sense::Very),
    ("самая", Sense::Very),
    ("самым", Sense::Very),
    ("самой", Sense::Very),
    ("на", Sense::On),
    ("поверх", Sense::On),
    ("с", Sense::With),
    ("со", Sense::With),
    ("под", Sense::Under),
    ("за", Sense::Under),
    ("вокруг", Sense::Under),
    ("позади", Sense::Under),
    ("и", Sense::And),
    ("а", Sense::And),
    ("ни", Sense::And),
    ("или", Sense::And),
    ("от", Sense::From),
];

/// Words that say nothing here.
const NOTHING: &[&str] = &[
    "в",
    "во",
    "по",
    "к",
    "у",
    "для",
    "из",
    "это",
    "чтобы",
    "что",
    "как",
    "же",
    "пусть",
    "будет",
    "был",
    "была",
    "было",
    "были",
    "ее",
    "его",
    "он",
    "она",
    "оно",
    "они",
    "мне",
    "я",
    "хочу",
    "прошу",
    "пожалуйста",
    "пож",
    "сделай",
    "сделать",
    "сделайте",
    "добавь",
    "добавить",
    "добавьте",
    "напиши",
    "написать",
    "напишите",
    "помести",
    "поместить",
    "размести",
    "разместить",
    "расположи",
    "расположить",
    "поставь",
    "поставить",
    "все",
    "всей",
    "всего",
    "весь",
    "около",
    "примерно",
    "полу",
    "там",
    "тут",
    "здесь",
    "тоже",
    "также",
    "только",
    "при",
    "шириной",
];

/// Endings of adjectives, and which genders have them.
const ADJECTIVE: &[(&str, Genders)] = &[
    ("ый", Genders::MASCULINE),
    ("ий", Genders::MASCULINE),
    ("ой", Genders::MASCULINE.or(Genders::FEMININE)),
    ("ая", Genders::FEMININE),
    ("яя", Genders::FEMININE),
    ("ую", Genders::FEMININE),
    ("юю", Genders::FEMININE),
    ("ою", Genders::FEMININE),
    ("ею", Genders::FEMININE),
    ("ей", Genders::FEMININE),
    ("ое", Genders::NEUTER),
    ("ее", Genders::NEUTER),
    ("ого", Genders::MASCULINE.or(Genders::NEUTER)),
    ("его", Genders::MASCULINE.or(Genders::NEUTER)),
    ("ому", Genders::MASCULINE.or(Genders::NEUTER)),
    ("ему", Genders::MASCULINE.or(Genders::NEUTER)),
    ("ом", Genders::MASCULINE.or(Genders::NEUTER)),
    ("ем", Genders::MASCULINE.or(Genders::NEUTER)),
    ("ым", Genders::MASCULINE.or(Genders::NEUTER).or(Genders::PLURAL)),
    ("им", Genders::MASCULINE.or(Genders::NEUTER).or(Genders::PLURAL)),
    ("ые", Genders::PLURAL),
    ("ие", Genders::PLURAL),
    ("ых", Genders::PLURAL),
    ("их", Genders::PLURAL),
    ("ыми", Genders::PLURAL),
    ("ими", Genders::PLURAL),
];

/// Stems of adjectives that are no colours.
const ADJECTIVES: &[(&[&str], Quality)] = &[
    (&["крошечн", "малюсеньк"], Quality::Step(Step::Tiny)),
    (&["маленьк", "мелк", "небольш"], Quality::Step(Step::Small)),
    (&["обычн", "средн", "нормальн", "стандартн"], Quality::Step(Step::Normal)),
    (&["больш", "крупн"], Quality::Step(Step::Large)),
    (&["огромн", "гигантск"], Quality::Step(Step::Huge)),
    (&["жирн", "полужирн"], Quality::Bold),
    (&["нежирн"], Quality::Plain),
    (&["толст"], Quality::Thick),
    (&["тонк", "тоненьк"], Quality::Thin),
    (&["прозрачн", "полупрозрачн"], Quality::Opacity(50)),
    (&["непрозрачн", "сплошн"], Quality::Opacity(100)),
    (&["размыт"], Quality::Blurred),
    (&["скругленн", "закругленн", "округленн", "кругл"], Quality::Rounded),
    (&["прям", "остр"], Quality::Straight),
    (&["светл", "бледн"], Quality::Light),
    (&["темн"], Quality::Dark),
    (&["ярк"], Quality::Bright),
];

/// Stems of adjectives that say where.
const WHERE: &[(&[&str], Sense)] = &[
    (&["верхн"], Sense::Side(Side::Top)),
    (&["нижн"], Sense::Side(Side::Bottom)),
    (&["лев"], Sense::Side(Side::Left)),
    (&["прав"], Sense::Side(Side::Right)),
    (&["центральн"], Sense::Side(Side::Centre)),
];

/// What a Russian word means, given in small letters and without «ё».
pub(super) fn sense(word: &str) -> Option<Sense> {
    let exact = WORDS.iter().find(|(known, _)| *known == word).map(|(_, sense)| *sense);
    let nothing = || NOTHING.contains(&word).then_some(Sense::Nothing);
    let unchanging = || colours::russian(word).map(|colour| Sense::Quality(Quality::Colour(colour), Genders::ANY));
    exact.or_else(nothing).or_else(|| adjective(word)).or_else(unchanging).or_else(|| noun(word))
}

fn noun(word: &str) -> Option<Sense> {
    let is = |stem: &str| word.strip_prefix(stem).is_some_and(|ending| NOUN.contains(&ending));
    let known = NOUNS.iter().find(|(stem, _)| is(stem)).map(|(_, sense)| *sense);
    known.or_else(|| EMPTY.iter().any(|stem| is(stem)).then_some(Sense::Nothing))
}

fn adjective(word: &str) -> Option<Sense> {
    ADJECTIVE.iter().find_map(|(ending, genders)| {
        let stem = word.strip_suffix(ending)?;
        let of = |stems: &[&str]| stems.contains(&stem);
        if stem == "внутренн" {
            return Some(Sense::Property(Property::Padding));
        }
        if let Some(colour) = colours::russian(stem) {
            return Some(Sense::Quality(Quality::Colour(colour), *genders));
        }
        let quality = ADJECTIVES.iter().find(|(stems, _)| of(stems));
        quality.map(|(_, quality)| Sense::Quality(*quality, *genders)).or_else(|| {
            let place = WHERE.iter().find(|(stems, _)| of(stems));
            place.map(|(_, sense)| *sense)
        })
    })
}
