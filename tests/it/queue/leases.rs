//! What holds a job to its worker and what frees it: heartbeats, fencing, attempts, lost workers, clocks that jump.

use super::*;

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_finished_job_stays_as_it_is() {
    on_every_line(settings(), async |bench| {
        for end in [done(), State::Failed(Failure::internal("broken")), State::Cancelled] {
            let id = bench.submit_for("a").await;
            let claim = bench.claimed().await;
            assert_eq!(bench.queue.heartbeat(&claim, 1, 4).await.unwrap(), Held::Ours);
            assert_eq!(bench.state(id).await, State::Running { step: 1, of: 4 });
            let Finished::Ended(ended) = bench.finish(&claim, end.clone()).await else { panic!("it counts") };
            assert_eq!(ended[0].id, id);
            assert_eq!(bench.state(id).await, end);
            assert_eq!(bench.queue.heartbeat(&claim, 2, 4).await.unwrap(), Held::Lost);
            // After a lost answer the same word is said again; another one changes nothing.
            let again = if end == done() { Finished::Ended(Vec::new()) } else { Finished::Lost };
            assert_eq!(bench.finish(&claim, done()).await, again);
            assert_eq!(bench.cancel(id, &user("a")).await, Some(Vec::new()));
            assert_eq!(bench.state(id).await, end);
        }
    })
    .await;
}

#[tokio::test]
async fn heartbeats_keep_a_job_and_their_absence_frees_it() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let claim = bench.claimed().await;
        for _ in 0..5 {
            bench.later(LEASE - Duration::from_secs(1));
            assert_eq!(bench.queue.heartbeat(&claim, 0, 0).await.unwrap(), Held::Ours);
            assert!(bench.take_up().await.is_empty());
        }
        assert_eq!(bench.state(id).await, State::Running { step: 0, of: 0 });
        bench.later(LEASE + Duration::from_secs(1));
        assert!(bench.take_up().await.is_empty(), "it goes on, it does not end");
        assert!(matches!(bench.state(id).await, State::Queued { .. }));
        assert!(bench.claim().await.is_none(), "after a pause");
        bench.later(Duration::from_secs(2));
        let second = bench.claimed().await;
        assert_eq!((second.id, second.attempt), (id, 2));
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_changes_nothing() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let late = bench.claimed().await;
        bench.later(LEASE * 2);
        bench.take_up().await;
        bench.later(Duration::from_secs(2));
        let now = bench.claimed().await;
        assert_eq!(bench.queue.heartbeat(&late, 3, 4).await.unwrap(), Held::Lost);
        assert_eq!(bench.queue.held(&late).await.unwrap(), Held::Lost);
        assert_eq!(bench.finish(&late, State::Failed(Failure::internal("late"))).await, Finished::Lost);
        bench.queue.hand_back(&late, &[]).await.unwrap();
        let mut tx = bench.db().begin().await.unwrap();
        let retried = bench.queue.retry(&mut tx, &late, Failure::internal("late"), &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(retried, Finished::Lost);
        assert_eq!(bench.state(id).await, State::Running { step: 0, of: 0 });
        assert!(matches!(bench.finish(&now, done()).await, Finished::Ended(_)));
        assert_eq!(bench.state(id).await, done());
        assert_eq!(bench.finish(&late, State::Cancelled).await, Finished::Lost);
        assert_eq!(bench.state(id).await, done());
    })
    .await;
}

#[tokio::test]
async fn a_worker_takes_up_its_own_job_that_it_does_not_have_in_hand() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let claim = bench.claimed().await;
        // The answer to its claim was lost, say.
        bench.worker.leaves(&claim);
        bench.later(LEASE * 2);
        let mut tx = bench.db().begin().await.unwrap();
        assert!(bench.queue.take_up(&mut tx, &bench.worker).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        bench.later(Duration::from_secs(2));
        let claim = bench.claimed().await;
        assert_eq!((claim.id, claim.attempt), (id, 2));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_kills_its_worker_three_times_has_failed() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        for attempt in 1..=3 {
            assert_eq!(bench.claimed().await.attempt, attempt);
            bench.later(LEASE * 2);
            let ended = bench.take_up().await;
            assert_eq!(ended.len(), usize::from(attempt == 3));
            bench.later(Duration::from_secs(60));
        }
        assert!(bench.claim().await.is_none());
        let State::Failed(failure) = bench.state(id).await else { panic!("it failed") };
        assert_eq!(failure.class(), "crashed");
        assert!(failure.to_string().contains('3'), "{failure}");
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_after_longer_and_longer_pauses() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let failure = Failure::Unavailable { message: "the disk is full".into() };
        for (attempt, pause) in [(1, 1), (2, 4), (3, 0)] {
            let claim = bench.claimed().await;
            assert_eq!(claim.attempt, attempt);
            let mut tx = bench.db().begin().await.unwrap();
            let finished = bench.queue.retry(&mut tx, &claim, failure.clone(), &[]).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(finished == Finished::Requeued, attempt < 3, "{finished:?}");
            if attempt < 3 {
                bench.later(Duration::from_millis(pause * 1000 - 500));
                assert!(bench.claim().await.is_none());
                bench.later(Duration::from_secs(1));
            }
        }
        assert_eq!(bench.state(id).await, State::Failed(failure.clone()));
    })
    .await;
}

