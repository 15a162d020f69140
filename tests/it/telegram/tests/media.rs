//! Files both ways.

use super::{Bot, in_chat, picture};
use crate::telegram::{Attachment, Kind, Seen};
use serde_json::{Value, json};

#[tokio::test]
async fn photos_are_kept_in_several_sizes() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let params = [("chat_id", anna.chat.to_string())];
    let sent = bot.uploads("sendPhoto", &params, &[("photo", "a.png", picture(1600, 800))]).await["result"].clone();
    let sides: Vec<_> =
        sent["photo"].as_array().unwrap().iter().map(|size| (&size["width"], &size["height"])).collect();
    let side = |n: i32| json!(n);
    let expected = [(side(90), side(45)), (side(320), side(160)), (side(800), side(400)), (side(1280), side(640))];
    assert_eq!(sides, expected.iter().map(|(w, h)| (w, h)).collect::<Vec<_>>());
    let photo = anna.expects_photo().await;
    assert_eq!(image::load_from_memory(photo.bytes()).unwrap().width(), 1280);
    let smallest = bot.gets("getFile", json!({ "file_id": sent["photo"][0]["file_id"] })).await;
    let url = format!("{}/file/bot{}/{}", bot.api.url(), bot.api.token(), smallest["file_path"].as_str().unwrap());
    let bytes = bot.client.get(url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(smallest["file_size"], bytes.len());
    assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 90);
    let again = in_chat(&anna, json!({ "photo": sent["photo"][0]["file_id"] }));
    assert_eq!(bot.gets("sendPhoto", again).await["photo"], sent["photo"]);
}

#[tokio::test]
async fn what_is_no_photo_is_refused() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let refused = |bytes: Vec<u8>| {
        let (bot, chat) = (&bot, anna.chat.to_string());
        async move {
            let answer = bot.uploads("sendPhoto", &[("chat_id", chat)], &[("photo", "a.png", bytes)]).await;
            answer["description"].as_str().unwrap_or_default().to_owned()
        }
    };
    assert_eq!(refused(b"no picture".to_vec()).await, "Bad Request: IMAGE_PROCESS_FAILED");
    let mut half = picture(64, 64);
    half.truncate(half.len() / 2);
    assert_eq!(refused(half).await, "Bad Request: IMAGE_PROCESS_FAILED");
    assert_eq!(refused(picture(5000, 5001)).await, "Bad Request: PHOTO_INVALID_DIMENSIONS");
    assert_eq!(refused(picture(20, 401)).await, "Bad Request: PHOTO_INVALID_DIMENSIONS");
    assert_eq!(refused(picture(20, 400)).await, "");
    let mut large = picture(8, 8);
    large.resize((10 << 20) + 1, 0);
    let too_big = "Bad Request: file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes";
    assert_eq!(refused(large).await, too_big);
    assert_eq!(refused(Vec::new()).await, "Bad Request: file must be non-empty");
    let missing = bot.is_refused("sendPhoto", in_chat(&anna, json!({}))).await;
    assert_eq!(missing, "Bad Request: there is no photo in the request");
    let elsewhere = in_chat(&anna, json!({ "photo": "https://example.org/a.png" }));
    assert_eq!(bot.is_refused("sendPhoto", elsewhere).await, "Bad Request: failed to get HTTP URL content");
    assert_eq!(bot.api.complaints().len(), 1);
}

#[tokio::test]
async fn documents_stay_as_they_are() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let params = [("chat_id", anna.chat.to_string()), ("document", "attach://file".to_owned())];
    let png = picture(30, 20);
    let files = [("file", "кот.png", png.clone()), ("thumbnail", "t.png", picture(10, 10))];
    let sent = bot.uploads("sendDocument", &params, &files).await["result"].clone();
    let document = &sent["document"];
    assert_eq!((&document["file_name"], &document["mime_type"]), (&json!("кот.png"), &json!("image/png")));
    assert_eq!((&document["thumbnail"]["width"], &document["file_size"]), (&json!(10), &json!(png.len())));
    assert_eq!(anna.expects_file(Kind::Document).await.bytes(), &png);
    let as_photo = in_chat(&anna, json!({ "photo": document["file_id"] }));
    let why = bot.is_refused("sendPhoto", as_photo).await;
    assert_eq!(why, "Bad Request: can't use file of type Document as Photo");
    let unknown = bot.is_refused("sendDocument", in_chat(&anna, json!({ "document": "BQAC" }))).await;
    assert!(unknown.starts_with("Bad Request: wrong remote file identifier specified"), "{unknown}");
    let large = vec![0; (50 << 20) + 1];
    let answer = bot.uploads("sendDocument", &params, &[("file", "a.bin", large)]).await;
    assert_eq!((&answer["error_code"], &answer["description"]), (&json!(413), &json!("Request Entity Too Large")));
}

