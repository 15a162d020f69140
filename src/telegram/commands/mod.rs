//! What begins with a slash, one file for each subject. It must not know how answers are made.

pub mod account;
pub mod admin;
pub mod broadcast;
pub mod history;
pub mod people;
pub mod settings;
pub mod start;
pub mod state;

use super::incoming::{Command, Incoming};
use super::modes::{self, Create, Done, Handler};
use super::session::Step;
use super::texts::{Lang, args};
use super::turn::Turn;
use super::written;

/// Commands of everybody in a private chat, in the order of Telegram's list, with the keys of their descriptions.
pub const PRIVATE: [(&str, &str); 11] = [
    ("menu", "command-menu"),
    ("image", "command-image"),
    ("history", "command-history"),
    ("balance", "command-balance"),
    ("status", "command-status"),
    ("settings", "command-settings"),
    ("skip", "command-skip"),
    ("help", "command-help"),
    ("privacy", "command-privacy"),
    ("delete_me", "command-delete-me"),
    ("ping", "command-ping"),
];
/// Commands in groups.
pub const GROUP: [(&str, &str); 3] =
    [("image", "command-image"), ("status", "command-status"), ("help", "command-help")];
/// Further commands of administrators in their private chats.
pub const ADMIN: [(&str, &str); 8] = [
    ("add_balance", "command-add-balance"),
    ("level", "command-level"),
    ("stats", "command-stats"),
    ("queue", "command-queue"),
    ("providers", "command-providers"),
    ("broadcast", "command-broadcast"),
    ("pause", "command-pause"),
    ("resume", "command-resume"),
];

/// Follows a command.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn route(turn: &Turn, command: &Command, message: &Incoming) -> Done {
    let rest = command.rest.as_str();
    match command.name.as_str() {
        "start" => start::start(turn, rest).await,
        "menu" => start::menu(turn).await,
        "help" => start::help(turn),
        "image" => image(turn, rest).await,
        "skip" => skip(turn).await,
        "status" => state::status(turn, rest).await,
        "ping" => state::ping(turn).await,
        "history" => history::page(turn, 1).await,
        "balance" => account::page(turn).await,
        "settings" => settings::page(turn),
        "privacy" => account::privacy(turn),
        "delete_me" => account::ask_to_delete(turn).await,
        name if ADMIN.iter().any(|(known, _)| *known == name) => {
            if !turn.admin() {
                turn.say(turn.lang().html("admins-only", args! {}));
                return Ok(());
            }
            by_admin(turn, name, rest, message).await
        }
        _ if turn.origin.private => {
            turn.say(turn.lang().html("unknown-command", args! {}));
            Ok(())
        }
        // In a group it may be another bot's.
        _ => Ok(()),
    }
}

async fn by_admin(turn: &Turn, name: &str, rest: &str, message: &Incoming) -> Done {
    match name {
        "add_balance" => people::add_balance(turn, rest, message).await,
        "level" => people::level(turn, rest, message).await,
        "stats" => admin::stats(turn).await,
        "queue" => admin::queue(turn).await,
        "providers" => admin::providers(turn),
        "broadcast" => broadcast::ask(turn, rest, message).await,
        "pause" => admin::pause(turn, true).await,
        _ => admin::pause(turn, false).await,
    }
}

/// `/image WORDS`, also with parameters.
async fn image(turn: &Turn, words: &str) -> Done {
    if words.is_empty() {
        turn.say(turn.lang().html("image-usage", args! {}));
        return Ok(());
    }
    written::create(turn, words).await
}

async fn skip(turn: &Turn) -> Done {
    match turn.step() {
        Step::Mode { mode, .. } => modes::of(mode).skip(turn).await,
        _ => Create.skip(turn).await,
    }
}

/// The list of commands in a language, as Telegram shows it.
#[must_use]
pub fn listed(commands: &[(&'static str, &'static str)], lang: Lang) -> Vec<(String, String)> {
    let one = |(name, key): &(&'static str, &'static str)| ((*name).to_owned(), lang.plain(key, args! {}));
    commands.iter().map(one).collect()
}
