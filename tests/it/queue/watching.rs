//! Those who look on see every state in the end, wherever the work is done.

use super::*;

#[tokio::test]
async fn a_watcher_sees_the_steps_and_the_end() {
    on_every_line(settings(), async |bench| {
        for end in [done(), State::Failed(Failure::internal("broken")), State::Cancelled] {
            let id = bench.submit_for("a").await;
            let mut watcher = bench.queue.watch(id, &user("a")).await.unwrap().unwrap();
            assert!(matches!(*watcher.borrow(), State::Queued { position: 1, .. }));
            let claim = bench.claimed().await;
            bench.queue.heartbeat(&claim, 1, 4).await.unwrap();
            watcher.wait_for(|state| *state == State::Running { step: 1, of: 4 }).await.unwrap();
            bench.finish(&claim, end.clone()).await;
            assert_eq!(*watcher.wait_for(State::is_final).await.unwrap(), end);
            let late = bench.queue.watch(id, &user("a")).await.unwrap().unwrap();
            assert_eq!(*late.borrow(), end);
        }
    })
    .await;
}

#[tokio::test]
async fn a_watcher_sees_what_another_process_does() {
    on_every_line(settings(), async |bench| {
        let id = bench.submit_for("a").await;
        let mut watcher = bench.queue.watch(id, &user("a")).await.unwrap().unwrap();
        let elsewhere = Queue::new(bench.database.again().await, settings());
        let claim = elsewhere.claim(&Worker::here(Vec::new())).await.unwrap().unwrap();
        watcher.wait_for(|state| matches!(state, State::Running { .. })).await.unwrap();
        let mut tx = bench.database.again().await.begin().await.unwrap();
        elsewhere.finish(&mut tx, &claim, done(), &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(*watcher.wait_for(State::is_final).await.unwrap(), done());
    })
    .await;
}

#[tokio::test]
async fn those_who_wait_see_themselves_move_up() {
    on_every_line(settings(), async |bench| {
        bench.submit_for("a").await;
        let id = bench.submit_for("b").await;
        let mut watcher = bench.queue.watch(id, &user("b")).await.unwrap().unwrap();
        assert!(matches!(*watcher.borrow(), State::Queued { position: 2, .. }));
        let first = bench.claimed().await;
        watcher.wait_for(|state| matches!(state, State::Queued { position: 1, .. })).await.unwrap();
        bench.finish(&first, done()).await;
        bench.claimed().await;
        watcher.wait_for(|state| matches!(state, State::Running { .. })).await.unwrap();
    })
    .await;
}
