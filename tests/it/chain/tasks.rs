//! Every task that the shipped provider files offer, once against the fakes, which take only what the real ones take.

use super::houses::{
    FOLDER, HOUSES, ask, describe, edit, film, generate, house, key, picture, synthesize, transcribe, translate,
    upscale, usual, write,
};
use crate::fakes::{Fake, Kind, SPOKEN, WRITTEN, wav};
use samovar::media::task::{ImageEdit, SpeechTranscribe};
use samovar::media::{Answered, Content, Failure, ImageRequest, Medium, Refusal, Request};
use serde_json::{Value, json};

const LONG: &str = "A red cat sits on a wooden table in the light of the morning. ";

/// A provider in front of its fake.
struct Desk {
    id: &'static str,
    key: &'static str,
    fake: Fake,
}

impl Desk {
    fn new(id: &'static str, fake: Fake) -> Self {
        Self { id, key: if id == "hf" { "hf_secret-key-0001" } else { "secret-key-0001" }, fake }
    }

    /// Asks the usual model.
    async fn ask(&self, request: &Request) -> Result<Answered, Failure> {
        let model = usual(&house(self.id, &self.fake), request.task());
        self.ask_for(&model, request).await
    }

    async fn ask_for(&self, model: &str, request: &Request) -> Result<Answered, Failure> {
        ask(&house(self.id, &self.fake), model, request, &key(self.id, self.key)).await
    }

    /// The answer, after the fake found nothing wrong and no key went astray.
    async fn content(&self, request: &Request) -> Content {
        let answered = self.ask(request).await;
        self.checked(answered, request)
    }

    async fn content_of(&self, model: &str, request: &Request) -> Content {
        let answered = self.ask_for(model, request).await;
        self.checked(answered, request)
    }

    fn checked(&self, answered: Result<Answered, Failure>, request: &Request) -> Content {
        let complaints = self.fake.complaints();
        assert!(complaints.is_empty(), "{} {}: {complaints:#?}", self.id, request.task());
        self.fake.assert_keys_kept(&[self.key]);
        answered.unwrap_or_else(|failure| panic!("{} {}: {failure:?}", self.id, request.task())).content
    }

    /// Every task of the list gives what it should.
    async fn all(&self, requests: impl IntoIterator<Item = Request>) {
        for request in requests {
            let model = usual(&house(self.id, &self.fake), request.task());
            self.one(&model, &request).await;
        }
    }

    async fn one(&self, model: &str, request: &Request) {
        let long = matches!(request, Request::TextWrite(_));
        self.fake.write(&if long { LONG.repeat(20) } else { WRITTEN.to_owned() });
        let content = self.content_of(model, request).await;
        let what = format!("{} {model} {}: {content:?}", self.id, request.task());
        match (request, content) {
            (Request::SpeechTranscribe(_), Content::Text(text)) => assert_eq!(text.text, SPOKEN, "{what}"),
            (Request::TextWrite(_), Content::Text(text)) => assert!(text.text.len() > 1000, "{what}"),
            (_, Content::Text(text)) => assert_eq!(text.text, WRITTEN, "{what}"),
            (Request::VideoGenerate(_), Content::Video(film)) => assert_eq!(film.content_type, "video/mp4", "{what}"),
            (Request::SpeechSynthesize(_), Content::Sound(sound)) => {
                assert!(sound.content_type.starts_with("audio/"), "{what}");
            }
            (_, Content::Pictures(pictures)) => assert_eq!(pictures.pictures.len(), 1, "{what}"),
            _ => panic!("{what}"),
        }
    }

    fn sent(&self) -> Value {
        self.fake.last_submit().json()
    }
}

#[tokio::test]
async fn openai_does_seven_tasks() {
    let desk = Desk::new("openai", Fake::openai());
    desk.all([generate()]).await;
    let drawn = json!({ "model": "gpt-image-2.5-flare", "prompt": "a red cat", "n": 1, "size": "1024x768",
        "output_format": "png" });
    assert_eq!(desk.sent(), drawn);
    desk.all([edit(), describe(), transcribe(3), synthesize(), write(), translate()]).await;
    let asked = desk.sent();
    assert_eq!((asked["model"].as_str(), asked["messages"][1]["content"].as_str()), (Some("gpt-6-luna"), Some("кот")));
    assert!(asked["messages"][0]["content"].as_str().unwrap().contains("from its language to en"), "{asked}");
    assert_eq!(desk.fake.submits(), 7);
}

