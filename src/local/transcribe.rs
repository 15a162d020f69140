//! Writing down what is said: the model found, what it takes counted, the ladder of what can be given up.

use super::catalogue::{Family, Located};
use super::footprint::BASE;
use super::work::{Rung, Way, Work};
use super::{Local, unexpected};
use crate::engine::protocol::{
    Architecture, DeviceChoice, Job, ModelSpec, Output, TranscribeJob, Transcript, WhisperParts,
};
use crate::media::task::SpeechTranscribe;
use crate::media::{Answered, Content, Failure, Provenance, Text, Watch};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Readings followed side by side where nobody says.
const BEAMS: u32 = 5;
/// From so many threads on a large model is worth its time.
const FAST: usize = 4;
/// Silence that is borne, in pixels as that of drawing is: half a minute of sound takes any model less time than the
/// largest picture takes another.
pub(super) const PIXELS: u64 = 512 * 512;
const F16: u64 = 2;
const F32: u64 = 4;

/// How a recording is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TranscribeWay {
    /// Readings followed side by side.
    pub(super) beams: u32,
    /// Bytes of the file, in whole megabytes.
    megabytes: u64,
}

impl Local {
    /// Writes down what is said, with a manifest's model or, with `allow_path`, one given by its path. Jobs wait in line;
    /// cancelling `watch` ends the wait or the work.
    ///
    /// # Errors
    /// As [`Local::draw`].
    pub async fn transcribe(
        &self,
        model: &str,
        allow_path: bool,
        request: &SpeechTranscribe,
        watch: Watch,
    ) -> Result<Answered, Failure> {
        let located = self.catalogue.locate(model, allow_path)?;
        if located.family != Family::Whisper {
            let message = format!("'{}' is not a model that writes down what is said", located.name);
            return Err(Failure::Missing { message });
        }
        let audio = request.audio.as_ref().ok_or_else(|| Failure::invalid("audio", "`audio` is missing"))?;
        let job = TranscribeJob {
            audio: audio.bytes.clone(),
            language: request.language.clone(),
            translate: request.translate,
            prompt: request.prompt.clone(),
            temperature: request.temperature,
            beams: request.beams.unwrap_or(BEAMS),
            words: request.words,
        };
        let Located { name, path, demo, .. } = located;
        let architecture = Architecture::Whisper(WhisperParts { vad: self.catalogue.vad(), synthetic: None });
        let spec = ModelSpec { name: name.clone(), path, architecture, device: DeviceChoice::Cpu };
        let asked = request.beams;
        let served = self.serve(move || Ok(work(spec, job, asked)), &watch).await?;
        let Output::Transcribed(transcript) = served.output else { return Err(unexpected()) };
        let demo = demo.then(|| self.only_a_demo());
        let Transcript { text, language, seconds, segments, words, notices } = transcript;
        Ok(Answered {
            content: Content::Text(Text { text, language, duration: Some(seconds), segments, words }),
            provenance: Provenance { provider: "local".to_owned(), model: name, fallback_reason: None },
            notices: demo.into_iter().chain(served.notices).chain(notices).collect(),
            bytes: 0,
        })
    }

    /// What to fetch for this machine to understand speech.
    #[must_use]
    pub fn real_whisper(&self) -> &'static str {
        if self.threads() >= FAST { "whisper-large-v3-turbo-q8_0" } else { "whisper-small-q5_1" }
    }

    fn only_a_demo(&self) -> String {
        let real = self.real_whisper();
        format!(
            "the demo model wrote this down: it knows only its own clips and makes something up for other speech; \
             `scripts/fetch_models.sh {real}` brings a real one"
        )
    }
}

/// What the model takes with as many readings as usual and no sound, and its bytes at rest.
pub(super) fn speech_rung(model: &Path) -> (Rung, u64) {
    let footprint = Footprint::read(model);
    (footprint.rung(BEAMS, 0, None), footprint.bytes)
}

/// Reads the model's header, which takes time.
fn work(spec: ModelSpec, job: TranscribeJob, asked: Option<u32>) -> Work {
    let footprint = Footprint::read(&spec.path);
    let megabytes = (job.audio.len() as u64).div_ceil(1 << 20);
    let mut ladder = vec![footprint.rung(job.beams, megabytes, None)];
    if asked.is_none() && job.beams > 1 {
        let notice = "memory is short: only one reading of the sound was followed";
        ladder.push(footprint.rung(1, megabytes, Some(notice)));
    }
    Work { spec, job: Job::Transcribe(job), ladder, weights: footprint.bytes, pixels: PIXELS, effort: None }
}

/// What a model takes.
struct Footprint {
    /// Of its file.
    bytes: u64,
    shape: Shape,
}

impl Footprint {
    fn read(model: &Path) -> Self {
        let bytes = std::fs::metadata(model).map_or(0, |file| file.len());
        Self { bytes, shape: Shape::read(model).unwrap_or_default() }
    }

