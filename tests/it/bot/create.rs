//! From words to a picture.

use super::stage::{Stage, sides};
use crate::telegram::Kind;

#[tokio::test(flavor = "multi_thread")]
async fn plain_words_become_a_photo() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("/start").await;
    let hello = anna.expects_text(|text| text.contains("Анна")).await;
    assert!(hello.text().contains('3'), "{}", hello.text());
    let asked = anna.sends("красное яблоко").await;
    anna.expects_action("upload_photo").await;
    let photo = anna.expects_photo().await;
    assert_eq!(photo.reply_to(), Some(asked.id()));
    assert_eq!(sides(photo.bytes()), (128, 128));
    let caption = photo.text();
    for part in ["красное яблоко", "128×128", "seed", "Бесплатно: 1 из 3 сегодня"] {
        assert!(caption.contains(part), "{part}: {caption}");
    }
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_leads_to_a_picture_in_the_chosen_format_as_a_file() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("/menu").await;
    let menu = anna.expects_text(|text| text.contains("выберите действие")).await;
    anna.taps(&menu, "🎨 Создать").await;
    let desk = anna.expects_edit(&menu, |seen| seen.text().contains("Опишите картинку")).await;
    let tap = anna.taps(&desk, "Портрет").await;
    anna.expects_answer(&tap).await;
    anna.expects_edit(&desk, |seen| seen.buttons().concat().contains(&"✓ Портрет")).await;
    anna.sends("ракета").await;
    let photo = anna.expects_photo().await;
    let (width, height) = sides(photo.bytes());
    assert!(height > width, "{width}×{height}");
    // The original, byte for byte.
    anna.taps(&photo, "📄 Файл PNG").await;
    let file = anna.expects_file(Kind::Document).await;
    assert!(file.bytes().starts_with(b"\x89PNG"), "not a PNG");
    assert_eq!(sides(file.bytes()), (width, height));
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_drawn_again_with_another_seed_and_varied() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=unlimited")]).await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("дерево").await;
    let first = anna.expects_photo().await;
    anna.taps(&first, "🔁 Ещё раз").await;
    let second = anna.expects_photo().await;
    assert_ne!(first.text(), second.text(), "the same seed");
    anna.taps(&second, "🎲 Вариации").await;
    anna.expects_album(4).await;
    let choice = anna.expects_text(|text| text.contains("Выберите вариант")).await;
    anna.taps(&choice, "3").await;
    let third = anna.expects_photo().await;
    assert!(third.text().contains("дерево"), "{}", third.text());
    stage.ends_well().await;
}
