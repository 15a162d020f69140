//! The models of speech of this machine: `whisper` stands for the best of those that are installed.

use super::LocalModels;
use crate::local::catalogue::{Entry, Family};
use crate::media::models::ModelCard;
use crate::media::task::SpeechTranscribe;
use crate::media::{Answered, Failure, Task, Watch, language};

/// Stands for the best installed model of speech, in routes and requests.
pub(super) const BEST: &str = "whisper";
/// What a model that translates into English says of itself in the manifest.
const TRANSLATES: &str = "speech.translate";

impl LocalModels {
    /// The card of [`BEST`]; ready with the first real model that is installed.
    pub(super) fn best_of_speech(&self) -> ModelCard {
        let best = self.real().next();
        let card = best.map(|entry| self.card(entry));
        ModelCard {
            name: BEST.to_owned(),
            title: best.map_or_else(|| "Whisper".to_owned(), |entry| format!("Whisper: {}", entry.title)),
            provider: "local".to_owned(),
            tasks: vec![SpeechTranscribe::NAME.to_owned()],
            ready: best.is_some(),
            created: card.map_or(0, |card| card.created),
            languages: Vec::new(),
            elsewhere: Vec::new(),
            levels: Vec::new(),
            canvas: None,
        }
    }

    /// Writes down what is said, with the model named, or with the best installed that fits.
    pub(super) async fn transcribe(
        &self,
        model: &str,
        request: &SpeechTranscribe,
        watch: &Watch,
    ) -> Result<Answered, Failure> {
        if model != BEST {
            if let Some(entry) = self.catalogue.get(model) {
                fits(entry, request)?;
            }
            return self.local.transcribe(model, self.allow_paths, request, watch.clone()).await;
        }
        let mut why = None;
        for entry in self.real() {
            let answer = match fits(entry, request) {
                Ok(()) => self.local.transcribe(&entry.name, false, request, watch.clone()).await,
                Err(failure) => Err(failure),
            };
            match answer {
                // A smaller one may fit, and another may know the language.
                Err(failure @ (Failure::OutOfMemory { .. } | Failure::Missing { .. })) => why = why.or(Some(failure)),
                answer => return answer,
            }
        }
        Err(why.unwrap_or_else(|| {
            let real = self.local.real_whisper();
            let message = format!("no model of speech is installed; `scripts/fetch_models.sh {real}` brings one");
            Failure::Missing { message }
        }))
    }

    /// The installed models of speech that are no demonstration, best first.
    fn real(&self) -> impl Iterator<Item = &Entry> {
        let real = |entry: &&Entry| entry.family == Family::Whisper && !entry.is_demo();
        self.catalogue.entries().iter().filter(real).filter(|entry| self.catalogue.installed(entry))
    }
}

/// Whether a model can do what is asked.
fn fits(entry: &Entry, request: &SpeechTranscribe) -> Result<(), Failure> {
    let only_english = entry.name.contains(".en");
    if request.translate && !only_english && !entry.is_demo() && !entry.tasks.iter().any(|task| task == TRANSLATES) {
        return Err(Failure::Missing { message: format!("{} does not translate", entry.title) });
    }
    let english = request.language.as_deref().and_then(language::code) == Some("en");
    if only_english && !english {
        let message = format!("{} is for recordings that are said to be in English", entry.title);
        return Err(Failure::Missing { message });
    }
    Ok(())
}
