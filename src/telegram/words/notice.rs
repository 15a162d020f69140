//! What answers say about themselves, for people: the sentences are made in many rooms, in English; those that are known
//! are told in the language of the one who asked. It must not know those rooms.

use super::super::texts::{Args, Lang, args};
use super::time;
use regex::{Captures, Regex};
use std::sync::LazyLock;
use std::time::Duration;

/// Tells what was found in a sentence.
type Tell = fn(Lang, &Captures<'_>) -> String;
/// How a sentence is worded, and how it is told.
type Known = (&'static str, Tell);

/// What is known of notices: each is matched whole.
const NOTICES: &[Known] = &[
    (r"control characters were removed from the prompt", |l, _| word(l, "notice-control")),
    (r"control characters were removed from the negative prompt", |l, _| word(l, "notice-control-negative")),
    (r"the picture is (\d+x\d+); it was scaled to (\d+x\d+)", |l, c| {
        l.plain("notice-scaled", args! { "from" => size(c, 1), "to" => size(c, 2) })
    }),
    (r"the picture was resized from (\d+x\d+) to (\d+x\d+)", |l, c| {
        l.plain("notice-resized", args! { "from" => size(c, 1), "to" => size(c, 2) })
    }),
    (r"the prompt was longer than the model reads and was cut at a word", |l, _| word(l, "notice-prompt-cut")),
    (r"the prompt has \d+ characters; (.+) reads (\d+), so it was cut at a word", |l, c| {
        l.plain("notice-prompt-cut-remote", args! { "provider" => &c[1], "most" => &c[2] })
    }),
    (r"(.+) draws (\d+x\d+), the nearest to (\d+x\d+) that .+ has", |l, c| {
        l.plain("notice-size", args! { "provider" => &c[1], "to" => size(c, 2), "from" => size(c, 3) })
    }),
    (r"the picture was sent to (.+) at (\d+x\d+), which is what it takes", |l, c| {
        l.plain("notice-sent-size", args! { "provider" => &c[1], "to" => size(c, 2) })
    }),
    (r"(.+) is gone; (.+) of (.+) answered instead", |l, c| {
        let answered = format!("{} ({})", &c[2], &c[3]);
        l.plain("notice-model-gone", args! { "asked" => &c[1], "answered" => answered })
    }),
    (r"memory is short: the text encoders were unloaded after use", |l, _| word(l, "notice-encoders")),
    (r"memory is short: the tiny decoder drew the pixels, details are softer", |l, _| word(l, "notice-tiny-decoder")),
    (r"memory is short: the picture was decoded in parts", |l, _| word(l, "notice-tiled")),
    (r"the demo model wrote this down: .+ `scripts/fetch_models.sh (\S+)` brings a real one", |l, c| {
        l.plain("notice-demo-speech", args! { "model" => &c[1] })
    }),
    (r"memory is short: only one reading of the sound was followed", |l, _| word(l, "notice-one-reading")),
    (r"what is said at (\d+) s could not be made out", |l, c| {
        let at = Duration::from_secs(c[1].parse().unwrap_or_default());
        l.plain("notice-not-made-out", args! { "time" => time::exact(l, at) })
    }),
    (r"the prompt was not translated into English \(.+\); (.+) read it as it was written", |l, c| {
        l.plain("notice-not-translated", args! { "model" => &c[1] })
    }),
    (r"(.+) was asked for; ([^:]+):(.+) answered", |l, c| {
        l.plain("notice-other-model", args! { "asked" => &c[1], "answered" => format!("{} ({})", &c[3], &c[2]) })
    }),
    (r"(\d+) of the (\d+) pictures asked for were made", |l, c| fewer(l, c, 1)),
    (r"(.+) made (\d+) of the (\d+) pictures that were asked", |l, c| fewer(l, c, 2)),
    (r"(.+) made (\S+); (\S+) was asked", |l, c| {
        l.plain("notice-other-sound", args! { "made" => &c[2], "asked" => &c[3] })
    }),
    // Those about letters on pictures come in the language of the wish.
    (r"(?:Не понял|not understood): (.+)", |l, c| l.plain("notice-style", args! { "part" => &c[1] })),
    (
        r"(?:текст поместился только мелкими буквами, (\d+) пикс\.|the text fits only with small letters, (\d+) px)",
        |l, c| {
            let px = c.get(1).or(c.get(2)).map_or("", |px| px.as_str());
            l.plain("notice-small-letters", args! { "px" => px })
        },
    ),
    (r"(?:в шрифтах нет знаков|no font here has these signs): (.+)", |l, c| {
        l.plain("notice-no-signs", args! { "signs" => &c[1] })
    }),
];

/// What is known of reasons why the first in line did not answer: each is matched from its beginning.
const REASONS: &[Known] = &[
    (r"(?:not enough memory|the memory ran out)", |l, _| word(l, "reason-memory")),
    (r"the local engine stopped unexpectedly", |l, _| word(l, "reason-crashed")),
    (r"the local engine .* cannot be used", |l, _| word(l, "reason-missing")),
    (r"no answer in time", |l, _| word(l, "reason-timeout")),
    (r"the model gave no usable picture", |l, _| word(l, "reason-bad-output")),
    (r"(?:no local model does|there is no model|no model of speech is installed)", |l, _| word(l, "reason-missing")),
    (r"the (?:bundled )?model '.+' is (?:not installed|installed in part|damaged)", |l, _| word(l, "reason-missing")),
    (r"the local engine died \d+ times", |l, _| word(l, "reason-crashed")),
    (r"\d+ requests are before this one on this machine", |l, _| word(l, "reason-busy")),
    (r"the account at (.+) has no money left", |l, c| remote(l, &c[1])),
    (r"what was sent is larger than (.+) takes", |l, c| remote(l, &c[1])),
    (
        r"(.+?) (?:does not accept its key|has had too many requests|refuses this request|does not serve the country|is loading the model|is overloaded or cannot be reached|does not accept this request|no longer has this model|did not answer in time|gave an answer that cannot be used)",
        |l, c| remote(l, &c[1]),
    ),
];

struct Table(Vec<(Regex, Tell)>);

static KNOWN_NOTICES: LazyLock<Table> = LazyLock::new(|| table(NOTICES, "$"));
static KNOWN_REASONS: LazyLock<Table> = LazyLock::new(|| table(REASONS, ""));

/// A notice of an answer, as plain text. What is not known is told in English as it is, and not at all in Russian.
#[must_use]
pub fn notice(lang: Lang, notice: &str) -> Option<String> {
    let told = KNOWN_NOTICES.told(lang, notice);
    if told.is_none() {
        tracing::info!(notice, "a notice of an answer has no words of its own");
    }
    told.or_else(|| (lang == Lang::En).then(|| notice.to_owned()))
}

/// Why the first in line did not answer, as a part of a sentence: plain text.
#[must_use]
pub fn reason(lang: Lang, reason: &str) -> String {
    KNOWN_REASONS.told(lang, reason).unwrap_or_else(|| word(lang, "reason-first"))
}

impl Table {
    fn told(&self, lang: Lang, text: &str) -> Option<String> {
        self.0.iter().find_map(|(known, tell)| known.captures(text).map(|found| tell(lang, &found)))
    }
}

fn table(known: &[Known], end: &str) -> Table {
    let one = |(worded, tell): &Known| {
        let regex = Regex::new(&format!("(?s)^{worded}{end}")).expect("a pattern that a test has compiled");
        (regex, *tell)
    };
    Table(known.iter().map(one).collect())
}

fn word(lang: Lang, key: &str) -> String {
    lang.plain(key, Args::default())
}

fn remote(lang: Lang, provider: &str) -> String {
    lang.plain("reason-remote", args! { "provider" => provider })
}

fn fewer(lang: Lang, found: &Captures<'_>, first: usize) -> String {
    lang.plain("notice-fewer", args! { "made" => &found[first], "asked" => &found[first + 1] })
}

/// A size as people write it.
fn size(found: &Captures<'_>, at: usize) -> String {
    found[at].replace('x', "×")
}

#[cfg(test)]
mod tests;
