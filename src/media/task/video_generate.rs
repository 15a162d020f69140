//! `video.generate`: a short film from words, or from a picture and words.

use super::{Choice, Fields, Task, no_place, required};
use crate::media::image::{MAX_PROMPT_CHARS, MAX_SEED};
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest film, in seconds.
const MAX_SECONDS: u32 = 15;

/// A wish for a film.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct VideoGenerate {
    /// What to show.
    pub prompt: String,
    /// The first picture of it.
    #[serde(skip)]
    #[schema(ignore)]
    pub image: Option<Medium>,
    /// How long, 1 to 15; who has only some lengths makes the nearest.
    pub seconds: Option<u32>,
    /// Its shape, such as `16:9`.
    pub aspect: Option<String>,
    /// Makes the answer repeatable where the one who answers can.
    pub seed: Option<u64>,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Task for VideoGenerate {
    const NAME: &'static str = "video.generate";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(self, _: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        required("prompt", &self.prompt, MAX_PROMPT_CHARS)?;
        if let Some(seconds) = self.seconds
            && !(1..=MAX_SECONDS).contains(&seconds)
        {
            let message = format!("`seconds` is {seconds}; 1 to {MAX_SECONDS} are possible");
            return Err(Failure::invalid("seconds", message));
        }
        let shapes = ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"];
        if self.aspect.as_deref().is_some_and(|aspect| !shapes.contains(&aspect)) {
            return Err(Failure::invalid("aspect", format!("`aspect` must be one of {}", shapes.join(", "))));
        }
        if self.seed.is_some_and(|seed| seed > MAX_SEED) {
            return Err(Failure::invalid("seed", format!("`seed` must be from 0 to {MAX_SEED}")));
        }
        Ok((self, Vec::new()))
    }

    fn effort(&self) -> u64 {
        u64::from(self.seconds.unwrap_or(1))
    }

    fn fields(&self) -> Fields {
        Fields::default()
            .with("prompt", &self.prompt)
            .maybe("seconds", self.seconds)
            .maybe("aspect", self.aspect.as_ref())
            .maybe("seed", self.seed)
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

    fn prompt(&self) -> Option<&str> {
        Some(&self.prompt)
    }

    fn set_prompt(&mut self, prompt: String) {
        self.prompt = prompt;
    }

    fn fits(content: &Content) -> bool {
        matches!(content, Content::Video(_))
    }
}
