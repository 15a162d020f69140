//! What Telegram shows of the bot by itself: its commands, by language and chat, and what it says about itself. All of it
//! may fail without harm.

use super::commands::{ADMIN, GROUP, PRIVATE, listed};
use super::door::Door;
use super::texts::{Lang, args};
use teloxide::payloads::{SetMyCommandsSetters, SetMyDescriptionSetters, SetMyShortDescriptionSetters};
use teloxide::prelude::Requester;
use teloxide::types::{BotCommand, BotCommandScope, ChatId, Recipient};

/// Tells Telegram. Russian is what everybody sees whose language has none of its own here.
pub async fn publish(door: &Door) {
    for (lang, code) in [(Lang::Ru, None), (Lang::En, Some("en"))] {
        if let Err(error) = publish_in(door, lang, code).await {
            tracing::warn!(%error, lang = lang.word(), "Telegram did not take the list of commands");
        }
    }
}

async fn publish_in(door: &Door, lang: Lang, code: Option<&str>) -> Result<(), teloxide::RequestError> {
    let bot = door.bots.control();
    let commands = |list: &[(&'static str, &'static str)]| {
        listed(list, lang).into_iter().map(|(name, about)| BotCommand::new(name, about)).collect::<Vec<_>>()
    };
    let mut scopes = vec![
        (BotCommandScope::AllPrivateChats, commands(&PRIVATE)),
        (BotCommandScope::AllGroupChats, commands(&GROUP)),
    ];
    for admin in &door.settings.admins {
        let all: Vec<_> = PRIVATE.iter().chain(&ADMIN).copied().collect();
        scopes.push((BotCommandScope::Chat { chat_id: Recipient::Id(ChatId(*admin)) }, commands(&all)));
    }
    for (scope, commands) in scopes {
        let of_admin = matches!(scope, BotCommandScope::Chat { .. });
        let mut call = bot.set_my_commands(commands).scope(scope);
        if let Some(code) = code {
            call = call.language_code(code);
        }
        match call.await {
            // An administrator who has never written to the bot has no chat with it yet.
            Err(error) if !of_admin => return Err(error),
            _ => {}
        }
    }
    let mut about = bot.set_my_description().description(lang.plain("about-bot", args! {}));
    let mut short = bot.set_my_short_description().short_description(lang.plain("about-bot-short", args! {}));
    if let Some(code) = code {
        about = about.language_code(code);
        short = short.language_code(code);
    }
    about.await?;
    short.await?;
    Ok(())
}
