//! From a task's name and the fields of its input to a request: OpenAI's fields where OpenAI has an endpoint for it, the
//! task's own elsewhere. Files are ids of stored ones.

use super::Door;
use super::error::ApiError;
use super::extract;
use super::images::ImageFields;
use super::models;
use super::speech::SpeechFields;
use super::transcripts::TranscriptFields;
use crate::media::task::{ImageEdit, SpeechSynthesize, SpeechTranscribe, TASKS};
use crate::media::{ImageRequest, Request, Source, Task};
use serde_json::{Map, Value};

/// Names under which an input gives files, and what they are called in a request.
const FILES: [(&str, &str); 6] = [
    ("image", "image"),
    ("images", "image"),
    ("image[]", "image"),
    ("mask", "mask"),
    ("audio", "audio"),
    ("file", "audio"),
];

/// Most files of any task: four pictures and a mask.
const MOST_FILES: usize = 5;

/// The request of a task, and the stored files that belong to it.
pub(super) fn request(
    door: &Door,
    task: &str,
    mut input: Map<String, Value>,
) -> Result<(Request, Vec<(String, Source)>), ApiError> {
    let files = files(&mut input)?;
    let request = match task {
        ImageRequest::NAME => extract::typed::<ImageFields>(input)?.request(door)?.0.into(),
        ImageEdit::NAME => {
            let (drawing, _) = extract::typed::<ImageFields>(input)?.request(door)?;
            ImageEdit { drawing, images: Vec::new(), mask: None }.into()
        }
        SpeechTranscribe::NAME => extract::typed::<TranscriptFields>(input)?.request(door)?.into(),
        SpeechSynthesize::NAME => extract::typed::<SpeechFields>(input)?.request(door)?.into(),
        task if TASKS.iter().any(|(known, _)| *known == task) => {
            let request = Request::from_json(task, Value::Object(input))
                .map_err(|problem| ApiError::field("input", format!("`input` is not one of {task}: {problem}")))?;
            models::check(door, request.choice())?;
            request
        }
        _ => {
            let known: Vec<&str> = TASKS.iter().map(|(task, _)| *task).collect();
            return Err(ApiError::field("task", format!("`task` must be one of {}", known.join(", "))));
        }
    };
    Ok((request, files))
}

/// Takes the files out of an input: an id, `parent`, or a list of them.
fn files(input: &mut Map<String, Value>) -> Result<Vec<(String, Source)>, ApiError> {
    let mut files = Vec::new();
    for (field, name) in FILES {
        let given = match input.remove(field) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(many)) => many,
            Some(one) => vec![one],
        };
        for id in given {
            if files.len() == MOST_FILES {
                return Err(ApiError::field(field, format!("more than {MOST_FILES} files are given")));
            }
            files.push((name.to_owned(), source(field, id.as_str())?));
        }
    }
    Ok(files)
}

fn source(field: &str, text: Option<&str>) -> Result<Source, ApiError> {
    match text {
        Some("parent") => Ok(Source::Parent),
        text => text
            .and_then(|id| id.parse().ok())
            .map(Source::Asset)
            .ok_or_else(|| ApiError::field(field, format!("`{field}` must be the id of a stored file, or parent"))),
    }
}
