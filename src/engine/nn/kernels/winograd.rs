//! 3×3 convolutions that keep the size, by Winograd's F(4×4, 3×3): 36 products where the plain way has 144.
//!
//! The map is cut into tiles of 4×4 outputs. A tile's 6×6 inputs and the 3×3 weights are transformed (Lavin and Gray,
//! "Fast Algorithms for Convolutional Neural Networks"); what is left are 36 matrix products over the
//! channels, and the transform of their sums back to 16 outputs. Weights are transformed when they are used, from
//! the panels in their stored precision: four times as many would have to be kept else.
//!
//! A rectangle of tiles is worked on at a time. First its input is made ready (norm, activation, larger, borders filled with
//! zeros), then it is transformed, then a task takes some tiles and some panels. What lies where:
//! ready input `[chunk][row][column][32]`, transformed `[block of tiles][chunk][36][tile][32]`, weights `[36][channel][32]`,
//! sums `[panel][36][tile][32]`.

use super::conv::{Input, Window};
use super::gemm::grow;
use super::level::Level;
use super::output::{Finish, Output, finish_block};
use super::panels::Panels;
use super::tile::{Ahead, Before, Left, WIDE, product};
use super::winograd_transforms::{POINTS, transform_input, transform_sums, transform_weights};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Outputs along a side of a tile.
pub const SIDE: usize = 4;
/// Values of a rectangle's transformed input for each thread: they should stay in the last cache, which others use too.
const TRANSFORMED: usize = 1 << 18;
/// Chunks of channels that a task transforms weights of at a time.
const CHUNKS: usize = 2;
const CHANNELS: usize = CHUNKS * WIDE;

/// From a point of transformed weights to the next: 16 more than there are, or all of them would fall into the same few
/// lines of the first cache.
const WEIGHTS: usize = CHANNELS * WIDE + 16;

/// Most tiles of a task and panels it takes at once: their sums should stay in the second cache.
fn most(level: Level) -> (usize, usize) {
    match level {
        Level::Portable | Level::Avx2 => (48, 1),
        Level::Avx512 | Level::Vnni => (96, 2),
    }
}

/// Whether this is the way for such a convolution.
pub fn serves(input: &Input, window: Window) -> bool {
    let (height, width) = input.seen();
    window == Window { size: 3, stride: 1, before: 1, after: 1 } && input.channels >= WIDE && height * width >= 64
}

/// A rectangle of tiles of one picture, as wide as what is above it.
struct Rectangle {
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
}

/// A 3×3 convolution with a border of one zero, finished.
///
/// # Panics
/// When the sizes disagree.
#[must_use]
pub fn convolve(level: Level, input: &Input, weight: &Panels, finish: Finish) -> Vec<f32> {
    let values = TRANSFORMED * rayon::current_num_threads();
    let tiles = values / (input.channels.next_multiple_of(WIDE) * POINTS);
    in_rectangles(level, input, weight, finish, tiles.max(2 * most(level).0))
}

/// The same in rectangles of about as many tiles.
fn in_rectangles(level: Level, input: &Input, weight: &Panels, finish: Finish, tiles: usize) -> Vec<f32> {
    let (height, width) = input.seen();
    let out = Output::of(input.batch() * height * width * weight.outputs());
    assert_eq!(weight.inputs(), 9 * input.channels);
    assert!(finish.plus.is_none_or(|plus| plus.len() == input.batch() * height * width * weight.outputs()));
    let (down, across) = (height.div_ceil(SIDE), width.div_ceil(SIDE));
    let chunks = input.channels.div_ceil(WIDE);
    let parts = across.div_ceil(tiles);
    let rows = tiles.div_ceil(across.div_ceil(parts)).min(down);
    // Taken out, for while it waits for others this thread may be given a task of another convolution.
    let (mut ready, mut transformed) = AREA.take();
    for (picture, part) in (0..input.batch()).flat_map(|picture| (0..parts).map(move |part| (picture, part))) {
        let (left, right) = (part * across / parts, (part + 1) * across / parts);
        for top in (0..down).step_by(rows) {
            let tiles = (right - left) * rows.min(down - top);
            let blocks = tiles.div_ceil(most(level).0);
            let most = tiles.div_ceil(blocks);
            let area = Rectangle { picture, top, left, across: right - left, tiles, blocks, most };
            make_ready(level, input, &area, rows, &mut ready);
            transform(level, chunks, &area, &ready, &mut transformed);
            multiply(level, input, &area, &transformed, weight, (finish, &out));
        }
    }
    AREA.set((ready, transformed));
    // SAFETY: the rectangles cover all pixels, their tasks all outputs of each.
    unsafe { out.finish() }
}

/// The rectangle's rows of input and one more on each side, `[row][chunk][column][32]`. The first two are the last two of
/// the rectangle above, of `above` rows of tiles.
fn make_ready(level: Level, input: &Input, area: &Rectangle, above: usize, ready: &mut Vec<f32>) {
    let columns = SIDE * area.across + 2;
    let row = input.channels.div_ceil(WIDE) * columns * WIDE;
    let rows = SIDE * (area.tiles / area.across) + 2;
    let had = if area.top == 0 { 0 } else { 2 };
    grow(ready, rows * row);
    ready.copy_within(SIDE * above * row..(SIDE * above + had) * row, 0);
    ready[had * row..rows * row].par_chunks_mut(row).enumerate().for_each(|(y, out)| {
        let y = (area.top * SIDE + had + y).checked_sub(1);
        input.ready_row(level, (area.picture, y), (area.left * SIDE, columns), out);
    });
}

