//! `image.edit`: one to four pictures changed as words say, within a mask or as a whole.

use super::{Choice, Fields, Task, files, no_place};
use crate::media::{Content, Failure, ImageRequest, Mask, Medium, Picture};
use serde::{Deserialize, Serialize};

/// Most pictures in a request.
pub const MAX_IMAGES: usize = 4;
/// How much of a picture a model that starts from its pixels may change, where the request does not say.
const STRENGTH: f32 = 0.8;

/// A wish to change pictures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageEdit {
    /// What to change them to, and how. Its own `init` and `mask` are absent.
    #[serde(flatten)]
    pub drawing: ImageRequest,
    /// The pictures, the one to change first.
    #[serde(skip)]
    pub images: Vec<Medium>,
    /// What of the first to change: its transparent part, or white where nothing is transparent.
    #[serde(skip)]
    pub mask: Option<Medium>,
}

impl ImageEdit {
    /// The same for a model that starts from the pixels of one picture.
    ///
    /// # Errors
    /// [`Failure::Missing`] for more than one picture; as [`Picture::decode`] and [`ImageRequest::checked`].
    pub fn as_drawing(&self) -> Result<ImageRequest, Failure> {
        let [image] = self.images.as_slice() else {
            let message = format!("a local model changes one picture, and there are {}", self.images.len());
            return Err(Failure::Missing { message });
        };
        let mask = match &self.mask {
            Some(mask) => Some(Mask::decode(&mask.bytes, "mask")?),
            None => Mask::of_transparency(&image.bytes, "image")?,
        };
        // A single step is only possible at full strength.
        let usual = if self.drawing.steps == Some(1) { 1.0 } else { STRENGTH };
        let request = ImageRequest {
            init: Some(Picture::decode(&image.bytes, "image")?),
            mask,
            strength: Some(self.drawing.strength.unwrap_or(usual)),
            ..self.drawing.clone()
        };
        request.checked().map(|(request, _)| request)
    }
}

impl Task for ImageEdit {
    const NAME: &'static str = "image.edit";

    fn choice(&self) -> &Choice {
        &self.drawing.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.drawing.choice
    }

    fn checked(mut self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        files("image", self.images.len(), elsewhere, MAX_IMAGES)?;
        // Strength belongs to a picture, which these checks do not see.
        let strength = self.drawing.strength.take();
        if strength.is_some_and(|s| !(s > 0.0 && s <= 1.0)) {
            return Err(Failure::invalid("strength", "`strength` must be above 0 and at most 1"));
        }
        let (drawing, notices) = self.drawing.checked()?;
        Ok((Self { drawing: ImageRequest { strength, ..drawing }, ..self }, notices))
    }

    fn units(&self) -> u32 {
        self.drawing.count
    }

    fn fields(&self) -> Fields {
        self.drawing.fields().maybe("strength", self.drawing.strength)
    }

    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        let mut media: Vec<_> = self.images.iter().map(|image| ("image", image.clone())).collect();
        if let Some(mask) = &self.mask {
            // Services want what is to change transparent; white is accepted here, too.
            let mask = Mask::decode(&mask.bytes, "mask")?.to_transparency()?;
            media.push(("mask", Medium::new(mask, "image/png")));
        }
        Ok(media)
    }

    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        let images = std::mem::take(&mut self.images).into_iter().map(|image| ("image", image));
        Ok(images.chain(self.mask.take().map(|mask| ("mask", mask))).collect())
    }

    fn attach(&mut self, name: &str, medium: Medium) -> Result<(), Failure> {
        match name {
            "image" => self.images.push(medium),
            "mask" => self.mask = Some(medium),
            other => return no_place(Self::NAME, other),
        }
        Ok(())
    }

    fn prompt(&self) -> Option<&str> {
        Some(&self.drawing.prompt)
    }

    fn set_prompt(&mut self, prompt: String) {
        self.drawing.prompt = prompt;
    }

    fn fits(content: &Content) -> bool {
        ImageRequest::fits(content)
    }
}
