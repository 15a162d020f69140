//! A request on its way into the line: checked, its files put into the storage, its form as a job fixed.

use super::Idempotency;
use crate::media::{AssetId, Door, Failure, JobId, Medium, Order, Owner, Request, Source, hex};
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
    pub request: Request,
    /// Files that the request does not bring itself, by their names in it.
    pub files: Vec<(String, Source)>,
    /// A job that must be done first.
    pub parent: Option<JobId>,
    /// Marks a request that may be sent twice: the second is the first's job.
    pub idempotency_key: Option<String>,
}

/// A checked wish.
pub(super) struct Checked {
    pub(super) door: Door,
    pub(super) request: Request,
    /// Files of the request that are not stored yet.
    media: Vec<(&'static str, Medium)>,
    files: Vec<(String, Source)>,
    notices: Vec<String>,
    pub(super) parent: Option<JobId>,
    /// What a worker must have, where one does.
    pub(super) needs: Option<String>,
    pub(super) idempotency: Option<Idempotency>,
}

impl Wish {
    /// Only a request, without anything beside it.
    #[must_use]
    pub fn new(door: Door, request: impl Into<Request>) -> Self {
        Self { door, request: request.into(), files: Vec::new(), parent: None, idempotency_key: None }
    }

    pub(super) async fn checked(self, owner: &Owner, allowed: Option<&[String]>) -> Result<Checked, Failure> {
        if self.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > LONGEST_KEY) {
            let message = format!("an idempotency key has 1 to {LONGEST_KEY} characters");
            return Err(Failure::invalid("Idempotency-Key", message));
        }
        if let Some((name, _)) = self.files.iter().find(|(_, source)| *source == Source::Parent)
            && self.parent.is_none()
        {
            return Err(Failure::invalid(name, "the picture of the parent is asked for, but there is no parent"));
        }
        let (owner, level) = (owner.id.clone(), owner.level);
        let allowed = allowed.map(<[String]>::to_vec);
        // On a thread of its own: a large picture to start from is scaled, written as a file and hashed here.
        let checked = tokio::task::spawn_blocking(move || {
            let fixed =
                json!([owner, self.request.task(), self.request.to_json()?, self.files, self.parent]).to_string();
            let elsewhere: Vec<&str> = self.files.iter().map(|(name, _)| name.as_str()).collect();
            let (mut request, notices) = self.request.checked(&elsewhere)?;
            let media = request.detach()?;
            request.choice_mut().allowed_models = allowed;
            request.choice_mut().level = Some(level);
            let needs = request.choice().model.as_ref().map(|model| format!("model:{model}"));
            let key = self.idempotency_key;
            let idempotency = key.map(|key| Idempotency { key, fingerprint: fingerprint(&fixed, &media) });
            let (door, files, parent) = (self.door, self.files, self.parent);
            Ok(Checked { door, request, media, files, notices, parent, needs, idempotency })
        });
        checked.await.map_err(|e| Failure::internal(format!("checking the request broke: {e}")))?
    }
}

impl Checked {
    /// Moves the files of the request into the storage. Returns what was stored.
    pub(super) async fn store_files(&mut self, storage: &Storage, owner: &Owner) -> Result<Vec<AssetId>, Failure> {
        let mut stored = Vec::new();
        for (name, medium) in std::mem::take(&mut self.media) {
            let asset = NewAsset {
                bytes: medium.bytes,
                content_type: medium.content_type,
                owner: owner.id.clone(),
                kind: Kind::Uploaded,
                parent: None,
                metadata: json!({}),
            };
            let id = storage.put(asset).await?;
            self.files.push((name.to_owned(), Source::Asset(id)));
            stored.push(id);
        }
        Ok(stored)
    }

    /// As the job keeps it.
    pub(super) fn input(&self) -> Result<String, Failure> {
        let order =
            Order { request: self.request.to_json()?, files: self.files.clone(), notices: self.notices.clone() };
        serde_json::to_string(&order).map_err(|e| Failure::internal(format!("the job cannot be written down: {e}")))
    }
}

/// A hash of everything that was asked, files by their bytes.
fn fingerprint(asked: &str, media: &[(&str, Medium)]) -> String {
    let mut hash = Sha256::new();
    hash.update(asked);
    for (name, medium) in media {
        hash.update(name);
        hash.update(medium.bytes.len().to_le_bytes());
        hash.update(&medium.bytes);
    }
    hex::encode(hash.finalize())
}
