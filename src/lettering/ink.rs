//! The letters themselves: their shapes, outline and shadow, and emoji, which bring their own colours.

use super::contrast;
use super::fonts::Fonts;
use super::page::{Frame, Pixels};
use super::paint::{self, Coverage, Layer};
use super::style::{Colour, Horizontal, Length, Outline, Shadow, Style};
use super::typeset::Typeset;
use crate::media::Picture;
use cosmic_text::{Command, SwashContent};
use tiny_skia::{LineJoin, Path, PathBuilder, Stroke};

/// Widths of outlines: one that is wished, and one that only helps reading; percent of the letters' size.
const OUTLINE: Length = Length::Percent(8.0);
const HELPING: Length = Length::Percent(5.0);
/// How well the helping one is seen.
const HELPING_OPACITY: f32 = 0.6;
/// How far a shadow falls and how soft it is, percent of the letters' size, and how well it is seen.
const DISTANCE: Length = Length::Percent(6.0);
const SOFTNESS: Length = Length::Percent(4.0);
const SHADOW_OPACITY: f32 = 0.75;
/// So many radiuses away a blur has ended.
const REACH: f32 = 3.0;

/// How the letters are coloured.
pub(super) struct Ink {
    pub colour: Colour,
    /// Whether they could be hard to read on what is beneath.
    pub hard: bool,
}

/// A glyph that is a picture of its own.
struct Emoji {
    x: i64,
    y: i64,
    width: u32,
    /// Red, green, blue and opacity of each pixel.
    rgba: Vec<u8>,
}

/// What is drawn of a text.
struct Shapes {
    letters: Option<Path>,
    emoji: Vec<Emoji>,
}

/// How far outline and shadow reach beyond the letters.
pub(super) fn reach(style: &Style, letters: f32) -> f32 {
    let outline = match style.outline {
        Outline::Of { width, .. } => width.unwrap_or(OUTLINE).of(letters),
        Outline::Automatic => HELPING.of(letters),
        Outline::Without => 0.0,
    };
    let shadow = style.shadow.map_or(0.0, |shadow| {
        let (distance, softness) = measures(&shadow, letters);
        distance + softness * REACH
    });
    outline.max(shadow)
}

fn measures(shadow: &Shadow, letters: f32) -> (f32, f32) {
    (shadow.distance.unwrap_or(DISTANCE).of(letters), shadow.blur.unwrap_or(SOFTNESS).of(letters))
}

/// Writes a text that is set into a frame.
pub(super) fn write(
    fonts: &mut Fonts,
    picture: &mut Picture,
    frame: &Frame,
    (set, style, ink): (&Typeset, &Style, &Ink),
) {
    let shapes = shapes(fonts, set, frame, style.align.unwrap_or(style.horizontal));
    // A letter may stick out of its line by about its own size.
    let pixels = frame.grown(reach(style, set.size) + set.size).pixels(picture);
    if pixels.width == 0 || pixels.height == 0 {
        return;
    }
    let mut layers = Vec::new();
    layers.extend(style.shadow.map(|shadow| cast(&shapes, &shadow, pixels, (ink, set.size))));
    if let Some(letters) = &shapes.letters {
        layers.extend(line_around(letters, style, pixels, (ink, set.size)));
        layers.push(Layer { coverage: Coverage::of(letters, pixels), colour: ink.colour, opacity: 1.0 });
    }
    let opacity = f32::from(style.opacity) / 100.0;
    paint::lay(picture, &layers, opacity);
    for emoji in &shapes.emoji {
        emoji.stamp(picture, opacity);
    }
}

fn cast(shapes: &Shapes, shadow: &Shadow, pixels: Pixels, (ink, letters): (&Ink, f32)) -> Layer {
    let (distance, softness) = measures(shadow, letters);
    let moved = |path: &Path| path.clone().transform(tiny_skia::Transform::from_translate(distance, distance));
    let path = shapes.letters.as_ref().and_then(moved);
    let none = || Coverage { pixels, values: vec![0; pixels.width as usize * pixels.height as usize] };
    let mut coverage = path.map_or_else(none, |path| Coverage::of(&path, pixels));
    #[allow(clippy::cast_possible_truncation, reason = "a distance of some pixels")]
    let by = distance.round() as i64;
    for emoji in &shapes.emoji {
        for (x, y, rgba) in emoji.pixels() {
            coverage.raise((x + by, y + by), rgba[3]);
        }
    }
    let colour = shadow.colour.unwrap_or_else(|| contrast::against(ink.colour));
    Layer { coverage: coverage.blurred(softness), colour, opacity: SHADOW_OPACITY }
}

