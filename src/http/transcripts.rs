//! `/v1/audio/transcriptions` and `/v1/audio/translations`: what is said in a sound, in OpenAI's shapes.

mod stream;

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{self, SoundForm};
use super::images::decoded;
use super::models;
use crate::intake::Wish;
use crate::media::owner::Door as WayIn;
use crate::media::task::SpeechTranscribe;
use crate::media::transcript::{self, Details, Format};
use crate::media::{Answer, Choice, Failure, Medium, Owner, Text};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// The fields of a request for a transcript. Unknown ones are ignored, as are OpenAI's `chunking_strategy` and `include`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct TranscriptFields {
    /// A name from `/v1/models`. Without one the server chooses, and falls back where it must.
    #[serde(deserialize_with = "extract::text")]
    model: Option<String>,
    /// The language that is spoken, such as `ru`; without one it is recognised.
    #[serde(deserialize_with = "extract::text")]
    #[schema(example = "ru")]
    language: Option<String>,
    /// Names and terms that may be said.
    #[serde(deserialize_with = "extract::text")]
    prompt: Option<String>,
    /// `json`, `text`, `verbose_json` (with segments and words), `srt` or `vtt`.
    #[serde(deserialize_with = "extract::word")]
    #[schema(value_type = Option<String>)]
    response_format: Option<Format>,
    /// 0 to 1: how freely words are guessed. 0: from the surest on, more freely only where those fail.
    #[serde(deserialize_with = "extract::number")]
    temperature: Option<f32>,
    /// `segment`, `word` or both: what `verbose_json` tells the times of.
    #[serde(alias = "timestamp_granularities[]", deserialize_with = "extract::texts")]
    timestamp_granularities: Vec<String>,
    /// The text as server-sent events.
    #[serde(deserialize_with = "extract::yes")]
    stream: bool,
    /// How many readings are followed side by side, 1 to 8.
    #[serde(deserialize_with = "extract::whole")]
    beams: Option<u32>,
    /// In English, whatever is spoken. Only for jobs: `/v1/audio/translations` does nothing else.
    #[serde(deserialize_with = "extract::yes")]
    translate: bool,
    /// Answered by this provider (`local`, or one's id) or not at all.
    #[serde(deserialize_with = "extract::text")]
    provider: Option<String>,
}

/// The form of a transcription.
#[derive(ToSchema)]
#[expect(dead_code, reason = "published in /openapi.json; the form itself is read part by part")]
pub struct TranscriptForm {
    /// The sound, or a film with sound: OGG, MP3, WAV, FLAC, M4A, MP4, AAC, WebM, up to 200 MB and 4 hours.
    #[schema(value_type = String, format = Binary)]
    file: Bytes,
    #[schema(inline)]
    #[serde(flatten)]
    fields: TranscriptFields,
}

/// A transcript.
#[derive(ToSchema)]
#[expect(dead_code, reason = "published in /openapi.json; what is answered depends on `response_format`")]
pub struct TranscriptAnswer {
    /// All that was said.
    text: String,
    /// `verbose_json`: the language by its English name.
    language: Option<String>,
    /// `verbose_json`: seconds.
    duration: Option<f64>,
    /// `verbose_json`: when each part was said.
    #[schema(value_type = Vec<Object>)]
    segments: Value,
    /// `verbose_json` with `timestamp_granularities` of `word`: when each word was said.
    #[schema(value_type = Vec<Object>)]
    words: Value,
    /// Who wrote it down.
    model: String,
    /// `local` or the provider's id.
    provider: String,
    /// Why it was not the first choice.
    fallback_reason: Option<String>,
    /// What the caller should know.
    notice: Option<String>,
}

/// How a transcript is handed back.
#[derive(Debug, Clone, Copy)]
struct Shape {
    format: Format,
    details: Details,
    stream: bool,
}

