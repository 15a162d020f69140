//! Who may put how much into the line, under which key, and who may see it there.

use super::*;

#[tokio::test]
async fn a_full_line_says_when_to_come_back() {
    on_every_line(Settings { capacity: 2, ..settings() }, async |bench| {
        bench.submit_for("a").await;
        bench.submit_for("b").await;
        let refused = bench.offer(&job(&user("c"))).await;
        assert!(matches!(&refused, Err(Failure::Busy { retry_after_s: Some(1..), .. })), "{refused:?}");
        bench.claimed().await;
        bench.submit_for("c").await;
    })
    .await;
}

#[tokio::test]
async fn nobody_but_an_admin_fills_the_line_alone() {
    on_every_line(Settings { open_user: 2, open_subscriber: 3, ..Settings::default() }, async |bench| {
        for (owner, most) in
            [(user("a"), Some(2)), (Owner::key("b", Level::Subscriber), Some(3)), (Owner::local(), None)]
        {
            for _ in 0..most.unwrap_or(20) {
                bench.submit(&owner).await;
            }
            let refused = bench.offer(&job(&owner)).await;
            assert_eq!(matches!(refused, Err(Failure::Busy { .. })), most.is_some(), "{refused:?}");
        }
        bench.submit_for("another").await;
    })
    .await;
}

#[tokio::test]
async fn the_same_request_under_the_same_key_is_the_same_job() {
    on_every_line(settings(), async |bench| {
        let (anna, boris) = (user("anna"), user("boris"));
        let key = Idempotency { key: "order-1".into(), fingerprint: "abc".into() };
        let first = NewJob { idempotency: Some(&key), ..job(&anna) };
        assert_eq!(bench.offer(&first).await.unwrap(), Submitted::Fresh(first.id));
        let again = NewJob { idempotency: Some(&key), ..job(&anna) };
        assert_eq!(bench.offer(&again).await.unwrap(), Submitted::Known(first.id));
        let claim = bench.claimed().await;
        bench.finish(&claim, done()).await;
        assert_eq!(bench.offer(&again).await.unwrap(), Submitted::Known(first.id), "also when it is over");
        let other = Idempotency { fingerprint: "def".into(), ..key.clone() };
        let refused = bench.offer(&NewJob { idempotency: Some(&other), ..job(&anna) }).await;
        assert!(
            matches!(&refused, Err(Failure::Invalid { param: Some(p), .. }) if p == "Idempotency-Key"),
            "{refused:?}"
        );
        let his = NewJob { idempotency: Some(&other), ..job(&boris) };
        assert_eq!(bench.offer(&his).await.unwrap(), Submitted::Fresh(his.id), "keys are each owner's own");
    })
    .await;
}

