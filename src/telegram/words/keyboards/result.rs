//! Under what was made.

use super::super::super::keyboard::{Button, Keyboard, Press};
use super::super::super::texts::{Lang, args};
use super::super::mode::Mode;
use super::super::money;
use super::super::tap::{Act, Shot, Tap};
use super::{ROW, button, rows, say};

/// Longest text that a button copies, in characters.
const COPIED: usize = 256;
/// Pictures that variations are.
const VARIATIONS: u32 = 4;

/// What a picture is shown with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultButtons<'a> {
    /// Which picture.
    pub shot: Shot,
    /// What it came of.
    pub made_by: Mode,
    /// What can be done now.
    pub served: &'a [Mode],
    /// What variations would take.
    pub variations: Cost,
    /// What was asked for, where there are words.
    pub prompt: Option<&'a str>,
    /// What draws it again.
    pub seed: Option<u64>,
}

/// What something would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Nothing that is counted.
    Free,
    /// So many of the day's free requests.
    Requests(u32),
    /// So many kopecks.
    Money(i64),
}

/// Under a picture in a private chat.
#[must_use]
pub fn result(lang: Lang, of: &ResultButtons<'_>) -> Keyboard {
    let shot = of.shot;
    let can = |mode: Mode| of.served.contains(&mode);
    let again = matches!(of.made_by, Mode::Create | Mode::Change) && can(of.made_by);
    let drawn = of.made_by == Mode::Create && can(Mode::Create);
    let mut buttons: Vec<Button> = Vec::new();
    let mut add = |there: bool, label: String, tap: Tap| buttons.extend(there.then(|| button(label, &tap)));
    let word = |key| lang.plain(key, args! {});
    add(again, word("button-again"), Tap::Again(shot.job));
    add(drawn, variations(lang, of.variations), Tap::Variations(shot));
    add(can(Mode::Upscale), lang.plain("button-upscale-by", args! { "scale" => 2 }), Tap::Treat(shot, Act::Upscale2));
    add(can(Mode::Change), Mode::Change.label(lang), Tap::Treat(shot, Act::Change));
    add(can(Mode::AddText), Mode::AddText.label(lang), Tap::Treat(shot, Act::AddText));
    add(drawn, word("button-format"), Tap::Formats(shot));
    add(true, word("button-png"), Tap::File(shot));
    add(true, word("button-more"), Tap::More(shot));
    rows(Keyboard::default(), buttons, 2)
}

/// The other buttons under a picture.
#[must_use]
pub fn more(lang: Lang, of: &ResultButtons<'_>) -> Keyboard {
    let shot = of.shot;
    let prompt = of.prompt.and_then(|prompt| copy(lang, "button-copy-prompt", prompt));
    let seed = of.seed.and_then(|seed| copy(lang, "button-copy-seed", &seed.to_string()));
    let seeded = of.seed.is_some() && of.made_by == Mode::Create && of.served.contains(&Mode::Create);
    let same = seeded.then(|| say(lang, "button-same-seed", &Tap::SameSeed(shot)));
    let larger = of
        .served
        .contains(&Mode::Upscale)
        .then(|| button(lang.plain("button-upscale-by", args! { "scale" => 4 }), &Tap::Treat(shot, Act::Upscale4)));
    Keyboard::default()
        .row(prompt.into_iter().chain(seed))
        .row(same)
        .row(larger)
        .row([say(lang, "button-complain", &Tap::Complain(shot)), say(lang, "button-delete", &Tap::Delete(shot))])
        .row([say(lang, "button-back", &Tap::Back(shot))])
}

/// Under a picture in a group. `bot` is the bot's name in Telegram.
#[must_use]
pub fn result_in_group(lang: Lang, of: &ResultButtons<'_>, bot: &str) -> Keyboard {
    let again = matches!(of.made_by, Mode::Create | Mode::Change) && of.served.contains(&of.made_by);
    let again = again.then(|| say(lang, "button-again", &Tap::Again(of.shot.job)));
    let open = Button {
        label: lang.plain("button-open-bot", args! {}),
        press: Press::Open(format!("https://t.me/{bot}?start=j_{}", of.shot.job)),
    };
    Keyboard::default().row(again.into_iter().chain([say(lang, "button-png-short", &Tap::File(of.shot))])).row([open])
}

/// Under an album of variations: which one, or more of them.
#[must_use]
pub fn variants(lang: Lang, job: i64, pictures: u8) -> Keyboard {
    let one = |nth: u8| button(lang.plain("button-nth", args! { "nth" => nth + 1 }), &Tap::Variant(Shot { job, nth }));
    let more = lang.plain("button-more-variations", args! { "count" => VARIATIONS });
    let per = if pictures == 4 { 2 } else { ROW };
    rows(Keyboard::default(), (0..pictures).map(one).collect(), per).row([button(more, &Tap::Again(job))])
}

/// Under a prompt that was written.
#[must_use]
pub fn prompt(lang: Lang, job: i64, prompt: &str) -> Keyboard {
    Keyboard::default()
        .row([say(lang, "button-use-prompt", &Tap::UsePrompt(job))])
        .row([
            say(lang, "button-another-prompt", &Tap::Again(job)),
            say(lang, "button-own-prompt", &Tap::Mode(Mode::Create)),
        ])
        .row(copy(lang, "button-copy-prompt", prompt))
}

/// Under a transcript that is shown as a message.
#[must_use]
pub fn transcript(lang: Lang, job: i64) -> Keyboard {
    Keyboard::default().row([say(lang, "button-text-file", &Tap::TextFile(job))])
}

fn variations(lang: Lang, cost: Cost) -> String {
    match cost {
        Cost::Free => lang.plain("button-variations", args! {}),
        Cost::Requests(cost) => lang.plain("button-variations-cost", args! { "cost" => cost }),
        Cost::Money(price) => lang.plain("button-variations-price", args! { "price" => money::roubles(lang, price) }),
    }
}

/// A button that copies a text, where it fits.
fn copy(lang: Lang, key: &str, text: &str) -> Option<Button> {
    let fits = (1..=COPIED).contains(&super::cut::units(text));
    fits.then(|| Button { label: lang.plain(key, args! {}), press: Press::Copy(text.to_owned()) })
}
