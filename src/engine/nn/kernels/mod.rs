//! The CPU's arithmetic on plain slices: f32 values, channels last, every loop in its vector form for the processor
//! at hand. It knows no model and no tensor type. This is the only room of `nn` with unsafe code.

pub mod activation;
pub mod attention;
pub mod conv;
pub mod dequantise;
pub mod gemm;
pub mod level;
pub mod norm;
pub mod rope;
