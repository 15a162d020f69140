//! From a job's order to its answer: its pictures are fetched, the chain is asked, what it drew is stored.

use super::{Pipeline, cache};
use crate::media::order::IMAGE_GENERATE;
use crate::media::{
    Answer, AssetId, DrawnPicture, Failure, ImageOrder, ImageRequest, ImageResult, JobId, Kept, Mask, Owner, Picture,
    Source, Tried, Watch,
};
use crate::queue::{Claim, State};
use crate::storage::{Kind, NewAsset, Storage};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// What came of the work on a job.
pub(super) struct Outcome {
    pub(super) result: Result<Arc<Answer>, Failure>,
    pub(super) tried: Vec<Tried>,
}

impl Outcome {
    /// The work panicked.
    pub(super) fn broken() -> Self {
        Self { result: Err(Failure::internal("the job broke; the server's log says why")), tried: Vec::new() }
    }

    pub(super) fn cached(&self) -> bool {
        self.result.as_ref().is_ok_and(|answer| answer.from_cache)
    }

    /// Deletes what was stored for an answer that does not count.
    pub(super) async fn discard(&self, storage: &Storage) {
        let Ok(answer) = &self.result else { return };
        for picture in &answer.pictures {
            delete(storage, picture.asset).await;
        }
    }
}

pub(super) async fn answer(pipeline: &Pipeline, claim: &Claim, watch: Watch) -> Outcome {
    let mut tried = Vec::new();
    let result = image(pipeline, claim, watch, &mut tried).await;
    Outcome { result: result.map(Arc::new), tried }
}

async fn image(pipeline: &Pipeline, claim: &Claim, watch: Watch, tried: &mut Vec<Tried>) -> Result<Answer, Failure> {
    let order = order(claim)?;
    let parent = match order.init {
        Some(Source::Asset(asset)) => Some(asset),
        Some(Source::Parent) => Some(first_picture(pipeline, claim.parent).await?),
        None => None,
    };
    let (request, notices) = request(pipeline, &order, parent).await?;
    let key = cache::key(&pipeline.chain, &request);
    if let Some(key) = &key
        && let Some(found) = cache::find(pipeline, key, claim).await
    {
        return Ok(found);
    }
    let reply = pipeline.chain.image(request.clone(), watch).await;
    *tried = reply.tried;
    let result = reply.result?;
    let provenance = result.provenance.clone();
    let notices: Vec<String> = notices.into_iter().chain(result.notices.iter().cloned()).collect();
    let files = tokio::task::spawn_blocking(move || files(&request, result)).await;
    let files = files.map_err(|e| Failure::internal(format!("writing the pictures broke: {e}")))??;
    if let Some(answered) = tried.last_mut() {
        answered.bytes = files.iter().map(|file| file.png.len() as u64).sum();
    }
    let pictures = store(pipeline, claim, parent, files).await?;
    let answer = Answer { pictures, provenance, notices, from_cache: false };
    if let Some(key) = &key {
        cache::keep(pipeline, key, claim, &answer).await;
    }
    Ok(answer)
}

fn order(claim: &Claim) -> Result<ImageOrder, Failure> {
    if claim.task != IMAGE_GENERATE {
        return Err(Failure::invalid("task", format!("this version cannot do jobs of the kind {}", claim.task)));
    }
    serde_json::from_str(&claim.input)
        .map_err(|e| Failure::internal(format!("the job was written by another version and cannot be read: {e}")))
}

/// The request with its pictures, checked once more: what lies in the storage was not there to be looked at before.
async fn request(
    pipeline: &Pipeline,
    order: &ImageOrder,
    init: Option<AssetId>,
) -> Result<(ImageRequest, Vec<String>), Failure> {
    let mut notices = order.notices.clone();
    let mut request = order.request.clone();
    let Some(init) = init else { return Ok((request, notices)) };
    let picture = fetch(pipeline, init, "image").await?;
    let mask = match order.mask {
        Some(mask) => Some(fetch(pipeline, mask, "mask").await?),
        None => None,
    };
    let checked = tokio::task::spawn_blocking(move || {
        request.init = Some(Picture::decode(&picture, "image")?);
        request.mask = mask.map(|mask| Mask::decode(&mask, "mask")).transpose()?;
        request.checked()
    });
    let broke = |e| Failure::internal(format!("reading the pictures broke: {e}"));
    let (request, more) = checked.await.map_err(broke)??;
    notices.extend(more);
    Ok((request, notices))
}

async fn fetch(pipeline: &Pipeline, asset: AssetId, param: &str) -> Result<Bytes, Failure> {
    let found = pipeline.storage.bytes(asset, None).await?;
    found.ok_or_else(|| Failure::invalid(param, format!("the file {asset} is not there or has expired")))
}

/// The first picture of the job that came before.
async fn first_picture(pipeline: &Pipeline, parent: Option<JobId>) -> Result<AssetId, Failure> {
    let missing = || Failure::invalid("parent", "the job that had to be done first has left no picture");
    // Whether the parent may be seen was checked when the job was submitted.
    let view = pipeline.queue.view(parent.ok_or_else(missing)?, &Owner::local()).await?;
    match view.map(|view| view.state) {
        Some(State::Done(answer)) => answer.pictures.first().map(|kept| kept.asset).ok_or_else(missing),
        _ => Err(missing()),
    }
}

/// A picture as it is stored.
struct File {
    seed: u64,
    png: Bytes,
    metadata: Value,
}

/// Each picture as a PNG with what draws it again inside.
fn files(request: &ImageRequest, mut result: ImageResult) -> Result<Vec<File>, Failure> {
    let drawn: Vec<DrawnPicture> = std::mem::take(&mut result.pictures);
    let file = |one: &DrawnPicture| {
        let (width, height) = (one.picture.width, one.picture.height);
        let provenance = &result.provenance;
        let metadata = json!({ "width": width, "height": height, "seed": one.seed, "steps": result.steps,
            "model": provenance.model, "provider": provenance.provider, "mode": result.mode, "decoder": result.decoder });
        Ok(File { seed: one.seed, png: one.picture.to_png(&result.texts(request, one))?.into(), metadata })
    };
    drawn.iter().map(file).collect()
}

/// Stores all of them or none.
async fn store(
    pipeline: &Pipeline,
    claim: &Claim,
    parent: Option<AssetId>,
    files: Vec<File>,
) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::with_capacity(files.len());
    for File { seed, png, metadata } in files {
        let asset = NewAsset {
            bytes: png,
            content_type: "image/png".to_owned(),
            owner: claim.owner.clone(),
            kind: Kind::Generated,
            parent,
            metadata,
        };
        match pipeline.storage.put(asset).await {
            Ok(asset) => kept.push(Kept { asset, seed }),
            Err(failure) => {
                for Kept { asset, .. } in kept {
                    delete(&pipeline.storage, asset).await;
                }
                return Err(failure);
            }
        }
    }
    Ok(kept)
}

async fn delete(storage: &Storage, asset: AssetId) {
    if let Err(failure) = storage.delete(asset).await {
        tracing::warn!(%asset, %failure, "a picture that does not count stays until it expires");
    }
}
