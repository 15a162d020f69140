//! What somebody wrote, out of Telegram's own form: the only file besides the tree and the wire that knows it.

use super::orders::SentFile;
use teloxide::types::{FileMeta, Message, MessageEntity, MessageEntityKind, MessageKind, PhotoSize};

/// Telegram's number of the account behind which anonymous administrators of groups write.
const GROUP_ANONYMOUS: u64 = 1_087_968_824;
/// The account behind which channels write.
const CHANNEL: u64 = 136_817_688;

/// A message, as the handlers need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// Its text or caption.
    pub words: String,
    /// What came with it.
    pub attached: Attached,
    /// The album it belongs to.
    pub album: Option<String>,
    /// When it was sent, seconds since 1970.
    pub sent_at: i64,
    /// Where the bot is mentioned in the words: offset and length in UTF-16 units.
    pub mentions: Vec<(usize, usize)>,
    /// Whether it answers a message of the bot.
    pub to_bot: bool,
    /// Who wrote the message that it answers.
    pub answered: Option<i64>,
    /// A picture in the message that it answers.
    pub answered_picture: Option<SentFile>,
    /// The text of the message that it answers.
    pub answered_words: Option<String>,
}

/// What came with the words.
#[derive(Debug, Clone, PartialEq)]
pub enum Attached {
    /// Nothing.
    Nothing,
    /// A picture, as a photo or as a file.
    Picture(SentFile),
    /// Something that has a sound, and its seconds where they were told.
    Sound(SentFile, Option<u64>),
    /// A file that nothing is done with.
    Unknown,
    /// A notice of Telegram's own, such as a new title.
    Service,
    /// Nothing of it could be understood.
    Unreadable,
}

/// Whether somebody hides behind a group or a channel.
#[must_use]
pub fn anonymous(message: &Message) -> bool {
    let behind = |id: u64| id == GROUP_ANONYMOUS || id == CHANNEL;
    message.from.as_ref().is_none_or(|from| behind(from.id.0) || from.is_bot) || message.sender_chat.is_some()
}

/// Whether it was a person who hides so, and wrote it here: not a bot, and not what a channel passes on by itself.
#[must_use]
pub fn hidden(message: &Message) -> bool {
    let who = message.from.as_ref().map(|from| (from.id.0, from.is_bot));
    let person = who.is_none_or(|(id, bot)| id == GROUP_ANONYMOUS || id == CHANNEL || !bot);
    !message.chat.is_channel() && !message.is_automatic_forward() && anonymous(message) && person
}

/// Reads a message; `bot` is the unique name of the bot, `bot_id` its number.
#[must_use]
pub fn read(message: &Message, bot: &str, bot_id: i64) -> Incoming {
    let words = message.text().or_else(|| message.caption()).unwrap_or_default().to_owned();
    let entities = message.entities().or_else(|| message.caption_entities()).unwrap_or_default();
    let answered = message.reply_to_message();
    let writer = |message: &Message| message.from.as_ref().and_then(|from| i64::try_from(from.id.0).ok());
    Incoming {
        mentions: mentions(&words, entities, bot),
        attached: attached(message),
        album: message.media_group_id().map(|id| id.0.clone()),
        sent_at: message.date.timestamp(),
        to_bot: answered.and_then(writer) == Some(bot_id),
        answered: answered.and_then(writer),
        answered_picture: answered.and_then(|message| match attached(message) {
            Attached::Picture(file) => Some(file),
            _ => None,
        }),
        answered_words: answered.and_then(|m| m.text().or_else(|| m.caption())).map(str::to_owned),
        words,
    }
}

