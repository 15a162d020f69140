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
//! ready input `[row][chunk][column][32]`, transformed `[block of tiles][chunk][point][tile][32]`, weights
//! `[point][channel][32]`, sums `[panel][point][tile][32]`.

use super::conv::{Input, Window};
use super::gemm::grow;
use super::level::Level;
use super::output::{Finish, Output, finish_block};
use super::panels::Panels;
use super::tile::{Ahead, Before, Left, WIDE, product};
use super::winograd_transforms::{FOUR, MOST, SIX, Transforms};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Values of a rectangle's transformed input for each thread: they should stay in the last cache, which others use too.
const TRANSFORMED: usize = 1 << 18;
/// Chunks of channels that a task transforms weights of at a time.
const CHUNKS: usize = 2;
/// From a point of transformed weights to the next: 16 more than there are, or all of them would fall into the same few
/// lines of the first cache.
const WEIGHTS: usize = CHUNKS * WIDE * WIDE + 16;
/// Most transformed weights of a convolution that are kept while it is computed, values: they should stay in the last cache.
const MADE: usize = 5 << 20;
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
    fn of(level: Level, (height, width): (usize, usize), channels: usize) -> Self {
        let tiles = |t: &Transforms| height.div_ceil(t.side) * width.div_ceil(t.side);
        let large = Self::with(&SIX, level);
        let saves = tiles(&SIX) * SIX.points() * 6 < tiles(&FOUR) * FOUR.points() * 5;
        let fit = saves && tiles(&SIX) >= 2 * large.tiles && channels >= MANY;
        if fit { large } else { Self::with(&FOUR, level) }
    }

    /// Tiles of one size.
    fn with(transforms: &'static Transforms, level: Level) -> Self {
        let (tiles, panels) = match (level, transforms.side) {
            (Level::Portable | Level::Avx2, 4) => (48, 1),
            (Level::Portable | Level::Avx2, _) => (30, 1),
            (Level::Avx512 | Level::Vnni, 4) => (96, 2),
            (Level::Avx512 | Level::Vnni, _) => (56, 2),
        };
        Self { transforms, tiles, panels }
    }
}

/// Whether this is the way for such a convolution.
pub fn serves(input: &Input, window: Window) -> bool {
    let (height, width) = input.seen();
    window == Window { size: 3, stride: 1, before: 1, after: 1 } && input.channels >= WIDE && height * width >= 64
}

/// A rectangle of tiles of one picture, as wide as what is above it.
struct Rectangle {
    cut: Cut,
    picture: usize,
    /// First row of tiles, and first column.
    top: usize,
    left: usize,
    /// Tiles a row, and in all.
    across: usize,
    tiles: usize,
    /// Blocks of tiles that are worked on by themselves, and the most tiles one has.
    blocks: usize,
    most: usize,
}

impl Rectangle {
    /// The tiles of a block.
    fn block(&self, block: usize) -> Range<usize> {
        block * self.tiles / self.blocks..(block + 1) * self.tiles / self.blocks
    }

    /// From a point of a block to the next, as with [`WEIGHTS`].
    fn point(&self) -> usize {
        self.most * WIDE + 16
    }

    /// Values of a chunk of a block, at all points.
    fn part(&self) -> usize {
        self.cut.transforms.points() * self.point()
    }
}

/// A 3×3 convolution with a border of one zero, finished.
///
/// # Panics
/// When the sizes disagree.
#[must_use]
pub fn convolve(level: Level, input: &Input, weight: &Panels, finish: Finish) -> Vec<f32> {
    let values = TRANSFORMED * rayon::current_num_threads();
    let cut = Cut::of(level, input.seen(), input.channels);
    let tiles = values / (input.channels.next_multiple_of(WIDE) * cut.transforms.points());
    in_rectangles(level, input, weight, finish, (cut, tiles.max(2 * cut.tiles)))
}

/// The same in rectangles of about as many tiles.
fn in_rectangles(level: Level, input: &Input, weight: &Panels, finish: Finish, (cut, tiles): (Cut, usize)) -> Vec<f32> {
    let (height, width) = input.seen();
    let out = Output::of(input.batch() * height * width * weight.outputs());
    assert_eq!(weight.inputs(), 9 * input.channels);
    assert!(finish.plus.is_none_or(|plus| plus.len() == input.batch() * height * width * weight.outputs()));
    let (down, across) = (height.div_ceil(cut.transforms.side), width.div_ceil(cut.transforms.side));
    let chunks = input.channels.div_ceil(WIDE);
    let parts = across.div_ceil(tiles);
    let rows = tiles.div_ceil(across.div_ceil(parts)).min(down);
    // Taken out, for while it waits for others this thread may be given a task of another convolution.
    let (mut ready, mut transformed, mut made) = AREA.take();
    let weight = Weight::of(level, weight, (cut, input.channels, across * down * input.batch()), &mut made);
    for (picture, part) in (0..input.batch()).flat_map(|picture| (0..parts).map(move |part| (picture, part))) {
        let (left, right) = (part * across / parts, (part + 1) * across / parts);
        for top in (0..down).step_by(rows) {
            let tiles = (right - left) * rows.min(down - top);
            let blocks = tiles.div_ceil(cut.tiles);
            let most = tiles.div_ceil(blocks);
            let area = Rectangle { cut, picture, top, left, across: right - left, tiles, blocks, most };
            make_ready(level, input, &area, rows, &mut ready);
            transform(level, chunks, &area, &ready, &mut transformed);
            multiply(level, input, &area, &transformed, &weight, (finish, &out));
        }
    }
    AREA.set((ready, transformed, made));
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
    ready[had * row..rows * row].par_chunks_mut(row).enumerate().for_each(|(y, out)| {
        let y = (area.top * side + had + y).checked_sub(1);
        input.ready_row(level, (area.picture, y), (area.left * side, columns), out);
    });
}

