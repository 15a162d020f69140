//! Vectors of f32 of one instruction set, behind one trait, for arithmetic that is written once and is too intricate for
//! a compiler to make vectors of.
//!
//! Every method is inlined into a function that is compiled for the instructions, and may be called only there.

use super::activation::ROUND;
use super::tile::WIDE;

/// What `with` makes of all values, by halves: one after the other, each would wait for the one before.
#[inline(always)]
pub fn folded<T: Copy>(mut values: [T; WIDE], with: impl Fn(T, T) -> T) -> T {
    let mut n = WIDE / 2;
    while n > 0 {
        for i in 0..n {
            values[i] = with(values[i], values[i + n]);
        }
        n /= 2;
    }
    values[0]
}

/// A vector of [`Self::N`] values.
pub trait Lanes: Copy {
    /// Values in a vector; divides 32.
    const N: usize;

    /// The same value everywhere.
    ///
    /// # Safety
    /// The caller is compiled for these instructions, as for all methods here.
    unsafe fn splat(value: f32) -> Self;

    /// `N` values from memory.
    ///
    /// # Safety
    /// They are there.
    unsafe fn load(from: *const f32) -> Self;

    /// `N` values to memory.
    ///
    /// # Safety
    /// There is room, and nobody else looks.
    unsafe fn store(self, to: *mut f32);

    /// The nearest integers, which must fit, to memory.
    ///
    /// # Safety
    /// As [`Self::store`].
    unsafe fn store_as_i16(self, to: *mut i16);

    /// `self + other`
    ///
    /// # Safety
    /// As [`Self::splat`].
    unsafe fn plus(self, other: Self) -> Self;

    /// `self - other`
    ///
    /// # Safety
    /// As [`Self::splat`].
    unsafe fn minus(self, other: Self) -> Self;

    /// `self · factor + other`
    ///
    /// # Safety
    /// As [`Self::splat`].
    unsafe fn fused(self, factor: Self, other: Self) -> Self;

    /// `self · factor + other`
    ///
    /// # Safety
    /// As [`Self::splat`].
    #[inline(always)]
    unsafe fn times_plus(self, factor: f32, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.fused(Self::splat(factor), other) }
    }

    /// `self · other`
    ///
    /// # Safety
    /// As [`Self::splat`].
    unsafe fn times(self, other: Self) -> Self;

    /// The larger of both; `self` where one of them is no number.
    ///
    /// # Safety
    /// As [`Self::splat`].
    unsafe fn at_least(self, other: Self) -> Self;

    /// 2 to the power of the integer in the low bits.
    ///
    /// # Safety
    /// As [`Self::splat`].
    unsafe fn power_of_two(self) -> Self;
}

impl Lanes for [f32; 4] {
    const N: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: four values are there: the caller's promise.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: there is room for four: the caller's promise.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn store_as_i16(self, to: *mut i16) {
        // What lies in the low bits after that sum.
        #[allow(clippy::cast_possible_truncation)]
        let nearest = self.map(|v| ((v + ROUND).to_bits() as u16).cast_signed());
        // SAFETY: as in `store`.
        unsafe { to.cast::<[i16; 4]>().write_unaligned(nearest) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }

    #[inline(always)]
    unsafe fn fused(self, factor: Self, other: Self) -> Self {
        // Without an instruction for both, which nobody promised here, `mul_add` is slow.
        std::array::from_fn(|i| self[i] * factor[i] + other[i])
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }

    #[inline(always)]
    unsafe fn at_least(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] < other[i] { other[i] } else { self[i] })
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        self.map(|v| f32::from_bits((v.to_bits() << 23).wrapping_add(127 << 23)))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    macro_rules! lanes {
        (
            $type:ty, $n:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $fma:ident,
            $max:ident, $bits:ident, $one:ident, $plus:ident, $shift:ident, $float:ident, $narrow:ident
        ) => {
            impl Lanes for $type {
                const N: usize = $n;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: the caller is compiled for the instruction: its promise.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: as above, and the values are there.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: as above, and there is room.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn store_as_i16(self, to: *mut i16) {
                    // SAFETY: as in `store`.
                    unsafe { $narrow(self, to) }
                }

                #[inline(always)]
                unsafe fn plus(self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                unsafe fn minus(self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { $sub(self, other) }
                }

                #[inline(always)]
                unsafe fn fused(self, factor: Self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { $fma(self, factor, other) }
                }

                #[inline(always)]
                unsafe fn times(self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { $mul(self, other) }
                }

                #[inline(always)]
                unsafe fn at_least(self, other: Self) -> Self {
                    // SAFETY: as in `splat`. The second is the result where one is no number.
                    unsafe { $max(other, self) }
                }

                #[inline(always)]
                unsafe fn power_of_two(self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { $float($plus($shift::<23>($bits(self)), $one(127 << 23))) }
                }
            }
        };
    }

    lanes!(
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_castps_si256,
        _mm256_set1_epi32,
        _mm256_add_epi32,
        _mm256_slli_epi32,
        _mm256_castsi256_ps,
        eight_as_i16
    );
    lanes!(
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_castps_si512,
        _mm512_set1_epi32,
        _mm512_add_epi32,
        _mm512_slli_epi32,
        _mm512_castsi512_ps,
        sixteen_as_i16
    );

    #[inline(always)]
    unsafe fn eight_as_i16(values: __m256, to: *mut i16) {
        // SAFETY: the caller is compiled for these instructions, and there is room: its promise.
        unsafe {
            let whole = _mm256_cvtps_epi32(values);
            let halves = (_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            _mm_storeu_si128(to.cast(), _mm_packs_epi32(halves.0, halves.1));
        }
    }

    #[inline(always)]
    unsafe fn sixteen_as_i16(values: __m512, to: *mut i16) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(values))) }
    }
}

/// Defines a function of raw pointers whose body is written once with a vector type `$lanes` and compiled for each
/// level, which is its first argument.
macro_rules! per_lanes {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident<$lanes:ident>($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name(level: $crate::level::Level, $($arg: $type),*) {
            #[inline(always)]
            unsafe fn written<$lanes: $crate::lanes::Lanes>($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::level::Level;
                use std::arch::x86_64::{__m256, __m512};

                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
                unsafe fn avx512($($arg: $type),*) {
                    // SAFETY: compiled for these instructions; the rest is the caller's promise.
                    unsafe { written::<__m512>($($arg),*) }
                }

                #[target_feature(enable = "avx2,fma,f16c")]
                unsafe fn avx2($($arg: $type),*) {
                    // SAFETY: as above.
                    unsafe { written::<__m256>($($arg),*) }
                }

                match level.min(Level::best()) {
                    // SAFETY: `Level::best` found these instructions on this processor.
                    Level::Avx512 | Level::Vnni => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Level::Avx2 => return unsafe { avx2($($arg),*) },
                    Level::Portable => {}
                }
            }
            let _ = level;
            // SAFETY: no special instructions; the rest is the caller's promise.
            unsafe { written::<[f32; 4]>($($arg),*) }
        }
    };
}
pub(crate) use per_lanes;
