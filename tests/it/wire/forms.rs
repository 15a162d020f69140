//! The forms of messages, and what is sent where Telegram does not take one as it is.

use super::*;
use crate::telegram::{Fault, Kind as FileKind, Refusal, Trouble};
use samovar::telegram::keyboard::{Button, Keyboard};
use serde_json::json;

fn photo(asset: AssetId) -> Body {
    Body::Photo { asset, caption: "<b>кот</b>".into() }
}

#[tokio::test]
async fn every_form_arrives() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let (one, two) = (rig.store(noise(64, 48)).await, rig.store(noise(48, 64)).await);
        let keyboard = Some(Keyboard::default().row([Button::tell("Again", "1|again|7")]));
        let text = Body::Text { html: "<b>bold</b> &amp; plain".into() };
        let act = Act::Send { body: text.clone(), reply_to: None, keyboard, slot: None, ask: None };
        let asking = Act::Send { body: text, reply_to: None, keyboard: None, slot: None, ask: Some("Prompt".into()) };
        rig.put(&[
            Parcel { act, ..send(&anna, "text", photo(one)) },
            Parcel { act: asking, ..send(&anna, "ask", photo(one)) },
            send(&anna, "photo", photo(one)),
            send(&anna, "file", Body::File { asset: one, name: "кот.png".into(), caption: "file".into() }),
            send(&anna, "album", Body::Album { assets: vec![one, two], caption: "album".into() }),
            send(
                &anna,
                "text file",
                Body::TextFile { name: "a.txt".into(), text: "долго".into(), caption: String::new() },
            ),
        ])
        .await;
        rig.start();
        let text = anna.expects_text(|text| text == "bold & plain").await;
        assert_eq!((text.buttons(), text.entities()), (vec![vec!["Again"]], vec![("bold".into(), "bold".into())]));
        let ask = anna.expects_text(|text| text == "bold & plain").await;
        assert_eq!(ask.reply_markup().unwrap()["input_field_placeholder"], "Prompt");
        let photo = anna.expects_photo().await;
        assert_eq!(photo.text(), "кот");
        let file = anna.expects_file(FileKind::Document).await;
        assert_eq!((file.text(), &file.bytes()[..]), ("file", &noise(64, 48)[..]));
        assert_eq!(file.json()["document"]["file_name"], "кот.png");
        assert!(file.json()["document"].get("thumbnail").is_some(), "{}", file.json());
        let album = anna.expects_album(2).await;
        assert_eq!(album[0].text(), "album");
        let text_file = anna.expects_file(FileKind::Document).await;
        assert_eq!(&text_file.bytes()[..], "долго".as_bytes());
        assert!(rig.api.complaints().is_empty(), "{:?}", rig.api.complaints());
    })
    .await;
}

#[tokio::test]
async fn what_telegram_has_is_not_uploaded_again_unless_it_has_it_no_longer() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let asset = rig.store(noise(64, 48)).await;
        rig.start();
        for key in ["first", "second"] {
            rig.put(&[send(&anna, key, photo(asset))]).await;
            anna.expects_photo().await;
            rig.settles(key, "sent").await;
        }
        let uploads = || {
            let calls = rig.api.calls("sendPhoto").into_iter();
            calls.map(|call| usize::from(call.param("photo").starts_with("attach:"))).collect::<Vec<_>>()
        };
        assert_eq!(uploads(), [1, 0]);
        // The bytes may even be gone.
        rig.storage.delete(asset).await.unwrap();
        rig.put(&[send(&anna, "third", photo(asset))]).await;
        anna.expects_photo().await;
        let again = rig.store(noise(64, 48)).await;
        rig.put(&[send(&anna, "fourth", photo(again))]).await;
        anna.expects_photo().await;
        rig.settles("fourth", "sent").await;
        rig.api.trouble(Trouble::with(
            "sendPhoto",
            Fault::Refused(Refusal::bad("Wrong file identifier/HTTP URL specified")),
        ));
        rig.put(&[send(&anna, "fifth", photo(again))]).await;
        anna.expects_photo().await;
        assert_eq!(uploads(), [1, 0, 0, 1, 0, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_is_no_photo_goes_as_a_file() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let (thin, refused) = (rig.store(noise(2100, 100)).await, rig.store(noise(64, 48)).await);
        rig.start();
        rig.put(&[send(&anna, "thin", photo(thin))]).await;
        let file = anna.expects_file(FileKind::Document).await;
        assert_eq!((file.text(), &file.bytes()[..]), ("кот", &noise(2100, 100)[..]));
        assert!(rig.api.calls("sendPhoto").is_empty(), "it was seen here that it is none");
        rig.api.trouble(Trouble::with("sendPhoto", Fault::Refused(Refusal::bad("PHOTO_INVALID_DIMENSIONS"))));
        rig.put(&[send(&anna, "refused", photo(refused))]).await;
        let file = anna.expects_file(FileKind::Document).await;
        assert_eq!(&file.bytes()[..], &noise(64, 48)[..]);
        let mixed = Body::Album { assets: vec![refused, thin], caption: "both".into() };
        rig.put(&[send(&anna, "album", mixed)]).await;
        let album = anna.expects_album(2).await;
        assert!(album.iter().all(|seen| seen.kind() == Some(FileKind::Document)));
    })
    .await;
}

