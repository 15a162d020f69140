//! The database is ended under load and comes back; the storage refuses and takes again.

use super::*;
use crate::support::postgres::Postgres;
use tempfile::tempdir;

#[tokio::test]
async fn a_database_that_is_restarted_under_load_loses_nothing() {
    let Some(postgres) = Postgres::start() else {
        println!("not on PostgreSQL: run this by scripts/test_postgres.sh run COMMAND");
        return;
    };
    let rig = Rig::open(Desk::new(), postgres.url.clone(), Kind::Postgres).await;
    let _workers = [Running::start(rig.worker("10s")), Running::start(rig.worker("10s"))];
    let mut ids = rig.submit(0..12).await;
    for restart in 0..3 {
        rig.until(ids[4 * restart], State::is_final).await;
        postgres.stop();
        // Submitted while nobody answers: it waits for the database, or says that it could not.
        let owner = Owner::key(&format!("late-{restart}"), Level::User);
        let wish = Wish::new(Door::Http, ImageRequest { seed: Some(100 + restart as u64), ..small() });
        let submitting = tokio::spawn({
            let intake = rig.house.intake.clone();
            async move { intake.submit(&owner, wish).await }
        });
        postgres.start_again();
        ids.push(submitting.await.unwrap().unwrap());
    }
    for id in &ids {
        rig.until(*id, State::is_final).await;
    }
    assert_eq!(rig.audit(&ids).await, (ids.len(), 0));
}

#[tokio::test]
async fn a_storage_that_refuses_is_tried_again() {
    on_every_rig(async |rig| {
        let _worker = Running::start(rig.worker("10s"));
        let owner = Owner::key("anna", Level::User);
        let first = rig.submit_one(&owner, small()).await;
        rig.until(first, State::is_final).await;
        // A file where the folder was: nothing can be written there, whoever one is.
        let (media, aside) = (rig.desk.path("data/media"), tempdir().unwrap());
        let kept = aside.path().join("media");
        Command::new("mv").arg(&media).arg(&kept).status().unwrap();
        std::fs::write(&media, "").unwrap();
        let second = rig.submit_one(&owner, small()).await;
        let start = Instant::now();
        // Tried once, and back in the line.
        let waits = |view: &JobView| view.attempt > 0 && matches!(view.state, State::Queued { .. });
        while !waits(&rig.view(second).await) {
            assert!(start.elapsed() < HANG, "nobody took the job");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::fs::remove_file(&media).unwrap();
        Command::new("mv").arg(&kept).arg(&media).status().unwrap();
        rig.until(second, State::is_final).await;
        assert!(rig.view(second).await.attempt > 1);
        assert_eq!(rig.audit(&[first, second]).await, (2, 0));
    })
    .await;
}
