//! Everyone who can answer a request, local or remote, behind one trait for each modality.
//!
//! A provider turns one request into one answer or one typed failure. It must not know routes, other providers,
//! jobs or users: who is asked next is decided in `chain`.

pub mod local;

use crate::media::models::ModelCard;
use crate::media::{Failure, ImageRequest, ImageResult, Watch};
use async_trait::async_trait;

/// Makes pictures.
#[async_trait]
pub trait ImageMaker: Send + Sync {
    /// `local` or the provider's id, as routes and answers name it.
    fn provider(&self) -> &str;

    /// Its models, those that cannot answer now included.
    fn models(&self) -> Vec<ModelCard>;

    /// Answers a checked request with that model. Cancelling `watch` ends it soon with [`Failure::Cancelled`].
    ///
    /// # Errors
    /// A typed failure; [`Failure::goes_on`] tells whether somebody else may do better.
    async fn make(&self, model: &str, request: &ImageRequest, watch: Watch) -> Result<ImageResult, Failure>;
}
