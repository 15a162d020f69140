//! One piece read by whisper.cpp: what it is told, how it is stopped, what comes of it.

use super::words::{Token, words};
use super::{broken, loops};
use crate::engine::protocol::{EngineFailure, FailureClass};
use crate::engine::{Result, Watcher};
use crate::media::{Progress, Segment, Sureness, Word};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperState, get_lang_str};

/// How often is looked whether the reading shall stop.
const LOOK: Duration = Duration::from_millis(50);
/// How often a reading shows that it goes on.
const ALIVE: Duration = Duration::from_secs(1);
/// How freely words are guessed when a piece is read again because it went round in circles.
const AGAIN: [f32; 2] = [0.4, 0.8];

/// How a piece is read.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// The language's code; `None` to find out.
    pub(super) language: Option<&'static str>,
    /// Into English.
    pub(super) translate: bool,
    /// What was said before, and words that may be said.
    pub(super) context: Vec<i32>,
    /// How freely words are guessed; `None`: as freely as need be.
    pub(super) temperature: Option<f32>,
    /// Readings followed side by side.
    pub(super) beams: u32,
    /// Tell when each word was said.
    pub(super) words: bool,
    pub(super) threads: usize,
}

/// What was read. Times are seconds from the beginning of the piece.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Heard {
    pub(super) segments: Vec<Segment>,
    pub(super) words: Vec<Word>,
    /// The text as the model says it, for the next piece.
    pub(super) tokens: Vec<i32>,
    pub(super) language: Option<&'static str>,
}

/// Reads a piece; once more, and without what was said before, where the text goes round in circles. `true` with a text
/// that still does.
pub(super) fn read(
    (context, state): (&WhisperContext, &mut WhisperState),
    samples: &[f32],
    manner: &Manner,
    watch: &mut Signs<'_>,
) -> Result<(Heard, bool)> {
    let mut read = |manner: &Manner| once((context, &mut *state), samples, manner, &mut *watch);
    best_of(manner, &mut read)
}

/// Reads until nothing is repeated; at last takes what is repeated least.
fn best_of(manner: &Manner, read: &mut dyn FnMut(&Manner) -> Result<Heard>) -> Result<(Heard, bool)> {
    let mut best = read(manner)?;
    let mut repeated = loops::repeated(&best.tokens);
    // Whoever asks for a temperature gets what it gives.
    let again = if manner.temperature.is_some() { &[][..] } else { &AGAIN };
    for temperature in again {
        if repeated == 0 {
            break;
        }
        let freer = Manner {
            context: Vec::new(),
            temperature: Some(*temperature),
            language: manner.language.or(best.language),
            ..manner.clone()
        };
        let heard = read(&freer)?;
        let less = loops::repeated(&heard.tokens);
        if less < repeated {
            (best, repeated) = (heard, less);
        }
    }
    Ok((best, repeated > 0))
}

/// Who is told that a reading goes on, and how far the whole is.
pub(super) struct Signs<'a> {
    watch: &'a mut dyn Watcher,
    progress: Progress,
    told: Instant,
}

impl<'a> Signs<'a> {
    pub(super) fn new(watch: &'a mut dyn Watcher, of: u32) -> Self {
        Self { watch, progress: Progress { step: 0, of, percent: 0, preview: None }, told: Instant::now() }
    }

    /// Tells how far it is.
    pub(super) fn reached(&mut self, step: u32) {
        self.progress.step = step.min(self.progress.of);
        self.tell();
    }

