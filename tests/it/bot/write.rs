//! A short wish becomes a long prompt, and the prompt a picture.

use super::stage::Stage;
use crate::fakes::Fake;

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_becomes_a_prompt_and_the_prompt_a_picture() {
    let openai = Fake::openai();
    let written = "A red apple lies on a wooden table in the light of a window. ".repeat(18);
    openai.write(&written);
    let stage = Stage::with(&[
        ("OPENAI_API_KEY", "sk-test-0001"),
        ("OPENAI_BASE_URL", openai.base_url()),
        ("SAMOVAR_ROUTE_IMAGE_GENERATE", "local:demo"),
        ("SAMOVAR_LIMITS", "user=unlimited"),
    ])
    .await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("✍️ Написать").await;
    anna.expects("what it needs", |seen| !seen.text().is_empty()).await;
    anna.sends("яблоко у окна").await;
    let prompt = anna.expects_text(|text| text.contains("Готовый промпт")).await;
    assert!(prompt.text().contains(written.trim()), "{}", prompt.text());
    anna.taps(&prompt, "✅ Создать так").await;
    let photo = anna.expects_photo().await;
    assert!(photo.text().contains("A red apple"), "{}", photo.text());
    // Another one of the same wish is asked for anew.
    anna.taps(&prompt, "🔁 Другой вариант").await;
    anna.expects_text(|text| text.contains("Готовый промпт")).await;
    assert_eq!(openai.submits(), 2);
    stage.ends_well().await;
}
