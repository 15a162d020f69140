//! How fast a model of speech is, step by step: the same steps as whisper.cpp's own bench program takes.

use super::reading::Signs;
use super::{Whisper, broken};
use crate::engine::protocol::SpeechPace;
use crate::engine::{Result, Watcher};
use std::time::Instant;
use whisper_rs::WhisperState;

/// Tokens written one after the other.
const TOKENS: usize = 256;
/// Tokens of a context that is read at once, and how often.
const PROMPT: (usize, usize) = (256, 16);
/// Readings side by side, and how often.
const BATCH: (usize, usize) = (5, 64);

impl Whisper {
    /// Measures; each step is taken once before it counts.
    ///
    /// # Errors
    /// [`super::FailureClass::Cancelled`].
    pub fn pace(&mut self, watch: &mut dyn Watcher) -> Result<SpeechPace> {
        let mut state = self.context.create_state().map_err(broken)?;
        // What is heard does not matter: half a minute of nothing.
        state.pcm_to_mel(&vec![0.0; 30 * 16_000], self.threads).map_err(broken)?;
        let mut signs = Signs::new(watch, (TOKENS + PROMPT.1 + BATCH.1) as u32);
        let threads = self.threads;
        let encode = |state: &mut WhisperState| state.encode(0, threads).map_err(broken);
        let decode = |state: &mut WhisperState, tokens: usize, past: usize| {
            state.decode(&vec![0; tokens], past, threads).map_err(broken)
        };
        encode(&mut state)?;
        let encode_s = timed(1, || encode(&mut state))?;
        signs.check()?;
        decode(&mut state, PROMPT.0, 0)?;
        decode(&mut state, BATCH.0, 0)?;
        let mut past = 0;
        let token_s = timed(TOKENS, || {
            decode(&mut state, 1, past)?;
            past += 1;
            signs.alive();
            signs.check()
        })?;
        let batch_s = timed(BATCH.1, || decode(&mut state, BATCH.0, 0))?;
        signs.check()?;
        let prompt_s = timed(PROMPT.1, || {
            signs.alive();
            decode(&mut state, PROMPT.0, 0)
        })?;
        Ok(SpeechPace { encode_s, token_s, batch_s, prompt_s })
    }
}

/// Seconds that a step takes, on average.
fn timed(times: usize, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..times {
        step()?;
    }
    Ok(started.elapsed().as_secs_f64() / times as f64)
}