fn transform(level: Level, chunks: usize, area: &Rectangle, ready: &[f32], transformed: &mut Vec<f32>) {
    let point = area.point();
    let part = POINTS * point;
    grow(transformed, area.blocks * chunks * part);
    let columns = SIDE * area.across + 2;
    let row = chunks * columns * WIDE;
    transformed[..area.blocks * chunks * part].par_chunks_mut(part).enumerate().for_each(|(i, out)| {
        let (block, chunk) = (i / chunks, i % chunks);
        for (t, tile) in area.block(block).enumerate() {
            let (y, x) = (tile / area.across * SIDE, tile % area.across * SIDE);
            let from = &ready[y * row + (chunk * columns + x) * WIDE..][..5 * row + 6 * WIDE];
            let to = &mut out[t * WIDE..][..(POINTS - 1) * point + WIDE];
            // SAFETY: six rows of six pixels, and 36 points, lie in the two slices.
            unsafe { transform_input(level, from.as_ptr(), row, to.as_mut_ptr(), point) };
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
    /// A rectangle's input, ready and transformed. Kept: fresh pages cost more than what is computed on them.
    static AREA: RefCell<(Vec<f32>, Vec<f32>)> = RefCell::default();
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn multiply(
    level: Level,
    input: &Input,
    area: &Rectangle,
    transformed: &[f32],
    weight: &Panels,
    (finish, out): (Finish, &Output),
) {
    let panels = most(level).1;
    let chunks = input.channels.div_ceil(WIDE);
    let point = area.point();
    let part = POINTS * point;
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
                    weights_of(level, weight, panel, (chunk * WIDE, input.channels), (widened, weights));
                    for i in 0..POINTS {
                        let left = Left { values: &left[i * point..], rows, chunks: here, step: part };
                        let sums = &mut sums[i * point..][..rows * WIDE];
                        let narrow = weight.width(panel) <= WIDE / 2;
                        product(level, left, &weights[i * WEIGHTS..], sums, (before, narrow), Ahead::NONE);
                    }
                }
            }
            for (panel, sums) in panels.zip(sums.chunks_exact(part)) {
                write(level, input.seen(), area, area.block(block), sums, (weight, panel), (finish, out));
            }
        });
    });
}

/// The transformed weights of one panel and some channels from `first` on, `[36][channel][32]`.
fn weights_of(
    level: Level,
    weight: &Panels,
    panel: usize,
    (first, channels): (usize, usize),
    (widened, weights): (&mut Vec<f32>, &mut Vec<f32>),
) {
    let n = CHANNELS.min(channels - first);
    grow(weights, POINTS * WEIGHTS);
    grow(widened, 9 * WEIGHTS);
    for tap in 0..9 {
        let range = tap * channels + first..tap * channels + first + n;
        weight.widen(level, panel, range, &mut widened[tap * WEIGHTS..][..n * WIDE]);
    }
    if n < CHANNELS {
        // What is not there meets zeros, and must not be what is not a number.
        weights.fill(0.0);
    }
    // SAFETY: nine taps and 36 points of n channels lie in the two vectors, which were grown to [`CHANNELS`].
    unsafe {
        transform_weights(level, widened.as_ptr(), WEIGHTS, n, weights.as_mut_ptr(), WEIGHTS);
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
    let (outputs, column, wide) = (weight.outputs(), panel * WIDE, weight.width(panel));
    let mut pixels = [0.0f32; SIDE * SIDE * WIDE];
    for (t, tile) in tiles.enumerate() {
        let (y, x) = ((area.top + tile / area.across) * SIDE, (area.left + tile % area.across) * SIDE);
        let from = &sums[t * WIDE..][..(POINTS - 1) * point + WIDE];
        // What the next tile adds and writes comes from memory meanwhile.
        for dy in 0..SIDE {
            let next = ((area.picture * height + y + dy) * width + x + SIDE) * outputs + column;
            (0..SIDE).for_each(|dx| out.prefetch(next + dx * outputs, finish.plus));
        }
        // SAFETY: 36 points lie in `from`, sixteen pixels in `pixels`.
        unsafe { transform_sums(level, from.as_ptr(), point, pixels.as_mut_ptr()) };
        let inside = SIDE.min(width - x);
        for (dy, row) in pixels.chunks_exact_mut(SIDE * WIDE).enumerate().take(height - y) {
            let at = ((area.picture * height + y + dy) * width + x) * outputs + column;
            let row = &mut row[..inside * WIDE];
            let plus = finish.plus.map_or(&[][..], |plus| &plus[at..]);
            finish_block(level, row, column, wide, finish, (plus, outputs));
            for (dx, pixel) in row.chunks_exact(WIDE).enumerate() {
                // SAFETY: each output of each pixel belongs to one tile and one panel.
                unsafe { out.write(at + dx * outputs, &pixel[..wide]) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::panels::Stored;
    use super::super::plain::numbers;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

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
                let whole = in_rectangles(level, &input, &weight, finish, usize::MAX);
                let parts = in_rectangles(level, &input, &weight, finish, tiles);
                prop_assert_eq!(&parts, &whole, "{:?}", level);
            }
        }
    }
}
