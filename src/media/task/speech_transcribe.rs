//! `speech.transcribe`: what is said in a sound, in its own language or in English.

use super::{Choice, Fields, Task, bounded, files, language, no_place};
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest hint about names and terms, in characters.
const MAX_HINT: usize = 2000;
/// Most readings followed at a time: what whisper.cpp has room for.
const MAX_BEAMS: u32 = 8;

/// A wish for a transcript.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SpeechTranscribe {
    /// The sound.
    #[serde(skip)]
    #[schema(ignore)]
    pub audio: Option<Medium>,
    /// The language that is spoken, such as `ru`; without one it is recognised.
    pub language: Option<String>,
    /// Names and terms that may be said.
    pub prompt: Option<String>,
    /// In English, whatever is spoken.
    pub translate: bool,
    /// 0 to 1: how freely words are guessed. Without one, from the surest words on, more freely only where those fail.
    pub temperature: Option<f32>,
    /// How many readings are followed side by side, 1 to 8: more are slower and find better ones. Only a model of this
    /// machine takes notice.
    pub beams: Option<u32>,
    /// Tell when each word was said.
    pub words: bool,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Task for SpeechTranscribe {
    const NAME: &'static str = "speech.transcribe";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        files("audio", usize::from(self.audio.is_some()), elsewhere, 1)?;
        bounded("prompt", self.prompt.as_deref().unwrap_or_default(), MAX_HINT)?;
        language("language", self.language.as_ref())?;
        if self.temperature.is_some_and(|degree| !(0.0..=1.0).contains(&degree)) {
            return Err(Failure::invalid("temperature", "`temperature` must be 0 to 1"));
        }
        if self.beams.is_some_and(|beams| !(1..=MAX_BEAMS).contains(&beams)) {
            return Err(Failure::invalid("beams", format!("`beams` must be 1 to {MAX_BEAMS}")));
        }
        Ok((self, Vec::new()))
    }

    fn effort(&self) -> u64 {
        // A minute of Opus, roughly.
        self.audio.as_ref().map_or(1, |audio| audio.bytes.len() as u64 / 200_000 + 1)
    }

    fn fields(&self) -> Fields {
        Fields::default()
            .maybe("language", self.language.as_ref())
            .maybe("prompt", self.prompt.as_ref())
            .with("translate", self.translate)
            .maybe("temperature", self.temperature)
            .with("words", self.words)
    }

    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(self.audio.iter().map(|audio| ("audio", audio.clone())).collect())
    }

    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(self.audio.take().into_iter().map(|audio| ("audio", audio)).collect())
    }

    fn attach(&mut self, name: &str, medium: Medium) -> Result<(), Failure> {
        if name != "audio" {
            return no_place(Self::NAME, name);
        }
        self.audio = Some(medium);
        Ok(())
    }

    fn fits(content: &Content) -> bool {
        matches!(content, Content::Text(_))
    }
}
