//! What the Bot API refuses, in its words.

use super::{Bot, in_chat};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn texts_are_counted_in_characters_after_markup() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let text = |text: String| in_chat(&anna, json!({ "text": text, "parse_mode": "HTML" }));
    // A cat is two UTF-16 units and one character.
    bot.gets("sendMessage", text(format!("<b>{}</b>", "🐈".repeat(4096)))).await;
    assert_eq!(bot.is_refused("sendMessage", text("я".repeat(4097))).await, "Bad Request: message is too long");
    assert_eq!(bot.is_refused("sendMessage", text(String::new())).await, "Bad Request: message text is empty");
    assert_eq!(bot.is_refused("sendMessage", text(" \n ".to_owned())).await, "Bad Request: text must be non-empty");
    let raw = "я".repeat((1 << 14) + 1);
    assert_eq!(bot.is_refused("sendMessage", text(raw)).await, "Bad Request: text is too long");
    let unknown = in_chat(&anna, json!({ "text": "a", "parse_mode": "MarkdownV2" }));
    assert_eq!(bot.is_refused("sendMessage", unknown).await, "Bad Request: unsupported parse_mode");
}

#[tokio::test]
async fn captions_are_shorter() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let file = bot.api.user("Борис", "").sends_photo(super::picture(40, 40), "").await;
    let id = file.json()["photo"][0]["file_id"].clone();
    let captioned = |length| in_chat(&anna, json!({ "photo": id, "caption": "я".repeat(length) }));
    bot.gets("sendPhoto", captioned(1024)).await;
    let too_long = "Bad Request: message caption is too long";
    assert_eq!(bot.is_refused("sendPhoto", captioned(1025)).await, too_long);
    let media =
        json!([{ "type": "photo", "media": id, "caption": "я".repeat(1025) }, { "type": "photo", "media": id }]);
    assert_eq!(bot.is_refused("sendMediaGroup", in_chat(&anna, json!({ "media": media }))).await, too_long);
}

fn one_button(button: Value) -> Value {
    json!({ "text": "a", "reply_markup": { "inline_keyboard": [[button]] } })
}

#[tokio::test]
async fn buttons_carry_little() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let refused = |button| {
        let params = in_chat(&anna, one_button(button));
        let bot = &bot;
        async move { bot.is_refused("sendMessage", params).await }
    };
    bot.gets("sendMessage", in_chat(&anna, one_button(json!({ "text": "b", "callback_data": "я".repeat(32) })))).await;
    assert_eq!(
        refused(json!({ "text": "b", "callback_data": "я".repeat(33) })).await,
        "Bad Request: BUTTON_DATA_INVALID"
    );
    let no_action =
        "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard";
    assert_eq!(refused(json!({ "text": "b" })).await, no_action);
    assert_eq!(refused(json!({ "text": "b", "callback_data": "" })).await, no_action);
    let no_text = "Bad Request: can't parse inline keyboard button: Can't find field \"text\"";
    assert_eq!(refused(json!({ "callback_data": "b" })).await, no_text);
    let copied = |length| json!({ "text": "b", "copy_text": { "text": "я".repeat(length) } });
    bot.gets("sendMessage", in_chat(&anna, one_button(copied(256)))).await;
    assert_eq!(refused(copied(257)).await, "Bad Request: BUTTON_COPY_TEXT_INVALID");
    assert!(refused(json!({ "text": "b", "url": "no link" })).await.contains("URL 'no link' is invalid"));
}

#[tokio::test]
async fn keyboards_have_an_end() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let rows = |rows: usize, each: usize| {
        let row = vec![json!({ "text": "b", "callback_data": "c" }); each];
        in_chat(&anna, json!({ "text": "a", "reply_markup": { "inline_keyboard": vec![row; rows] } }))
    };
    bot.gets("sendMessage", rows(20, 5)).await;
    let too_long = "Bad Request: reply markup is too long";
    assert_eq!(bot.is_refused("sendMessage", rows(21, 5)).await, too_long);
    assert_eq!(bot.is_refused("sendMessage", rows(1, 9)).await, too_long);
    let empty = in_chat(&anna, json!({ "text": "a", "reply_markup": { "inline_keyboard": [[]] } }));
    assert_eq!(bot.gets("sendMessage", empty).await.get("reply_markup"), None);
    let not_rows = in_chat(&anna, json!({ "text": "a", "reply_markup": { "inline_keyboard": [{}] } }));
    assert!(bot.is_refused("sendMessage", not_rows).await.ends_with("must be an Array of Arrays"));
    let force = |length| json!({ "force_reply": true, "input_field_placeholder": "я".repeat(length) });
    let asked = |length| in_chat(&anna, json!({ "text": "a", "reply_markup": force(length) }));
    bot.gets("sendMessage", asked(64)).await;
    anna.reads_all();
    assert_eq!(bot.is_refused("sendMessage", asked(65)).await, "Bad Request: REPLY_MARKUP_INVALID");
    bot.gets("sendMessage", asked(3)).await;
    let seen = anna.expects_text(|text| text == "a").await;
    assert_eq!(seen.reply_markup().unwrap()["input_field_placeholder"], "яяя");
}

