//! The statistics on both databases, and the ways to read them.

use crate::support::database::on_every_database;
use crate::support::desk::{Desk, stderr, stdout};
use metrics_exporter_prometheus::PrometheusBuilder;
use samovar::db::{Clock, Db};
use samovar::media::{JobId, Tried};
use samovar::statistics::{Statistics, Total};
use serde_json::Value;
use std::time::Duration;

const DAY: i64 = 86_400_000;

fn tried(provider: &str, model: &str, took_ms: u64, class: &str) -> Tried {
    let bytes = if class == Tried::DONE { took_ms * 10 } else { 0 };
    Tried {
        provider: provider.to_owned(),
        model: model.to_owned(),
        took_ms,
        bytes,
        class: class.to_owned(),
        ..Tried::default()
    }
}

async fn note(db: &Db, attempts: &[Tried]) {
    let statistics = Statistics::new(db.clone());
    let mut tx = db.begin().await.unwrap();
    for tried in attempts {
        statistics.record(&mut tx, JobId::fresh(), "image.generate", tried).await.unwrap();
    }
    tx.commit().await.unwrap();
}

fn summary(total: &Total) -> (String, u64, u64, Option<f64>) {
    (format!("{}:{}", total.provider, total.model), total.attempts, total.answered, total.mean_s)
}

#[tokio::test]
async fn attempts_are_added_up_by_model() {
    on_every_database(async |base| {
        let statistics = Statistics::new(base.db.clone());
        assert_eq!(statistics.totals(1).await.unwrap(), []);
        note(&base.db, &[tried("local", "demo", 1000, Tried::DONE), tried("local", "demo", 100, "crashed")]).await;
        note(&base.db, &[tried("local", "demo", 4000, Tried::DONE), tried("hf", "flux", 50, "busy")]).await;
        let mut tx = base.db.begin().await.unwrap();
        statistics
            .record(&mut tx, JobId::fresh(), "image.generate", &tried("local", "demo", 9000, Tried::DONE))
            .await
            .unwrap();
        drop(tx);

        let totals = statistics.totals(1).await.unwrap();
        let local = Total {
            task: "image.generate".to_owned(),
            provider: "local".to_owned(),
            model: "demo".to_owned(),
            attempts: 3,
            answered: 2,
            success_rate: 2.0 / 3.0,
            mean_s: Some(2.5),
            longest_s: Some(4.0),
            mean_bytes: Some(25_000),
            failures: [("crashed".to_owned(), 1)].into(),
        };
        assert_eq!(totals.first(), Some(&local), "{base:?}");
        assert_eq!(summary(&totals[1]), ("hf:flux".to_owned(), 1, 0, None), "{base:?}");
        assert_eq!(totals.len(), 2, "{base:?}");
    })
    .await;
}

#[tokio::test]
async fn days_long_past_are_left_out() {
    on_every_database(async |base| {
        let statistics = Statistics::new(base.db.clone());
        for _ in 0..3 {
            note(&base.db, &[tried("local", "demo", 10, Tried::DONE)]).await;
            base.clock.jump(DAY);
        }
        base.clock.jump(-DAY);
        for (days, attempts) in [(1, 1), (2, 2), (3, 3), (36_500, 3)] {
            assert_eq!(statistics.totals(days).await.unwrap()[0].attempts, attempts, "{days} days, {base:?}");
        }
        let rows = base.db.rows("SELECT day FROM statistics", &[]).await.unwrap();
        assert_eq!(rows.len(), 3, "one row a day, {base:?}");
    })
    .await;
}

