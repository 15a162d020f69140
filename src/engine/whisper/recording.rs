//! A recording on its way: decoded bit by bit, listened to, and handed out in pieces. Only what may still be needed is in
//! memory.

use super::pieces::Cutter;
use super::reading::Signs;
use super::vad::{FRAME, LEAD, Vad};
use crate::engine::Result;
use crate::engine::protocol::{EngineFailure, FailureClass};
use crate::media::sound::Stream;
use crate::media::{Failure, Sound};

/// Samples a second that Whisper and Silero hear.
const RATE: u32 = 16_000;
/// Samples that are decoded at a time: half a minute.
const STRETCH: usize = 30 * RATE as usize;

/// What is read next, in seconds of the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) start: f64,
    pub(super) end: f64,
    /// Whether it goes on in mid-speech where the one before ended.
    pub(super) follows: bool,
}

/// A recording.
pub(super) struct Recording<'a> {
    stream: Stream<'a>,
    cutter: Cutter,
    samples: Vec<f32>,
    /// The frame that `samples` begins with.
    first: usize,
    seconds: u32,
}

impl<'a> Recording<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`FailureClass::Invalid`] when there is no sound in it that can be read.
    pub(super) fn open(file: &'a [u8]) -> Result<Self> {
        let seconds = Sound::seconds(file).unwrap_or_default().ceil() as u32;
        let stream = Stream::open(file, RATE, "audio").map_err(refused)?;
        Ok(Self { stream, cutter: Cutter::default(), samples: Vec::new(), first: 0, seconds: seconds.max(1) })
    }

    /// How long it says that it is, at least one.
    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// How long it is, as far as it was decoded.
    pub(super) fn heard_seconds(&self) -> f64 {
        (self.first * FRAME + self.samples.len()) as f64 / f64::from(RATE)
    }

    /// Decodes the next stretch and listens where somebody speaks. `true`: that was the last one.
    ///
    /// # Errors
    /// [`FailureClass::Invalid`] for a sound that breaks or is too long, [`FailureClass::Cancelled`].
    pub(super) fn listen(&mut self, vad: &mut Vad, signs: &mut Signs<'_>) -> Result<bool> {
        self.forget();
        let heard = self.cutter.heard();
        let due = (heard - self.first) * FRAME + STRETCH;
        let mut ended = false;
        while !ended && self.samples.len() < due {
            signs.check()?;
            ended = !self.stream.next(&mut self.samples).map_err(refused)?;
        }
        let lead = LEAD.min(heard - self.first);
        let mut new = &self.samples[(heard - self.first - lead) * FRAME..];
        if !ended {
            // What does not fill a frame yet waits for the next stretch.
            new = &new[..new.len() / FRAME * FRAME];
        }
        let probabilities = vad.probabilities(new)?;
        self.cutter.hear(probabilities.get(lead..).unwrap_or_default());
        signs.check()?;
        Ok(ended)
    }

    /// The next piece and its samples, once it is certain where it ends; with `ended`, it is.
    pub(super) fn piece(&mut self, ended: bool) -> Option<(Piece, &[f32])> {
        let piece = self.cutter.next(ended)?;
        let seconds = |sample: usize| (self.first * FRAME + sample) as f64 / f64::from(RATE);
        let start = (piece.frames.start - self.first) * FRAME;
        // The last frame of a recording may be cut short.
        let end = ((piece.frames.end - self.first) * FRAME).min(self.samples.len());
        let told = Piece { start: seconds(start), end: seconds(end), follows: piece.follows };
        Some((told, &self.samples[start..end]))
    }

    /// Drops the samples that nothing will be read from any more.
    fn forget(&mut self) {
        let needed = self.cutter.from().min(self.cutter.heard().saturating_sub(LEAD));
        self.samples.drain(..(needed - self.first) * FRAME);
        self.first = needed;
    }
}

/// A file that cannot be read is the fault of who sent it.
fn refused(failure: Failure) -> EngineFailure {
    EngineFailure::new(FailureClass::Invalid, failure.to_string())
}