    fn rung(&self, beams: u32, megabytes: u64, notice: Option<&str>) -> Rung {
        Rung {
            way: Way::Transcribe(TranscribeWay { beams, megabytes }),
            // The sound is there as it was sent and as the engine was given it.
            needed: BASE + self.bytes + self.shape.state(beams) + megabytes * (2 << 20),
            notices: notice.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// What of a model's shape takes memory while it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Shape {
    vocabulary: u64,
    audio_context: u64,
    audio_heads: u64,
    text_context: u64,
    channels: u64,
    text_layers: u64,
}

impl Shape {
    /// Reads it from the head of a ggml file; the engine will say what is wrong with one that cannot be read.
    fn read(path: &Path) -> Option<Self> {
        let mut head = [0; 48];
        File::open(path).ok()?.read_exact(&mut head).ok()?;
        let numbers: Vec<u64> = head
            .chunks_exact(4)
            .filter_map(|four| four.try_into().ok())
            .map(|n| u32::from_le_bytes(n).into())
            .collect();
        // After the magic number: vocabulary, then context, channels, heads and layers of the encoder and the decoder.
        let [_, vocabulary, audio_context, _, audio_heads, _, text_context, channels, _, text_layers, ..] = numbers[..]
        else {
            return None;
        };
        let possible = |number: u64| number <= 1 << 20;
        let all = [vocabulary, audio_context, audio_heads, text_context, channels, text_layers];
        all.into_iter().all(possible).then_some(Self {
            vocabulary,
            audio_context,
            audio_heads,
            text_context,
            channels,
            text_layers,
        })
    }

    /// Bytes beside the weights: what is kept of the sound and of each reading, and the largest step of each half.
    fn state(&self, beams: u32) -> u64 {
        let readings = if beams > 1 { u64::from(beams) + 2 } else { 1 };
        let kept = |context: u64| 2 * self.text_layers * context * self.channels * F16;
        let sound = kept(self.audio_context);
        let text = kept(self.text_context) * readings;
        let attention = self.audio_context * self.audio_context * self.audio_heads * F32;
        let layer = 12 * self.audio_context * self.channels * F32;
        let words = self.vocabulary * self.text_context * F32;
        sound + text + (attention + layer).max(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::path::PathBuf;

    fn demo() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo-whisper/ggml-demo-whisper.bin")
    }

    fn worked(path: PathBuf, asked: Option<u32>, audio: usize) -> Work {
        let job = TranscribeJob {
            audio: Bytes::from(vec![0; audio]),
            language: None,
            translate: false,
            prompt: None,
            temperature: None,
            beams: asked.unwrap_or(BEAMS),
            words: false,
        };
        let architecture = Architecture::Whisper(WhisperParts::default());
        work(ModelSpec { name: "m".to_owned(), path, architecture, device: DeviceChoice::Cpu }, job, asked)
    }

    #[test]
    fn several_readings_are_given_up_where_nobody_asked_for_them() {
        let beams = |work: &Work| {
            let one = |rung: &Rung| match rung.way {
                Way::Transcribe(way) => (way.beams, rung.notices.len()),
                _ => panic!("not a transcript"),
            };
            work.ladder.iter().map(one).collect::<Vec<_>>()
        };
        let both = worked(demo(), None, 0);
        assert_eq!(beams(&both), [(5, 0), (1, 1)]);
        assert!(both.ladder[0].needed > both.ladder[1].needed, "{:?}", both.ladder);
        assert_eq!(beams(&worked(demo(), Some(5), 0)), [(5, 0)]);
        assert_eq!(beams(&worked(demo(), Some(1), 0)), [(1, 0)]);
    }

    #[test]
    fn what_it_takes_is_the_file_the_sound_and_what_is_kept() {
        let work = worked(demo(), None, 5 << 20);
        assert_eq!(work.weights, 8_381_277);
        assert_eq!(Shape::read(&demo()).map(|shape| (shape.channels, shape.text_layers)), Some((64, 3)));
        let without = worked(demo(), None, 0).ladder[0].needed;
        assert_eq!(work.ladder[0].needed - without, 10 << 20);
        assert_eq!(worked(PathBuf::from("nowhere"), None, 0).ladder[0].needed, BASE);
    }

    #[test]
    fn the_published_sizes_take_what_whisper_cpp_says_of_them() {
        // small: whisper.cpp tells of 18.9 MB a reading, 56.6 MB of the sound, and steps of 98 to 180 MB.
        let small = Shape {
            vocabulary: 51_865,
            audio_context: 1500,
            audio_heads: 12,
            text_context: 448,
            channels: 768,
            text_layers: 12,
        };
        assert_eq!(small.state(5) - small.state(1), 6 * 2 * 12 * 448 * 768 * 2);
        assert!((200 << 20..300 << 20).contains(&small.state(1)), "{}", small.state(1));
    }
}
