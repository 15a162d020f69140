//! The files that Telegram keeps, and how messages tell of them.

use super::limits::THUMBNAIL;
use super::picture::{self, Size};
use super::refusal::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use image::ImageReader;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Cursor;

/// What a file is to Telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Compressed and shown.
    Photo,
    /// Kept as it is.
    Document,
    /// Music.
    Audio,
    /// A recording.
    Voice,
    /// A film.
    Video,
    /// A film without sound.
    Animation,
    /// A round film.
    VideoNote,
    /// A sticker.
    Sticker,
}

impl Kind {
    /// The field of a message, and of the call that sends it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Document => "document",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Animation => "animation",
            Self::VideoNote => "video_note",
            Self::Sticker => "sticker",
        }
    }

    /// By that field.
    pub fn named(field: &str) -> Option<Self> {
        let all = [Self::Photo, Self::Document, Self::Audio, Self::Voice, Self::Video, Self::Animation];
        all.into_iter().chain([Self::VideoNote, Self::Sticker]).find(|kind| kind.field() == field)
    }

    /// How errors call it.
    fn word(self) -> &'static str {
        match self {
            Self::Photo => "Photo",
            Self::Document => "Document",
            Self::Audio => "Audio",
            Self::Voice => "VoiceNote",
            Self::Video => "Video",
            Self::Animation => "Animation",
            Self::VideoNote => "VideoNote",
            Self::Sticker => "Sticker",
        }
    }

    /// How real identifiers begin, and the folder and ending of paths.
    fn marks(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Photo => ("AgAC", "photos", "jpg"),
            Self::Document => ("BQAC", "documents", "bin"),
            Self::Audio => ("CQAC", "music", "mp3"),
            Self::Voice => ("AwAC", "voice", "oga"),
            Self::Video => ("BAAC", "videos", "mp4"),
            Self::Animation => ("CgAC", "animations", "mp4"),
            Self::VideoNote => ("DQAC", "video_notes", "mp4"),
            Self::Sticker => ("CAAC", "stickers", "webp"),
        }
    }
}

/// A file on its way into a message.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub(super) kind: Kind,
    pub(super) bytes: Bytes,
    pub(super) name: String,
    /// What it is said to weigh, where that is not the truth.
    pub(super) said_size: Option<u64>,
    pub(super) seconds: u32,
    pub(super) title: String,
    pub(super) performer: String,
    pub(super) sides: (u32, u32),
    pub(super) thumbnail: Option<Bytes>,
    pub(super) caption: String,
    /// Sizes of a photo, once it was looked at.
    sizes: Vec<Size>,
}

impl Attachment {
    /// Any file of a kind.
    pub fn new(kind: Kind, bytes: impl Into<Bytes>) -> Self {
        let (_, folder, ending) = kind.marks();
        let name = if kind == Kind::Photo { String::new() } else { format!("{folder}.{ending}") };
        Self {
            kind,
            bytes: bytes.into(),
            name,
            said_size: None,
            seconds: 1,
            title: String::new(),
            performer: String::new(),
            sides: (640, 360),
            thumbnail: None,
            caption: String::new(),
            sizes: Vec::new(),
        }
    }

    /// A photo: a picture that Telegram compresses.
    pub fn photo(bytes: impl Into<Bytes>) -> Self {
        Self::new(Kind::Photo, bytes)
    }

    /// A file that stays as it is.
    pub fn document(name: &str, bytes: impl Into<Bytes>) -> Self {
        Self::new(Kind::Document, bytes).named(name)
    }

    /// A recording.
    pub fn voice(bytes: impl Into<Bytes>) -> Self {
        Self::new(Kind::Voice, bytes)
    }

    /// With another name.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// With words under it.
    pub fn captioned(self, caption: &str) -> Self {
        Self { caption: caption.to_owned(), ..self }
    }

    /// Of so many seconds.
    pub fn lasting(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// Said to weigh so much, without the bytes: a large file needs no large test.
    pub fn said_to_weigh(self, bytes: u64) -> Self {
        Self { said_size: Some(bytes), ..self }
    }

    /// Looks at it as the server does; costs time for a photo.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if Telegram would not take it.
    pub fn checked(mut self) -> Result<Self, Refusal> {
        if self.bytes.is_empty() {
            return Err(Refusal::bad("File must be non-empty"));
        }
        if self.kind == Kind::Photo {
            self.sizes = picture::sizes(&self.bytes)?;
        }
        // What is no recording becomes a file.
        if self.kind == Kind::Voice && !is_recording(&self.bytes) {
            self.kind = Kind::Document;
        }
        Ok(self)
    }
}

fn is_recording(bytes: &[u8]) -> bool {
    let mp3 = bytes.starts_with(b"ID3") || (bytes.len() > 1 && bytes[0] == 0xff && bytes[1] & 0xe0 == 0xe0);
    bytes.starts_with(b"OggS") || mp3 || bytes.get(4..8) == Some(b"ftyp")
}

/// A file that Telegram has.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `file_id`.
    pub id: String,
    /// `file_unique_id`.
    pub unique: String,
    /// What it weighs, or is said to.
    pub size: u64,
    /// What it holds.
    pub bytes: Bytes,
    /// Where it is downloaded.
    pub path: String,
}

impl Stored {
    /// The fields that every file has.
    pub fn json(&self) -> Value {
        json!({ "file_id": self.id, "file_unique_id": self.unique, "file_size": self.size })
    }
}

