//! The numbers of a weight before a layer has put them into its own order: in memory, or still in a file.

use super::blocks::{Blocks, BlocksError, Kind};
use super::dequantise::f16s;
use super::level::{Level, per_level};
use super::threads;
use bytemuck::Pod;
use half::vec::HalfBitsVecExt;
use half::{bf16, f16};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that a thread reads at a time: more than the rows of a panel, nearly always.
const PART: usize = 4 << 20;

/// Numbers in the precision they are stored in; the arithmetic is f32.
pub enum Stored {
    /// Full.
    F32(Vec<f32>),
    /// Half, as published.
    F16(Vec<f16>),
    /// Half with f32's range.
    Bf16(Vec<bf16>),
    /// As a file holds them, quantised or not.
    Blocks(Blocks),
}

impl Stored {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::Bf16(v) => v.len(),
            Self::Blocks(blocks) => blocks.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These rows of a matrix of rows of `columns` values.
    ///
    /// # Panics
    /// When there are no such rows, or they end within a block.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>, columns: usize) -> Self {
        let of = rows.start * columns..rows.end * columns;
        match self {
            Self::F32(v) => Self::F32(v[of].to_vec()),
            Self::F16(v) => Self::F16(v[of].to_vec()),
            Self::Bf16(v) => Self::Bf16(v[of].to_vec()),
            Self::Blocks(blocks) => Self::Blocks(blocks.part(of)),
        }
    }

    /// These values and then those.
    ///
    /// # Errors
    /// When they are kept in different precisions.
    pub fn followed_by(self, other: Self) -> Result<Self, BlocksError> {
        Ok(match (self, other) {
            (Self::F32(a), Self::F32(b)) => Self::F32([a, b].concat()),
            (Self::F16(a), Self::F16(b)) => Self::F16([a, b].concat()),
            (Self::Bf16(a), Self::Bf16(b)) => Self::Bf16([a, b].concat()),
            (Self::Blocks(a), Self::Blocks(b)) => Self::Blocks(a.followed_by(&b)?),
            _ => return Err(BlocksError::Different),
        })
    }

    /// Widens those values to f32.
    ///
    /// # Panics
    /// When there are none there, they end within a block, or `to` has another length.
    pub fn widen(&self, values: Range<usize>, to: &mut [f32]) {
        match self {
            Self::F32(v) => to.copy_from_slice(&v[values]),
            Self::F16(v) => widen_f16(Level::best(), &v[values], to),
            Self::Bf16(v) => widen_bf16(Level::best(), &v[values], to),
            Self::Blocks(blocks) => blocks.widen(values, to),
        }
    }
}

/// Reads as many bytes as there is room for, from that byte of a tensor on. The error's sentence names file and tensor.
pub type ReadAt = dyn Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync;

/// A tensor that is still in a file. Layers read the rows they put into order next, on all threads: no whole copy is made
/// on the way.
#[derive(Clone)]
pub struct Unread {
    kind: Kind,
    values: Range<usize>,
    read: Arc<ReadAt>,
}

