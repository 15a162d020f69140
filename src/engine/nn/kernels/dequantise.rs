//! Weights as files hold them, widened to f32: plain numbers and ggml's blocks. Sources of the layouts and formulas:
//! ggml-common.h and ggml-quants.c; each is held against the `gguf` package in weights' tests.

use super::level::per_level;

/// Reads a half-precision number without asking the processor what it can do.
#[inline(always)]
fn half(bytes: &[u8]) -> f32 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let (exponent, mantissa) = ((bits >> 10) & 31, u32::from(bits & 1023));
    let sign = u32::from(bits >> 15) << 31;
    match exponent {
        // Below the smallest normal number: a multiple of 2^-24.
        0 => {
            #[allow(clippy::cast_precision_loss)]
            let value = mantissa as f32 * (1.0 / 16_777_216.0);
            if sign == 0 { value } else { -value }
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | (mantissa << 13)),
        _ => f32::from_bits(sign | ((u32::from(exponent) + 112) << 23) | (mantissa << 13)),
    }
}

per_level! {
    /// f32 as it lies in a file.
    pub fn f32s(bytes: &[u8], out: &mut [f32]) {
        for (o, b) in out.iter_mut().zip(bytes.chunks_exact(4)) {
            *o = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        }
    }
}

per_level! {
    /// bf16: the upper half of an f32.
    pub fn bf16s(bytes: &[u8], out: &mut [f32]) {
        for (o, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
            *o = f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16);
        }
    }
}

per_level! {
    /// f16.
    pub fn f16s(bytes: &[u8], out: &mut [f32]) {
        for (o, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
            *o = half(b);
        }
    }
}

per_level! {
    /// f8 e4m3 (without infinities), by a table of its 256 values.
    pub fn f8s(bytes: &[u8], table: &[f32; 256], out: &mut [f32]) {
        for (o, b) in out.iter_mut().zip(bytes) {
            *o = table[usize::from(*b)];
        }
    }
}

per_level! {
    /// 32 values: a scale, then bytes of two 4-bit values; values are stored 8 too large.
    pub fn q4_0(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(32).zip(bytes.chunks_exact(18)) {
            let d = half(block);
            let (low, high) = out.split_at_mut(16);
            for ((l, h), q) in low.iter_mut().zip(high).zip(&block[2..]) {
                *l = (f32::from(q & 15) - 8.0) * d;
                *h = (f32::from(q >> 4) - 8.0) * d;
            }
        }
    }
}

per_level! {
    /// 32 values: a scale, a least value, then bytes of two 4-bit values.
    pub fn q4_1(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(32).zip(bytes.chunks_exact(20)) {
            let (d, m) = (half(block), half(&block[2..]));
            let (low, high) = out.split_at_mut(16);
            for ((l, h), q) in low.iter_mut().zip(high).zip(&block[4..]) {
                *l = f32::from(q & 15) * d + m;
                *h = f32::from(q >> 4) * d + m;
            }
        }
    }
}

per_level! {
    /// 32 values: a scale, 32 fifth bits, then bytes of two times four bits; values are stored 16 too large.
    pub fn q5_0(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(32).zip(bytes.chunks_exact(22)) {
            let d = half(block);
            let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
            let (low, high) = out.split_at_mut(16);
            for (j, ((l, h), q)) in (0u32..).zip(low.iter_mut().zip(high).zip(&block[6..])) {
                *l = (with_fifth(q & 15, fifth >> j) - 16.0) * d;
                *h = (with_fifth(q >> 4, fifth >> (j + 16)) - 16.0) * d;
            }
        }
    }
}

per_level! {
    /// 32 values: a scale, a least value, 32 fifth bits, then bytes of two times four bits.
    pub fn q5_1(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(32).zip(bytes.chunks_exact(24)) {
            let (d, m) = (half(block), half(&block[2..]));
            let fifth = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
            let (low, high) = out.split_at_mut(16);
            for (j, ((l, h), q)) in (0u32..).zip(low.iter_mut().zip(high).zip(&block[8..])) {
                *l = with_fifth(q & 15, fifth >> j) * d + m;
                *h = with_fifth(q >> 4, fifth >> (j + 16)) * d + m;
            }
        }
    }
}

/// Four bits and the lowest of `fifth` above them.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
fn with_fifth(four: u8, fifth: u32) -> f32 {
    f32::from(four | ((fifth as u8 & 1) << 4))
}

per_level! {
    /// 32 values: a scale and 32 signed bytes.
    pub fn q8_0(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(32).zip(bytes.chunks_exact(34)) {
            let d = half(block);
            for (o, q) in out.iter_mut().zip(&block[2..]) {
                *o = f32::from(q.cast_signed()) * d;
            }
        }
    }
}

