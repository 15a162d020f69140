//! The line with parameters: `Image a lighthouse | model=flux | size=832x1216 | seed=7`, in Russian or in English. It is
//! read to the letter: what is not understood is told, never guessed. It must not know which models there are.

use super::super::texts::{Html, Lang, args, escaped};
use super::aliases;
use super::caption::noted;
use super::cut;
use super::format::{Aspect, Format};
use crate::media::image::{MAX_COUNT, MAX_SEED, MAX_STEPS, SIDE_STEP, SIDES};
use std::fmt::Write as _;

/// Words that begin such a line.
const HEADS: [&str; 2] = ["изображение", "image"];
/// The widest shape, and the highest.
const WIDEST: u32 = 4;
/// Most units of what people wrote that is shown again.
const SHOWN: usize = 60;
/// Most models that are listed.
const LISTED: usize = 20;
/// The largest guidance.
const MAX_GUIDANCE: f32 = 50.0;

/// What a message is.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// No line with parameters: a description.
    Plain,
    /// A line that was understood.
    Line(Advanced),
    /// A line that was not.
    Wrong(Wrong),
}

/// What a line asks for. `None`: as usual.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Advanced {
    /// What to draw.
    pub prompt: String,
    /// The model, by a name that is known.
    pub model: Option<String>,
    /// Width and height.
    pub size: Option<(u32, u32)>,
    /// The shape; not where there is a size.
    pub aspect: Option<Aspect>,
    /// What to avoid.
    pub negative: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// The steps.
    pub steps: Option<u32>,
    /// The guidance.
    pub guidance: Option<f32>,
    /// How many pictures.
    pub count: Option<u32>,
    /// What should be said about it.
    pub notices: Vec<Notice>,
}

/// What should be said about a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It names a size and a shape; the size counts.
    SizeWins(u32, u32),
}

/// The first thing in a line that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// There is nothing to draw.
    NoPrompt,
    /// This part is no pair.
    Pair(String),
    /// There is no such parameter.
    Key(String),
    /// This parameter is there twice.
    Twice(String),
    /// The parameter, as it was written, and its value.
    Value(Key, String, String),
}

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// Who draws.
    Model,
    /// Width and height.
    Size,
    /// The shape.
    Aspect,
    /// What to avoid.
    Negative,
    /// The seed.
    Seed,
    /// The steps.
    Steps,
    /// The guidance.
    Guidance,
    /// How many.
    Count,
}

/// Every parameter by its names: the first is how it is shown in English, the second in Russian.
const KEYS: [(Key, &[&str]); 8] = [
    (Key::Model, &["model", "модель"]),
    (Key::Size, &["size", "размер", "resolution", "разрешение"]),
    (Key::Aspect, &["aspect_ratio", "формат", "aspect", "ratio", "ar", "format", "соотношение"]),
    (Key::Negative, &["negative", "негатив", "negative_prompt", "без", "no"]),
    (Key::Seed, &["seed", "сид", "зерно"]),
    (Key::Steps, &["steps", "шаги", "шагов"]),
    (Key::Guidance, &["guidance", "guidance", "guidance_scale", "cfg"]),
    (Key::Count, &["n", "количество", "count", "картинок"]),
];

/// Words for shapes.
const SHAPES: [(Format, &[&str]); 3] = [
    (
        Format::Portrait,
        &["portrait", "vertical", "tall", "портрет", "портретный", "вертикальный", "вертикальное", "вертикально"],
    ),
    (Format::Square, &["square", "квадрат", "квадратный", "квадратное", "квадратно"]),
    (
        Format::Landscape,
        &[
            "landscape",
            "horizontal",
            "wide",
            "альбом",
            "альбомный",
            "горизонтальный",
            "горизонтальное",
            "горизонтально",
            "пейзаж",
            "ландшафт",
        ],
    ),
];

/// Reads a message. A line begins with one of the head words and holds at least one bar: without, «Image of a cat» is a
/// description. `knows` tells whether there is a model of that name.
#[must_use]
pub fn read(words: &str, knows: impl Fn(&str) -> bool) -> Read {
    let Some(body) = after_head(words) else { return Read::Plain };
    let mut parts = bars(body).into_iter();
    let prompt = parts.next().unwrap_or_default();
    let rest: Vec<String> = parts.collect();
    if rest.is_empty() {
        return Read::Plain;
    }
    match line(prompt, &rest, knows) {
        Ok(line) => Read::Line(line),
        Err(wrong) => Read::Wrong(wrong),
    }
}

