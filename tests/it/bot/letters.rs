//! Words put on a picture.

use super::stage::{Stage, picture, sides};

#[tokio::test(flavor = "multi_thread")]
async fn two_lines_with_an_emoji_go_on_a_picture() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends("📝 Добавить текст").await;
    anna.expects_text(|text| text.contains("Пришлите картинку")).await;
    anna.sends_photo(picture(512, 384), "").await;
    anna.expects_text(|text| text.contains("сам текст")).await;
    anna.sends("С днём рождения,\nАнна! 🎉🎂").await;
    let style = anna.expects_text(|text| text.contains("Как оформить")).await;
    assert!(style.buttons().concat().contains(&"Как обычно"), "{:?}", style.buttons());
    anna.sends("крупный белый текст в центре, на чёрной плашке").await;
    let lettered = anna.expects_photo().await;
    assert_eq!(sides(lettered.bytes()), (512, 384));
    let shown = image::load_from_memory(lettered.bytes()).unwrap().to_rgb8();
    let count = |is: &dyn Fn([u8; 3]) -> bool| shown.pixels().filter(|pixel| is(pixel.0)).count();
    assert!(count(&|[r, g, b]| r > 235 && g > 235 && b > 235) > 300, "white letters");
    assert!(count(&|[r, g, b]| r < 25 && g < 25 && b < 25) > 3000, "a black plate");
    assert!(count(&|[r, g, b]| r > 180 && g < 110 && b < 110) > 20, "a coloured emoji");
    // The picture's own words, as they usually look.
    anna.taps(&lettered, "📝 Добавить текст").await;
    anna.expects_text(|text| text.contains("сам текст")).await;
    anna.sends("внизу").await;
    anna.expects_text(|text| text.contains("Как оформить")).await;
    anna.sends("/skip").await;
    let again = anna.expects_photo().await;
    assert_ne!(again.bytes(), lettered.bytes());
    stage.ends_well().await;
}
