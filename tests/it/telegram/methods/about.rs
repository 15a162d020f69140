//! Methods about the bot's commands, name and descriptions.

use crate::telegram::limits;
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::world::World;
use serde_json::{Value, json};

const SCOPES: [&str; 7] = [
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
    "chat",
    "chat_administrators",
    "chat_member",
];

/// Scope and language, as a key.
fn key(request: &Request) -> Result<(String, String), Refusal> {
    let scope = request.json("scope", "BotCommandScope")?;
    let scope = if scope.is_null() { json!({ "type": "default" }) } else { scope };
    let sort = scope["type"].as_str().unwrap_or_default();
    if !SCOPES.contains(&sort) {
        return Err(Refusal::bad("Can't parse BotCommandScope: Unsupported type specified"));
    }
    if sort.starts_with("chat") && scope["chat_id"].is_null() {
        return Err(Refusal::bad("Can't parse BotCommandScope: Empty chat_id specified"));
    }
    Ok((scope.to_string(), language(request)?))
}

fn language(request: &Request) -> Result<String, Refusal> {
    let language = request.text("language_code");
    let two_letters = language.len() == 2 && language.chars().all(|c| c.is_ascii_lowercase());
    if language.is_empty() || two_letters { Ok(language) } else { Err(Refusal::bad("Invalid language code specified")) }
}

/// `setMyCommands`.
pub fn set_commands(world: &World, request: &Request) -> Result<Value, Refusal> {
    let given = request.json("commands", "commands")?;
    let given = if given.is_null() { json!([]) } else { given };
    let commands = given.as_array().ok_or_else(|| Refusal::bad("Expected an Array of BotCommand"))?;
    let kept: Vec<Value> = commands.iter().map(command).collect::<Result<_, _>>()?;
    if kept.len() > limits::COMMANDS {
        return Err(Refusal::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    let key = key(request)?;
    world.change(|state| state.about.commands.insert(key, Value::Array(kept)));
    Ok(json!(true))
}

fn command(given: &Value) -> Result<Value, Refusal> {
    let field = |name: &str| {
        let missing = || Refusal::bad(format!("Can't parse BotCommand: Can't find field \"{name}\""));
        given[name].as_str().map(str::trim).ok_or_else(missing)
    };
    let (name, about) = (field("command")?, field("description")?);
    let name = name.strip_prefix('/').unwrap_or(name);
    if name.is_empty() {
        return Err(Refusal::bad("Command must be non-empty"));
    }
    if name.chars().count() > limits::COMMAND {
        return Err(Refusal::bad(format!("Command length must not exceed {}", limits::COMMAND)));
    }
    if about.is_empty() {
        return Err(Refusal::bad("Command description must be non-empty"));
    }
    if about.chars().count() > limits::COMMAND_ABOUT {
        return Err(Refusal::bad(format!("Command description length must not exceed {}", limits::COMMAND_ABOUT)));
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(Refusal::bad("BOT_COMMAND_INVALID"));
    }
    Ok(json!({ "command": name, "description": about }))
}

/// `getMyCommands`: of exactly this scope and language.
pub fn commands(world: &World, request: &Request) -> Result<Value, Refusal> {
    let key = key(request)?;
    Ok(world.look(|state| state.about.commands.get(&key).cloned().unwrap_or_else(|| json!([]))))
}

/// `deleteMyCommands`.
pub fn delete_commands(world: &World, request: &Request) -> Result<Value, Refusal> {
    let key = key(request)?;
    world.change(|state| state.about.commands.remove(&key));
    Ok(json!(true))
}

/// The field of a method such as `setMyName`, and how long it may be. What the real server says of longer ones is not
/// known.
fn field(method: &str) -> (&'static str, usize, &'static str) {
    match method.trim_start_matches("set").trim_start_matches("get") {
        "myname" => ("name", limits::NAME, "BOT_TITLE_INVALID"),
        "mydescription" => ("description", limits::DESCRIPTION, "BOT_DESCRIPTION_INVALID"),
        _ => ("short_description", limits::SHORT_DESCRIPTION, "BOT_SHORT_DESCRIPTION_INVALID"),
    }
}

/// `setMyName`, `setMyDescription`, `setMyShortDescription`: an empty text takes the one of this language away.
pub fn set_text(world: &World, request: &Request) -> Result<Value, Refusal> {
    let (name, most, too_long) = field(&request.method);
    let (text, language) = (request.text(name), language(request)?);
    if text.chars().count() > most {
        return Err(Refusal::bad(too_long));
    }
    world.change(|state| {
        if text.is_empty() {
            state.about.texts.remove(&(name, language));
        } else {
            state.about.texts.insert((name, language), text);
        }
    });
    Ok(json!(true))
}

/// `getMyName`, `getMyDescription`, `getMyShortDescription`: of this language, or of all.
pub fn text(world: &World, request: &Request) -> Result<Value, Refusal> {
    let (name, _, _) = field(&request.method);
    let language = language(request)?;
    Ok(world.look(|state| {
        let texts = &state.about.texts;
        let found = texts.get(&(name, language)).or_else(|| texts.get(&(name, String::new())));
        let first = if name == "name" { state.me.first_name.as_str() } else { "" };
        json!({ name: found.map_or(first, String::as_str) })
    }))
}
