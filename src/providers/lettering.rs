//! Text on pictures, as one of the models of this machine. It is written in this process: it needs no weights and no
//! engine.

use crate::lettering::{Lettered, Letterer};
use crate::media::models::ModelCard;
use crate::media::task::ImageLetter;
use crate::media::{Answered, Content, DrawnPicture, Failure, ImageResult, Medium, Picture, Provenance, Task, Watch};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Its name in routes and requests.
pub const NAME: &str = "lettering";

/// Writes on pictures.
#[derive(Clone)]
pub struct Lettering(Arc<Letterer>);

impl Lettering {
    /// With these fonts.
    #[must_use]
    pub fn new(letterer: Letterer) -> Self {
        Self(Arc::new(letterer))
    }

    /// How people see it.
    #[must_use]
    pub fn card(&self) -> ModelCard {
        let since = self.0.installed_at().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        ModelCard {
            name: NAME.to_owned(),
            title: "Text on pictures".to_owned(),
            provider: "local".to_owned(),
            tasks: vec![ImageLetter::NAME.to_owned()],
            ready: self.0.probe().is_ok(),
            created: since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default(),
            languages: Vec::new(),
            elsewhere: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// The picture with the text on it.
    ///
    /// # Errors
    /// [`Failure::Missing`] without fonts, [`Failure::Invalid`] or [`Failure::TooBig`] for what is no picture,
    /// [`Failure::Cancelled`].
    pub async fn answer(&self, request: &ImageLetter, watch: &Watch) -> Result<Answered, Failure> {
        let (letterer, request) = (Arc::clone(&self.0), request.clone());
        let written = tokio::task::spawn_blocking(move || write(&letterer, &request));
        // It is a matter of moments: what is no longer wanted is left to its end.
        let written = tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(Failure::Cancelled),
            written = written => written,
        };
        written.map_err(|e| Failure::internal(format!("writing on the picture broke: {e}")))?
    }
}

fn write(letterer: &Letterer, request: &ImageLetter) -> Result<Answered, Failure> {
    letterer.probe()?;
    let image = request.image.as_ref().ok_or_else(|| Failure::invalid("image", "`image` is missing: send a file"))?;
    let Medium { bytes, .. } = image;
    let picture = Picture::decode(bytes, "image")?;
    let Lettered { picture, remarks } = letterer.letter(&picture, &request.text, &request.style)?;
    let words = if request.style.trim().is_empty() { &request.text } else { &request.style };
    let russian = words.chars().any(|c| matches!(c, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё'));
    let drawn = DrawnPicture { picture, seed: None };
    Ok(Answered {
        content: Content::Pictures(ImageResult { pictures: vec![drawn], drawing: None }),
        provenance: Provenance { provider: "local".to_owned(), model: NAME.to_owned(), fallback_reason: None },
        notices: remarks.iter().map(|remark| remark.sentence(russian)).collect(),
        bytes: 0,
    })
}
