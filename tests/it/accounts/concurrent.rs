//! Many at once on one account: nothing is overdrawn, nothing is taken twice.

use super::*;
use futures::future::join_all;
use std::sync::Arc;

/// Reserves one unit with as many jobs at once, again where the database says that somebody was in the way. Returns
/// the jobs that were taken and what each took.
async fn at_once(books: &Arc<Books>, owner: &Owner, jobs: usize) -> Vec<(JobId, Reserved)> {
    let tasks = (0..jobs).map(|_| {
        let (books, owner, job) = (Arc::clone(books), owner.clone(), JobId::fresh());
        tokio::spawn(async move {
            let done = books.db.retrying(|| books.reserve(&owner, job, 1, None)).await;
            match done {
                Ok(reserved) => Some((job, reserved)),
                Err(Failure::Quota { .. }) => None,
                Err(other) => panic!("{other}"),
            }
        })
    });
    join_all(tasks).await.into_iter().filter_map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_reservations_take_exactly_what_there_is() {
    on_every_database(async |database| {
        // Two of them, as two machines would be.
        let books = Arc::new(Books::new(database.db.clone(), settings()));
        let other = Arc::new(Books::new(database.again().await, settings()));
        let owner = anna();
        let (here, there) = tokio::join!(at_once(&books, &owner, 20), at_once(&other, &owner, 20));
        let taken: Vec<_> = here.into_iter().chain(there).collect();
        // 3 are free, 10 are paid by the start balance, which was given once though many found no account.
        let free: u32 = taken.iter().map(|(_, reserved)| reserved.free).sum();
        assert_eq!((taken.len(), free, books.balance(&owner).await), (13, 3, 0));
        books.assert_exact().await;

        let settled = taken.iter().enumerate().flat_map(|(at, (job, _))| {
            // Each twice at once, and some charged and released at once: one of these happens.
            [(0, *job), (0, *job), (at % 3, *job)].map(|(way, job)| {
                let (books, other) = (Arc::clone(&books), Arc::clone(&other));
                tokio::spawn(async move { if way == 0 { books.release(job).await } else { other.charge(job).await } })
            })
        });
        join_all(settled).await.into_iter().for_each(Result::unwrap);
        assert!(books.pending().await.is_empty());
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_reservations_without_a_limit_all_go_through() {
    on_every_database(async |Database { db, .. }| {
        let books = Arc::new(Books::new(db, settings()));
        let admin = Owner::local();
        assert_eq!(at_once(&books, &admin, 40).await.len(), 40);
        assert_eq!((books.used(&admin).await, books.balance(&admin).await), (40, 3000));
        books.assert_exact().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_asked_for_by_many_at_once_happens_once() {
    on_every_database(async |Database { db, .. }| {
        let books = Arc::new(Books::new(db, settings()));
        let tasks = (0..10).map(|_| {
            let books = Arc::clone(&books);
            let owner = anna();
            tokio::spawn(async move { books.db.retrying(|| books.top_up(&owner, 700, "invoice-7")).await.unwrap() })
        });
        assert!(join_all(tasks).await.into_iter().all(|balance| balance.unwrap() == 3700));
        books.assert_exact().await;
    })
    .await;
}
