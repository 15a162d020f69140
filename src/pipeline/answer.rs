//! From a job's order to its answer: its files are fetched, the chain is asked, what came of it is stored.

use super::memo::JobMemo;
use super::{Pipeline, cache};
use crate::db::Passing;
use crate::media::{
    Answer, Answered, AssetId, Content, DrawnPicture, Failure, ImageRequest, ImageResult, JobId, Kept, Medium, Order,
    Owner, Provenance, Request, Source, Text, Tried, Watch,
};
use crate::queue::{Claim, State};
use crate::storage::{Kind, NewAsset, Storage};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Pauses before the storage is asked again to keep what was paid for.
const STORAGE_PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

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
        for file in &answer.files {
            delete(storage, file.asset).await;
        }
    }
}

pub(super) async fn answer(pipeline: &Pipeline, claim: &Claim, watch: Watch) -> Outcome {
    let mut tried = Vec::new();
    let result = work(pipeline, claim, watch, &mut tried).await;
    Outcome { result: result.map(Arc::new), tried }
}

async fn work(pipeline: &Pipeline, claim: &Claim, watch: Watch, tried: &mut Vec<Tried>) -> Result<Answer, Failure> {
    let (order, request) = order(claim)?;
    let (files, parent) = fetch_all(pipeline, claim, &order).await?;
    let (request, notices) = whole(request, files).await?;
    let notices = order.notices.into_iter().chain(notices);
    let key = cache::key(&pipeline.chain, &request);
    if let Some(key) = &key
        && let Some(found) = cache::find(pipeline, key, claim).await
    {
        return Ok(found);
    }
    let reply = pipeline.chain.ask(&request, &watch, &JobMemo { pipeline, claim }).await;
    *tried = reply.tried;
    let Answered { content, provenance, notices: more, .. } = reply.result?;
    let notices = notices.chain(more).collect();
    let (from, asked) = (provenance.clone(), request.clone());
    let made = tokio::task::spawn_blocking(move || made(&asked, &from, content)).await;
    let (files, text) = made.map_err(|e| Failure::internal(format!("writing the answer broke: {e}")))??;
    if let Some(answered) = tried.last_mut() {
        let text = text.as_ref().map_or(0, |text| text.text.len());
        answered.bytes = (files.iter().map(|file| file.bytes.len()).sum::<usize>() + text) as u64;
    }
    let paid = provenance.provider != "local";
    let files = store(pipeline, claim, (parent, paid), files).await?;
    let answer = Answer { files, text, provenance, notices, from_cache: false };
    if let Some(key) = &key {
        cache::keep(pipeline, key, claim, &answer).await;
    }
    Ok(answer)
}

fn order(claim: &Claim) -> Result<(Order, Request), Failure> {
    let other = |e| Failure::internal(format!("the job was written by another version and cannot be read: {e}"));
    let order: Order = serde_json::from_str(&claim.input).map_err(|e| other(e.to_string()))?;
    let request = order.request(&claim.task).map_err(other)?;
    Ok((order, request))
}

/// The files of an order, and the first of them that is stored: what the answer is made from.
async fn fetch_all(
    pipeline: &Pipeline,
    claim: &Claim,
    order: &Order,
) -> Result<(Vec<(String, Medium)>, Option<AssetId>), Failure> {
    let (mut files, mut first) = (Vec::new(), None);
    for (name, source) in &order.files {
        let asset = match source {
            Source::Asset(asset) => *asset,
            Source::Parent => first_file(pipeline, claim.parent).await?,
        };
        files.push((name.clone(), fetch(pipeline, asset, name).await?));
        first = first.or(Some(asset));
    }
    Ok((files, first))
}

async fn fetch(pipeline: &Pipeline, asset: AssetId, param: &str) -> Result<Medium, Failure> {
    let gone = || Failure::invalid(param, format!("the file {asset} is not there or has expired"));
    let meta = pipeline.storage.meta(asset).await?.ok_or_else(gone)?;
    let bytes = pipeline.storage.bytes(asset, None).await?.ok_or_else(gone)?;
    Ok(Medium::new(bytes, meta.content_type))
}

