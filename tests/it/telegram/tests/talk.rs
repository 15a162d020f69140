//! A conversation from both sides.

use super::{Bot, in_chat, picture};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_person_and_a_bot_talk() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    anna.opens_link("j_1").await;
    assert_eq!(bot.updates(json!({ "offset": -1 })).await[0]["message"]["entities"][0]["type"], "bot_command");
    anna.sends("рыжий кот").await;
    let update = bot.updates(json!({ "offset": -1 })).await.remove(0);
    assert_eq!(update["message"]["text"], "рыжий кот");
    assert_eq!(update["message"]["from"]["language_code"], "ru");
    bot.gets("sendChatAction", in_chat(&anna, json!({ "action": "upload_photo" }))).await;
    anna.expects_action("upload_photo").await;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "🔁 Ещё раз", "callback_data": "1|again|a" }]] });
    let params = [
        ("chat_id", anna.chat.to_string()),
        ("photo", "attach://cat".to_owned()),
        ("caption", "<b>кот</b>".to_owned()),
        ("parse_mode", "HTML".to_owned()),
        ("reply_markup", keyboard.to_string()),
        ("reply_parameters", json!({ "message_id": update["message"]["message_id"] }).to_string()),
    ];
    let sent = bot.uploads("SendPhoto", &params, &[("cat", "cat.png", picture(64, 48))]).await;
    assert_eq!(sent["result"]["photo"][0]["width"], 64, "{sent}");
    let photo = anna.expects_photo().await;
    assert_eq!((photo.text(), photo.buttons()), ("кот", vec![vec!["🔁 Ещё раз"]]));
    let tap = anna.taps(&photo, "Ещё раз").await;
    let tapped = bot.updates(json!({ "offset": update["update_id"].as_i64().unwrap() + 1 })).await.remove(0);
    assert_eq!(tapped["callback_query"]["data"], "1|again|a");
    let answer = json!({ "callback_query_id": tapped["callback_query"]["id"], "text": "Поставил" });
    bot.gets("answerCallbackQuery", answer).await;
    let answer = anna.expects_answer(&tap).await;
    assert_eq!((answer.text.as_str(), answer.alert), ("Поставил", false));
    anna.nothing_more_for(Duration::from_millis(20)).await;
}

/// What a test says when it fails.
async fn failure(test: impl Future<Output = ()> + Send + 'static) -> String {
    let error = tokio::spawn(test).await.expect_err("a test that fails");
    error.into_panic().downcast_ref::<String>().expect("words").clone()
}

#[tokio::test]
async fn what_does_not_come_is_told_with_the_story() {
    let bot = Bot::start().await;
    bot.api.set_patience(Duration::from_millis(30));
    let anna = bot.friend().await;
    bot.gets("sendMessage", in_chat(&anna, json!({ "text": "<два>\nряда" }))).await;
    bot.is_refused("sendMessage", in_chat(&anna, json!({ "text": "" }))).await;
    let waiting = anna.clone();
    let told = failure(async move { drop(waiting.expects_photo().await) }).await;
    for part in [
        "talk.rs:",
        "a photo did not come within 30ms",
        "Анна #1: /start",
        "Самовар #2: <два>\n",
        "    ряда",
        "!! sendmessage: Bad Request: message text is empty",
        "not told to the bot yet: [\"message\"]",
    ] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    let waiting = anna.clone();
    let more = failure(async move { waiting.nothing_more_for(Duration::from_secs(60)).await }).await;
    assert!(more.contains("nothing more should come, but `<два>\nряда` did"), "{more}");
}

#[tokio::test]
async fn people_read_in_order() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let mut ids = Vec::new();
    for text in ["первое", "второе", "третье"] {
        let sent = bot.gets("sendMessage", in_chat(&anna, json!({ "text": text }))).await;
        ids.push(sent["message_id"].clone());
    }
    let first = anna.expects_text(|text| text == "первое").await;
    bot.gets("editMessageText", in_chat(&anna, json!({ "message_id": ids[0], "text": "исправлено" }))).await;
    anna.expects_edit(&first, |seen| seen.text() == "исправлено").await;
    let third = anna.expects("the third", |seen| seen.text() == "третье").await;
    anna.nothing_more_for(Duration::ZERO).await;
    bot.gets("deleteMessage", in_chat(&anna, json!({ "message_id": ids[2] }))).await;
    anna.expects_gone(&third).await;
    assert_eq!((third.reply_to(), third.kind()), (None, None));
}

#[tokio::test]
async fn a_reaction_is_timed() {
    let bot = Bot::start().await;
    let (anna, boris) = (bot.friend().await, bot.friend().await);
    bot.gets("sendMessage", in_chat(&anna, json!({ "text": "early" }))).await;
    assert!(bot.api.latencies().times.is_empty(), "it was not told yet");
    let seen = anna.expects_text(|_| true).await;
    let tap = anna.taps_data(&seen, "x").await;
    bot.updates(json!({})).await;
    bot.gets("answerCallbackQuery", json!({ "callback_query_id": tap.query })).await;
    let latencies = bot.api.latencies();
    assert_eq!((latencies.times.len(), latencies.unanswered), (2, 1), "Boris waits");
    assert!(latencies.within(0.5) <= latencies.within(0.99));
    boris.nothing_more_for(Duration::ZERO).await;
}

#[tokio::test]
async fn a_chat_becomes_a_page() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна <&>", "ru");
    let prompt = anna.sends("рыжий <кот>").await;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "🔁 Ещё раз", "callback_data": "a" }]] });
    let params = [
        ("chat_id", anna.chat.to_string()),
        ("caption", "🐈 <b>кот <i>и</i></b> <code>7</code>".to_owned()),
        ("parse_mode", "HTML".to_owned()),
        ("reply_markup", keyboard.to_string()),
        ("reply_to_message_id", prompt.id().to_string()),
    ];
    bot.uploads("sendPhoto", &params, &[("photo", "a.png", picture(20, 20))]).await;
    bot.uploads("sendDocument", &params[..1], &[("document", "кот.png", picture(20, 20))]).await;
    let photo = anna.expects_photo().await;
    let tap = anna.taps(&photo, "🔁 Ещё раз").await;
    bot.gets("answerCallbackQuery", json!({ "callback_query_id": tap.query, "text": "Готово" })).await;
    anna.blocks().await;
    let page = bot.api.transcript_html(anna.chat);
    for part in [
        "<title>Анна &lt;&amp;&gt;</title>",
        "<div class=\"words\">рыжий &lt;кот&gt;</div>",
        "<img alt=\"\" src=\"data:image/jpeg;base64,/9j/",
        "🐈 <b>кот <i>и</i></b> <code>7</code>",
        "<nav><button>🔁 Ещё раз</button></nav>",
        "<blockquote>рыжий &lt;кот&gt;</blockquote>",
        "📎 кот.png",
        "<p class=\"toast\">Готово</p>",
        "blocks the bot",
    ] {
        assert!(page.contains(part), "`{part}` is missing in\n{page}");
    }
    assert!(!page.contains("http"), "a page needs nothing else");
}