/// What is said, in its own language.
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "audio",
    request_body(content = TranscriptForm, content_type = "multipart/form-data"),
    responses((status = 200, body = TranscriptAnswer), (status = 400, body = ErrorAnswer),
        (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer), (status = 413, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn transcriptions(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    form: SoundForm,
) -> Result<Response, ApiError> {
    written(door, caller, headers, form, false).await
}

/// What is said, in English.
#[utoipa::path(post, path = "/v1/audio/translations", tag = "audio",
    request_body(content = TranscriptForm, content_type = "multipart/form-data"),
    responses((status = 200, body = TranscriptAnswer), (status = 400, body = ErrorAnswer),
        (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer), (status = 413, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn translations(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    form: SoundForm,
) -> Result<Response, ApiError> {
    written(door, caller, headers, form, true).await
}

async fn written(
    door: Arc<Door>,
    caller: Owner,
    headers: HeaderMap,
    SoundForm(form): SoundForm,
    translate: bool,
) -> Result<Response, ApiError> {
    let mut fields: TranscriptFields = extract::typed(form.fields)?;
    fields.translate = translate;
    let shape = fields.shape()?;
    let mut request = fields.request(&door)?;
    let file = the_file(form.files)?;
    let (audio, seconds) = decoded(&caller, move || {
        let (audio, heard) = Medium::heard(file, "file")?;
        Ok((audio, heard.seconds))
    })
    .await?;
    request.audio = Some(audio);
    let mut wish = Wish::new(WayIn::Http, request);
    wish.idempotency_key = extract::idempotency_key(&headers)?;
    if shape.stream {
        return stream::follow(door, caller, wish).await;
    }
    let answer = door.state.intake.answer(&caller, wish).await;
    let answer = answer.map_err(|failure| ApiError::of(failure, &caller))?;
    told(&answer, shape, seconds).map_err(|failure| ApiError::of(failure, &caller))
}

impl TranscriptFields {
    /// The request they make, without its sound.
    pub(super) fn request(self, door: &Door) -> Result<SpeechTranscribe, ApiError> {
        let words = self.wants("word")?;
        let choice = Choice { model: self.model, provider: self.provider, ..Choice::default() };
        models::check(door, &choice)?;
        Ok(SpeechTranscribe {
            audio: None,
            language: self.language,
            prompt: self.prompt,
            translate: self.translate,
            temperature: self.temperature,
            beams: self.beams,
            words,
            choice,
        })
    }

    /// Whether times of this kind are asked for.
    fn wants(&self, kind: &str) -> Result<bool, ApiError> {
        if self.timestamp_granularities.iter().any(|known| !matches!(known.as_str(), "word" | "segment")) {
            let message = "`timestamp_granularities` must be word, segment or both";
            return Err(ApiError::field("timestamp_granularities", message));
        }
        Ok(self.timestamp_granularities.iter().any(|asked| asked == kind))
    }

    fn shape(&self) -> Result<Shape, ApiError> {
        let format = self.response_format.unwrap_or_default();
        let words = self.wants("word")?;
        let details = Details {
            translated: self.translate,
            temperature: self.temperature.unwrap_or_default(),
            segments: !words || self.wants("segment")?,
            words,
        };
        if !self.timestamp_granularities.is_empty() && format != Format::VerboseJson {
            let message = "times are told in `verbose_json` only: ask for that `response_format`";
            return Err(ApiError::field("timestamp_granularities", message));
        }
        if self.stream && !matches!(format, Format::Json | Format::Text) {
            return Err(ApiError::field("stream", "only the text is streamed: ask for `json` as `response_format`"));
        }
        Ok(Shape { format, details, stream: self.stream })
    }
}

fn the_file(files: Vec<(String, Bytes)>) -> Result<Bytes, ApiError> {
    let mut files = files.into_iter().filter(|(name, _)| name == "file").map(|(_, bytes)| bytes);
    match (files.next(), files.next()) {
        (Some(file), None) if file.is_empty() => Err(ApiError::field("file", "`file` is empty")),
        (Some(file), None) => Ok(file),
        (None, _) => Err(ApiError::field("file", "`file` is missing: send a sound")),
        (Some(_), Some(_)) => Err(ApiError::field("file", "one sound at a time is possible, not several")),
    }
}

/// A transcript in the shape that was asked for.
fn told(answer: &Answer, shape: Shape, seconds: f64) -> Result<Response, Failure> {
    let mut text = words_of(answer)?.clone();
    // Whoever answered may not have told; the file was looked at here.
    text.duration.get_or_insert(seconds);
    let notice = (!answer.notices.is_empty()).then(|| answer.notices.join("; "));
    let body = match shape.format {
        Format::Text => format!("{}\n", text.text),
        Format::Srt => transcript::srt(&text),
        Format::Vtt => transcript::vtt(&text),
        Format::Json => with_provenance(transcript::json(&text), answer, notice.as_ref()),
        Format::VerboseJson => with_provenance(transcript::verbose(&text, shape.details), answer, notice.as_ref()),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shape.format.content_type()));
    let by = &answer.provenance;
    for (name, text) in [
        ("x-samovar-provider", Some(&by.provider)),
        ("x-samovar-model", Some(&by.model)),
        ("x-samovar-fallback-reason", by.fallback_reason.as_ref()),
        ("x-samovar-notice", notice.as_ref()),
    ] {
        // A reason may be in any language, which a header may not.
        if let Some(Ok(value)) = text.map(|text| HeaderValue::from_str(text)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

fn words_of(answer: &Answer) -> Result<&Text, Failure> {
    answer.text.as_ref().ok_or_else(|| Failure::internal("the answer has no words"))
}

fn with_provenance(mut body: Value, answer: &Answer, notice: Option<&String>) -> String {
    body["model"] = json!(answer.provenance.model);
    body["provider"] = json!(answer.provenance.provider);
    body["fallback_reason"] = json!(answer.provenance.fallback_reason);
    body["notice"] = json!(notice);
    body.to_string()
}