    /// Tells that it goes on, though not too often.
    pub(super) fn alive(&mut self) {
        if self.told.elapsed() >= ALIVE {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        self.watch.progress(self.progress.clone());
    }

    /// Fails when it shall not go on.
    pub(super) fn check(&self) -> Result<()> {
        if self.watch.cancelled() { Err(cancelled()) } else { Ok(()) }
    }
}

fn cancelled() -> EngineFailure {
    EngineFailure::new(FailureClass::Cancelled, "cancelled")
}

/// What the thread that reads tells the one that watches.
enum Sign {
    Alive,
    Over,
}

fn once(
    (context, state): (&WhisperContext, &mut WhisperState),
    samples: &[f32],
    manner: &Manner,
    signs: &mut Signs<'_>,
) -> Result<Heard> {
    signs.check()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = sync_channel(1);
    let mut params = params(manner);
    listen(&mut params, &stop, tell.clone());
    let read = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let read = state.full(params, samples);
            // Nobody listens any more only where this thread is waited for anyhow.
            let _ = tell.send(Sign::Over);
            read
        });
        loop {
            match told.recv_timeout(LOOK) {
                Ok(Sign::Alive) => signs.alive(),
                Ok(Sign::Over) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if work.is_finished() => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if signs.watch.cancelled() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        work.join()
    });
    signs.check()?;
    match read {
        Ok(Ok(())) => Ok(heard(context, state, manner)),
        Ok(Err(error)) => Err(broken(error)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Has whisper.cpp ask between its steps whether to stop. It asks after each encoding and each token; within an encoding
/// it cannot be stopped, but for the parent, which ends the process.
fn listen(params: &mut FullParams<'_, '_>, stop: &Arc<AtomicBool>, tell: SyncSender<Sign>) {
    let stop = Arc::clone(stop);
    let abort = move || {
        match tell.try_send(Sign::Alive) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
        stop.load(Ordering::Relaxed)
    };
    // The type is what makes this sound: whisper-rs stores a box of the boxed closure but calls it as the type named
    // here, so that type must be the box. It never frees it: some hundred bytes for each reading.
    params.set_abort_callback_safe::<_, Box<dyn FnMut() -> bool>>(Box::new(abort) as Box<dyn FnMut() -> bool>);
}

fn params<'a>(manner: &'a Manner) -> FullParams<'a, 'a> {
    let beams = i32::try_from(manner.beams).unwrap_or(1);
    let mut params = FullParams::new(if beams > 1 {
        SamplingStrategy::BeamSearch { beam_size: beams, patience: -1.0 }
    } else {
        SamplingStrategy::Greedy { best_of: 1 }
    });
    params.set_language(manner.language);
    params.set_translate(manner.translate);
    // As tokens, which are borrowed: a text would be copied and never freed.
    params.set_tokens(&manner.context);
    params.set_no_context(true);
    params.set_n_threads(i32::try_from(manner.threads).unwrap_or(1));
    params.set_token_timestamps(manner.words);
    if let Some(temperature) = manner.temperature {
        params.set_temperature(temperature);
        params.set_temperature_inc(0.0);
    }
    params.set_print_progress(false);
    params.set_print_timestamps(false);
    params
}

fn heard(context: &WhisperContext, state: &WhisperState, manner: &Manner) -> Heard {
    let language = get_lang_str(state.full_lang_id_from_state());
    let mut heard = Heard { language, ..Heard::default() };
    let text_end = context.token_eot();
    for part in state.as_iter() {
        let (start, end) = (seconds(part.start_timestamp()), seconds(part.end_timestamp()));
        let text = part.to_str_lossy().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let tokens = (0..part.n_tokens()).filter_map(|at| part.get_token(at));
        let tokens: Vec<_> = tokens.filter(|token| token.token_id() < text_end).collect();
        let sum: f64 = tokens.iter().map(|token| f64::from(token.token_data().plog)).sum();
        let sureness = Sureness {
            avg_logprob: sum / tokens.len().max(1) as f64,
            no_speech_prob: f64::from(part.no_speech_probability()),
        };
        if manner.words {
            let token = |token: &whisper_rs::WhisperToken<'_, '_>| {
                let data = token.token_data();
                let bytes = token.to_bytes().map(<[u8]>::to_vec).unwrap_or_default();
                Token { bytes, start: seconds(data.t0), end: seconds(data.t1) }
            };
            let tokens: Vec<Token> = tokens.iter().map(token).collect();
            heard.words.extend(words(&tokens, language.unwrap_or_default(), (start, end)));
        }
        heard.tokens.extend(tokens.iter().map(whisper_rs::WhisperToken::token_id));
        heard.segments.push(Segment { start, end, text, sureness: Some(sureness) });
    }
    heard
}

/// whisper.cpp counts in hundredths.
fn seconds(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner() -> Manner {
        Manner {
            language: None,
            translate: false,
            context: vec![7],
            temperature: None,
            beams: 5,
            words: false,
            threads: 1,
        }
    }

    fn saying(tokens: &[i32]) -> Heard {
        Heard { tokens: tokens.to_vec(), language: Some("ru"), ..Heard::default() }
    }

    /// How a reading was asked for: the temperature, and how many tokens of context.
    type Asked = (Option<f32>, usize);

    /// What is taken of readings that come one after the other, and how each was asked for.
    fn taken(manner: &Manner, readings: &[&[i32]]) -> (Vec<i32>, bool, Vec<Asked>) {
        let (mut asked, mut left) = (Vec::new(), readings.iter());
        let mut read = |manner: &Manner| {
            asked.push((manner.temperature, manner.context.len()));
            Ok(saying(left.next().expect("no more readings than there are")))
        };
        let (heard, circles) = best_of(manner, &mut read).expect("a reading");
        (heard.tokens, circles, asked)
    }

    #[test]
    fn what_goes_round_in_circles_is_read_again_more_freely_and_without_context() {
        let (stuck, worse) = ([1, 2].repeat(9), [1, 2].repeat(20));
        assert_eq!(taken(&manner(), &[&[1, 2, 3]]), (vec![1, 2, 3], false, vec![(None, 1)]));
        let (tokens, circles, asked) = taken(&manner(), &[&stuck, &[4, 5]]);
        assert_eq!((tokens, circles), (vec![4, 5], false));
        assert_eq!(asked, [(None, 1), (Some(0.4), 0)]);
        let (tokens, circles, asked) = taken(&manner(), &[&worse, &stuck, &worse]);
        assert_eq!((tokens, circles, asked.len()), (stuck.clone(), true, 3));
        let fixed = Manner { temperature: Some(0.3), ..manner() };
        assert_eq!(taken(&fixed, &[&stuck]), (stuck.clone(), true, vec![(Some(0.3), 1)]));
    }

    #[test]
    fn a_reading_that_fails_ends_it() {
        let mut read = |_: &Manner| Err(cancelled());
        assert_eq!(best_of(&manner(), &mut read), Err(cancelled()));
    }
}
