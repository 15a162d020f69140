//! The models of this machine as one provider among others.

use super::ImageMaker;
use crate::local::Local;
use crate::local::catalogue::{Catalogue, Entry};
use crate::media::models::ModelCard;
use crate::media::{Failure, ImageRequest, ImageResult, Watch};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The word for pictures among a model's tasks.
const GENERATE: &str = "image.generate";

/// Makes pictures with the local engine.
pub struct LocalImages {
    local: Arc<Local>,
    catalogue: Arc<Catalogue>,
    allow_paths: bool,
}

impl LocalImages {
    /// `allow_paths`: whether a model may be a path instead of a manifest name (the command line only).
    #[must_use]
    pub fn new(local: Arc<Local>, catalogue: Arc<Catalogue>, allow_paths: bool) -> Self {
        Self { local, catalogue, allow_paths }
    }

    fn card(&self, entry: &Entry) -> ModelCard {
        // "demo" stands wherever a person sees a demo model, whatever its title says.
        let labelled = !entry.bundled || entry.title.to_lowercase().contains("demo");
        ModelCard {
            name: entry.name.clone(),
            title: if labelled { entry.title.clone() } else { format!("{} (demo)", entry.title) },
            provider: self.provider().to_owned(),
            tasks: entry.tasks.clone(),
            ready: self.catalogue.installed(entry),
            created: installed_at(&self.catalogue, entry),
        }
    }
}

#[async_trait]
impl ImageMaker for LocalImages {
    fn provider(&self) -> &str {
        "local"
    }

    fn models(&self) -> Vec<ModelCard> {
        let draws = |entry: &&Entry| entry.tasks.iter().any(|task| task == GENERATE);
        self.catalogue.entries().iter().filter(draws).map(|entry| self.card(entry)).collect()
    }

    async fn make(&self, model: &str, request: &ImageRequest, watch: Watch) -> Result<ImageResult, Failure> {
        self.local.draw(model, self.allow_paths, request, watch).await
    }
}

/// When the model's folder appeared, seconds since 1970; 0 where there is none.
fn installed_at(catalogue: &Catalogue, entry: &Entry) -> i64 {
    let modified = std::fs::metadata(catalogue.folder(entry)).and_then(|folder| folder.modified());
    let since = modified.ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{Settings, catalogue};
    use std::path::Path;

    #[test]
    fn cards_tell_what_draws_here_what_is_ready_and_what_is_only_a_demo() {
        let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let weights_dir = models_dir.join("weights-that-are-not-there");
        let catalogue = Catalogue::read(&catalogue::Settings { models_dir, weights_dir }).expect("the manifest");
        let catalogue = Arc::new(catalogue);
        let local = Arc::new(Local::new(Settings::default(), Arc::clone(&catalogue)));
        let cards = LocalImages::new(local, catalogue, false).models();
        let named = |name: &str| cards.iter().find(|card| card.name == name).expect("a card");
        assert!(named("demo").ready && named("demo").title.contains("demo") && named("demo").created > 0);
        assert!(cards.iter().all(|card| card.ready == (card.created > 0)), "{cards:?}");
        assert!(cards.iter().all(|card| card.provider == "local" && card.tasks.contains(&GENERATE.to_owned())));
    }
}
