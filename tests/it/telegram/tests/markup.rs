//! Entities: of what bots write with markup, and of what people write.

use super::{Bot, in_chat};
use crate::telegram::html;
use crate::telegram::words::Words;
use proptest::prelude::*;
use serde_json::{Value, json};

fn parsed(raw: &str) -> (String, Vec<(String, String)>) {
    let words = Words::of_bot(raw, "HTML", &Value::Null).unwrap();
    let covered = words.entities.iter().map(|entity| (entity.kind.clone(), words.covered(entity))).collect();
    (words.text, covered)
}

fn pair(kind: &str, covered: &str) -> (String, String) {
    (kind.to_owned(), covered.to_owned())
}

#[test]
fn tags_become_entities() {
    let (text, entities) =
        parsed("🐈 <b>кот <i>рыжий</i></b> &lt;3 <code>seed 7</code> <a href=\"https://a.b/?x&amp;y\">тут</a>");
    assert_eq!(text, "🐈 кот рыжий <3 seed 7 тут");
    let expected =
        [pair("bold", "кот рыжий"), pair("italic", "рыжий"), pair("code", "seed 7"), pair("text_link", "тут")];
    assert_eq!(entities, expected);
    let words = Words::of_bot("🐈 <b>a</b> <a href='https://a.b/?x&amp;y'>b</a>", "html", &Value::Null).unwrap();
    let expected = json!([
        { "type": "bold", "offset": 3, "length": 1 },
        { "type": "text_link", "offset": 5, "length": 1, "url": "https://a.b/?x&y" },
    ]);
    assert_eq!(words.entities_json(), expected);
}

#[test]
fn every_tag_is_known() {
    let raw = "<s>a</s><u>b</u><tg-spoiler>c</tg-spoiler><span class=\"tg-spoiler\">d</span><blockquote>e</blockquote>\
               <blockquote expandable>f</blockquote><tg-emoji emoji-id=\"5\">g</tg-emoji><pre>h</pre>";
    let kinds: Vec<String> = parsed(raw).1.into_iter().map(|(kind, _)| kind).collect();
    let expected = [
        "strikethrough",
        "underline",
        "spoiler",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "custom_emoji",
        "pre",
    ];
    assert_eq!(kinds, expected);
    let block = "<pre><code class=\"language-rust\">fn</code></pre> <code class=\"language-c\">x</code>";
    let words = Words::of_bot(block, "HTML", &Value::Null).unwrap();
    let expected = json!([
        { "type": "pre", "offset": 0, "length": 2, "language": "rust" },
        { "type": "code", "offset": 3, "length": 1 },
    ]);
    assert_eq!(words.entities_json(), expected);
}

#[test]
fn wrong_markup_is_told_in_the_servers_words() {
    let cases = [
        ("a <b>b", "Can't find end tag corresponding to start tag \"b\""),
        ("1 < 2", "Unsupported start tag \"\" at byte offset 2"),
        ("ж <p>b</p>", "Unsupported start tag \"p\" at byte offset 3"),
        ("<b>a</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<a href=\"x>a</a>", "Unclosed start tag at byte offset 0"),
        ("<a href=x:y>a</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>a</span>", "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"),
        ("<b =x>a</b>", "Empty attribute name in the tag \"b\" at byte offset 0"),
    ];
    for (raw, why) in cases {
        assert_eq!(html::parse(raw).unwrap_err(), why, "{raw}");
    }
}

#[tokio::test]
async fn wrong_markup_is_refused() {
    let bot = Bot::start().await;
    let anna = bot.friend().await;
    let why = bot.is_refused("sendMessage", in_chat(&anna, json!({ "text": "<p>", "parse_mode": "HTML" }))).await;
    assert_eq!(why, "Bad Request: can't parse entities: Unsupported start tag \"p\" at byte offset 0");
    let entities = json!([{ "type": "bold", "offset": 2, "length": 3 }]);
    let sent = bot.gets("sendMessage", in_chat(&anna, json!({ "text": "  кот", "entities": entities }))).await;
    assert_eq!((&sent["text"], &sent["entities"][0]["offset"]), (&json!("кот"), &json!(0)));
    let nameless = in_chat(&anna, json!({ "text": "a", "entities": [{ "offset": 0, "length": 1 }] }));
    let why = bot.is_refused("sendMessage", nameless).await;
    assert_eq!(why, "Bad Request: can't parse MessageEntity: Can't find field \"type\"");
}

#[tokio::test]
async fn people_may_send_what_no_client_knows() {
    let bot = Bot::start().await;
    let anna = bot.api.user("Анна", "ru");
    anna.sends_marked("завтра 🐈", "date_time").await;
    let message = bot.updates(json!({})).await.remove(0)["message"].clone();
    assert_eq!(message["entities"], json!([{ "type": "date_time", "offset": 0, "length": 9 }]));
}

#[test]
fn what_people_write_has_commands_and_mentions() {
    let words = Words::plain("/start@samovar_bot j_1 спроси @anna (https://a.b/c). #кот a/b x@y");
    let covered: Vec<_> = words.entities.iter().map(|entity| (entity.kind.clone(), words.covered(entity))).collect();
    let expected = [
        pair("bot_command", "/start@samovar_bot"),
        pair("mention", "@anna"),
        pair("url", "https://a.b/c"),
        pair("hashtag", "#кот"),
    ];
    assert_eq!(covered, expected);
}

proptest! {
    /// Escaped text comes out as it went in, and entities never leave it.
    #[test]
    fn escaped_text_survives(text in "[а-яa-z<>&\"🐈 \n]{0,40}") {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let (read, entities) = html::parse(&format!("<b>{escaped}</b>")).unwrap();
        prop_assert_eq!(&read, &text);
        let units = text.encode_utf16().count();
        prop_assert_eq!(entities.first().map_or(0, |entity| entity.length), units);
    }

    /// Nothing makes the parser fall over.
    #[test]
    fn anything_is_parsed_or_refused(raw in "[<>/=&;\"'#xab ж🐈-]{0,40}") {
        if let Ok((text, entities)) = html::parse(&raw) {
            let units = text.encode_utf16().count();
            prop_assert!(entities.iter().all(|entity| entity.offset + entity.length <= units));
        }
        Words::plain(&raw);
    }
}
