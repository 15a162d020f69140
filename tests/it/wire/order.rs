//! What goes first, what takes the place of what, and what waits for what.

use super::*;
use crate::telegram::{Fault, Trouble};

#[tokio::test]
async fn a_chat_gets_its_messages_by_urgency_and_in_order() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.put(&[
            urgent(Urgency::Status, text(&anna, "status 1")),
            text(&anna, "answer 1"),
            text(&anna, "answer 2"),
            urgent(Urgency::Result, text(&anna, "result 1")),
            urgent(Urgency::Status, text(&anna, "status 2")),
            urgent(Urgency::Result, text(&anna, "result 2")),
        ])
        .await;
        rig.start();
        anna.expects_text(|text| text == "status 2").await;
        let expected = ["result 1", "result 2", "answer 1", "answer 2", "status 1", "status 2"];
        assert_eq!(rig.texts(anna.chat), expected);
        let quiet: Vec<bool> =
            rig.api.calls("sendMessage").iter().map(|call| call.params.contains_key("disable_notification")).collect();
        assert_eq!(quiet, [false, false, false, false, true, true], "news of jobs make no sound");
        assert!(rig.api.complaints().is_empty(), "{:?}", rig.api.complaints());
    })
    .await;
}

#[tokio::test]
async fn a_chat_that_hangs_holds_up_no_other() {
    on_every_rig(async |mut rig| {
        let (anna, boris) = (rig.friend("Анна").await, rig.friend("Борис").await);
        rig.api.trouble(Trouble::with("sendMessage", Fault::Hold).in_chat(anna.chat));
        rig.start();
        rig.put(&[text(&anna, "first"), text(&anna, "second"), text(&boris, "other")]).await;
        boris.expects_text(|text| text == "other").await;
        rig.settles("text:first", "sending").await;
        assert_eq!(rig.state("text:second").await.0, "waiting", "one after the other in a chat");
        rig.releasing(anna.expects_text(|text| text == "second")).await;
        assert_eq!(rig.texts(anna.chat), ["first", "second"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_put_in_twice_is_sent_once() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let other_words = Parcel { key: "text:once".into(), ..text(&anna, "other words") };
        rig.put(&[text(&anna, "once"), text(&anna, "once"), other_words.clone()]).await;
        rig.start();
        rig.settles("text:once", "sent").await;
        rig.put(&[text(&anna, "once"), other_words, text(&anna, "last")]).await;
        anna.expects_text(|text| text == "last").await;
        assert_eq!(rig.texts(anna.chat), ["once", "last"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_committed_is_not_sent() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.start();
        let mut tx = rig.db().begin().await.unwrap();
        rig.outbox.put(&mut tx, &text(&anna, "never")).await.unwrap();
        drop(tx);
        rig.put(&[text(&anna, "last")]).await;
        anna.expects_text(|text| text == "last").await;
        assert_eq!(rig.texts(anna.chat), ["last"]);
    })
    .await;
}

#[tokio::test]
async fn a_newer_edit_takes_the_place_of_one_that_waits_and_follows_one_that_was_made() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.put(&[named(&anna, "menu", "m"), edit(&anna, "m", "1"), edit(&anna, "m", "2"), edit(&anna, "m", "3")])
            .await;
        rig.start();
        let message = anna.expects_text(|text| text == "menu").await;
        anna.expects_edit(&message, |seen| seen.text() == "3").await;
        rig.settles("edit:m", "sent").await;
        rig.put(&[edit(&anna, "m", "4")]).await;
        anna.expects_edit(&message, |seen| seen.text() == "4").await;
        assert_eq!(rig.api.calls("editMessageText").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_edit_that_comes_while_another_is_on_its_way_follows_it() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.start();
        rig.put(&[named(&anna, "menu", "m")]).await;
        let message = anna.expects_text(|text| text == "menu").await;
        rig.api.trouble(Trouble::with("editMessageText", Fault::Mute));
        rig.put(&[edit(&anna, "m", "1")]).await;
        anna.expects_edit(&message, |seen| seen.text() == "1").await;
        rig.put(&[edit(&anna, "m", "2")]).await;
        assert_eq!(rig.state("edit:m").await.0, "waiting");
        rig.releasing(anna.expects_edit(&message, |seen| seen.text() == "2")).await;
        rig.settles("edit:m", "sent").await;
    })
    .await;
}

#[tokio::test]
async fn changes_wait_for_their_message_and_its_end_makes_them_void() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        // The change is more urgent than the message, and still comes after it.
        let late = urgent(Urgency::Status, named(&anna, "status", "s"));
        rig.put(&[late, urgent(Urgency::Result, edit(&anna, "s", "changed"))]).await;
        rig.start();
        let message = anna.expects_text(|text| text == "status").await;
        anna.expects_edit(&message, |seen| seen.text() == "changed").await;
        rig.settles("edit:s", "sent").await;
        rig.stop().await;
        rig.put(&[edit(&anna, "s", "void"), delete(&anna, "s")]).await;
        assert_eq!(rig.state("edit:s").await.0, "dropped");
        rig.start();
        anna.expects_gone(&message).await;
        rig.settles("delete:s", "sent").await;
        rig.put(&[edit(&anna, "s", "too late"), text(&anna, "last")]).await;
        anna.expects_text(|text| text == "last").await;
        rig.settles("edit:s", "dropped").await;
        assert_eq!(rig.api.calls("editMessageText").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_deleted_before_it_was_sent_is_never_sent() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.put(&[named(&anna, "status", "s"), edit(&anna, "s", "1"), delete(&anna, "s"), text(&anna, "last")]).await;
        rig.start();
        anna.expects_text(|text| text == "last").await;
        rig.settles("delete:s", "dropped").await;
        assert_eq!(rig.texts(anna.chat), ["last"]);
        assert_eq!(rig.state("text:status").await.0, "dropped");
        assert!(rig.api.calls("deleteMessage").is_empty() && rig.api.calls("editMessageText").is_empty());
    })
    .await;
}

#[tokio::test]
async fn many_chats_are_served() {
    on_every_rig(async |mut rig| {
        let mut people = Vec::new();
        for name in 0..100 {
            people.push(rig.friend(&format!("Nr. {name}")).await);
        }
        let parcels: Vec<Parcel> = people
            .iter()
            .flat_map(|person| {
                (0..3).map(|n| Parcel { key: format!("{}:{n}", person.id), ..text(person, &n.to_string()) })
            })
            .collect();
        rig.put(&parcels).await;
        rig.start();
        for person in &people {
            person.expects_text(|text| text == "2").await;
            assert_eq!(rig.texts(person.chat), ["0", "1", "2"]);
        }
        rig.stop().await;
        assert_eq!(rig.outbox.length().await.unwrap(), 0);
    })
    .await;
}
