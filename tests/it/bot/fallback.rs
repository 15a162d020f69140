//! What this machine cannot do somebody else does, and the caption says so; and nobody, honestly.

use super::stage::Stage;
use crate::fakes::Fake;

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_picture_says_who_drew_it_and_why() {
    let openai = Fake::openai();
    let stage = Stage::with(&[
        ("OPENAI_API_KEY", "sk-test-0001"),
        ("OPENAI_BASE_URL", openai.base_url()),
        ("SAMOVAR_ROUTE_IMAGE_GENERATE", "local:sdxl-turbo,openai"),
    ])
    .await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("маяк в шторм").await;
    let photo = anna.expects_photo().await;
    assert!(photo.text().contains("OpenAI"), "{}", photo.text());
    assert!(photo.text().contains("на нашем сервере нет этой модели"), "{}", photo.text());
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_can_it_says_so_and_charges_nothing() {
    let stage = Stage::with(&[("SAMOVAR_ROUTE_IMAGE_GENERATE", "local:sdxl-turbo")]).await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("маяк в шторм").await;
    let sorry = anna.expects_text(|text| text.contains("Ничего не списано")).await;
    assert!(!sorry.text().contains("sdxl-turbo:") && !sorry.text().contains("weights"), "{}", sorry.text());
    anna.sends("/menu").await;
    let menu = anna.expects_text(|text| text.contains("выберите")).await;
    assert!(menu.text().contains("3"), "{}", menu.text());
    stage.ends_well().await;
}