#[tokio::test]
async fn a_job_handed_back_keeps_its_attempts_and_fences_off_the_one_who_had_it() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        for attempt in 1..=5 {
            let claim = bench.claimed().await;
            assert_eq!((claim.id, claim.attempt), (id, attempt));
            bench.queue.hand_back(&claim, &[]).await.unwrap();
            assert_eq!(bench.finish(&claim, done()).await, Finished::Lost);
        }
        for _ in 0..3 {
            bench.later(Duration::from_secs(60));
            bench.claimed().await;
            bench.later(LEASE * 2);
            bench.take_up().await;
        }
        assert!(matches!(bench.state(id).await, State::Failed(_)), "three lost workers, as for any other");
    })
    .await;
}

#[tokio::test]
async fn cancelling_a_running_job_tells_its_worker_and_wins_over_a_late_answer() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let claim = bench.claimed().await;
        let mut news = bench.db().listen();
        let told = bench.queue.may_have_to_stop(&mut news, &claim);
        assert_eq!(bench.cancel(id, &user("a")).await, Some(Vec::new()), "it ends when its worker says so");
        told.await;
        assert_eq!(bench.queue.held(&claim).await.unwrap(), Held::Cancelled);
        assert_eq!(bench.queue.heartbeat(&claim, 1, 1).await.unwrap(), Held::Cancelled);
        let Finished::Ended(ended) = bench.finish(&claim, done()).await else { panic!("it counts") };
        assert_eq!(standings(&ended), [(id, Standing::Cancelled)]);
        assert_eq!(bench.state(id).await, State::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_whose_worker_is_lost_ends_as_cancelled() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        bench.claimed().await;
        bench.cancel(id, &user("a")).await;
        bench.later(LEASE * 2);
        assert_eq!(standings(&bench.take_up().await), [(id, Standing::Cancelled)]);
        assert_eq!(bench.state(id).await, State::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_goes_back_leaves_no_job_behind() {
    on_every_line(settings(), async |bench| {
        let (lost, paused) = (bench.submit_for("a").await, bench.submit_for("b").await);
        bench.claimed().await;
        let second = bench.claimed().await;
        let mut tx = bench.db().begin().await.unwrap();
        let failure = Failure::Unavailable { message: "not now".into() };
        bench.queue.retry(&mut tx, &second, failure, &[]).await.unwrap();
        tx.commit().await.unwrap();
        bench.clock().jump(-3_600_000);
        assert_eq!(bench.claimed().await.id, paused, "a pause that would end in an hour is over");
        bench.take_up().await;
        bench.later(Duration::from_secs(2));
        assert_eq!(bench.claimed().await.id, lost, "a lease that would end in an hour is over");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_goes_forward_costs_an_attempt_at_most() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let claim = bench.claimed().await;
        bench.later(Duration::from_secs(86_400));
        let mut tx = bench.db().begin().await.unwrap();
        assert!(bench.queue.take_up(&mut tx, &bench.worker).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        assert_eq!(bench.state(id).await, State::Running { step: 0, of: 0 }, "its own worker does not take it away");
        assert_eq!(bench.queue.heartbeat(&claim, 1, 2).await.unwrap(), Held::Ours);
        assert!(bench.take_up().await.is_empty());
        assert!(matches!(bench.finish(&claim, done()).await, Finished::Ended(_)));
        assert_eq!(bench.attempt(id).await, 1);
    })
    .await;
}
