//! A chat, to read.

use super::history::{Entry, Event};
use super::messages::{Author, Content, Message};
use super::world::State;
use std::fmt::Write as _;

/// Everything that happened in a chat.
pub fn of(state: &State, chat: i64) -> String {
    let mut story = format!("--- {} ({chat})\n", state.chat(chat).title);
    for entry in state.history.iter().filter(|entry| entry.chat == chat) {
        for line in lines(state, entry) {
            writeln!(story, "{} {line}", time(entry.at)).expect("text takes text");
        }
    }
    story
}

/// What helps to see why something did not come: the chat, or all of them, what waits, and what went wrong.
pub fn of_trouble(state: &State, chat: Option<i64>) -> String {
    let mut story = match chat {
        Some(chat) => of(state, chat),
        None => state.chats.keys().map(|chat| of(state, *chat)).collect(),
    };
    let waiting = state.updates.untold();
    if !waiting.is_empty() {
        writeln!(story, "--- not told to the bot yet: {waiting:?}").expect("text takes text");
    }
    for complaint in &state.complaints {
        writeln!(story, "--- complaint: {complaint}").expect("text takes text");
    }
    if let Some(call) = state.calls.last() {
        writeln!(story, "--- last of {} calls: {} {:?}", state.calls.len(), call.method, call.outcome)
            .expect("text takes text");
    }
    story
}

/// Hours, minutes and seconds.
pub fn time(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

fn lines(state: &State, entry: &Entry) -> Vec<String> {
    match &entry.event {
        Event::Said(message) | Event::Sent(message) => shown(state, message, ""),
        Event::Corrected(message) | Event::Edited(message) => shown(state, message, " (changed)"),
        Event::Deleted(id) => vec![format!("#{id} is deleted")],
        Event::Tapped { user, message, label } => {
            vec![format!("{} taps [{label}] under #{message}", state.user(*user).first_name)]
        }
        Event::Answered { answer } if answer.text.is_empty() => vec!["the tap is answered".to_owned()],
        Event::Answered { answer } => vec![format!("the tap is answered: {}", answer.text)],
        Event::Action(action) => vec![format!("{} … {action}", state.me.first_name)],
        Event::Failed { method, why } => vec![format!("!! {method}: {why}")],
        Event::News(news) => vec![format!("-- {news}")],
    }
}

/// Who wrote a message, by name.
pub fn author(state: &State, message: &Message) -> String {
    match message.author {
        Author::User(user) => state.user(user).first_name.clone(),
        Author::Hidden => format!("{} (hidden)", state.chat(message.chat).title),
        Author::PassedOn(channel) => state.chat(channel).title.clone(),
        Author::Channel => state.chat(message.chat).title.clone(),
    }
}

fn shown(state: &State, message: &Message, changed: &str) -> Vec<String> {
    let reply = message.reply_to.map_or_else(String::new, |id| format!(" → #{id}"));
    let topic = message.topic.map_or_else(String::new, |id| format!(" in topic {id}"));
    let what = match &message.content {
        Content::Text => String::new(),
        Content::Media(media) => format!("<{}> ", media.kind.field()),
        Content::Service(fields) => format!("<{fields}> "),
        Content::Unreadable => "<unreadable> ".to_owned(),
    };
    let who = author(state, message);
    let mut words = message.words.text.lines();
    let first = words.next().unwrap_or_default();
    let mut lines = vec![format!("{who} #{}{reply}{topic}{changed}: {what}{first}", message.id)];
    lines.extend(words.map(|line| format!("    {line}")));
    for row in &message.keyboard {
        let row: Vec<String> = row.iter().map(|button| format!("[{}]", button.label)).collect();
        lines.push(format!("    {}", row.join(" ")));
    }
    lines
}
