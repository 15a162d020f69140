//! What the Bot API allows at most: documented, or read in the source of its server.

use std::time::Duration;

/// Text of a message, in code points after entities are parsed: the server counts so for bots (`utf8_length`), while
/// offsets of entities are UTF-16 units.
pub const TEXT: usize = 4096;
/// A caption, counted as a text.
pub const CAPTION: usize = 1024;
/// What `text` or `caption` may have before entities are parsed, in bytes.
pub const RAW: usize = 1 << 15;
/// `callback_data`, in bytes.
pub const DATA: usize = 64;
/// Buttons of one inline keyboard.
pub const BUTTONS: usize = 100;
/// Buttons of one row; not documented.
pub const ROW: usize = 8;
/// What a button copies.
pub const COPIED: usize = 256;
/// `input_field_placeholder`.
pub const PLACEHOLDER: usize = 64;
/// Text of an answer to a tap.
pub const ANSWER: usize = 200;
/// A photo that is uploaded.
pub const PHOTO: u64 = 10 << 20;
/// Width and height of a photo together.
pub const PHOTO_SIDES: u32 = 10_000;
/// How many times one side of a photo may be the other.
pub const PHOTO_RATIO: u32 = 20;
/// Any other file that is uploaded.
pub const UPLOAD: u64 = 50 << 20;
/// A file that a bot may download.
pub const DOWNLOAD: u64 = 20 << 20;
/// A thumbnail; a larger one is left out.
pub const THUMBNAIL: u64 = 200 * 1024 - 1;
/// Items of an album.
pub const ALBUM: usize = 10;
/// Messages deleted at once.
pub const DELETED: usize = 100;
/// Commands of one scope.
pub const COMMANDS: usize = 100;
/// Name of a command.
pub const COMMAND: usize = 32;
/// Description of a command.
pub const COMMAND_ABOUT: usize = 256;
/// Name of the bot.
pub const NAME: usize = 64;
/// What an empty chat with the bot shows.
pub const DESCRIPTION: usize = 512;
/// What the bot's profile shows.
pub const SHORT_DESCRIPTION: usize = 120;
/// `start` of a link into the chat with the bot.
pub const START: usize = 64;
/// Updates of one answer.
pub const UPDATES: u64 = 100;
/// The longest poll, in seconds.
pub const POLL: u64 = 50;
/// Secret of a webhook.
pub const SECRET: usize = 256;

/// How long a message waits to be delivered.
pub const MESSAGE_WAITS: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a tap waits to be delivered.
pub const TAP_WAITS: Duration = Duration::from_secs(150);
/// How long a tap can be answered. Not documented; users tell of times from ten seconds to a minute.
pub const TAP_ANSWERABLE: Duration = Duration::from_secs(60);
/// How old a message may be that a bot deletes.
pub const DELETABLE: Duration = Duration::from_secs(48 * 60 * 60);
