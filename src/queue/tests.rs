//! Order, ends, cancelling, owners and forgetting, without a worker.

use super::*;
use crate::media::Provenance;

fn owner(name: &str) -> Owner {
    Owner::key(name, crate::media::Level::User)
}

fn queue(capacity: usize) -> Queue {
    Queue::new(Settings { capacity, keep_finished: Duration::from_secs(60) })
}

fn answer() -> Answer {
    Answer {
        pictures: Vec::new(),
        provenance: Provenance { provider: "local".into(), model: "demo".into(), fallback_reason: None },
        notices: Vec::new(),
        from_cache: false,
    }
}

async fn submit(queue: &Queue, name: &str) -> JobId {
    queue.submit(owner(name), ImageRequest::new("a cat"), Vec::new()).await.unwrap()
}

async fn state(queue: &Queue, id: JobId, name: &str) -> State {
    queue.view(id, &owner(name)).await.unwrap().state
}

#[tokio::test]
async fn jobs_are_claimed_in_the_order_they_came() {
    let queue = queue(8);
    let (first, second) = (submit(&queue, "a").await, submit(&queue, "b").await);
    assert_eq!(state(&queue, second, "b").await, State::Queued { position: 2, eta_s: None });
    assert_eq!(queue.claim().await.id, first);
    assert_eq!(state(&queue, first, "a").await, State::Running { step: 0, of: 0 });
    assert_eq!(state(&queue, second, "b").await, State::Queued { position: 1, eta_s: None });
    assert_eq!(queue.claim().await.id, second);
}

#[tokio::test]
async fn a_waiting_claim_wakes_when_a_job_comes() {
    let queue = std::sync::Arc::new(queue(8));
    let worker = tokio::spawn({
        let queue = queue.clone();
        async move { queue.claim().await.id }
    });
    tokio::task::yield_now().await;
    let id = submit(&queue, "a").await;
    assert_eq!(worker.await.unwrap(), id);
}

#[tokio::test]
async fn a_full_line_says_when_to_come_back() {
    let queue = queue(1);
    submit(&queue, "a").await;
    let refused = queue.submit(owner("a"), ImageRequest::new("a dog"), Vec::new()).await;
    assert!(matches!(refused, Err(Failure::Busy { retry_after_s: Some(1..), .. })), "{refused:?}");
    queue.claim().await;
    submit(&queue, "a").await;
}

#[tokio::test]
async fn a_watcher_sees_every_end() {
    let queue = queue(8);
    for (outcome, end) in [
        (Ok(answer()), State::Done(std::sync::Arc::new(answer()))),
        (Err(Failure::internal("broken")), State::Failed(Failure::internal("broken"))),
        (Err(Failure::Cancelled), State::Cancelled),
    ] {
        let id = submit(&queue, "a").await;
        let mut watcher = queue.watch(id, &owner("a")).await.unwrap();
        queue.claim().await;
        queue.progress(id, 1, 4).await;
        assert_eq!(*watcher.borrow_and_update(), State::Running { step: 1, of: 4 });
        queue.finish(id, outcome).await;
        assert_eq!(*watcher.wait_for(State::is_final).await.unwrap(), end);
        queue.progress(id, 2, 4).await;
        assert_eq!(*watcher.borrow(), end, "a late sign of life changes nothing");
    }
}

#[tokio::test]
async fn cancelling_a_waiting_job_takes_it_out_of_the_line() {
    let queue = queue(8);
    let (first, second) = (submit(&queue, "a").await, submit(&queue, "b").await);
    assert_eq!(queue.cancel(first, &owner("a")).await, Some(State::Cancelled));
    assert_eq!(queue.claim().await.id, second);
    assert_eq!(queue.cancel(first, &owner("a")).await, Some(State::Cancelled), "a second time changes nothing");
}

#[tokio::test]
async fn cancelling_a_running_job_tells_its_worker() {
    let queue = queue(8);
    let id = submit(&queue, "a").await;
    let claim = queue.claim().await;
    assert_eq!(queue.cancel(id, &owner("a")).await, Some(State::Running { step: 0, of: 0 }));
    assert!(claim.cancel.is_cancelled());
}

#[tokio::test]
async fn only_the_owner_and_admins_see_a_job() {
    let queue = queue(8);
    let id = submit(&queue, "a").await;
    assert_eq!(queue.cancel(id, &owner("b")).await, None);
    assert!(queue.view(id, &owner("b")).await.is_none());
    assert!(queue.watch(id, &owner("b")).await.is_none());
    assert!(queue.list(&owner("b"), None, 10).await.is_empty());
    let admin = Owner::local();
    assert_eq!(queue.list(&admin, None, 10).await.len(), 1);
    assert_eq!(queue.cancel(id, &admin).await, Some(State::Cancelled));
}

#[tokio::test]
async fn the_list_is_newest_first_and_pages() {
    let queue = queue(8);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(submit(&queue, "a").await);
    }
    let page = queue.list(&owner("a"), None, 2).await;
    assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[2], ids[1]]);
    let rest = queue.list(&owner("a"), Some(ids[1]), 2).await;
    assert_eq!(rest.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[0]]);
}

#[tokio::test]
async fn finished_jobs_are_forgotten_after_a_while() {
    let queue = Queue::new(Settings { capacity: 8, keep_finished: Duration::ZERO });
    let id = submit(&queue, "a").await;
    queue.claim().await;
    queue.finish(id, Ok(answer())).await;
    assert!(queue.view(id, &owner("a")).await.is_none());
}

#[tokio::test]
async fn a_closed_line_cancels_everything_and_takes_no_more() {
    let queue = queue(8);
    let (running, waiting) = (submit(&queue, "a").await, submit(&queue, "b").await);
    let claim = queue.claim().await;
    queue.close().await;
    assert!(claim.cancel.is_cancelled());
    assert_eq!(state(&queue, running, "a").await, State::Running { step: 0, of: 0 });
    assert_eq!(state(&queue, waiting, "b").await, State::Cancelled);
    let refused = queue.submit(owner("a"), ImageRequest::new("a dog"), Vec::new()).await;
    assert!(matches!(refused, Err(Failure::Busy { .. })), "{refused:?}");
}