fn transform(level: Level, chunks: usize, area: &Rectangle, ready: &[f32], transformed: &mut Vec<f32>) {
    let (point, part) = (area.point(), area.part());
    grow(transformed, area.blocks * chunks * part);
    let transforms = area.cut.transforms;
    let (side, seen) = (transforms.side, transforms.seen());
    let columns = side * area.across + 2;
    let row = chunks * columns * WIDE;
    transformed[..area.blocks * chunks * part].par_chunks_mut(part).enumerate().for_each(|(i, out)| {
        let (block, chunk) = (i / chunks, i % chunks);
        for (t, tile) in area.block(block).enumerate() {
            let (y, x) = (tile / area.across * side, tile % area.across * side);
            let from = &ready[y * row + (chunk * columns + x) * WIDE..][..(seen - 1) * row + seen * WIDE];
            let to = &mut out[t * WIDE..][..(transforms.points() - 1) * point + WIDE];
            // SAFETY: the tile's rows of pixels, and its points, lie in the two slices.
            unsafe { (transforms.input)(level, from.as_ptr(), row, to.as_mut_ptr(), point) };
        }
    });
}

/// What a thread works in.
#[derive(Default)]
struct Scratch {
    widened: Vec<f32>,
    weights: Vec<f32>,
    sums: Vec<f32>,
}

thread_local! {
    /// A rectangle's input, ready and transformed, and weights that were transformed. Kept: fresh pages cost more than what
    /// is computed on them.
    static AREA: RefCell<(Vec<f32>, Vec<f32>, Vec<f32>)> = RefCell::default();
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn multiply(
    level: Level,
    input: &Input,
    area: &Rectangle,
    transformed: &[f32],
    weight: &Weight,
    (finish, out): (Finish, &Output),
) {
    let Cut { transforms, panels, .. } = area.cut;
    let Weight { panels: weight, made } = weight;
    let chunks = input.channels.div_ceil(WIDE);
    let part = area.part();
    let groups = weight.panels().div_ceil(panels);
    (0..area.blocks * groups).into_par_iter().for_each(|task| {
        let (block, group) = (task / groups, task % groups);
        let rows = area.block(block).len();
        let panels = group * panels..weight.panels().min((group + 1) * panels);
        SCRATCH.with_borrow_mut(|Scratch { widened, weights, sums }| {
            grow(sums, panels.len() * part);
            for chunk in (0..chunks).step_by(CHUNKS) {
                let here = CHUNKS.min(chunks - chunk);
                let left = &transformed[(block * chunks + chunk) * part..][..here * part];
                let before = if chunk == 0 { Before::Zero } else { Before::Kept };
                for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(part)) {
                    let weights = if made.is_empty() {
                        grow(weights, transforms.points() * WEIGHTS);
                        let of = (chunk * WIDE, input.channels);
                        weights_of(level, transforms, (weight, panel), of, (widened, weights));
                        &weights[..]
                    } else {
                        let at = panel * chunks.div_ceil(CHUNKS) + chunk / CHUNKS;
                        &made[at * transforms.points() * WEIGHTS..][..transforms.points() * WEIGHTS]
                    };
                    let narrow = weight.width(panel) <= WIDE / 2;
                    multiply_points(level, (area, rows), (left, here), (weights, narrow), (sums, before));
                }
            }
            for (panel, sums) in panels.zip(sums.chunks_exact(part)) {
                write(level, input.seen(), area, area.block(block), sums, (weight, panel), (finish, out));
            }
        });
    });
}

/// The products of some chunks of channels at all points.
fn multiply_points(
    level: Level,
    (area, rows): (&Rectangle, usize),
    (left, chunks): (&[f32], usize),
    (weights, narrow): (&[f32], bool),
    (sums, before): (&mut [f32], Before),
) {
    let (point, part) = (area.point(), area.part());
    for i in 0..area.cut.transforms.points() {
        let left = Left { values: &left[i * point..], rows, chunks, step: part };
        let sums = &mut sums[i * point..][..rows * WIDE];
        let ahead = weights.get((i + 1) * WEIGHTS..(i + 2) * WEIGHTS).map_or(Ahead::NONE, Ahead::of);
        product(level, left, &weights[i * WEIGHTS..], sums, (before, narrow), ahead);
    }
}

