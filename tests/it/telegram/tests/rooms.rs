//! Groups, topics, channels, and what the bot hears there.

use super::{Bot, in_chat};
use crate::telegram::Standing;
use serde_json::{Value, json};

impl Bot {
    /// Takes and confirms everything that waits.
    async fn hears(&self) -> Vec<Value> {
        let updates = self.updates(json!({})).await;
        if let Some(last) = updates.last() {
            self.updates(json!({ "offset": last["update_id"].as_i64().unwrap() + 1 })).await;
        }
        updates
    }
}

#[tokio::test]
async fn a_bot_comes_and_goes() {
    let bot = Bot::start().await;
    let family = bot.api.group("Семья");
    let anna = bot.api.user("Анна", "ru").within(&family);
    anna.sends("/start").await;
    assert!(bot.hears().await.is_empty(), "it is not there yet");
    let text = json!({ "chat_id": family.chat, "text": "a" });
    let refused = bot.is_refused("sendMessage", text.clone()).await;
    assert_eq!(refused, "Forbidden: bot is not a member of the group chat");
    family.takes_bot(&anna).await;
    let told = bot.hears().await;
    let change = &told[0]["my_chat_member"];
    assert_eq!(
        (&change["old_chat_member"]["status"], &change["new_chat_member"]["status"]),
        (&json!("left"), &json!("member"))
    );
    assert_eq!((&change["chat"]["type"], &change["from"]["id"]), (&json!("group"), &json!(anna.id)));
    assert_eq!(told[1]["message"]["new_chat_members"][0]["username"], bot.api.bot_name());
    bot.gets("sendMessage", text.clone()).await;
    family.kicks_bot(&anna).await;
    assert_eq!(bot.hears().await[0]["my_chat_member"]["new_chat_member"]["status"], "kicked");
    let refused = bot.is_refused("sendMessage", text.clone()).await;
    assert_eq!(refused, "Forbidden: bot was kicked from the group chat");
    assert_eq!(bot.is_refused("getChat", text).await, "Forbidden: bot was kicked from the group chat");
}

#[tokio::test]
async fn a_bot_is_blocked_and_let_in_again() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    bot.hears().await;
    anna.blocks().await;
    anna.unblocks().await;
    let told = bot.hears().await;
    let statuses: Vec<&Value> =
        told.iter().map(|update| &update["my_chat_member"]["new_chat_member"]["status"]).collect();
    assert_eq!(statuses, ["kicked", "member"]);
    assert_eq!(told[0]["my_chat_member"]["chat"]["type"], "private");
}

#[tokio::test]
async fn privacy_hides_what_is_not_meant_for_the_bot() {
    let bot = Bot::start().await;
    let club = bot.api.supergroup("Клуб").called("club");
    let anna = bot.api.user("Анна", "ru").called("anna").within(&club);
    club.takes_bot(&anna).await;
    bot.hears().await;
    let said = bot.gets("sendMessage", in_chat(&anna, json!({ "text": "a" }))).await;
    let seen = anna.expects_text(|_| true).await;
    for text in ["нарисуй кота", "@samovar_bot нарисуй", "/image@other_bot кот", "/image кот", "/image@Samovar_bot кот"]
    {
        anna.sends(text).await;
    }
    anna.replies(&seen, "ещё").await;
    let heard: Vec<Value> = bot.hears().await.into_iter().map(|update| update["message"].clone()).collect();
    let texts: Vec<&str> = heard.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["/image кот", "/image@Samovar_bot кот", "ещё"]);
    assert_eq!(heard[2]["reply_to_message"]["message_id"], said["message_id"]);
    assert_eq!((&heard[0]["chat"]["username"], &heard[0]["from"]["username"]), (&json!("club"), &json!("anna")));
    club.makes_bot(&anna, Standing::Administrator).await;
    let correction = anna.sends("нарисуй кота").await;
    anna.edits(&correction, "нарисуй пса").await;
    let heard = bot.hears().await;
    assert_eq!((&heard[1]["message"]["text"], heard.len()), (&json!("нарисуй кота"), 3));
    club.makes_bot(&anna, Standing::Member).await;
    bot.api.set_privacy(false);
    anna.sends("нарисуй кота").await;
    assert_eq!(bot.hears().await.len(), 2);
    assert_eq!(bot.gets("getMe", json!({})).await["can_read_all_group_messages"], true);
    bot.gets("sendMessage", json!({ "chat_id": "@club", "text": "by name" })).await;
}

