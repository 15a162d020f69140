//! Speech to text: Whisper, run by whisper.cpp. Must not know how a sound is stored, only how it comes: 16 000 samples a
//! second.
//!
//! The way of a recording: it is decoded bit by bit; [`vad`] says where somebody speaks; [`pieces`] cuts it there, so that
//! silence is never read (models of speech make something up for it); [`reading`] reads one piece, and reads it again
//! where [`loops`] finds that the text goes round in circles; [`words`] makes words of tokens. [`header`] looks into a
//! model's file and [`instructions`] at the processor before whisper.cpp does, which ends the process over either. [`pace`] measures, on
//! weights that [`synthetic`] makes up.

mod header;
mod instructions;
mod loops;
mod pace;
mod pieces;
mod reading;
mod recording;
mod synthetic;
mod vad;
mod words;

use super::nn::kernels::threads;
use super::protocol::{EngineFailure, FailureClass, TranscribeJob, Transcript, WhisperParts};
use super::weights::unusable;
use super::{Result, Watcher};
use crate::media::language;
use reading::{Heard, Manner, Signs};
use recording::Recording;
use std::path::Path;
use vad::Vad;
use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperError};

/// Channels for each thread: threads of a small model only wait for each other.
const CHANNELS: u32 = 64;
/// Most tokens of what was said before, and of the words that may be said: together what the model has room for.
const CONTEXT: usize = 110;

/// A resident model.
pub struct Whisper {
    context: WhisperContext,
    vad: Vad,
    threads: usize,
}

impl Whisper {
    /// Reads a ggml file of any size, quantised or not, and Silero's model of where somebody speaks.
    ///
    /// # Errors
    /// [`FailureClass::Missing`] when a file is absent, damaged or something else, or this processor lacks instructions
    /// that the engine was built with.
    pub fn load(model: &Path, parts: &WhisperParts) -> Result<Self> {
        let lacking = instructions::lacking();
        if !lacking.is_empty() {
            let lacking = lacking.join(", ");
            let message = format!("this processor lacks what the engine was built with for speech: {lacking}");
            return Err(unusable(message));
        }
        whisper_rs::install_logging_hooks();
        if let Some(random) = &parts.synthetic {
            synthetic::write(&random.size, &random.tables, model)?;
        }
        let shape = header::read(model)?.shape;
        let mut params = WhisperContextParameters::new();
        // On a processor, attention in one go takes longer than in steps.
        params.use_gpu(false).flash_attn(false);
        let wrong = |_| unusable(format!("{} cannot be read by whisper.cpp", model.display()));
        let context = WhisperContext::new_with_params(model, params).map_err(wrong)?;
        if parts.synthetic.as_ref().is_some_and(|random| !random.keep) {
            // It is in memory now; a file that cannot be deleted only takes room.
            let _ = std::fs::remove_file(model);
        }
        let useful = (shape.audio_state / CHANNELS).max(1) as usize;
        Ok(Self { context, vad: Vad::load(&parts.vad)?, threads: threads::count().min(useful) })
    }

    /// Writes down what is said.
    ///
    /// # Errors
    /// [`FailureClass::Invalid`] for what is no sound, [`FailureClass::Missing`] for a language that the model does not
    /// know, [`FailureClass::Cancelled`].
    pub fn transcribe(&mut self, job: &TranscribeJob, watch: &mut dyn Watcher) -> Result<Transcript> {
        let mut manner = self.manner(job)?;
        let prompt = manner.context.clone();
        let mut recording = Recording::open(&job.audio)?;
        let mut signs = Signs::new(watch, recording.seconds());
        let mut state = self.context.create_state().map_err(broken)?;
        let (mut said, mut before) = (Transcript::default(), Vec::new());
        loop {
            let ended = recording.listen(&mut self.vad, &mut signs)?;
            while let Some((piece, samples)) = recording.piece(ended) {
                manner.context = prompt.clone();
                if piece.follows {
                    manner.context.extend_from_slice(last(&before));
                }
                let (heard, circles) = reading::read((&self.context, &mut state), samples, &manner, &mut signs)?;
                signs.reached(piece.end as u32);
                manner.language = manner.language.or(heard.language);
                if circles {
                    let message = format!("what is said at {:.0} s could not be made out", piece.start);
                    said.notices.push(message);
                }
                before.clone_from(&heard.tokens);
                add(&mut said, heard, (piece.start, piece.end));
            }
            if ended {
                break;
            }
        }
        said.text = said.text.trim().to_owned();
        said.seconds = recording.heard_seconds();
        said.language = manner.language.filter(|_| !said.text.is_empty()).map(str::to_owned);
        Ok(said)
    }

    fn manner(&self, job: &TranscribeJob) -> Result<Manner> {
        let asked = match &job.language {
            None => None,
            Some(asked) => Some(language::code(asked).ok_or_else(|| {
                EngineFailure::new(FailureClass::Missing, format!("Whisper does not know the language '{asked}'"))
            })?),
        };
        let multilingual = self.context.is_multilingual();
        if let Some(other) = asked.filter(|code| !multilingual && *code != "en") {
            return Err(unusable(format!("this model of speech knows only English, not '{other}'")));
        }
        let tokens = job.prompt.as_deref().map(|prompt| self.tokens(prompt)).transpose()?.unwrap_or_default();
        Ok(Manner {
            language: if multilingual { asked } else { Some("en") },
            translate: job.translate && multilingual,
            context: last(&tokens).to_vec(),
            temperature: job.temperature.filter(|degree| *degree > 0.0),
            beams: job.beams,
            words: job.words,
            threads: self.threads,
        })
    }

    fn tokens(&self, text: &str) -> Result<Vec<i32>> {
        let text = text.replace('\0', " ");
        // A token has at least a byte. Where there are more than fit, whisper-rs takes their number for a length.
        self.context.tokenize(&text, text.len() + 1).map_err(broken)
    }
}

/// The end of a context.
fn last(tokens: &[i32]) -> &[i32] {
    &tokens[tokens.len().saturating_sub(CONTEXT)..]
}

/// Adds what was heard in a piece to the whole.
fn add(said: &mut Transcript, heard: Heard, (start, end): (f64, f64)) {
    // The model may place an end behind that of the sound, in the silence that it was filled up with.
    let at = |seconds: f64| (start + seconds).clamp(start, end);
    for mut part in heard.segments {
        if part.text.trim().is_empty() {
            continue;
        }
        said.text.push_str(&part.text);
        (part.start, part.end) = (at(part.start), at(part.end));
        said.segments.push(part);
    }
    for mut word in heard.words {
        (word.start, word.end) = (at(word.start), at(word.end));
        said.words.push(word);
    }
}

/// whisper.cpp could not compute; why is not told.
fn broken(error: WhisperError) -> EngineFailure {
    EngineFailure::new(FailureClass::Crashed, format!("whisper.cpp failed: {error}"))
}

#[cfg(test)]
mod tests;
