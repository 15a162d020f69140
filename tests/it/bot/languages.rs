//! Every mode in Russian and in English.

use super::stage::{Stage, picture};

/// Buttons and parts of the answers, in one language.
struct Words {
    code: &'static str,
    create: &'static str,
    change: &'static str,
    letter: &'static str,
    upscale: &'static str,
    usual: &'static str,
    describe: &'static str,
}

const RUSSIAN: Words = Words {
    code: "ru",
    create: "🎨 Создать",
    change: "✏️ Изменить",
    letter: "📝 Добавить текст",
    upscale: "⬆️ Улучшить",
    usual: "Как обычно",
    describe: "красное яблоко",
};
const ENGLISH: Words = Words {
    code: "en",
    create: "🎨 Create",
    change: "✏️ Change",
    letter: "📝 Add text",
    upscale: "⬆️ Upscale",
    usual: "As usual",
    describe: "a red apple",
};

async fn every_mode(words: &Words) {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=unlimited")]).await;
    let anna = stage.telegram.user("Anna", words.code);
    anna.sends("/menu").await;
    let menu = anna.expects("the menu", |seen| seen.buttons().concat().contains(&words.create)).await;
    anna.taps(&menu, words.create).await;
    anna.sends(words.describe).await;
    anna.expects_photo().await;
    for mode in [words.change, words.letter, words.upscale] {
        anna.reads_all();
        anna.sends(mode).await;
        anna.expects("what it needs", |seen| !seen.text().is_empty()).await;
        anna.sends_photo(picture(128, 128), "").await;
        let next = anna.expects("what it needs next", |seen| !seen.text().is_empty()).await;
        if mode == words.upscale {
            anna.taps(&next, "×2").await;
        } else {
            anna.sends(words.describe).await;
        }
        if mode == words.letter {
            let style = anna.expects("how it is to look", |seen| seen.buttons().concat().contains(&words.usual)).await;
            anna.taps(&style, words.usual).await;
        }
        anna.expects_photo().await;
    }
    let foreign = if words.code == "en" { 'а'..='я' } else { '\u{1}'..='\u{1}' };
    // The bot's own name is Russian.
    let story = stage.telegram.transcript(anna.chat).replace("Самовар", "");
    let russian = story.chars().filter(|c| foreign.contains(c)).count();
    assert!(russian == 0, "Russian letters for an English reader:\n{story}");
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_in_russian() {
    every_mode(&RUSSIAN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_in_english() {
    every_mode(&ENGLISH).await;
}
