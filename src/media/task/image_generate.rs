//! `image.generate`: pictures from words; from a picture and words where a local model draws.

use super::{Choice, Fields, Task, no_place};
use crate::media::image::MAX_SEED;
use crate::media::{Content, Failure, ImageRequest, Mask, Medium, Picture};

impl Task for ImageRequest {
    const NAME: &'static str = "image.generate";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(mut self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        if elsewhere.contains(&"mask") && self.init.is_none() && !elsewhere.contains(&"image") {
            return Err(Failure::invalid("mask", "a mask needs a picture to change"));
        }
        // Strength belongs to a picture, which these checks do not see when it lies elsewhere.
        let strength = if elsewhere.contains(&"image") { self.strength.take() } else { None };
        let (request, notices) = Self::checked(self)?;
        let strength = strength.or(request.strength);
        Ok((Self { strength, ..request }, notices))
    }

    fn units(&self) -> u32 {
        self.count
    }

    fn fields(&self) -> Fields {
        Fields::default()
            .with("prompt", &self.prompt)
            .maybe("negative", self.negative.as_ref())
            .maybe("seed", self.seed.map(|seed| seed % MAX_SEED))
            .maybe("steps", self.steps)
            .with_size(self.width, self.height)
            .maybe("guidance", self.guidance)
            .with("n", self.count)
    }

    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        let mut media = Vec::new();
        if let Some(init) = &self.init {
            media.push(("image", png(init)?));
        }
        if let Some(mask) = &self.mask {
            media.push(("mask", png(&mask.to_picture())?));
        }
        Ok(media)
    }

    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        let media = self.media()?;
        (self.init, self.mask) = (None, None);
        Ok(media)
    }

    fn attach(&mut self, name: &str, medium: Medium) -> Result<(), Failure> {
        match name {
            "image" => self.init = Some(Picture::decode(&medium.bytes, "image")?),
            "mask" => self.mask = Some(Mask::decode(&medium.bytes, "mask")?),
            other => return no_place(Self::NAME, other),
        }
        Ok(())
    }

    fn prompt(&self) -> Option<&str> {
        Some(&self.prompt)
    }

    fn set_prompt(&mut self, prompt: String) {
        self.prompt = prompt;
    }

    fn fits(content: &Content) -> bool {
        matches!(content, Content::Pictures(result) if !result.pictures.is_empty())
    }
}

fn png(picture: &Picture) -> Result<Medium, Failure> {
    Ok(Medium::new(picture.to_png(&[])?, "image/png"))
}
