//! Letters in lines: shaped, wrapped, and small enough for the room there is.

use super::emoji;
use super::fonts::{EMOJI, Fonts, LETTERS};
use cosmic_text::{
    Align, Attrs, Buffer, CacheKey, CacheKeyFlags, Family, LayoutGlyph, LayoutRun, Metrics, Shaping, Weight, Wrap,
};

/// Height of a line, in sizes of letters.
const LINE: f32 = 1.25;
/// The smallest letters, in pixels: they only show that there is a text.
const LEAST: f32 = 1.0;
/// How far letters whose size is a word may shrink before a line is wrapped, and before a long word is broken.
const BEFORE_WRAPPING: f32 = 0.75;
const BEFORE_BREAKING: f32 = 0.5;
/// Halvings in the search for the largest size that fits.
const HALVINGS: u32 = 12;

/// What is to be set.
pub(super) struct Copy<'a> {
    pub text: &'a str,
    pub bold: bool,
    /// The size of letters that is wished, in pixels.
    pub size: f32,
    /// Whether it is kept where a word is too long for a line.
    pub exact: bool,
}

/// A text in lines.
pub(super) struct Typeset {
    /// The size of letters, in pixels.
    pub size: f32,
    pub lines: Vec<Line>,
    /// What no font has a shape for.
    pub shapeless: String,
}

/// A line.
pub(super) struct Line {
    pub glyphs: Vec<Glyph>,
    /// From the first letter to the end of the last one.
    pub width: f32,
    /// Its baseline, from the top of the text.
    pub baseline: f32,
}

/// A glyph, from the left end of the baseline.
pub(super) struct Glyph {
    pub key: CacheKey,
    pub x: f32,
    pub y: f32,
}

impl Typeset {
    /// Sets a text in the wished size, or the largest that fits. `room`: the width and height there is for letters of a
    /// size.
    pub fn fit(fonts: &mut Fonts, copy: &Copy<'_>, room: impl Fn(f32) -> (f32, f32)) -> Self {
        let mut buffer = shaped(fonts, copy);
        let mut size = copy.size;
        let spared =
            [(Wrap::None, BEFORE_WRAPPING), (Wrap::Word, BEFORE_BREAKING)].into_iter().find_map(|(wrap, least)| {
                let share = room(size).0 / lay(fonts, &mut buffer, size, (wrap, 1.0)).0;
                // A little less, for the division is not exact.
                (share >= least).then_some(share.min(1.0) * 0.999)
            });
        size *= spared.filter(|_| !copy.exact).unwrap_or(1.0);
        let mut fits = |size: f32| {
            let (width, height) = room(size);
            lay(fonts, &mut buffer, size, (Wrap::WordOrGlyph, width)).1 <= height
        };
        if !fits(size) {
            let (mut small, mut large) = (LEAST.min(size), size);
            for _ in 0..HALVINGS {
                let middle = f32::midpoint(small, large);
                *(if fits(middle) { &mut small } else { &mut large }) = middle;
            }
            size = small;
        }
        lay(fonts, &mut buffer, size, (Wrap::WordOrGlyph, room(size).0));
        Self::of(&buffer, size)
    }

    fn of(buffer: &Buffer, size: f32) -> Self {
        let mut shapeless = String::new();
        let lines = buffer.layout_runs().map(|run| {
            for glyph in run.glyphs.iter().filter(|glyph| glyph.glyph_id == 0) {
                let cluster = run.text.get(glyph.start..glyph.end).unwrap_or_default();
                shapeless.extend(cluster.chars().filter(|c| !shapeless.contains(*c)).collect::<Vec<_>>());
            }
            line(&run)
        });
        let lines = lines.collect();
        Self { size, lines, shapeless }
    }

    /// The width of the widest line.
    pub fn width(&self) -> f32 {
        self.lines.iter().map(|line| line.width).fold(0.0, f32::max)
    }

    /// The height of all lines.
    #[allow(clippy::cast_precision_loss, reason = "a thousand lines at most")]
    pub fn height(&self) -> f32 {
        self.lines.len() as f32 * self.size * LINE
    }
}

fn shaped(fonts: &mut Fonts, copy: &Copy<'_>) -> Buffer {
    let weight = if copy.bold { Weight::BOLD } else { Weight::NORMAL };
    let plain = Attrs::new().family(Family::Name(LETTERS)).cache_key_flags(CacheKeyFlags::DISABLE_HINTING);
    let letters = plain.clone().weight(weight);
    let pictures = plain.family(Family::Name(EMOJI));
    let mut buffer = Buffer::new_empty(Metrics::relative(copy.size, LINE));
    let spans = emoji::parts(copy.text).into_iter();
    let spans = spans.map(|(part, emoji)| (part, if emoji { pictures.clone() } else { letters.clone() }));
    buffer.set_rich_text(spans, &letters, Shaping::Advanced, Some(Align::Left));
    buffer.shape_until_scroll(&mut fonts.system, false);
    buffer
}

/// Lays the lines anew; the width of the widest and the height of all.
fn lay(fonts: &mut Fonts, buffer: &mut Buffer, size: f32, (wrap, width): (Wrap, f32)) -> (f32, f32) {
    buffer.set_wrap(wrap);
    buffer.set_metrics_and_size(Metrics::relative(size, LINE), Some(width.max(0.0)), None);
    buffer.shape_until_scroll(&mut fonts.system, false);
    buffer.layout_runs().fold((0.0, 0.0), |(widest, height), run| {
        let (left, right) = extent(&run);
        (f32::max(widest, right - left), height + run.line_height)
    })
}

/// Where the first letter of a line begins and the last one ends; blanks at the ends do not count.
fn extent(run: &LayoutRun<'_>) -> (f32, f32) {
    let text = |glyph: &LayoutGlyph| run.text.get(glyph.start..glyph.end).unwrap_or_default();
    let seen = run.glyphs.iter().filter(|glyph| !text(glyph).trim().is_empty());
    let ends = seen.fold(None, |ends: Option<(f32, f32)>, glyph| {
        let (left, right) = ends.unwrap_or((f32::MAX, f32::MIN));
        Some((left.min(glyph.x), right.max(glyph.x + glyph.w)))
    });
    ends.unwrap_or((0.0, 0.0))
}

fn line(run: &LayoutRun<'_>) -> Line {
    let (left, right) = extent(run);
    let glyph = |glyph: &LayoutGlyph| {
        let (font, size, weight) = (glyph.font_id, glyph.font_size, glyph.font_weight);
        let (key, _, _) = CacheKey::new(font, glyph.glyph_id, size, (0.0, 0.0), weight, glyph.cache_key_flags);
        Glyph { key, x: glyph.x - left + size * glyph.x_offset, y: glyph.y - size * glyph.y_offset }
    };
    Line { glyphs: run.glyphs.iter().map(glyph).collect(), width: right - left, baseline: run.line_y }
}
