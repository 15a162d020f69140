//! What a button tells when it is pressed, and how that is written into the 64 bytes it may hold:
//! `1|<op>|<number, base 36>|<arg>`. The number is a job's, a message's or a matter's. It must not know what is done.

use super::super::texts::Lang;
use super::format::Format;
use super::mode::Mode;
use super::style::Style;
use crate::media::words;
use std::fmt::Display;
use std::str::FromStr;

/// The version of what buttons tell; buttons of another one are out of date.
const VERSION: &str = "1";
/// Digits of numbers.
const BASE: u32 = 36;

/// What a button tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tap {
    /// Nothing: it only shows something.
    Nothing,
    /// The main menu, instead of what the message showed.
    Menu,
    /// What the bot can do, and the main menu; whatever was begun is forgotten.
    Info,
    /// Begin this.
    Mode(Mode),
    /// The page about balance and level.
    Profile,
    /// Language, shape, model, style.
    Settings,
    /// What is not drawn here.
    Rules,
    /// A page of the history, from 1.
    History(u32),
    /// One job of the history.
    Item(i64),
    /// Back to where choices are made.
    Desk(Desk),
    /// This shape from now on.
    Format(Desk, Format),
    /// A page of the list of models, from 1.
    Models(Desk, u32),
    /// This model from now on; `None`: whoever is free.
    Model(Desk, Option<ModelKey>),
    /// The list of styles.
    Styles(Desk),
    /// This style from now on.
    Style(Desk, Style),
    /// This language from now on.
    Language(Lang),
    /// Pictures as files (or not) from now on.
    AsFile(bool),
    /// The step that is asked for, left out.
    Skip,
    /// Do what was asked by this message, for no more than this price in kopecks.
    Pay(i64, i64),
    /// Do what was asked by this message, late as it is.
    Run(i64),
    /// Forget what was asked by this message.
    Drop(i64),
    /// Ask again for what was wrong in this message.
    Fix(i64),
    /// Do this with the pictures of this message.
    Photo(i64, Act),
    /// Stop a job.
    Cancel(i64),
    /// A job once more, with another seed.
    Again(i64),
    /// A job once more, exactly.
    Repeat(i64),
    /// A job once more, in other words.
    Reword(i64),
    /// A job that failed, to the administrators.
    Report(i64),
    /// Draw the prompt that this job wrote.
    UsePrompt(i64),
    /// The text of a job as a file.
    TextFile(i64),
    /// Pictures like this one.
    Variations(Shot),
    /// This one of several.
    Variant(Shot),
    /// This picture, treated.
    Treat(Shot, Act),
    /// The list of shapes, under this picture.
    Formats(Shot),
    /// The same in another shape.
    Reshape(Shot, Format),
    /// The picture as a file.
    File(Shot),
    /// The other buttons of this picture.
    More(Shot),
    /// The first buttons of this picture.
    Back(Shot),
    /// Another text with the seed of this picture.
    SameSeed(Shot),
    /// Away with this message.
    Delete(Shot),
    /// This picture should not be.
    Complain(Shot),
    /// The parcel of this number once more: nobody knows whether it arrived.
    Resend(i64),
    /// Yes to a matter of this number.
    Confirm(Matter, i64),
    /// No to a matter of this number.
    Refuse(Matter, i64),
}

/// One picture of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shot {
    /// The number of the job.
    pub job: i64,
    /// Which of its pictures, from 0.
    pub nth: u8,
}

/// Where choices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Desk {
    /// Before a picture is drawn.
    Create,
    /// Before a picture is changed.
    Change,
    /// In the settings.
    Settings,
}

/// What is done with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Changed as words say.
    Change,
    /// Words put on it.
    AddText,
    /// Made twice as large.
    Upscale2,
    /// Made four times as large.
    Upscale4,
}

/// What must be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matter {
    /// A change of a balance.
    AddBalance,
    /// A message to everybody.
    Broadcast,
    /// Everything of somebody, deleted.
    DeleteMe,
}

words!(Desk { "c" => Desk::Create, "e" => Desk::Change, "s" => Desk::Settings });
words!(Act { "c" => Act::Change, "t" => Act::AddText, "2" => Act::Upscale2, "4" => Act::Upscale4 });
words!(Matter { "b" => Matter::AddBalance, "c" => Matter::Broadcast, "d" => Matter::DeleteMe });

/// A short name of a model, the same wherever and whenever it is made: names of models can be longer than what a button
/// holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelKey(u64);

impl ModelKey {
    /// As many as eight digits write.
    const KEYS: u64 = 36u64.pow(8);

