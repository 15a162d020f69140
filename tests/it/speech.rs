//! Speech with the real programs and the bundled demo model: several at once, cancelled, odd files, every format.

use crate::support::desk::{Desk, stderr, stdout};
use futures::future::join_all;
use samovar::local::catalogue::{self, Catalogue};
use samovar::local::{DeviceSetting, Local, Settings};
use samovar::media::task::SpeechTranscribe;
use samovar::media::{Answered, Failure, ImageRequest, Medium, Sound, Text, Watch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a slow machine: only a hang meets it.
const HANG: Duration = Duration::from_secs(240);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn clip(name: &str) -> PathBuf {
    root().join("tests/data/speech").join(name)
}

fn local() -> Arc<Local> {
    let models_dir = root().join("models");
    let weights_dir = models_dir.join("weights-that-are-not-there");
    let catalogue = Catalogue::read(&catalogue::Settings { models_dir, weights_dir }).unwrap();
    let engine = Some(env!("CARGO_BIN_EXE_samovar-engine").into());
    let settings = Settings { engine, device: DeviceSetting::Cpu, threads: Some(2), ..Settings::default() };
    Arc::new(Local::new(settings, Arc::new(catalogue)))
}

fn request(audio: impl Into<bytes::Bytes>) -> SpeechTranscribe {
    let audio = Medium::sound(audio.into(), "audio").unwrap();
    SpeechTranscribe { audio: Some(audio), ..SpeechTranscribe::default() }
}

fn of_clip(name: &str) -> SpeechTranscribe {
    request(std::fs::read(clip(name)).unwrap())
}

async fn heard(local: &Local, request: &SpeechTranscribe) -> Result<Answered, Failure> {
    let heard = local.transcribe("demo-whisper", false, request, Watch::nobody());
    tokio::time::timeout(HANG, heard).await.expect("no hang")
}

async fn text(local: &Local, request: &SpeechTranscribe) -> Text {
    heard(local, request).await.unwrap().content.text().unwrap()
}

/// What is said in a clip.
fn due(name: &str) -> String {
    let all: Value = serde_json::from_slice(&std::fs::read(clip("expected.json")).unwrap()).unwrap();
    all[name]["text"].as_str().unwrap().to_owned()
}

/// Minutes of speech.
fn long() -> SpeechTranscribe {
    let speech = Sound::decode_at(&std::fs::read(clip("concat45.ogg")).unwrap(), 16_000, "audio").unwrap();
    let samples = speech.samples.repeat(8);
    request(Sound { rate: 16_000, samples }.to_wav())
}

/// A WAV of eight channels at 96 kHz, with the header that such files have.
fn cinema(name: &str) -> Vec<u8> {
    let sound = Sound::decode(&std::fs::read(clip(name)).unwrap(), "audio").unwrap().resampled(96_000);
    let frame = |sample: &f32| [*sample; 8].map(f32::to_le_bytes).concat();
    let data: Vec<u8> = sound.samples.iter().flat_map(frame).collect();
    let length = u32::try_from(data.len()).unwrap();
    // Extensible: 32 bits of 32 are valid, the speakers of 7.1, samples that are floats.
    let floats = b"\x03\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
    let numbers =
        [40, 0x0008_fffe, 96_000, 96_000 * 32, 0x0020_0020, 0x0020_0016, 0x63f].map(u32::to_le_bytes).concat();
    let riff = [&b"RIFF"[..], &(length + 60).to_le_bytes(), b"WAVEfmt "].concat();
    [&riff[..], &numbers, floats, b"data", &length.to_le_bytes(), &data].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_get_each_their_own_answer() {
    let local = local();
    let clips = ["ru-date", "en-modern", "ru-forget", "ru-lamp-on", "en-dinosaurs", "ru-weather-moscow"];
    let requests: Vec<SpeechTranscribe> = clips.iter().map(|name| of_clip(&format!("{name}.ogg"))).collect();
    let texts = join_all(requests.iter().map(|request| text(&local, request))).await;
    for (name, text) in clips.iter().zip(texts) {
        assert_eq!(text.text, due(name), "{name}");
    }
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_draws_and_one_that_hears_share_the_engine() {
    let local = local();
    let picture = ImageRequest { steps: Some(1), width: Some(64), height: Some(64), ..ImageRequest::new("apple") };
    let drawn = || async { local.draw("demo", false, &picture, Watch::nobody()).await.unwrap() };
    drawn().await;
    let engine = local.engine_pid();
    assert_eq!(text(&local, &of_clip("ru-date.mp3")).await.text, due("ru-date"));
    let again = drawn().await;
    let loaded = again.content.pictures().unwrap().drawing.unwrap().timings.load_s;
    assert_eq!((local.engine_pid(), loaded), (engine, 0.0), "both stay in memory");
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_recording_stops_and_the_next_is_heard() {
    let local = local();
    let cancel = CancellationToken::new();
    let (watch, mut progress) = Watch::new(cancel.clone());
    let task = tokio::spawn({
        let (local, request) = (Arc::clone(&local), long());
        async move { local.transcribe("demo-whisper", false, &request, watch).await }
    });
    let seen = tokio::time::timeout(HANG, progress.recv()).await.expect("no hang").expect("it tells how far it is");
    assert!(seen.step < seen.of && (355..=365).contains(&seen.of), "{seen:?}");
    cancel.cancel();
    let outcome = tokio::time::timeout(HANG, task).await.expect("no hang").unwrap();
    assert_eq!(outcome, Err(Failure::Cancelled));
    assert_eq!(text(&local, &of_clip("ru-forget.ogg")).await.text, due("ru-forget"));
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_files_are_heard_or_refused_and_the_engine_lives() {
    let local = local();
    let whole = std::fs::read(clip("ru-deepspeech.ogg")).unwrap();
    assert_eq!(text(&local, &request(cinema("ru-date.ogg"))).await.text, due("ru-date"));
    let engine = local.engine_pid();
    let cut = text(&local, &request(whole[..whole.len() / 2].to_vec())).await;
    assert!(cut.duration.unwrap() < 5.0, "{cut:?}");
    let silence = request(Sound { rate: 8000, samples: vec![0.0; 8000] }.to_wav());
    assert_eq!(text(&local, &silence).await.text, "");
    let nothing = Sound { rate: 16_000, samples: Vec::new() }.to_wav();
    let film = std::fs::read(root().join("tests/data/sound/silent-film.mp4")).unwrap();
    for file in [nothing, b"OggS\0\x02 a text that is called sound.ogg".to_vec(), film] {
        let failure = heard(&local, &request(file)).await.expect_err("nothing can be heard in it");
        assert_eq!(failure.class(), "invalid", "{failure}");
        assert!(failure.to_string().contains("not a sound that can be read"), "{failure}");
    }
    let film = std::fs::read(root().join("tests/data/sound/film.mp4")).unwrap();
    assert_eq!(text(&local, &request(film)).await.text, due("en-modern"), "the sound track of a film");
    assert_eq!(local.engine_pid(), engine);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_told_by_its_content_and_a_damaged_one_is_missing() {
    let local = local();
    let home = tempfile::tempdir().unwrap();
    let model = std::fs::read(root().join("models/demo-whisper/ggml-demo-whisper.bin")).unwrap();
    let (whole, cut) = (home.path().join("whole.mp3"), home.path().join("cut.bin"));
    std::fs::write(&whole, &model).unwrap();
    std::fs::write(&cut, &model[..model.len() / 2]).unwrap();
    let hear = |path: PathBuf| {
        let local = Arc::clone(&local);
        async move {
            let request = of_clip("ru-date.ogg");
            local.transcribe(path.to_str().unwrap(), true, &request, Watch::nobody()).await
        }
    };
    let answer = hear(whole).await.unwrap();
    assert_eq!(answer.notices, Vec::<String>::new(), "a model that was brought is no demo");
    assert_eq!(answer.content.text().unwrap().text, due("ru-date"));
    let failure = hear(cut).await.unwrap_err();
    assert!(failure.class() == "missing" && failure.to_string().contains("cut short"), "{failure}");
    let failure = hear(root().join("models/demo")).await.unwrap_err();
    assert!(failure.class() == "missing" && failure.to_string().contains("not a model that writes"), "{failure}");
    local.shutdown().await;
}

/// Prints what is said.
fn transcribe(desk: &Desk, file: &str, arguments: &[&str]) -> (String, String) {
    let file = clip(file);
    let output = desk.run(&[&["transcribe", file.to_str().unwrap()], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    (stdout(&output), stderr(&output))
}

#[test]
fn the_command_line_writes_down_what_is_said_in_every_format() {
    let desk = Desk::new();
    let (said, notes) = transcribe(&desk, "ru-weather-moscow.ogg", &[]);
    assert_eq!(said, "Какая погода в Москве?\n");
    assert!(notes.contains("the demo model wrote this down") && notes.contains("scripts/fetch_models.sh"), "{notes}");
    assert!(notes.contains("because no model of speech is installed"), "{notes}");
    let (said, _) =
        transcribe(&desk, "ru-weather-moscow.mp3", &["--format", "srt", "--language", "ru", "--beams", "1"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[2]), ("1", "Какая погода в Москве?"));
    assert!(lines[1].starts_with("00:00:00,") && lines[1].contains(" --> 00:00:02,"), "{said}");
    let (said, _) = transcribe(&desk, "ru-date.ogg", &["--format", "vtt"]);
    assert!(said.starts_with("WEBVTT\n\n00:00:00.") && said.contains("Какое сегодня число?"), "{said}");
    let (said, _) = transcribe(&desk, "ru-date.ogg", &["--format", "json", "--model", "demo-whisper", "--local-only"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["text"], &told["model"]), (&due("ru-date").into(), &"demo-whisper".into()));
    assert!(told["fallback_reason"].is_null() && told["notices"][0].is_string(), "{told}");
    let (said, _) = transcribe(&desk, "ru-date.ogg", &["--format", "verbose_json", "--words"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["language"], &told["task"]), (&"russian".into(), &"transcribe".into()));
    assert!((told["duration"].as_f64().unwrap() - 2.58).abs() < 0.05, "{told}");
    let words: Vec<&str> = told["words"].as_array().unwrap().iter().map(|w| w["word"].as_str().unwrap()).collect();
    assert_eq!(words.join(" "), due("ru-date"));
}

#[test]
fn the_command_line_refuses_what_cannot_be_heard() {
    let desk = Desk::new();
    std::fs::write(desk.path("text.ogg"), "this is a text").unwrap();
    std::fs::write(desk.path("empty.wav"), "").unwrap();
    let whole = std::fs::read(clip("ru-date.ogg")).unwrap();
    std::fs::write(desk.path("half.ogg"), &whole[..whole.len() / 2]).unwrap();
    std::fs::copy(root().join("tests/data/sound/silent-film.mp4"), desk.path("film.mp4")).unwrap();
    desk.refused_in_one_line(&["transcribe", "text.ogg"], 2, "`file` is not OGG, MP3, WAV");
    desk.refused_in_one_line(&["transcribe", "empty.wav"], 2, "`file` is not OGG, MP3, WAV");
    desk.refused_in_one_line(&["transcribe", "half.ogg"], 2, "cut off, its end is missing");
    desk.refused_in_one_line(&["transcribe", "film.mp4"], 2, "there is no sound in it");
    desk.refused_in_one_line(&["transcribe", "absent.wav"], 1, "absent.wav cannot be read");
    let speech = clip("ru-date.ogg");
    let speech = speech.to_str().unwrap();
    desk.refused_in_one_line(&["transcribe", speech, "--beams", "9"], 2, "`beams` must be 1 to 8");
    desk.refused_in_one_line(&["transcribe", speech, "--temperature", "2"], 2, "`temperature` must be 0 to 1");
    desk.refused_in_one_line(&["transcribe", speech, "--language", "русский"], 2, "`language`");
    desk.refused(&["transcribe", speech, "--format", "pdf"], 2, "is not one of json, text");
    desk.refused_in_one_line(&["transcribe", speech, "--model", "demo"], 1, "not a model that writes down");
    desk.refused_in_one_line(&["transcribe", speech, "--model", "whisper-tiny", "--local-only"], 1, "not installed");
}
