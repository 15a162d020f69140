//! `image.upscale`: a picture made larger.

use super::{Choice, Fields, Task, files, no_place};
use crate::media::picture::MAX_MADE_PIXELS;
use crate::media::{Content, Failure, Medium, Picture};
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

impl ImageUpscale {
    /// Its picture, which can be made so much larger.
    ///
    /// # Errors
    /// [`Failure::TooBig`] when the result would have more than [`MAX_MADE_PIXELS`]; as [`Picture::decode`].
    pub fn picture(&self) -> Result<Picture, Failure> {
        let image = self.image.as_ref().ok_or_else(|| Failure::internal("the picture to enlarge is not here"))?;
        let picture = Picture::decode(&image.bytes, "image")?;
        self.check_result(picture.width, picture.height)?;
        Ok(picture)
    }

    fn check_result(&self, width: u32, height: u32) -> Result<(), Failure> {
        let side = |side: u32| u64::from(side) * u64::from(self.scale);
        let (width, height) = (side(width), side(height));
        let pixels = width * height;
        if pixels <= MAX_MADE_PIXELS {
            return Ok(());
        }
        let message = format!(
            "`image` would become {width}x{height}, {pixels} pixels; at most {MAX_MADE_PIXELS} pixels are made"
        );
        Err(Failure::TooBig { message })
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
        if let Some(image) = &self.image {
            let (width, height) = Picture::size_of(&image.bytes, "image")?;
            self.check_result(width, height)?;
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
