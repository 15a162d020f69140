//! Sound in memory: out of any common container, to another rate, and into WAV or bare PCM. Everything becomes one
//! channel, since nothing here listens in stereo. Pure functions on bytes: no I/O, no clock. A file from outside is
//! believed in nothing: what is read from it is counted while it is read.

mod container;
mod mp4;
mod ogg;
mod pcm;
mod resample;
mod stream;

use super::Failure;
use container::Reader;
use resample::Resampler;

pub use stream::Stream;

/// Longest sound accepted, in seconds (CONTRACT: 4 hours).
pub const MAX_SECONDS: u32 = 4 * 60 * 60;
/// Most samples held at once: the longest sound at 48 kHz. Only files at odd rates made of silence hold more.
const MAX_SAMPLES: usize = MAX_SECONDS as usize * 48_000;
/// Packets looked into before a file counts as silent. MP3 gives nothing until its reservoir of bits has filled.
const FIRST_PACKETS: usize = 64;

/// A sound of one channel.
#[derive(Clone, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    /// The samples, from -1 to 1.
    pub samples: Vec<f32>,
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sound({} Hz, {} samples)", self.rate, self.samples.len())
    }
}

/// What a look into a file tells without decoding the whole of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// How long its sound is.
    pub seconds: f64,
    /// Whether there are moving pictures beside the sound.
    pub film: bool,
}

impl Sound {
    /// Decodes the sound of an OGG (Opus, Vorbis, FLAC), MP3, WAV, FLAC, AAC, M4A, MP4, MOV, WebM or MKV at the rate it
    /// has. Channels are averaged, damaged frames are skipped.
    ///
    /// # Errors
    /// [`Failure::TooBig`] over [`MAX_SECONDS`]; [`Failure::Invalid`] when nothing of it decodes.
    pub fn decode(bytes: &[u8], param: &str) -> Result<Self, Failure> {
        decode(bytes, None, param)
    }

    /// As [`Self::decode`], at a rate of one's choice. Long sounds need far less memory so than by decoding first and
    /// resampling then: four hours are 0.9 GB at 16 kHz and 2.8 GB at the 48 kHz of Opus.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_at(bytes: &[u8], rate: u32, param: &str) -> Result<Self, Failure> {
        decode(bytes, Some(resample::possible(rate)), param)
    }

    /// How long the sound of a file is, by the packets it really holds; nothing is decoded unless they do not tell.
    /// `None`: there is no sound in it that can be read.
    #[must_use]
    pub fn seconds(bytes: &[u8]) -> Option<f64> {
        let told = guarded(|| Reader::open(bytes).ok().map(Reader::seconds))??;
        if told > 0.0 {
            return Some(told);
        }
        let sound = decode(bytes, None, "file").ok()?;
        Some(sound.samples.len() as f64 / f64::from(sound.rate))
    }

    /// Makes sure that a file holds a sound that decodes, by its first packets and its length, and that none of it is
    /// missing, where that can be seen: whoever sends half a recording should know.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn heard(bytes: &[u8], param: &str) -> Result<Heard, Failure> {
        if ogg::is_cut_off(bytes) {
            return Err(unreadable(param, Some("it was cut off, its end is missing")));
        }
        let film = guarded(|| {
            let mut reader = Reader::open(bytes)?;
            let sounds = (0..FIRST_PACKETS).any(|_| reader.next().is_some_and(|block| !block.samples.is_empty()));
            Ok(sounds.then(|| reader.is_film()))
        });
        let film = film.unwrap_or(Ok(None)).map_err(|why: String| unreadable(param, Some(&why)))?;
        let film = film.ok_or_else(|| unreadable(param, None))?;
        let seconds = Self::seconds(bytes).ok_or_else(|| unreadable(param, None))?;
        if seconds > f64::from(MAX_SECONDS) {
            return Err(too_long(param, seconds));
        }
        Ok(Heard { seconds, film })
    }

    /// The same at another rate, as near to the one asked for as there is (1 to 768 kHz).
    #[must_use]
    pub fn resampled(&self, rate: u32) -> Self {
        let rate = resample::possible(rate);
        if rate == self.rate {
            return self.clone();
        }
        let mut samples = Vec::new();
        let mut resampler = Resampler::new(self.rate, rate);
        resampler.push(&self.samples, &mut samples);
        resampler.finish(&mut samples);
        Self { rate, samples }
    }

    /// 16 bit samples, little-endian, without any header.
    #[must_use]
    pub fn to_pcm16(&self) -> Vec<u8> {
        pcm::pcm16(&self.samples)
    }

    /// A WAV file of 16 bit samples.
    #[must_use]
    pub fn to_wav(&self) -> Vec<u8> {
        pcm::wav(self.rate, &self.samples)
    }
}

/// Decodes at a rate, or at the one the sound begins with.
fn decode(bytes: &[u8], rate: Option<u32>, param: &str) -> Result<Sound, Failure> {
    let mut stream = Stream::of(bytes, rate, param)?;
    let mut samples = Vec::new();
    while stream.next(&mut samples)? {
        if samples.len() > MAX_SAMPLES {
            let message = format!("`{param}` has more than {MAX_SAMPLES} samples; at most {MAX_SAMPLES} are accepted");
            return Err(Failure::TooBig { message });
        }
    }
    Ok(Sound { rate: stream.rate().unwrap_or(*resample::RATES.start()), samples })
}

/// Runs code that is not ours over bytes that are not ours: where it breaks an assumption of its own, the file is bad
/// and the server goes on. What it was working with is gone by then. `None`: it did break one.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

fn too_long(param: &str, seconds: f64) -> Failure {
    let message = format!("`{param}` is {seconds:.0} s long; at most {MAX_SECONDS} s are accepted");
    Failure::TooBig { message }
}

fn unreadable(param: &str, why: Option<&str>) -> Failure {
    let why = why.unwrap_or("nothing in it decodes");
    Failure::invalid(param, format!("`{param}` is not a sound that can be read: {why}"))
}

#[cfg(test)]
mod tests;
