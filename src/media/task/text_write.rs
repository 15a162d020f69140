//! `text.write`: a short wish turned into a long prompt for a picture.

use super::{Choice, Fields, Task, no_place, required};
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewest characters of a prompt that is worth the name.
pub const FEWEST: usize = 1000;
/// Longest wish, in characters.
const MAX_WISH: usize = 4000;

/// What the one who writes is told.
const SYSTEM: &str = "You write prompts for a model that paints pictures. From the wish of a user, write one prompt in \
English, in flowing sentences, of 1100 to 1800 characters. Keep to this order: the subject and what it does; how it \
looks, in detail (shape, material, colours, clothing, expression); its surroundings, near and far; the light and the \
time of day; the style and the mood. Everything must fit together: one time of day, one season, one style, one point of \
view, and nothing that contradicts the wish; whatever the wish names stays as it is. No technical parameters (sizes, \
ratios, steps, seeds, weights, model names, brackets), no lists, no headings, no quotation marks around the whole, no \
words about the prompt itself. Answer with the prompt alone.";
/// What it is told after a prompt that was too short.
const LONGER: &str = " Your last prompt for this wish was too short: write at least 1200 characters.";

/// A wish for a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TextWrite {
    /// The short wish, in any language.
    pub prompt: String,
    /// Whether a first answer was too short.
    #[schema(ignore)]
    pub again: bool,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl TextWrite {
    /// What a service answered, as a prompt: without marks around it, on one line. `None` when that is not long enough.
    #[must_use]
    pub fn tidied(answer: &str) -> Option<String> {
        let marks: &[char] = &['"', '“', '”', '«', '»', '`', '*', '#', ' '];
        let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.trim_matches(marks);
        let line = line.strip_prefix("Prompt:").unwrap_or(line).trim_matches(marks);
        (line.chars().count() >= FEWEST).then(|| line.to_owned())
    }
}

impl Task for TextWrite {
    const NAME: &'static str = "text.write";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(self, _: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        required("prompt", &self.prompt, MAX_WISH)?;
        Ok((self, Vec::new()))
    }

    fn fields(&self) -> Fields {
        let system = format!("{SYSTEM}{}", if self.again { LONGER } else { "" });
        Fields::default().with("system", system).with("prompt", &self.prompt)
    }

    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(Vec::new())
    }

    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(Vec::new())
    }

    fn attach(&mut self, name: &str, _: Medium) -> Result<(), Failure> {
        no_place(Self::NAME, name)
    }

    fn fits(content: &Content) -> bool {
        matches!(content, Content::Text(text) if Self::tidied(&text.text).is_some())
    }
}
