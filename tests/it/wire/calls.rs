//! What is called directly: who the bot is, answers to presses, what is being done, files.

use super::*;
use crate::telegram::{Attachment, Fault, Kind as FileKind, Trouble as Problem};
use samovar::telegram::wire::{Action, MOST_DOWNLOAD, Trouble};
use serde_json::json;

fn bots(api: &FakeTelegram) -> Bots {
    Bots::new(&settings(api.url(), api.token(), Patience::default())).unwrap()
}

#[tokio::test]
async fn the_bot_is_known_as_soon_as_telegram_answers() {
    let api = FakeTelegram::start().await;
    api.trouble(Problem::with("getMe", Fault::Gateway));
    let identity = bots(&api).identity().await;
    assert_eq!((identity.username.as_str(), identity.can_read_all_group_messages), ("samovar_bot", false));
    assert_eq!(identity.id, bots(&api).id());
    api.set_privacy(false);
    assert!(bots(&api).probe().await.unwrap().can_read_all_group_messages);
}

#[tokio::test]
async fn a_wrong_token_is_told_and_not_shown() {
    let api = FakeTelegram::start().await;
    let wrong = Bots::new(&settings(api.url(), "7204118365:wrong-token".to_owned(), Patience::default())).unwrap();
    let trouble = wrong.probe().await.unwrap_err();
    assert!(matches!(trouble, Trouble::Fatal(_)), "{trouble}");
    assert!(!trouble.to_string().contains("wrong-token"));
}

#[tokio::test]
async fn presses_are_answered() {
    let api = FakeTelegram::start().await;
    let anna = api.user("Анна", "ru");
    let seen = anna.sends("/start").await;
    let (bots, long) = (bots(&api), "ж".repeat(300));
    let tap = anna.taps_data(&seen, "1").await;
    bots.answer_tap(&tap.query, Some(&long), true).await;
    anna.expects_answer(&tap).await;
    let call = api.calls("answerCallbackQuery").remove(0);
    assert_eq!((call.param("text"), call.param("show_alert")), ("ж".repeat(200), "true".to_owned()));
    // One that nobody knows any more is no trouble.
    bots.answer_tap("12345", None, false).await;
    assert!(api.complaints().is_empty(), "{:?}", api.complaints());
}

#[tokio::test]
async fn a_chat_is_told_what_is_being_done_until_it_is_done() {
    let api = FakeTelegram::start().await;
    let (anna, boris) = (api.user("Анна", "ru"), api.user("Борис", "ru"));
    anna.sends("/start").await;
    boris.sends("/start").await;
    let bots = bots(&api);
    let first = bots.chat_action(place(&anna), Action::Typing);
    anna.expects_action("typing").await;
    let second = bots.chat_action(place(&anna), Action::Picture);
    drop(first);
    anna.expects_action("upload_photo").await;
    drop(second);
    let done = api.tally(anna.chat).actions;
    let _other = bots.chat_action(place(&boris), Action::Voice);
    boris.expects_action("record_voice").await;
    api.expects_calls("sendChatAction", done + 2).await;
    assert_eq!(api.tally(anna.chat).actions, done, "nothing is told of what is done");
}

#[tokio::test]
async fn files_are_fetched_and_large_ones_are_not() {
    let api = FakeTelegram::start().await;
    let anna = api.user("Анна", "ru");
    let seen = anna.sends_file(Attachment::new(FileKind::Document, &b"some bytes"[..]).named("a.bin")).await;
    let id = seen.json()["document"]["file_id"].as_str().unwrap().to_owned();
    let bots = bots(&api);
    assert_eq!(bots.download(&id, Some(10)).await.unwrap(), "some bytes");
    let calls = api.calls("getFile").len();
    assert!(matches!(bots.download(&id, Some(MOST_DOWNLOAD + 1)).await, Err(Trouble::TooBig(_))));
    assert_eq!(api.calls("getFile").len(), calls, "that was known before");
    let large = vec![0; usize::try_from(MOST_DOWNLOAD).unwrap() + 1];
    let seen = anna.sends_file(Attachment::new(FileKind::Document, large).named("b.bin")).await;
    let id = seen.json()["document"]["file_id"].as_str().unwrap();
    assert!(matches!(bots.download(id, None).await, Err(Trouble::TooBig(_))));
    assert!(matches!(bots.download("nothing", None).await, Err(Trouble::StaleFile(_))));
}

#[tokio::test]
async fn the_proxy_leads_elsewhere_and_not_here() {
    let api = FakeTelegram::start().await;
    let nobody = "http://127.0.0.1:9".to_owned();
    let here = Settings { proxy: Some(nobody.into()), ..settings(api.url(), api.token(), Patience::default()) };
    Bots::new(&here).unwrap().probe().await.unwrap();
    let elsewhere = settings("http://telegram.invalid/", api.token(), Patience::default());
    let through = Settings { proxy: Some(api.url().into()), ..elsewhere.clone() };
    Bots::new(&through).unwrap().probe().await.unwrap();
    let trouble = Bots::new(&elsewhere).unwrap().probe().await.unwrap_err();
    assert!(matches!(trouble, Trouble::NotSent(_)), "{trouble}");
    assert!(!trouble.to_string().contains(&api.token()), "{trouble}");
}

#[tokio::test]
async fn servers_may_say_more_than_is_known() {
    let api = FakeTelegram::start().await;
    let later = crate::telegram::Refusal::bad("Something new").with(json!({ "new_parameter": 1 }));
    api.trouble(Problem::with("getMe", Fault::Refused(later)));
    let trouble = bots(&api).probe().await.unwrap_err();
    assert_eq!(trouble, Trouble::Refused("Bad Request: something new".into()));
}
