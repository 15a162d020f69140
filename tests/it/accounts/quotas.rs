//! What is free, for whom, and until when.

use super::*;
use jiff::Timestamp;

#[tokio::test]
async fn free_units_come_first_and_money_pays_the_rest() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings());
        assert_eq!(books.take(&anna(), 2).await.1, (2, 0));
        // One is free still, three are not.
        let (mixed, taken) = books.take(&anna(), 4).await;
        assert_eq!(taken, (1, 900));
        assert_eq!((books.used(&anna()).await, books.balance(&anna()).await), (3, 2100));
        assert_eq!(books.take(&anna(), 1).await.1, (0, 300));
        let (job, flux) = (JobId::fresh(), Some("flux-schnell"));
        assert_eq!(books.reserve(&anna(), job, 1, flux).await.unwrap(), Reserved { free: 0, price: 500 });
        // Given back: the free one is there again, and so is the money.
        books.release(mixed).await;
        assert_eq!((books.used(&anna()).await, books.balance(&anna()).await), (2, 2200));
        assert_eq!(books.take(&anna(), 1).await.1, (1, 0));
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn each_level_has_its_own_limit() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings());
        let [user, subscriber, admin] = Level::ALL.map(|level| Owner::key(level.word(), level));
        assert_eq!(books.take(&user, 8).await.1, (3, 1500));
        assert_eq!(books.take(&subscriber, 8).await.1, (5, 900));
        for _ in 0..3 {
            assert_eq!(books.take(&admin, 1000).await.1, (1000, 0));
        }
        assert_eq!(books.movements(&admin).await, [("start".to_owned(), 3000)], "an admin is never charged");
        let left = books.accounts.overview(&admin).await.unwrap().tasks[0].left();
        assert_eq!(left, None);
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn a_level_that_was_set_counts_more_than_the_doors() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings());
        let set = async |owner: &Owner, level| {
            let mut tx = books.db.begin().await.unwrap();
            books.accounts.set_level(&mut tx, owner, level).await.unwrap();
            tx.commit().await.unwrap();
        };
        set(&anna(), Some(Level::Subscriber)).await;
        assert_eq!(books.take(&anna(), 6).await.1, (5, 300));
        // Also downwards, where nothing would be counted otherwise.
        let admin = Owner::key("boss", Level::Admin);
        assert_eq!(books.take(&admin, 2).await.1, (2, 0));
        set(&admin, Some(Level::User)).await;
        assert_eq!(books.take(&admin, 2).await.1, (1, 300));
        set(&admin, None).await;
        assert_eq!(books.take(&admin, 2).await.1, (2, 0));
        let account = books.accounts.find(&anna().id).await.unwrap().unwrap();
        assert_eq!((account.level, account.level_set, account.balance), (Level::Subscriber, true, 2700));
        let ids: Vec<_> = books.accounts.list().await.unwrap().into_iter().map(|a| (a.id, a.level)).collect();
        assert_eq!(ids, [("key:anna".to_owned(), Level::Subscriber), ("key:boss".to_owned(), Level::Admin)]);
    })
    .await;
}

#[tokio::test]
async fn not_enough_is_refused_with_the_numbers() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings());
        // 3 are free, 10 are paid by the whole start balance.
        assert_eq!(quota(books.reserve(&anna(), JobId::fresh(), 14, None).await), (3, 3300, 3000, true));
        assert_eq!(books.take(&anna(), 13).await.1, (3, 3000));
        let refused = books.reserve(&anna(), JobId::fresh(), 1, None).await;
        let message = refused.as_ref().unwrap_err().to_string();
        assert_eq!(
            message,
            "the 3 free requests of today are used up; this one costs 3.00 ₽ and the balance is 0.00 ₽"
        );
        assert_eq!(quota(refused), (3, 300, 0, true));
        assert_eq!(books.pending().await.len(), 1, "what was refused leaves nothing behind");
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn without_free_units_everything_is_paid() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings_with(Limit::Daily(0)));
        assert_eq!(books.take(&anna(), 10).await.1, (0, 3000));
        assert_eq!(quota(books.reserve(&anna(), JobId::fresh(), 1, None).await), (0, 300, 0, false));
    })
    .await;
}

#[tokio::test]
async fn with_free_units_for_all_nothing_is_paid() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings_with(Limit::Unlimited));
        assert_eq!(books.take(&anna(), 100).await.1, (100, 0));
        assert_eq!(books.balance(&anna()).await, 3000);
    })
    .await;
}

#[tokio::test]
async fn the_day_begins_at_midnight_in_moscow() {
    on_every_database(async |Database { db, clock, .. }| {
        let books = Books::new(db.clone(), settings());
        let go_to = |time: &str| {
            let time: Timestamp = time.parse().unwrap();
            clock.jump(time.as_millisecond() - db.now());
        };
        // The clock goes on by itself: some seconds before midnight leave it room, within a generous guard.
        go_to("2026-11-20T20:59:00Z");
        assert_eq!(books.take(&anna(), 3).await.1, (3, 0));
        let Err(Failure::Quota { retry_after_s: Some(wait), .. }) =
            books.reserve(&anna(), JobId::fresh(), 14, None).await
        else {
            panic!("not refused")
        };
        assert!((1..=60).contains(&wait), "{wait}");
        let resets = books.accounts.overview(&anna()).await.unwrap().resets_in_s;
        assert!(resets <= wait, "{resets} {wait}");
        go_to("2026-11-20T21:00:00Z");
        assert_eq!(books.used(&anna()).await, 0);
        assert_eq!(books.take(&anna(), 3).await.1, (3, 0));
        // A clock that is set back finds the day as it was.
        go_to("2026-11-20T20:00:00Z");
        assert_eq!(books.take(&anna(), 1).await.1, (0, 300));
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn a_level_names_only_the_models_it_may() {
    on_every_database(async |Database { db, .. }| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let models = BTreeMap::from([(Level::User, names(&["demo", "sdxl-turbo"]))]);
        let books = Books::new(db, Settings { models, ..settings() });
        books.reserve(&anna(), JobId::fresh(), 1, Some("demo")).await.unwrap();
        books.reserve(&anna(), JobId::fresh(), 1, None).await.unwrap();
        let refused = books.reserve(&anna(), JobId::fresh(), 1, Some("flux-schnell")).await.unwrap_err();
        assert!(matches!(refused, Failure::Forbidden { .. }), "{refused:?}");
        assert!(refused.to_string().contains("flux-schnell") && refused.to_string().contains("demo, sdxl-turbo"));
        let subscriber = Owner::key("bert", Level::Subscriber);
        books.reserve(&subscriber, JobId::fresh(), 1, Some("flux-schnell")).await.unwrap();
        assert_eq!(books.pending().await.len(), 3);
    })
    .await;
}
