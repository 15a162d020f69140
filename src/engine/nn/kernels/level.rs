//! Which vector instructions this processor has, asked once, and the macro that compiles a loop for each.

use std::sync::OnceLock;

/// Sets of vector instructions that loops are compiled for, each with all of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has.
    Portable,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
    /// AVX-512 with VNNI: sums of four products of bytes.
    Vnni,
}

impl Level {
    /// The best this processor has.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(detect)
    }

    /// All that this processor has, the plainest first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Vnni].into_iter().filter(|level| *level <= Self::best())
    }

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Vnni => "avx512-vnni",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    let vnni = is_x86_feature_detected!("avx512vnni");
    match (avx2, avx512, vnni) {
        (true, true, true) => Level::Vnni,
        (true, true, false) => Level::Avx512,
        (true, false, _) => Level::Avx2,
        _ => Level::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Portable
}

/// Defines a function whose first argument is the [`Level`] to run at; its loops are compiled once per level.
/// A level above the processor's best is lowered to it.
macro_rules! per_level {
    ($(#[$meta:meta])* pub fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        pub fn $name(level: $crate::level::Level, $($arg: $type),*) {
            #[inline(always)]
            fn plain($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::level::Level;

                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
                fn avx512($($arg: $type),*) {
                    plain($($arg),*);
                }

                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2($($arg: $type),*) {
                    plain($($arg),*);
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
            plain($($arg),*);
        }
    };
}
pub(crate) use per_level;
