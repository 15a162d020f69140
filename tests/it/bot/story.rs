//! One conversation from the first word on, written down as a page for the documents when asked to.

use super::stage::{Stage, picture};

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_from_the_first_word_on() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("/start").await;
    anna.expects_text(|text| text.contains("Привет")).await;
    anna.sends("красное яблоко").await;
    let photo = anna.expects_photo().await;
    anna.taps(&photo, "⬆️ Улучшить ×2").await;
    anna.expects_photo().await;
    anna.taps(&photo, "📝 Добавить текст").await;
    anna.expects_text(|text| text.contains("сам текст")).await;
    anna.sends("Яблочный спас 🍎\n19 августа").await;
    anna.expects_text(|text| text.contains("Как оформить")).await;
    anna.sends("белый текст снизу на красной плашке").await;
    anna.expects_photo().await;
    anna.sends("Изображение ракета | seed=7 | size=огромный").await;
    anna.expects_text(|text| text.contains("Не понял")).await;
    anna.sends("Изображение ракета | seed=7").await;
    anna.expects_photo().await;
    anna.sends_photo(picture(96, 96), "").await;
    anna.expects_text(|text| text.contains("Что сделать")).await;
    anna.sends("/balance").await;
    anna.expects_text(|text| text.contains("Баланс")).await;
    if let Some(folder) = option_env!("SAMOVAR_WRITE_STORY") {
        std::fs::write(folder, stage.telegram.transcript_html(anna.chat)).unwrap();
    }
    stage.ends_well().await;
}