    /// The short name of this provider's model.
    #[must_use]
    pub fn of(provider: &str, model: &str) -> Self {
        // FNV-1a: short, known, and the same in every build.
        let bytes = provider.bytes().chain([0]).chain(model.bytes());
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        Self(hash % Self::KEYS)
    }
}

impl Display for ModelKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&based(i64::try_from(self.0).unwrap_or_default()))
    }
}

impl FromStr for ModelKey {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, BASE).map(|key| Self(key % Self::KEYS))
    }
}

/// Why what a button told cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is of another version.
    #[error("a button of another version: {0}")]
    Version(String),
    /// Nothing is done by this word.
    #[error("a button that does nothing that is known: {0}")]
    Op(String),
    /// Its number or what else it holds is wrong.
    #[error("a button whose content cannot be read: {0}")]
    Content(String),
}

impl Tap {
    /// What the button holds.
    #[must_use]
    pub fn encode(&self) -> String {
        let (op, number, arg) = self.parts();
        let number = number.map(based).unwrap_or_default();
        format!("{VERSION}|{op}|{number}|{arg}")
    }

    /// What a button told.
    ///
    /// # Errors
    /// [`Unread`]: it is of another version of the bot, or nobody's button at all.
    pub fn decode(data: &str) -> Result<Self, Unread> {
        let broken = || Unread::Content(data.to_owned());
        let mut parts = data.splitn(4, '|');
        let version = parts.next().unwrap_or_default();
        if version != VERSION {
            return Err(Unread::Version(data.to_owned()));
        }
        let (Some(op), Some(number), Some(arg)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(broken());
        };
        let number = match number {
            "" => None,
            digits => Some(i64::from_str_radix(digits, BASE).map_err(|_| broken())?),
        };
        read(op, number, arg).ok_or_else(broken)?.ok_or_else(|| Unread::Op(data.to_owned()))
    }

    fn parts(&self) -> (&'static str, Option<i64>, String) {
        let none = String::new;
        match *self {
            Self::Nothing => ("n", None, none()),
            Self::Menu => ("m", None, none()),
            Self::Info => ("i", None, none()),
            Self::Mode(mode) => ("md", None, mode.to_string()),
            Self::Profile => ("pr", None, none()),
            Self::Settings => ("se", None, none()),
            Self::Rules => ("ru", None, none()),
            Self::History(page) => ("hs", None, page.to_string()),
            Self::Item(job) => ("it", Some(job), none()),
            Self::Desk(desk) => ("d", None, desk.to_string()),
            Self::Format(desk, format) => ("fm", None, format!("{desk}.{format}")),
            Self::Models(desk, page) => ("ms", None, format!("{desk}.{page}")),
            Self::Model(desk, Some(key)) => ("mo", None, format!("{desk}.{key}")),
            Self::Model(desk, None) => ("ma", None, desk.to_string()),
            Self::Styles(desk) => ("ss", None, desk.to_string()),
            Self::Style(desk, style) => ("st", None, format!("{desk}.{style}")),
            Self::Language(lang) => ("la", None, lang.to_string()),
            Self::AsFile(yes) => ("af", None, u8::from(yes).to_string()),
            Self::Skip => ("sk", None, none()),
            Self::Pay(asked, price) => ("py", Some(asked), price.to_string()),
            Self::Run(asked) => ("rl", Some(asked), none()),
            Self::Drop(asked) => ("dr", Some(asked), none()),
            Self::Fix(asked) => ("fx", Some(asked), none()),
            Self::Photo(asked, act) => ("ph", Some(asked), act.to_string()),
            Self::Cancel(job) => ("x", Some(job), none()),
            Self::Again(job) => ("ag", Some(job), none()),
            Self::Repeat(job) => ("rp", Some(job), none()),
            Self::Reword(job) => ("rw", Some(job), none()),
            Self::Report(job) => ("rt", Some(job), none()),
            Self::UsePrompt(job) => ("us", Some(job), none()),
            Self::TextFile(job) => ("tf", Some(job), none()),
            Self::Variations(shot) => shot.parts("va"),
            Self::Variant(shot) => shot.parts("vn"),
            Self::Treat(Shot { job, nth }, act) => ("tr", Some(job), format!("{nth}.{act}")),
            Self::Formats(shot) => shot.parts("fs"),
            Self::Reshape(Shot { job, nth }, format) => ("rs", Some(job), format!("{nth}.{format}")),
            Self::File(shot) => shot.parts("fl"),
            Self::More(shot) => shot.parts("mr"),
            Self::Back(shot) => shot.parts("bk"),
            Self::SameSeed(shot) => shot.parts("sd"),
            Self::Delete(shot) => shot.parts("dl"),
            Self::Complain(shot) => shot.parts("cp"),
            Self::Resend(parcel) => ("re", Some(parcel), none()),
            Self::Confirm(matter, number) => ("ok", Some(number), matter.to_string()),
            Self::Refuse(matter, number) => ("no", Some(number), matter.to_string()),
        }
    }
}

