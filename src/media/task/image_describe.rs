//! `image.describe`: what a picture shows, or the answer to a question about it.

use super::{Choice, Fields, Task, bounded, files, language, no_place};
use crate::media::image::MAX_PROMPT_CHARS;
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is asked where the request does not say.
const QUESTION: &str = "Describe this picture.";

/// A question about a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ImageDescribe {
    /// The picture.
    #[serde(skip)]
    #[schema(ignore)]
    pub image: Option<Medium>,
    /// The question; without one, a description is asked for.
    pub prompt: Option<String>,
    /// The language of the answer, such as `ru`; services answer in that of the question otherwise.
    pub language: Option<String>,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Task for ImageDescribe {
    const NAME: &'static str = "image.describe";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        files("image", usize::from(self.image.is_some()), elsewhere, 1)?;
        bounded("prompt", self.prompt.as_deref().unwrap_or_default(), MAX_PROMPT_CHARS)?;
        language("language", self.language.as_ref())?;
        Ok((self, Vec::new()))
    }

    fn fields(&self) -> Fields {
        let question = self.prompt.as_deref().unwrap_or(QUESTION);
        let asked = match &self.language {
            Some(language) => format!("{question}\nAnswer in this language: {language}."),
            None => question.to_owned(),
        };
        Fields::default().with("prompt", asked).maybe("language", self.language.as_ref())
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
        matches!(content, Content::Text(_))
    }
}
