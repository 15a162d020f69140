//! The picture as a page: what lengths and sizes are in its pixels, and where a block of text goes.

use super::style::{Horizontal, Length, Margins, Size, Step, Style, Vertical};
use crate::media::Picture;

/// The usual distance from every edge: percent of the shorter side.
const MARGIN: f32 = 5.0;
/// The most that opposite margins may take of a side together.
const MOST_MARGIN: f32 = 0.9;

/// A picture's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Page {
    pub width: f32,
    pub height: f32,
}

/// A part of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

/// Whole pixels of a picture, all of them inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

#[allow(clippy::cast_precision_loss, reason = "sides of pictures are far below what f32 counts exactly")]
fn float(side: u32) -> f32 {
    side as f32
}

impl Page {
    /// The page that a picture is.
    pub fn of(picture: &Picture) -> Self {
        Self { width: float(picture.width), height: float(picture.height) }
    }

    /// The shorter side.
    pub fn shorter(&self) -> f32 {
        self.width.min(self.height)
    }

    /// The size of letters in pixels.
    pub fn letters(&self, size: Size) -> f32 {
        match size {
            Size::Exact(length) => length.of(self.shorter()).max(1.0),
            Size::Word(step) => {
                // A part of the shorter side, and on small pictures what can just be read.
                let (percent, least) = match step {
                    Step::Tiny => (3.0, 7.0),
                    Step::Small => (4.5, 9.0),
                    Step::Normal => (6.5, 11.0),
                    Step::Large => (10.0, 14.0),
                    Step::Huge => (16.0, 18.0),
                };
                Length::Percent(percent).of(self.shorter()).max(least)
            }
        }
    }

    /// The part within the margins.
    pub fn area(&self, margins: &Margins) -> Frame {
        let usual = Length::Px(Length::Percent(MARGIN).of(self.shorter()));
        let both = |near: Option<Length>, far: Option<Length>, side: f32| {
            let (near, far) = (near.unwrap_or(usual).of(side), far.unwrap_or(usual).of(side));
            let shrink = (side * MOST_MARGIN / (near + far)).min(1.0);
            if shrink.is_finite() { (near * shrink, far * shrink) } else { (near, far) }
        };
        let (left, right) = both(margins.left, margins.right, self.width);
        let (top, bottom) = both(margins.top, margins.bottom, self.height);
        Frame { left, top, width: self.width - left - right, height: self.height - top - bottom }
    }
}

impl Frame {
    /// Where a block of this size goes, on whole pixels.
    pub fn place(&self, style: &Style, (width, height): (f32, f32)) -> Self {
        let free = (self.width - width, self.height - height);
        let left = match style.horizontal {
            Horizontal::Left => 0.0,
            Horizontal::Centre => free.0 / 2.0,
            Horizontal::Right => free.0,
        };
        let top = match style.vertical {
            Vertical::Top => 0.0,
            Vertical::Middle => free.1 / 2.0,
            Vertical::Bottom => free.1,
        };
        let (left, top) = ((self.left + left).round(), (self.top + top).round());
        Self { left, top, width: width.ceil(), height: height.ceil() }
    }

    /// The same with so much more on every side.
    pub fn grown(&self, by: f32) -> Self {
        Self { left: self.left - by, top: self.top - by, width: self.width + 2.0 * by, height: self.height + 2.0 * by }
    }

    /// The pixels that it touches.
    pub fn pixels(&self, picture: &Picture) -> Pixels {
        let (x, width) = span(self.left, self.width, picture.width);
        let (y, height) = span(self.top, self.height, picture.height);
        Pixels { x, y, width, height }
    }
}

fn span(from: f32, length: f32, side: u32) -> (u32, u32) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the picture")]
    let pixel = |at: f32| at.clamp(0.0, float(side)) as u32;
    let start = pixel(from.floor());
    (start, pixel((from + length).ceil()).saturating_sub(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page { width: 1000.0, height: 500.0 };

    #[test]
    fn sizes_grow_with_the_picture_and_stay_readable_on_small_ones() {
        assert_eq!(PAGE.letters(Size::Word(Step::Large)), 50.0);
        assert_eq!(Page { width: 4000.0, height: 4000.0 }.letters(Size::Word(Step::Large)), 400.0);
        assert_eq!(Page { width: 64.0, height: 64.0 }.letters(Size::Word(Step::Large)), 14.0);
        assert_eq!(PAGE.letters(Size::Exact(Length::Percent(20.0))), 100.0);
    }

    #[test]
    fn margins_are_of_their_own_side_and_leave_some_room() {
        let margins =
            Margins { bottom: Some(Length::Percent(10.0)), left: Some(Length::Px(7.0)), ..Margins::default() };
        assert_eq!(PAGE.area(&margins), Frame { left: 7.0, top: 25.0, width: 968.0, height: 425.0 });
        let greedy = Margins { top: Some(Length::Percent(80.0)), bottom: Some(Length::Px(1000.0)), ..margins };
        let area = PAGE.area(&greedy);
        assert!((area.height - 50.0).abs() < 0.01, "{area:?}");
    }

    #[test]
    fn nine_places_are_nine() {
        let area = PAGE.area(&Margins::default());
        for (vertical, top) in [(Vertical::Top, 25.0), (Vertical::Middle, 200.0), (Vertical::Bottom, 375.0)] {
            for (horizontal, left) in
                [(Horizontal::Left, 25.0), (Horizontal::Centre, 450.0), (Horizontal::Right, 875.0)]
            {
                let style = Style { vertical, horizontal, ..Style::default() };
                let placed = area.place(&style, (100.0, 100.0));
                assert_eq!((placed.left, placed.top), (left, top));
            }
        }
    }
}
