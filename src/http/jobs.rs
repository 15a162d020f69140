//! `/v1/jobs`: the same requests without waiting: submit, look, cancel, follow.

use super::Door;
use super::error::{ApiError, ErrorAnswer, ErrorBody};
use super::extract::{self, Asked, Json, Named};
use super::images::{Format, ImageFields, ImageList, list as image_list};
use super::speech::SpeechFields;
use super::tasks;
use super::transcripts::TranscriptFields;
use crate::intake::{JobView, State as JobState, Wish};
use crate::media::owner::Door as WayIn;
use crate::media::task::{ImageDescribe, ImageLetter, ImageUpscale, TextTranslate, TextWrite, VideoGenerate};
use crate::media::{AssetId, Failure, JobId, Owner, Provenance, Source, Text, Tried};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use utoipa::ToSchema;

/// How often a stream of events shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Most jobs on one page.
const LONGEST_PAGE: u32 = 100;

/// The input of a job, by its task.
#[derive(ToSchema)]
#[schema(as = TaskInput)]
#[serde(untagged)]
#[expect(dead_code, reason = "published in /openapi.json; the input itself is read by its task")]
pub enum TaskInput {
    /// `image.generate` and `image.edit`.
    Image(ImageFields),
    /// `image.upscale`.
    Upscale(ImageUpscale),
    /// `image.letter`.
    Letter(ImageLetter),
    /// `image.describe`.
    Describe(ImageDescribe),
    /// `speech.transcribe`.
    Transcribe(TranscriptFields),
    /// `speech.synthesize`.
    Speak(SpeechFields),
    /// `text.write`.
    Write(TextWrite),
    /// `text.translate`.
    Translate(TextTranslate),
    /// `video.generate`.
    Film(VideoGenerate),
}

/// A job to do.
#[derive(Debug, Deserialize, ToSchema)]
pub struct JobOrder {
    /// `image.generate`, `image.edit`, `image.upscale`, `image.letter`, `image.describe`, `speech.transcribe`,
    /// `speech.synthesize`, `text.write`, `text.translate` or `video.generate`.
    #[serde(default, deserialize_with = "extract::text")]
    #[schema(example = "image.generate")]
    task: Option<String>,
    /// For pictures the fields of `/v1/images/generations`, for `speech.transcribe` those of
    /// `/v1/audio/transcriptions`, for `speech.synthesize` those of `/v1/audio/speech`, for the rest those of the task. Files are ids as `/v1/assets` gives them: `image` (or `images`), `mask`, `audio`; one of
    /// them may be `parent`: the first file of the parent's answer.
    #[serde(default)]
    #[schema(value_type = TaskInput)]
    input: Map<String, Value>,
    /// A job of the caller that must be done first; this one fails when that one does.
    #[serde(default, deserialize_with = "extract::text")]
    parent: Option<String>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// Its name.
    id: String,
    /// Seconds since 1970.
    created: u64,
    /// What is done, such as `image.generate`.
    task: String,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    status: &'static str,
    /// While queued: its place in the line; 1 is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u32>,
    /// While queued: expected seconds until it starts, once that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_s: Option<u64>,
    /// While running: steps finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    /// While running: steps in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u32>,
    /// When done: files by links, and words.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<JobResult>,
    /// When failed: why, as the waiting endpoint would have answered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ErrorBody>)]
    error: Option<Value>,
    /// The job that had to be done first.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// For admins: everybody who was asked for the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    attempts: Vec<Tried>,
}

/// What came of a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobResult {
    /// Pictures, or the only sound or film; nothing for words.
    #[serde(flatten)]
    files: ImageList,
    /// Words: a transcript, a description, a translation, a prompt.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    text: Option<Text>,
    /// Who answered.
    model: String,
    /// `local` or the provider's id.
    provider: String,
    /// Why it was not the first choice.
    fallback_reason: Option<String>,
    /// What the caller should know.
    notice: Option<String>,
}

/// Jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// The page.
    data: Vec<Job>,
}

/// Which page of the jobs.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// Jobs on the page, up to 100; 20 by default.
    limit: Option<u32>,
    /// Only jobs older than this one.
    before: Option<String>,
}

/// Puts a job in the line.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = JobOrder,
    responses((status = 202, body = Job), (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub async fn submit(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Json(order): Json<JobOrder>,
) -> Result<(StatusCode, axum::Json<Job>), ApiError> {
    let (request, files) = tasks::request(&door, order.task.as_deref().unwrap_or_default(), order.input)?;
    for (name, source) in &files {
        if let Source::Asset(asset) = source {
            check_asset(&door, &caller, name, *asset).await?;
        }
    }
    let mut wish = Wish::new(WayIn::Http, request);
    wish.files = files;
    let not_an_id = |_| ApiError::field("parent", "`parent` must be the id of a job");
    wish.parent = order.parent.map(|id| id.parse()).transpose().map_err(not_an_id)?;
    wish.idempotency_key = extract::idempotency_key(&headers)?;
    let id = door.state.intake.submit(&caller, wish).await.map_err(|failure| ApiError::of(failure, &caller))?;
    let job = find(&door, &caller, &headers, &id.to_string()).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(job)))
}

