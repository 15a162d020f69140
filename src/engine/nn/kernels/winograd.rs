//! 3×3 convolutions that keep the size, by Winograd's F(4×4, 3×3), 36 products where the plain way has 144, or
//! F(6×6, 3×3), 64 where it has 324.
//!
//! The map is cut into tiles of 4×4 or 6×6 outputs. A tile's inputs and the 3×3 weights are transformed to points
//! ([`super::winograd_transforms`]); what is left are as many matrix products over the
//! channels, and the transform of their sums back to outputs. Weights are transformed when they are used, from
//! the panels in their stored precision: four to seven times as many would have to be kept else.
//!
//! A rectangle of tiles is worked on at a time. First its input is made ready (norm, activation, larger, borders filled with
//! zeros), then it is transformed, then a task takes some tiles and some panels. What lies where:
//! ready input `[row][chunk][column][32]`, sums `[panel][point][tile][32]`, and what is multiplied as
//! [`super::winograd_points`] says.

use super::conv::{Input, Window};
use super::gemm::grow;
use super::level::Level;
use super::output::{Finish, Output, finish_block};
use super::panels::Panels;
use super::threads;
use super::tile::{Before, WIDE};
use super::winograd_points::{Numbers, Part, Rounded, Wide, WidePoint};
use super::winograd_transforms::{FOUR, MOST, SIX, Transforms};
use std::ops::Range;

/// Bytes of a rectangle's transformed input for each thread: they should stay in the last cache, which others use too.
const TRANSFORMED: usize = 1 << 20;
/// Chunks of channels that a task transforms weights of at a time.
pub const CHUNKS: usize = 2;
/// From a tap of widened weights to the next: 16 more than there are, or all of them would fall into the same few lines of
/// the first cache.
const WEIGHTS: usize = CHUNKS * WIDE * WIDE + 16;
/// Most bytes of transformed weights that are kept while a convolution is computed: they should stay in the last cache.
const MADE: usize = 20 << 20;
/// Channels from which products are most of the work: with 64, large tiles were as fast as small ones.
const MANY: usize = 128;

/// How a map is cut, so that a task's sums and weights stay in the second cache.
#[derive(Clone, Copy)]
struct Cut {
    /// Those of tiles of its size.
    transforms: &'static Transforms,
    /// Most tiles of a task.
    tiles: usize,
    /// Panels it takes at once.
    panels: usize,
}

impl Cut {
    /// Into large tiles, which round more and whose weights are transformed to more points, where these save a sixth of the
    /// products, fill a rectangle, and products are most of the work.
    fn of<N: Numbers>(level: Level, (height, width): (usize, usize), channels: usize) -> Self {
        let tiles = |t: &Transforms| height.div_ceil(t.side) * width.div_ceil(t.side);
        let large = Self::with::<N>(&SIX, level);
        let saves = tiles(&SIX) * SIX.points() * 6 < tiles(&FOUR) * FOUR.points() * 5;
        let fit = saves && tiles(&SIX) >= 2 * large.tiles && channels >= MANY;
        if fit { large } else { Self::with::<N>(&FOUR, level) }
    }

    /// Tiles of one size.
    fn with<N: Numbers>(transforms: &'static Transforms, level: Level) -> Self {
        let (tiles, panels) = match (level, transforms.side) {
            (Level::Portable | Level::Avx2, 4) => (48, 1),
            (Level::Portable | Level::Avx2, _) => (30, 1),
            (Level::Avx512 | Level::Vnni, 4) => (96, 2),
            (Level::Avx512 | Level::Vnni, _) => (56, 2),
        };
        Self { transforms, tiles: tiles * size_of::<f32>() / N::BYTES, panels }
    }
}

/// Whether this is the way for such a convolution.
pub fn serves(input: &Input, window: Window) -> bool {
    let (height, width) = input.seen();
    window == Window { size: 3, stride: 1, before: 1, after: 1 } && input.channels >= WIDE && height * width >= 64
}