#[tokio::test]
async fn edits_change_something_of_ones_own() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    let hers = anna.sends("hi").await;
    let id = bot.gets("sendMessage", in_chat(&anna, one_button(json!({ "text": "b", "callback_data": "c" })))).await
        ["message_id"]
        .clone();
    let edit = |more: Value| {
        let mut params = in_chat(&anna, more);
        if params.get("message_id").is_none() {
            params["message_id"] = id.clone();
        }
        params
    };
    let same = bot.is_refused("editMessageText", edit(one_button(json!({ "text": "b", "callback_data": "c" })))).await;
    let exactly = "Bad Request: message is not modified: specified new message content and reply markup are exactly the \
                   same as a current content and reply markup of the message";
    assert_eq!(same, exactly);
    let bare = bot.gets("editMessageText", edit(json!({ "text": "a" }))).await;
    assert_eq!(bare.get("reply_markup"), None, "buttons that are not named again are gone");
    let lost = edit(json!({ "text": "b", "message_id": 999 }));
    assert_eq!(bot.is_refused("editMessageText", lost).await, "Bad Request: message to edit not found");
    let foreign = edit(json!({ "text": "b", "message_id": hers.id() }));
    assert_eq!(bot.is_refused("editMessageText", foreign).await, "Bad Request: message can't be edited");
    let caption = edit(json!({ "caption": "b" }));
    let no_caption = "Bad Request: there is no caption in the message to edit";
    assert_eq!(bot.is_refused("editMessageCaption", caption).await, no_caption);
    let below = edit(json!({ "text": "b", "reply_markup": { "remove_keyboard": true } }));
    assert_eq!(bot.is_refused("editMessageText", below).await, "Bad Request: inline keyboard expected");
    let long = edit(json!({ "text": "я".repeat(4097) }));
    assert_eq!(bot.is_refused("editMessageText", long).await, "Bad Request: MESSAGE_TOO_LONG");
    let nowhere = bot.is_refused("editMessageText", json!({ "text": "a" })).await;
    assert_eq!(nowhere, "Bad Request: message identifier is not specified");
}

#[tokio::test]
async fn replies_need_their_message() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    let gone = anna.sends("hi").await;
    anna.deletes(&gone).await;
    let reply = |parameters: Value| in_chat(&anna, json!({ "text": "a", "reply_parameters": parameters }));
    let lost = bot.is_refused("sendMessage", reply(json!({ "message_id": gone.id() }))).await;
    assert_eq!(lost, "Bad Request: message to be replied not found");
    let allowed = reply(json!({ "message_id": gone.id(), "allow_sending_without_reply": true }));
    assert_eq!(bot.gets("sendMessage", allowed).await.get("reply_to_message"), None);
    let old_way = in_chat(&anna, json!({ "text": "a", "reply_to_message_id": gone.id() }));
    assert_eq!(bot.is_refused("sendMessage", old_way).await, "Bad Request: message to be replied not found");
}

