//! What the bot tells of itself, and what it asks about chats.

use super::{Bot, in_chat};
use serde_json::{Value, json};

#[tokio::test]
async fn commands_are_kept_by_scope_and_language() {
    let bot = Bot::start().await;
    let commands = |about: &str| json!([{ "command": "image", "description": about }]);
    let private = json!({ "type": "all_private_chats" });
    bot.gets("setMyCommands", json!({ "commands": commands("Create"), "language_code": "en" })).await;
    bot.gets("setMyCommands", json!({ "commands": commands("Создать"), "scope": private })).await;
    assert_eq!(bot.gets("getMyCommands", json!({ "language_code": "en" })).await, commands("Create"));
    assert_eq!(bot.gets("getMyCommands", json!({})).await, json!([]));
    assert_eq!(bot.api.commands(&private, ""), commands("Создать"));
    bot.gets("deleteMyCommands", json!({ "language_code": "en" })).await;
    assert_eq!(bot.gets("getMyCommands", json!({ "language_code": "en" })).await, json!([]));
}

#[tokio::test]
async fn wrong_commands_are_refused() {
    let bot = Bot::start().await;
    let refused = |params: Value| bot.is_refused("setMyCommands", params);
    let one = |command: &str, about: &str| json!({ "commands": [{ "command": command, "description": about }] });
    assert_eq!(refused(one("Image", "a")).await, "Bad Request: BOT_COMMAND_INVALID");
    assert_eq!(refused(one("/", "a")).await, "Bad Request: command must be non-empty");
    assert_eq!(refused(one(&"a".repeat(33), "a")).await, "Bad Request: command length must not exceed 32");
    assert_eq!(refused(one("a", " ")).await, "Bad Request: command description must be non-empty");
    let long = refused(one("a", &"я".repeat(257))).await;
    assert_eq!(long, "Bad Request: command description length must not exceed 256");
    let many: Vec<Value> = (0..101).map(|n| json!({ "command": format!("c{n}"), "description": "a" })).collect();
    assert_eq!(refused(json!({ "commands": many })).await, "Bad Request: BOT_COMMANDS_TOO_MUCH");
    assert_eq!(refused(json!({ "commands": {} })).await, "Bad Request: expected an Array of BotCommand");
    let scope = refused(json!({ "commands": [], "scope": { "type": "everyone" } })).await;
    assert_eq!(scope, "Bad Request: can't parse BotCommandScope: Unsupported type specified");
    let chat = refused(json!({ "commands": [], "scope": { "type": "chat" } })).await;
    assert_eq!(chat, "Bad Request: can't parse BotCommandScope: Empty chat_id specified");
    let language = refused(json!({ "commands": [], "language_code": "rus" })).await;
    assert_eq!(language, "Bad Request: invalid language code specified");
}

#[tokio::test]
async fn texts_are_kept_by_language() {
    let bot = Bot::start().await;
    bot.gets("setMyName", json!({ "name": "Samovar", "language_code": "en" })).await;
    assert_eq!(bot.gets("getMyName", json!({ "language_code": "en" })).await["name"], "Samovar");
    assert_eq!(bot.gets("getMyName", json!({ "language_code": "ru" })).await["name"], "Самовар");
    bot.gets("setMyShortDescription", json!({ "short_description": "Рисую" })).await;
    let read = bot.gets("getMyShortDescription", json!({ "language_code": "en" })).await;
    assert_eq!(read, json!({ "short_description": "Рисую" }));
    bot.gets("setMyShortDescription", json!({ "short_description": "" })).await;
    assert_eq!(bot.gets("getMyShortDescription", json!({})).await, json!({ "short_description": "" }));
    for (method, field, length) in [
        ("setMyName", "name", 65),
        ("setMyDescription", "description", 513),
        ("setMyShortDescription", "short_description", 121),
    ] {
        assert!(bot.is_refused(method, json!({ field: "я".repeat(length) })).await.ends_with("_INVALID"));
    }
    assert_eq!(bot.gets("getMyDescription", json!({})).await, json!({ "description": "" }));
}

#[tokio::test]
async fn chats_are_described() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let me = bot.gets("getMe", json!({})).await;
    assert_eq!((&me["is_bot"], &me["username"]), (&json!(true), &json!(bot.api.bot_name())));
    let chat = bot.gets("getChat", in_chat(&anna, json!({}))).await;
    assert_eq!((&chat["type"], &chat["first_name"]), (&json!("private"), &json!("Анна")));
    let member = bot.gets("getChatMember", in_chat(&anna, json!({ "user_id": me["id"] }))).await;
    assert_eq!(member["status"], "member");
    assert_eq!(bot.gets("getChatMemberCount", in_chat(&anna, json!({}))).await, 2);
    let nobody = bot.is_refused("getChatMember", in_chat(&anna, json!({ "user_id": 5 }))).await;
    assert_eq!(nobody, "Bad Request: PARTICIPANT_ID_INVALID");
    let zero = bot.is_refused("getChatMember", in_chat(&anna, json!({ "user_id": 0 }))).await;
    assert_eq!(zero, "Bad Request: invalid user_id specified");
    let stays = bot.is_refused("leaveChat", in_chat(&anna, json!({}))).await;
    assert_eq!(stays, "Bad Request: chat member status can't be changed in private chats");
    bot.gets("logOut", json!({})).await;
}

#[tokio::test]
async fn calls_come_in_any_form() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let (chat, url) = (anna.chat.to_string(), bot.address("SENDMESSAGE"));
    let by_query = bot.client.get(&url).query(&[("chat_id", chat.as_str()), ("text", "запрос")]);
    let by_form = bot.client.post(&url).form(&[("chat_id", chat.as_str()), ("text", "форма")]);
    for call in [by_query, by_form] {
        assert!(call.send().await.unwrap().status().is_success());
    }
    let parts = bot.uploads("sendmessage", &[("chat_id", chat), ("text", "части".to_owned())], &[]).await;
    assert_eq!(parts["ok"], true);
    for text in ["запрос", "форма", "части"] {
        anna.expects_text(|seen| seen == text).await;
    }
    let broken = bot.client.post(&url).header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(broken.json::<Value>().await.unwrap()["description"], "Bad Request: JSON object expected");
}