/// A rectangle of tiles of one picture, as wide as what is above it.
pub struct Rectangle {
    cut: Cut,
    picture: usize,
    /// First row of tiles, and first column.
    top: usize,
    left: usize,
    /// Tiles a row, and in all.
    across: usize,
    tiles: usize,
    /// Blocks of tiles that are worked on by themselves.
    pub blocks: usize,
    /// Most tiles of a block.
    pub most: usize,
}

impl Rectangle {
    /// The transforms of its tiles.
    pub fn transforms(&self) -> &'static Transforms {
        self.cut.transforms
    }

    /// The tiles of a block.
    pub fn block(&self, block: usize) -> Range<usize> {
        block * self.tiles / self.blocks..(block + 1) * self.tiles / self.blocks
    }

    /// From a point of a block to the next, as with [`WEIGHTS`].
    pub fn point(&self) -> usize {
        self.most * WIDE + 16
    }

    /// Values of a chunk of a block, at all points.
    pub fn part(&self) -> usize {
        self.cut.transforms.points() * self.point()
    }

    /// The pixels that a tile sees of a chunk of the ready input, and how far it is from a row of them to the next.
    pub fn inputs<'a>(&self, ready: &'a [f32], chunks: usize, (tile, chunk): (usize, usize)) -> (&'a [f32], usize) {
        let (side, seen) = (self.cut.transforms.side, self.cut.transforms.seen());
        let columns = side * self.across + 2;
        let row = chunks * columns * WIDE;
        let (y, x) = (tile / self.across * side, tile % self.across * side);
        (&ready[y * row + (chunk * columns + x) * WIDE..][..(seen - 1) * row + seen * WIDE], row)
    }
}

/// A 3×3 convolution with a border of one zero, finished.
///
/// # Panics
/// When the sizes disagree.
#[must_use]
pub fn convolve(level: Level, input: &Input, weight: &Panels, finish: Finish) -> Vec<f32> {
    if input.rounded {
        convolve_in::<Rounded>(level, input, weight, finish)
    } else {
        convolve_in::<Wide>(level, input, weight, finish)
    }
}

fn convolve_in<N: Numbers>(level: Level, input: &Input, weight: &Panels, finish: Finish) -> Vec<f32> {
    let values = TRANSFORMED / N::BYTES * threads::count();
    let cut = Cut::of::<N>(level, input.seen(), input.channels);
    let tiles = values / (input.channels.next_multiple_of(WIDE) * cut.transforms.points());
    in_rectangles::<N>(level, input, weight, finish, (cut, tiles.max(2 * cut.tiles)))
}

/// The same in rectangles of about as many tiles.
fn in_rectangles<N: Numbers>(
    level: Level,
    input: &Input,
    weight: &Panels,
    finish: Finish,
    (cut, tiles): (Cut, usize),
) -> Vec<f32> {
    let (height, width) = input.seen();
    let out = Output::of(input.batch() * height * width * weight.outputs());
    assert_eq!(weight.inputs(), 9 * input.channels);
    assert!(finish.plus.is_none_or(|plus| plus.len() == input.batch() * height * width * weight.outputs()));
    let (down, across) = (height.div_ceil(cut.transforms.side), width.div_ceil(cut.transforms.side));
    let chunks = input.channels.div_ceil(WIDE);
    let parts = across.div_ceil(tiles);
    let rows = tiles.div_ceil(across.div_ceil(parts)).min(down);
    let Area { mut ready, mut left, mut made } = N::area().take();
    let weight = Weight::<N>::of(level, weight, (cut, input.channels, across * down * input.batch()), &mut made);
    for (picture, part) in (0..input.batch()).flat_map(|picture| (0..parts).map(move |part| (picture, part))) {
        let (first, end) = (part * across / parts, (part + 1) * across / parts);
        for top in (0..down).step_by(rows) {
            let tiles = (end - first) * rows.min(down - top);
            let blocks = tiles.div_ceil(cut.tiles);
            let most = tiles.div_ceil(blocks);
            let area = Rectangle { cut, picture, top, left: first, across: end - first, tiles, blocks, most };
            make_ready(level, input, &area, rows, &mut ready);
            N::transform(level, &area, chunks, &ready, &mut left);
            multiply(level, input, &area, &left, &weight, (finish, &out));
        }
    }
    N::area().set(Area { ready, left, made });
    // SAFETY: the rectangles cover all pixels, their tasks all outputs of each.
    unsafe { out.finish() }
}

