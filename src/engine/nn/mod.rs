//! The layers every model is written with. A model says `conv`, `norm_silu`, `attend`, `cat_channels`, `upsample2x`;
//! which kernel, memory layout and number format serves it is decided here.
//!
//! In f32 on a CPU the kernels are ours, a feature map is channels-last, and weights stay in the precision of their
//! file. On every other device and in every other precision maps are channels-first and candle's operations do the
//! work. Models are not known here.

mod activation;
mod attention;
mod conv;
mod embedding;
mod feature_map;
pub mod kernels;
mod linear;
mod norm;
mod prelu;
pub mod profile;
mod values;
pub mod weight;

#[cfg(test)]
mod candle_tests;

pub use activation::{Activation, geglu};
pub use attention::{Attend, attend};
pub use conv::{Around, Bend, Conv2d, Padding};
pub use embedding::{Embedding, timestep_embedding};
pub use feature_map::FeatureMap;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
pub use prelu::PRelu;
pub use values::Values;
