//! What administrators do by the bot, and what others cannot.

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_pays_in_looks_pauses_and_writes_to_all() {
    let mut stage = Stage::closed(&[]).await;
    let (anna, boss) = (stage.telegram.user("Анна", "ru"), stage.telegram.user("Boss", "en"));
    stage.set("TELEGRAM_ADMIN_IDS", &boss.id.to_string());
    stage.open().await;
    anna.sends("/start").await;
    anna.expects_text(|text| text.contains("Анна")).await;
    anna.sends("/add_balance 1 500").await;
    anna.expects_text(|text| text.contains("только для администраторов")).await;
    boss.sends(&format!("/add_balance {} 500 gift", anna.id)).await;
    let confirm = boss.expects_text(|text| text.contains("500")).await;
    boss.taps(&confirm, "Confirm").await;
    boss.expects_edit(&confirm, |seen| seen.text().contains("530")).await;
    anna.expects_text(|text| text.contains("500") && text.contains("gift")).await;
    assert_eq!(stage.balance(&anna), 53_000);
    // A second press changes nothing.
    let tap = boss.taps(&confirm, "Confirm").await;
    boss.expects_answer(&tap).await;
    assert_eq!(stage.balance(&anna), 53_000);
    boss.sends(&format!("/level {} subscriber", anna.id)).await;
    anna.expects_text(|text| text.contains("подписчик")).await;
    for (command, part) in [("/stats", "Today"), ("/queue", "empty"), ("/providers", "this server")] {
        boss.sends(command).await;
        boss.expects_text(|text| text.contains(part)).await;
    }
    boss.sends("/pause").await;
    boss.expects_text(|text| text.contains("/resume")).await;
    anna.sends("кот").await;
    anna.expects_text(|text| text.contains("Ничего не списано")).await;
    boss.sends("/resume").await;
    boss.expects_text(|text| text.contains("again")).await;
    anna.sends("собака").await;
    anna.expects_photo().await;
    boss.sends("/broadcast Завтра <b>профилактика</b> & отдых").await;
    boss.expects_text(|text| text.contains("профилактика")).await;
    let confirm = boss.expects_text(|text| text.contains("2")).await;
    boss.taps(&confirm, "📣 Send").await;
    let news = anna.expects_text(|text| text.contains("Завтра")).await;
    assert_eq!(news.text(), "Завтра <b>профилактика</b> & отдых");
    boss.expects("the summary", |seen| seen.text().contains("Done")).await;
    stage.ends_well().await;
}
