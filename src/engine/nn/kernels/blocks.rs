//! Weights kept as their file holds them: ggml's quantised blocks, and plain numbers of any width. They may lie in a
//! mapped file; nothing is copied until values are widened, a block at a time, where they are used.

use super::dequantise as widen;
use super::level::Level;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Bytes that somebody keeps: a mapped file, a buffer.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// How values are laid out in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// f32.
    F32,
    /// f16.
    F16,
    /// bf16.
    Bf16,
    /// f8 e4m3 without infinities, as text encoders are published for ComfyUI.
    F8E4m3,
    /// ggml's Q4_0.
    Q4_0,
    /// ggml's Q4_1.
    Q4_1,
    /// ggml's Q5_0.
    Q5_0,
    /// ggml's Q5_1.
    Q5_1,
    /// ggml's Q8_0.
    Q8_0,
    /// ggml's Q2_K.
    Q2K,
    /// ggml's Q3_K.
    Q3K,
    /// ggml's Q4_K.
    Q4K,
    /// ggml's Q5_K.
    Q5K,
    /// ggml's Q6_K.
    Q6K,
}

impl Kind {
    /// Whether they are plain numbers of 16 or 32 bits.
    #[must_use]
    pub fn is_plain(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Values and bytes of a block.
    #[must_use]
    pub fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::F8E4m3 => (1, 1),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2K => (256, 84),
            Self::Q3K => (256, 110),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of so many values, `None` when they are no whole blocks.
    #[must_use]
    pub fn bytes(self, values: usize) -> Option<usize> {
        let (of, bytes) = self.block();
        values.is_multiple_of(of).then(|| (values / of).checked_mul(bytes)).flatten()
    }
}

/// What blocks cannot do.
#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    /// Bytes that are outside, or that end within a block.
    #[error("bytes {bytes:?} are no blocks of {kind:?}")]
    NoBlocks {
        /// The bytes.
        bytes: Range<usize>,
        /// What they should hold.
        kind: Kind,
    },
    /// Rows that end within a block.
    #[error("rows of {columns} values are no whole blocks of {kind:?}")]
    TornRows {
        /// Values of a row.
        columns: usize,
        /// What they are stored as.
        kind: Kind,
    },
    /// Two precisions in one weight.
    #[error("weights that are stored in different ways cannot be joined")]
    Different,
}

type Result<T> = std::result::Result<T, BlocksError>;

/// A run of values in blocks.
#[derive(Clone)]
pub struct Blocks {
    kind: Kind,
    bytes: Bytes,
    range: Range<usize>,
    /// What all values are multiplied by.
    factor: f32,
}

impl Blocks {
    /// The values in that range of `bytes`.
    ///
    /// # Errors
    /// When the range is outside, or is no whole blocks.
    pub fn new(kind: Kind, bytes: Bytes, range: Range<usize>) -> Result<Self> {
        let within = range.start <= range.end && range.end <= (*bytes).as_ref().len();
        if !within || !range.len().is_multiple_of(kind.block().1) {
            return Err(BlocksError::NoBlocks { bytes: range, kind });
        }
        Ok(Self { kind, bytes, range, factor: 1.0 })
    }

    /// The same values, each multiplied by `factor` where it is used.
    #[must_use]
    pub fn scaled(self, factor: f32) -> Self {
        Self { factor: self.factor * factor, ..self }
    }

    /// Whether they stand for other values than their bytes say.
    #[must_use]
    pub fn is_scaled(&self) -> bool {
        self.factor.to_bits() != 1f32.to_bits()
    }

