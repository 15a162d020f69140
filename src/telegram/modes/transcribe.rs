//! 🎙 What is said in a voice message, a sound or a film.

use super::super::conclude::Finished;
use super::super::errand::MOST_BYTES;
use super::super::offer;
use super::super::orders::{Asked, FileRef, SentFile};
use super::super::parcel::{Body, Parcel};
use super::super::session::Step;
use super::super::texts::{args, escaped};
use super::super::turn::Turn;
use super::super::wire::Action;
use super::super::words::mode::Mode;
use super::super::words::{cut, html, keyboards, time};
use super::{Done, Handler};
use crate::media::task::{SpeechTranscribe, Task};
use crate::media::{Request, Text};
use async_trait::async_trait;
use std::time::Duration;

/// A transcript of more messages than this goes as a file.
const MOST_MESSAGES: usize = 3;
/// Units of a message that are left for the words around a transcript.
const AROUND: usize = 800;
/// Most units of the beginning of a transcript that is in a file, and units that are left for the words before it.
const BEGINNING: usize = 500;
const BEFORE: usize = 150;

/// The mode.
pub struct Transcribe;

#[async_trait]
impl Handler for Transcribe {
    fn mode(&self) -> Mode {
        Mode::Voice
    }

    fn task(&self) -> &'static str {
        SpeechTranscribe::NAME
    }

    fn action(&self) -> Action {
        Action::Typing
    }

    async fn words(&self, turn: &Turn, _: &str) -> Done {
        turn.say_with(Mode::Voice.question(turn.lang()), keyboards::to_menu(turn.lang()));
        Ok(())
    }

    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel> {
        let (lang, number) = (finished.order.lang, finished.order.number);
        let text = finished.answer.text.as_ref().map(|text| text.text.trim()).unwrap_or_default();
        if text.is_empty() {
            let html = finished.with_bill(lang.html("voice-empty", args! {}));
            return vec![finished.parcel(Body::Text { html }, Default::default())];
        }
        let duration = time::exact(lang, finished.answer.text.as_ref().map(lasted).unwrap_or_default());
        let parts = cut::split(text, cut::MESSAGE - AROUND);
        if parts.len() > MOST_MESSAGES {
            let below = finished.with_bill(String::new());
            let room = cut::CAPTION.saturating_sub(BEFORE + html::units(&below));
            let beginning = cut::within(text, room.min(BEGINNING));
            let caption = lang.html("voice-file", args! { "duration" => duration, "text" => beginning });
            let name = lang.plain("file-transcript", args! { "job" => number });
            let body = Body::TextFile { name, text: text.to_owned(), caption: format!("{caption}{below}") };
            return vec![finished.parcel(body, Default::default())];
        }
        let count = parts.len();
        let part = |(at, part): (usize, &String)| {
            let shown = if at == 0 {
                lang.html("voice-result", args! { "duration" => duration.clone(), "text" => part })
            } else {
                let place = lang.html("voice-part", args! { "part" => at + 1, "parts" => count });
                format!("{place}\n{}", escaped(part))
            };
            let last = at + 1 == count;
            let html = if last { finished.with_bill(shown) } else { shown };
            let buttons = if last { keyboards::transcript(lang, number) } else { Default::default() };
            finished.part(at, Body::Text { html }, buttons)
        };
        parts.iter().enumerate().map(part).collect()
    }
}

/// How long the sound is; where nobody told, up to the last that was said.
fn lasted(text: &Text) -> Duration {
    let seconds = text.duration.or(text.segments.last().map(|last| last.end)).unwrap_or_default();
    Duration::from_secs_f64(seconds.clamp(0.0, 1e6))
}

/// Takes a sound that somebody sent.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn take(turn: &Turn, file: SentFile) -> Done {
    let lang = turn.lang();
    if !turn.door.serves(SpeechTranscribe::NAME) {
        turn.say(Mode::Voice.unserved(lang));
        return Ok(());
    }
    if file.size.is_some_and(|size| size > MOST_BYTES) {
        turn.say(lang.html("file-too-large", args! {}));
        return Ok(());
    }
    if matches!(turn.step(), Step::Mode { mode: Mode::Voice, .. }) {
        turn.go(Step::Idle);
    }
    let asked = Asked::new(Mode::Voice, &Request::from(SpeechTranscribe::default()), "");
    offer::offer(turn, asked.file("audio", FileRef::Sent(file))).await
}