fn line_around(letters: &Path, style: &Style, pixels: Pixels, (ink, size): (&Ink, f32)) -> Option<Layer> {
    let (colour, width, opacity) = match style.outline {
        Outline::Of { colour, width } => (colour, width.unwrap_or(OUTLINE), 1.0),
        Outline::Automatic if ink.hard => (None, HELPING, HELPING_OPACITY),
        Outline::Automatic | Outline::Without => return None,
    };
    // Half of a stroke lies within the letters.
    let stroke = Stroke { width: 2.0 * width.of(size), line_join: LineJoin::Round, ..Stroke::default() };
    let path = letters.stroke(&stroke, 1.0)?;
    let colour = colour.unwrap_or_else(|| contrast::against(ink.colour));
    Some(Layer { coverage: Coverage::of(&path, pixels), colour, opacity })
}

fn shapes(fonts: &mut Fonts, set: &Typeset, frame: &Frame, align: Horizontal) -> Shapes {
    let mut letters = PathBuilder::new();
    let mut emoji = Vec::new();
    for line in &set.lines {
        let free = frame.width - line.width;
        let left = match align {
            Horizontal::Left => 0.0,
            Horizontal::Centre => free / 2.0,
            Horizontal::Right => free,
        };
        for glyph in &line.glyphs {
            let at = (frame.left + left + glyph.x, frame.top + line.baseline + glyph.y);
            if fonts.is_emoji(glyph.key.font_id) {
                emoji.extend(picture_of(fonts, glyph.key, at));
            } else if let Some(commands) = fonts.glyphs.get_outline_commands_uncached(&mut fonts.system, glyph.key) {
                draw(&mut letters, &commands, at);
            }
        }
    }
    Shapes { letters: letters.finish(), emoji }
}

/// Outlines of fonts have their y upwards.
fn draw(path: &mut PathBuilder, commands: &[Command], (x, y): (f32, f32)) {
    for command in commands {
        match command {
            Command::MoveTo(to) => path.move_to(x + to.x, y - to.y),
            Command::LineTo(to) => path.line_to(x + to.x, y - to.y),
            Command::QuadTo(by, to) => path.quad_to(x + by.x, y - by.y, x + to.x, y - to.y),
            Command::CurveTo(by, and, to) => {
                path.cubic_to(x + by.x, y - by.y, x + and.x, y - and.y, x + to.x, y - to.y);
            }
            Command::Close => path.close(),
        }
    }
}

fn picture_of(fonts: &mut Fonts, key: cosmic_text::CacheKey, (x, y): (f32, f32)) -> Option<Emoji> {
    let image = fonts.glyphs.get_image_uncached(&mut fonts.system, key)?;
    if image.content != SwashContent::Color || image.placement.width == 0 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "places on a picture or not far from it")]
    let (x, y) = (x.round() as i64, y.round() as i64);
    let placement = image.placement;
    let (x, y) = (x + i64::from(placement.left), y - i64::from(placement.top));
    Some(Emoji { x, y, width: placement.width, rgba: image.data })
}

impl Emoji {
    fn pixels(&self) -> impl Iterator<Item = (i64, i64, &[u8])> {
        let width = i64::from(self.width);
        (0_i64..).zip(self.rgba.chunks_exact(4)).map(move |(at, rgba)| (self.x + at % width, self.y + at / width, rgba))
    }

    fn stamp(&self, picture: &mut Picture, opacity: f32) {
        for (x, y, rgba) in self.pixels() {
            let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { continue };
            let pixels = Pixels { x, y, width: 1, height: 1 };
            if let Some(at) = paint::offset(picture, pixels, (0, 0)) {
                let part = f32::from(rgba[3]) / 255.0;
                let colour = [rgba[0], rgba[1], rgba[2]].map(|channel| f32::from(channel) * part);
                paint::blend(&mut picture.rgb[at..at + 3], colour, part, opacity);
            }
        }
    }
}