per_level! {
    /// 256 values: 16 bytes of scale and least value, 64 bytes of four 2-bit values, and what those are multiples of.
    pub fn q2_k(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(256).zip(bytes.chunks_exact(84)) {
            let (d, dmin) = (half(&block[80..]), half(&block[82..]));
            for (i, (out, scale)) in out.chunks_exact_mut(16).zip(block).enumerate() {
                let (dl, ml) = (d * f32::from(scale & 15), dmin * f32::from(scale >> 4));
                // Sixteens go: 32 bytes at a time, first their lowest two bits.
                let (start, shift) = (16 + i / 8 * 32 + i % 2 * 16, i % 8 / 2 * 2);
                for (o, q) in out.iter_mut().zip(&block[start..start + 16]) {
                    *o = dl * f32::from((q >> shift) & 3) - ml;
                }
            }
        }
    }
}

per_level! {
    /// 256 values: 32 bytes of third bits (0 subtracts 4), 64 bytes of four times two bits, 16 packed 6-bit scales, and
    /// what those are multiples of.
    pub fn q3_k(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(256).zip(bytes.chunks_exact(110)) {
            let d = half(&block[108..]);
            let scales = &block[96..108];
            for (i, out) in out.chunks_exact_mut(16).enumerate() {
                let low = if i < 8 { scales[i] & 15 } else { scales[i - 8] >> 4 };
                let high = (scales[8 + i % 4] >> (i / 4 * 2)) & 3;
                let dl = d * (f32::from(low | (high << 4)) - 32.0);
                let (start, shift) = (32 + i / 8 * 32 + i % 2 * 16, i % 8 / 2 * 2);
                let (thirds, third) = (i % 2 * 16, i / 2);
                let values = block[start..start + 16].iter().zip(&block[thirds..thirds + 16]);
                for (o, (q, h)) in out.iter_mut().zip(values) {
                    let less = if (h >> third) & 1 == 1 { 0.0 } else { 4.0 };
                    *o = dl * (f32::from((q >> shift) & 3) - less);
                }
            }
        }
    }
}

/// The `j`-th of eight 6-bit scales and least values packed in 12 bytes.
#[inline(always)]
fn scale_and_least(packed: &[u8], j: usize) -> (f32, f32) {
    let (scale, least) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        ((packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4), (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4))
    };
    (f32::from(scale), f32::from(least))
}

per_level! {
    /// 256 values: what scales and least values are multiples of, eight of each, and bytes of two 4-bit values.
    pub fn q4_k(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(256).zip(bytes.chunks_exact(144)) {
            let (d, dmin) = (half(block), half(&block[2..]));
            for (pair, (out, q)) in out.chunks_exact_mut(64).zip(block[16..].chunks_exact(32)).enumerate() {
                let (low, high) = out.split_at_mut(32);
                for (part, (out, shift)) in [(low, 0), (high, 4)].into_iter().enumerate() {
                    let (scale, least) = scale_and_least(&block[4..16], 2 * pair + part);
                    let (dl, ml) = (d * scale, dmin * least);
                    for (o, q) in out.iter_mut().zip(q) {
                        *o = dl * f32::from((q >> shift) & 15) - ml;
                    }
                }
            }
        }
    }
}

per_level! {
    /// As [`q4_k`], with 32 bytes of fifth bits before the four.
    pub fn q5_k(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(256).zip(bytes.chunks_exact(176)) {
            let (d, dmin) = (half(block), half(&block[2..]));
            let fifths = &block[16..48];
            for (pair, (out, q)) in out.chunks_exact_mut(64).zip(block[48..].chunks_exact(32)).enumerate() {
                let (low, high) = out.split_at_mut(32);
                for (part, (out, shift)) in [(low, 0), (high, 4)].into_iter().enumerate() {
                    let (scale, least) = scale_and_least(&block[4..16], 2 * pair + part);
                    let (dl, ml) = (d * scale, dmin * least);
                    for ((o, q), fifth) in out.iter_mut().zip(q).zip(fifths) {
                        let five = ((q >> shift) & 15) | (((fifth >> (2 * pair + part)) & 1) << 4);
                        *o = dl * f32::from(five) - ml;
                    }
                }
            }
        }
    }
}

per_level! {
    /// 256 values: bytes of two times four bits, bytes of four times two upper bits, 16 signed scales, and what those
    /// are multiples of; values are stored 32 too large.
    pub fn q6_k(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.chunks_exact_mut(256).zip(bytes.chunks_exact(210)) {
            let d = half(&block[208..]);
            for (i, out) in out.chunks_exact_mut(16).enumerate() {
                let dl = d * f32::from(block[192 + i].cast_signed());
                // Of each 128 values: four runs of 32, the runs 0 and 2 in the first 32 bytes, 1 and 3 in the others.
                let (of, run, at) = (i / 8, i % 8 / 2, i % 2 * 16);
                let (start, shift) = (of * 64 + run % 2 * 32 + at, run / 2 * 4);
                let upper = 128 + of * 32 + at;
                let values = block[start..start + 16].iter().zip(&block[upper..upper + 16]);
                for (o, (q, h)) in out.iter_mut().zip(values) {
                    let six = ((q >> shift) & 15) | (((h >> (2 * run)) & 3) << 4);
                    *o = dl * (f32::from(six) - 32.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    #[test]
    fn halves_are_read_as_the_half_package_reads_them() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (super::half(&bits.to_le_bytes()), f16::from_bits(bits).to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()), "{bits:#x}");
        }
    }
}
