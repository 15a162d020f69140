//! API keys: made, known only by their hash, revoked in a server that runs.

use super::*;
use samovar::accounts::{ApiKey, Keys, NewKey};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

async fn add(db: &Db, name: &str, level: Level, rate: Option<u32>) -> Result<SecretString, Failure> {
    let mut tx = db.begin().await?;
    let key = Keys::add(&mut tx, &NewKey { name, level, rate }).await?;
    tx.commit().await?;
    Ok(key)
}

async fn revoke(db: &Db, name: &str) -> Result<(), Failure> {
    let mut tx = db.begin().await?;
    Keys::revoke(&mut tx, name).await?;
    tx.commit().await?;
    Ok(())
}

/// Keys that follow what happens in the database, until the guard is dropped.
async fn following(db: Db, configured: &[ApiKey]) -> (Arc<Keys>, DropGuard) {
    let keys = Arc::new(Keys::open(db, configured, 60).await.unwrap());
    let stop = CancellationToken::new();
    let (follower, token) = (Arc::clone(&keys), stop.clone());
    tokio::spawn(async move { follower.follow(token).await });
    (keys, stop.drop_guard())
}

/// Waits until it is so.
async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("it never came: {what}"));
}

#[tokio::test]
async fn keys_are_made_known_and_revoked_while_a_server_runs() {
    on_every_database(async |database| {
        // The server is one process, the administrator another.
        let (keys, _guard) = following(database.again().await, &[]).await;
        let db = &database.db;
        assert!(keys.none() && keys.holder("").is_none());
        let anna = add(db, "anna", Level::Subscriber, Some(2)).await.unwrap();
        let anna = anna.expose_secret();
        until("the new key is known", || keys.holder(anna).is_some()).await;
        let holder = keys.holder(anna).unwrap();
        assert_eq!((holder.owner, holder.pace.rate()), (Owner::key("anna", Level::Subscriber), 2));
        assert!(!keys.none() && keys.holder("samovar_").is_none() && keys.holder(&anna[1..]).is_none());

        revoke(db, "anna").await.unwrap();
        until("the key is not known any more", || keys.holder(anna).is_none()).await;
        assert!(!keys.none(), "revoking the last key must not open the door to everybody");
        let again = revoke(db, "anna").await.unwrap_err().to_string();
        assert!(again.starts_with("the key of anna was revoked on 20"), "{again}");
        assert_eq!(revoke(db, "bert").await.unwrap_err().to_string(), "there is no key named bert");
        // After a restart there are no keys again.
        assert!(Keys::open(db.clone(), &[], 60).await.unwrap().none());
    })
    .await;
}

#[tokio::test]
async fn a_key_is_random_and_stored_only_as_its_hash() {
    on_every_database(async |Database { db, .. }| {
        let first = add(&db, "anna", Level::User, None).await.unwrap();
        let refused = add(&db, "anna", Level::Admin, None).await.unwrap_err().to_string();
        assert_eq!(refused, "there is a key named anna already; revoke it first");
        revoke(&db, "anna").await.unwrap();
        let second = add(&db, "anna", Level::Admin, None).await.unwrap();
        let (first, second) = (first.expose_secret(), second.expose_secret());
        assert_ne!(first, second);
        // The prefix and 256 bits in base64.
        assert!(first.starts_with("samovar_") && first.len() == 8 + 43, "{}", first.len());
        let rows = db.rows("SELECT hash FROM api_keys", &[]).await.unwrap();
        let hashes: Vec<String> = rows.iter().map(|row| row.get("hash").unwrap()).collect();
        assert!(hashes.len() == 1 && hashes[0].len() == 64 && !hashes[0].contains(&second[8..20]), "{hashes:?}");
        let keys = Keys::open(db.clone(), &[], 60).await.unwrap();
        assert!(keys.holder(first).is_none() && keys.holder(second).unwrap().owner.admin());
        let listed = Keys::list(&db).await.unwrap();
        assert_eq!((listed.len(), listed[0].level, listed[0].revoked_at), (1, Level::Admin, None));
        for name in ["", "a b", "a:b", "ан", &"a".repeat(65)] {
            assert!(matches!(add(&db, name, Level::User, None).await, Err(Failure::Invalid { .. })), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn configured_keys_and_levels_that_were_set_count() {
    on_every_database(async |Database { db, .. }| {
        let configured = [ApiKey { name: "boss".to_owned(), key: "tulip".into(), level: Level::Admin }];
        let (keys, _guard) = following(db.clone(), &configured).await;
        let boss = keys.holder("tulip").unwrap();
        assert_eq!((boss.owner.clone(), boss.pace.rate()), (Owner::key("boss", Level::Admin), 60));
        assert_eq!(boss.pace.step(), Ok(()));
        let books = Books::new(db.clone(), settings());
        for owner in [&boss.owner, &Owner::local()] {
            let mut tx = db.begin().await.unwrap();
            books.accounts.set_level(&mut tx, owner, Some(Level::User)).await.unwrap();
            tx.commit().await.unwrap();
        }
        until("the levels are known", || keys.local().level == Level::User).await;
        let again = keys.holder("tulip").unwrap();
        assert_eq!(again.owner.level, Level::User);
        assert!(Arc::ptr_eq(&again.pace, &boss.pace), "what was counted of a minute is not forgotten");
    })
    .await;
}
