//! `text.translate`: a text in another language.

use super::{Choice, Fields, Task, language, no_place, required};
use crate::media::image::MAX_PROMPT_CHARS;
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wish for a translation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TextTranslate {
    /// What to translate.
    pub text: String,
    /// Into which language: a code such as `en`.
    pub target: String,
    /// From which; without one it is recognised.
    pub source: Option<String>,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Default for TextTranslate {
    fn default() -> Self {
        Self { text: String::new(), target: "en".to_owned(), source: None, choice: Choice::default() }
    }
}

impl Task for TextTranslate {
    const NAME: &'static str = "text.translate";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(self, _: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        required("text", &self.text, MAX_PROMPT_CHARS)?;
        language("target", Some(&self.target))?;
        language("source", self.source.as_ref())?;
        Ok((self, Vec::new()))
    }

    fn effort(&self) -> u64 {
        self.text.chars().count() as u64 / 500 + 1
    }

    fn fields(&self) -> Fields {
        Fields::default().with("text", &self.text).with("target", &self.target).maybe("source", self.source.as_ref())
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
        matches!(content, Content::Text(text) if !text.text.trim().is_empty())
    }
}
