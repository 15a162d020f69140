//! What is multiplied at the points of Winograd's tiles: f32, or integers of up to fourteen bits, two of which an
//! instruction multiplies in the time of one f32.
//!
//! It knows what lies where in transformed input and weights, and nothing of maps, borders or what becomes of the sums.

use super::gemm::grow;
use super::in_bytes::{bits_of_largest, factor_of, largest, top_of};
use super::level::{Level, per_level};
use super::threads;
use super::tile::{self, Ahead, Before, WIDE};
use super::tile_i16::{self, nearest};
use super::winograd::{Area, CHUNKS, Rectangle, Scratch};
use super::winograd_transforms::{MOST, Transforms};
use std::cell::RefCell;
use std::thread::LocalKey;

/// Channels whose products are added up before they are added to the sums.
const CHANNELS: usize = CHUNKS * WIDE;
/// The largest integer: 64 products of two of them stay below 2³¹.
const LARGEST: f32 = 5792.0;
/// Most points of a tile.
const POINTS: usize = (MOST + 2) * (MOST + 2);

/// Some tiles and chunks of a rectangle.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The rectangle.
    pub area: &'a Rectangle,
    /// Which of its blocks of tiles.
    pub block: usize,
    /// Chunks of channels of its input.
    pub chunks: usize,
    /// The first one that is meant.
    pub first: usize,
    /// How many are.
    pub here: usize,
}

/// Numbers that points are multiplied in.
pub trait Numbers: Sized + 'static {
    /// A rectangle's transformed input.
    type Left: Default + Sync;
    /// Weights of 64 channels and a panel at one point.
    type Right: Copy + Send + Sync + 'static;
    /// A point without weights.
    const NONE: Self::Right;
    /// What a value of the input takes.
    const BYTES: usize;

    /// Transforms a rectangle's input of so many chunks.
    fn transform(level: Level, area: &Rectangle, chunks: usize, ready: &[f32], to: &mut Self::Left);
    /// Transforms weights of nine taps, so many values apart, of `channels` of the 64; the others become zeros.
    fn weights(
        level: Level,
        transforms: &Transforms,
        taps: (&[f32], usize),
        channels: usize,
        wide: &mut Vec<WidePoint>,
        to: &mut [Self::Right],
    );
    /// The products at the points of one panel.
    fn multiply(
        level: Level,
        part: Part,
        left: &Self::Left,
        right: (&[Self::Right], bool),
        sums: &mut [f32],
        before: Before,
    );
    /// What a thread keeps of a rectangle.
    fn area() -> &'static LocalKey<RefCell<Area<Self>>>;
    /// What a thread works in.
    fn scratch() -> &'static LocalKey<RefCell<Scratch<Self>>>;
}

/// f32.
pub struct Wide;

/// Weights at a point, `[channel][32]`, and 16 more, or all points would fall into the same few lines of the first cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct WidePoint([f32; CHANNELS * WIDE + 16]);

impl Numbers for Wide {
    /// `[block of tiles][chunk][point][tile][32]`
    type Left = Vec<f32>;
    type Right = WidePoint;
    const NONE: WidePoint = WidePoint([0.0; CHANNELS * WIDE + 16]);
    const BYTES: usize = size_of::<f32>();

    fn transform(level: Level, area: &Rectangle, chunks: usize, ready: &[f32], to: &mut Vec<f32>) {
        let (point, part) = (area.point(), area.part());
        let points = area.transforms().points();
        grow(to, area.blocks * chunks * part);
        threads::each(to[..area.blocks * chunks * part].chunks_mut(part).enumerate(), |(i, out)| {
            let (block, chunk) = (i / chunks, i % chunks);
            for (t, tile) in area.block(block).enumerate() {
                let (from, row) = area.inputs(ready, chunks, (tile, chunk));
                let to = &mut out[t * WIDE..][..(points - 1) * point + WIDE];
                // SAFETY: the tile's rows of pixels, and its points, lie in the two slices.
                unsafe { (area.transforms().input)(level, from.as_ptr(), row, to.as_mut_ptr(), point) };
            }
        });
    }

    fn weights(
        level: Level,
        transforms: &Transforms,
        taps: (&[f32], usize),
        channels: usize,
        _wide: &mut Vec<WidePoint>,
        to: &mut [WidePoint],
    ) {
        transformed(level, transforms, taps, channels, to);
    }

