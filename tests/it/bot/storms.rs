//! Telegram refuses, stands still, or loses the answer.

use super::stage::Stage;
use crate::telegram::{Fault, Trouble};

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_delays_the_picture_and_loses_nothing() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    for method in ["sendMessage", "editMessageText", "sendChatAction"] {
        stage.telegram.trouble(Trouble::with(method, Fault::TooMany(1)).times(5));
    }
    stage.telegram.trouble(Trouble::with("sendPhoto", Fault::TooMany(1)).times(3));
    anna.sends("красное яблоко").await;
    let photo = anna.expects_photo().await;
    assert!(photo.text().contains("1 из 3"), "{}", photo.text());
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_arrival_nobody_knows_is_offered_again_and_charged_once() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=0")]).await;
    let anna = stage.telegram.user("Анна", "ru");
    stage.telegram.trouble(Trouble::with("sendPhoto", Fault::DropAfter));
    anna.sends("красное яблоко").await;
    let price = anna.expects_text(|text| text.contains("3")).await;
    anna.taps(&price, "Создать за 3\u{a0}₽").await;
    anna.expects_photo().await;
    let unsure = anna.expects_text(|text| text.contains("Не уверен")).await;
    assert_eq!(stage.balance(&anna), 2700);
    anna.taps(&unsure, "📤 Прислать ещё раз").await;
    anna.expects_photo().await;
    assert_eq!(stage.telegram.calls("sendPhoto").len(), 2);
    assert_eq!(stage.balance(&anna), 2700);
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_charged_when_the_bot_was_blocked() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=0")]).await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("Изображение кот | steps=20 | size=512x512").await;
    let price = anna.expects_text(|text| text.contains("3")).await;
    anna.taps(&price, "Создать за 3\u{a0}₽").await;
    anna.expects_text(|text| text.contains("Рисую")).await;
    assert_eq!(stage.balance(&anna), 2700);
    anna.blocks().await;
    while stage.balance(&anna) != 3000 {
        // Each look is a program of its own, beside the one that is watched.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    anna.unblocks().await;
    anna.sends("/balance").await;
    let profile = anna.expects_text(|text| text.contains("Баланс")).await;
    assert!(profile.text().contains("30"), "{}", profile.text());
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_telegram_that_breaks_is_waited_for() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    stage.telegram.trouble(Trouble::with("getUpdates", Fault::Server).times(2));
    stage.telegram.trouble(Trouble::with("getUpdates", Fault::Gateway));
    stage.telegram.trouble(Trouble::with("sendMessage", Fault::DropBefore).times(2));
    anna.sends("/ping").await;
    // A cut connection does not tell whether the message was taken: it is asked about, and not sent twice.
    let unsure = anna.expects_text(|text| text.contains("Не уверен")).await;
    anna.taps(&unsure, "📤 Прислать ещё раз").await;
    anna.expects_text(|text| text.contains("очередь")).await;
    stage.ends_well().await;
}
