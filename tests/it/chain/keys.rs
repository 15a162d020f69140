//! How keys stand, on SQLite and on PostgreSQL: what several servers know and a restart does not forget.

use crate::support::database::{Database, on_every_database};
use futures::future::join_all;
use samovar::chain::keys::{KeyPools, NoKey, Supply, Taken, Verdict};
use samovar::db::Db;
use samovar::media::providers::KeyView;
use samovar::providers::Key;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600_000;

fn supply(keys: &[&str]) -> Vec<Supply> {
    let key = |tail: &&str| Key::new("fal", format!("fal-secret-{tail}").into(), BTreeMap::new());
    let keys = keys.iter().map(key).collect();
    vec![Supply { provider: "fal".to_owned(), keyed: true, concurrency: 1, keys }]
}

/// The pools as a server would open them.
async fn open(db: Db, keys: &[&str]) -> KeyPools {
    KeyPools::open(Some(db), supply(keys), None).await.unwrap()
}

async fn take(pools: &KeyPools) -> Result<Taken, NoKey> {
    pools.take("fal", &CancellationToken::new()).await
}

async fn next(pools: &KeyPools) -> String {
    take(pools).await.unwrap().key.tail()
}

async fn report(pools: &KeyPools, verdict: Verdict) {
    let taken = take(pools).await.unwrap();
    pools.report(&taken.key, verdict).await;
}

fn view_of(pools: &KeyPools, tail: &str) -> KeyView {
    pools.view().into_iter().find(|view| view.tail == tail).unwrap()
}

/// Runs the follower for as long as `work` takes.
async fn following<T>(pools: &KeyPools, work: impl Future<Output = T>) -> T {
    let stop = CancellationToken::new();
    let (follower, token) = (pools.clone(), stop.clone());
    let follower = tokio::spawn(async move { follower.follow(token).await });
    let done = work.await;
    stop.cancel();
    follower.await.unwrap();
    done
}

#[tokio::test]
async fn keys_are_used_in_turn_also_after_a_restart() {
    on_every_database(async |database| {
        let keys = ["aaaa", "bbbb", "cccc"];
        let first = open(database.again().await, &keys).await;
        let mut order = Vec::new();
        for _ in 0..5 {
            order.push(next(&first).await);
            database.clock.jump(1000);
        }
        assert_eq!(order, ["aaaa", "bbbb", "cccc", "aaaa", "bbbb"]);
        following(&first, async {}).await;
        let second = open(database.again().await, &keys).await;
        assert_eq!((next(&second).await, next(&second).await), ("cccc".into(), "aaaa".into()));
    })
    .await;
}

#[tokio::test]
async fn a_rest_is_kept_by_every_server_and_survives_a_restart() {
    on_every_database(async |database| {
        let keys = ["aaaa"];
        let (here, there) = (open(database.again().await, &keys).await, open(database.again().await, &keys).await);
        report(&here, Verdict::Rate { after: Some(Duration::from_secs(60)) }).await;
        there.reload().await;
        let restarted = open(database.again().await, &keys).await;
        for pools in [&here, &there, &restarted] {
            let Err(NoKey::Resting { after }) = take(pools).await else { panic!("it rests") };
            assert!(after <= Duration::from_secs(60) && after > Duration::from_secs(20), "{after:?}");
            assert_eq!(view_of(pools, "aaaa").class.as_deref(), Some("rate"));
        }
        database.clock.jump(61_000);
        for pools in [&here, &there] {
            pools.reload().await;
            assert_eq!(next(pools).await, "aaaa");
        }
        assert_eq!(next(&open(database.again().await, &keys).await).await, "aaaa");
    })
    .await;
}