/// The rectangle's rows of input and one more on each side, `[row][chunk][column][32]`. The first two are the last two of
/// the rectangle above, of `above` rows of tiles.
fn make_ready(level: Level, input: &Input, area: &Rectangle, above: usize, ready: &mut Vec<f32>) {
    let side = area.cut.transforms.side;
    let columns = side * area.across + 2;
    let row = input.channels.div_ceil(WIDE) * columns * WIDE;
    let rows = side * (area.tiles / area.across) + 2;
    let had = if area.top == 0 { 0 } else { 2 };
    grow(ready, rows * row);
    ready.copy_within(side * above * row..(side * above + had) * row, 0);
    threads::each(ready[had * row..rows * row].chunks_mut(row).enumerate(), |(y, out)| {
        let y = (area.top * side + had + y).checked_sub(1);
        input.ready_row(level, (area.picture, y), (area.left * side, columns), out);
    });
}

/// A rectangle's input, ready and transformed, and weights that were transformed. Kept: fresh pages cost more than what is
/// computed on them.
pub struct Area<N: Numbers> {
    ready: Vec<f32>,
    left: N::Left,
    made: Vec<N::Right>,
}

impl<N: Numbers> Default for Area<N> {
    fn default() -> Self {
        Self { ready: Vec::new(), left: N::Left::default(), made: Vec::new() }
    }
}

/// What a thread works in.
pub struct Scratch<N: Numbers> {
    /// Weights of nine taps, and at all points in f32.
    taps: Vec<f32>,
    points: Vec<WidePoint>,
    weights: Vec<N::Right>,
    sums: Vec<f32>,
}

impl<N: Numbers> Default for Scratch<N> {
    fn default() -> Self {
        Self { taps: Vec::new(), points: Vec::new(), weights: Vec::new(), sums: Vec::new() }
    }
}

fn multiply<N: Numbers>(
    level: Level,
    input: &Input,
    area: &Rectangle,
    left: &N::Left,
    weight: &Weight<N>,
    (finish, out): (Finish, &Output),
) {
    let Cut { transforms, panels, .. } = area.cut;
    let Weight { panels: weight, made } = weight;
    let chunks = input.channels.div_ceil(WIDE);
    let (parts, points, part) = (chunks.div_ceil(CHUNKS), transforms.points(), area.part());
    let groups = weight.panels().div_ceil(panels);
    threads::each(0..area.blocks * groups, |task| {
        let (block, group) = (task / groups, task % groups);
        let panels = group * panels..weight.panels().min((group + 1) * panels);
        N::scratch().with_borrow_mut(|scratch| {
            let Scratch { taps, points: wide, weights, sums } = scratch;
            grow(sums, panels.len() * part);
            weights.resize(points, N::NONE);
            for first in (0..chunks).step_by(CHUNKS) {
                let here = CHUNKS.min(chunks - first);
                let before = if first == 0 { Before::Zero } else { Before::Kept };
                for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(part)) {
                    let right = if made.is_empty() {
                        let of = (first * WIDE, input.channels);
                        weights_of::<N>(level, transforms, (weight, panel), of, (taps, wide), weights);
                        &weights[..]
                    } else {
                        &made[(panel * parts + first / CHUNKS) * points..][..points]
                    };
                    let narrow = weight.width(panel) <= WIDE / 2;
                    N::multiply(level, Part { area, block, chunks, first, here }, left, (right, narrow), sums, before);
                }
            }
            for (panel, sums) in panels.zip(sums.chunks_exact(part)) {
                write(level, input.seen(), area, area.block(block), sums, (weight, panel), (finish, out));
            }
        });
    });
}

