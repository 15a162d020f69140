//! Turns the last answers into what the task gives: pictures that decode, words, a sound, a film. Fetches urls.

use super::caller::Caller;
use super::file::Step;
use super::output::{self, Found};
use super::plan::Plan;
use super::refusal;
use super::reply::Reply;
use super::request::{self, Part};
use crate::media::Text;
use crate::media::{Content, DrawnPicture, Failure, ImageResult, Medium, Picture, Refusal, Request};
use bytes::Bytes;

/// A file and its media type, where that was told.
type File = (Bytes, Option<String>);

/// What came of all the parts. Where several make pictures, those that were made count; `lost` is why others were not.
///
/// # Errors
/// When no answer has what was wanted, or it is nothing that can be used.
pub async fn of(
    caller: &Caller<'_>,
    request: &Request,
    plan: &Plan<'_>,
    parts: &[Part],
    mut lost: Option<Failure>,
) -> Result<Content, Failure> {
    let mut pictures = Vec::new();
    for (number, part) in parts.iter().enumerate().filter(|(_, part)| !part.lost) {
        match of_part(caller, request, plan, (number, part)).await {
            Ok(Content::Pictures(made)) => pictures.extend(made.pictures),
            Ok(whole) => return Ok(whole),
            Err(Failure::Cancelled) => return Err(Failure::Cancelled),
            Err(failure) => lost = Some(caller.first_of(lost, failure)),
        }
    }
    match lost {
        Some(failure) if pictures.is_empty() => Err(failure),
        _ => Ok(Content::Pictures(ImageResult { pictures, drawing: None, upscaling: None })),
    }
}

async fn of_part(
    caller: &Caller<'_>,
    request: &Request,
    plan: &Plan<'_>,
    (number, part): (usize, &Part),
) -> Result<Content, Failure> {
    let (Some(reply), Some(step)) = (&part.last, plan.op.steps.last()) else {
        return Err(caller.broken(Refusal::BadResponse));
    };
    let found = output::found(&plan.op.output, reply).ok_or_else(|| caller.unusable(reply, step))?;
    let files = match found {
        Found::Words(text) => return words(caller, request, text, reply, step),
        Found::Files(files) => files,
        Found::Urls(urls) => fetched(caller, plan, &urls).await?,
    };
    match request {
        Request::ImageGenerate(_) | Request::ImageEdit(_) | Request::ImageUpscale(_) | Request::ImageLetter(_) => {
            let (alone, mut pictures) = (files.len() == 1, Vec::new());
            for (bytes, _) in files {
                let seed = plan.seed_of(number).filter(|_| alone && plan.seeded());
                pictures.push(DrawnPicture { picture: picture(caller, bytes).await?, seed });
            }
            Ok(Content::Pictures(ImageResult { pictures, drawing: None, upscaling: None }))
        }
        Request::SpeechSynthesize(_) => sound(caller, plan, files, reply, step),
        Request::VideoGenerate(_) => film(caller, files, reply, step),
        _ => Err(caller.unusable(reply, step)),
    }
}

/// Whether it is of the kind that was asked for. How good it is, whoever asked decides.
#[must_use]
pub fn is_kind(request: &Request, content: &Content) -> bool {
    match content {
        Content::Pictures(made) => !made.pictures.is_empty() && request.fits(content),
        Content::Text(_) => matches!(
            request,
            Request::ImageDescribe(_)
                | Request::SpeechTranscribe(_)
                | Request::TextWrite(_)
                | Request::TextTranslate(_)
        ),
        Content::Sound(_) => matches!(request, Request::SpeechSynthesize(_)),
        Content::Video(_) => matches!(request, Request::VideoGenerate(_)),
    }
}

fn words(caller: &Caller<'_>, request: &Request, text: Text, reply: &Reply, step: &Step) -> Result<Content, Failure> {
    // Somebody may have said nothing; nobody asks for a text or a description of nothing.
    let may_be_empty = matches!(request, Request::SpeechTranscribe(_));
    if text.text.trim().is_empty() && !may_be_empty {
        return Err(caller.unusable(reply, step));
    }
    Ok(Content::Text(text))
}

