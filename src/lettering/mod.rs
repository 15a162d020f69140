//! Text on pictures: a picture, a text and a wish in plain words become a picture with the text on it.
//!
//! `wish` reads the words, `typeset` breaks the text into lines that fit, `page` says where they go, `contrast` which
//! colour is read there, `plate` and `ink` draw. Nothing here waits, and it must not know who asks or what else answers.

mod contrast;
mod emoji;
mod fonts;
mod ink;
mod page;
mod paint;
mod plate;
mod remark;
pub mod style;
mod typeset;
pub mod wish;

pub use fonts::Settings;
pub use remark::Remark;

use crate::media::{Failure, Picture};
use contrast::Backdrop;
use fonts::Fonts;
use ink::Ink;
use page::Page;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use style::{Colour, Plate, Style};
use typeset::{Copy, Typeset};
use wish::Wish;

/// Letters smaller than this, in pixels, are told of.
const HARD_TO_READ: f32 = 7.0;

/// A picture with a text on it.
#[derive(Debug)]
pub struct Lettered {
    /// The picture.
    pub picture: Picture,
    /// What should be said about it.
    pub remarks: Vec<Remark>,
}

/// Puts texts on pictures, one after the other.
pub struct Letterer {
    settings: Settings,
    /// Read when the first text comes.
    fonts: Mutex<Option<Fonts>>,
}

impl Letterer {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, fonts: Mutex::default() }
    }

    /// Whether the fonts are there.
    ///
    /// # Errors
    /// [`Failure::Missing`] with the packages to install.
    pub fn probe(&self) -> Result<(), Failure> {
        fonts::find(&self.settings.folder)
    }

    /// When the fonts were installed.
    #[must_use]
    pub fn installed_at(&self) -> Option<SystemTime> {
        fonts::installed_at(&self.settings.folder)
    }

    /// The picture with the text on it, in the style that `wish` describes. Not for an async thread.
    ///
    /// # Errors
    /// [`Failure::Missing`] when the fonts are not there, [`Failure::Internal`] when the picture is none.
    pub fn letter(&self, picture: &Picture, text: &str, wish: &str) -> Result<Lettered, Failure> {
        let Wish { style, unknown } = wish::read(wish);
        let mut lettered = self.letter_in(picture, text, &style)?;
        if !unknown.is_empty() {
            lettered.remarks.insert(0, Remark::NotUnderstood(unknown));
        }
        Ok(lettered)
    }

    /// The same in a style that is known.
    ///
    /// # Errors
    /// As [`Self::letter`].
    pub fn letter_in(&self, picture: &Picture, text: &str, style: &Style) -> Result<Lettered, Failure> {
        if picture.rgb.len() != picture.width as usize * picture.height as usize * 3 || picture.rgb.is_empty() {
            return Err(Failure::internal("a picture's pixels do not match its size"));
        }
        let mut fonts = self.fonts.lock().unwrap_or_else(PoisonError::into_inner);
        // What broke in the middle of a text is not used again.
        let mut own = match fonts.take() {
            Some(fonts) => fonts,
            None => Fonts::load(&self.settings.folder)?,
        };
        let lettered = letter(&mut own, picture, text.trim(), style);
        *fonts = Some(own);
        Ok(lettered)
    }
}

fn letter(fonts: &mut Fonts, picture: &Picture, text: &str, style: &Style) -> Lettered {
    let page = Page::of(picture);
    let area = page.area(&style.margins);
    // What surrounds the letters must stay within the margins, too.
    let around = |size: f32| match &style.plate {
        Some(plate) => plate::padding(plate, &page, size),
        None => (ink::reach(style, size), ink::reach(style, size)),
    };
    let wished = page.letters(style.size);
    let copy = Copy { text, bold: style.bold, size: wished, exact: matches!(style.size, style::Size::Exact(_)) };
    let set = Typeset::fit(fonts, &copy, |size| {
        let (across, up) = around(size);
        (area.width - 2.0 * across, area.height - 2.0 * up)
    });
    let (across, up) = around(set.size);
    let block = area.place(style, (set.width() + 2.0 * across, set.height() + 2.0 * up));
    let lines = page::Frame {
        left: block.left + across,
        top: block.top + up,
        width: block.width - 2.0 * across,
        height: block.height - 2.0 * up,
    };
    let mut lettered = picture.clone();
    if let Some(plate) = &style.plate {
        let beneath = Backdrop::of(picture, block.pixels(picture));
        plate::lay(&mut lettered, &block, plate, plate_colour(plate, style, &beneath), set.size);
    }
    let (best, hard) = Backdrop::of(&lettered, block.pixels(picture)).best();
    // A colour that was named is what was wished, read well or not.
    let ink = Ink { colour: style.colour.unwrap_or(best), hard: hard && style.colour.is_none() };
    ink::write(fonts, &mut lettered, &lines, (&set, style, &ink));
    Lettered { picture: lettered, remarks: remarks(&set, &copy) }
}

/// A plate contrasts with the text; without a colour of either, the text is what would be read on the picture itself.
fn plate_colour(plate: &Plate, style: &Style, beneath: &Backdrop) -> Colour {
    plate.colour.unwrap_or_else(|| contrast::against(style.colour.unwrap_or_else(|| beneath.best().0)))
}

fn remarks(set: &Typeset, copy: &Copy<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let smaller = set.size < copy.size * 0.98;
    if smaller && copy.exact || set.size < HARD_TO_READ {
        remarks.push(Remark::Smaller { px: set.size });
    }
    if !set.shapeless.is_empty() {
        remarks.push(Remark::Shapeless(set.shapeless.clone()));
    }
    remarks
}

#[cfg(test)]
mod tests;
