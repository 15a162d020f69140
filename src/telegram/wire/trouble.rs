//! What a failed call to Telegram means for what comes next. The words that Telegram uses change from year to year:
//! they are compared without regard to case, by the part that has stayed.

use std::error::Error;
use std::time::Duration;
use teloxide::{ApiError, RequestError};

/// What a failed call means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing can be sent there: the bot was blocked, thrown out or silenced, or the chat is gone.
    #[error("the chat cannot be reached: {0}")]
    Unreachable(String),
    /// What was wanted is so already, or no longer matters.
    #[error("nothing was to be done: {0}")]
    Harmless(String),
    /// Telegram takes this for no photo; as a file it may pass.
    #[error("it is no photo to Telegram: {0}")]
    NotAPhoto(String),
    /// The file that is meant is too large to be sent or fetched by a bot.
    #[error("the file is too large: {0}")]
    TooBig(String),
    /// The message that is answered is gone.
    #[error("the message that it answers is gone")]
    NoReply,
    /// The topic is gone or closed; the chat itself may take it.
    #[error("the topic is gone or closed")]
    NoTopic,
    /// The message to change has a caption instead of a text.
    #[error("the message has no text")]
    NoText,
    /// The HTML is wrong.
    #[error("the markup is wrong: {0}")]
    BadMarkup(String),
    /// The buttons are wrong.
    #[error("the buttons are wrong: {0}")]
    BadButtons(String),
    /// What Telegram had under this id it has no longer.
    #[error("the file id is no longer good: {0}")]
    StaleFile(String),
    /// The person takes no voice messages.
    #[error("voice messages are not taken there")]
    VoiceForbidden,
    /// Too many calls; the next one not before this has passed.
    #[error("too many calls; wait {} s", .0.as_secs())]
    Wait(Duration),
    /// The group has become a supergroup with this id.
    #[error("the chat is now {0}")]
    Moved(i64),
    /// Somebody else fetches updates, or they are brought by a webhook.
    #[error("somebody else gets the updates: {0}")]
    Conflict(String),
    /// Telegram surely has not heard it.
    #[error("Telegram cannot be reached: {0}")]
    NotSent(String),
    /// Telegram may have done it.
    #[error("it may have been done: {0}")]
    Unsure(String),
    /// The token is not, or no longer, good.
    #[error("the bot's token is not accepted: {0}")]
    Fatal(String),
    /// Anything else that Telegram refused, in its words.
    #[error("refused: {0}")]
    Refused(String),
}

/// What a failed call means. Holds no address: those of calls have the token in them.
#[must_use]
pub fn classify(error: &RequestError) -> Trouble {
    match error {
        RequestError::RetryAfter(seconds) => Trouble::Wait(seconds.duration()),
        RequestError::MigrateToChatId(chat) => Trouble::Moved(chat.0),
        RequestError::Network(error) => of_network(error),
        RequestError::InvalidJson { .. } => Trouble::Unsure("the answer could not be read".to_owned()),
        RequestError::Io(error) => Trouble::Refused(format!("a file could not be read: {error}")),
        RequestError::Api(ApiError::Unknown(said)) => of_words(said),
        // Shown in other words than were said.
        RequestError::Api(ApiError::InvalidToken) => of_words("Unauthorized"),
        RequestError::Api(known) => of_words(&known.to_string()),
    }
}

/// What is wrong with the connection: whether the call can have been heard.
pub(super) fn of_network(error: &reqwest::Error) -> Trouble {
    let cause = cause(error);
    if error.is_connect() {
        return Trouble::NotSent(cause);
    }
    if error.is_builder() {
        return Trouble::Refused(format!("the call could not be put together: {cause}"));
    }
    Trouble::Unsure(if error.is_timeout() { "no answer in time".to_owned() } else { cause })
}

/// The innermost cause. The outer ones show the address, with the token.
fn cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the connection failed".to_owned(), ToString::to_string)
}

type Meaning = fn(String) -> Trouble;

