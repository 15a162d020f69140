//! Who was asked how often, how long it took and what came of it: a row for each day and outcome, however many
//! requests there are, and the same as metrics. Must not know who asks or who answers: it is told.

mod attempts;

pub use attempts::Attempt;

use crate::db::{Db, DbError, Tx};
use crate::media::{JobId, Tried, calendar};
use crate::values;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The statistics. Cheap to clone.
#[derive(Clone)]
pub struct Statistics {
    db: Db,
}

/// What one model of one provider did over some days.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Total {
    /// What was asked for, such as `image.generate`.
    pub task: String,
    /// `local` or the provider's id.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How often it was asked.
    pub attempts: u64,
    /// How often it answered.
    pub answered: u64,
    /// Part of the attempts that was answered, 0 to 1.
    pub success_rate: f64,
    /// How long an answer took on average, in seconds; absent where there was none.
    pub mean_s: Option<f64>,
    /// How long the longest answer took, in seconds.
    pub longest_s: Option<f64>,
    /// Size of an answer on average.
    pub mean_bytes: Option<u64>,
    /// How often it failed, by class.
    pub failures: BTreeMap<String, u64>,
}

impl Statistics {
    /// The statistics of a database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Notes an attempt for a job, in the transaction of whoever made it. The metrics of this process count it at once: should
    /// the transaction be repeated, they count it again.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn record(&self, tx: &mut Tx, job: JobId, task: &str, tried: &Tried) -> Result<(), DbError> {
        self.note(tx, job, task, tried).await?;
        let Tried { provider, model, took_ms, bytes, class, .. } = tried;
        let labels = [("task", task), ("provider", provider), ("model", model), ("class", class)]
            .map(|(name, value)| metrics::Label::new(name, value.to_owned()));
        metrics::counter!("samovar_attempts_total", labels.to_vec()).increment(1);
        metrics::histogram!("samovar_attempt_seconds", labels.to_vec()).record(Duration::from_millis(*took_ms));
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let day = calendar::day(tx.now());
        tx.execute(
            "INSERT INTO statistics (day, task, provider, model, class, attempts, total_ms, longest_ms, bytes)
             VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7)
             ON CONFLICT (day, task, provider, model, class) DO UPDATE SET
                attempts = statistics.attempts + 1,
                total_ms = statistics.total_ms + excluded.total_ms,
                longest_ms = CASE WHEN excluded.longest_ms > statistics.longest_ms
                    THEN excluded.longest_ms ELSE statistics.longest_ms END,
                bytes = statistics.bytes + excluded.bytes",
            values![day, task, provider, model, class, whole(*took_ms), whole(*bytes)],
        )
        .await?;
        Ok(())
    }

    /// What each model did over the last `days`, today included, the busiest first within each task.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn totals(&self, days: u32) -> Result<Vec<Total>, DbError> {
        let first = calendar::day(self.db.now() - i64::from(days.max(1) - 1) * DAY);
        let rows = self
            .db
            .rows(
                "SELECT task, provider, model, class, CAST(SUM(attempts) AS BIGINT) AS attempts,
                    CAST(SUM(total_ms) AS BIGINT) AS total_ms, MAX(longest_ms) AS longest_ms,
                    CAST(SUM(bytes) AS BIGINT) AS bytes
                 FROM statistics WHERE day >= $1
                 GROUP BY task, provider, model, class",
                values![first],
            )
            .await?;
        let mut totals: BTreeMap<[String; 3], Total> = BTreeMap::new();
        for row in rows {
            let [task, provider, model] = [row.get::<String>("task")?, row.get("provider")?, row.get("model")?];
            let key = [task.clone(), provider.clone(), model.clone()];
            let total = totals.entry(key).or_insert_with(|| Total { task, provider, model, ..Total::default() });
            let number = |column| Ok::<_, DbError>(u64::try_from(row.get::<i64>(column)?).unwrap_or_default());
            let class: String = row.get("class")?;
            total.add(class, number("attempts")?, [number("total_ms")?, number("longest_ms")?, number("bytes")?]);
        }
        let mut totals: Vec<Total> = totals.into_values().collect();
        totals.sort_by(|a, b| a.task.cmp(&b.task).then(b.attempts.cmp(&a.attempts)));
        Ok(totals)
    }
}

impl Total {
    /// Adds all attempts of one class; each class comes once.
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    fn add(&mut self, class: String, attempts: u64, [total_ms, longest_ms, bytes]: [u64; 3]) {
        self.attempts += attempts;
        if class == Tried::DONE {
            self.answered = attempts;
            self.mean_s = Some(total_ms as f64 / 1000.0 / attempts.max(1) as f64);
            self.longest_s = Some(longest_ms as f64 / 1000.0);
            self.mean_bytes = Some(bytes / attempts.max(1));
        } else {
            self.failures.insert(class, attempts);
        }
        self.success_rate = self.answered as f64 / self.attempts.max(1) as f64;
    }
}
