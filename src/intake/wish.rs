//! A request on its way into the line: checked, its pictures put into the storage, its form as a job fixed.

use super::{Idempotency, ImageOrder};
use crate::media::{AssetId, Door, Failure, ImageRequest, JobId, Owner, Picture, Source, hex};
use crate::storage::{Kind, NewAsset, Storage};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Longest idempotency key, in characters.
const LONGEST_KEY: usize = 255;

/// What a door hands in.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The way it came in.
    pub door: Door,
    /// What is asked.
    pub request: ImageRequest,
    /// The picture to start from, where the request does not bring it itself.
    pub init: Option<Source>,
    /// What of it to repaint, where the request does not bring it itself.
    pub mask: Option<AssetId>,
    /// A job that must be done first.
    pub parent: Option<JobId>,
    /// Marks a request that may be sent twice: the second is the first's job.
    pub idempotency_key: Option<String>,
}

/// A checked wish.
pub(super) struct Checked {
    pub(super) door: Door,
    pub(super) order: ImageOrder,
    pub(super) parent: Option<JobId>,
    /// What a worker must have, where one does.
    pub(super) needs: Option<String>,
    pub(super) idempotency: Option<Idempotency>,
}

impl Wish {
    /// Only a request, without anything beside it.
    #[must_use]
    pub fn new(door: Door, request: ImageRequest) -> Self {
        Self { door, request, init: None, mask: None, parent: None, idempotency_key: None }
    }

    pub(super) async fn checked(mut self, owner: &Owner, allowed: Option<&[String]>) -> Result<Checked, Failure> {
        if self.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > LONGEST_KEY) {
            let message = format!("an idempotency key has 1 to {LONGEST_KEY} characters");
            return Err(Failure::invalid("Idempotency-Key", message));
        }
        if matches!(self.init, Some(Source::Parent)) && self.parent.is_none() {
            return Err(Failure::invalid("image", "the picture of the parent is asked for, but there is no parent"));
        }
        if self.mask.is_some() && self.init.is_none() {
            return Err(Failure::invalid("mask", "a mask needs a picture to change"));
        }
        let fixed = json!([owner.id, self.init, self.mask, self.parent]);
        let allowed = allowed.map(<[String]>::to_vec);
        // On a thread of its own: a large picture to start from is scaled and hashed here.
        let checked = tokio::task::spawn_blocking(move || {
            let key = self.idempotency_key;
            let fingerprint = key.as_ref().map(|_| fingerprint(&mut self.request, &fixed.to_string()));
            let from_elsewhere = self.init.is_some();
            let strength = self.request.strength;
            // Strength belongs to a picture; the checks do not see one that lies in the storage.
            let request = ImageRequest { strength: if from_elsewhere { None } else { strength }, ..self.request };
            let (mut request, notices) = request.checked()?;
            if from_elsewhere {
                request.strength = strength;
            }
            request.allowed_models = allowed;
            let needs = request.model.as_ref().map(|model| format!("model:{model}"));
            let order = ImageOrder { request, init: self.init, mask: self.mask, notices };
            let idempotency = key.zip(fingerprint).map(|(key, fingerprint)| Idempotency { key, fingerprint });
            Ok(Checked { door: self.door, order, parent: self.parent, needs, idempotency })
        });
        checked.await.map_err(|e| Failure::internal(format!("checking the request broke: {e}")))?
    }
}

impl Checked {
    /// Moves the pictures of the request into the storage. Returns what was stored.
    pub(super) async fn store_pictures(&mut self, storage: &Storage, owner: &Owner) -> Result<Vec<AssetId>, Failure> {
        let mut stored = Vec::new();
        if let Some(init) = self.order.request.init.take() {
            let id = store(storage, owner, move || init.to_png(&[])).await?;
            self.order.init = Some(Source::Asset(id));
            stored.push(id);
        }
        if let Some(mask) = self.order.request.mask.take() {
            let gray = move || {
                let rgb = mask.gray.iter().flat_map(|gray| [*gray; 3]).collect();
                Picture { width: mask.width, height: mask.height, rgb }.to_png(&[])
            };
            let id = store(storage, owner, gray).await?;
            self.order.mask = Some(id);
            stored.push(id);
        }
        Ok(stored)
    }

    /// As the job keeps it.
    pub(super) fn input(&self) -> Result<String, Failure> {
        serde_json::to_string(&self.order)
            .map_err(|e| Failure::internal(format!("the job cannot be written down: {e}")))
    }
}

async fn store(
    storage: &Storage,
    owner: &Owner,
    png: impl FnOnce() -> Result<Vec<u8>, Failure> + Send + 'static,
) -> Result<AssetId, Failure> {
    let png = tokio::task::spawn_blocking(png).await;
    let png = png.map_err(|e| Failure::internal(format!("writing the picture broke: {e}")))??;
    let asset = NewAsset {
        bytes: png.into(),
        content_type: "image/png".to_owned(),
        owner: owner.id.clone(),
        kind: Kind::Uploaded,
        parent: None,
        metadata: json!({}),
    };
    storage.put(asset).await
}

/// A hash of everything that was asked, pictures by their pixels.
fn fingerprint(request: &mut ImageRequest, beside: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(beside);
    // Taken out for the while: the words are hashed as JSON, in which pixels would take several times their size.
    let (init, mask) = (request.init.take(), request.mask.take());
    if let Some(init) = &init {
        hash.update(format!("{}x{}", init.width, init.height));
        hash.update(&init.rgb);
    }
    if let Some(mask) = &mask {
        hash.update(&mask.gray);
    }
    hash.update(serde_json::to_vec(&request).unwrap_or_default());
    (request.init, request.mask) = (init, mask);
    hex::encode(hash.finalize())
}
