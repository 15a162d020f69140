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
mod linear;
mod modulation;
mod norm;
mod prelu;
pub mod profile;
mod rope;
mod values;
pub mod weight;

#[cfg(test)]
mod candle_tests;

pub use activation::{Activation, geglu};
pub use attention::{Attend, attend, attend_biased};
pub use conv::{Around, Bend, Conv2d, Padding};
pub use embedding::{Embedding, Table, timestep_embedding};
pub use feature_map::FeatureMap;
pub use linear::Linear;
pub use modulation::add_gated;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use prelu::PRelu;
pub use rope::Rope;
pub use samovar_kernels as kernels;
pub use values::Values;
