//! Holds, charges, gifts, and a ledger that only grows.

use super::*;

#[tokio::test]
async fn a_new_account_begins_with_the_start_balance_once() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db.clone(), settings());
        assert_eq!(books.balance(&anna()).await, 3000, "as it will be");
        books.take(&anna(), 1).await;
        books.take(&anna(), 1).await;
        assert_eq!(books.movements(&anna()).await, [("start".to_owned(), 3000)]);
        let poor = Books::new(db, Settings { start_balance: 0, ..settings() });
        let bert = Owner { id: "tg:42".to_owned(), level: Level::User };
        poor.take(&bert, 1).await;
        assert_eq!((poor.balance(&bert).await, poor.movements(&bert).await), (0, vec![]));
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_spent_or_given_back_once() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings_with(Limit::Daily(0)));
        let (first, _) = books.take(&anna(), 1).await;
        let (second, _) = books.take(&anna(), 2).await;
        assert_eq!(books.pending().await, [first, second]);
        for _ in 0..2 {
            books.charge(first).await;
            books.release(second).await;
        }
        // Too late, both.
        books.release(first).await;
        books.charge(second).await;
        // Of a job that took nothing.
        books.charge(JobId::fresh()).await;
        books.release(JobId::fresh()).await;
        let expected = [("start", 3000), ("hold", -300), ("hold", -600), ("release", 600)];
        assert_eq!(books.movements(&anna()).await, expected.map(|(kind, amount)| (kind.to_owned(), amount)));
        assert_eq!((books.balance(&anna()).await, books.pending().await), (2700, vec![]));
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_is_repeated_takes_nothing_more() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings());
        let job = JobId::fresh();
        // Takes everything: the second time there would not be enough.
        let whole = Reserved { free: 3, price: 3000 };
        assert_eq!(books.reserve(&anna(), job, 13, None).await.unwrap(), whole);
        assert_eq!(books.reserve(&anna(), job, 13, None).await.unwrap(), whole);
        let paid = JobId::fresh();
        books.top_up(&anna(), 900, "more").await.unwrap();
        assert_eq!(books.reserve(&anna(), paid, 1, None).await.unwrap(), Reserved { free: 0, price: 300 });
        assert_eq!(books.reserve(&anna(), paid, 1, None).await.unwrap(), Reserved { free: 0, price: 300 });
        assert_eq!(books.balance(&anna()).await, 600);
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_is_not_committed_never_was() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db.clone(), settings());
        let mut tx = db.begin().await.unwrap();
        let purchase = Purchase { job: JobId::fresh(), task: "image.generate", model: None, units: 5 };
        books.accounts.reserve(&mut tx, &anna(), &purchase).await.unwrap();
        drop(tx);
        assert_eq!((books.used(&anna()).await, books.balance(&anna()).await), (0, 3000));
        assert!(books.pending().await.is_empty() && books.accounts.list().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_top_up_happens_once() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db, settings());
        assert_eq!(books.top_up(&anna(), 5000, "invoice-7").await.unwrap(), 8000);
        assert_eq!(books.top_up(&anna(), 5000, "invoice-7").await.unwrap(), 8000);
        assert_eq!(books.top_up(&anna(), 5000, "invoice-8").await.unwrap(), 13_000);
        for (owner, amount) in [(anna(), 4000), (Owner::key("bert", Level::User), 5000)] {
            let refused = books.top_up(&owner, amount, "invoice-7").await.unwrap_err();
            assert!(refused.to_string().contains("'invoice-7' was used for another change"), "{refused}");
        }
        assert_eq!(books.top_up(&anna(), -13_000, "back").await.unwrap(), 0);
        let refused = books.top_up(&anna(), -1, "more back").await.unwrap_err();
        assert_eq!(refused.to_string(), "the balance is 0.00 ₽, so 0.01 ₽ cannot be taken from it");
        for amount in [0, i64::MAX, i64::MIN + 1] {
            let refused = books.top_up(&anna(), amount, "odd").await.unwrap_err();
            assert!(matches!(refused, Failure::Invalid { .. }), "{refused:?}");
        }
        let newest = books.accounts.history(&anna().id, 2).await.unwrap();
        let balances: Vec<_> = newest.iter().map(|m| (m.amount, m.balance, m.reason.as_deref())).collect();
        assert_eq!(balances, [(-13_000, 0, Some("a gift")), (5000, 13_000, Some("a gift"))]);
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn the_ledger_is_never_changed_and_balances_never_fall_below_zero() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db.clone(), settings());
        books.take(&anna(), 5).await;
        for sql in [
            "UPDATE ledger SET amount = 1",
            "UPDATE ledger SET reason = 'x' WHERE owner = 'key:anna'",
            "DELETE FROM ledger",
            "DELETE FROM users",
            "UPDATE users SET balance = -1",
        ] {
            let mut tx = db.begin().await.unwrap();
            assert!(tx.execute(sql, &[]).await.is_err(), "{sql}");
        }
        assert_eq!(books.movements(&anna()).await.len(), 2);
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test]
async fn an_audit_finds_what_does_not_add_up() {
    on_every_database(async |Database { db, .. }| {
        let books = Books::new(db.clone(), settings());
        let (job, _) = books.take(&anna(), 5).await;
        books.take(&Owner::key("bert", Level::User), 5).await;
        books.assert_exact().await;
        let mut tx = db.begin().await.unwrap();
        tx.execute("UPDATE users SET balance = 7 WHERE id = 'key:anna'", &[]).await.unwrap();
        tx.execute("UPDATE operations SET price = 601 WHERE owner = 'key:anna'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        let found: Vec<_> = Accounts::audit(&db).await.unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            "key:anna says 0.07 ₽ and its rows in the ledger add up to 24.00 ₽".to_owned(),
            format!("{job} says 6.01 ₽ and its rows in the ledger add up to 6.00 ₽"),
        ];
        assert_eq!(found, expected);
    })
    .await;
}
