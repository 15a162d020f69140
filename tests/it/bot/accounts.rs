//! What people see of their account, and what it costs them.

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_day_ends_and_money_is_asked_for() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=1"), ("SAMOVAR_START_BALANCE", "3")]).await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("кот").await;
    anna.expects_photo().await;
    anna.sends("собака").await;
    let price = anna.expects_text(|text| text.contains("закончились")).await;
    assert!(price.text().contains("1 из 1"), "{}", price.text());
    anna.taps(&price, "Отмена").await;
    anna.expects_edit(&price, |seen| seen.text().contains("ничего не изменилось")).await;
    anna.sends("дерево").await;
    let price = anna.expects_text(|text| text.contains("закончились")).await;
    let tap = anna.taps(&price, "Создать за 3\u{a0}₽").await;
    anna.expects_answer(&tap).await;
    let photo = anna.expects_photo().await;
    assert!(photo.text().replace('\u{a0}', " ").contains("Списано 3 ₽, баланс 0 ₽"), "{}", photo.text());
    // A second press of the same button does nothing.
    let tap = anna.taps(&price, "Создать за 3\u{a0}₽").await;
    anna.expects_answer(&tap).await;
    anna.sends("ракета").await;
    let over = anna.expects_text(|text| text.contains("00:00")).await;
    assert!(over.text().contains("1 из 1"), "{}", over.text());
    anna.sends("/balance").await;
    let profile = anna.expects_text(|text| text.contains("Последние операции")).await;
    assert!(profile.text().replace('\u{a0}', " ").contains("0 ₽"), "{}", profile.text());
    assert_eq!(stage.balance(&anna), 0);
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_status_privacy_and_the_end_of_all_data() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("красное яблоко").await;
    let photo = anna.expects_photo().await;
    anna.sends("/history").await;
    let history = anna.expects_text(|text| text.contains("красное яблоко")).await;
    anna.taps(&history, "1").await;
    let again = anna.expects_photo().await;
    assert_eq!(again.bytes(), photo.bytes());
    anna.sends("/status 1").await;
    anna.expects_text(|text| text.contains("готово")).await;
    anna.expects_photo().await;
    anna.sends("/status 999").await;
    anna.expects_text(|text| text.contains("у вас нет")).await;
    anna.sends("/privacy").await;
    let privacy = anna.expects_text(|text| text.contains("Что я храню")).await;
    assert!(privacy.text().contains("30 дней") && privacy.text().contains("24 час"), "{}", privacy.text());
    anna.sends("/delete_me").await;
    let confirm = anna.expects_text(|text| text.contains("нельзя отменить")).await;
    anna.taps(&confirm, "🗑 Удалить мои данные").await;
    anna.expects_edit(&confirm, |seen| seen.text().contains("удалены")).await;
    anna.sends("/history").await;
    anna.expects_text(|text| text.contains("Пока пусто")).await;
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_answered_plainly() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends_something_new().await;
    anna.expects_text(|text| text.contains("Не смог прочитать")).await;
    anna.sends("/nonsense").await;
    anna.expects_text(|text| text.contains("Такой команды нет")).await;
    anna.sends("/skip").await;
    anna.expects_text(|text| text.contains("нечего пропускать")).await;
    stage.ends_well().await;
}