fn attached(message: &Message) -> Attached {
    if let Some(sizes) = message.photo() {
        return largest(sizes)
            .map_or(Attached::Unreadable, |size| Attached::Picture(sent(&size.file, Some("image/jpeg"))));
    }
    if let Some(document) = message.document() {
        let mime = document.mime_type.as_ref().map(ToString::to_string);
        let file = sent(&document.file, mime.as_deref());
        let name = document.file_name.clone().unwrap_or_default().to_lowercase();
        let is = |kind: &str, endings: &[&str]| {
            mime.as_deref().is_some_and(|mime| mime.starts_with(kind)) || endings.iter().any(|end| name.ends_with(end))
        };
        return if is("image/", &[".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"]) {
            Attached::Picture(file)
        } else if is("audio/", &[".ogg", ".oga", ".opus", ".mp3", ".wav", ".m4a", ".flac", ".aac"]) || is("video/", &[])
        {
            Attached::Sound(file, None)
        } else {
            Attached::Unknown
        };
    }
    let sound = |file: &FileMeta, mime: Option<String>, seconds: u32| {
        Attached::Sound(sent(file, mime.as_deref()), Some(u64::from(seconds)))
    };
    if let Some(voice) = message.voice() {
        return sound(&voice.file, voice.mime_type.as_ref().map(ToString::to_string), voice.duration.seconds());
    }
    if let Some(audio) = message.audio() {
        return sound(&audio.file, audio.mime_type.as_ref().map(ToString::to_string), audio.duration.seconds());
    }
    if let Some(note) = message.video_note() {
        return sound(&note.file, Some("video/mp4".to_owned()), note.duration.seconds());
    }
    if let Some(video) = message.video() {
        return sound(&video.file, video.mime_type.as_ref().map(ToString::to_string), video.duration.seconds());
    }
    match (&message.kind, message.text()) {
        (MessageKind::Common(_), Some(_)) => Attached::Nothing,
        (MessageKind::Common(_), None) => Attached::Unknown,
        // What teloxide does not know, such as a text with a new kind of entity, has no content at all.
        (MessageKind::Empty {}, _) => Attached::Unreadable,
        _ => Attached::Service,
    }
}

fn largest(sizes: &[PhotoSize]) -> Option<&PhotoSize> {
    sizes.iter().max_by_key(|size| u64::from(size.width) * u64::from(size.height))
}

fn sent(file: &FileMeta, mime: Option<&str>) -> SentFile {
    SentFile {
        id: file.id.0.clone(),
        // 0 is what Telegram leaves out.
        size: (file.size > 0).then_some(u64::from(file.size)),
        mime: mime.map(str::to_owned),
    }
}

/// Mentions of the bot by its unique name.
fn mentions(words: &str, entities: &[MessageEntity], bot: &str) -> Vec<(usize, usize)> {
    let units: Vec<u16> = words.encode_utf16().collect();
    let named = |entity: &&MessageEntity| {
        let text = units.get(entity.offset..entity.offset + entity.length).map(String::from_utf16_lossy);
        matches!(entity.kind, MessageEntityKind::Mention)
            && text.is_some_and(|text| text.trim_start_matches('@').eq_ignore_ascii_case(bot))
    };
    entities.iter().filter(named).map(|entity| (entity.offset, entity.length)).collect()
}

/// A command at the beginning of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name in small letters, without the slash.
    pub name: String,
    /// What follows it.
    pub rest: String,
}

/// The command of these words, unless it is for another bot.
#[must_use]
pub fn command(words: &str, bot: &str) -> Option<Command> {
    let body = words.strip_prefix('/')?;
    let end = body.find(char::is_whitespace).unwrap_or(body.len());
    let (head, rest) = body.split_at(end);
    let (name, to) = head.split_once('@').map_or((head, None), |(name, to)| (name, Some(to)));
    let fine = !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fine || to.is_some_and(|to| !to.eq_ignore_ascii_case(bot)) {
        return None;
    }
    Some(Command { name: name.to_ascii_lowercase(), rest: rest.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(name: &str, rest: &str) -> Option<Command> {
        Some(Command { name: name.to_owned(), rest: rest.to_owned() })
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(command("/start", "samovar_bot"), made("start", ""));
        assert_eq!(command("/Image@Samovar_Bot рыжий кот", "samovar_bot"), made("image", "рыжий кот"));
        assert_eq!(command("/add_balance 7 500\nподарок", "samovar_bot"), made("add_balance", "7 500\nподарок"));
        for other in ["/image@other_bot кот", "кот", "/", "/ кот", "/кот", "", "//x"] {
            assert_eq!(command(other, "samovar_bot"), None, "{other}");
        }
    }

    #[test]
    fn a_mention_is_found_behind_letters_of_any_width() {
        let words = "😀 @Samovar_Bot кот, @other";
        let entity = |offset, length| MessageEntity { kind: MessageEntityKind::Mention, offset, length };
        let entities = [entity(3, 12), entity(21, 6), entity(90, 5)];
        assert_eq!(mentions(words, &entities, "samovar_bot"), [(3, 12)]);
    }

    proptest! {
        #[test]
        fn any_words_are_read(words in ".{0,40}") {
            let _ = command(&words, "samovar_bot");
        }
    }
}
