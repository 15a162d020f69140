//! A chat as a page: pictures inside, keyboards as buttons, nothing fetched from elsewhere.

use super::files::{Kind, mime_of};
use super::history::{Entry, Event};
use super::messages::{Author, Content, Message};
use super::transcript::{author, time};
use super::words::{Entity, Words};
use super::world::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// Everything that is to be seen in a chat now, and the taps in between.
pub fn of(state: &State, chat: i64) -> String {
    let title = escaped(&state.chat(chat).title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"ru\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n<h1>{title}</h1>\n<main>\n"
    );
    let mut shown = BTreeSet::new();
    for entry in state.history.iter().filter(|entry| entry.chat == chat) {
        page += &piece(state, entry, &mut shown);
    }
    page + "</main>\n</html>\n"
}

/// Messages stand where they came first, as they are now.
fn piece(state: &State, entry: &Entry, shown: &mut BTreeSet<i32>) -> String {
    match &entry.event {
        Event::Said(message) | Event::Sent(message) if shown.insert(message.id) => {
            let now = &state.chat(message.chat).messages[&message.id];
            bubble(state, now)
        }
        Event::Tapped { user, label, .. } => {
            let who = escaped(&state.user(*user).first_name);
            format!("<p class=\"tap\">{who} ▸ <b>{}</b></p>\n", escaped(label))
        }
        Event::Answered { answer } if !answer.text.is_empty() => {
            format!("<p class=\"toast\">{}</p>\n", escaped(&answer.text))
        }
        Event::News(news) => format!("<p class=\"tap\">{}</p>\n", escaped(news)),
        _ => String::new(),
    }
}

fn bubble(state: &State, message: &Message) -> String {
    if let Content::Service(fields) = &message.content {
        let names: Vec<&str> = fields.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        return format!("<p class=\"tap\">{}</p>\n", names.join(", "));
    }
    let bot = matches!(message.author, Author::Channel) || message.author == Author::User(state.me.id);
    let mut class = if bot { "bot" } else { "person" }.to_owned();
    if message.deleted {
        class += " gone";
    }
    let mut html = format!("<article class=\"{class}\">\n");
    writeln!(html, "<header>{}</header>", escaped(&author(state, message))).expect("text takes text");
    let replied = message.reply_to.and_then(|id| state.chat(message.chat).messages.get(&id));
    if let Some(replied) = replied {
        let first: String = replied.words.text.chars().take(60).collect();
        writeln!(html, "<blockquote>{}</blockquote>", escaped(&first)).expect("text takes text");
    }
    html += &file(state, message);
    if !message.words.text.is_empty() {
        writeln!(html, "<div class=\"words\">{}</div>", marked(&message.words)).expect("text takes text");
    }
    let date = time(message.edited.unwrap_or(message.date));
    let edited = if message.edited.is_some() { "edited " } else { "" };
    writeln!(html, "<footer>{edited}{date}</footer>").expect("text takes text");
    for row in &message.keyboard {
        let buttons = row.iter().map(|button| format!("<button>{}</button>", escaped(&button.label)));
        writeln!(html, "<nav>{}</nav>", buttons.collect::<String>()).expect("text takes text");
    }
    html + "</article>\n"
}

/// Pictures are shown; of other files the name is.
fn file(state: &State, message: &Message) -> String {
    let Some(media) = message.media() else { return String::new() };
    let name = media.fields["file_name"].as_str().unwrap_or(media.kind.field());
    let sort = if media.kind == Kind::Photo { "image/jpeg" } else { mime_of(name) };
    let stored = state.files.by_id(&media.file);
    match stored.filter(|_| media.kind == Kind::Photo) {
        Some(stored) => {
            let bytes = STANDARD.encode(&stored.bytes);
            format!("<img alt=\"\" src=\"data:{sort};base64,{bytes}\">\n")
        }
        None => format!("<p class=\"file\">📎 {}</p>\n", escaped(name)),
    }
}

/// Text with its entities as tags. They are nested or apart, never across each other.
fn marked(words: &Words) -> String {
    let tag = |entity: &Entity| match entity.kind.as_str() {
        "bold" => Some("b"),
        "italic" => Some("i"),
        "underline" => Some("u"),
        "strikethrough" => Some("s"),
        "code" => Some("code"),
        "pre" => Some("pre"),
        "blockquote" | "expandable_blockquote" => Some("blockquote"),
        "text_link" | "url" | "mention" | "bot_command" | "hashtag" => Some("em"),
        _ => None,
    };
    let mut html = String::new();
    let mut at = 0;
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut next = words.entities.iter().filter_map(|entity| Some((entity, tag(entity)?))).peekable();
    for c in words.text.chars().chain(['\0']) {
        while let Some((_, tag)) = open.pop_if(|(end, _)| *end <= at) {
            write!(html, "</{tag}>").expect("text takes text");
        }
        while let Some((entity, tag)) = next.next_if(|(entity, _)| entity.offset <= at) {
            write!(html, "<{tag}>").expect("text takes text");
            open.push((entity.offset + entity.length, tag));
        }
        if c != '\0' {
            html += &escaped(c.encode_utf8(&mut [0; 4]));
        }
        at += c.len_utf16();
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