#[tokio::test]
async fn recordings_are_voices_where_they_may_be() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let params = [("chat_id", anna.chat.to_string()), ("duration", "3".to_owned())];
    let ogg = b"OggS and more".to_vec();
    let sent = bot.uploads("sendVoice", &params, &[("voice", "a.ogg", ogg.clone())]).await;
    assert_eq!(sent["result"]["voice"]["duration"], 3, "{sent}");
    let other = bot.uploads("sendVoice", &params, &[("voice", "a.wav", b"RIFF".to_vec())]).await;
    assert_eq!(other["result"]["document"]["file_name"], "a.wav");
    anna.refuses_recordings().await;
    let refused = bot.uploads("sendVoice", &params, &[("voice", "a.ogg", ogg.clone())]).await;
    assert_eq!(refused["description"], "Bad Request: VOICE_MESSAGES_FORBIDDEN");
    let titled = [("chat_id", anna.chat.to_string()), ("title", "Речь".to_owned()), ("performer", "Я".to_owned())];
    let music = bot.uploads("sendAudio", &titled, &[("audio", "a.mp3", ogg.clone())]).await["result"]["audio"].clone();
    assert_eq!((&music["title"], &music["mime_type"]), (&json!("Речь"), &json!("audio/mpeg")));
    let film = [("chat_id", anna.chat.to_string()), ("width", "320".to_owned()), ("height", "200".to_owned())];
    let video = bot.uploads("sendVideo", &film, &[("video", "a.mp4", ogg.clone())]).await["result"]["video"].clone();
    assert_eq!((&video["width"], &video["mime_type"]), (&json!(320), &json!("video/mp4")));
    let silent = bot.uploads("sendAnimation", &film, &[("animation", "a.mp4", ogg.clone())]).await["result"].clone();
    assert_eq!(silent["animation"]["file_id"], silent["document"]["file_id"]);
}

#[tokio::test]
async fn people_send_every_kind_of_file() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    anna.sends_photo(picture(200, 100), "кот").await;
    anna.sends_file(Attachment::voice(&b"OggS"[..]).lasting(7)).await;
    anna.sends_file(Attachment::document("a.pdf", &b"%PDF"[..])).await;
    anna.sends_file(Attachment::new(Kind::Audio, &b"ID3"[..])).await;
    anna.sends_file(Attachment::new(Kind::VideoNote, &b"film"[..])).await;
    anna.sends_file(Attachment::new(Kind::Video, &b"film"[..])).await;
    anna.sends_sticker().await;
    anna.sends_something_new().await;
    let told: Vec<Value> = bot.updates(json!({})).await.into_iter().map(|update| update["message"].clone()).collect();
    let fields = ["photo", "voice", "document", "audio", "video_note", "video", "sticker"];
    for (message, field) in told[1..].iter().zip(fields) {
        assert!(message.get(field).is_some(), "{field}: {message}");
    }
    assert_eq!((&told[1]["caption"], &told[1]["photo"][1]["width"]), (&json!("кот"), &json!(200)));
    assert_eq!(
        (&told[2]["voice"]["duration"], &told[3]["document"]["mime_type"]),
        (&json!(7), &json!("application/pdf"))
    );
    let album = anna.sends_album(vec![Attachment::photo(picture(20, 20)), Attachment::photo(picture(20, 20))]).await;
    let parts = bot.updates(json!({ "offset": -2 })).await;
    assert_eq!(parts[0]["message"]["media_group_id"], parts[1]["message"]["media_group_id"]);
    assert_eq!(parts[1]["message"], *album[1].json());
    let of_nothing: Vec<&str> = told[8].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(of_nothing, ["chat", "date", "from", "message_id"]);
}

#[tokio::test]
async fn large_files_cannot_be_downloaded() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let fits = anna.sends_file(Attachment::voice(&b"OggS"[..]).said_to_weigh(20 << 20)).await;
    let larger = anna.sends_file(Attachment::voice(&b"OggS"[..]).said_to_weigh((20 << 20) + 1)).await;
    let id = |seen: &Seen| json!({ "file_id": seen.json()["voice"]["file_id"] });
    bot.gets("getFile", id(&fits)).await;
    assert_eq!(bot.is_refused("getFile", id(&larger)).await, "Bad Request: file is too big");
    let unknown = bot.is_refused("getFile", json!({ "file_id": "x" })).await;
    assert_eq!(unknown, "Bad Request: wrong file_id or the file is temporarily unavailable");
    assert_eq!(bot.is_refused("getFile", json!({})).await, "Bad Request: file_id not specified");
    let lost = format!("{}/file/bot{}/photos/none.jpg", bot.api.url(), bot.api.token());
    assert_eq!(bot.client.get(lost).send().await.unwrap().status().as_u16(), 404);
}

