//! Out of the line before the end.

use super::sweep::{Ended, Standing};
use super::{Queue, STOP, state};
use crate::db::{DbError, Tx};
use crate::media::{JobId, Owner};
use crate::{locking, values};

impl Queue {
    /// Cancels a job of this owner: one that waits ends at once, with the children that wait for it; one that runs is
    /// told to stop. Returns what ended, or `None` where the owner has no such job.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn cancel(&self, tx: &mut Tx, id: JobId, owner: &Owner) -> Result<Option<Vec<Ended>>, DbError> {
        let sql = locking!(tx, "SELECT task, owner, door, state FROM jobs WHERE id = $1", "FOR UPDATE");
        let Some(row) = tx.row(sql, values![id.to_string()]).await? else { return Ok(None) };
        if !owner.may_see(&row.get::<String>("owner")?) {
            return Ok(None);
        }
        let mut ended = Vec::new();
        match row.get::<String>("state")?.as_str() {
            "queued" => {
                let sql = "UPDATE jobs SET state = 'cancelled', finished_at = $2 WHERE id = $1 AND state = 'queued'";
                let now = tx.now();
                tx.execute(sql, values![id.to_string(), now]).await?;
                let door = state::door(&row.get::<String>("door")?);
                ended.push(Ended { id, task: row.get("task")?, door, standing: Standing::Cancelled });
                self.after(tx, &mut ended, "cancelled").await?;
            }
            "running" => {
                let sql = "UPDATE jobs SET cancel_requested = 1 WHERE id = $1 AND state = 'running'";
                tx.execute(sql, values![id.to_string()]).await?;
                tx.tell(STOP, id.to_string());
            }
            _ => {}
        }
        Ok(Some(ended))
    }
}
