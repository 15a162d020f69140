//! Pictures that people send: larger, changed, several at once.

use super::stage::{Stage, picture, sides};
use crate::fakes::Fake;
use crate::telegram::{Attachment, Kind};

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_without_words_opens_the_menu_and_is_made_larger() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends_photo(picture(96, 64), "").await;
    let menu = anna.expects_text(|text| text.contains("Что сделать")).await;
    anna.taps(&menu, "⬆️ Улучшить ×2").await;
    let larger = anna.expects_photo().await;
    assert_eq!(sides(larger.bytes()), (192, 128));
    // As a file, four times, from the button of the mode.
    anna.sends("⬆️ Улучшить").await;
    anna.expects_text(|text| text.contains("в 2 или в 4 раза")).await;
    anna.sends_file(Attachment::new(Kind::Document, picture(50, 30)).named("a.png")).await;
    let how = anna.expects_text(|text| text.contains("Во сколько раз")).await;
    anna.taps(&how, "×4").await;
    let larger = anna.expects_photo().await;
    assert_eq!(sides(larger.bytes()), (200, 120));
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_was_made_is_made_larger_and_changed() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=unlimited")]).await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("красное яблоко").await;
    let photo = anna.expects_photo().await;
    anna.taps(&photo, "⬆️ Улучшить ×2").await;
    let larger = anna.expects_photo().await;
    assert_eq!(sides(larger.bytes()), (256, 256));
    anna.taps(&photo, "✏️ Изменить").await;
    anna.expects_text(|text| text.contains("что изменить")).await;
    anna.sends("зелёное яблоко").await;
    let changed = anna.expects_photo().await;
    assert!(changed.text().contains("зелёное яблоко"), "{}", changed.text());
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_with_words_is_one_change_of_all_its_pictures() {
    let openai = Fake::openai();
    let stage = Stage::with(&[
        ("OPENAI_API_KEY", "sk-test-0001"),
        ("OPENAI_BASE_URL", openai.base_url()),
        ("SAMOVAR_ROUTE_IMAGE_EDIT", "openai"),
    ])
    .await;
    let anna = stage.telegram.user("Анна", "ru");
    let album = (0..4).map(|n| {
        let photo = Attachment::photo(picture(64 + n, 64));
        if n == 1 { photo.captioned("собери в одну сцену") } else { photo }
    });
    anna.sends("✏️ Изменить").await;
    anna.expects_text(|text| text.contains("от 1 до 4 фото")).await;
    anna.sends_album(album.collect()).await;
    let photo = anna.expects_photo().await;
    assert!(photo.text().contains("собери в одну сцену"), "{}", photo.text());
    assert!(photo.text().contains("OpenAI"), "{}", photo.text());
    let edits: Vec<_> = openai.asked().into_iter().filter(|asked| asked.path.ends_with("/images/edits")).collect();
    assert_eq!(edits.len(), 1, "one change");
    assert_eq!(edits[0].parts.iter().filter(|part| part.name.starts_with("image")).count(), 4, "all four pictures");
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_over_the_limit_is_refused_before_it_is_fetched() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends_file(Attachment::new(Kind::Document, picture(64, 64)).named("a.png").said_to_weigh(21 << 20)).await;
    let answer = anna.expects_text(|text| text.contains("20 МБ")).await;
    assert!(answer.text().contains("Ничего не списано"), "{}", answer.text());
    assert!(stage.telegram.calls("getFile").is_empty());
    stage.ends_well().await;
}
