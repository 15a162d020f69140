//! Answers that were given before: the same request with the same seed has the same pictures, and they are stored.

use super::Pipeline;
use crate::chain::Chain;
use crate::db::DbError;
use crate::media::{Answer, AssetId, Failure, Request, hex};
use crate::queue::Claim;
use crate::values;
use sha2::{Digest, Sha256};

/// What the pictures of a request hang on. `None` for anything but a picture from words; without a seed, which asks for a
/// new one; and where a picture is given, which would have to be compared. The model is the one that would be asked now: another one that is set up
/// later, or the same one fetched anew, draws anew.
pub(super) struct Key {
    hash: String,
    /// Provider and model.
    asked: (String, String),
}

pub(super) fn key(chain: &Chain, request: &Request) -> Option<Key> {
    let Request::ImageGenerate(drawing) = request else { return None };
    drawing.seed?;
    if drawing.init.is_some() {
        return None;
    }
    let first = chain.first(request)?;
    let words = serde_json::to_vec(&(drawing, &first.provider, &first.name, first.created)).ok()?;
    let hash = hex::encode(Sha256::digest(words));
    Some(Key { hash, asked: (first.provider, first.name) })
}

/// The stored answer, with copies of its pictures for this owner, so that each expires with its own job. One that an
/// earlier attempt of this very job left, whose end was never written down, counts as drawn for it; its pictures are
/// copied all the same: that attempt's worker may still live, and deletes what did not count.
/// What cannot be read is as good as absent.
pub(super) async fn find(pipeline: &Pipeline, key: &Key, claim: &Claim) -> Option<Answer> {
    let mut copies = Vec::new();
    let found = copied(pipeline, key, claim, &mut copies).await;
    if !matches!(found, Ok(Some(_))) {
        for asset in copies {
            // What stays expires.
            let _ = pipeline.storage.delete(asset).await;
        }
    }
    found.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "an answer that was kept could not be read");
        None
    })
}

async fn copied(
    pipeline: &Pipeline,
    key: &Key,
    claim: &Claim,
    copies: &mut Vec<AssetId>,
) -> Result<Option<Answer>, Failure> {
    let row = pipeline.db.row("SELECT job, answer FROM results WHERE key = $1", values![&key.hash]).await?;
    let Some(row) = row else { return Ok(None) };
    let own = row.get::<String>("job")? == claim.id.to_string();
    let Ok(mut answer) = serde_json::from_str::<Answer>(&row.get::<String>("answer")?) else { return Ok(None) };
    for kept in &mut answer.files {
        let Some(copy) = pipeline.storage.copy(kept.asset, &claim.owner).await? else { return Ok(None) };
        copies.push(copy);
        kept.asset = copy;
    }
    answer.from_cache = !own;
    Ok(Some(answer))
}

/// Keeps an answer, if the one who was to be asked gave it. A failure to do so costs only time, later.
pub(super) async fn keep(pipeline: &Pipeline, key: &Key, claim: &Claim, answer: &Answer) {
    if (&key.asked.0, &key.asked.1) != (&answer.provenance.provider, &answer.provenance.model) {
        return;
    }
    let kept = async {
        let mut tx = pipeline.db.begin().await?;
        let sql = "INSERT INTO results (key, job, answer, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (key) DO UPDATE SET job = excluded.job, answer = excluded.answer,
                created_at = excluded.created_at";
        let answer = serde_json::to_string(answer).unwrap_or_default();
        let now = tx.now();
        tx.execute(sql, values![&key.hash, claim.id.to_string(), answer, now]).await?;
        tx.commit().await
    };
    if let Err(error) = kept.await {
        tracing::warn!(%error, "an answer could not be kept for the next one who asks the same");
    }
}

/// Deletes answers whose pictures have expired. Returns how many.
pub(super) async fn forget(pipeline: &Pipeline) -> Result<u64, DbError> {
    let mut tx = pipeline.db.begin().await?;
    let keep = pipeline.queue.settings().keep_finished.as_millis();
    let before = tx.now() - i64::try_from(keep).unwrap_or(i64::MAX);
    let deleted = tx.execute("DELETE FROM results WHERE created_at < $1", values![before]).await?;
    tx.commit().await?;
    Ok(deleted)
}