impl Shot {
    /// The first picture of a job.
    #[must_use]
    pub fn first(job: i64) -> Self {
        Self { job, nth: 0 }
    }

    fn parts(self, op: &'static str) -> (&'static str, Option<i64>, String) {
        (op, Some(self.job), self.nth.to_string())
    }
}

/// `None`: the content is wrong; `Some(None)`: there is no such op.
#[allow(clippy::option_option)]
fn read(op: &str, number: Option<i64>, arg: &str) -> Option<Option<Tap>> {
    let (first, second) = arg.split_once('.').unwrap_or((arg, ""));
    let shot = || Some(Shot { job: number?, nth: word(first)? });
    let tap = match op {
        "n" => Tap::Nothing,
        "m" => Tap::Menu,
        "i" => Tap::Info,
        "md" => Tap::Mode(word(arg)?),
        "pr" => Tap::Profile,
        "se" => Tap::Settings,
        "ru" => Tap::Rules,
        "hs" => Tap::History(word(arg)?),
        "it" => Tap::Item(number?),
        "d" => Tap::Desk(word(arg)?),
        "fm" => Tap::Format(word(first)?, word(second)?),
        "ms" => Tap::Models(word(first)?, word(second)?),
        "mo" => Tap::Model(word(first)?, Some(word(second)?)),
        "ma" => Tap::Model(word(arg)?, None),
        "ss" => Tap::Styles(word(arg)?),
        "st" => Tap::Style(word(first)?, word(second)?),
        "la" => Tap::Language(word(arg)?),
        "af" => Tap::AsFile(word::<u8>(arg)? == 1),
        "sk" => Tap::Skip,
        "py" => Tap::Pay(number?, word(arg)?),
        "rl" => Tap::Run(number?),
        "dr" => Tap::Drop(number?),
        "fx" => Tap::Fix(number?),
        "ph" => Tap::Photo(number?, word(arg)?),
        "x" => Tap::Cancel(number?),
        "ag" => Tap::Again(number?),
        "rp" => Tap::Repeat(number?),
        "rw" => Tap::Reword(number?),
        "rt" => Tap::Report(number?),
        "us" => Tap::UsePrompt(number?),
        "tf" => Tap::TextFile(number?),
        "va" => Tap::Variations(shot()?),
        "vn" => Tap::Variant(shot()?),
        "tr" => Tap::Treat(shot()?, word(second)?),
        "fs" => Tap::Formats(shot()?),
        "rs" => Tap::Reshape(shot()?, word(second)?),
        "fl" => Tap::File(shot()?),
        "mr" => Tap::More(shot()?),
        "bk" => Tap::Back(shot()?),
        "sd" => Tap::SameSeed(shot()?),
        "dl" => Tap::Delete(shot()?),
        "cp" => Tap::Complain(shot()?),
        "re" => Tap::Resend(number?),
        "ok" => Tap::Confirm(word(arg)?, number?),
        "no" => Tap::Refuse(word(arg)?, number?),
        _ => return Some(None),
    };
    Some(Some(tap))
}

