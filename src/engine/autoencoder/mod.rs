//! Latents to pixels and back: the autoencoder of Stable Diffusion XL and FLUX, and the tiny one that stands in for it.

mod kl;
mod strips;
mod tiny;

pub use kl::{Autoencoder, AutoencoderConfig};
pub use strips::Strips;
pub use tiny::{TinyAutoencoder, TinyConfig};
