//! The methods of the Bot API.

mod about;
mod chats;
mod delete;
mod edit;
mod media;
mod place;
mod send;
mod taps;
mod webhook;

use super::refusal::Refusal;
use super::request::Request;
use super::world::World;
use serde_json::{Value, json};

/// What a method gives back.
pub struct Done {
    /// `result`.
    pub result: Value,
    /// `description`, which few methods have.
    pub description: Option<&'static str>,
}

impl From<Value> for Done {
    fn from(result: Value) -> Self {
        Self { result, description: None }
    }
}

impl Done {
    /// The body of the answer.
    pub fn body(&self) -> Value {
        let mut body = json!({ "ok": true, "result": self.result });
        if let Some(description) = self.description {
            body["description"] = json!(description);
        }
        body
    }
}

/// Does what a call asks for. `getUpdates` waits and is done elsewhere.
///
/// # Errors
///
/// [`Refusal`] in the server's words.
pub fn done(world: &World, request: &Request) -> Result<Done, Refusal> {
    let weight = request.files.values().map(|file| file.bytes.len()).sum();
    world.quietly(|state| {
        let now = state.clock.now();
        state.limiter.upload(weight, now)
    })?;
    let result = match request.method.as_str() {
        "getme" => chats::me(world),
        "sendmessage" => send::text(world, request)?,
        "sendphoto" | "senddocument" | "sendaudio" | "sendvoice" | "sendvideo" | "sendanimation" | "sendvideonote"
        | "sendsticker" => send::media(world, request)?,
        "sendmediagroup" => send::album(world, request)?,
        "sendchataction" => chats::action(world, request)?,
        "editmessagetext" => edit::text(world, request)?,
        "editmessagecaption" => edit::caption(world, request)?,
        "editmessagemedia" => edit::media(world, request)?,
        "editmessagereplymarkup" => edit::keyboard(world, request)?,
        "deletemessage" => delete::one(world, request)?,
        "deletemessages" => delete::many(world, request)?,
        "answercallbackquery" => taps::answer(world, request)?,
        "getfile" => media::file(world, request)?,
        "getchat" => chats::chat(world, request)?,
        "getchatmember" => chats::member(world, request)?,
        "getchatmembercount" => chats::count(world, request)?,
        "leavechat" => chats::leave(world, request)?,
        "setmycommands" => about::set_commands(world, request)?,
        "getmycommands" => about::commands(world, request)?,
        "deletemycommands" => about::delete_commands(world, request)?,
        "setmyname" | "setmydescription" | "setmyshortdescription" => about::set_text(world, request)?,
        "getmyname" | "getmydescription" | "getmyshortdescription" => about::text(world, request)?,
        "setwebhook" => return webhook::set(world, request),
        "deletewebhook" => return Ok(webhook::delete(world, request)),
        "getwebhookinfo" => webhook::info(world),
        "logout" | "close" => json!(true),
        method => {
            world.change(|state| state.complain(format!("the method {method} is not known to this fake")));
            return Err(Refusal::new(404, "Not Found: method not found"));
        }
    };
    Ok(result.into())
}
