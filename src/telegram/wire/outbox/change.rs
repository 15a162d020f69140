//! Changes to messages that were sent, and their end.

use super::markup;
use super::sent::understood;
use crate::telegram::parcel::Act;
use crate::telegram::wire::bots::Bots;
use crate::telegram::wire::trouble::{Trouble, classify};
use teloxide::RequestError;
use teloxide::payloads::{EditMessageCaption, EditMessageReplyMarkup, EditMessageText};
use teloxide::requests::{HasPayload, Requester};
use teloxide::types::{ChatId, LinkPreviewOptions, MessageId, ParseMode};

/// What is left of the way it was meant where Telegram does not take it so.
#[derive(Clone, Copy, Default)]
struct Form {
    /// The message has a caption, not a text.
    caption: bool,
    plain: bool,
    without_buttons: bool,
}

/// Changes a message, or deletes it.
///
/// # Errors
/// What Telegram said at last; [`Trouble::Harmless`] where it is so already, or the message is gone.
pub(super) async fn change(bots: &Bots, chat: i64, message: i32, act: &Act) -> Result<(), Trouble> {
    let mut form = Form::default();
    loop {
        let Err(trouble) = call(bots, (ChatId(chat), MessageId(message)), act, form).await else { return Ok(()) };
        match trouble {
            Trouble::NoText if !form.caption => form.caption = true,
            Trouble::BadMarkup(_) if !form.plain => form.plain = true,
            Trouble::BadButtons(_) if !form.without_buttons => form.without_buttons = true,
            trouble => return Err(trouble),
        }
        tracing::info!(chat, "a message is changed in another way");
    }
}

async fn call(bots: &Bots, (chat, message): (ChatId, MessageId), act: &Act, form: Form) -> Result<(), Trouble> {
    let bot = &bots.0.control;
    let buttons = |keyboard| if form.without_buttons { None } else { markup::buttons(keyboard) };
    let parse_mode = (!form.plain).then_some(ParseMode::Html);
    match act {
        Act::Edit { html, keyboard, .. } => {
            let text = if form.plain { markup::plain(html) } else { html.clone() };
            if form.caption {
                let request = bot.edit_message_caption(chat, message).with_payload_mut(|p: &mut EditMessageCaption| {
                    (p.caption, p.parse_mode) = (Some(text), parse_mode);
                    p.reply_markup = buttons(keyboard.as_ref());
                });
                return done(request.await);
            }
            let request = bot.edit_message_text(chat, message, text).with_payload_mut(|p: &mut EditMessageText| {
                p.parse_mode = parse_mode;
                p.reply_markup = buttons(keyboard.as_ref());
                p.link_preview_options = Some(no_preview());
            });
            done(request.await)
        }
        Act::Rearrange { keyboard, .. } => {
            let request = bot.edit_message_reply_markup(chat, message);
            let request = request.with_payload_mut(|p: &mut EditMessageReplyMarkup| {
                p.reply_markup = buttons(Some(keyboard));
            });
            done(request.await)
        }
        Act::Delete { .. } => done(bot.delete_message(chat, message).await),
        Act::Send { .. } => Err(Trouble::Refused("it changes nothing".to_owned())),
    }
}

/// Addresses in prompts are no reason to show what lies there.
pub(super) fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn done<T>(answer: Result<T, RequestError>) -> Result<(), Trouble> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if understood(&error).is_some() => Ok(()),
        Err(error) => Err(classify(&error)),
    }
}
