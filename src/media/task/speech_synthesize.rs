//! `speech.synthesize`: words spoken.

use super::{Choice, Fields, Task, bounded, language, no_place, required};
use crate::media::{Content, Failure, Medium};
use serde::{Deserialize, Serialize};

/// Longest text that is spoken, in characters: what OpenAI's endpoint takes.
pub const MAX_TEXT: usize = 4096;
/// Longest description of how to speak, in characters.
const MAX_INSTRUCTIONS: usize = 1000;

/// The container of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundFormat {
    /// MPEG layer 3.
    #[default]
    Mp3,
    /// Opus in OGG: a voice note.
    Opus,
    /// Advanced audio coding.
    Aac,
    /// Lossless.
    Flac,
    /// Uncompressed, with a header.
    Wav,
    /// Uncompressed, without one: 16 bits, 24 kHz, one channel.
    Pcm,
}

crate::media::words!(SoundFormat {
    "mp3" => SoundFormat::Mp3, "opus" => SoundFormat::Opus, "aac" => SoundFormat::Aac,
    "flac" => SoundFormat::Flac, "wav" => SoundFormat::Wav, "pcm" => SoundFormat::Pcm,
});

/// A wish for speech.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SpeechSynthesize {
    /// What to say.
    pub text: String,
    /// The voice, as the one who answers calls it.
    pub voice: Option<String>,
    /// The container wanted; who cannot make it makes another, and says so.
    pub format: SoundFormat,
    /// How fast, 0.25 to 4; 1 is normal.
    pub speed: Option<f32>,
    /// The language, such as `ru`.
    pub language: Option<String>,
    /// How to say it.
    pub instructions: Option<String>,
    /// Who is to answer.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Task for SpeechSynthesize {
    const NAME: &'static str = "speech.synthesize";

    fn choice(&self) -> &Choice {
        &self.choice
    }

    fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choice
    }

    fn checked(mut self, _: &[&str]) -> Result<(Self, Vec<String>), Failure> {
        required("input", &self.text, MAX_TEXT)?;
        bounded("instructions", self.instructions.as_deref().unwrap_or_default(), MAX_INSTRUCTIONS)?;
        bounded("voice", self.voice.as_deref().unwrap_or_default(), 64)?;
        language("language", self.language.as_ref())?;
        if self.speed.is_some_and(|speed| !(0.25..=4.0).contains(&speed)) {
            return Err(Failure::invalid("speed", "`speed` must be from 0.25 to 4"));
        }
        if self.language.is_none() {
            let cyrillic = self.text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
            self.language = Some(if cyrillic { "ru" } else { "en" }.to_owned());
        }
        Ok((self, Vec::new()))
    }

    fn effort(&self) -> u64 {
        self.text.chars().count() as u64 / 200 + 1
    }

    fn fields(&self) -> Fields {
        Fields::default()
            .with("text", &self.text)
            .maybe("voice", self.voice.as_ref())
            .with("format", self.format.word())
            .maybe("speed", self.speed)
            .maybe("language", self.language.as_ref())
            .maybe("instructions", self.instructions.as_ref())
    }

    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(Vec::new())
    }

    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
        Ok(Vec::new())
    }

    fn attach(&mut self, name: &str, _: Medium) -> Result<(), Failure> {
        no_place(Self::NAME, name)
    }

    fn fits(content: &Content) -> bool {
        matches!(content, Content::Sound(_))
    }
}
