//! `image.letter`: a text put on a picture.

use super::{Choice, Fields, Task, bounded, files, no_place, required};
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest text, and longest description of its style, in characters.
const MAX_TEXT_CHARS: usize = 1000;

/// A wish for a text on a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ImageLetter {
    /// The picture.
    #[serde(skip)]
    #[schema(ignore)]
    pub image: Option<Medium>,
    /// The text, in as many lines as it has; up to 1000 characters.
    pub text: String,
    /// How it should look, in plain Russian or English: `large white text at the top on a black plate`. Without one: at
    /// the bottom, of a usual size, in the colour that is read best there.
    pub style: String,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Task for ImageLetter {
    const NAME: &'static str = "image.letter";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(mut self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        files("image", usize::from(self.image.is_some()), elsewhere, 1)?;
        let mut notices = Vec::new();
        for (param, text) in [("text", &mut self.text), ("style", &mut self.style)] {
            let cleaned = cleaned(text);
            if cleaned.chars().count() < text.replace("\r\n", "\n").chars().count() {
                notices.push(format!("control characters were removed from the {param}"));
            }
            *text = cleaned;
        }
        required("text", &self.text, MAX_TEXT_CHARS)?;
        bounded("style", &self.style, MAX_TEXT_CHARS)?;
        Ok((self, notices))
    }

    fn fields(&self) -> Fields {
        Fields::default().with("text", &self.text).with("style", &self.style)
    }

    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(self.image.iter().map(|image| ("image", image.clone())).collect())
    }

    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(self.image.take().into_iter().map(|image| ("image", image)).collect())
    }

    fn attach(&mut self, name: &str, medium: Medium) -> Result<(), Failure> {
        if name != "image" {
            return no_place(Self::NAME, name);
        }
        self.image = Some(medium);
        Ok(())
    }

    fn fits(content: &Content) -> bool {
        matches!(content, Content::Pictures(result) if !result.pictures.is_empty())
    }
}

/// Every kind of line end becomes the usual one, a tab a blank; other control characters go.
fn cleaned(text: &str) -> String {
    let lines = text.replace("\r\n", "\n");
    let plain = lines.chars().map(|c| match c {
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\t' => ' ',
        c => c,
    });
    plain.filter(|c| *c == '\n' || !c.is_control()).collect()
}
