//! A sound decoded piece by piece at one rate, so that a long one never lies in memory whole.

use super::container::Reader;
use super::resample::Resampler;
use super::{MAX_SECONDS, Sound, guarded, resample, too_long, unreadable};
use crate::media::Failure;

/// How often a file may change its rate. Chained OGG streams may at every link; real ones never do.
const MAX_PARTS: usize = 16;

/// A file that is being decoded.
pub struct Stream<'a> {
    bytes: &'a [u8],
    param: &'a str,
    /// `None` once everything was read.
    reader: Option<Reader<'a>>,
    joiner: Joiner,
    /// Whether anything was decoded.
    sounded: bool,
}

impl<'a> Stream<'a> {
    /// Opens the sound of a file, to be decoded at a rate of one's choice. `param` is the field that failures name.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when there is no sound in it that can be read.
    pub fn open(bytes: &'a [u8], rate: u32, param: &'a str) -> Result<Self, Failure> {
        Self::of(bytes, Some(resample::possible(rate)), param)
    }

    /// The same; without a rate, at the one it begins with.
    pub(super) fn of(bytes: &'a [u8], rate: Option<u32>, param: &'a str) -> Result<Self, Failure> {
        let reader = guarded(|| Reader::open(bytes)).ok_or_else(|| unreadable(param, None))?;
        let reader = reader.map_err(|why| unreadable(param, Some(&why)))?;
        let joiner = Joiner { rate, part: None, parts: 0, before: 0.0 };
        Ok(Self { bytes, param, reader: Some(reader), joiner, sounded: false })
    }

    /// Appends the samples that come next, perhaps none. `false`: those were the last.
    ///
    /// # Errors
    /// [`Failure::TooBig`] over [`MAX_SECONDS`]; [`Failure::Invalid`] when nothing of it decodes.
    pub fn next(&mut self, samples: &mut Vec<f32>) -> Result<bool, Failure> {
        let Some(mut reader) = self.reader.take() else { return Ok(false) };
        let (before, joiner) = (samples.len(), &mut self.joiner);
        let more = guarded(|| match reader.next() {
            Some(block) => joiner.take(block.rate, block.samples, samples).map(|()| true),
            None => {
                joiner.finish(samples);
                Ok(false)
            }
        });
        self.sounded |= samples.len() > before;
        match more {
            Some(Ok(true)) => {
                self.reader = Some(reader);
                Ok(true)
            }
            Some(Ok(false)) if self.sounded => Ok(false),
            Some(Ok(false)) | None => Err(unreadable(self.param, None)),
            Some(Err(Stop::Unreadable(why))) => Err(unreadable(self.param, Some(&why))),
            Some(Err(Stop::TooLong)) => {
                // How long it is altogether is told by its packets; at least it is longer than what was decoded.
                let seconds = Sound::seconds(self.bytes).unwrap_or_default();
                Err(too_long(self.param, seconds.max(f64::from(MAX_SECONDS) + 1.0)))
            }
        }
    }

    /// The rate of the samples; `None` before the first, if none was chosen.
    pub(super) fn rate(&self) -> Option<u32> {
        self.joiner.rate
    }
}

/// Why decoding ended before the file did.
enum Stop {
    Unreadable(String),
    TooLong,
}

/// Joins what is decoded, at one rate.
struct Joiner {
    /// The rate of the whole: what was asked for, else that of the first part.
    rate: Option<u32>,
    /// What is being read.
    part: Option<Part>,
    parts: usize,
    /// How long the parts before it are together, in seconds.
    before: f64,
}

/// A stretch of one rate.
struct Part {
    rate: u32,
    length: u64,
    /// To the rate of the whole, where that is another.
    resampler: Option<Resampler>,
}

impl Part {
    fn seconds(&self) -> f64 {
        self.length as f64 / f64::from(self.rate)
    }
}

impl Joiner {
    fn take(&mut self, rate: u32, samples: &[f32], out: &mut Vec<f32>) -> Result<(), Stop> {
        let mut part = match self.part.take() {
            Some(part) if part.rate == rate => part,
            ended => self.begin(rate, ended, out)?,
        };
        part.length += samples.len() as u64;
        if self.before + part.seconds() > f64::from(MAX_SECONDS) {
            return Err(Stop::TooLong);
        }
        match &mut part.resampler {
            Some(resampler) => resampler.push(samples, out),
            None => out.extend_from_slice(samples),
        }
        self.part = Some(part);
        Ok(())
    }

    fn begin(&mut self, rate: u32, ended: Option<Part>, out: &mut Vec<f32>) -> Result<Part, Stop> {
        self.end(ended, out);
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(Stop::Unreadable(format!("it changes its sample rate more than {MAX_PARTS} times")));
        }
        let whole = *self.rate.get_or_insert(rate);
        Ok(Part { rate, length: 0, resampler: (rate != whole).then(|| Resampler::new(rate, whole)) })
    }

    fn end(&mut self, part: Option<Part>, out: &mut Vec<f32>) {
        let Some(part) = part else { return };
        self.before += part.seconds();
        if let Some(resampler) = part.resampler {
            resampler.finish(out);
        }
    }

    fn finish(&mut self, out: &mut Vec<f32>) {
        let last = self.part.take();
        self.end(last, out);
    }
}
