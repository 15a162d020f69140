//! The CPU's arithmetic on plain slices: f32 values, channels last, every loop in its vector form for the processor
//! at hand. It knows no model and no tensor type; only `cuda`, in builds for NVIDIA cards, takes candle's tensors,
//! because they are how a card's memory is held. This is the only room of `nn` with unsafe code.
//!
//! Everything that multiplies is made of one product ([`tile`]). [`panels`] holds the weights it reads, in an order of
//! their own; they come from what is [`stored`] ([`blocks`] stay as their file has them, [`dequantise`] is what they mean).
//! [`gemm`] makes linear layers of it ([`in_bytes`] the same in bytes, of [`tile_i8`]), [`conv`] and [`winograd`]
//! convolutions (the latter of [`winograd_points`]), [`attention`] attention; [`output`] is what they do to their sums.
//! [`pages`] has memory made ready for them, [`threads`] share the work, [`level`] says which instructions there are.

pub mod activation;
pub mod attention;
mod attention_i16;
pub mod blocks;
pub mod conv;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod dequantise;
pub mod gemm;
pub mod in_bytes;
pub mod lanes;
pub mod level;
pub mod norm;
pub mod output;
mod pages;
pub mod panels;
pub mod peak;
#[cfg(test)]
mod plain;
pub mod rope;
pub mod stored;
pub mod threads;
pub mod tile;
pub mod tile_i16;
pub mod tile_i8;
pub mod winograd;
mod winograd_points;
pub mod winograd_transforms;