/// The weights of a convolution.
struct Weight<'a, N: Numbers> {
    panels: &'a Panels,
    /// All of them transformed, `[panel][two chunks][point]`; empty where they are many, or used about once.
    made: &'a [N::Right],
}

impl<'a, N: Numbers> Weight<'a, N> {
    fn of(
        level: Level,
        panels: &'a Panels,
        (cut, channels, tiles): (Cut, usize, usize),
        made: &'a mut Vec<N::Right>,
    ) -> Self {
        let (parts, points) = (channels.div_ceil(CHUNKS * WIDE), cut.transforms.points());
        let all = panels.panels() * parts * points;
        if all * size_of::<N::Right>() > MADE || tiles < 4 * cut.tiles {
            return Self { panels, made: &[] };
        }
        made.resize(made.len().max(all), N::NONE);
        threads::each(made[..all].chunks_exact_mut(points).enumerate(), |(i, to)| {
            let (panel, first) = (i / parts, i % parts * CHUNKS * WIDE);
            N::scratch().with_borrow_mut(|Scratch { taps, points, .. }| {
                weights_of::<N>(level, cut.transforms, (panels, panel), (first, channels), (taps, points), to);
            });
        });
        Self { panels, made: &made[..all] }
    }
}

/// The transformed weights of one panel and some channels from `first` on.
fn weights_of<N: Numbers>(
    level: Level,
    transforms: &Transforms,
    (weight, panel): (&Panels, usize),
    (first, channels): (usize, usize),
    (taps, points): (&mut Vec<f32>, &mut Vec<WidePoint>),
    to: &mut [N::Right],
) {
    let n = (CHUNKS * WIDE).min(channels - first);
    grow(taps, 9 * WEIGHTS);
    for tap in 0..9 {
        let range = tap * channels + first..tap * channels + first + n;
        weight.widen(level, panel, range, &mut taps[tap * WEIGHTS..][..n * WIDE]);
    }
    N::weights(level, transforms, (taps, WEIGHTS), n, points, to);
}

