//! The shipped provider files in front of their fakes, and what is asked of them.

use crate::fakes::{Fake, ogg, png};
use async_trait::async_trait;
use samovar::media::task::{
    ImageDescribe, ImageEdit, ImageUpscale, SpeechSynthesize, SpeechTranscribe, TextTranslate, TextWrite, VideoGenerate,
};
use samovar::media::{Answered, Failure, ImageRequest, Medium, Request, Watch};
use samovar::providers::declarative::file::{self, ProviderFile};
use samovar::providers::declarative::{Declarative, Options};
use samovar::providers::{Call, Journal, Key, Provider};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Starts a fake.
pub type Start = fn() -> Fake;

/// Every provider that has a fake.
pub const HOUSES: [(&str, Start); 7] = [
    ("openai", Fake::openai),
    ("hf", Fake::hf),
    ("yandex", Fake::yandex),
    ("fal", Fake::fal),
    ("replicate", Fake::replicate),
    ("kie", Fake::kie),
    ("google", Fake::google),
];

/// The folder of a Yandex account.
pub const FOLDER: &str = "b1gfolder";

/// A provider file as it is shipped, but for the waits between polls: a test does not wait.
pub fn shipped(id: &str) -> ProviderFile {
    let read = |id: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/providers/{id}.toml"));
        let text = std::fs::read_to_string(path).ok()?;
        let waits = |line: &&str| line.starts_with("every_s") || line.starts_with("first_s");
        let hurried = |line| if waits(&line) { format!("{} = 0.01", &line[..7]) } else { line.to_owned() };
        Some(text.lines().map(hurried).collect::<Vec<_>>().join("\n"))
    };
    let text = read(id).unwrap_or_else(|| panic!("there is no {id}.toml"));
    file::parse(&text, id, &read).unwrap_or_else(|mistakes| panic!("{id}.toml: {mistakes:#?}"))
}

/// A shipped provider that asks a fake.
pub fn house(id: &str, fake: &Fake) -> Declarative {
    let base_url = Some(fake.base_url().parse().unwrap());
    Declarative::new(shipped(id), Options { base_url, ..Options::default() }).unwrap()
}

/// A key as this provider wants it.
pub fn key(id: &str, value: &str) -> Key {
    let folder = (id == "yandex").then(|| ("folder".to_owned(), FOLDER.into()));
    Key::new(id, value.into(), folder.into_iter().collect::<BTreeMap<_, _>>())
}

/// Nobody takes these calls up again.
struct Unwritten;

#[async_trait]
impl Journal for Unwritten {
    async fn submitting(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn submitted(&self, _: &Value) -> Result<(), Failure> {
        Ok(())
    }
}

/// One call of a provider, by nobody else's leave.
pub async fn ask(house: &Declarative, model: &str, request: &Request, key: &Key) -> Result<Answered, Failure> {
    ask_within(house, model, request, key, Duration::from_secs(30)).await
}

/// The same with the time that it may take.
pub async fn ask_within(
    house: &Declarative,
    model: &str,
    request: &Request,
    key: &Key,
    timeout: Duration,
) -> Result<Answered, Failure> {
    let watch = Watch::nobody();
    let call = Call { model, request, key: Some(key), watch: &watch, timeout, journal: &Unwritten, resume: None };
    house.answer(call).await
}

/// The model that a provider uses for a task when nobody chooses.
pub fn usual(house: &Declarative, task: &str) -> String {
    let cards = house.models().into_iter();
    let card = cards.filter(|card| card.ready).find(|card| card.tasks.iter().any(|known| known == task));
    card.unwrap_or_else(|| panic!("{house:?} has no model for {task}")).name
}

/// A picture to work on.
pub fn picture() -> Medium {
    Medium::new(png(), "image/png")
}

/// A picture that words describe.
pub fn generate() -> Request {
    let wish = ImageRequest::new("a red cat");
    ImageRequest { width: Some(1024), height: Some(768), seed: Some(7), count: 1, ..wish }.into()
}

/// A change of a picture.
pub fn edit() -> Request {
    let drawing = ImageRequest { count: 1, ..ImageRequest::new("make it blue") };
    ImageEdit { drawing, images: vec![picture()], ..ImageEdit::default() }.into()
}

/// A larger picture.
pub fn upscale() -> Request {
    ImageUpscale { image: Some(picture()), ..ImageUpscale::default() }.into()
}

/// What a picture shows.
pub fn describe() -> Request {
    ImageDescribe { image: Some(picture()), language: Some("ru".to_owned()), ..ImageDescribe::default() }.into()
}

/// A voice message of some seconds.
pub fn transcribe(seconds: u64) -> Request {
    let audio = Some(Medium::new(ogg(seconds), "audio/ogg"));
    SpeechTranscribe { audio, language: Some("ru".to_owned()), ..SpeechTranscribe::default() }.into()
}

/// A text to be spoken.
pub fn synthesize() -> Request {
    SpeechSynthesize { text: "привет".to_owned(), language: Some("ru".to_owned()), ..SpeechSynthesize::default() }
        .into()
}

/// A wish for a prompt.
pub fn write() -> Request {
    TextWrite { prompt: "a cat".to_owned(), ..TextWrite::default() }.into()
}

/// A text to be translated.
pub fn translate() -> Request {
    TextTranslate { text: "кот".to_owned(), ..TextTranslate::default() }.into()
}

/// A film that words describe.
pub fn film() -> Request {
    let aspect = Some("16:9".to_owned());
    VideoGenerate { prompt: "a cat walks".to_owned(), aspect, ..VideoGenerate::default() }.into()
}
