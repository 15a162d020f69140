//! Keyboards and texts in Telegram's own words.

use crate::telegram::keyboard::{Button, Keyboard, Press};
use teloxide::types::{CopyTextButton, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, ReplyMarkup};
use url::Url;

/// What stands under a message: a question asked by a forced reply, or buttons.
pub(super) fn under(keyboard: Option<&Keyboard>, ask: Option<&String>) -> Option<ReplyMarkup> {
    if let Some(placeholder) = ask {
        let placeholder = Some(placeholder.clone()).filter(|text| !text.is_empty());
        return Some(ForceReply::new().input_field_placeholder(placeholder).selective().into());
    }
    buttons(keyboard).map(ReplyMarkup::InlineKeyboard)
}

/// Buttons; `None` where there are none.
pub(super) fn buttons(keyboard: Option<&Keyboard>) -> Option<InlineKeyboardMarkup> {
    let rows = keyboard?.rows.iter().map(|row| row.iter().filter_map(button).collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|row| !row.is_empty()).collect();
    (!rows.is_empty()).then(|| InlineKeyboardMarkup::new(rows))
}

fn button(button: &Button) -> Option<InlineKeyboardButton> {
    let label = button.label.clone();
    Some(match &button.press {
        Press::Tell(data) => InlineKeyboardButton::callback(label, data.clone()),
        Press::Copy(text) => InlineKeyboardButton::copy_text_button(label, CopyTextButton { text: text.clone() }),
        Press::Open(address) => match Url::parse(address) {
            Ok(url) => InlineKeyboardButton::url(label, url),
            Err(error) => {
                tracing::error!(%error, address, "a button without an address that can be opened was left out");
                return None;
            }
        },
    })
}

/// The text without its tags, for when Telegram does not understand them.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            _ => text.push(c),
        }
    }
    // The ampersand last: `&amp;lt;` is `&lt;`.
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keyboards_are_put_in_telegrams_words() {
        let open = |address: &str| Button { label: "Open".into(), press: Press::Open(address.into()) };
        let copy = Button { label: "Copy".into(), press: Press::Copy("42".into()) };
        let keyboard = Keyboard::default()
            .row([Button::tell("Again", "1|again|z"), copy])
            .row([open("https://t.me/bot?start=j_1")])
            .row([open("no address")]);
        let made = serde_json::to_value(under(Some(&keyboard), None)).unwrap();
        let expected = json!({"inline_keyboard": [
            [{"text": "Again", "callback_data": "1|again|z"}, {"text": "Copy", "copy_text": {"text": "42"}}],
            [{"text": "Open", "url": "https://t.me/bot?start=j_1"}],
        ]});
        assert_eq!(made, expected);
        assert!(under(Some(&Keyboard::default()), None).is_none());
        let asked = serde_json::to_value(under(Some(&keyboard), Some(&"Prompt".into()))).unwrap();
        assert_eq!(asked, json!({"force_reply": true, "input_field_placeholder": "Prompt", "selective": true}));
    }

    #[test]
    fn tags_are_taken_off() {
        assert_eq!(plain("<b>кот &amp; пёс</b> 1 &lt; 2 <a href=\"x\">сюда</a>"), "кот & пёс 1 < 2 сюда");
        assert_eq!(plain("&amp;lt;"), "&lt;");
        assert_eq!(plain("a > b <unfinished"), "a > b ");
    }
}