    /// How they are laid out.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        let (values, bytes) = self.kind.block();
        self.range.len() / bytes * values
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The blocks' bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &(*self.bytes).as_ref()[self.range.clone()]
    }

    /// Checks that rows of `columns` values are whole blocks.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_rows(&self, columns: usize) -> Result<()> {
        if columns.is_multiple_of(self.kind.block().0) {
            return Ok(());
        }
        Err(BlocksError::TornRows { columns, kind: self.kind })
    }

    /// Some of the values, in whole blocks; nothing is copied.
    ///
    /// # Panics
    /// When they are outside or no whole blocks; rows were checked by [`Self::check_rows`].
    #[must_use]
    pub fn part(&self, values: Range<usize>) -> Self {
        let range = self.bytes_of(&values);
        Self { range: self.range.start + range.start..self.range.start + range.end, ..self.clone() }
    }

    /// These values and then those, copied.
    ///
    /// # Errors
    /// When they are laid out differently.
    pub fn followed_by(&self, other: &Self) -> Result<Self> {
        if self.kind != other.kind || self.factor.to_bits() != other.factor.to_bits() {
            return Err(BlocksError::Different);
        }
        let bytes = [self.as_bytes(), other.as_bytes()].concat();
        let n = bytes.len();
        Ok(Self::new(self.kind, Arc::new(bytes), 0..n)?.scaled(self.factor))
    }

    fn bytes_of(&self, values: &Range<usize>) -> Range<usize> {
        let (of, bytes) = self.kind.block();
        assert!(values.start.is_multiple_of(of) && values.end.is_multiple_of(of) && values.end <= self.len());
        values.start / of * bytes..values.end / of * bytes
    }

    /// Widens those values to f32.
    ///
    /// # Panics
    /// As [`Self::part`], and when `out` has another length.
    pub fn widen(&self, values: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), values.len());
        let bytes = &self.as_bytes()[self.bytes_of(&values)];
        let level = Level::best();
        match self.kind {
            Kind::F32 => widen::f32s(level, bytes, out),
            Kind::F16 => widen::f16s(level, bytes, out),
            Kind::Bf16 => widen::bf16s(level, bytes, out),
            Kind::F8E4m3 => widen::f8s(level, bytes, f8_values(), out),
            Kind::Q4_0 => widen::q4_0(level, bytes, out),
            Kind::Q4_1 => widen::q4_1(level, bytes, out),
            Kind::Q5_0 => widen::q5_0(level, bytes, out),
            Kind::Q5_1 => widen::q5_1(level, bytes, out),
            Kind::Q8_0 => widen::q8_0(level, bytes, out),
            Kind::Q2K => widen::q2_k(level, bytes, out),
            Kind::Q3K => widen::q3_k(level, bytes, out),
            Kind::Q4K => widen::q4_k(level, bytes, out),
            Kind::Q5K => widen::q5_k(level, bytes, out),
            Kind::Q6K => widen::q6_k(level, bytes, out),
        }
        // Exactly 1 unless a file says otherwise, and then nothing may change.
        #[allow(clippy::float_cmp)]
        if self.factor != 1.0 {
            out.iter_mut().for_each(|value| *value *= self.factor);
        }
    }

    /// All values in f32.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.widen(0..self.len(), &mut out);
        out
    }
}

/// What each byte of f8 e4m3 means: a sign, four bits of exponent (bias 7), three of mantissa; all ones is not a number.
fn f8_values() -> &'static [f32; 256] {
    static VALUES: OnceLock<[f32; 256]> = OnceLock::new();
    VALUES.get_or_init(|| {
        std::array::from_fn(|byte| {
            #[allow(clippy::cast_possible_truncation)]
            let byte = byte as u8;
            let (exponent, mantissa) = (i32::from((byte >> 3) & 15), f32::from(byte & 7) / 8.0);
            let size = match (exponent, byte & 7) {
                (15, 7) => f32::NAN,
                (0, _) => mantissa * 2f32.powi(-6),
                _ => (1.0 + mantissa) * 2f32.powi(exponent - 7),
            };
            if byte >> 7 == 1 { -size } else { size }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f8_has_the_values_of_the_standard() {
        let values = f8_values();
        let known =
            [(0x00, 0.0), (0x01, 2f32.powi(-9)), (0x08, 2f32.powi(-6)), (0x38, 1.0), (0x7e, 448.0), (0xb8, -1.0)];
        for (byte, value) in known {
            assert!((values[byte] - value).abs() <= f32::EPSILON * value.abs(), "{byte:#x}: {}", values[byte]);
        }
        assert!(values[0x7f].is_nan() && values[0xff].is_nan());
    }

    #[test]
    fn a_part_is_the_same_values() {
        let bytes: Vec<u8> = (0..34 * 4u8).collect();
        let all = Blocks::new(Kind::Q8_0, Arc::new(bytes), 0..34 * 4).unwrap();
        assert_eq!(all.len(), 128);
        assert_eq!(all.part(32..96).to_f32(), all.to_f32()[32..96]);
        assert_eq!(all.part(32..96).part(32..64).to_f32(), all.to_f32()[64..96]);
        assert!(all.check_rows(64).is_ok() && all.check_rows(48).is_err());
        assert!(Blocks::new(Kind::Q8_0, Arc::new(vec![0; 35]), 0..35).is_err());
    }
}