#[tokio::test]
async fn topics_keep_apart() {
    let bot = Bot::start().await;
    let forum = bot.api.forum("Форум");
    let anna = bot.api.user("Анна", "ru").within(&forum);
    forum.takes_bot(&anna).await;
    let cats = forum.opens_topic(&anna, "Коты").await;
    let in_cats = anna.in_topic(cats);
    in_cats.sends("/image кот").await;
    let heard = bot.hears().await;
    let message = &heard.last().unwrap()["message"];
    assert_eq!(
        (&message["message_thread_id"], &message["is_topic_message"], &message["chat"]["is_forum"]),
        (&json!(cats), &json!(true), &json!(true))
    );
    bot.gets("sendMessage", in_chat(&anna, json!({ "text": "общее" }))).await;
    let sent = bot.gets("sendMessage", in_chat(&anna, json!({ "text": "в теме", "message_thread_id": cats }))).await;
    assert_eq!(sent["message_thread_id"], cats);
    in_cats.expects_text(|_| true).await;
    let lost = in_chat(&anna, json!({ "text": "a", "message_thread_id": 777 }));
    assert_eq!(bot.is_refused("sendMessage", lost).await, "Bad Request: message thread not found");
    let general = in_chat(&anna, json!({ "text": "a", "message_thread_id": 1 }));
    assert_eq!(bot.is_refused("sendMessage", general).await, "Bad Request: message thread not found");
}

#[tokio::test]
async fn a_group_grows_up() {
    let bot = Bot::start().await;
    let family = bot.api.group("Семья");
    let anna = bot.api.user("Анна", "ru").within(&family);
    family.takes_bot(&anna).await;
    bot.hears().await;
    let larger = family.becomes_supergroup().await;
    let heard = bot.hears().await;
    assert_eq!(heard[0]["message"]["migrate_to_chat_id"], larger.chat);
    assert_eq!(heard[1]["message"]["migrate_from_chat_id"], family.chat);
    let answer = bot.asks("sendMessage", json!({ "chat_id": family.chat, "text": "a" })).await;
    let expected = json!({
        "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": larger.chat },
    });
    assert_eq!(answer, expected);
    let moved = anna.within(&larger);
    bot.gets("sendMessage", in_chat(&moved, json!({ "text": "a" }))).await;
    moved.expects_text(|_| true).await;
}

#[tokio::test]
async fn some_hide_behind_a_chat() {
    let bot = Bot::start().await;
    let (club, news) = (bot.api.supergroup("Клуб"), bot.api.channel("Новости"));
    let anna = bot.api.user("Анна", "ru").within(&club);
    club.has_admin(&anna);
    club.takes_bot(&anna).await;
    bot.api.set_privacy(false);
    bot.hears().await;
    club.hidden_admin_sends("/image кот").await;
    club.passes_on(&news, "новость").await;
    let heard = bot.hears().await;
    let (hidden, passed) = (&heard[0]["message"], &heard[1]["message"]);
    assert_eq!(
        (&hidden["from"]["username"], &hidden["sender_chat"]["id"]),
        (&json!("GroupAnonymousBot"), &json!(club.chat))
    );
    assert_eq!((&passed["from"]["id"], &passed["is_automatic_forward"]), (&json!(777_000), &json!(true)));
    assert_eq!(passed["sender_chat"]["id"], news.chat);
    let anna_here = in_chat(&anna, json!({ "user_id": anna.id }));
    assert_eq!(bot.gets("getChatMember", anna_here).await["status"], "administrator");
    news.takes_bot(&anna).await;
    news.posts("вышло").await;
    let heard = bot.hears().await;
    assert_eq!((&heard[1]["channel_post"]["text"], heard[1]["channel_post"].get("from")), (&json!("вышло"), None));
    let post = bot.gets("sendMessage", json!({ "chat_id": news.chat, "text": "a" })).await;
    assert_eq!(post["sender_chat"]["id"], news.chat);
    bot.gets("leaveChat", json!({ "chat_id": news.chat })).await;
    let refused = bot.is_refused("sendMessage", json!({ "chat_id": news.chat, "text": "a" })).await;
    assert_eq!(refused, "Forbidden: bot is not a member of the channel chat");
}

#[tokio::test]
async fn a_foreign_finger_taps() {
    let bot = Bot::start().await;
    let club = bot.api.supergroup("Клуб");
    let anna = bot.api.user("Анна", "ru").within(&club);
    let boris = bot.api.user("Борис", "en").within(&club);
    club.takes_bot(&anna).await;
    bot.hears().await;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "✖ Отменить", "callback_data": "1|cancel|a" }]] });
    bot.gets("sendMessage", in_chat(&anna, json!({ "text": "Очередь", "reply_markup": keyboard }))).await;
    let seen = boris.expects_text(|_| true).await;
    boris.taps(&seen, "Отменить").await;
    boris.taps(&seen, "Отменить").await;
    bot.gets("deleteMessage", in_chat(&anna, json!({ "message_id": seen.id() }))).await;
    anna.taps(&seen, "Отменить").await;
    let taps: Vec<Value> = bot.hears().await.into_iter().map(|update| update["callback_query"].clone()).collect();
    assert_eq!((&taps[0]["from"]["id"], &taps[0]["message"]["text"]), (&json!(boris.id), &json!("Очередь")));
    assert!(taps[0]["id"] != taps[1]["id"] && taps[0]["data"] == taps[1]["data"]);
    assert_eq!(taps[2]["message"], json!({ "message_id": seen.id(), "chat": taps[0]["message"]["chat"], "date": 0 }));
}