fn item(sort: &str, part: &str) -> Value {
    json!({ "type": sort, "media": format!("attach://{part}") })
}

#[tokio::test]
async fn albums_come_whole() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let sends = |media: Value| {
        let params = [("chat_id", anna.chat.to_string()), ("media", media.to_string())];
        let files = [("a", "a.png", picture(20, 20)), ("b", "b.png", picture(30, 20)), ("c", "c.png", b"x".to_vec())];
        let bot = &bot;
        async move { bot.uploads("sendMediaGroup", &params, &files).await }
    };
    let mut first = item("photo", "a");
    first["caption"] = json!("два");
    let sent = sends(json!([first, item("photo", "b")])).await["result"].clone();
    assert!(sent[0]["media_group_id"].is_string() && sent[0]["media_group_id"] == sent[1]["media_group_id"]);
    let album = anna.expects_album(2).await;
    assert_eq!((album[0].text(), album[1].text()), ("два", ""));
    let refused = |answer: Value| answer["description"].as_str().unwrap_or_default().to_owned();
    assert_eq!(refused(sends(json!([])).await), "Bad Request: there are no messages to send");
    let many = vec![item("photo", "a"); 11];
    assert_eq!(refused(sends(json!(many)).await), "Bad Request: too many messages to send as an album");
    let mixed = refused(sends(json!([item("photo", "a"), item("document", "c")])).await);
    assert_eq!(mixed, "Bad Request: document can't be mixed with other media types");
    let lost = refused(sends(json!([item("photo", "z")])).await);
    assert_eq!(lost, "Bad Request: can't parse InputMedia: media not found");
    let moving = refused(sends(json!([item("animation", "c"), item("photo", "a")])).await);
    assert!(moving.ends_with("can't be used in sendMediaGroup"), "{moving}");
    let none = bot.is_refused("sendMediaGroup", in_chat(&anna, json!({}))).await;
    assert_eq!(none, "Bad Request: parameter \"media\" is required");
    let alone = sends(json!([item("photo", "a")])).await["result"].clone();
    assert_eq!((alone.as_array().unwrap().len(), alone[0].get("media_group_id")), (1, None));
    assert_eq!(bot.api.complaints(), ["sendMediaGroup: an album has two items, by the documentation"]);
    assert_eq!(bot.api.tally(anna.chat).sends, 3);
}

#[tokio::test]
async fn a_text_becomes_a_photo() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let sent = bot.gets("sendMessage", in_chat(&anna, json!({ "text": "Рисую" }))).await;
    let status = anna.expects_text(|text| text == "Рисую").await;
    let media = json!({ "type": "photo", "media": "attach://p", "caption": "<b>кот</b>", "parse_mode": "HTML" });
    let params = [
        ("chat_id", anna.chat.to_string()),
        ("message_id", sent["message_id"].to_string()),
        ("media", media.to_string()),
    ];
    let edited = bot.uploads("editMessageMedia", &params, &[("p", "p.png", picture(20, 20))]).await;
    assert_eq!(edited["result"]["caption"], "кот", "{edited}");
    let photo = anna.expects_edit(&status, |seen| seen.kind() == Some(Kind::Photo)).await;
    assert_eq!(photo.entities(), [("bold".to_owned(), "кот".to_owned())]);
    let named = json!({ "message_id": sent["message_id"], "caption": "пёс" });
    bot.gets("editMessageCaption", in_chat(&anna, named)).await;
    let text = bot
        .is_refused("editMessageText", in_chat(&anna, json!({ "message_id": sent["message_id"], "text": "x" })))
        .await;
    assert_eq!(text, "Bad Request: there is no text in the message to edit");
    let voice = json!({ "type": "voice", "media": "x" });
    let why = bot
        .is_refused("editMessageMedia", in_chat(&anna, json!({ "message_id": sent["message_id"], "media": voice })))
        .await;
    assert_eq!(why, "Bad Request: can't parse InputMedia: type \"voice\" is unsupported");
    assert_eq!(bot.api.tally(anna.chat).edits, 2);
}
