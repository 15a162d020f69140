//! Groups: who is heard, who is answered, who pays.

use super::stage::Stage;
use crate::telegram::Standing;

#[tokio::test(flavor = "multi_thread")]
async fn a_group_calls_the_bot_by_command_answer_mention_and_word() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=unlimited")]).await;
    let (anna, boris) = (stage.telegram.user("Анна", "ru"), stage.telegram.user("Борис", "ru"));
    let group = stage.telegram.supergroup("Рисовальщики");
    group.takes_bot(&anna).await;
    let (boss, anna, boris) = (&anna, anna.within(&group), boris.within(&group));
    let hello = anna.expects_text(|text| text.contains("/image")).await;
    group.makes_bot(boss, Standing::Administrator).await;
    let name = stage.telegram.bot_name();
    let asked = boris.sends(&format!("/image@{name} рыжий кот")).await;
    let photo = boris.expects_photo().await;
    assert_eq!(photo.reply_to(), Some(asked.id()));
    assert!(photo.buttons().concat().contains(&"📄 PNG"), "{:?}", photo.buttons());
    boris.sends(&format!("@{name} собака")).await;
    boris.expects_photo().await;
    boris.replies(&hello, "дерево").await;
    boris.expects_photo().await;
    boris.sends("нарисуй красное яблоко").await;
    boris.expects_photo().await;
    // Neither talk nor words that only begin alike.
    for talk in ["какая красивая собака", "нарисуйка это", "покажись", "/image@other_bot кот"]
    {
        boris.sends(talk).await;
    }
    boris.sends("/status").await;
    boris.expects_text(|text| text.contains("нет заданий")).await;
    assert_eq!(stage.telegram.calls("sendPhoto").len(), 4);
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hides_behind_a_group_is_asked_to_write_as_themselves() {
    let stage = Stage::start().await;
    let anna = stage.telegram.user("Анна", "ru");
    let (group, news) = (stage.telegram.supergroup("Рисовальщики"), stage.telegram.channel("Новости"));
    group.takes_bot(&anna).await;
    group.makes_bot(&anna, Standing::Administrator).await;
    let anna = anna.within(&group);
    anna.expects_text(|text| text.contains("/image")).await;
    let name = stage.telegram.bot_name();
    for called in [format!("/image@{name} рыжий кот"), "нарисуй кота".to_owned()] {
        let asked = group.hidden_admin_sends(&called).await;
        let answer = anna.expects_text(|text| text.contains("от своего имени")).await;
        assert_eq!(answer.reply_to(), Some(asked.id()));
    }
    // Talk, and what a channel passes on to its group.
    group.hidden_admin_sends("какая красивая собака").await;
    group.passes_on(&news, "нарисуй кота").await;
    anna.sends("/status").await;
    anna.expects_text(|text| text.contains("нет заданий")).await;
    assert_eq!(stage.telegram.calls("sendMessage").len(), 4);
    assert!(stage.telegram.calls("sendPhoto").is_empty());
    stage.ends_well().await;
}
