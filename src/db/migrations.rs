//! The tables, step by step. Steps are only ever added; those that were released are never changed.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

/// Number, name and statements of each step. Lines from `-- sqlite` or `-- postgres` to `-- both` are for that
/// database alone; all others serve both.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "jobs", include_str!("migrations/0001_jobs.sql")),
    (2, "accounts", include_str!("migrations/0002_accounts.sql")),
    (3, "assets", include_str!("migrations/0003_assets.sql")),
    (4, "statistics", include_str!("migrations/0004_statistics.sql")),
    (5, "results", include_str!("migrations/0005_results.sql")),
    (6, "line", include_str!("migrations/0006_line.sql")),
    (7, "provider_keys", include_str!("migrations/0007_provider_keys.sql")),
    (8, "remote", include_str!("migrations/0008_remote.sql")),
    (9, "attempts", include_str!("migrations/0009_attempts.sql")),
    (10, "telegram", include_str!("migrations/0010_telegram.sql")),
];

pub(super) fn sqlite() -> Migrator {
    migrator("sqlite")
}

pub(super) fn postgres() -> Migrator {
    migrator("postgres")
}

fn migrator(dialect: &str) -> Migrator {
    let step = |(version, name, text): &(i64, &'static str, &str)| {
        let sql = AssertSqlSafe(only(text, dialect)).into_sql_str();
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(STEPS.iter().map(step).collect())
}

fn only(text: &str, dialect: &str) -> String {
    let mut wanted = true;
    let mut kept = String::new();
    for line in text.lines() {
        match line {
            "-- sqlite" | "-- postgres" => wanted = line.ends_with(dialect),
            "-- both" => wanted = true,
            _ if wanted => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_own_lines() {
        let text = "a\n-- sqlite\nb\n-- postgres\nc\n-- both\nd\n";
        assert_eq!((only(text, "sqlite"), only(text, "postgres")), ("a\nb\nd\n".into(), "a\nc\nd\n".into()));
    }

    #[test]
    fn steps_are_numbered_in_order() {
        assert!(STEPS.iter().zip(1..).all(|((version, ..), expected)| *version == expected));
    }
}
