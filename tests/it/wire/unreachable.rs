//! Chats that cannot be reached any more, and chats that have moved.

use super::*;

#[tokio::test]
async fn whoever_blocked_the_bot_gets_nothing_and_pays_nothing() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let mut tx = rig.db().begin().await.unwrap();
        let sql = "INSERT INTO telegram_people (id, lang, name, tastes, first_at, seen_at) VALUES ($1, 'ru', 'a', '{}', 0, 0)";
        tx.execute(sql, values![anna.id]).await.unwrap();
        tx.commit().await.unwrap();
        anna.blocks().await;
        let (first, second) = (JobId::fresh(), JobId::fresh());
        rig.put(&[result(&anna, "first", first), result(&anna, "second", second), text(&anna, "answer")]).await;
        rig.start();
        let told = rig.books.told(2).await;
        let of = |told: &Told| match told {
            Told::Unreachable(job, reason) => (*job, reason.contains("blocked")),
            other => panic!("{other:?}"),
        };
        assert_eq!(told.iter().map(of).collect::<Vec<_>>(), [(first, true), (second, true)]);
        rig.settles("text:answer", "dropped").await;
        let sql = "SELECT blocked_at FROM telegram_people WHERE id = $1";
        let row = rig.db().row(sql, values![anna.id]).await.unwrap().unwrap();
        assert!(row.get::<Option<i64>>("blocked_at").unwrap().is_some());
        assert_eq!(rig.texts(anna.chat), ["first", "second"], "tried once each");
        anna.unblocks().await;
        rig.put(&[text(&anna, "again")]).await;
        anna.expects_text(|text| text == "again").await;
    })
    .await;
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_gets_everything_there() {
    on_every_rig(async |mut rig| {
        let anna = rig.friend("Анна").await;
        let group = rig.api.group("Группа");
        let anna = anna.within(&group);
        group.takes_bot(&anna).await;
        let mut tx = rig.db().begin().await.unwrap();
        for (person, chat, state) in [(anna.id, group.chat, "old"), (7, group.chat, "kept")] {
            let sql =
                "INSERT INTO telegram_sessions (chat, person, topic, state, changed_at) VALUES ($1, $2, 0, $3, 0)";
            tx.execute(sql, values![chat, person, state]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let supergroup = group.becomes_supergroup().await;
        let there = anna.within(&supergroup);
        let job = JobId::fresh();
        rig.put(&[result(&anna, "result", job), text(&anna, "answer")]).await;
        rig.start();
        there.expects_text(|text| text == "result").await;
        there.expects_text(|text| text == "answer").await;
        let told = rig.books.told(1).await;
        assert!(matches!(&told[..], [Told::Arrived(_, at)] if at.contains(&supergroup.chat.to_string())), "{told:?}");
        let rows = rig.db().rows("SELECT chat FROM telegram_sessions", &[]).await.unwrap();
        let chats: Vec<i64> = rows.iter().map(|row| row.get("chat").unwrap()).collect();
        assert_eq!(chats, [supergroup.chat; 2]);
    })
    .await;
}