/// Whether the caller may use this file.
async fn check_asset(door: &Door, caller: &Owner, param: &str, asset: AssetId) -> Result<(), ApiError> {
    let meta = door.state.storage.meta(asset).await.map_err(|failure| ApiError::of(failure, caller))?;
    if let Some(meta) = meta.filter(|meta| caller.may_see(&meta.owner)) {
        let picture = meta.content_type.starts_with("image/");
        if picture == (param == "audio") {
            let message = format!("the stored file {asset} is {}, which cannot be `{param}`", meta.content_type);
            return Err(ApiError::field(param, message));
        }
        return Ok(());
    }
    Err(ApiError::field(param, format!("there is no stored file {asset}")))
}

/// The caller's jobs, newest first; an admin sees everybody's.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(
        ("limit" = Option<u32>, Query, description = "jobs on the page, up to 100; 20 by default"),
        ("before" = Option<String>, Query, description = "only jobs older than this one")),
    responses((status = 200, body = JobList), (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer)))]
pub async fn list(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Asked(page): Asked<Page>,
) -> Result<axum::Json<JobList>, ApiError> {
    let before: Option<JobId> = page
        .before
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| ApiError::field("before", "`before` must be a job's id"))?;
    let limit = page.limit.unwrap_or(20).clamp(1, LONGEST_PAGE);
    let mut data = Vec::new();
    let fail = |failure| ApiError::of(failure, &caller);
    for view in door.state.intake.list(&caller, before, limit).await.map_err(fail)? {
        data.push(job(&door, &caller, &headers, view).await?);
    }
    Ok(axum::Json(JobList { data }))
}

/// One job.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 200, body = Job), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub async fn view(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Named(id): Named,
) -> Result<axum::Json<Job>, ApiError> {
    find(&door, &caller, &headers, &id).await.map(axum::Json)
}

/// Cancels a job: at once while it waits, at its next step while it runs. A finished one stays as it is.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 200, body = Job), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub async fn cancel(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Named(id): Named,
) -> Result<axum::Json<Job>, ApiError> {
    let known: JobId = id.parse().map_err(|_| ApiError::not_found("job", &id))?;
    if !door.state.intake.cancel(known, &caller).await.map_err(|failure| ApiError::of(failure, &caller))? {
        return Err(ApiError::not_found("job", &id));
    }
    find(&door, &caller, &headers, &id).await.map(axum::Json)
}

/// Follows a job as server-sent events: `queued`, `running`, then one of `done`, `failed`, `cancelled`.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub async fn events(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Named(name): Named,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let view = known(&door, &caller, &name).await?;
    let watcher = door.state.intake.watch(view.id, &caller).await;
    let watcher = watcher.map_err(|failure| ApiError::of(failure, &caller))?;
    let mut watcher = watcher.ok_or_else(|| ApiError::not_found("job", &name))?;
    watcher.mark_changed();
    let stop = door.stop.clone();
    // From the present state on; the last one is told, then the stream ends.
    let states = stream::unfold((watcher, false), |(mut watcher, over)| async move {
        if over || watcher.changed().await.is_err() {
            return None;
        }
        let state = watcher.borrow_and_update().clone();
        let over = state.is_final();
        Some((state, (watcher, over)))
    });
    let stream = states.take_until(stop.cancelled_owned()).then(move |state| {
        let (door, caller, headers) = (Arc::clone(&door), caller.clone(), headers.clone());
        let view = JobView { state, ..view.clone() };
        async move { Ok(event(&door, &caller, &headers, view).await) }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

async fn event(door: &Door, caller: &Owner, headers: &HeaderMap, view: JobView) -> Event {
    match job(door, caller, headers, view).await {
        Ok(job) => Event::default().event(job.status).json_data(&job).unwrap_or_default(),
        Err(error) => Event::default().event("failed").json_data(error.body()).unwrap_or_default(),
    }
}

async fn known(door: &Door, caller: &Owner, name: &str) -> Result<JobView, ApiError> {
    let unknown = || ApiError::not_found("job", name);
    let id: JobId = name.parse().map_err(|_| unknown())?;
    let view = door.state.intake.view(id, caller).await.map_err(|failure| ApiError::of(failure, caller))?;
    view.ok_or_else(unknown)
}

async fn find(door: &Door, caller: &Owner, headers: &HeaderMap, name: &str) -> Result<Job, ApiError> {
    let view = known(door, caller, name).await?;
    job(door, caller, headers, view).await
}

async fn job(door: &Door, caller: &Owner, headers: &HeaderMap, view: JobView) -> Result<Job, ApiError> {
    let mut job = Job {
        id: view.id.to_string(),
        created: view.created.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        task: view.task,
        status: view.state.word(),
        position: None,
        eta_s: None,
        step: None,
        of: None,
        result: None,
        error: None,
        parent: view.parent.map(|id| id.to_string()),
        attempts: if caller.admin() { view.tried } else { Vec::new() },
    };
    match view.state {
        JobState::Queued { position, eta_s } => (job.position, job.eta_s) = (Some(position), eta_s),
        JobState::Running { step, of } => (job.step, job.of) = (Some(step), Some(of)),
        JobState::Done(answer) => {
            let list = image_list(door, headers, &answer, Format::Url).await;
            let files = list.map_err(|failure: Failure| ApiError::of(failure, caller))?;
            let Provenance { provider, model, fallback_reason } = answer.provenance.clone();
            let notice = (!answer.notices.is_empty()).then(|| answer.notices.join("; "));
            job.result = Some(JobResult { files, text: answer.text.clone(), model, provider, fallback_reason, notice });
        }
        JobState::Failed(failure) => job.error = Some(json!(ApiError::of(failure, caller).body())),
        JobState::Cancelled => {}
    }
    Ok(job)
}