#[tokio::test]
async fn a_retired_key_is_tried_on_schedule_by_one_server_alone() {
    on_every_database(async |database| {
        let keys = ["aaaa"];
        let servers = join_all([0, 1, 2].map(|_| async { open(database.again().await, &keys).await })).await;
        report(&servers[0], Verdict::BadKey).await;
        for rest in [HOUR, 6 * HOUR, 24 * HOUR] {
            let near = open(database.again().await, &keys).await;
            assert_eq!(take(&near).await.err(), Some(NoKey::Retired));
            database.clock.jump(rest - 1000);
            near.reload().await;
            assert_eq!(take(&near).await.err(), Some(NoKey::Retired));
            database.clock.jump(1001);
            join_all(servers.iter().map(KeyPools::reload)).await;
            let tries: Vec<_> = join_all(servers.iter().map(take)).await;
            let (won, lost): (Vec<_>, Vec<_>) = tries.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 2));
            assert!(lost.into_iter().all(|lost| lost.err() == Some(NoKey::Retired)));
            let taken = won.into_iter().next().unwrap().unwrap();
            join_all(servers.iter().map(|server| server.report(&taken.key, Verdict::BadKey))).await;
        }
        database.clock.jump(24 * HOUR + 1000);
        join_all(servers.iter().map(KeyPools::reload)).await;
        report(&servers[2], Verdict::Works).await;
        join_all(servers.iter().map(KeyPools::reload)).await;
        for server in &servers {
            assert_eq!((next(server).await.as_str(), view_of(server, "aaaa").state.as_str()), ("aaaa", "ready"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_try_that_is_given_up_is_for_the_next_server() {
    on_every_database(async |database| {
        let (here, there) =
            (open(database.again().await, &["aaaa"]).await, open(database.again().await, &["aaaa"]).await);
        report(&here, Verdict::Payment).await;
        database.clock.jump(HOUR);
        join_all([here.reload(), there.reload()]).await;
        let trying = take(&here).await.unwrap();
        assert_eq!(take(&there).await.err(), Some(NoKey::Retired));
        drop(trying);
        // The follower writes what could not be written when the try was dropped.
        following(&here, async {}).await;
        there.reload().await;
        report(&there, Verdict::Works).await;
        here.reload().await;
        assert_eq!(next(&here).await, "aaaa");
    })
    .await;
}

#[tokio::test]
async fn a_server_hears_from_another_one_that_a_key_is_of_no_use() {
    on_every_database(async |database| {
        let keys = ["aaaa", "bbbb"];
        let (here, there) = (open(database.again().await, &keys).await, open(database.again().await, &keys).await);
        following(&there, async {
            let retired = async {
                while view_of(&there, "aaaa").state != "retired" {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let told = async { report(&here, Verdict::BadKey).await };
            let ((), heard) = tokio::join!(told, tokio::time::timeout(Duration::from_secs(60), retired));
            heard.unwrap();
            assert_eq!((next(&there).await, next(&there).await), ("bbbb".into(), "bbbb".into()));
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn while_the_database_is_of_no_use_memory_alone_counts() {
    on_every_database(async |database| {
        let Database { db, .. } = &database;
        let pools = open(database.again().await, &["aaaa", "bbbb"]).await;
        let mut tx = db.begin().await.unwrap();
        tx.execute("ALTER TABLE provider_keys RENAME TO elsewhere", &[]).await.unwrap();
        tx.commit().await.unwrap();
        report(&pools, Verdict::BadKey).await;
        report(&pools, Verdict::Rate { after: None }).await;
        assert!(matches!(take(&pools).await, Err(NoKey::Resting { .. })));
        let blind = open(database.again().await, &["aaaa"]).await;
        assert_eq!(next(&blind).await, "aaaa");

        let mut tx = db.begin().await.unwrap();
        tx.execute("ALTER TABLE elsewhere RENAME TO provider_keys", &[]).await.unwrap();
        tx.commit().await.unwrap();
        following(&pools, async {}).await;
        let restarted = open(database.again().await, &["aaaa", "bbbb"]).await;
        let stands = |tail| view_of(&restarted, tail).state;
        assert_eq!((stands("aaaa").as_str(), stands("bbbb").as_str()), ("retired", "resting"));
    })
    .await;
}

#[tokio::test]
async fn rows_hold_no_key_and_are_forgotten_in_time() {
    on_every_database(async |database| {
        let Database { db, clock, .. } = &database;
        let pools = open(database.again().await, &["aaaa"]).await;
        report(&pools, Verdict::Payment).await;
        let rows = db.rows("SELECT id, provider, tail, state, class FROM provider_keys", &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        let columns = ["id", "provider", "tail", "state", "class"];
        let [id, told @ ..] = columns.map(|column| rows[0].get::<String>(column).unwrap());
        assert_eq!(told, ["fal", "aaaa", "retired", "payment"]);
        assert!(id.len() == 16 && !id.contains("secret"), "{id}");
        clock.jump(91 * 24 * HOUR);
        open(database.again().await, &[]).await;
        assert!(db.rows("SELECT id FROM provider_keys", &[]).await.unwrap().is_empty());
    })
    .await;
}
