//! One message on its way: its files are got ready, it is sent, and where Telegram does not take it as it is, it is
//! sent as Telegram takes it. Must not know whether it is its turn.

use super::change::no_preview;
use super::sent::{self, Kept, Sent, Taken};
use super::{markup, pictures, rows};
use crate::db::{Db, DbError};
use crate::media::AssetId;
use crate::storage::Storage;
use crate::telegram::keyboard::Keyboard;
use crate::telegram::parcel::{Act, Body, Place};
use crate::telegram::wire::bots::Bots;
use crate::telegram::wire::trouble::Trouble;
use bytes::Bytes;
use std::sync::Arc;
use teloxide::Bot;
use teloxide::payloads::{SendDocument, SendMediaGroup, SendMessage, SendPhoto};
use teloxide::requests::{HasPayload, Requester};
use teloxide::types::{
    ChatId, FileId, InputFile, InputMedia, InputMediaDocument, InputMediaPhoto, MessageId, ParseMode, ReplyParameters,
    ThreadId,
};

/// Each thing that may have to be changed is changed once.
const MOST_CALLS: usize = 8;

/// Who gets messages on their way.
#[derive(Clone)]
pub(super) struct Carrier {
    pub bots: Bots,
    pub db: Db,
    pub storage: Arc<Storage>,
}

/// Why a message is not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// Telegram, or the way there.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// A file is not kept any more, and Telegram has it not.
    #[error("a file is not kept any more")]
    Gone,
    /// The storage does not answer at the moment.
    #[error("a file cannot be read at the moment")]
    Away,
    /// Nor does the database.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A message on its way.
pub(super) struct Freight<'a> {
    carrier: &'a Carrier,
    body: &'a Body,
    place: Place,
    reply_to: Option<i32>,
    keyboard: Option<&'a Keyboard>,
    ask: Option<&'a String>,
    quiet: bool,
    /// Pictures go as files.
    as_files: bool,
    /// The text goes without its markup.
    plain: bool,
    files: Option<Vec<File>>,
}

/// A file that is ready to be sent.
struct File {
    /// What it is made of, where that is kept.
    asset: Option<AssetId>,
    kind: String,
    content: Content,
    small: Option<Bytes>,
}

enum Content {
    /// Telegram has it.
    Id(String),
    Bytes(Bytes, String),
}

impl<'a> Freight<'a> {
    /// `None`: the act sends nothing. `quiet`: without a sound.
    pub fn new(carrier: &'a Carrier, place: Place, act: &'a Act, quiet: bool) -> Option<Self> {
        let Act::Send { body, reply_to, keyboard, ask, .. } = act else { return None };
        Some(Self {
            carrier,
            body,
            place,
            reply_to: *reply_to,
            keyboard: keyboard.as_ref(),
            ask: ask.as_ref(),
            quiet,
            as_files: false,
            plain: false,
            files: None,
        })
    }

    /// Gets the files ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Stop`] when one of them cannot be had.
    pub async fn load(&mut self) -> Result<(), Stop> {
        loop {
            let Some(files) = self.all_files().await? else {
                self.as_files = true;
                continue;
            };
            self.files = Some(files);
            return Ok(());
        }
    }

    /// Whether bytes have to be sent.
    pub fn is_heavy(&self) -> bool {
        self.files.iter().flatten().any(|file| matches!(file.content, Content::Bytes(..)))
    }

    /// Sends it.
    ///
    /// # Errors
    /// [`Stop`] with what Telegram said at last.
    pub async fn send(&mut self) -> Result<Sent, Stop> {
        let mut last = Stop::Gone;
        for _ in 0..MOST_CALLS {
            if self.files.is_none() {
                self.load().await?;
            }
            let trouble = match self.call().await {
                Ok(taken) => return Ok(self.sent(&taken)),
                Err(trouble) => trouble,
            };
            if !self.change_for(&trouble).await? {
                return Err(trouble.into());
            }
            tracing::info!(chat = self.place.chat, %trouble, "a message is sent in another way");
            last = trouble.into();
        }
        Err(last)
    }