#[tokio::test]
async fn openai_edits_within_a_mask() {
    let desk = Desk::new("openai", Fake::openai());
    let request = ImageEdit { images: vec![picture(), picture()], ..edit_of() };
    let white = image::GrayImage::from_pixel(64, 64, image::Luma([255]));
    let mut mask = std::io::Cursor::new(Vec::new());
    white.write_to(&mut mask, image::ImageFormat::Png).unwrap();
    let mask = Some(Medium::new(mask.into_inner(), "image/png"));
    desk.content(&ImageEdit { mask, ..request }.into()).await;
    let form = desk.fake.last_submit();
    let names: Vec<&str> = form.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "image[]").count(), 2, "{names:?}");
    assert!(names.contains(&"mask"), "{names:?}");
}

fn edit_of() -> ImageEdit {
    match edit() {
        Request::ImageEdit(request) => request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whisper_tells_when_each_part_was_said_and_translates() {
    let desk = Desk::new("openai", Fake::openai());
    let Content::Text(text) = desk.content_of("whisper-1", &transcribe(3)).await else { panic!("no text") };
    let parts: Vec<(f64, &str)> = text.segments.iter().map(|part| (part.end, part.text.trim())).collect();
    assert_eq!(parts, [(1.2, "привет"), (2.4, "мир")]);
    assert_eq!(text.language.as_deref(), Some("russian"));
    let Request::SpeechTranscribe(request) = transcribe(3) else { panic!("another task") };
    desk.content_of("whisper-1", &SpeechTranscribe { translate: true, ..request }.into()).await;
    assert_eq!(desk.fake.last_submit().path, "/v1/audio/translations");
}

#[tokio::test]
async fn hugging_face_draws_in_four_ways_and_more() {
    let desk = Desk::new("hf", Fake::hf());
    let models = [
        "black-forest-labs/FLUX.1-schnell",
        "black-forest-labs/FLUX.1-dev",
        "stabilityai/stable-diffusion-3-medium-diffusers",
        "stabilityai/stable-diffusion-xl-base-1.0",
    ];
    for model in models {
        desk.one(model, &generate()).await;
    }
    let sent = desk.sent();
    let parameters =
        json!({ "width": 1024, "height": 768, "guidance_scale": 7.0, "num_inference_steps": 30, "seed": 7 });
    assert_eq!(sent, json!({ "inputs": "a red cat", "parameters": parameters }));
    desk.all([describe(), transcribe(3), write(), translate(), film()]).await;
    assert!(desk.fake.of(Kind::Poll).iter().all(|poll| poll.param("_subdomain") == "queue"));
    assert!(desk.fake.polls() > 0);
}

#[tokio::test]
async fn yandex_draws_hears_speaks_reads_translates_and_writes() {
    let desk = Desk::new("yandex", Fake::yandex());
    desk.all([generate()]).await;
    let sent = desk.sent();
    assert_eq!(sent["modelUri"], format!("art://{FOLDER}/yandex-art/latest"));
    let ratio = json!({ "widthRatio": "4", "heightRatio": "3" });
    assert_eq!((&sent["generationOptions"]["seed"], &sent["generationOptions"]["aspectRatio"]), (&json!("7"), &ratio));
    // What is read comes once in one spelling and once in the other.
    desk.all([transcribe(3), synthesize(), describe(), describe(), translate(), write()]).await;
    desk.one("stt-v3", &transcribe(300)).await;
    desk.one("stt-v3", &transcribe(300)).await;
    desk.one("tts-v3", &synthesize()).await;
    desk.one("yandexgpt", &translate()).await;
    let plain = desk.fake.asked();
    assert!(plain.iter().all(|asked| asked.header("x-data-logging-enabled") == "false"));
}

#[tokio::test]
async fn a_prompt_that_yandex_would_not_read_is_cut_at_a_word() {
    let desk = Desk::new("yandex", Fake::yandex());
    let request = ImageRequest { count: 1, ..ImageRequest::new(LONG.repeat(20)) };
    let answered = desk.ask(&request.into()).await.unwrap();
    assert!(answered.notices.iter().any(|notice| notice.contains("500")), "{:?}", answered.notices);
    assert!(desk.fake.complaints().is_empty());
}

#[tokio::test]
async fn a_sound_that_is_no_ogg_goes_to_yandex_bare_and_one_that_is_long_to_another_model() {
    let desk = Desk::new("yandex", Fake::yandex());
    let Request::SpeechTranscribe(request) = transcribe(3) else { panic!("another task") };
    let audio = Some(Medium::new(wav(2), "audio/wav"));
    desk.one("stt-v1", &SpeechTranscribe { audio, ..request }.into()).await;
    let sent = desk.fake.last_submit();
    assert_eq!((sent.param("format"), sent.param("sampleRateHertz"), sent.body.len()), ("lpcm", "16000", 64_000));
    let refused = desk.ask_for("stt-v1", &transcribe(31)).await.expect_err("it is too long");
    assert!(matches!(refused, Failure::Remote { refusal: Refusal::TooBig, .. }), "{refused:?}");
    assert_eq!(desk.fake.submits(), 1);
    desk.one("stt-v3", &transcribe(31)).await;
}

#[tokio::test]
async fn fal_does_eight_tasks_and_every_model_of_it_is_asked_rightly() {
    let desk = Desk::new("fal", Fake::fal());
    desk.all([generate(), edit(), upscale(), describe(), transcribe(3), write(), translate(), film()]).await;
    for card in samovar::providers::Provider::models(&house("fal", &desk.fake)) {
        for request in [generate(), edit(), upscale(), describe(), transcribe(3), write(), translate(), film()] {
            if card.tasks.iter().any(|task| task == request.task()) {
                desk.one(&card.name, &request).await;
            }
        }
    }
    let cancelled = desk.fake.of(Kind::Cancel).len();
    assert_eq!((desk.fake.of(Kind::Result).len(), cancelled), (desk.fake.submits(), 0));
}

#[tokio::test]
async fn replicate_draws_hears_and_films() {
    let desk = Desk::new("replicate", Fake::replicate());
    desk.all([generate(), transcribe(3), film()]).await;
    assert_eq!((desk.fake.submits(), desk.fake.of(Kind::Upload).len()), (3, 1));
}

#[tokio::test]
async fn kie_draws_edits_and_films() {
    let desk = Desk::new("kie", Fake::kie());
    desk.all([generate(), edit(), film()]).await;
    desk.one("nano-banana-2", &generate()).await;
    assert_eq!(desk.sent()["input"]["aspect_ratio"], "4:3");
    assert_eq!(desk.fake.of(Kind::Upload).len(), 1);
}

#[tokio::test]
async fn google_does_eight_tasks() {
    let desk = Desk::new("google", Fake::google());
    let before = [generate(), edit(), describe(), transcribe(3), write(), translate(), film()];
    desk.all(before).await;
    // The address of the film wants the key, and leads on.
    assert_eq!(desk.fake.downloads(), 2);
    let Content::Sound(sound) = desk.content(&synthesize()).await else { panic!("no sound") };
    assert_eq!((sound.content_type.as_str(), &sound.bytes[..4]), ("audio/wav", b"RIFF".as_slice()));
}

#[tokio::test]
async fn every_provider_file_says_which_key_works() {
    for (id, start) in HOUSES {
        let fake = start();
        let house = house(id, &fake);
        let probe = |value| {
            let key = key(id, value);
            let house = &house;
            async move { samovar::providers::Provider::probe(house, Some(&key)).await }
        };
        assert_eq!(probe("hf_secret-key-0001").await, Ok(()), "{id}");
        let refused = probe("hf_secret-key@bad_key").await.expect_err(id);
        assert!(matches!(refused, Failure::Remote { refusal: Refusal::BadKey, .. }), "{id}: {refused:?}");
        assert_eq!((fake.of(Kind::Probe).len(), fake.submits(), fake.complaints().len()), (2, 0, 0), "{id}");
    }
}
