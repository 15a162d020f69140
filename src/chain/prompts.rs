//! Words on their way to a model: into a language it reads, with a memory of what was translated; and prompts that are
//! written for people, made sure to be long enough.

use super::asking::Asking;
use super::memo::{Trail, Unwritten};
use super::route::LOCAL;
use super::{Chain, language};
use crate::media::models::ModelCard;
use crate::media::task::{TextTranslate, TextWrite};
use crate::media::{Answered, Content, Request};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a translation may take: whoever asked waits for a picture, not for words.
const PATIENCE: Duration = Duration::from_secs(3);
/// Translations that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(2000).expect("not zero");
/// The language that every model reads.
const ENGLISH: &str = "en";

/// What was translated before, into English.
pub(super) struct Translations(Mutex<LruCache<String, String>>);

impl Default for Translations {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Translations {
    fn known(&self, text: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned()
    }

    fn remember(&self, text: &str, translated: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(text.to_owned(), translated.to_owned());
    }
}

/// A request in words that a model reads, and what should be said about that.
pub(super) struct Readable {
    /// `None`: as it was.
    pub request: Option<Request>,
    /// Why it was not translated.
    pub notice: Option<String>,
}

impl Chain {
    /// The request in a language that this model reads. Where that is not possible in a moment, it goes as it is.
    pub(super) async fn readable(&self, request: &Request, card: Option<&ModelCard>, asking: &Asking<'_>) -> Readable {
        let unchanged = |notice| Readable { request: None, notice };
        let (Some(card), Some(prompt)) = (card, request.prompt()) else { return unchanged(None) };
        if language::reads(&card.languages, prompt) || stays_here(request) {
            return unchanged(None);
        }
        let english = match self.translations.known(prompt) {
            Some(known) => Ok(known),
            None => self.translated(prompt, asking).await,
        };
        match english {
            Ok(english) => {
                let mut translated = request.clone();
                translated.set_prompt(english);
                Readable { request: Some(translated), notice: None }
            }
            Err(why) => unchanged(Some(format!(
                "the prompt was not translated into English ({why}); {} read it as it was written",
                card.title
            ))),
        }
    }

    async fn translated(&self, prompt: &str, asking: &Asking<'_>) -> Result<String, &'static str> {
        let (text, target) = (prompt.to_owned(), ENGLISH.to_owned());
        let request = Request::from(TextTranslate { text, target, ..TextTranslate::default() });
        let links = self.links(&request).unwrap_or_default();
        if links.iter().all(|link| self.candidates(link, &request).is_err()) {
            return Err("no translator is set up");
        }
        // A translation costs little and changes nothing: it is nobody's to remember.
        let (trail, _) = Trail::of(&Unwritten);
        let own = Asking::new(asking.watch, trail, asking.tried, PATIENCE.min(asking.left()));
        let asked = Box::pin(self.course(&request, &own));
        match tokio::time::timeout(PATIENCE, asked).await {
            Err(_) => Err("the translator took too long"),
            Ok(Err(_)) => Err("no translator answered"),
            Ok(Ok(Answered { content, .. })) => {
                let text = content.text().map_err(|_| "no translator answered")?.text;
                let english = text.trim().to_owned();
                self.translations.remember(prompt, &english);
                Ok(english)
            }
        }
    }
}

/// Whether nothing of a request may leave this machine.
fn stays_here(request: &Request) -> bool {
    let choice = request.choice();
    choice.local_only || choice.provider.as_deref() == Some(LOCAL)
}

/// The answer as it may be handed out: a written prompt tidied.
pub(super) fn tidied(request: &Request, mut answered: Answered) -> Answered {
    if let (Request::TextWrite(_), Content::Text(text)) = (request, &mut answered.content)
        && let Some(tidy) = TextWrite::tidied(&text.text)
    {
        text.text = tidy;
    }
    answered
}

/// The same request, more urgently, for whoever wrote too short a prompt at first.
pub(super) fn once_more(request: &Request) -> Option<Request> {
    match request {
        Request::TextWrite(wish) if !wish.again => Some(TextWrite { again: true, ..wish.clone() }.into()),
        _ => None,
    }
}
