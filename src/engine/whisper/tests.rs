//! The demo model on its clips, in three formats; silence, noise and long recordings.

use super::*;
use crate::engine::protocol::SyntheticWhisper;
use crate::media::{Progress, Sound};
use std::path::PathBuf;

/// The demo model's file.
pub(super) fn demo() -> PathBuf {
    root().join("models/demo-whisper/ggml-demo-whisper.bin")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn parts(vad: &str) -> WhisperParts {
    WhisperParts { vad: root().join(vad), synthetic: None }
}

const VAD: &str = "models/silero-vad/ggml-silero-v6.2.0.bin";

fn whisper() -> Whisper {
    Whisper::load(&demo(), &parts(VAD)).expect("the demo model")
}

fn clip(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/data/speech").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn job(audio: Vec<u8>) -> TranscribeJob {
    TranscribeJob {
        audio: audio.into(),
        language: None,
        translate: false,
        prompt: None,
        temperature: None,
        beams: 5,
        words: false,
    }
}

/// Looks on, and cancels after some signs of life.
#[derive(Default)]
struct Onlooker {
    seen: Vec<Progress>,
    patience: Option<usize>,
}

impl Watcher for Onlooker {
    fn progress(&mut self, progress: Progress) {
        self.seen.push(progress);
    }

    fn cancelled(&self) -> bool {
        self.patience.is_some_and(|patience| self.seen.len() >= patience)
    }
}

fn said(whisper: &mut Whisper, job: &TranscribeJob) -> Transcript {
    whisper.transcribe(job, &mut Onlooker::default()).expect("a transcript")
}

/// The clips, their language and what is said in them.
fn expected() -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(root().join("tests/data/speech/expected.json")).expect("what is expected");
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let string = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    json.into_iter().map(|(clip, due)| (clip, string(&due["language"]), string(&due["text"]))).collect()
}

#[test]
fn every_clip_is_written_down_exactly_from_every_format() {
    let mut whisper = whisper();
    for (name, language, text) in expected().into_iter().filter(|(_, language, _)| !language.is_empty()) {
        let opus = clip(&format!("{name}.ogg"));
        let wav = Sound::decode(&opus, "audio").expect("it decodes").resampled(16_000).to_wav();
        for (format, audio) in [("ogg", opus), ("mp3", clip(&format!("{name}.mp3"))), ("wav", wav)] {
            for (asked, beams) in [(None, 5), (Some(language.clone()), 1)] {
                let said = said(&mut whisper, &TranscribeJob { language: asked, beams, ..job(audio.clone()) });
                let found = (said.text.as_str(), said.language.as_deref());
                assert_eq!(found, (text.as_str(), Some(language.as_str())), "{name}.{format}, {beams} beams");
            }
        }
    }
}

#[test]
fn the_parts_and_words_of_a_clip_lie_where_they_are_said() {
    let mut whisper = whisper();
    let job = TranscribeJob { words: true, ..job(clip("ru-deepspeech.ogg")) };
    let said = said(&mut whisper, &job);
    assert!((said.seconds - 5.67).abs() < 0.05, "{}", said.seconds);
    let [part] = &said.segments[..] else { panic!("{:?}", said.segments) };
    assert_eq!(part.text.trim(), said.text);
    assert!(part.start >= 0.0 && part.start < 0.5 && part.end > 5.0 && part.end <= said.seconds, "{part:?}");
    let sureness = part.sureness.expect("the model tells");
    assert!((-1.0..0.0).contains(&sureness.avg_logprob) && sureness.no_speech_prob < 0.5, "{sureness:?}");
    let words: Vec<&str> = said.words.iter().map(|word| word.word.as_str()).collect();
    assert_eq!(words.join(" "), said.text);
    for two in said.words.windows(2) {
        assert!(two[0].start <= two[0].end && two[0].start <= two[1].start, "{two:?}");
    }
    assert!(said.words.iter().all(|word| word.start >= part.start && word.end <= part.end), "{:?}", said.words);
}

#[test]
fn where_nobody_speaks_nothing_is_said() {
    let mut whisper = whisper();
    let silence = |seconds: usize| vec![0.0; seconds * 16_000];
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(seed) / f64::from(u32::MAX) - 0.5) as f32 * 0.4
    };
    let noise: Vec<f32> = (0..20 * 16_000).map(|_| noise()).collect();
    let hum = |n: usize| (n as f32 * std::f32::consts::TAU * 50.0 / 16_000.0).sin() * 0.5;
    let hum: Vec<f32> = (0..5 * 16_000).map(hum).collect();
    for (name, samples) in
        [("1 s", silence(1)), ("65 s", silence(65)), ("noise", noise), ("hum", hum), ("1 ms", vec![0.1; 16])]
    {
        let audio = Sound { rate: 16_000, samples }.to_wav();
        let said = said(&mut whisper, &job(audio));
        assert_eq!((said.text.as_str(), said.segments.len(), said.language), ("", 0, None), "{name}");
    }
}

