//! What will be asked: which model and op, the values of the placeholders within the provider's limits, in how many
//! calls. It must not know HTTP.

use super::Declarative;
use super::file::{Model, Op};
use super::template::filters;
use crate::media::{Failure, Refusal, Request};
use serde_json::{Map, Value as Json};

/// A request made ready for one provider.
pub struct Plan<'a> {
    /// Today's name of the model.
    pub model: String,
    /// How it is done.
    pub op: &'a Op,
    /// Placeholders, without pictures and sounds.
    pub values: Map<String, Json>,
    /// What should be said about changes.
    pub notices: Vec<String>,
    /// How many pictures each call is to bring.
    pub calls: Vec<u64>,
}

impl<'a> Plan<'a> {
    /// Makes it.
    ///
    /// # Errors
    /// When the provider cannot do this, or no longer.
    pub fn new(house: &'a Declarative, model: &str, request: &Request) -> Result<Self, Failure> {
        let file = &house.file;
        let mut notices = Vec::new();
        let model = match file.renamed.get(model) {
            Some(today) => {
                tracing::warn!(provider = file.id, model, today, "this model has another name now");
                notices.push(format!("{model} is gone; {today} of {} answered instead", file.title));
                today.clone()
            }
            None => model.to_owned(),
        };
        let known = file.model(&model);
        if known.is_some_and(|known| house.is_gone(known)) {
            return Err(Failure::remote(&file.title, Refusal::Gone));
        }
        if known.is_none() && !file.any_model {
            return Err(Failure::Missing { message: format!("{} has no model `{model}`", file.title) });
        }
        let op = file.op(known, request.task()).ok_or_else(|| Failure::Missing {
            message: format!("{model} of {} does not do {}", file.title, request.task()),
        })?;
        let mut values = request.values();
        untranslated(&values, op, &file.title)?;
        sized(&mut values, known, &file.title, &mut notices);
        shortened(&mut values, op, &file.title, &mut notices)?;
        for (name, value) in known.into_iter().flat_map(|known| &known.params) {
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
        values.insert("model".to_owned(), Json::String(model.clone()));
        let wanted = values.get("n").and_then(Json::as_u64).unwrap_or(1);
        let calls = calls(wanted, op);
        Ok(Self { model, op, values, notices, calls })
    }

    /// The values of one call: how many pictures, and the seed of the first of them.
    #[must_use]
    pub fn values_of(&self, call: usize) -> Map<String, Json> {
        let mut values = self.values.clone();
        if values.contains_key("n") {
            values.insert("n".to_owned(), Json::from(self.calls[call]));
        }
        if let Some(seed) = self.seed_of(call) {
            values.insert("seed".to_owned(), Json::from(seed));
        }
        values
    }

    /// The seed of the first picture of a call.
    #[must_use]
    pub fn seed_of(&self, call: usize) -> Option<u64> {
        let first = self.values.get("seed").and_then(Json::as_u64)?;
        first.checked_add(self.calls[..call].iter().sum())
    }

    /// Whether the seed was sent, so that it draws the picture again.
    #[must_use]
    pub fn seeded(&self) -> bool {
        self.op.sends.contains("seed")
    }
}

/// An op that is not told a number makes one at a time.
fn calls(wanted: u64, op: &Op) -> Vec<u64> {
    let usual = if op.sends.contains("n") { wanted } else { 1 };
    let most = op.limits.n.unwrap_or(usual).max(1);
    let (full, rest) = (wanted / most, wanted % most);
    let mut calls = vec![most; usize::try_from(full).unwrap_or_default()];
    if rest > 0 {
        calls.push(rest);
    }
    calls
}

/// Who asks for a translation is not served by words in another language.
fn untranslated(values: &Map<String, Json>, op: &Op, title: &str) -> Result<(), Failure> {
    if values.get("translate") != Some(&Json::Bool(true)) || op.sends.contains("translate") {
        return Ok(());
    }
    Err(Failure::Missing { message: format!("{title} writes down what is said and does not translate it") })
}

/// Brings the size to one that the model draws: of those it lists the nearest in shape, otherwise the nearest multiple.
fn sized(values: &mut Map<String, Json>, model: Option<&Model>, title: &str, notices: &mut Vec<String>) {
    let side = |values: &Map<String, Json>, name| u32::try_from(values.get(name)?.as_u64()?).ok();
    let (Some(model), Some(width), Some(height)) = (model, side(values, "width"), side(values, "height")) else {
        return;
    };
    let nearest = nearest_size((width, height), &model.sizes);
    let stepped = |side: u32| (side + model.size_step / 2).max(model.size_step) / model.size_step * model.size_step;
    let (w, h) = nearest.unwrap_or_else(|| (stepped(width), stepped(height)));
    if (w, h) == (width, height) {
        return;
    }
    notices.push(format!("{title} draws {w}x{h}, the nearest to {width}x{height} that {} has", model.title));
    values.insert("width".to_owned(), Json::from(w));
    values.insert("height".to_owned(), Json::from(h));
    values.insert("size".to_owned(), Json::from(format!("{w}x{h}")));
    values.insert("aspect".to_owned(), Json::from(filters::aspect(w, h)));
}

fn nearest_size((width, height): (u32, u32), sizes: &[(u32, u32)]) -> Option<(u32, u32)> {
    let shape = |(w, h): (u32, u32)| (f64::from(w.max(1)) / f64::from(h.max(1))).ln();
    let area = |(w, h): (u32, u32)| (f64::from(w) * f64::from(h)).max(1.0).ln();
    let far = |size: &(u32, u32)| {
        let wanted = (width, height);
        // Shape first; among equal shapes the nearest area.
        (shape(*size) - shape(wanted)).abs() * 1000.0 + (area(*size) - area(wanted)).abs()
    };
    sizes.iter().copied().min_by(|a, b| far(a).total_cmp(&far(b)))
}

/// Cuts a prompt that is too long at a word. A text that is to be spoken or translated must not lose words: it is
/// refused, and the next provider may take it.
fn shortened(values: &mut Map<String, Json>, op: &Op, title: &str, notices: &mut Vec<String>) -> Result<(), Failure> {
    let Some(most) = op.limits.prompt_chars else { return Ok(()) };
    let chars = |name: &str| values.get(name).and_then(Json::as_str).map_or(0, |text| text.chars().count());
    if chars("text") > most {
        return Err(Failure::remote(title, Refusal::TooBig));
    }
    let length = chars("prompt");
    if length > most
        && let Some(Json::String(prompt)) = values.get_mut("prompt")
    {
        *prompt = filters::cut_at_word(prompt, most).to_owned();
        notices.push(format!("the prompt has {length} characters; {title} reads {most}, so it was cut at a word"));
    }
    Ok(())
}