fn word<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A number in base 36.
fn based(number: i64) -> String {
    let mut digits = Vec::new();
    let mut left = number.unsigned_abs();
    loop {
        let digit = u32::try_from(left % u64::from(BASE)).unwrap_or_default();
        digits.extend(char::from_digit(digit, BASE));
        left /= u64::from(BASE);
        if left == 0 {
            break;
        }
    }
    digits.extend((number < 0).then_some('-'));
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::keyboard::MOST_DATA;
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn of_a_page() -> BoxedStrategy<Tap> {
        let desk = || select(vec![Desk::Create, Desk::Change, Desk::Settings]);
        let key = || (any::<String>(), any::<String>()).prop_map(|(provider, model)| ModelKey::of(&provider, &model));
        prop_oneof![
            select(vec![Tap::Nothing, Tap::Menu, Tap::Info, Tap::Profile, Tap::Settings, Tap::Rules, Tap::Skip]),
            select(Mode::ALL.to_vec()).prop_map(Tap::Mode),
            any::<u32>().prop_map(Tap::History),
            desk().prop_map(Tap::Desk),
            (desk(), select(Format::ALL.to_vec())).prop_map(|(desk, format)| Tap::Format(desk, format)),
            (desk(), any::<u32>()).prop_map(|(desk, page)| Tap::Models(desk, page)),
            (desk(), proptest::option::of(key())).prop_map(|(desk, key)| Tap::Model(desk, key)),
            desk().prop_map(Tap::Styles),
            (desk(), select(Style::ALL.to_vec())).prop_map(|(desk, style)| Tap::Style(desk, style)),
            select(Lang::ALL.to_vec()).prop_map(Tap::Language),
            any::<bool>().prop_map(Tap::AsFile),
        ]
        .boxed()
    }

    fn of_a_number() -> BoxedStrategy<Tap> {
        let act = || select(vec![Act::Change, Act::AddText, Act::Upscale2, Act::Upscale4]);
        let matter = || select(vec![Matter::AddBalance, Matter::Broadcast, Matter::DeleteMe]);
        let plain = [
            Tap::Item,
            Tap::Run,
            Tap::Drop,
            Tap::Fix,
            Tap::Cancel,
            Tap::Again,
            Tap::Repeat,
            Tap::Reword,
            Tap::Report,
            Tap::UsePrompt,
            Tap::TextFile,
            Tap::Resend,
        ];
        prop_oneof![
            (select(plain.to_vec()), any::<i64>()).prop_map(|(tap, number)| tap(number)),
            (any::<i64>(), any::<i64>()).prop_map(|(asked, price)| Tap::Pay(asked, price)),
            (any::<i64>(), act()).prop_map(|(asked, act)| Tap::Photo(asked, act)),
            (matter(), any::<i64>()).prop_map(|(matter, number)| Tap::Confirm(matter, number)),
            (matter(), any::<i64>()).prop_map(|(matter, number)| Tap::Refuse(matter, number)),
        ]
        .boxed()
    }

    fn of_a_picture() -> BoxedStrategy<Tap> {
        let act = || select(vec![Act::Change, Act::AddText, Act::Upscale2, Act::Upscale4]);
        let shot = || (any::<i64>(), any::<u8>()).prop_map(|(job, nth)| Shot { job, nth });
        let plain = [
            Tap::Variations,
            Tap::Variant,
            Tap::Formats,
            Tap::File,
            Tap::More,
            Tap::Back,
            Tap::SameSeed,
            Tap::Delete,
            Tap::Complain,
        ];
        prop_oneof![
            (select(plain.to_vec()), shot()).prop_map(|(tap, shot)| tap(shot)),
            (shot(), act()).prop_map(|(shot, act)| Tap::Treat(shot, act)),
            (shot(), select(Format::ALL.to_vec())).prop_map(|(shot, format)| Tap::Reshape(shot, format)),
        ]
        .boxed()
    }

    proptest! {
        #[test]
        fn what_a_button_holds_is_read_as_it_was_meant(tap in prop_oneof![of_a_page(), of_a_number(), of_a_picture()]) {
            let data = tap.encode();
            prop_assert!(data.is_ascii() && data.len() <= MOST_DATA, "{}", data);
            prop_assert_eq!(Tap::decode(&data), Ok(tap));
        }

        #[test]
        fn nothing_that_arrives_breaks_it(data in "(1\\|)?[a-z]{0,2}\\|?[0-9a-z-]{0,15}\\|?.{0,20}", other in ".{0,70}") {
            for data in [data, other] {
                if let Ok(tap) = Tap::decode(&data) {
                    prop_assert_eq!(Tap::decode(&tap.encode()), Ok(tap));
                }
            }
        }
    }

    #[test]
    fn buttons_look_as_agreed() {
        assert_eq!(Tap::Cancel(1295).encode(), "1|x|zz|");
        assert_eq!(Tap::Mode(Mode::AddText).encode(), "1|md||text");
        assert_eq!(Tap::Treat(Shot { job: 36, nth: 2 }, Act::Upscale4).encode(), "1|tr|10|2.4");
        assert_eq!(Tap::Model(Desk::Create, Some(ModelKey::of("local", "demo"))).encode(), "1|mo||c.uzxyp7i7");
    }

    #[test]
    fn strange_buttons_are_told_apart() {
        let unread = |data: &str| Tap::decode(data).expect_err(data);
        assert_eq!(unread("2|x|zz|"), Unread::Version("2|x|zz|".to_owned()));
        assert_eq!(unread("buy"), Unread::Version("buy".to_owned()));
        assert_eq!(unread("1|teleport|zz|"), Unread::Op("1|teleport|zz|".to_owned()));
        for broken in ["1|x||", "1|x|?|", "1|x", "1|md||dance", "1|tr|10|4", "1|x|zzzzzzzzzzzzzzzzz|"] {
            assert_eq!(unread(broken), Unread::Content(broken.to_owned()));
        }
    }
}
