//! `/v1/images/*`: OpenAI's shapes for pictures, with our extra fields.

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{self, Form, Json};
use super::models;
use crate::intake::Wish;
use crate::media::owner::Door as WayIn;
use crate::media::task::ImageEdit;
use crate::media::{
    Answer, AssetId, Choice, Decoder, Failure, ImageRequest, Kept, Medium, Mode, Owner, Picture, Request, Scheduler,
};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use base64::Engine;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Pictures that are read at the same time.
static DECODING: Semaphore = Semaphore::const_new(2);

/// How much of a picture a variation changes, where the request does not say.
const VARIATION_STRENGTH: f32 = 0.6;
/// What a variation shows, where the request does not say: OpenAI's have no prompt, and a model needs one.
const VARIATION_PROMPT: &str = "a picture";

/// The fields of every request for pictures. Unknown ones are ignored, as are OpenAI's `quality`, `style`, `user`,
/// `background`, `output_format` and `moderation`. Numbers may be sent as text.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default)]
pub struct ImageFields {
    /// What to draw. Up to 10 000 characters; what the model cannot read is cut at a word, with a `notice`.
    #[serde(deserialize_with = "extract::text")]
    #[schema(example = "a red apple")]
    prompt: Option<String>,
    /// A name from `/v1/models`. Without one the server chooses, and falls back where it must.
    #[serde(deserialize_with = "extract::text")]
    model: Option<String>,
    /// Pictures wanted, 1 to 8. Picture `k` has the seed `seed + k`.
    #[serde(deserialize_with = "extract::whole")]
    #[schema(minimum = 1, maximum = 8)]
    n: Option<u32>,
    /// `WIDTHxHEIGHT` in pixels, 64 to 2048 a side and divisible by 8, or `auto`.
    #[serde(deserialize_with = "extract::text")]
    #[schema(example = "512x512")]
    size: Option<String>,
    /// `b64_json` or `url`.
    #[serde(deserialize_with = "extract::text")]
    #[schema(default = "b64_json")]
    response_format: Option<String>,
    /// OpenAI's streaming of partial pictures is refused; `/v1/jobs` tells of the progress.
    #[serde(deserialize_with = "extract::yes")]
    stream: bool,
    /// 0 to 2^63-1; the same seed draws the same picture. Without one, a random one is drawn and told.
    #[serde(deserialize_with = "extract::whole")]
    seed: Option<u64>,
    /// Sampling steps, 1 to 50. Without them, the model's own.
    #[serde(deserialize_with = "extract::whole")]
    #[schema(minimum = 1, maximum = 50)]
    steps: Option<u32>,
    /// What to avoid; only with guidance above 1.
    #[serde(deserialize_with = "extract::text")]
    negative_prompt: Option<String>,
    /// Classifier-free guidance, 0 to 50; up to 1 means none. Without it, the model's own.
    #[serde(deserialize_with = "extract::number")]
    guidance_scale: Option<f32>,
    /// How much of the given picture may change, above 0 and up to 1. By default 0.8 for edits, 0.6 for variations.
    #[serde(deserialize_with = "extract::number")]
    strength: Option<f32>,
    /// `euler_a` or `euler`. Without one, the model's own.
    #[serde(deserialize_with = "extract::word")]
    #[schema(value_type = Option<String>)]
    scheduler: Option<Scheduler>,
    /// `auto`, `exact` (f32 on a CPU) or `fast`.
    #[serde(deserialize_with = "extract::word")]
    #[schema(value_type = Option<String>)]
    mode: Option<Mode>,
    /// `vae` (the model's own) or `taesd` (tiny: faster, softer).
    #[serde(deserialize_with = "extract::word")]
    #[schema(value_type = Option<String>)]
    decoder: Option<Decoder>,
    /// Answered by this provider (`local`, or one's id) or not at all.
    #[serde(deserialize_with = "extract::text")]
    provider: Option<String>,
}

/// The form of an edit.
#[derive(ToSchema)]
#[expect(dead_code, reason = "published in /openapi.json; the form itself is read part by part")]
pub struct EditForm {
    /// The picture: PNG, JPEG, WebP, GIF or BMP, up to 20 MB and 40 megapixels. Up to four, the one to change first; also
    /// as `image[]`.
    #[schema(value_type = String, format = Binary)]
    image: Bytes,
    /// What to repaint: its transparent part, or white where nothing in it is transparent. Of the picture's size.
    /// Without a mask, the transparent part of the picture is repainted; without that, all of it may change.
    #[schema(value_type = Option<String>, format = Binary)]
    mask: Option<Bytes>,
    #[schema(inline)]
    #[serde(flatten)]
    fields: ImageFields,
}

