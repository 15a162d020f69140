//! The product in one function: a job becomes a question to the chain, its pictures become stored files, the files
//! become the job's answer. It must not know doors, and of those who answer only the chain.

use crate::chain::Chain;
use crate::media::{Answer, DrawnPicture, Failure, ImageRequest, ImageResult, Kept, Watch};
use crate::queue::{Claim, Queue};
use crate::storage::{Kind, NewAsset, Storage};
use bytes::Bytes;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Works off the line, one job after the other, until `stop`. Then the line is closed: the job in hand and those that
/// wait end as cancelled, so that nobody waits for an answer that will not come.
pub async fn run(queue: Arc<Queue>, chain: Arc<Chain>, storage: Arc<Storage>, stop: CancellationToken) {
    loop {
        let claim = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            claim = queue.claim() => claim,
        };
        let job = work(&queue, &chain, &storage, claim);
        tokio::pin!(job);
        tokio::select! {
            () = &mut job => {}
            () = stop.cancelled() => {
                queue.close().await;
                job.await;
            }
        }
    }
    queue.close().await;
}

async fn work(queue: &Queue, chain: &Chain, storage: &Storage, claim: Claim) {
    let id = claim.id;
    // A panic in one job must not end the worker: every later job would wait for ever.
    let outcome = AssertUnwindSafe(answer(queue, chain, storage, claim)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(Failure::internal("the job broke; the server's log says why")));
    match &outcome {
        Ok(answer) => tracing::info!(job = %id, provider = answer.provenance.provider, model = answer.provenance.model,
            fallback_reason = answer.provenance.fallback_reason, "job done"),
        Err(Failure::Cancelled) => tracing::info!(job = %id, "job cancelled"),
        Err(failure) => tracing::warn!(job = %id, class = failure.class(), %failure, "job failed"),
    }
    queue.finish(id, outcome).await;
}

async fn answer(queue: &Queue, chain: &Chain, storage: &Storage, claim: Claim) -> Result<Answer, Failure> {
    let Claim { id, owner, request, notices, cancel } = claim;
    let (watch, mut arrives) = Watch::new(cancel);
    let drawing = chain.image(request.clone(), watch);
    tokio::pin!(drawing);
    let result = loop {
        tokio::select! {
            result = &mut drawing => break result?,
            Some(progress) = arrives.recv() => queue.progress(id, progress.step, progress.of).await,
        }
    };
    let provenance = result.provenance.clone();
    let notices = notices.into_iter().chain(result.notices.iter().cloned()).collect();
    let files = tokio::task::spawn_blocking(move || files(&request, result)).await;
    let files = files.map_err(|e| Failure::internal(format!("writing the pictures broke: {e}")))??;
    let mut pictures = Vec::with_capacity(files.len());
    for (seed, png) in files {
        let new = NewAsset {
            bytes: png,
            content_type: "image/png".to_owned(),
            owner: owner.id.clone(),
            kind: Kind::Generated,
            parent: None,
            metadata: serde_json::json!({}),
        };
        pictures.push(Kept { asset: storage.put(new).await?, seed });
    }
    Ok(Answer { pictures, provenance, notices, from_cache: false })
}

/// Each picture's seed and PNG, with what draws it again inside.
fn files(request: &ImageRequest, mut result: ImageResult) -> Result<Vec<(u64, Bytes)>, Failure> {
    let drawn: Vec<DrawnPicture> = std::mem::take(&mut result.pictures);
    drawn.iter().map(|one| Ok((one.seed, one.picture.to_png(&result.texts(request, one))?.into()))).collect()
}