#[tokio::test]
async fn each_attempt_is_kept_by_itself_until_its_time_is_over() {
    on_every_database(async |base| {
        let statistics = Statistics::new(base.db.clone());
        let [first, second] = [JobId::fresh(), JobId::fresh()];
        let refused = Tried {
            key: Some("9f3a".to_owned()),
            status: Some(429),
            spend_unknown: true,
            bytes: 0,
            ..tried("openai", "gpt-image", 120, "payment")
        };
        let answered = Tried { bytes: 0, ..tried("local", "demo", 1500, Tried::DONE) };
        let mut tx = base.db.begin().await.unwrap();
        for (job, tried) in [(first, &refused), (first, &answered), (second, &answered)] {
            statistics.record(&mut tx, job, "image.generate", tried).await.unwrap();
        }
        tx.commit().await.unwrap();
        let all = statistics.attempts(None, 10).await.unwrap();
        let shown: Vec<_> = all.iter().map(|attempt| (attempt.job.clone(), attempt.tried.clone())).collect();
        let (one, other) = (first.to_string(), second.to_string());
        assert_eq!(shown, [(other, answered.clone()), (one.clone(), answered.clone()), (one.clone(), refused)]);
        assert!(all.iter().all(|attempt| attempt.task == "image.generate" && attempt.at > 0), "{all:?}");
        assert_eq!(statistics.attempts(None, 1).await.unwrap(), all[..1]);
        assert_eq!(statistics.attempts(Some(&one), 10).await.unwrap(), all[1..]);

        base.clock.jump(DAY);
        note(&base.db, &[tried("local", "demo", 10, Tried::DONE)]).await;
        assert_eq!(statistics.forget(Duration::from_millis(DAY.unsigned_abs())).await.unwrap(), 3);
        assert_eq!(statistics.attempts(None, 10).await.unwrap().len(), 1);
        assert_eq!(statistics.totals(2).await.unwrap().iter().map(|total| total.attempts).sum::<u64>(), 4, "{base:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attempt_is_lost_among_many_writers() {
    on_every_database(async |base| {
        let (one, other) = (base.db.clone(), base.again().await);
        let writers = (0..20).map(|n| {
            let db = if n % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move { note(&db, &[tried("local", "demo", 10, Tried::DONE)]).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        assert_eq!(Statistics::new(one).totals(1).await.unwrap()[0].attempts, 20, "{base:?}");
    })
    .await;
}

#[tokio::test]
async fn the_command_shows_what_was_recorded() {
    let desk = Desk::new();
    let nothing = desk.run(&["stats"]);
    assert_eq!(stdout(&nothing), "nothing was asked of any model in the last 30 days\n", "{}", stderr(&nothing));
    let url = format!("sqlite://{}", desk.path("data/samovar.db").display());
    note(&Db::open(&url, Clock::system()).await.unwrap(), &[tried("local", "demo", 1500, Tried::DONE)]).await;
    let table = stdout(&desk.run(&["stats", "--days", "7"]));
    assert!(table.contains("image.generate") && table.contains("100.0%") && table.contains("1.5 s"), "{table}");
    let json: Value = serde_json::from_str(&stdout(&desk.run(&["stats", "--json"]))).unwrap();
    assert_eq!((&json["days"], &json["totals"][0]["mean_s"]), (&30.into(), &1.5.into()), "{json}");
    desk.refused(&["stats", "--days", "0"], 2, "1..=36500");
}

#[test]
fn attempts_are_counted_for_prometheus() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let desk = Desk::new();
    let url = format!("sqlite://{}", desk.path("samovar.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let db = Db::open(&url, Clock::system()).await.unwrap();
            note(&db, &[tried("local", "demo", 1500, Tried::DONE), tried("local", "demo", 100, "crashed")]).await;
        });
    });
    let told = recorder.handle().render();
    for class in [Tried::DONE, "crashed"] {
        let labels = format!(r#"{{task="image.generate",provider="local",model="demo",class="{class}"}}"#);
        assert!(told.contains(&format!("samovar_attempts_total{labels} 1\n")), "{told}");
        assert!(told.contains(&format!("samovar_attempt_seconds_count{labels} 1\n")), "{told}");
    }
}