    fn multiply(
        level: Level,
        part: Part,
        left: &Vec<f32>,
        (right, narrow): (&[WidePoint], bool),
        sums: &mut [f32],
        before: Before,
    ) {
        let Part { area, block, chunks, first, here } = part;
        let (rows, point, step) = (area.block(block).len(), area.point(), area.part());
        let left = &left[(block * chunks + first) * step..][..here * step];
        for (i, weights) in right.iter().enumerate() {
            let left = tile::Left { values: &left[i * point..], rows, chunks: here, step };
            let sums = &mut sums[i * point..][..rows * WIDE];
            let ahead = right.get(i + 1).map_or(Ahead::NONE, |next| Ahead::of(&next.0));
            tile::product(level, left, &weights.0, sums, (before, narrow), ahead);
        }
    }

    fn area() -> &'static LocalKey<RefCell<Area<Self>>> {
        thread_local!(static AREA: RefCell<Area<Wide>> = RefCell::default());
        &AREA
    }

    fn scratch() -> &'static LocalKey<RefCell<Scratch<Self>>> {
        thread_local!(static SCRATCH: RefCell<Scratch<Wide>> = RefCell::default());
        &SCRATCH
    }
}

/// As [`Numbers::weights`], in f32.
fn transformed(
    level: Level,
    transforms: &Transforms,
    (taps, tap): (&[f32], usize),
    channels: usize,
    to: &mut [WidePoint],
) {
    assert!(taps.len() >= 8 * tap + channels * WIDE && channels <= CHANNELS && to.len() == transforms.points());
    if channels < CHANNELS {
        // What is not there meets zeros, and must not be what is not a number.
        to.fill(Wide::NONE);
    }
    let point = size_of::<WidePoint>() / size_of::<f32>();
    // SAFETY: so many channels of nine taps and of all points are there (asserted).
    unsafe { (transforms.weights)(level, taps.as_ptr(), tap, channels, to.as_mut_ptr().cast(), point) };
}

/// Integers: of the input each 64 channels of a point of a tile have a unit, of the weights those of a point of an output.
pub struct Rounded;

/// A rectangle's input.
#[derive(Default)]
pub struct RoundedInput {
    /// `[block of tiles][chunk][point][tile][32]`
    values: Vec<i16>,
    /// What one is worth, `[block of tiles][two chunks][point][tile]`.
    units: Vec<f32>,
}

/// Weights at a point.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct RoundedPoint {
    /// `[pair of channels][32]`, the first one's sixteen bits before the second's.
    values: [u32; CHANNELS / 2 * WIDE],
    /// What one is worth of each output.
    units: [f32; WIDE],
}

impl Numbers for Rounded {
    type Left = RoundedInput;
    type Right = RoundedPoint;
    const NONE: RoundedPoint = RoundedPoint { values: [0; CHANNELS / 2 * WIDE], units: [0.0; WIDE] };
    const BYTES: usize = size_of::<i16>();

    fn transform(level: Level, area: &Rectangle, chunks: usize, ready: &[f32], to: &mut RoundedInput) {
        let (point, part) = (area.point(), area.part());
        let points = area.transforms().points();
        let units = points * area.most;
        let (all, all_units) = (chunks * part, chunks.div_ceil(CHUNKS) * units);
        to.values.resize(to.values.len().max(area.blocks * all), 0);
        grow(&mut to.units, area.blocks * all_units);
        let blocks = to.values.chunks_mut(all).zip(to.units.chunks_mut(all_units)).take(area.blocks).enumerate();
        let groups = blocks.flat_map(|(block, (values, of_block))| {
            let groups = values.chunks_mut(CHUNKS * part).zip(of_block.chunks_mut(units)).enumerate();
            groups.map(move |(group, to)| (block, group, to))
        });
        threads::each(groups, |(block, group, (values, units))| {
            let mut wide = [0.0; POINTS * CHANNELS];
            let wide = &mut wide[..points * CHANNELS];
            for (t, tile) in area.block(block).enumerate() {
                for (i, chunk) in (group * CHUNKS..chunks).take(CHUNKS).enumerate() {
                    let (from, row) = area.inputs(ready, chunks, (tile, chunk));
                    let to = &mut wide[i * WIDE..][..(points - 1) * CHANNELS + WIDE];
                    // SAFETY: the tile's rows of pixels, and its points, lie in the two slices.
                    unsafe { (area.transforms().input)(level, from.as_ptr(), row, to.as_mut_ptr(), CHANNELS) };
                }
                round_tile(level, wide, &mut values[t * WIDE..], &mut units[t..], (point, part, area.most));
            }
        });
    }