/// The weights of a convolution.
struct Weight<'a> {
    panels: &'a Panels,
    /// All of them transformed, `[panel][two chunks][point][channel][32]`; empty where they are many, or used about once.
    made: &'a [f32],
}

impl<'a> Weight<'a> {
    fn of(
        level: Level,
        panels: &'a Panels,
        (cut, channels, tiles): (Cut, usize, usize),
        made: &'a mut Vec<f32>,
    ) -> Self {
        let (parts, part) = (channels.div_ceil(CHUNKS * WIDE), cut.transforms.points() * WEIGHTS);
        let all = panels.panels() * parts * part;
        if all > MADE || tiles < 4 * cut.tiles {
            return Self { panels, made: &[] };
        }
        grow(made, all);
        made[..all].par_chunks_exact_mut(part).enumerate().for_each(|(i, to)| {
            let (panel, first) = (i / parts, i % parts * CHUNKS * WIDE);
            SCRATCH.with_borrow_mut(|Scratch { widened, .. }| {
                weights_of(level, cut.transforms, (panels, panel), (first, channels), (widened, to));
            });
        });
        Self { panels, made: &made[..all] }
    }
}

/// The transformed weights of one panel and some channels from `first` on, `[point][channel][32]`.
fn weights_of(
    level: Level,
    transforms: &Transforms,
    (weight, panel): (&Panels, usize),
    (first, channels): (usize, usize),
    (widened, weights): (&mut Vec<f32>, &mut [f32]),
) {
    let n = (CHUNKS * WIDE).min(channels - first);
    let weights = &mut weights[..transforms.points() * WEIGHTS];
    grow(widened, 9 * WEIGHTS);
    for tap in 0..9 {
        let range = tap * channels + first..tap * channels + first + n;
        weight.widen(level, panel, range, &mut widened[tap * WEIGHTS..][..n * WIDE]);
    }
    if n < CHUNKS * WIDE {
        // What is not there meets zeros, and must not be what is not a number.
        weights.fill(0.0);
    }
    // SAFETY: nine taps and all points of n channels lie in the two slices, which are as long.
    unsafe {
        (transforms.weights)(level, widened.as_ptr(), WEIGHTS, n, weights.as_mut_ptr(), WEIGHTS);
    }
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
                assert_eq!(Cut::of(level, (side, side), 128).transforms.side, tile, "{side}, {level:?}");
                assert_eq!(Cut::of(level, (side, side), 64).transforms.side, 4, "{side}, {level:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Larger tiles round more; both far less than a picture shows.
        #[test]
        fn tiles_of_both_sizes_are_near_the_plain_way(
            (height, width) in (8usize..30, 8usize..30),
            (channels, outputs) in (32usize..70, 1usize..70),
            seed in any::<u32>(),
        ) {
            let values = numbers(height * width * channels, seed);
            let input = Input { values: &values, height, width, channels, norm: None, doubled: false };
            let weight = numbers(outputs * 9 * channels, seed ^ 1);
            let window = Window { size: 3, stride: 1, before: 1, after: 1 };
            let plain = convolution(&input, window, &weight);
            let weight = Panels::pack(outputs, channels, 9, Stored::F32(weight)).unwrap();
            let terms = f64::from(u32::try_from(9 * channels).unwrap()).sqrt();
            for level in Level::all() {
                for (transforms, error) in [(&FOUR, 4e-6), (&SIX, 2e-5)] {
                    let cut = (Cut::with(transforms, level), usize::MAX);
                    let out = in_rectangles(level, &input, &weight, Finish::default(), cut);
                    assert_within(&out, &plain, error * terms);
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
            let input = Input { values: &values, height, width, channels, norm, doubled };
            let weight = Stored::F32(numbers(outputs * 9 * channels, seed ^ 1));
            let weight = Panels::pack(outputs, channels, 9, weight).unwrap();
            let (seen_height, seen_width) = input.seen();
            let plus = numbers(batch * seen_height * seen_width * outputs, seed ^ 3);
            let finish = Finish { plus: with_plus.then_some(&plus[..]), ..Finish::default() };
            for level in Level::all() {
                for transforms in [&FOUR, &SIX] {
                    let cut = Cut::with(transforms, level);
                    let whole = in_rectangles(level, &input, &weight, finish, (cut, usize::MAX));
                    let parts = in_rectangles(level, &input, &weight, finish, (cut, tiles));
                    prop_assert_eq!(&parts, &whole, "{:?}, {}", level, transforms.side);
                }
            }
        }
    }
}
