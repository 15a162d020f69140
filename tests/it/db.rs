//! The database room on SQLite and on PostgreSQL: what is written is there, once, for everybody.

use crate::support::database::on_every_database;
use samovar::db::{DbError, Row};
use samovar::values;

async fn paces(db: &samovar::db::Db) -> Vec<String> {
    let rows = db.rows("SELECT task FROM paces ORDER BY task", &[]).await.unwrap();
    rows.iter().map(|row: &Row| row.get("task").unwrap()).collect()
}

#[tokio::test]
async fn a_transaction_that_is_dropped_changes_nothing() {
    on_every_database(async |base| {
        let insert = "INSERT INTO paces (task, mean_ms) VALUES ($1, $2)";
        let mut tx = base.db.begin().await.unwrap();
        tx.execute(insert, values!["dropped", 1.0]).await.unwrap();
        drop(tx);
        let mut tx = base.db.begin().await.unwrap();
        tx.execute(insert, values!["kept", 1.0]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(paces(&base.again().await).await, ["kept"], "{base:?}");

        let mut tx = base.db.begin().await.unwrap();
        let twice = tx.execute(insert, values!["kept", 2.0]).await;
        assert!(matches!(twice, Err(DbError::Refused(_))), "{base:?}: {twice:?}");
    })
    .await;
}