#[tokio::test]
async fn messages_are_deleted_while_they_are_young() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let text = |text: &str| in_chat(&anna, json!({ "text": text }));
    let named = |sent: &Value| in_chat(&anna, json!({ "message_id": sent["message_id"] }));
    let first = bot.gets("sendMessage", text("a")).await;
    bot.gets("deleteMessage", named(&first)).await;
    let twice = bot.is_refused("deleteMessage", named(&first)).await;
    assert_eq!(twice, "Bad Request: message to delete not found");
    let old = bot.gets("sendMessage", text("b")).await;
    bot.api.advance(Duration::from_secs(48 * 60 * 60));
    let late = bot.is_refused("deleteMessage", named(&old)).await;
    assert_eq!(late, "Bad Request: message can't be deleted for everyone");
    let (one, two) = (bot.gets("sendMessage", text("c")).await, bot.gets("sendMessage", text("d")).await);
    let both = json!({ "message_ids": [one["message_id"], two["message_id"], 999] });
    bot.gets("deleteMessages", in_chat(&anna, both)).await;
    let many: Vec<i32> = (1..=101).collect();
    let many = bot.is_refused("deleteMessages", in_chat(&anna, json!({ "message_ids": many }))).await;
    assert_eq!(many, "Bad Request: too many message identifiers specified");
    assert_eq!(bot.api.tally(anna.chat).deletes, 3);
}

#[tokio::test]
async fn taps_are_answered_once_and_in_time() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    bot.gets("sendMessage", in_chat(&anna, one_button(json!({ "text": "Да", "callback_data": "y" })))).await;
    let seen = anna.expects_text(|_| true).await;
    let tap = anna.taps(&seen, "Да").await;
    let answer = |text: String| json!({ "callback_query_id": tap.query, "text": text });
    assert_eq!(bot.is_refused("answerCallbackQuery", answer("я".repeat(201))).await, "Bad Request: MESSAGE_TOO_LONG");
    bot.gets("answerCallbackQuery", answer("я".repeat(200))).await;
    let too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    assert_eq!(bot.is_refused("answerCallbackQuery", answer("да".to_owned())).await, too_old);
    let late = anna.taps_data(&seen, "forged").await;
    bot.api.advance(Duration::from_secs(61));
    let late = json!({ "callback_query_id": late.query });
    assert_eq!(bot.is_refused("answerCallbackQuery", late).await, too_old);
    assert_eq!(bot.is_refused("answerCallbackQuery", json!({ "callback_query_id": "17" })).await, too_old);
    let foreign = json!({ "callback_query_id": tap.query, "url": "https://example.org" });
    assert_eq!(bot.is_refused("answerCallbackQuery", foreign).await, "Bad Request: URL_INVALID");
}

#[tokio::test]
async fn some_chats_take_nothing() {
    let bot = Bot::start().await;
    let stranger = bot.api.user("Вера", "ru");
    let text = |chat: i64| json!({ "chat_id": chat, "text": "a" });
    assert_eq!(bot.is_refused("sendMessage", text(stranger.chat)).await, "Bad Request: chat not found");
    assert_eq!(bot.is_refused("sendMessage", text(1)).await, "Bad Request: chat not found");
    assert_eq!(bot.is_refused("sendMessage", json!({ "text": "a" })).await, "Bad Request: chat_id is empty");
    let anna = bot.friend().await;
    anna.blocks().await;
    assert_eq!(bot.is_refused("sendMessage", text(anna.chat)).await, "Forbidden: bot was blocked by the user");
    anna.unblocks().await;
    bot.gets("sendMessage", text(anna.chat)).await;
    anna.leaves_telegram().await;
    assert_eq!(bot.is_refused("sendMessage", text(anna.chat)).await, "Forbidden: user is deactivated");
    let action = json!({ "chat_id": anna.chat, "action": "juggling" });
    assert_eq!(bot.is_refused("sendChatAction", action).await, "Bad Request: wrong parameter action in request");
}

#[tokio::test]
async fn strangers_and_unknown_methods_are_turned_away() {
    let bot = Bot::start().await;
    let ask = |path: String| bot.client.get(format!("{}{path}", bot.api.url())).send();
    let wrong = ask("/bot1:wrong/getMe".to_owned()).await.unwrap();
    assert_eq!(wrong.status().as_u16(), 401);
    let expected = json!({ "ok": false, "error_code": 401, "description": "Unauthorized" });
    assert_eq!(wrong.json::<Value>().await.unwrap(), expected);
    assert_eq!(ask("/file/bot1:wrong/photos/file_1.jpg".to_owned()).await.unwrap().status().as_u16(), 401);
    assert_eq!(ask("/".to_owned()).await.unwrap().status().as_u16(), 404);
    let unknown = ask(format!("/bot{}/makeTea", bot.api.token())).await.unwrap();
    assert_eq!(unknown.json::<Value>().await.unwrap()["description"], "Not Found: method not found");
    assert_eq!(bot.api.complaints(), ["the method maketea is not known to this fake"]);
}