/// A file as part of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// What it is.
    pub kind: Kind,
    /// `file_id`, of the largest size of a photo.
    pub file: String,
    /// What stands in the message's field.
    pub fields: Value,
}

/// All files.
#[derive(Debug, Default)]
pub struct Files {
    stored: BTreeMap<String, Stored>,
    media: BTreeMap<String, Media>,
    count: u64,
}

impl Files {
    /// Keeps a file that was looked at.
    pub fn keep(&mut self, attachment: &Attachment) -> Media {
        let media = if attachment.kind == Kind::Photo { self.photo(attachment) } else { self.other(attachment) };
        self.media.insert(media.file.clone(), media.clone());
        media
    }

    fn photo(&mut self, attachment: &Attachment) -> Media {
        let mut file = String::new();
        let mut fields = Vec::new();
        for size in &attachment.sizes {
            let stored = self.store(Kind::Photo, size.bytes.clone(), None, "");
            let mut field = stored.json();
            field["width"] = json!(size.width);
            field["height"] = json!(size.height);
            fields.push(field);
            file = stored.id;
        }
        let media = Media { kind: Kind::Photo, file, fields: Value::Array(fields) };
        for size in media.fields.as_array().expect("made above") {
            let id = size["file_id"].as_str().expect("made above").to_owned();
            self.media.insert(id, media.clone());
        }
        media
    }

    fn other(&mut self, attachment: &Attachment) -> Media {
        let stored = self.store(attachment.kind, attachment.bytes.clone(), attachment.said_size, &attachment.name);
        let mut fields = stored.json();
        let (width, height) = attachment.sides;
        let more = match attachment.kind {
            Kind::Photo | Kind::Document => json!({}),
            Kind::Audio => json!({ "duration": attachment.seconds }),
            Kind::Voice => json!({ "duration": attachment.seconds, "mime_type": "audio/ogg" }),
            Kind::Video | Kind::Animation => {
                json!({ "duration": attachment.seconds, "width": width, "height": height, "mime_type": "video/mp4" })
            }
            Kind::VideoNote => json!({ "duration": attachment.seconds, "length": 384 }),
            Kind::Sticker => {
                let flags = json!({ "is_animated": false, "is_video": false, "type": "regular", "emoji": "🐈" });
                merged(flags, json!({ "width": 512, "height": 512 }))
            }
        };
        fields = merged(fields, more);
        if matches!(attachment.kind, Kind::Document | Kind::Audio | Kind::Video | Kind::Animation) {
            if !attachment.name.is_empty() {
                fields["file_name"] = json!(attachment.name);
            }
            if fields.get("mime_type").is_none() {
                fields["mime_type"] = json!(mime_of(&attachment.name));
            }
        }
        for (name, value) in [("title", &attachment.title), ("performer", &attachment.performer)] {
            if attachment.kind == Kind::Audio && !value.is_empty() {
                fields[name] = json!(value);
            }
        }
        if let Some(thumbnail) = attachment.thumbnail.as_ref().and_then(|bytes| self.thumbnail(bytes)) {
            fields["thumbnail"] = thumbnail.clone();
            fields["thumb"] = thumbnail;
        }
        Media { kind: attachment.kind, file: stored.id, fields }
    }

    /// A thumbnail that is too large or no picture is left out.
    fn thumbnail(&mut self, bytes: &Bytes) -> Option<Value> {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
        let (width, height) = reader.into_dimensions().ok()?;
        if bytes.len() as u64 > THUMBNAIL {
            return None;
        }
        let stored = self.store(Kind::Photo, bytes.clone(), None, "");
        Some(merged(stored.json(), json!({ "width": width, "height": height })))
    }

    fn store(&mut self, kind: Kind, bytes: Bytes, said: Option<u64>, name: &str) -> Stored {
        self.count += 1;
        let (mark, folder, ending) = kind.marks();
        let number = URL_SAFE_NO_PAD.encode(self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let ending = name.rsplit_once('.').map_or(ending, |(_, ending)| ending);
        let stored = Stored {
            id: format!("{mark}AgIAAxkBAAIB{number}"),
            unique: format!("AQAD{number}"),
            size: said.unwrap_or(bytes.len() as u64),
            bytes,
            path: format!("{folder}/file_{}.{ending}", self.count),
        };
        self.stored.insert(stored.id.clone(), stored.clone());
        stored
    }

    /// By `file_id`.
    pub fn by_id(&self, id: &str) -> Option<&Stored> {
        self.stored.get(id)
    }

    /// By the path that `getFile` gave.
    pub fn by_path(&self, path: &str) -> Option<&Stored> {
        self.stored.values().find(|stored| stored.path == path)
    }

    /// What is sent once more.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if there is no such file, or it is of another kind.
    pub fn again(&self, id: &str, kind: Kind) -> Result<Media, Refusal> {
        let Some(media) = self.media.get(id) else {
            let why = "Wrong remote file identifier specified: can't unserialize it. Wrong last symbol";
            return Err(Refusal::bad(why));
        };
        if media.kind == kind {
            return Ok(media.clone());
        }
        Err(Refusal::bad(format!("Can't use file of type {} as {}", media.kind.word(), kind.word())))
    }
}

fn merged(mut fields: Value, more: Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    fields
}

/// By the ending of a name, as the server does.
pub fn mime_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "mp4" => "video/mp4",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" => "audio/ogg",
        "wav" => "audio/x-wav",
        "txt" => "text/plain",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
