//! The models of this machine as one provider among others.

mod speech;

use super::lettering::{self, Lettering};
use super::{Call, Key, Manners, Provider};
use crate::local::Local;
use crate::local::catalogue::{Catalogue, Entry, Family};
use crate::media::models::ModelCard;
use crate::media::{Answered, Failure, ImageRequest, Request, Task, task};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// What the engine can do with a model of a family.
fn tasks_of(family: Family) -> &'static [&'static str] {
    match family {
        Family::Sdxl | Family::Flux => &[ImageRequest::NAME, task::ImageEdit::NAME],
        Family::RealEsrganCompact => &[task::ImageUpscale::NAME],
        Family::Whisper => &[task::SpeechTranscribe::NAME],
        Family::RealEsrgan => &[],
    }
}

/// Answers with the local engine, and writes on pictures without it.
pub struct LocalModels {
    local: Arc<Local>,
    catalogue: Arc<Catalogue>,
    lettering: Lettering,
    allow_paths: bool,
}

impl LocalModels {
    /// `allow_paths`: whether a model may be a path instead of a manifest name (the command line only).
    #[must_use]
    pub fn new(local: Arc<Local>, catalogue: Arc<Catalogue>, lettering: Lettering, allow_paths: bool) -> Self {
        Self { local, catalogue, lettering, allow_paths }
    }

    fn card(&self, entry: &Entry) -> ModelCard {
        // "demo" stands wherever a person sees a demo model, whatever its title says.
        let labelled = !entry.is_demo() || entry.title.to_lowercase().contains("demo");
        ModelCard {
            name: entry.name.clone(),
            title: if labelled { entry.title.clone() } else { format!("{} (demo)", entry.title) },
            provider: self.id().to_owned(),
            tasks: tasks_of(entry.family).iter().map(|task| (*task).to_owned()).collect(),
            ready: self.catalogue.installed(entry),
            created: installed_at(&self.catalogue, entry),
            languages: entry.prompt_languages.clone(),
            elsewhere: entry.remote.clone(),
            levels: Vec::new(),
            canvas: entry.defaults.width.zip(entry.defaults.height),
        }
    }
}

#[async_trait]
impl Provider for LocalModels {
    fn id(&self) -> &str {
        "local"
    }

    fn title(&self) -> &str {
        "this machine"
    }

    fn models(&self) -> Vec<ModelCard> {
        let works = |entry: &&Entry| !tasks_of(entry.family).is_empty();
        let cards = self.catalogue.entries().iter().filter(works).map(|entry| self.card(entry));
        cards.chain([self.best_of_speech(), self.lettering.card()]).collect()
    }

    fn manners(&self) -> Manners {
        // The engine's own line keeps its jobs apart, and its own watch ends one that stands still.
        Manners { keyed: false, concurrency: usize::MAX, own_policy: true, patience: Duration::MAX }
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        let draw = async |request: &ImageRequest| {
            self.local.draw(call.model, self.allow_paths, request, call.watch.clone()).await
        };
        match call.request {
            Request::ImageGenerate(request) => draw(request).await,
            Request::ImageEdit(edit) => {
                let edit = edit.clone();
                let drawing = tokio::task::spawn_blocking(move || edit.as_drawing()).await;
                draw(&drawing.map_err(|e| Failure::internal(format!("reading the pictures broke: {e}")))??).await
            }
            Request::SpeechTranscribe(request) => self.transcribe(call.model, request, call.watch).await,
            Request::ImageLetter(letter) if call.model == lettering::NAME => {
                self.lettering.answer(letter, call.watch).await
            }
            Request::ImageUpscale(request) => {
                self.local.upscale(call.model, self.allow_paths, request, call.watch.clone()).await
            }
            other => Err(Failure::Missing { message: format!("no local model does {}", other.task()) }),
        }
    }

    async fn probe(&self, _: Option<&Key>) -> Result<(), Failure> {
        self.local.probe()
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
    use crate::lettering::Letterer;
    use crate::local::{Settings, catalogue};
    use std::path::Path;

    #[test]
    fn cards_tell_what_draws_here_what_is_ready_and_what_is_only_a_demo() {
        let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let weights_dir = models_dir.join("weights-that-are-not-there");
        let settings = catalogue::Settings { models_dir: models_dir.clone(), weights_dir };
        let catalogue = Catalogue::read(&settings).expect("the manifest");
        let catalogue = Arc::new(catalogue);
        let local = Arc::new(Local::new(Settings::default(), Arc::clone(&catalogue)));
        let folder = models_dir.join("fonts-that-are-not-there");
        let lettering = Lettering::new(Letterer::new(crate::lettering::Settings { folder }));
        let cards = LocalModels::new(local, catalogue, lettering, false).models();
        let named = |name: &str| cards.iter().find(|card| card.name == name).expect("a card");
        assert!(named("demo").ready && named("demo").title.contains("demo") && named("demo").created > 0);
        assert!(named("demo").languages.contains(&"ru".to_owned()) && named("sdxl-turbo").languages == ["en"]);
        assert!(named("flux-schnell").elsewhere.iter().any(|link| link.starts_with("hf:")));
        assert!(cards.iter().all(|card| card.ready == (card.created > 0)), "{cards:?}");
        let upscaler = named("realesrgan");
        assert!(upscaler.ready && !upscaler.title.contains("demo"), "{upscaler:?}");
        assert_eq!(upscaler.tasks, [task::ImageUpscale::NAME]);
        assert!(cards.iter().all(|card| card.provider == "local"));
        let letters = named(lettering::NAME);
        assert!(letters.tasks == [task::ImageLetter::NAME] && !letters.ready, "{letters:?}");
        let hears = |card: &&ModelCard| card.name.contains("whisper");
        assert!(cards.iter().filter(hears).all(|card| card.tasks == [task::SpeechTranscribe::NAME]));
        // Only the demonstration is installed, which `whisper` does not stand for.
        assert!(!named("whisper").ready && named("demo-whisper").ready && named("demo-whisper").title.contains("demo"));
        let generate = ImageRequest::NAME.to_owned();
        let others = [lettering::NAME, "realesrgan"];
        let painters = cards.iter().filter(|card| !hears(card) && !others.contains(&card.name.as_str()));
        assert!(painters.clone().count() > 3 && painters.clone().all(|card| card.tasks.contains(&generate)));
    }
}