async fn picture(caller: &Caller<'_>, bytes: Bytes) -> Result<Picture, Failure> {
    let decoded = tokio::task::spawn_blocking(move || Picture::of_answer(&bytes, "image")).await;
    let decoded = decoded.map_err(|e| Failure::internal(format!("decoding a picture broke: {e}")))?;
    decoded.map_err(|error| {
        tracing::warn!(provider = caller.house.file.id, %error, "what came is no picture");
        caller.broken(Refusal::BadResponse)
    })
}

/// A sound, known by its first bytes; raw samples have none, and are believed where they are called a sound.
fn sound(
    caller: &Caller<'_>,
    plan: &Plan<'_>,
    files: Vec<File>,
    reply: &Reply,
    step: &Step,
) -> Result<Content, Failure> {
    let Some((bytes, kind)) = files.into_iter().next() else { return Err(caller.unusable(reply, step)) };
    if let Ok(medium) = Medium::sound(bytes.clone(), "sound") {
        return Ok(Content::Sound(medium));
    }
    let told = output::told_type(&plan.op.output, reply).or(kind);
    let samples = told.filter(|kind| kind.starts_with("audio/"));
    let samples = samples.filter(|_| plan.values.get("format").and_then(|f| f.as_str()) == Some("pcm"));
    match samples {
        Some(kind) => Ok(Content::Sound(Medium::new(bytes, kind))),
        None => Err(caller.unusable(reply, step)),
    }
}

fn film(caller: &Caller<'_>, files: Vec<File>, reply: &Reply, step: &Step) -> Result<Content, Failure> {
    let first = files.into_iter().next().and_then(|(bytes, _)| Medium::sound(bytes, "film").ok());
    let film = first.and_then(|medium| match medium.content_type.as_str() {
        "video/mp4" | "video/webm" => Some(medium),
        "audio/webm" => Some(Medium::new(medium.bytes, "video/webm")),
        _ => None,
    });
    film.map(Content::Video).ok_or_else(|| caller.unusable(reply, step))
}

async fn fetched(caller: &Caller<'_>, plan: &Plan<'_>, urls: &[String]) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    for url in urls {
        files.push(if url.starts_with("data:") {
            output::file(url).ok_or_else(|| caller.broken(Refusal::BadResponse))?
        } else {
            download(caller, plan, url).await?
        });
    }
    Ok(files)
}

/// Fetches a file that was paid for: a connection that breaks is tried again.
async fn download(caller: &Caller<'_>, plan: &Plan<'_>, url: &str) -> Result<File, Failure> {
    let rules = plan.op.output.download;
    let url = caller.house.hosts.returned(url).map_err(|error| {
        tracing::warn!(provider = caller.house.file.id, %error, "the provider sent us somewhere we do not go");
        caller.broken(Refusal::BadResponse)
    })?;
    for tried in 1.. {
        let request = request::of_download(caller, url.clone(), rules.same_auth)?;
        let failure = match caller.download(request, rules.max_bytes).await {
            Ok(received) if (200..300).contains(&received.status) => {
                let reply =
                    Reply::read(received.status, received.headers, received.body, super::file::Parse::Bytes, true);
                return Ok((reply.body.clone(), reply.content_type()));
            }
            Ok(received) => {
                tracing::warn!(provider = caller.house.file.id, status = received.status, "a file cannot be fetched");
                no_file(caller, received)
            }
            Err(failure) => failure,
        };
        let Some(next) = caller.again(&failure, tried) else { return Err(failure) };
        caller.wait_until(next).await?;
    }
    Err(caller.broken(Refusal::Busy))
}

/// Why there is no file: what passes is told from what does not.
fn no_file(caller: &Caller<'_>, received: super::send::Received) -> Failure {
    let reply = Reply::read(received.status, received.headers, received.body, super::file::Parse::Bytes, false);
    let meaning = refusal::by_status(&reply);
    let passes = matches!(meaning.refusal, Refusal::Busy | Refusal::Timeout | Refusal::Rate);
    let mut failure = caller.broken(if passes { meaning.refusal } else { Refusal::BadResponse });
    if let Failure::Remote { retry_after_s, .. } = &mut failure {
        *retry_after_s = meaning.retry_after_s;
    }
    failure
}