/// Parts of what Telegram says, in lower case, and what they mean; the first that is found counts.
const MEANINGS: &[(&[&str], Meaning)] = &[
    (&["too many requests", "flood_wait"], |said| Trouble::Wait(wait_in(&said))),
    (
        &[
            "message to be replied not found",
            "message to reply not found",
            "replied message not found",
            "reply_message",
            "reply_to_i",
        ],
        |_| Trouble::NoReply,
    ),
    (
        &[
            "message is not modified",
            "message to edit not found",
            "message to delete not found",
            "message can't be edited",
            "message can't be deleted",
            "message_id_invalid",
            "message_not_modified",
            "query is too old",
            "query id is invalid",
            "query_id_invalid",
        ],
        Trouble::Harmless,
    ),
    (&["message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid", "thread_id_invalid"], |_| {
        Trouble::NoTopic
    }),
    (&["voice_messages_forbidden"], |_| Trouble::VoiceForbidden),
    // Only one kind of message is forbidden there; others pass.
    (
        &["rights to send photos", "rights to send documents", "rights to send voice", "rights to send audios"],
        Trouble::Refused,
    ),
    (&["chat_send_photos_f", "chat_send_docs_f", "chat_send_media_f", "chat_send_voices_f"], Trouble::Refused),
    (
        &[
            "forbidden:",
            "bot was blocked",
            "user is deactivated",
            "chat not found",
            "was kicked",
            "can't initiate conversation",
            "can't send messages to bots",
            "chat_write_forbidden",
            "chat_restricted",
            "chat_send_plain_forbidden",
            "rights to send",
            "need administrator rights",
            "group is deactivated",
            "group chat was deactivated",
            "chat was deleted",
            "peer_id_invalid",
            "user_is_blocked",
            "input_user_deactivated",
            "channel_private",
        ],
        Trouble::Unreachable,
    ),
    (
        &["photo_invalid", "image_process_failed", "photo_ext_invalid", "photo_save_file", "too big for a photo"],
        Trouble::NotAPhoto,
    ),
    // A photo of this size may be sent as a file; a file may not.
    (&["request entity too large"], Trouble::NotAPhoto),
    (&["file is too big", "file_parts_invalid"], Trouble::TooBig),
    (
        &[
            "wrong file identifier",
            "wrong remote file identifier",
            "wrong file id",
            "wrong file_id",
            "invalid file id",
            "file_id_invalid",
            "file_reference_",
            "can't use file of type",
            "type of file mismatch",
        ],
        Trouble::StaleFile,
    ),
    (
        &["can't parse entities", "can't parse message", "can't parse caption", "entity_bounds", "entities_too_long"],
        Trouble::BadMarkup,
    ),
    (&["button", "inline keyboard", "reply markup", "reply_markup"], Trouble::BadButtons),
    (&["there is no text in the message"], |_| Trouble::NoText),
    (&["conflict:", "while webhook is active"], Trouble::Conflict),
    (&["internal server error", "bad gateway", "gateway time", "service unavailable"], Trouble::Unsure),
];

/// What Telegram's words mean.
pub(super) fn of_words(said: &str) -> Trouble {
    let lower = said.to_lowercase();
    // With more words these are something else.
    if matches!(lower.as_str(), "unauthorized" | "not found") {
        return Trouble::Fatal(said.to_owned());
    }
    let meaning = MEANINGS.iter().find(|(parts, _)| parts.iter().any(|part| lower.contains(part)));
    meaning.map_or_else(|| Trouble::Refused(said.to_owned()), |(_, meaning)| meaning(said.to_owned()))
}

/// `Too Many Requests: retry after 14`, where the number is nowhere else.
fn wait_in(said: &str) -> Duration {
    let last = said.rsplit(|c: char| !c.is_ascii_digit()).find(|number| !number.is_empty());
    Duration::from_secs(last.and_then(|seconds| seconds.parse().ok()).unwrap_or(5))
}

