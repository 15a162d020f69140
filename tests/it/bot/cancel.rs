//! What waits and what runs is cancelled by its owner, and costs nothing.

use super::stage::{CANCEL, Stage};

/// A picture that takes a while.
const LONG: &str = "Изображение кот | steps=50 | size=512x512";

#[tokio::test(flavor = "multi_thread")]
async fn a_running_and_a_waiting_job_are_cancelled() {
    let stage = Stage::start().await;
    let (anna, boris) = (stage.telegram.user("Анна", "ru"), stage.telegram.user("Борис", "ru"));
    anna.sends(LONG).await;
    let running = anna.expects_text(|text| text.contains("Рисую")).await;
    boris.sends("собака").await;
    let waiting = boris.expects_text(|text| text.contains("в очереди")).await;
    let tap = boris.taps(&waiting, CANCEL).await;
    boris.expects_answer(&tap).await;
    let over = boris.expects_edit(&waiting, |seen| seen.text().contains("Отменено")).await;
    assert!(over.text().contains("Ничего не списано"), "{}", over.text());
    anna.taps(&running, CANCEL).await;
    let over = anna.expects_edit(&running, |seen| seen.text().contains("Отменено")).await;
    // Neither of them used up one of the day's three.
    boris.sends("/menu").await;
    let menu = boris.expects_text(|text| text.contains("выберите")).await;
    assert!(menu.text().contains('3'), "{}", menu.text());
    anna.taps(&over, "🔁 Запустить снова").await;
    let again = anna.expects_text(|text| text.contains("Рисую")).await;
    anna.taps(&again, CANCEL).await;
    anna.expects_edit(&again, |seen| seen.text().contains("Отменено")).await;
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_and_a_foreign_tap_do_nothing_more() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=10")]).await;
    let group = stage.telegram.supergroup("Рисовальщики");
    let (anna, boris) = (stage.telegram.user("Анна", "ru"), stage.telegram.user("Борис", "ru"));
    group.takes_bot(&anna).await;
    let (anna_there, boris_there) = (anna.within(&group), boris.within(&group));
    anna_there.sends("/image яблоко").await;
    let photo = anna_there.expects_photo().await;
    let foreign = boris_there.taps(&photo, "🔁 Ещё раз").await;
    let answer = boris_there.expects_answer(&foreign).await;
    assert_eq!(answer.text, "Это кнопка другого участника.");
    // The same press told twice, as Telegram does after a cut connection, makes one picture; two presses make two.
    let one = anna_there.taps(&photo, "🔁 Ещё раз").await;
    anna_there.expects_answer(&one).await;
    anna_there.expects_photo().await;
    anna_there.sends("/status").await;
    anna_there.expects_text(|text| text.contains("нет заданий")).await;
    stage.ends_well().await;
}
