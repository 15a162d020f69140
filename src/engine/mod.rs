//! The child's side: model code, run in a process of its own. Synchronous; it must not know tokio, HTTP, SQL or Telegram.
//!
//! [`protocol`] is what parent and child say to each other and is all that the server needs of this room; the rest
//! is compiled only with feature `engine`. [`nn`] has the layers, [`weights`] feeds them, then one room per model
//! family ([`sdxl`], [`flux`], [`upscale`], [`whisper`]) over the parts that families share ([`clip`], [`t5`],
//! [`autoencoder`], [`painting`], [`noise`]).

pub mod protocol;
#[cfg(feature = "engine")]
pub mod session;

#[cfg(feature = "engine")]
pub mod autoencoder;
#[cfg(feature = "engine")]
pub mod clip;
#[cfg(feature = "engine")]
mod device;
#[cfg(feature = "engine")]
pub mod flux;
#[cfg(test)]
#[cfg(feature = "engine")]
mod golden;
#[cfg(feature = "engine")]
pub mod nn;
#[cfg(feature = "engine")]
pub mod noise;
#[cfg(feature = "engine")]
pub mod painting;
#[cfg(feature = "engine")]
mod random_weights;
#[cfg(feature = "engine")]
mod resident;
#[cfg(feature = "engine")]
pub mod sdxl;
#[cfg(feature = "engine")]
pub mod t5;
#[cfg(feature = "engine")]
pub mod upscale;
#[cfg(feature = "engine")]
pub mod weights;
#[cfg(feature = "engine")]
pub mod whisper;

#[cfg(feature = "engine")]
pub use resident::{Painter, Resident, Result, Watcher, load};