    fn weights(
        level: Level,
        transforms: &Transforms,
        taps: (&[f32], usize),
        channels: usize,
        wide: &mut Vec<WidePoint>,
        to: &mut [RoundedPoint],
    ) {
        wide.resize(to.len(), Wide::NONE);
        transformed(level, transforms, taps, channels, wide);
        for (to, wide) in to.iter_mut().zip(wide) {
            round_point(level, &wide.0[..CHANNELS * WIDE], &mut to.values, &mut to.units);
        }
    }

    fn multiply(
        level: Level,
        part: Part,
        left: &RoundedInput,
        (right, _): (&[RoundedPoint], bool),
        sums: &mut [f32],
        before: Before,
    ) {
        let Part { area, block, chunks, first, here } = part;
        let (rows, point, step) = (area.block(block).len(), area.point(), area.part());
        let values = &left.values[(block * chunks + first) * step..][..here * step];
        let group = (block * chunks.div_ceil(CHUNKS) + first / CHUNKS) * right.len();
        for (i, weights) in right.iter().enumerate() {
            let units = &left.units[(group + i) * area.most..][..rows];
            let left = tile_i16::Left { values: &values[i * point..], units, chunks: here, step };
            let right = tile_i16::Right { values: bytemuck::cast_slice(&weights.values), units: &weights.units };
            tile_i16::product(level, left, right, &mut sums[i * point..][..rows * WIDE], before);
        }
    }

    fn area() -> &'static LocalKey<RefCell<Area<Self>>> {
        thread_local!(static AREA: RefCell<Area<Rounded>> = RefCell::default());
        &AREA
    }

    fn scratch() -> &'static LocalKey<RefCell<Scratch<Self>>> {
        thread_local!(static SCRATCH: RefCell<Scratch<Rounded>> = RefCell::default());
        &SCRATCH
    }
}

per_level! {
    /// Rounds a tile's points of 64 channels. `steps` say how far it is to the next point, to the next chunk, and to the
    /// next point's unit.
    pub fn round_tile(wide: &[f32], to: &mut [i16], units: &mut [f32], steps: (usize, usize, usize)) {
        let (point, part, most) = steps;
        for (i, row) in wide.as_chunks::<CHANNELS>().0.iter().enumerate() {
            let unit = largest(row) / LARGEST;
            let factor = factor_of(unit);
            units[i * most] = unit;
            for (chunk, row) in row.as_chunks::<WIDE>().0.iter().enumerate() {
                let Some((to, _)) = to.get_mut(chunk * part + i * point..).and_then(<[i16]>::split_first_chunk_mut::<WIDE>)
                else { break };
                for (to, v) in to.iter_mut().zip(row) {
                    *to = nearest(v * factor);
                }
            }
        }
    }
}

per_level! {
    /// Rounds weights of 64 channels at a point.
    pub fn round_point(wide: &[f32], to: &mut [u32], units: &mut [f32]) {
        let rows = wide.as_chunks::<WIDE>().0;
        let (mut tops, mut factors) = ([0; WIDE], [0.0; WIDE]);
        rows.iter().for_each(|row| bits_of_largest(row, &mut tops));
        for ((unit, factor), top) in units.iter_mut().zip(&mut factors).zip(&tops) {
            *unit = top_of(*top) / LARGEST;
            *factor = factor_of(*unit);
        }
        for (to, [first, second]) in to.as_chunks_mut::<WIDE>().0.iter_mut().zip(rows.as_chunks::<2>().0) {
            for i in 0..WIDE {
                let low = u32::from(nearest(first[i] * factors[i]).cast_unsigned());
                let high = u32::from(nearest(second[i] * factors[i]).cast_unsigned());
                to[i] = (low | high << 16).to_le();
            }
        }
    }
}
