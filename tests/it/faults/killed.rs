//! `kill -9` at random points, and between the picture and the money.

use super::*;

/// Kills of a short run, and of a long one (`scripts/test.sh --soak`).
const SHORT: (usize, usize) = (24, 5);
const LONG: (usize, usize) = (500, 100);

#[tokio::test]
async fn killed_workers_lose_nothing() {
    on_every_rig(async |rig| soak(&rig, SHORT).await).await;
}

#[tokio::test]
#[ignore = "takes long: scripts/test.sh --soak"]
async fn workers_killed_a_hundred_times_lose_nothing() {
    on_every_rig(async |rig| soak(&rig, LONG).await).await;
}

async fn soak(rig: &Rig, (jobs, kills): (usize, usize)) {
    // SQLite serves one machine: one worker. PostgreSQL is what several share.
    let size = if rig.kind == Kind::Sqlite { 1 } else { 3 };
    let start = Instant::now();
    let mut ids = rig.submit(0..jobs).await;
    let mut workers: Vec<Running> = (0..size).map(|_| Running::start(rig.worker("10s"))).collect();
    for kill in 0..kills {
        if rig.open_jobs().await < 2 * i64::try_from(size).unwrap() {
            ids.extend(rig.submit(ids.len()..ids.len() + 2 * size * JOBS_EACH).await);
        }
        // Anywhere in the life of a worker: starting, loading, drawing, storing, settling.
        tokio::time::sleep(Duration::from_millis(rand::random_range(100..2500))).await;
        let victim = &mut workers[kill % size];
        victim.kill();
        *victim = Running::start(rig.worker("10s"));
    }
    for id in &ids {
        rig.until(*id, State::is_final).await;
    }
    let (done, failed) = rig.audit(&ids).await;
    let again = rig.count("SELECT CAST(SUM(attempt) - COUNT(*) AS BIGINT) AS n FROM jobs").await;
    println!(
        "{:?}: {} jobs, {kills} kills of {size} workers in {} s: {done} done once, {failed} failed after three lost \
         workers, {again} attempts repeated",
        rig.kind,
        ids.len(),
        start.elapsed().as_secs()
    );
}

#[tokio::test]
async fn a_worker_killed_between_picture_and_money_charges_once() {
    on_every_rig(async |rig| {
        // Paid in part: the day's free ones are three, eight are asked.
        for attempt in 1.. {
            let mut worker = Running::start(rig.worker("10s"));
            let owner = Owner::key(&format!("user-{attempt}"), Level::User);
            let id = rig.submit_one(&owner, ImageRequest { count: 8, ..small() }).await;
            // The first of eight pictures is stored: the job is not yet done.
            let start = Instant::now();
            while rig.count("SELECT COUNT(*) AS n FROM assets").await == 0 {
                assert!(start.elapsed() < HANG, "no picture was stored");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            worker.kill();
            let hit = matches!(rig.view(id).await.state, State::Running { .. });
            let _again = Running::start(rig.worker("10s"));
            rig.until(id, State::is_final).await;
            assert_eq!(rig.audit(&[id]).await, (1, 0));
            if hit {
                assert_eq!(rig.view(id).await.attempt, 2);
                break;
            }
            // Too late by a moment: once more, with nothing stored before.
            let mut tx = rig.db.begin().await.unwrap();
            tx.execute("DELETE FROM assets", &[]).await.unwrap();
            tx.commit().await.unwrap();
            assert!(attempt < 20, "the moment was never met");
        }
    })
    .await;
}