#[tokio::test]
async fn many_who_send_the_same_key_at_once_make_one_job() {
    on_every_line(settings(), async |bench| {
        let elsewhere = bench.database.again().await;
        let queues = [bench.queue.clone(), Queue::new(elsewhere.clone(), settings())];
        let databases = [bench.db().clone(), elsewhere];
        let mut senders = Vec::new();
        for n in 0..16 {
            let (queue, db) = (queues[n % 2].clone(), databases[n % 2].clone());
            senders.push(tokio::spawn(async move {
                let (anna, key) = (user("anna"), Idempotency { key: "k".into(), fingerprint: "f".into() });
                let job = NewJob { idempotency: Some(&key), ..job(&anna) };
                let mut tx = db.begin().await.unwrap();
                let submitted = queue.submit(&mut tx, &job).await.unwrap();
                tx.commit().await.unwrap();
                submitted
            }));
        }
        let (mut fresh, mut ids) = (0, std::collections::HashSet::new());
        for sender in senders {
            let (Submitted::Fresh(id) | Submitted::Known(id)) = match sender.await.unwrap() {
                Submitted::Fresh(id) => {
                    fresh += 1;
                    Submitted::Fresh(id)
                }
                known => known,
            };
            ids.insert(id);
        }
        assert_eq!((fresh, ids.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_more_in_by_sending_all_at_once() {
    on_every_line(Settings { open_user: 3, ..Settings::default() }, async |bench| {
        let (queue, db) = (bench.queue.clone(), bench.db().clone());
        let mut senders = Vec::new();
        for _ in 0..12 {
            let (queue, db) = (queue.clone(), db.clone());
            senders.push(tokio::spawn(async move {
                let anna = user("anna");
                let mut tx = db.begin().await.unwrap();
                let submitted = queue.submit(&mut tx, &job(&anna)).await;
                tx.commit().await.unwrap();
                submitted.is_ok()
            }));
        }
        let mut taken = 0;
        for sender in senders {
            taken += usize::from(sender.await.unwrap());
        }
        assert_eq!(taken, 3);
    })
    .await;
}

#[tokio::test]
async fn a_submission_repeated_after_a_lost_answer_is_found() {
    on_every_line(Settings { capacity: 1, open_user: 1, ..settings() }, async |bench| {
        let anna = user("anna");
        let job = job(&anna);
        assert_eq!(bench.offer(&job).await.unwrap(), Submitted::Fresh(job.id));
        assert_eq!(bench.offer(&job).await.unwrap(), Submitted::Known(job.id), "also where it filled the line itself");
        bench.claimed().await;
        assert!(bench.claim().await.is_none(), "it is there once");
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_and_admins_see_a_job() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        assert!(bench.cancel(id, &user("b")).await.is_none());
        assert!(bench.queue.view(id, &user("b")).await.unwrap().is_none());
        assert!(bench.queue.watch(id, &user("b")).await.unwrap().is_none());
        assert!(bench.queue.list(&user("b"), None, 10).await.unwrap().is_empty());
        assert_eq!(bench.queue.list(&Owner::local(), None, 10).await.unwrap().len(), 1);
        assert_eq!(standings(&bench.cancel(id, &Owner::local()).await.unwrap()), [(id, Standing::Cancelled)]);
    })
    .await;
}

#[tokio::test]
async fn the_list_is_newest_first_and_pages() {
    on_every_line(settings(), async |bench| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(bench.submit_for("a").await);
            bench.submit_for("b").await;
        }
        let ids_of = |page: Vec<samovar::queue::JobView>| page.into_iter().map(|job| job.id).collect::<Vec<_>>();
        let page = bench.queue.list(&user("a"), None, 2).await.unwrap();
        assert_eq!(ids_of(page), [ids[2], ids[1]]);
        let rest = bench.queue.list(&user("a"), Some(ids[1]), 2).await.unwrap();
        assert_eq!(ids_of(rest), [ids[0]]);
        assert_eq!(bench.queue.list(&Owner::local(), None, 100).await.unwrap().len(), 6);
    })
    .await;
}

#[tokio::test]
async fn finished_jobs_are_forgotten_after_their_time_and_no_others() {
    on_every_line(Settings { keep_finished: Duration::from_secs(3600), ..settings() }, async |bench| {
        let mut old = Vec::new();
        for _ in 0..3 {
            old.push(bench.submit_for("a").await);
            let claim = bench.claimed().await;
            bench.finish(&claim, done()).await;
        }
        let waiting = bench.submit_for("a").await;
        assert_eq!(bench.queue.forget().await.unwrap(), 0);
        bench.later(Duration::from_secs(3601));
        let young = bench.submit_for("b").await;
        bench.cancel(young, &user("b")).await;
        assert_eq!(bench.queue.forget().await.unwrap(), 3);
        for id in old {
            assert!(bench.queue.view(id, &Owner::local()).await.unwrap().is_none());
        }
        assert_eq!(bench.state(young).await, State::Cancelled);
        assert!(matches!(bench.state(waiting).await, State::Queued { .. }));
    })
    .await;
}
