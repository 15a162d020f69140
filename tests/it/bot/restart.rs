//! The server ends in the middle, and nothing is lost or done twice.

use super::stage::Stage;
use crate::telegram::{Fault, Trouble};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_cut_off_goes_on() {
    let mut stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("Изображение кот | steps=30 | size=512x512 | seed=5").await;
    anna.expects_text(|text| text.contains("Рисую")).await;
    stage.kill();
    stage.open().await;
    let photo = anna.expects_photo().await;
    assert!(photo.text().contains("seed 5") && photo.text().contains("1 из 3"), "{}", photo.text());
    anna.sends("/history").await;
    let history = anna.expects_text(|text| text.contains("кот")).await;
    assert_eq!(history.text().matches('№').count(), 1, "{}", history.text());
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_the_server_was_away_is_answered_once() {
    let mut stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("/start").await;
    anna.expects_text(|text| text.contains("Привет")).await;
    stage.kill();
    anna.sends("красное яблоко").await;
    stage.open().await;
    anna.expects_photo().await;
    // Killed again, with everything done: nothing comes a second time.
    stage.kill();
    stage.open().await;
    anna.sends("/ping").await;
    anna.expects_text(|text| text.contains("очередь")).await;
    let photos = stage.telegram.calls("sendPhoto").len();
    assert_eq!(photos, 1);
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_was_on_its_way_is_neither_asked_about_nor_in_the_way_of_the_picture() {
    let mut stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    // Taken by Telegram, and the bot never hears of it.
    stage.telegram.trouble(Trouble::with("sendMessage", Fault::Mute));
    anna.sends("Изображение кот | steps=30 | size=512x512 | seed=5").await;
    anna.expects_text(|text| text.contains("Рисую")).await;
    stage.kill();
    stage.telegram.release();
    stage.open().await;
    anna.expects_photo().await;
    let story = stage.telegram.transcript(anna.chat);
    assert!(!story.contains("Не уверен"), "{story}");
    stage.ends_well().await;
}