#[tokio::test]
async fn what_telegram_does_not_take_is_left_out() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let prompt = anna.sends("нарисуй").await;
        anna.deletes(&prompt).await;
        rig.start();
        let answering = |key: &str, html: &str, keyboard: Option<Keyboard>| {
            let body = Body::Text { html: html.into() };
            let act = Act::Send { body, reply_to: Some(prompt.id()), keyboard, slot: None, ask: None };
            Parcel { act, ..text(&anna, key) }
        };
        rig.put(&[answering("gone", "to nobody", None)]).await;
        assert_eq!(anna.expects_text(|text| text == "to nobody").await.reply_to(), None);
        rig.api.trouble(Trouble::with("sendMessage", Fault::Refused(Refusal::bad("Message to be replied not found"))));
        rig.put(&[answering("refused", "to nobody either", None)]).await;
        assert_eq!(anna.expects_text(|text| text == "to nobody either").await.reply_to(), None);
        rig.put(&[answering("markup", "<prompt>&lt;кот&gt; <b>и", None)]).await;
        anna.expects_text(|text| text == "<кот> и").await;
        let buttons = Keyboard::default().row([Button::tell("Long", "ж".repeat(33))]);
        rig.put(&[answering("buttons", "without buttons", Some(buttons))]).await;
        assert!(anna.expects_text(|text| text == "without buttons").await.buttons().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_caption_is_changed_where_there_is_no_text() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let asset = rig.store(noise(64, 48)).await;
        let act = |body| Act::Send { body, reply_to: None, keyboard: None, slot: Some("p".into()), ask: None };
        rig.start();
        rig.put(&[Parcel { act: act(photo(asset)), ..send(&anna, "photo", photo(asset)) }]).await;
        let seen = anna.expects_photo().await;
        rig.put(&[edit(&anna, "p", "<i>пёс</i>")]).await;
        anna.expects_edit(&seen, |seen| seen.text() == "пёс").await;
        let keyboard = Keyboard::default().row([Button::tell("Again", "x")]);
        let act = Act::Rearrange { target: Target::Slot("p".into()), keyboard };
        rig.put(&[Parcel { act, ..edit(&anna, "p", "") }]).await;
        anna.expects_edit(&seen, |seen| seen.buttons() == [["Again"]]).await;
    })
    .await;
}

#[tokio::test]
async fn topics_are_kept_and_left_when_they_are_gone() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let forum = rig.api.forum("Форум");
        let anna = anna.within(&forum);
        forum.takes_bot(&anna).await;
        let topic = forum.opens_topic(&anna, "Картинки").await;
        let there = Place { chat: forum.chat, topic: Some(topic) };
        rig.start();
        rig.put(&[Parcel { place: there, ..text(&anna, "in the topic") }]).await;
        anna.in_topic(topic).expects_text(|text| text == "in the topic").await;
        rig.api.trouble(Trouble::with("sendMessage", Fault::Refused(Refusal::bad("Message thread not found"))));
        rig.put(&[Parcel { place: there, ..text(&anna, "in the chat") }]).await;
        let seen = anna.expects_text(|text| text == "in the chat").await;
        assert!(seen.json().get("message_thread_id").is_none_or(|topic| *topic == json!(null)), "{}", seen.json());
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_is_kept_nowhere_is_told_of() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let job = JobId::fresh();
        rig.start();
        rig.put(&[Parcel { job: Some(job), ..send(&anna, "gone", photo(AssetId::fresh())) }]).await;
        assert_eq!(rig.books.told(1).await, [Told::Unreachable(job, "a file is not kept any more".into())]);
        rig.settles("gone", "refused").await;
    })
    .await;
}