impl Unread {
    /// That many values, in whole blocks.
    #[must_use]
    pub fn new(kind: Kind, values: usize, read: Arc<ReadAt>) -> Self {
        Self { kind, values: 0..values, read }
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How they are laid out.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Some of the values; nothing is read.
    ///
    /// # Panics
    /// When they are outside.
    #[must_use]
    pub fn part(&self, values: Range<usize>) -> Self {
        assert!(values.start <= values.end && values.end <= self.len());
        let first = self.values.start;
        Self { values: first + values.start..first + values.end, ..self.clone() }
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// When the file cannot be read, or they begin or end within a block.
    pub fn read(&self) -> Result<Stored, PackError> {
        Ok(match self.kind {
            Kind::F32 => Stored::F32(self.numbers()?),
            // As bits: only of plain numbers the system clears the memory where it is touched, by all threads.
            Kind::F16 => Stored::F16(self.numbers::<u16>()?.reinterpret_into()),
            Kind::Bf16 => Stored::Bf16(self.numbers::<u16>()?.reinterpret_into()),
            kind => {
                let at = |value| kind.bytes(value).ok_or(BlocksError::TornRows { columns: self.len(), kind });
                let bytes = at(self.values.start)?..at(self.values.end)?;
                let read: Vec<u8> = self.bytes(bytes.start, bytes.len())?;
                Stored::Blocks(Blocks::new(kind, Arc::new(read), 0..bytes.len())?)
            }
        })
    }

    /// All of them, which are plain numbers of T's size, as their bits.
    pub(super) fn numbers<T: Pod + Send>(&self) -> io::Result<Vec<T>> {
        self.bytes(self.values.start * size_of::<T>(), self.len())
    }

    fn bytes<T: Pod + Send>(&self, from: usize, n: usize) -> io::Result<Vec<T>> {
        let mut values = vec![T::zeroed(); n];
        let parts = values.chunks_mut(PART / size_of::<T>()).enumerate();
        // From the page cache it is the readers who are slow.
        threads::try_each(parts, |(i, part)| (self.read)((from + i * PART) as u64, bytemuck::cast_slice_mut(part)))?;
        Ok(values)
    }
}

/// Where the numbers of a tensor are.
pub enum Origin {
    /// In memory, or in a file that is mapped.
    Memory(Stored),
    /// In a file that is read.
    File(Unread),
}

impl Origin {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Memory(stored) => stored.len(),
            Self::File(unread) => unread.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These rows of a matrix of rows of `columns` values.
    ///
    /// # Panics
    /// When there are no such rows, or they end within a block.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>, columns: usize) -> Self {
        match self {
            Self::Memory(stored) => Self::Memory(stored.rows(rows, columns)),
            Self::File(unread) => Self::File(unread.part(rows.start * columns..rows.end * columns)),
        }
    }

    /// Widens those values to f32.
    ///
    /// # Errors
    /// As [`Unread::read`].
    ///
    /// # Panics
    /// As [`Stored::widen`].
    pub fn widen(&self, values: Range<usize>, to: &mut [f32]) -> Result<(), PackError> {
        match self {
            Self::Memory(stored) => stored.widen(values, to),
            Self::File(unread) => unread.part(values).read()?.widen(0..to.len(), to),
        }
        Ok(())
    }

    /// The numbers in memory, read if they must be.
    ///
    /// # Errors
    /// As [`Unread::read`].
    pub fn read(self) -> Result<Stored, PackError> {
        match self {
            Self::Memory(stored) => Ok(stored),
            Self::File(unread) => unread.read(),
        }
    }
}

impl From<Stored> for Origin {
    fn from(stored: Stored) -> Self {
        Self::Memory(stored)
    }
}

/// Why numbers cannot become a layer's weight.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// There are more or fewer than its shape says.
    #[error("a weight of {values} values cannot be {outputs} × {inputs}")]
    Size {
        /// How many there are.
        values: usize,
        /// Rows.
        outputs: usize,
        /// Columns.
        inputs: usize,
    },
    /// Their blocks do not fit its rows.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// Their file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

impl PackError {
    /// Checks that so many values are a matrix.
    ///
    /// # Errors
    /// When they are not.
    pub(super) fn check(values: usize, outputs: usize, inputs: usize) -> Result<(), Self> {
        if inputs > 0 && outputs > 0 && outputs.checked_mul(inputs) == Some(values) {
            return Ok(());
        }
        Err(Self::Size { values, outputs, inputs })
    }
}

per_level! {
    /// bf16 to f32.
    pub fn widen_bf16(from: &[bf16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(from.to_bits()) << 16);
        }
    }
}

/// f16 to f32.
pub(super) fn widen_f16(level: Level, from: &[f16], to: &mut [f32]) {
    // SAFETY: as many bytes are there.
    let bytes = unsafe { std::slice::from_raw_parts(from.as_ptr().cast(), size_of_val(from)) };
    f16s(level, bytes, to);
}

#[cfg(test)]
mod tests {
    use super::super::gemm::multiply;
    use super::super::in_bytes::{BytePanels, Bytes};
    use super::super::output::Finish;
    use super::super::panels::{Panels, whole_chunks};
    use super::super::plain::numbers;
    use super::super::tile::WIDE;
    use super::*;
    use half::slice::HalfFloatSliceExt;
    use proptest::prelude::*;