/// The form of a variation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "published in /openapi.json; the form itself is read part by part")]
pub struct VariationForm {
    /// The picture: PNG, JPEG, WebP, GIF or BMP, up to 20 MB and 40 megapixels.
    #[schema(value_type = String, format = Binary)]
    image: Bytes,
    #[schema(inline)]
    #[serde(flatten)]
    fields: ImageFields,
}

/// The pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageList {
    /// Seconds since 1970.
    created: u64,
    /// In the order of their seeds.
    data: Vec<Image>,
}

/// One picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct Image {
    /// The PNG in base64, when `response_format` is `b64_json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    b64_json: Option<String>,
    /// A link to the PNG that needs no key and expires, when `response_format` is `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The seed that draws it again, alone; absent where the one who drew takes none.
    seed: Option<u64>,
    /// Who drew it.
    model: String,
    /// `local` or the provider's id.
    provider: String,
    /// Why it was not the first choice.
    fallback_reason: Option<String>,
    /// What the caller should know.
    notice: Option<String>,
}

/// How pictures are handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// In the answer.
    Base64,
    /// By signed links.
    Url,
}

/// Pictures from words.
#[utoipa::path(post, path = "/v1/images/generations", tag = "images", request_body = ImageFields,
    responses((status = 200, body = ImageList), (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn generations(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Json(fields): Json<ImageFields>,
) -> Result<axum::Json<ImageList>, ApiError> {
    let (request, format) = fields.request(&door)?;
    answered(&door, &caller, &headers, request, format).await
}

/// A picture changed as words say, within a mask or as a whole.
#[utoipa::path(post, path = "/v1/images/edits", tag = "images",
    request_body(content = EditForm, content_type = "multipart/form-data"),
    responses((status = 200, body = ImageList), (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 413, body = ErrorAnswer), (status = 422, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn edits(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    form: Form,
) -> Result<axum::Json<ImageList>, ApiError> {
    let fields: ImageFields = extract::typed(form.fields)?;
    let (drawing, format) = fields.request(&door)?;
    let Files { images, mask } = Files::of(form.files)?;
    let (images, mask) = decoded(&caller, move || {
        let images: Result<Vec<Medium>, Failure> =
            images.into_iter().map(|file| Medium::picture(file, "image")).collect();
        Ok((images?, mask.map(|file| Medium::picture(file, "mask")).transpose()?))
    })
    .await?;
    answered(&door, &caller, &headers, ImageEdit { drawing, images, mask }, format).await
}

/// Pictures like a given one.
#[utoipa::path(post, path = "/v1/images/variations", tag = "images",
    request_body(content = VariationForm, content_type = "multipart/form-data"),
    responses((status = 200, body = ImageList), (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 413, body = ErrorAnswer), (status = 422, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn variations(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    form: Form,
) -> Result<axum::Json<ImageList>, ApiError> {
    let mut fields: ImageFields = extract::typed(form.fields)?;
    fields.prompt.get_or_insert_with(|| VARIATION_PROMPT.to_owned());
    let (mut request, format) = fields.request(&door)?;
    let Files { mut images, .. } = Files::of(form.files)?;
    if images.len() > 1 {
        return Err(ApiError::field("image", "a variation is of one picture, not of several"));
    }
    let image = images.swap_remove(0);
    let init = decoded(&caller, move || Picture::decode(&image, "image")).await?;
    request.strength = Some(strength(&request));
    request.init = Some(init);
    answered(&door, &caller, &headers, request, format).await
}

/// What `decode` makes of an upload, on a thread where it may take its time.
pub(super) async fn decoded<T: Send + 'static>(
    caller: &Owner,
    decode: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, ApiError> {
    let broke = |e| ApiError::of(Failure::internal(format!("reading the files broke: {e}")), caller);
    // A large picture takes some hundred megabytes while it is read: a few at a time.
    let _turn = DECODING.acquire().await;
    let decoded = tokio::task::spawn_blocking(decode).await.map_err(broke)?;
    decoded.map_err(|failure| ApiError::undecodable(failure, caller))
}

/// The strength asked, or the default; a single step is only possible at full strength.
fn strength(request: &ImageRequest) -> f32 {
    request.strength.unwrap_or(if request.steps == Some(1) { 1.0 } else { VARIATION_STRENGTH })
}

impl ImageFields {
    /// The request they make, and how its answer is wanted. Limits are checked at the intake, for every door.
    pub(super) fn request(self, door: &Door) -> Result<(ImageRequest, Format), ApiError> {
        let format = match self.response_format.as_deref() {
            None | Some("b64_json") => Format::Base64,
            Some("url") => Format::Url,
            Some(_) => return Err(ApiError::field("response_format", "`response_format` must be b64_json or url")),
        };
        if self.stream {
            let message = "partial pictures are not streamed; `/v1/jobs` tells of the progress";
            return Err(ApiError::field("stream", message));
        }
        let choice = Choice { model: self.model, provider: self.provider, ..Choice::default() };
        models::check(door, &choice)?;
        let (width, height) = size(self.size.as_deref())?.unzip();
        let request = ImageRequest {
            prompt: self.prompt.unwrap_or_default(),
            negative: self.negative_prompt,
            seed: self.seed,
            steps: self.steps,
            width,
            height,
            guidance: self.guidance_scale,
            scheduler: self.scheduler,
            decoder: self.decoder,
            mode: self.mode.unwrap_or_default(),
            strength: self.strength,
            count: self.n.unwrap_or(1),
            choice,
            ..ImageRequest::default()
        };
        Ok((request, format))
    }
}

fn size(text: Option<&str>) -> Result<Option<(u32, u32)>, ApiError> {
    let Some(text) = text.filter(|text| *text != "auto") else { return Ok(None) };
    let sides = text.split_once(['x', 'X', '×']);
    let sides = sides.and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
    sides.map(Some).ok_or_else(|| ApiError::field("size", "`size` must be WIDTHxHEIGHT in pixels, or auto"))
}

/// The files of a form.
struct Files {
    /// At least one.
    images: Vec<Bytes>,
    mask: Option<Bytes>,
}

impl Files {
    fn of(files: Vec<(String, Bytes)>) -> Result<Self, ApiError> {
        let (mut images, mut masks) = (Vec::new(), Vec::new());
        for (name, bytes) in files {
            match name.as_str() {
                "image" | "image[]" => images.push(bytes),
                "mask" => masks.push(bytes),
                // As with fields: what is not known is ignored.
                _ => {}
            }
        }
        if images.is_empty() {
            return Err(ApiError::field("image", "`image` is missing: send a picture"));
        }
        if masks.len() > 1 {
            return Err(ApiError::field("mask", "one mask is possible, not several"));
        }
        Ok(Self { images, mask: masks.pop() })
    }
}

async fn answered(
    door: &Door,
    caller: &Owner,
    headers: &HeaderMap,
    request: impl Into<Request>,
    format: Format,
) -> Result<axum::Json<ImageList>, ApiError> {
    let fail = |failure| ApiError::of(failure, caller);
    let mut wish = Wish::new(WayIn::Http, request);
    wish.idempotency_key = extract::idempotency_key(headers)?;
    let answer = door.state.intake.answer(caller, wish).await.map_err(fail)?;
    list(door, headers, &answer, format).await.map_err(fail).map(axum::Json)
}

/// An answer in OpenAI's shape.
pub(super) async fn list(
    door: &Door,
    headers: &HeaderMap,
    answer: &Answer,
    format: Format,
) -> Result<ImageList, Failure> {
    let now = SystemTime::now();
    let mut data = Vec::with_capacity(answer.files.len());
    for &Kept { asset, seed } in &answer.files {
        let (b64_json, url) = match format {
            Format::Base64 => (Some(base64(door, asset).await?), None),
            Format::Url => (None, Some(link(door, headers, asset, now))),
        };
        let provenance = answer.provenance.clone();
        data.push(Image {
            b64_json,
            url,
            seed,
            model: provenance.model,
            provider: provenance.provider,
            fallback_reason: provenance.fallback_reason,
            notice: (!answer.notices.is_empty()).then(|| answer.notices.join("; ")),
        });
    }
    Ok(ImageList { created: now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()), data })
}

async fn base64(door: &Door, asset: AssetId) -> Result<String, Failure> {
    let bytes = door.state.storage.bytes(asset, None).await?;
    let bytes = bytes.ok_or_else(|| Failure::internal("the picture has expired before it could be handed out"))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// A signed link: below the public URL where one is configured, else below what the request was sent to.
pub(super) fn link(door: &Door, headers: &HeaderMap, asset: AssetId, now: SystemTime) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let base = door.public_url.as_ref().map_or_else(
        || {
            let scheme = text("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
            format!("{scheme}://{}", text(header::HOST.as_str()).unwrap_or("localhost"))
        },
        |url| url.as_str().trim_end_matches('/').to_owned(),
    );
    let link = door.state.storage.link(asset, now);
    format!("{base}/v1/assets/{asset}?expires={}&signature={}", link.expires, link.signature)
}
