//! `image.upscale`: a picture made larger.

use super::{Choice, Fields, Task, files, no_place};
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wish for a larger picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ImageUpscale {
    /// The picture.
    #[serde(skip)]
    #[schema(ignore)]
    pub image: Option<Medium>,
    /// How much wider and higher: 2 or 4.
    pub scale: u32,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Default for ImageUpscale {
    fn default() -> Self {
        Self { image: None, scale: 2, choice: Choice::default() }
    }
}

impl Task for ImageUpscale {
    const NAME: &'static str = "image.upscale";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        files("image", usize::from(self.image.is_some()), elsewhere, 1)?;
        if !matches!(self.scale, 2 | 4) {
            return Err(Failure::invalid("scale", format!("`scale` is {}; 2 and 4 are possible", self.scale)));
        }
        Ok((self, Vec::new()))
    }

    fn fields(&self) -> Fields {
        Fields::default().with("scale", self.scale)
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