    /// Changes what Telegram does not take. `false`: there is nothing to change.
    async fn change_for(&mut self, trouble: &Trouble) -> Result<bool, Stop> {
        match trouble {
            Trouble::NotAPhoto(_) if self.shows_pictures() && !self.as_files => {
                self.as_files = true;
                self.files = None;
            }
            Trouble::NoReply if self.reply_to.is_some() => self.reply_to = None,
            Trouble::NoTopic if self.place.topic.is_some() => self.place.topic = None,
            Trouble::BadMarkup(_) if !self.plain => self.plain = true,
            Trouble::BadButtons(_) if self.keyboard.is_some() || self.ask.is_some() => {
                (self.keyboard, self.ask) = (None, None);
            }
            Trouble::StaleFile(_) => return self.forget_ids().await,
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn forget_ids(&mut self) -> Result<bool, Stop> {
        let mut forgotten = false;
        for file in self.files.take().into_iter().flatten() {
            if let (Content::Id(_), Some(asset)) = (&file.content, file.asset) {
                rows::forget_file(&self.carrier.db, asset, &file.kind).await?;
                forgotten = true;
            }
        }
        Ok(forgotten)
    }

    fn shows_pictures(&self) -> bool {
        matches!(self.body, Body::Photo { .. } | Body::Album { .. })
    }

    /// `None`: one of them is no photo, so that all of them must be files.
    async fn all_files(&self) -> Result<Option<Vec<File>>, Stop> {
        let (assets, name) = match self.body {
            Body::Text { .. } => return Ok(Some(Vec::new())),
            Body::TextFile { name, text, .. } => {
                let content = Content::Bytes(Bytes::copy_from_slice(text.as_bytes()), name.clone());
                return Ok(Some(vec![File { asset: None, kind: String::new(), content, small: None }]));
            }
            Body::Photo { asset, .. } => (std::slice::from_ref(asset), None),
            Body::File { asset, name, .. } => (std::slice::from_ref(asset), Some(name)),
            Body::Album { assets, .. } => (&assets[..], None),
        };
        let mut files = Vec::new();
        for asset in assets {
            let file = if self.as_files || name.is_some() {
                Some(self.document(*asset, name).await?)
            } else {
                self.photo(*asset).await?
            };
            let Some(file) = file else { return Ok(None) };
            files.push(file);
        }
        Ok(Some(files))
    }

    async fn photo(&self, asset: AssetId) -> Result<Option<File>, Stop> {
        let kind = "photo".to_owned();
        if let Some(id) = rows::file(&self.carrier.db, asset, &kind).await? {
            return Ok(Some(File { asset: Some(asset), kind, content: Content::Id(id), small: None }));
        }
        let bytes = self.bytes(asset).await?;
        let Some(made) = aside(move || pictures::photo(&bytes)).await? else { return Ok(None) };
        let name = format!("picture.{}", pictures::extension(&made));
        Ok(Some(File { asset: Some(asset), kind, content: Content::Bytes(made, name), small: None }))
    }

    async fn document(&self, asset: AssetId, name: Option<&String>) -> Result<File, Stop> {
        let kind = name.map_or_else(|| "file".to_owned(), |name| format!("file {name}"));
        if let Some(id) = rows::file(&self.carrier.db, asset, &kind).await? {
            return Ok(File { asset: Some(asset), kind, content: Content::Id(id), small: None });
        }
        let bytes = self.bytes(asset).await?;
        let seen = bytes.clone();
        let small = aside(move || pictures::small(&seen)).await?;
        let name = name.cloned().unwrap_or_else(|| format!("picture.{}", pictures::extension(&bytes)));
        Ok(File { asset: Some(asset), kind, content: Content::Bytes(bytes, name), small })
    }

    async fn bytes(&self, asset: AssetId) -> Result<Bytes, Stop> {
        match self.carrier.storage.bytes(asset, None).await {
            Ok(bytes) => bytes.ok_or(Stop::Gone),
            Err(failure) => {
                tracing::warn!(%asset, %failure, "a file to be sent cannot be read");
                Err(Stop::Away)
            }
        }
    }

    async fn call(&self) -> Result<Vec<Taken>, Trouble> {
        let bots = &self.carrier.bots.0;
        let bot = if self.is_heavy() { &bots.upload } else { &bots.control };
        match (self.body, self.files.as_deref().unwrap_or_default()) {
            (Body::Text { html }, _) => self.send_text(bot, html).await,
            (Body::Album { caption, .. }, files) if files.len() > 1 => self.send_album(bot, files, caption).await,
            (Body::Photo { caption, .. } | Body::Album { caption, .. }, [file]) if !self.as_files => {
                self.send_photo(bot, file, caption).await
            }
            (
                Body::Photo { caption, .. }
                | Body::File { caption, .. }
                | Body::Album { caption, .. }
                | Body::TextFile { caption, .. },
                [file],
            ) => self.send_document(bot, file, caption).await,
            _ => Err(Trouble::Refused("there is nothing in it".to_owned())),
        }
    }

    async fn send_text(&self, bot: &Bot, html: &str) -> Result<Vec<Taken>, Trouble> {
        let request = bot.send_message(ChatId(self.place.chat), self.text(html));
        let request = request.with_payload_mut(|p: &mut SendMessage| {
            p.message_thread_id = self.topic();
            p.reply_parameters = self.reply();
            p.disable_notification = self.quiet.then_some(true);
            p.reply_markup = markup::under(self.keyboard, self.ask);
            p.parse_mode = self.parse_mode();
            p.link_preview_options = Some(no_preview());
        });
        sent::one(request.await)
    }

    async fn send_photo(&self, bot: &Bot, file: &File, caption: &str) -> Result<Vec<Taken>, Trouble> {
        let request = bot.send_photo(ChatId(self.place.chat), file.input());
        let request = request.with_payload_mut(|p: &mut SendPhoto| {
            p.message_thread_id = self.topic();
            p.reply_parameters = self.reply();
            p.disable_notification = self.quiet.then_some(true);
            p.reply_markup = markup::under(self.keyboard, self.ask);
            p.parse_mode = self.parse_mode();
            p.caption = Some(self.text(caption));
        });
        sent::one(request.await)
    }

    async fn send_document(&self, bot: &Bot, file: &File, caption: &str) -> Result<Vec<Taken>, Trouble> {
        let request = bot.send_document(ChatId(self.place.chat), file.input());
        let request = request.with_payload_mut(|p: &mut SendDocument| {
            p.message_thread_id = self.topic();
            p.reply_parameters = self.reply();
            p.disable_notification = self.quiet.then_some(true);
            p.reply_markup = markup::under(self.keyboard, self.ask);
            p.parse_mode = self.parse_mode();
            p.caption = Some(self.text(caption));
            p.thumbnail = file.small();
            // Otherwise a GIF or a short video is sent as something else than the file that it is.
            p.disable_content_type_detection = Some(true);
        });
        sent::one(request.await)
    }

    async fn send_album(&self, bot: &Bot, files: &[File], caption: &str) -> Result<Vec<Taken>, Trouble> {
        let media = files.iter().enumerate().map(|(at, file)| {
            let caption = (at == 0).then(|| self.text(caption));
            if self.as_files {
                let mut document = InputMediaDocument::new(file.input());
                (document.caption, document.parse_mode) = (caption, self.parse_mode());
                document.thumbnail = file.small();
                return InputMedia::Document(document);
            }
            let mut photo = InputMediaPhoto::new(file.input());
            (photo.caption, photo.parse_mode) = (caption, self.parse_mode());
            InputMedia::Photo(photo)
        });
        let request = bot.send_media_group(ChatId(self.place.chat), media.collect::<Vec<_>>());
        let request = request.with_payload_mut(|p: &mut SendMediaGroup| {
            p.message_thread_id = self.topic();
            p.reply_parameters = self.reply();
            p.disable_notification = self.quiet.then_some(true);
        });
        sent::many(request.await)
    }

    fn topic(&self) -> Option<ThreadId> {
        self.place.topic.map(|topic| ThreadId(MessageId(topic)))
    }

    fn reply(&self) -> Option<ReplyParameters> {
        self.reply_to.map(|message| ReplyParameters::new(MessageId(message)).allow_sending_without_reply())
    }

    fn text(&self, html: &str) -> String {
        if self.plain { markup::plain(html) } else { html.to_owned() }
    }

    fn parse_mode(&self) -> Option<ParseMode> {
        (!self.plain).then_some(ParseMode::Html)
    }

    fn sent(&self, taken: &[Taken]) -> Sent {
        let files = self.files.iter().flatten().zip(taken).filter_map(|(file, taken)| {
            Some(Kept { asset: file.asset?, kind: file.kind.clone(), id: taken.file.clone()? })
        });
        Sent { message: taken.first().map(|first| first.message), files: files.collect() }
    }
}

impl File {
    fn input(&self) -> InputFile {
        match &self.content {
            Content::Id(id) => InputFile::file_id(FileId(id.clone())),
            Content::Bytes(bytes, name) => InputFile::memory(bytes.clone()).file_name(name.clone()),
        }
    }

    fn small(&self) -> Option<InputFile> {
        self.small.clone().map(|bytes| InputFile::memory(bytes).file_name("small.jpg"))
    }
}

/// Does what takes a while where nobody waits for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Stop> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a picture could not be got ready");
        Stop::Gone
    })
}
