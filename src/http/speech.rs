//! `/v1/audio/speech`: words spoken, in OpenAI's shape: the answer is the sound itself.

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{self, Json};
use super::models;
use crate::intake::Wish;
use crate::media::owner::Door as WayIn;
use crate::media::task::{SoundFormat, SpeechSynthesize};
use crate::media::{Answer, Choice, Failure, Owner};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The fields of a request for speech. Unknown ones are ignored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct SpeechFields {
    /// What to say, up to 4096 characters.
    #[serde(deserialize_with = "extract::text")]
    #[schema(example = "Добрый день!")]
    input: Option<String>,
    /// A name from `/v1/models`. Without one the server chooses.
    #[serde(deserialize_with = "extract::text")]
    model: Option<String>,
    /// The voice, as the one who answers calls it; one that it does not have is refused by it.
    #[serde(deserialize_with = "extract::text")]
    voice: Option<String>,
    /// `mp3`, `opus`, `aac`, `flac`, `wav` or `pcm`. Who cannot make it makes another: `Content-Type` tells.
    #[serde(deserialize_with = "extract::word")]
    #[schema(value_type = Option<String>)]
    response_format: Option<SoundFormat>,
    /// How fast, 0.25 to 4.
    #[serde(deserialize_with = "extract::number")]
    speed: Option<f32>,
    /// How to say it.
    #[serde(deserialize_with = "extract::text")]
    instructions: Option<String>,
    /// The language, such as `ru`; without it, that of the text's letters.
    #[serde(deserialize_with = "extract::text")]
    language: Option<String>,
    /// Answered by this provider or not at all.
    #[serde(deserialize_with = "extract::text")]
    provider: Option<String>,
}

impl SpeechFields {
    /// The request they make.
    pub(super) fn request(self, door: &Door) -> Result<SpeechSynthesize, ApiError> {
        let choice = Choice { model: self.model, provider: self.provider, ..Choice::default() };
        models::check(door, &choice)?;
        Ok(SpeechSynthesize {
            text: self.input.unwrap_or_default(),
            voice: self.voice,
            format: self.response_format.unwrap_or_default(),
            speed: self.speed,
            language: self.language,
            instructions: self.instructions,
            choice,
        })
    }
}

/// Words spoken.
#[utoipa::path(post, path = "/v1/audio/speech", tag = "audio", request_body = SpeechFields,
    responses((status = 200, content_type = "audio/mpeg", description = "the sound; headers `x-samovar-provider` and \
        `x-samovar-model` say who spoke, `x-samovar-fallback-reason` why not the first choice"),
        (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn speech(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Json(fields): Json<SpeechFields>,
) -> Result<Response, ApiError> {
    let fail = |failure| ApiError::of(failure, &caller);
    let mut wish = Wish::new(WayIn::Http, fields.request(&door)?);
    wish.idempotency_key = extract::idempotency_key(&headers)?;
    let answer = door.state.intake.answer(&caller, wish).await.map_err(fail)?;
    sound(&door, &answer).await.map_err(fail)
}

async fn sound(door: &Door, answer: &Answer) -> Result<Response, Failure> {
    let gone = || Failure::internal("the sound has expired before it could be handed out");
    let asset = answer.files.first().ok_or_else(gone)?.asset;
    let meta = door.state.storage.meta(asset).await?.ok_or_else(gone)?;
    let bytes = door.state.storage.bytes(asset, None).await?.ok_or_else(gone)?;
    let mut response = bytes.into_response();
    let mut tell = |name: HeaderName, text: &str| {
        // A reason may be in any language, which a header may not.
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    };
    tell(header::CONTENT_TYPE, &meta.content_type);
    tell(HeaderName::from_static("x-samovar-provider"), &answer.provenance.provider);
    tell(HeaderName::from_static("x-samovar-model"), &answer.provenance.model);
    if let Some(reason) = &answer.provenance.fallback_reason {
        tell(HeaderName::from_static("x-samovar-fallback-reason"), reason);
    }
    Ok(response)
}