/// The outputs of some tiles and one panel.
fn write(
    level: Level,
    (height, width): (usize, usize),
    area: &Rectangle,
    tiles: Range<usize>,
    sums: &[f32],
    (weight, panel): (&Panels, usize),
    (finish, out): (Finish, &Output),
) {
    let point = area.point();
    let transforms = area.cut.transforms;
    let side = transforms.side;
    let (outputs, column, wide) = (weight.outputs(), panel * WIDE, weight.width(panel));
    let mut pixels = [0.0f32; MOST * MOST * WIDE];
    for (t, tile) in tiles.enumerate() {
        let (y, x) = ((area.top + tile / area.across) * side, (area.left + tile % area.across) * side);
        let from = &sums[t * WIDE..][..(transforms.points() - 1) * point + WIDE];
        // What the next tile adds and writes comes from memory meanwhile.
        for dy in 0..side {
            let next = ((area.picture * height + y + dy) * width + x + side) * outputs + column;
            (0..side).for_each(|dx| out.prefetch(next + dx * outputs, finish.plus));
        }
        // SAFETY: the tile's points lie in `from`, its pixels, of which there are no more, in `pixels`.
        unsafe { (transforms.sums)(level, from.as_ptr(), point, pixels.as_mut_ptr()) };
        let inside = side.min(width - x);
        for (dy, row) in pixels.chunks_exact_mut(side * WIDE).enumerate().take(side.min(height - y)) {
            let at = ((area.picture * height + y + dy) * width + x) * outputs + column;
            let row = &mut row[..inside * WIDE];
            let plus = finish.plus.map_or(&[][..], |plus| &plus[at..]);
            // SAFETY: each output of each pixel belongs to one tile and one panel.
            let to = unsafe { out.place(at, outputs) };
            finish_block(level, row, (column, wide), finish, (plus, outputs), to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::{assert_within, convolution, numbers};
    use super::super::stored::Stored;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn large_tiles_are_for_large_maps() {
        for level in Level::all() {
            for (side, tile) in [(16, 4), (64, 4), (128, 4), (256, 6), (512, 6)] {
                assert_eq!(Cut::of::<Wide>(level, (side, side), 128).transforms.side, tile, "{side}, {level:?}");
                assert_eq!(Cut::of::<Wide>(level, (side, side), 64).transforms.side, 4, "{side}, {level:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Larger tiles round more, and integers more than f32: by 62 and 49 dB less than the sums on average, here ten times
        /// that at worst.
        #[test]
        fn tiles_of_both_sizes_are_near_the_plain_way(
            (height, width) in (8usize..30, 8usize..30),
            (channels, outputs) in (32usize..70, 1usize..70),
            seed in any::<u32>(),
        ) {
            let values = numbers(height * width * channels, seed);
            let input = Input { values: &values, height, width, channels, norm: None, doubled: false, rounded: false };
            let weight = numbers(outputs * 9 * channels, seed ^ 1);
            let window = Window { size: 3, stride: 1, before: 1, after: 1 };
            let plain = convolution(&input, window, &weight);
            let weight = Panels::pack(outputs, channels, 9, Stored::F32(weight)).unwrap();
            let terms = f64::from(u32::try_from(9 * channels).unwrap()).sqrt();
            for level in Level::all() {
                for (transforms, error, error_of_rounded) in [(&FOUR, 4e-6, 3e-3), (&SIX, 2e-5, 2e-2)] {
                    let cut = (Cut::with::<Wide>(transforms, level), usize::MAX);
                    let out = in_rectangles::<Wide>(level, &input, &weight, Finish::default(), cut);
                    assert_within(&out, &plain, error * terms);
                    let out = in_rectangles::<Rounded>(level, &input, &weight, Finish::default(), cut);
                    assert_within(&out, &plain, error_of_rounded * terms);
                }
            }
        }

        #[test]
        fn rectangles_of_any_size_make_the_same_map(
            (batch, height, width) in (1usize..3, 8usize..40, 8usize..40),
            (channels, outputs) in (32usize..70, 1usize..70),
            (norm, doubled, with_plus) in any::<(bool, bool, bool)>(),
            tiles in 1usize..60,
            seed in any::<u32>(),
        ) {
            let values = numbers(batch * height * width * channels, seed);
            let (factors, offsets) = (numbers(batch * channels, seed ^ 5), numbers(batch * channels, seed ^ 6));
            let norm = norm.then_some((&factors[..], &offsets[..]));
            let input = Input { values: &values, height, width, channels, norm, doubled, rounded: false };
            let weight = Stored::F32(numbers(outputs * 9 * channels, seed ^ 1));
            let weight = Panels::pack(outputs, channels, 9, weight).unwrap();
            let (seen_height, seen_width) = input.seen();
            let plus = numbers(batch * seen_height * seen_width * outputs, seed ^ 3);
            let finish = Finish { plus: with_plus.then_some(&plus[..]), ..Finish::default() };
            for level in Level::all() {
                for transforms in [&FOUR, &SIX] {
                    let cut = Cut::with::<Wide>(transforms, level);
                    let whole = in_rectangles::<Wide>(level, &input, &weight, finish, (cut, usize::MAX));
                    let parts = in_rectangles::<Wide>(level, &input, &weight, finish, (cut, tiles));
                    prop_assert_eq!(&parts, &whole, "{:?}, {}", level, transforms.side);
                    let whole = in_rectangles::<Rounded>(level, &input, &weight, finish, (cut, usize::MAX));
                    let parts = in_rectangles::<Rounded>(level, &input, &weight, finish, (cut, tiles));
                    prop_assert_eq!(&parts, &whole, "{:?}, {}, rounded", level, transforms.side);
                }
            }
        }
    }
}