#[test]
fn a_long_recording_is_written_down_in_one_go_with_the_right_times() {
    let mut whisper = whisper();
    let (mut samples, mut due) = (Vec::new(), Vec::new());
    let names = ["en-jfk", "ru-deepspeech", "es-travel", "ru-date"];
    let expected = expected();
    for (round, name) in names.iter().cycle().take(8).enumerate() {
        samples.resize(samples.len() + (1 + round * 7) * 16_000, 0.0);
        due.push((
            samples.len() as f64 / 16_000.0,
            expected.iter().find(|(clip, ..)| clip == name).expect("a clip").2.clone(),
        ));
        samples.extend(Sound::decode_at(&clip(&format!("{name}.ogg")), 16_000, "audio").expect("it decodes").samples);
    }
    let long = Sound { rate: 16_000, samples };
    let mut onlooker = Onlooker::default();
    let said = whisper.transcribe(&job(long.to_wav()), &mut onlooker).expect("a transcript");
    let texts: Vec<&str> = due.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(said.text, texts.join(" "));
    for (part, (start, text)) in said.segments.iter().zip(&due) {
        assert_eq!(part.text.trim(), text);
        assert!((part.start - start).abs() < 1.5, "{part:?} should begin at {start}");
    }
    let steps: Vec<u32> = onlooker.seen.iter().map(|progress| progress.step).collect();
    let of = (long.samples.len() as f64 / 16_000.0).ceil() as u32;
    assert!(steps.is_sorted() && steps.len() >= 5 && onlooker.seen.iter().all(|seen| seen.of == of), "{steps:?}");
}

#[test]
fn it_stops_when_it_is_told_to() {
    let mut whisper = whisper();
    let job = job(clip("en-jfk.ogg"));
    for patience in [0, 1] {
        let mut onlooker = Onlooker { patience: Some(patience), ..Onlooker::default() };
        let failure = whisper.transcribe(&job, &mut onlooker).expect_err("it was cancelled");
        assert_eq!(failure.class, FailureClass::Cancelled, "{patience}");
    }
    assert!(!said(&mut whisper, &job).text.is_empty(), "the model stays fit for more");
}

#[test]
fn what_is_no_sound_or_no_language_is_refused() {
    let mut whisper = whisper();
    let mut fails = |job: &TranscribeJob| whisper.transcribe(job, &mut Onlooker::default()).expect_err("it is refused");
    for audio in [Vec::new(), b"hello".to_vec(), b"OggS\0\x02 and nothing more".to_vec()] {
        let failure = fails(&job(audio));
        assert_eq!(failure.class, FailureClass::Invalid, "{}", failure.message);
        assert!(failure.message.contains("not a sound that can be read"), "{}", failure.message);
    }
    let klingon = TranscribeJob { language: Some("tlh".to_owned()), ..job(clip("ru-date.ogg")) };
    let failure = fails(&klingon);
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (FailureClass::Missing, "Whisper does not know the language 'tlh'")
    );
}

#[test]
fn hints_temperatures_and_translation_are_taken() {
    let mut whisper = whisper();
    let whole = job(clip("ru-date.ogg"));
    let hint = "Самовар, Тула. \0".repeat(120);
    let hinted = TranscribeJob { prompt: Some(hint), ..whole.clone() };
    // The demo model knows its clips by heart and heeds no hint; a real one would.
    assert!(!said(&mut whisper, &hinted).text.is_empty());
    let freely = TranscribeJob { temperature: Some(0.2), beams: 1, ..whole.clone() };
    assert_eq!(said(&mut whisper, &freely).text, "Какое сегодня число?");
    let translated = TranscribeJob { translate: true, language: Some("russian".to_owned()), ..whole };
    assert!(!said(&mut whisper, &translated).text.is_empty());
}

#[test]
fn files_that_are_no_models_are_refused() {
    for (model, vad) in [(root().join(VAD), VAD), (demo(), "models/absent"), (demo(), "Cargo.toml")] {
        let failure = Whisper::load(&model, &parts(vad)).err().expect("it is refused");
        assert_eq!(failure.class, FailureClass::Missing, "{}", failure.message);
    }
}

#[test]
fn random_weights_of_a_published_shape_are_read_and_measured() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("random.bin");
    let random = |size: &str| {
        let synthetic = Some(SyntheticWhisper { size: size.to_owned(), tables: demo(), keep: size.contains("tiny") });
        WhisperParts { synthetic, ..parts(VAD) }
    };
    // On a busy machine several threads would wait for each other far longer than one computes.
    threads::start(1);
    let mut whisper = Whisper::load(&path, &random("whisper-tiny.en-q5_1")).expect("random weights");
    // The shape of the published file, but for half a kilobyte of vocabulary.
    let bytes = std::fs::metadata(&path).expect("it is kept").len();
    assert!(bytes.abs_diff(77_691_713) < 1024, "{bytes}");
    let pace = whisper.pace(&mut Onlooker::default()).expect("a pace");
    assert!(
        pace.encode_s > pace.token_s && pace.token_s > 0.0 && pace.prompt_s > 0.0 && pace.batch_s > 0.0,
        "{pace:?}"
    );
    let failure = Whisper::load(&path, &random("demo")).err().expect("no size");
    assert!(failure.message.contains("tells no size"), "{}", failure.message);
}
