//! Buttons that are out of date, of nobody, or pressed in the wrong moment.

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_button_of_another_time_says_so() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("/menu").await;
    let menu = anna.expects_text(|text| text.contains("выберите")).await;
    for data in ["0|m||", "1|zz||", "1|ag|zzzz|", "nonsense", "1|x|1|"] {
        let tap = anna.taps_data(&menu, data).await;
        let answer = anna.expects_answer(&tap).await;
        assert!(answer.text.contains("/menu"), "{data}: {answer:?}");
    }
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_remembered() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("/settings").await;
    let settings = anna.expects_text(|text| text.contains("Настройки")).await;
    anna.taps(&settings, "English").await;
    let english = anna.expects_edit(&settings, |seen| seen.text().contains("Settings")).await;
    assert!(!english.buttons().is_empty());
    anna.sends("/menu").await;
    let menu = anna.expects_text(|text| text.contains("Describe a picture") || text.contains("pick an action")).await;
    assert!(menu.buttons().concat().contains(&"🎨 Create"), "{:?}", menu.buttons());
    stage.ends_well().await;
}
