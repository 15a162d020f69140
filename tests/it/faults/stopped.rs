//! Workers that stand still and come back, and workers that are told to end.

use super::*;

/// Long enough to be met in the middle.
fn long() -> ImageRequest {
    ImageRequest { width: Some(128), height: Some(128), steps: Some(50), ..ImageRequest::new("red apple") }
}

fn running(state: &State) -> bool {
    matches!(state, State::Running { step: 1.., .. })
}

#[tokio::test]
async fn a_worker_that_stood_still_past_its_lease_changes_nothing() {
    on_every_rig(async |rig| {
        let sleeper = Running::start(rig.worker("2s"));
        let id = rig.submit_one(&Owner::key("anna", Level::User), long()).await;
        rig.until(id, running).await;
        rig.stop(&sleeper, id).await;
        let other = Running::start(rig.worker("2s"));
        rig.until(id, State::is_final).await;
        let before = rig.view(id).await;
        assert!(before.attempt >= 2, "{before:?}");
        sleeper.signal(Signal::CONT);
        // It takes jobs again once it has seen that this one is not its own any more.
        let next = rig.submit_one(&Owner::key("boris", Level::User), small()).await;
        drop(other);
        rig.until(next, State::is_final).await;
        assert_eq!(rig.view(id).await, before);
        assert_eq!(rig.audit(&[id, next]).await, (2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_finishes_the_job_in_hand_and_claims_no_other() {
    on_every_rig(async |rig| {
        let mut worker = Running::start(rig.worker("30s"));
        let owner = Owner::key("anna", Level::User);
        let (first, second) = (rig.submit_one(&owner, long()).await, rig.submit_one(&owner, small()).await);
        rig.until(first, running).await;
        worker.signal(Signal::TERM);
        assert_eq!(worker.0.wait().unwrap().code(), Some(0));
        let (first, second) = (rig.view(first).await, rig.view(second).await);
        assert!(matches!(first.state, State::Done(_)), "{first:?}");
        assert!(matches!(second.state, State::Queued { .. }), "{second:?}");
        assert_eq!(second.attempt, 0);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_takes_longer_than_the_grace_is_handed_back() {
    on_every_rig(async |rig| {
        let mut command = rig.worker("30s");
        command.env("SAMOVAR_GRACE", "0");
        let mut worker = Running::start(command);
        let id = rig.submit_one(&Owner::key("anna", Level::User), long()).await;
        rig.until(id, running).await;
        worker.signal(Signal::TERM);
        assert_eq!(worker.0.wait().unwrap().code(), Some(0));
        assert!(matches!(rig.view(id).await.state, State::Queued { .. }));
        let _other = Running::start(rig.worker("30s"));
        rig.until(id, State::is_final).await;
        assert_eq!(rig.audit(&[id]).await, (1, 0));
    })
    .await;
}
