//! Voice messages, sounds and films become text: by the bundled demo model, or by whoever else serves that.

use super::stage::Stage;
use crate::fakes::{Fake, SPOKEN, ogg, wav};
use crate::telegram::{Attachment, Kind, Person, Seen};
use serde_json::Value;
use std::path::Path;

/// What the buttons and answers say, in one language.
struct Words {
    code: &'static str,
    button: &'static str,
    ask: &'static str,
    /// A clip in the language, how long it is, and the free ones of the day after it.
    note: (&'static str, &'static str, &'static str),
    demo: &'static str,
    unreadable: &'static str,
    unheard: &'static str,
    nothing_charged: &'static str,
    /// The free ones of the day after the second and the third text.
    left: [&'static str; 2],
}

const RUSSIAN: Words = Words {
    code: "ru",
    button: "🎙 Голос в текст",
    ask: "голосовое, аудио или видеосообщение",
    note: ("ru-date", "🎙 2,6 с", "Бесплатно: 1 из 4 сегодня"),
    demo: "учебная модель",
    unreadable: "Не смог прочитать этот звук",
    unheard: "Слов не расслышал",
    nothing_charged: "Ничего не списано",
    left: ["Бесплатно: 2 из 4 сегодня", "Бесплатно: 3 из 4 сегодня"],
};
const ENGLISH: Words = Words {
    code: "en",
    button: "🎙 Voice to text",
    ask: "a voice message, a sound or a video message",
    note: ("en-modern", "🎙 1.9 s", "Free: 1 of 4 today"),
    demo: "demo model",
    unreadable: "I could not read this sound",
    unheard: "I heard no words",
    nothing_charged: "Nothing was charged",
    left: ["Free: 2 of 4 today", "Free: 3 of 4 today"],
};

fn file(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)).unwrap()
}

/// What is said in a clip.
fn due(clip: &str) -> String {
    let all: Value = serde_json::from_slice(&file("speech/expected.json")).unwrap();
    all[clip]["text"].as_str().unwrap().to_owned()
}

/// The next text with all of these in it.
async fn told(person: &Person, parts: &[&str]) -> Seen {
    let what = format!("a text with {parts:?}");
    person.expects(what, |seen| seen.kind().is_none() && parts.iter().all(|part| seen.text().contains(part))).await
}

async fn a_voice_a_film_and_a_sound(words: &Words) {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=4")]).await;
    let anna = stage.telegram.user("Анна", words.code);
    anna.sends("/menu").await;
    let menu = anna.expects("the menu", |seen| seen.buttons().concat().contains(&words.button)).await;
    anna.taps(&menu, words.button).await;
    told(&anna, &[words.ask]).await;
    let (clip, duration, left) = words.note;
    anna.sends_file(Attachment::voice(file(&format!("speech/{clip}.ogg"))).lasting(3)).await;
    let text = told(&anna, &[&due(clip), duration, left]).await;
    assert!(text.text().contains(words.demo) && text.text().contains("scripts/fetch_models.sh"), "{}", text.text());
    anna.sends_file(Attachment::new(Kind::VideoNote, file("sound/film.mp4")).lasting(2)).await;
    told(&anna, &[&due("en-modern"), words.left[0]]).await;
    // What begins as a sound and is none costs nothing: the count goes on where it was.
    anna.sends_file(Attachment::voice(&b"OggS\0\x02 and nothing more"[..]).lasting(3)).await;
    told(&anna, &[words.unreadable, words.nothing_charged]).await;
    anna.sends_file(Attachment::new(Kind::Audio, file("speech/en-dinosaurs.mp3")).lasting(4)).await;
    told(&anna, &[&due("en-dinosaurs"), words.left[1]]).await;
    anna.sends_file(Attachment::document("quiet.wav", wav(2))).await;
    told(&anna, &[words.unheard]).await;
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_a_film_and_a_sound_become_text_in_russian() {
    a_voice_a_film_and_a_sound(&RUSSIAN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_a_film_and_a_sound_become_text_in_english() {
    a_voice_a_film_and_a_sound(&ENGLISH).await;
}

/// One clip over and over with silence between, since the demo model knows it only by itself; and what is said in it.
fn over_and_over(clip: &str, times: usize) -> (Attachment, String) {
    let links = [file(&format!("speech/{clip}.ogg")), ogg(5)].concat();
    (Attachment::voice(links.repeat(times)).lasting(600), vec![due(clip); times].join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_recording_shows_how_far_it_is_and_comes_in_parts() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    let (sound, said) = over_and_over("es-travel", 22);
    anna.sends_file(sound).await;
    let status = told(&anna, &["🎙 Слушаю", " %"]).await;
    anna.expects_edit(&status, |seen| seen.text().contains(" %") && seen.text() != status.text()).await;
    let first = told(&anna, &["🎙 6 мин", "Se recomienda"]).await;
    let last = told(&anna, &["2 из 2", "Бесплатно: 1 из 3 сегодня", "учебная модель"]).await;
    assert!(!first.text().contains("Бесплатно"), "{}", first.text());
    anna.taps(&last, "📄 Текст файлом").await;
    let whole = anna.expects_file(Kind::Document).await;
    assert_eq!(String::from_utf8(whole.bytes().to_vec()).unwrap(), said);
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_long_transcript_comes_as_a_file() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Anna", "en");
    let (sound, said) = over_and_over("es-travel", 62);
    anna.sends_file(sound).await;
    let text = anna.expects_file(Kind::Document).await;
    assert_eq!(String::from_utf8(text.bytes().to_vec()).unwrap(), said);
    for part in ["The text is long", "It begins: Se recomienda", "Free: 1 of 3 today", "demo model"] {
        assert!(text.text().contains(part), "{part}: {}", text.text());
    }
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_model_is_installed_somebody_else_writes_it_down() {
    let openai = Fake::openai();
    let stage = Stage::with(&[("OPENAI_API_KEY", "sk-test-0001"), ("OPENAI_BASE_URL", openai.base_url())]).await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends_file(Attachment::voice(ogg(3)).lasting(3)).await;
    told(&anna, &[SPOKEN, "OpenAI", "на нашем сервере нет этой модели"]).await;
    stage.ends_well().await;
}
