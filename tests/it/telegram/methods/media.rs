//! Files in calls: what came along, what is sent once more, what is downloaded.

use crate::telegram::files::{Attachment, Kind, Media};
use crate::telegram::limits;
use crate::telegram::refusal::Refusal;
use crate::telegram::request::{Given, Request};
use crate::telegram::words::Words;
use crate::telegram::world::{State, World};
use bytes::Bytes;
use serde_json::{Value, json};

/// A file that was looked at, before the world is locked: pictures take time.
pub enum Ready {
    New(Box<Attachment>),
    Known(String, Kind),
}

impl Ready {
    /// Keeps it, or finds it.
    pub fn keep(self, state: &mut State) -> Result<Media, Refusal> {
        match self {
            Self::New(attachment) => Ok(state.files.keep(&attachment)),
            Self::Known(id, kind) => state.files.again(&id, kind),
        }
    }
}

/// The file of a method that sends one.
pub fn of_method(world: &World, request: &Request, kind: Kind) -> Result<Ready, Refusal> {
    let given = request.file(kind.field());
    let thumbnail = request.file("thumbnail");
    let described = request.params.clone().into();
    let missing = || Refusal::bad(format!("There is no {} in the request", kind.field().replace('_', " ")));
    ready(world, kind, (given, thumbnail), &described)?.ok_or_else(missing)
}

/// One `InputMedia`, with its caption.
pub fn of_item(world: &World, request: &Request, item: &Value, album: bool) -> Result<(Ready, Words), Refusal> {
    let wrong = |why: String| Refusal::bad(format!("Can't parse InputMedia: {why}"));
    if !item.is_object() {
        return Err(wrong("expected an Object".to_owned()));
    }
    let sort = item["type"].as_str().ok_or_else(|| wrong("Can't find field \"type\"".to_owned()))?;
    let words = caption(&item["caption"], &item["parse_mode"], &item["caption_entities"])?;
    let named = Kind::named(sort).filter(|kind| !matches!(kind, Kind::Voice | Kind::VideoNote | Kind::Sticker));
    let kind = named.ok_or_else(|| wrong(format!("type \"{sort}\" is unsupported")))?;
    if album && kind == Kind::Animation {
        return Err(wrong(format!("type \"{sort}\" can't be used in sendMediaGroup")));
    }
    let given = request.file_at(item["media"].as_str().unwrap_or_default());
    let thumbnail = request.file_at(item["thumbnail"].as_str().unwrap_or_default());
    let ready = ready(world, kind, (given, thumbnail), item)?;
    Ok((ready.ok_or_else(|| wrong("media not found".to_owned()))?, words))
}

/// A caption with its markup.
pub fn caption(text: &Value, mode: &Value, entities: &Value) -> Result<Words, Refusal> {
    let words = Words::of_bot(text.as_str().unwrap_or_default(), mode.as_str().unwrap_or_default(), entities)?;
    if words.length() > limits::CAPTION {
        return Err(Refusal::bad("Message caption is too long"));
    }
    Ok(words)
}

fn ready(world: &World, kind: Kind, files: (Given, Given), about: &Value) -> Result<Option<Ready>, Refusal> {
    let (given, thumbnail) = files;
    let upload = match given {
        Given::Nothing => return Ok(None),
        Given::Id(id) => return Ok(Some(Ready::Known(id, kind))),
        Given::Url(url) => {
            world.change(|state| state.complain(format!("the fake fetches nothing from elsewhere: {url}")));
            return Err(Refusal::bad("failed to get HTTP URL content"));
        }
        Given::Upload(upload) => upload,
    };
    // The same call may say numbers as numbers or as text.
    let number = |name: &str| {
        let value = &about[name];
        let text = value.as_str().and_then(|text| text.parse().ok());
        text.or_else(|| value.as_u64().and_then(|n| u32::try_from(n).ok()))
    };
    let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    let mut attachment = Attachment::new(kind, upload.bytes).named(&upload.name);
    attachment.seconds = number("duration").unwrap_or(0);
    attachment.sides = (number("width").unwrap_or(0), number("height").unwrap_or(0));
    attachment.title = text("title");
    attachment.performer = text("performer");
    attachment.thumbnail = match thumbnail {
        Given::Upload(thumbnail) => Some(Bytes::clone(&thumbnail.bytes)),
        _ => None,
    };
    Ok(Some(Ready::New(Box::new(attachment.checked()?))))
}

/// `getFile`.
pub fn file(world: &World, request: &Request) -> Result<Value, Refusal> {
    let id = request.text("file_id");
    if id.is_empty() {
        return Err(Refusal::bad("file_id not specified"));
    }
    world.look(|state| {
        let wrong = || Refusal::bad("wrong file_id or the file is temporarily unavailable");
        let stored = state.files.by_id(&id).ok_or_else(wrong)?;
        if stored.size > limits::DOWNLOAD {
            return Err(Refusal::bad("file is too big"));
        }
        let mut json = stored.json();
        json["file_path"] = json!(stored.path);
        Ok(json)
    })
}