    fn file(kind: Kind, values: usize, bytes: &[u8]) -> Unread {
        let bytes = bytes.to_vec();
        let read = move |at: u64, to: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            to.copy_from_slice(bytes.get(at..at + to.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        Unread::new(kind, values, Arc::new(read))
    }

    /// The same numbers in memory and in a file.
    fn both(kind: Kind, n: usize, seed: u32) -> (Stored, Unread) {
        let values = numbers(n, seed);
        match kind {
            Kind::F16 => {
                let half: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
                let unread = file(kind, n, bytemuck::cast_slice(half.reinterpret_cast()));
                (Stored::F16(half), unread)
            }
            Kind::Bf16 => {
                let half: Vec<bf16> = values.into_iter().map(bf16::from_f32).collect();
                let unread = file(kind, n, bytemuck::cast_slice(half.reinterpret_cast()));
                (Stored::Bf16(half), unread)
            }
            _ => {
                let unread = file(Kind::F32, n, bytemuck::cast_slice(&values));
                (Stored::F32(values), unread)
            }
        }
    }

    fn widened(panels: &Panels) -> Vec<f32> {
        let inputs = whole_chunks(panels.inputs());
        let mut all = vec![0.0; panels.panels() * inputs * WIDE];
        for (panel, to) in all.chunks_exact_mut(inputs * WIDE).enumerate() {
            panels.widen(Level::best(), panel, 0..inputs, to);
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn weights_from_a_file_are_those_from_memory(
            (outputs, channels, taps) in (1usize..100, 1usize..300, prop::sample::select(vec![1usize, 9])),
            seed in any::<u32>(),
            kind in prop::sample::select(vec![Kind::F32, Kind::F16, Kind::Bf16]),
        ) {
            let inputs = channels * taps;
            let rows = || {
                let (stored, unread) = both(kind, outputs * inputs, seed);
                [Origin::Memory(stored), Origin::File(unread)]
            };
            let [memory, file] = rows().map(|rows| widened(&Panels::pack(outputs, channels, taps, rows).unwrap()));
            prop_assert_eq!(memory, file);
            let x = numbers(3 * inputs, seed ^ 1);
            let [memory, file] = rows().map(|rows| {
                let weight = BytePanels::round(outputs, inputs, rows).unwrap();
                multiply(Level::best(), &Bytes { x: &x, weight: &weight }, Finish::default())
            });
            prop_assert_eq!(memory, file);
            let some = |rows: Origin| Panels::pack(1, inputs, 1, rows.rows(outputs - 1..outputs, inputs)).unwrap();
            let [memory, file] = rows().map(|rows| widened(&some(rows)));
            prop_assert_eq!(memory, file);
        }
    }

    #[test]
    fn blocks_are_read_whole() {
        let bytes: Vec<u8> = (0..34 * 4u8).collect();
        let whole = Blocks::new(Kind::Q8_0, Arc::new(bytes.clone()), 0..bytes.len()).unwrap();
        let unread = file(Kind::Q8_0, 128, &bytes);
        let Stored::Blocks(part) = unread.part(32..96).read().unwrap() else { panic!("no blocks") };
        assert_eq!(part.to_f32(), whole.to_f32()[32..96]);
        assert!(matches!(unread.part(31..96).read(), Err(PackError::Blocks(_))));
    }

    #[test]
    fn what_cannot_be_read_or_packed_is_an_error() {
        let short = file(Kind::F16, 60, &[0; 100]);
        for outcome in [
            Panels::pack(3, 20, 1, Origin::File(short.clone())).err(),
            BytePanels::round(3, 20, Origin::File(short.clone())).err(),
            short.read().err(),
        ] {
            assert!(matches!(outcome, Some(PackError::Read(_))), "{outcome:?}");
        }
        let wrong = Panels::pack(3, 21, 1, Stored::F32(vec![0.0; 60])).err().unwrap();
        assert_eq!(wrong.to_string(), "a weight of 60 values cannot be 3 × 21");
    }
}
