//! Programs that die or lose the connection at every moment: nothing comes twice, nothing is lost.

use super::*;
use crate::telegram::{Fault, Outcome, Trouble};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn what_waits_when_the_program_dies_is_sent_by_the_next_one() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.put(&[text(&anna, "before")]).await;
        rig.start();
        anna.expects_text(|text| text == "before").await;
        rig.settles("text:before", "sent").await;
        rig.kill().await;
        rig.put(&[text(&anna, "meanwhile")]).await;
        rig.start();
        anna.expects_text(|text| text == "meanwhile").await;
        rig.settles("text:meanwhile", "sent").await;
        assert_eq!(rig.texts(anna.chat), ["before", "meanwhile"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_may_have_arrived_is_asked_about_and_sent_again_on_demand() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let job = JobId::fresh();
        rig.api.trouble(Trouble::with("sendMessage", Fault::Mute));
        rig.start();
        rig.put(&[result(&anna, "the result", job), text(&anna, "next")]).await;
        // It has arrived, and the program dies before it hears so.
        anna.expects_text(|text| text == "the result").await;
        assert_eq!(rig.state("text:the result").await.0, "sending");
        rig.kill().await;
        rig.start();
        anna.expects_text(|text| text == "next").await;
        let lost = rig.books.lost().await;
        assert_eq!((lost.place, lost.was_result, lost.job), (place(&anna), true, Some(job)));
        let question = format!("Did {} arrive?", lost.parcel);
        anna.expects_text(|text| text == question).await;
        assert_eq!(rig.state("text:the result").await.0, "unsure");
        assert_eq!(rig.texts(anna.chat).iter().filter(|text| *text == "the result").count(), 1);

        let resend = async |chat| {
            let mut tx = rig.db().begin().await.unwrap();
            let again = rig.outbox.resend(&mut tx, lost.parcel, chat).await.unwrap();
            tx.commit().await.unwrap();
            again
        };
        assert!(!resend(anna.chat + 1).await, "another chat's");
        assert!(resend(anna.chat).await);
        assert!(!resend(anna.chat).await, "a second press finds nothing to do");
        anna.expects_text(|text| text == "the result").await;
        let told = rig.books.told(2).await;
        assert!(matches!(&told[1], Told::Arrived(who, _) if *who == job), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_lost_twice_is_asked_about_twice() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.api.trouble(Trouble::with("sendMessage", Fault::DropAfter));
        rig.start();
        rig.put(&[text(&anna, "lost")]).await;
        let lost = rig.books.lost().await;
        anna.expects_text(|text| text.starts_with("Did ")).await;
        rig.api.trouble(Trouble::with("sendMessage", Fault::DropAfter));
        let mut tx = rig.db().begin().await.unwrap();
        assert!(rig.outbox.resend(&mut tx, lost.parcel, anna.chat).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(rig.books.told(2).await.len(), 2);
        anna.expects_text(|text| text.starts_with("Did ")).await;
    })
    .await;
}

#[tokio::test]
async fn changes_on_their_way_are_made_again() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.start();
        rig.put(&[named(&anna, "menu", "m")]).await;
        let message = anna.expects_text(|text| text == "menu").await;
        rig.settles("text:menu", "sent").await;
        rig.api.trouble(Trouble::with("editMessageText", Fault::Hang));
        rig.put(&[edit(&anna, "m", "1")]).await;
        rig.settles("edit:m", "sending").await;
        rig.kill().await;
        rig.start();
        anna.expects_edit(&message, |seen| seen.text() == "1").await;
        rig.settles("edit:m", "sent").await;
        rig.api.trouble(Trouble::with("deleteMessage", Fault::Mute));
        rig.put(&[delete(&anna, "m")]).await;
        anna.expects_gone(&message).await;
        rig.kill().await;
        rig.start();
        // It is gone already, which is what was wanted.
        rig.settles("delete:m", "sent").await;
        assert!(rig.books.told.borrow().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_program_waits_for_the_call_on_its_way() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let job = JobId::fresh();
        rig.api.trouble(Trouble::with("sendMessage", Fault::Hold));
        rig.start();
        rig.put(&[result(&anna, "the last", job), text(&anna, "too late")]).await;
        rig.settles("text:the last", "sending").await;
        let Running { stop, task } = rig.running.take().unwrap();
        stop.cancel();
        rig.releasing(task).await.unwrap();
        assert_eq!(rig.state("text:the last").await.0, "sent");
        assert_eq!(rig.state("text:too late").await.0, "waiting");
        assert!(matches!(&rig.books.told(1).await[..], [Told::Arrived(who, _)] if *who == job));
    })
    .await;
}