impl Trouble {
    /// One word, for the metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Harmless(_) => "harmless",
            Self::NotAPhoto(_) => "not_a_photo",
            Self::TooBig(_) => "too_big",
            Self::NoReply => "no_reply",
            Self::NoTopic => "no_topic",
            Self::NoText => "no_text",
            Self::BadMarkup(_) => "bad_markup",
            Self::BadButtons(_) => "bad_buttons",
            Self::StaleFile(_) => "stale_file",
            Self::VoiceForbidden => "voice_forbidden",
            Self::Wait(_) => "wait",
            Self::Moved(_) => "moved",
            Self::Conflict(_) => "conflict",
            Self::NotSent(_) => "not_sent",
            Self::Unsure(_) => "unsure",
            Self::Fatal(_) => "fatal",
            Self::Refused(_) => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// What Telegram's server says in our days and said in earlier ones.
    const SAID: &[(&str, &[&str])] = &[
        (
            "unreachable",
            &[
                "Forbidden: bot was blocked by the user",
                "Forbidden: user is deactivated",
                "Forbidden: bot was kicked from the group chat",
                "Forbidden: bot was kicked from the supergroup chat",
                "Forbidden: bot is not a member of the channel chat",
                "Forbidden: bot can't initiate conversation with a user",
                "Forbidden: bot can't send messages to bots",
                "Forbidden: the group chat was deleted",
                "Unauthorized: bot was kicked from a chat",
                "Unauthorized: bot can't initiate conversation with a user",
                "Bad Request: chat not found",
                "Bad Request: CHAT_WRITE_FORBIDDEN",
                "Bad Request: have no rights to send a message",
                "Bad Request: not enough rights to send text messages to the chat",
                "Bad Request: need administrator rights in the channel chat",
                "Bad Request: group chat was deactivated",
                "Bad Request: PEER_ID_INVALID",
                "Bad Request: CHAT_RESTRICTED",
            ],
        ),
        (
            "harmless",
            &[
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the \
                 same as a current content and reply markup of the message",
                "Bad Request: message to edit not found",
                "Bad Request: message to delete not found",
                "Bad Request: message can't be edited",
                "Bad Request: message can't be deleted for everyone",
                "Bad Request: MESSAGE_ID_INVALID",
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
                "Bad Request: query is too old and response timeout expired or query id is invalid",
            ],
        ),
        (
            "not_a_photo",
            &[
                "Bad Request: PHOTO_INVALID_DIMENSIONS",
                "Bad Request: Photo_invalid_dimensions",
                "Bad Request: IMAGE_PROCESS_FAILED",
                "Bad Request: PHOTO_EXT_INVALID",
                "Bad Request: PHOTO_SAVE_FILE_INVALID",
                "Bad Request: file of size 11123456 bytes is too big for a photo; the maximum size is 10485760 bytes",
                "Request Entity Too Large",
            ],
        ),
        ("too_big", &["Bad Request: file is too big"]),
        ("no_reply", &["Bad Request: message to be replied not found", "Bad Request: REPLY_MESSAGE_ID_INVALID"]),
        ("no_topic", &["Bad Request: message thread not found", "Bad Request: TOPIC_CLOSED"]),
        ("no_text", &["Bad Request: there is no text in the message to edit"]),
        (
            "bad_markup",
            &[
                "Bad Request: can't parse entities: Unsupported start tag \"prompt\" at byte offset 5",
                "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
            ],
        ),
        (
            "bad_buttons",
            &[
                "Bad Request: BUTTON_DATA_INVALID",
                "Bad Request: BUTTON_URL_INVALID",
                "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ],
        ),
        (
            "stale_file",
            &[
                "Bad Request: wrong file identifier/HTTP URL specified",
                "Bad Request: wrong remote file identifier specified: Wrong padding in the string",
                "Bad Request: wrong file_id or the file is temporarily unavailable",
                "Bad Request: can't use file of type Document as Photo",
                "Bad Request: FILE_REFERENCE_EXPIRED",
            ],
        ),
        ("voice_forbidden", &["Bad Request: VOICE_MESSAGES_FORBIDDEN"]),
        (
            "conflict",
            &[
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook \
                 first",
            ],
        ),
        ("fatal", &["Unauthorized", "Not Found"]),
        ("unsure", &["Internal Server Error", "Internal Server Error: restart", "Bad Gateway", "Gateway Timeout"]),
        (
            "refused",
            &[
                "Bad Request: message text is empty",
                "Bad Request: message is too long",
                "Bad Request: not enough rights to send photos to the chat",
                "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN",
                "Bad Request: something that nobody has said before",
            ],
        ),
    ];

    #[test]
    fn every_known_text_has_its_meaning() {
        for (word, texts) in SAID {
            for said in *texts {
                assert_eq!(of_words(said).word(), *word, "{said}");
                // As teloxide reads it, which knows some of the texts and not others.
                let read: ApiError = serde_json::from_value((*said).into()).unwrap();
                assert_eq!(classify(&RequestError::Api(read)).word(), *word, "{said} by teloxide");
            }
        }
    }

    #[test]
    fn waits_and_moves_are_read() {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_err();
        let broken = RequestError::InvalidJson { source: Arc::new(json("<html>")), raw: "<html>".into() };
        assert_eq!(classify(&broken).word(), "unsure");
        let wait = RequestError::RetryAfter(teloxide::types::Seconds::from_seconds(8288));
        assert_eq!(classify(&wait), Trouble::Wait(Duration::from_secs(8288)));
        let moved = RequestError::MigrateToChatId(teloxide::types::ChatId(-100_123));
        assert_eq!(classify(&moved), Trouble::Moved(-100_123));
        assert_eq!(of_words("Too Many Requests: retry after 14"), Trouble::Wait(Duration::from_secs(14)));
        assert_eq!(of_words("Too Many Requests"), Trouble::Wait(Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn what_was_surely_not_heard_is_told_from_what_may_have_been() {
        const TOKEN: &str = "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let call = |address| {
            let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
            async move { client.post(format!("http://{address}/bot{TOKEN}/sendMessage")).send().await.unwrap_err() }
        };
        let cut = tokio::spawn(async move {
            drop(listener.accept().await.unwrap());
            listener
        });
        let heard = of_network(&call(address).await);
        drop(cut.await.unwrap());
        let refused = of_network(&call(address).await);
        assert_eq!(heard.word(), "unsure", "{heard}");
        assert_eq!(refused.word(), "not_sent", "{refused}");
        for trouble in [heard, refused] {
            assert!(!trouble.to_string().contains("AAAA"), "{trouble}");
        }
    }
}