/// The request with its files, checked once more: what lies in the storage was not there to be looked at before.
async fn whole(mut request: Request, files: Vec<(String, Medium)>) -> Result<(Request, Vec<String>), Failure> {
    if files.is_empty() {
        return Ok((request, Vec::new()));
    }
    let checked = tokio::task::spawn_blocking(move || {
        for (name, medium) in files {
            request.attach(&name, medium)?;
        }
        request.checked(&[])
    });
    checked.await.map_err(|e| Failure::internal(format!("reading the files broke: {e}")))?
}

/// The first file of the job that came before.
async fn first_file(pipeline: &Pipeline, parent: Option<JobId>) -> Result<AssetId, Failure> {
    let missing = || Failure::invalid("parent", "the job that had to be done first has left no picture");
    // Whether the parent may be seen was checked when the job was submitted.
    let view = pipeline.queue.view(parent.ok_or_else(missing)?, &Owner::local()).await?;
    match view.map(|view| view.state) {
        Some(State::Done(answer)) => answer.files.first().map(|kept| kept.asset).ok_or_else(missing),
        _ => Err(missing()),
    }
}

/// A file as it is stored.
struct File {
    bytes: Bytes,
    content_type: String,
    seed: Option<u64>,
    metadata: Value,
}

/// What is to be stored of an answer, and its words.
fn made(request: &Request, from: &Provenance, content: Content) -> Result<(Vec<File>, Option<Text>), Failure> {
    let whole = |medium: Medium| File {
        bytes: medium.bytes,
        content_type: medium.content_type,
        seed: None,
        metadata: json!({ "model": from.model, "provider": from.provider }),
    };
    match content {
        Content::Pictures(result) => Ok((pictures(request, from, &result)?, None)),
        Content::Text(text) => Ok((Vec::new(), Some(text))),
        Content::Sound(medium) | Content::Video(medium) => Ok((vec![whole(medium)], None)),
    }
}

/// Each picture as a PNG with what draws it again inside.
fn pictures(request: &Request, from: &Provenance, result: &ImageResult) -> Result<Vec<File>, Failure> {
    let nothing = ImageRequest::default();
    let asked = match request {
        Request::ImageGenerate(request) => request,
        Request::ImageEdit(edit) => &edit.drawing,
        _ => &nothing,
    };
    let file = |one: &DrawnPicture| {
        let (width, height) = (one.picture.width, one.picture.height);
        let mut metadata = json!({ "width": width, "height": height, "seed": one.seed,
            "model": from.model, "provider": from.provider });
        if let Some(drawing) = &result.drawing {
            metadata["steps"] = json!(drawing.steps);
            metadata["mode"] = json!(drawing.mode);
            metadata["decoder"] = json!(drawing.decoder);
        }
        let bytes = one.picture.to_png(&result.texts(asked, from, one))?.into();
        Ok(File { bytes, content_type: "image/png".to_owned(), seed: one.seed, metadata })
    };
    result.pictures.iter().map(file).collect()
}

/// Stores all of them or none.
async fn store(
    pipeline: &Pipeline,
    claim: &Claim,
    (parent, paid): (Option<AssetId>, bool),
    files: Vec<File>,
) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::with_capacity(files.len());
    for File { bytes, content_type, seed, metadata } in files {
        let owner = claim.owner.clone();
        let asset = NewAsset { bytes, content_type, owner, kind: Kind::Generated, parent, metadata };
        match put(pipeline, asset, paid).await {
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

/// Stores a file. What was paid for is held on to for a while when the storage is away; what this machine drew is drawn
/// again.
async fn put(pipeline: &Pipeline, asset: NewAsset, paid: bool) -> Result<AssetId, Failure> {
    let mut pauses = STORAGE_PAUSES.iter();
    loop {
        match (pipeline.storage.put(asset.clone()).await, pauses.next()) {
            (Err(failure), Some(pause)) if paid && failure.passes() => {
                tracing::warn!(%failure, "a paid answer waits for the storage");
                tokio::time::sleep(*pause).await;
            }
            (stored, _) => return stored,
        }
    }
}

async fn delete(storage: &Storage, asset: AssetId) {
    if let Err(failure) = storage.delete(asset).await {
        tracing::warn!(%asset, %failure, "a file that does not count stays until it expires");
    }
}
