//! Who is served before whom, and what they are told about it.

use super::*;

#[tokio::test]
async fn jobs_of_one_user_are_claimed_in_the_order_they_came() {
    on_every_line(settings(), async |bench| {
        let ids = [bench.submit_for("a").await, bench.submit_for("a").await, bench.submit_for("a").await];
        for id in ids {
            assert_eq!(bench.claimed().await.id, id);
        }
        assert!(bench.claim().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn higher_levels_are_served_first() {
    on_every_line(settings(), async |bench| {
        let user = bench.submit_for("a").await;
        let subscriber = bench.submit(&Owner::key("b", Level::Subscriber)).await;
        let admin = bench.submit(&Owner::key("c", Level::Admin)).await;
        for id in [admin, subscriber, user] {
            assert_eq!(bench.claimed().await.id, id);
        }
    })
    .await;
}

#[tokio::test]
async fn users_of_one_level_take_turns() {
    on_every_line(settings(), async |bench| {
        let mut many = Vec::new();
        for _ in 0..4 {
            many.push(bench.submit_for("greedy").await);
        }
        let first = bench.claimed().await;
        assert_eq!(first.id, many[0]);
        let (anna, boris) = (bench.submit_for("anna").await, bench.submit_for("boris").await);
        let anna_again = bench.submit_for("anna").await;
        // The line's head is the greedy one's second; those who come fresh stand beside it.
        let mut served = Vec::new();
        while let Some(claim) = bench.claim().await {
            served.push(claim.id);
        }
        assert_eq!(served, [many[1], anna, boris, many[2], anna_again, many[3]]);
    })
    .await;
}

#[tokio::test]
async fn a_waiting_job_knows_its_place_and_its_time_once_that_was_measured() {
    on_every_line(settings(), async |bench| {
        let (first, second) = (bench.submit_for("a").await, bench.submit_for("b").await);
        assert_eq!(bench.state(second).await, State::Queued { position: 2, eta_s: None });
        let claim = bench.claimed().await;
        assert_eq!(claim.id, first);
        assert_eq!(bench.state(first).await, State::Running { step: 0, of: 0 });
        assert_eq!(bench.state(second).await, State::Queued { position: 1, eta_s: None });
        bench.later(Duration::from_secs(10));
        bench.finish(&claim, done()).await;
        let third = bench.submit_for("c").await;
        assert_eq!(bench.state(second).await, State::Queued { position: 1, eta_s: Some(0) });
        let State::Queued { position: 2, eta_s: Some(eta) } = bench.state(third).await else { panic!("it waits") };
        assert!((10..=11).contains(&eta), "{eta}");
        bench.claimed().await;
        bench.later(Duration::from_secs(4));
        let State::Queued { position: 1, eta_s: Some(eta) } = bench.state(third).await else { panic!("it waits") };
        assert!((6..=7).contains(&eta), "the rest of the running one: {eta}");
        bench.later(Duration::from_secs(40));
        assert_eq!(bench.state(third).await, State::Queued { position: 1, eta_s: Some(0) }, "never negative");
    })
    .await;
}

#[tokio::test]
async fn a_job_that_needs_something_waits_for_a_worker_that_has_it() {
    on_every_line(settings(), async |bench| {
        let anna = user("anna");
        let able = Worker::here(vec!["model:flux-schnell".to_owned(), "cuda".to_owned()]);
        let special = NewJob { needs: Some("model:flux-schnell"), ..job(&anna) };
        bench.queue.register(&able).await.unwrap();
        bench.offer(&special).await.unwrap();
        let ordinary = bench.submit_for("boris").await;
        assert_eq!(bench.claimed().await.id, ordinary, "the first of the line is not for this worker");
        assert!(bench.claim().await.is_none());
        assert_eq!(bench.queue.claim(&able).await.unwrap().unwrap().id, special.id);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_can_do_anybody_may_try() {
    on_every_line(settings(), async |bench| {
        let anna = user("anna");
        let unheard_of = NewJob { needs: Some("model:unheard-of"), ..job(&anna) };
        bench.offer(&unheard_of).await.unwrap();
        assert_eq!(bench.claimed().await.id, unheard_of.id, "so that its owner is told");
        let able = Worker::here(vec!["cuda".to_owned()]);
        bench.queue.register(&able).await.unwrap();
        let needy = NewJob { needs: Some("cuda"), ..job(&anna) };
        bench.offer(&needy).await.unwrap();
        assert!(bench.claim().await.is_none());
        bench.queue.leave(&able).await.unwrap();
        assert_eq!(bench.claimed().await.id, needy.id, "the one who could has left");
    })
    .await;
}

#[tokio::test]
async fn a_worker_of_a_time_to_come_is_not_waited_for() {
    on_every_line(settings(), async |bench| {
        let able = Worker::here(vec!["cuda".to_owned()]);
        bench.clock().jump(86_400_000);
        bench.queue.register(&able).await.unwrap();
        bench.clock().jump(-86_400_000);
        let anna = user("anna");
        let needy = NewJob { needs: Some("cuda"), ..job(&anna) };
        bench.offer(&needy).await.unwrap();
        assert_eq!(bench.claimed().await.id, needy.id, "the clock went back since it was seen");
    })
    .await;
}

#[tokio::test]
async fn two_workers_never_get_the_same_job() {
    on_every_line(settings(), async |bench| {
        let bench = Arc::new(bench);
        let mut expected = Vec::new();
        for n in 0..60 {
            expected.push(bench.submit_for(&format!("user-{}", n % 7)).await);
        }
        let elsewhere = Queue::new(bench.database.again().await, settings());
        let work = |queue: Queue| {
            tokio::spawn(async move {
                let worker = Worker::here(Vec::new());
                let mut got = Vec::new();
                while let Some(claim) = queue.claim(&worker).await.unwrap() {
                    got.push(claim.id);
                }
                got
            })
        };
        let workers = [work(bench.queue.clone()), work(elsewhere.clone()), work(bench.queue.clone()), work(elsewhere)];
        let mut got: Vec<JobId> = Vec::new();
        for worker in workers {
            got.extend(worker.await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, expected);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_waits_is_woken_from_another_process() {
    on_every_line(settings(), async |bench| {
        let elsewhere = Queue::new(bench.database.again().await, settings());
        let waiting = tokio::spawn(async move { elsewhere.claim_next(&Worker::here(Vec::new())).await.unwrap().id });
        tokio::task::yield_now().await;
        let id = bench.submit_for("a").await;
        assert_eq!(waiting.await.unwrap(), id);
    })
    .await;
}
