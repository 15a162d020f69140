//! Weights as files hold them, widened to f32: plain numbers and ggml's blocks. Sources of the layouts and formulas:
//! ggml-common.h and ggml-quants.c; each is held against the `gguf` package in weights' tests.

use super::level::{Level, per_level};

/// Reads a half-precision number without asking the processor what it can do, and without branches, so that a row of them
/// becomes vectors. Its bits as those of an f32 have an exponent that is too small by the difference of the biases, 112; so
/// have those below the smallest normal number, which become normal.
#[inline(always)]
fn half(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let finite = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    // Infinity and what is not a number have all bits of the exponent.
    let rest = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite.to_bits() | rest | (bits & 0x8000) << 16)
}

/// Has the compiler make vectors within a block: it would take the same value of several blocks, which lie apart.
#[inline(always)]
fn within_block() {
    std::hint::black_box(());
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
        for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *o = f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
        }
    }
}

/// f16.
///
/// # Panics
/// When `out` has not as many values as the bytes.
pub fn f16s(level: Level, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), 2 * out.len());
    #[cfg(target_arch = "x86_64")]
    if level.min(Level::best()) >= Level::Avx2 {
        // SAFETY: this processor has F16C; both are of one length (asserted).
        return unsafe { f16s_at_once(bytes, out) };
    }
    let _ = level;
    for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *o = half(*b);
    }
}

/// # Safety
/// The processor has F16C and AVX; `out` has half as many values as there are bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,f16c")]
unsafe fn f16s_at_once(bytes: &[u8], out: &mut [f32]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
    let whole = out.len() / 8 * 8;
    for at in (0..whole).step_by(8) {
        // SAFETY: eight values from `at` lie in both slices.
        unsafe {
            let eight = _mm256_cvtph_ps(_mm_loadu_si128(bytes.as_ptr().add(2 * at).cast()));
            _mm256_storeu_ps(out.as_mut_ptr().add(at), eight);
        }
    }
    for (o, b) in out[whole..].iter_mut().zip(bytes[2 * whole..].as_chunks::<2>().0) {
        *o = half(*b);
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
        for (out, block) in out.as_chunks_mut::<32>().0.iter_mut().zip(bytes.as_chunks::<18>().0) {
            within_block();
            let d = half([block[0], block[1]]);
            let (low, high) = out.split_at_mut(16);
            for (l, q) in low.iter_mut().zip(&block[2..]) {
                *l = (f32::from(q & 15) - 8.0) * d;
            }
            for (h, q) in high.iter_mut().zip(&block[2..]) {
                *h = (f32::from(q >> 4) - 8.0) * d;
            }
        }
    }
}

per_level! {
    /// 32 values: a scale, a least value, then bytes of two 4-bit values.
    pub fn q4_1(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.as_chunks_mut::<32>().0.iter_mut().zip(bytes.as_chunks::<20>().0) {
            within_block();
            let (d, m) = (half([block[0], block[1]]), half([block[2], block[3]]));
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
        for (out, block) in out.as_chunks_mut::<32>().0.iter_mut().zip(bytes.as_chunks::<22>().0) {
            within_block();
            let d = half([block[0], block[1]]);
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
        for (out, block) in out.as_chunks_mut::<32>().0.iter_mut().zip(bytes.as_chunks::<24>().0) {
            within_block();
            let (d, m) = (half([block[0], block[1]]), half([block[2], block[3]]));
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
        for (out, block) in out.as_chunks_mut::<32>().0.iter_mut().zip(bytes.as_chunks::<34>().0) {
            within_block();
            let d = half([block[0], block[1]]);
            for (o, q) in out.iter_mut().zip(&block[2..]) {
                *o = f32::from(q.cast_signed()) * d;
            }
        }
    }
}

per_level! {
    /// 256 values: 16 bytes of scale and least value, 64 bytes of four 2-bit values, and what those are multiples of.
    pub fn q2_k(bytes: &[u8], out: &mut [f32]) {
        for (out, block) in out.as_chunks_mut::<256>().0.iter_mut().zip(bytes.as_chunks::<84>().0) {
            within_block();
            let (d, dmin) = (half([block[80], block[81]]), half([block[82], block[83]]));
            for (i, (out, scale)) in out.chunks_exact_mut(16).zip(block).enumerate() {
                within_block();
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
        for (out, block) in out.as_chunks_mut::<256>().0.iter_mut().zip(bytes.as_chunks::<110>().0) {
            within_block();
            let d = half([block[108], block[109]]);
            let scales = &block[96..108];
            for (i, out) in out.chunks_exact_mut(16).enumerate() {
                within_block();
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
        for (out, block) in out.as_chunks_mut::<256>().0.iter_mut().zip(bytes.as_chunks::<144>().0) {
            within_block();
            let (d, dmin) = (half([block[0], block[1]]), half([block[2], block[3]]));
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
        for (out, block) in out.as_chunks_mut::<256>().0.iter_mut().zip(bytes.as_chunks::<176>().0) {
            within_block();
            let (d, dmin) = (half([block[0], block[1]]), half([block[2], block[3]]));
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
        for (out, block) in out.as_chunks_mut::<256>().0.iter_mut().zip(bytes.as_chunks::<210>().0) {
            within_block();
            let d = half([block[208], block[209]]);
            let (scales, (halves, _)) = (&block[192..208], out.as_chunks_mut::<128>());
            for (of, out) in halves.iter_mut().enumerate() {
                let (q, h) = (&block[of * 64..][..64], &block[128 + of * 32..][..32]);
                let scales = &scales[of * 8..];
                // Four runs of 32: 0 and 2 in the first 32 bytes, 1 and 3 in the others.
                run_of_sixes::<0>(&q[..32], h, d, scales, &mut out[..32]);
                run_of_sixes::<1>(&q[32..], h, d, scales, &mut out[32..64]);
                run_of_sixes::<2>(&q[..32], h, d, scales, &mut out[64..96]);
                run_of_sixes::<3>(&q[32..], h, d, scales, &mut out[96..]);
            }
        }
    }
}

/// 32 values of [`q6_k`]; two scales are theirs. How far bits are shifted is known, so that shifts become vectors.
#[inline(always)]
fn run_of_sixes<const RUN: usize>(q: &[u8], h: &[u8], d: f32, scales: &[u8], out: &mut [f32]) {
    for part in [0, 1] {
        within_block();
        let (own, dl) = (part * 16..part * 16 + 16, d * f32::from(scales[2 * RUN + part].cast_signed()));
        for (o, (q, h)) in out[own.clone()].iter_mut().zip(q[own.clone()].iter().zip(&h[own])) {
            let six = ((q >> (RUN / 2 * 4)) & 15) | (((h >> (2 * RUN)) & 3) << 4);
            *o = dl * (f32::from(six) - 32.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    #[test]
    fn halves_are_read_as_the_half_package_reads_them() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (super::half(bits.to_le_bytes()), f16::from_bits(bits).to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()), "{bits:#x}");
        }
    }
}