/// What follows the head word.
fn after_head(words: &str) -> Option<&str> {
    let words = words.trim_start();
    let end = words.find(|c: char| !c.is_alphanumeric()).unwrap_or(words.len());
    let (head, rest) = words.split_at(end);
    let lower = head.to_lowercase();
    HEADS.contains(&lower.as_str()).then(|| rest.trim_start_matches(':'))
}

/// The parts between bars; a bar after a backslash is a bar in a text.
fn bars(body: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut left = body.chars().peekable();
    while let Some(c) = left.next() {
        match c {
            '\\' if left.peek() == Some(&'|') => {
                left.next();
                if let Some(part) = parts.last_mut() {
                    part.push('|');
                }
            }
            '|' => parts.push(String::new()),
            other => {
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    parts
}

fn line(prompt: String, rest: &[String], knows: impl Fn(&str) -> bool) -> Result<Advanced, Wrong> {
    let prompt = prompt.trim().to_owned();
    if prompt.is_empty() {
        return Err(Wrong::NoPrompt);
    }
    let mut line = Advanced { prompt, ..Advanced::default() };
    let mut seen = Vec::new();
    // A bar at the end closes the line as well as it opens nothing.
    for part in rest.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| Wrong::Pair(part.to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        let key = Key::named(name).ok_or_else(|| Wrong::Key(name.to_owned()))?;
        if seen.contains(&key) {
            return Err(Wrong::Twice(name.to_owned()));
        }
        seen.push(key);
        line.set(key, value, &knows).ok_or_else(|| Wrong::Value(key, name.to_owned(), value.to_owned()))?;
    }
    if let (Some((width, height)), Some(_)) = (line.size, line.aspect) {
        line.aspect = None;
        line.notices.push(Notice::SizeWins(width, height));
    }
    Ok(line)
}

impl Advanced {
    /// `None` for a value that this parameter cannot have.
    fn set(&mut self, key: Key, value: &str, knows: impl Fn(&str) -> bool) -> Option<()> {
        match key {
            Key::Model => self.model = Some(aliases::meant(value, knows)?),
            Key::Size => self.size = Some(size(value)?),
            Key::Aspect => self.aspect = Some(aspect(value)?),
            Key::Negative if value.is_empty() => return None,
            Key::Negative => self.negative = Some(value.to_owned()),
            Key::Seed => self.seed = Some(value.parse().ok().filter(|seed| *seed <= MAX_SEED)?),
            Key::Steps => self.steps = Some(value.parse().ok().filter(|steps| (1..=MAX_STEPS).contains(steps))?),
            Key::Guidance => {
                let number: f32 = value.replace(',', ".").parse().ok()?;
                self.guidance = Some(number).filter(|number| (0.0..=MAX_GUIDANCE).contains(number));
                self.guidance?;
            }
            Key::Count => self.count = Some(value.parse().ok().filter(|count| (1..=MAX_COUNT).contains(count))?),
        }
        Some(())
    }

    /// The same as a line, as people may write it.
    #[must_use]
    pub fn written(&self) -> String {
        let mut line = format!("Image {}", barred(&self.prompt));
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = write!(line, " | {key}={}", barred(&value));
            }
        };
        add("model", self.model.clone());
        add("size", self.size.map(|(width, height)| format!("{width}x{height}")));
        add("aspect_ratio", self.aspect.map(|aspect| format!("{}:{}", aspect.width, aspect.height)));
        add("negative", self.negative.clone());
        add("seed", self.seed.map(|seed| seed.to_string()));
        add("steps", self.steps.map(|steps| steps.to_string()));
        add("guidance", self.guidance.map(|guidance| guidance.to_string()));
        add("n", self.count.map(|count| count.to_string()));
        // A line is one by its bar.
        if bars(&line).len() == 1 {
            line.push_str(" |");
        }
        line
    }
}

fn barred(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `832x1216`, with any cross between.
fn size(value: &str) -> Option<(u32, u32)> {
    let (width, height) = value.split_once(['x', 'X', 'х', 'Х', '×', '*'])?;
    let side = |text: &str| {
        let side = text.trim().parse().ok()?;
        (SIDES.contains(&side) && side.is_multiple_of(SIDE_STEP)).then_some(side)
    };
    Some((side(width)?, side(height)?))
}

/// `16:9`, or a word.
fn aspect(value: &str) -> Option<Aspect> {
    let lower = value.to_lowercase();
    if let Some((format, _)) = SHAPES.iter().find(|(_, words)| words.contains(&lower.as_str())) {
        return Some(format.aspect());
    }
    let (width, height) = value.split_once([':', '/', 'x', 'х', '×'])?;
    let (width, height) = (width.trim().parse().ok()?, height.trim().parse().ok()?);
    let narrow = |a: u32, b: u32| (1..=100).contains(&a) && a <= WIDEST * b;
    (narrow(width, height) && narrow(height, width)).then_some(Aspect { width, height })
}

impl Key {
    fn named(name: &str) -> Option<Self> {
        let lower = name.to_lowercase().replace([' ', '-'], "_");
        KEYS.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(key, _)| *key)
    }

    /// What it may be set to, for people.
    fn available(self, lang: Lang, models: &[String]) -> Html {
        let range = |least: &str, most: &str| lang.plain("name-range", args! { "least" => least, "most" => most });
        let words = match self {
            Self::Model => return names(lang, models),
            Self::Size => lang.plain(
                "name-multiple",
                args! { "least" => *SIDES.start(), "most" => *SIDES.end(), "step" => SIDE_STEP },
            ),
            Self::Aspect => {
                let shapes = Format::ALL.map(|format| format.label(lang).to_lowercase());
                format!("{}, 1:1, 2:3, 3:2, 4:3, 16:9, 9:16", shapes.join(", "))
            }
            Self::Negative => lang.plain("name-any-text", args! {}),
            Self::Seed => range("0", &MAX_SEED.to_string()),
            Self::Steps => range("1", &MAX_STEPS.to_string()),
            Self::Guidance => range("0", &MAX_GUIDANCE.to_string()),
            Self::Count => range("1", &MAX_COUNT.to_string()),
        };
        Html(escaped(&words))
    }
}

impl Notice {
    /// As it stands under the picture: HTML.
    #[must_use]
    pub fn html(self, lang: Lang) -> String {
        let Self::SizeWins(width, height) = self;
        let said = lang.plain("notice-size-wins", args! { "size" => format!("{width}×{height}") });
        noted(lang, &escaped(&said))
    }
}

impl Wrong {
    /// What was not understood, and what there is: HTML. `models` are the names that may be written.
    #[must_use]
    pub fn html(&self, lang: Lang, models: &[String]) -> String {
        let shown = |text: &str| cut::within(text, SHOWN);
        match self {
            Self::NoPrompt => lang.html("advanced-no-prompt", args! {}),
            Self::Pair(part) => {
                lang.html("advanced-pair", args! { "part" => shown(part), "available" => keys(lang) })
            }
            Self::Key(key) => lang.html("advanced-key", args! { "key" => shown(key), "available" => keys(lang) }),
            Self::Twice(key) => lang.html("advanced-twice", args! { "key" => shown(key) }),
            Self::Value(Key::Model, key, value) => lang.html(
                "advanced-model",
                args! { "key" => shown(key), "value" => shown(value), "available" => Key::Model.available(lang, models) },
            ),
            Self::Value(kind, key, value) => lang.html(
                "advanced-value",
                args! { "key" => shown(key), "value" => shown(value), "available" => kind.available(lang, models) },
            ),
        }
    }
}

/// Names of models, to be copied.
fn names(lang: Lang, models: &[String]) -> Html {
    if models.is_empty() {
        return Html(escaped(&lang.plain("button-model-auto", args! {})));
    }
    let listed = models.iter().take(LISTED).map(|name| format!("<code>{}</code>", escaped(name)));
    let more = if models.len() > LISTED { "…" } else { "" };
    Html(format!("{}{more}", listed.collect::<Vec<_>>().join(", ")))
}

/// The parameters there are, in this language.
fn keys(lang: Lang) -> String {
    let at = match lang {
        Lang::Ru => 1,
        Lang::En => 0,
    };
    KEYS.iter().filter_map(|(_, names)| names.get(at)).copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