#[tokio::test]
async fn what_was_cut_off_may_have_arrived() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        for (fault, outcome) in [(Fault::DropAfter, Outcome::Unheard), (Fault::DropBefore, Outcome::Lost)] {
            let key = format!("text:{fault:?}");
            rig.api.trouble(Trouble::with("sendMessage", fault.clone()).in_chat(anna.chat));
            if rig.running.is_none() {
                rig.start();
            }
            rig.put(&[text(&anna, &format!("{fault:?}"))]).await;
            rig.settles(&key, "unsure").await;
            anna.expects_text(|text| text.starts_with("Did ")).await;
            let calls = rig.api.calls("sendMessage");
            let ours: Vec<_> = calls.iter().filter(|call| call.param("text") == format!("{fault:?}")).collect();
            assert!(ours.len() == 1 && ours[0].outcome == outcome, "{ours:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_answered_in_time_may_have_arrived() {
    let patience = Patience { control: Duration::from_secs(2), upload: Duration::from_secs(2), ..Patience::default() };
    on_every_rig_with(free(), patience, async |mut rig| {
        let anna = rig.friend("Анна").await;
        let picture = rig.store(noise(40, 40)).await;
        rig.api.trouble(Trouble::with("sendPhoto", Fault::Hang));
        rig.start();
        let body = Body::Photo { asset: picture, caption: "slow".into() };
        rig.put(&[send(&anna, "slow", body)]).await;
        rig.settles("slow", "unsure").await;
        assert_eq!(rig.state("slow").await.1.as_deref(), Some("no answer in time"));
        anna.expects_text(|text| text.starts_with("Did ")).await;
        assert_eq!(rig.api.calls("sendPhoto").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_breaks_down_over_a_message_may_have_sent_it() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        rig.api.trouble(Trouble::with("sendMessage", Fault::Gateway));
        rig.start();
        rig.put(&[text(&anna, "?")]).await;
        rig.settles("text:?", "unsure").await;
        anna.expects_text(|text| text.starts_with("Did ")).await;
    })
    .await;
}

/// Whatever comes to this address goes on to that one.
async fn bridge(from: &str, to: String) {
    let listener = TcpListener::bind(from).await.unwrap();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let to = to.clone();
        tokio::spawn(async move {
            if let Ok(mut far) = TcpStream::connect(to).await {
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

#[tokio::test]
async fn what_was_surely_not_heard_is_sent_until_it_is() {
    on_every_database(async |database| {
        let api = FakeTelegram::start().await;
        // An address at which nobody listens yet.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        let settings = settings(&format!("http://{address}"), api.token(), Patience::default());
        let mut rig = Rig::open(api, database, settings, free()).await;
        let anna = rig.friend("Анна").await;
        let job = JobId::fresh();
        rig.put(&[result(&anna, "the result", job), text(&anna, "next")]).await;
        rig.start();
        let tried = async {
            let sql = "SELECT attempts FROM telegram_outbox WHERE key = 'text:the result' AND attempts >= 2";
            while rig.db().row(sql, &[]).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tried.await;
        assert_eq!(rig.state("text:next").await.0, "waiting");
        let far = rig.api.url().strip_prefix("http://").unwrap().to_owned();
        let bridge = tokio::spawn(async move { bridge(&address, far).await });
        anna.expects_text(|text| text == "next").await;
        assert_eq!(rig.texts(anna.chat), ["the result", "next"]);
        assert!(matches!(&rig.books.told(1).await[..], [Told::Arrived(who, _)] if *who == job));
        bridge.abort();
    })
    .await;
}

#[tokio::test]
async fn what_came_of_a_result_is_told_until_it_is_heard() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let job = JobId::fresh();
        *rig.books.deaf.lock().unwrap() = 1;
        rig.start();
        rig.put(&[result(&anna, "the result", job)]).await;
        let message = anna.expects_text(|text| text == "the result").await;
        rig.settles("text:the result", "sent").await;
        rig.put(&[text(&anna, "next")]).await;
        let receipt = format!("telegram:{}/{}", anna.chat, message.id());
        assert_eq!(rig.books.told(1).await, [Told::Arrived(job, receipt.clone())]);
        rig.stop().await;
        // A program that died before it told has its successor tell.
        let mut tx = rig.db().begin().await.unwrap();
        tx.execute("UPDATE telegram_outbox SET untold = 1 WHERE key = 'text:the result'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        rig.start();
        assert_eq!(rig.books.told(2).await[1], Told::Arrived(job, receipt));
    })
    .await;
}
