//! Voice messages become text, by whoever serves that.

use super::stage::Stage;
use crate::fakes::{Fake, ogg};
use crate::telegram::{Attachment, Kind};

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_message_becomes_text() {
    let openai = Fake::openai();
    let stage = Stage::with(&[
        ("OPENAI_API_KEY", "sk-test-0001"),
        ("OPENAI_BASE_URL", openai.base_url()),
        ("SAMOVAR_ROUTE_SPEECH_TRANSCRIBE", "openai"),
    ])
    .await;
    let anna = stage.telegram.user("Анна", "ru");
    anna.sends_file(Attachment::new(Kind::Voice, ogg(3))).await;
    let text = anna.expects_text(|text| text.contains("🎙")).await;
    assert!(text.text().len() > 10, "{}", text.text());
    stage.ends_well().await;
}
