//! A transcript as server-sent events: `transcript.text.delta` for each part, then `transcript.text.done` with all of it.

use super::super::Door;
use super::super::error::ApiError;
use super::words_of;
use crate::intake::{Intake, State, Wish};
use crate::media::{Answer, Failure, JobId, Owner, Text};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How often a stream shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Cancels a job whose reader has left.
struct Reader {
    intake: Intake,
    owner: Owner,
    job: JobId,
    /// Whether somebody will ask for it again, or it is over.
    stays: bool,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        let (intake, owner, job) = (self.intake.clone(), self.owner.clone(), self.job);
        tokio::spawn(async move {
            if let Err(failure) = intake.cancel(job, &owner).await {
                tracing::warn!(%job, %failure, "a job that nobody waits for could not be cancelled");
            }
        });
    }
}

/// Puts the wish in the line and tells what comes of it. A request that is refused is refused as any other.
pub(super) async fn follow(door: Arc<Door>, owner: Owner, wish: Wish) -> Result<Response, ApiError> {
    let fail = |failure| ApiError::of(failure, &owner);
    let intake = door.state.intake.clone();
    let stays = wish.idempotency_key.is_some();
    let job = intake.submit(&owner, wish).await.map_err(fail)?;
    let reader = Reader { intake, owner: owner.clone(), job, stays };
    let states = reader.intake.watch(job, &owner).await.map_err(fail)?;
    let mut states = states.ok_or_else(|| ApiError::not_found("job", &job.to_string()))?;
    let stop = door.stop.clone();
    let events = stream::once(async move {
        let mut reader = reader;
        let end = tokio::select! {
            end = states.wait_for(State::is_final) => end.ok().map(|state| state.clone()),
            () = stop.cancelled() => None,
        };
        reader.stays |= end.is_some();
        stream::iter(told(end, &reader.owner))
    });
    let events = events.flatten().map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

fn told(end: Option<State>, owner: &Owner) -> Vec<Event> {
    let failure = match end {
        Some(State::Done(answer)) => match words_of(&answer) {
            Ok(text) => return words(text, &answer),
            Err(failure) => failure,
        },
        Some(State::Failed(failure)) => failure,
        Some(_) => Failure::Cancelled,
        None => Failure::Unavailable { message: "the server is restarting; please try again shortly".to_owned() },
    };
    vec![event("error", &json!({ "error": ApiError::of(failure, owner).body() }))]
}

fn words(text: &Text, answer: &Answer) -> Vec<Event> {
    let delta = |part: &str| event("transcript.text.delta", &json!({ "delta": part }));
    let mut events: Vec<Event> = parts(text).into_iter().map(delta).collect();
    let notice = (!answer.notices.is_empty()).then(|| answer.notices.join("; "));
    let by = &answer.provenance;
    let done = json!({ "text": text.text, "model": by.model, "provider": by.provider,
        "fallback_reason": by.fallback_reason, "notice": notice });
    events.push(event("transcript.text.done", &done));
    events
}

/// The text in the parts it was said in; put together they are the whole, to the last space.
fn parts(text: &Text) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text.text.as_str());
    for part in &text.segments {
        let said = part.text.trim();
        let Some(at) = rest.find(said).filter(|_| !said.is_empty()) else { continue };
        let (head, tail) = rest.split_at(at + said.len());
        parts.push(head);
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

fn event(kind: &str, body: &Value) -> Event {
    let mut body = body.clone();
    body["type"] = json!(kind);
    Event::default().event(kind).data(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Segment;

    fn text(whole: &str, segments: &[&str]) -> Text {
        let segment = |text: &&str| Segment { text: (*text).to_owned(), ..Segment::default() };
        Text { text: whole.to_owned(), segments: segments.iter().map(segment).collect(), ..Text::default() }
    }

    #[test]
    fn the_parts_of_a_text_are_all_of_it() {
        for (whole, segments, due) in [
            ("Да. Нет. Да.", &[" Да.", " Нет.", " Да."][..], &["Да.", " Нет.", " Да."][..]),
            ("Да. Нет.", &[], &["Да. Нет."]),
            ("Да. Нет.", &["of another text", " ", "Нет."], &["Да. Нет."]),
            ("Да. Нет.", &[" Да."], &["Да.", " Нет."]),
            ("", &[], &[]),
        ] {
            let text = text(whole, segments);
            assert_eq!((parts(&text).concat().as_str(), parts(&text).as_slice()), (whole, due), "{segments:?}");
        }
    }
}
