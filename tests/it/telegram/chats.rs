//! People and the chats they share with the bot.

use super::messages::Message;
use super::refusal::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A person, or a bot.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// `id`.
    pub id: i64,
    /// `first_name`.
    pub first_name: String,
    /// `username`, where there is one.
    pub username: Option<String>,
    /// `language_code`, where the app tells it.
    pub language: Option<String>,
    /// Whether it is a program.
    pub is_bot: bool,
    /// Whether the account was deleted.
    pub gone: bool,
    /// Whether voice messages are refused.
    pub no_voice: bool,
}

impl User {
    /// As the Bot API writes it.
    pub fn json(&self) -> Value {
        let mut json = json!({ "id": self.id, "is_bot": self.is_bot, "first_name": self.first_name });
        for (name, value) in [("username", &self.username), ("language_code", &self.language)] {
            if let Some(value) = value {
                json[name] = json!(value);
            }
        }
        json
    }
}

/// What a chat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Of one person and the bot.
    Private,
    /// A small group, whose messages are counted with those of private chats.
    Group,
    /// A large group.
    Supergroup,
    /// A large group with topics.
    Forum,
    /// Something that is read.
    Channel,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Group => "group",
            Self::Supergroup | Self::Forum => "supergroup",
            Self::Channel => "channel",
        }
    }

    /// Whether its messages are counted on their own.
    pub fn counts_itself(self) -> bool {
        !matches!(self, Self::Private | Self::Group)
    }
}

/// What someone is in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Whoever made it.
    Creator,
    /// Someone with rights.
    Administrator,
    /// Anyone.
    Member,
    /// Someone who went, or was never there.
    Left,
    /// Someone who was thrown out; of a bot in a private chat: blocked.
    Kicked,
}

impl Standing {
    /// Whether messages may be sent.
    pub fn is_inside(self) -> bool {
        !matches!(self, Self::Left | Self::Kicked)
    }

    /// A `ChatMember`.
    pub fn json(self, user: &User) -> Value {
        let status = match self {
            Self::Creator => "creator",
            Self::Administrator => "administrator",
            Self::Member => "member",
            Self::Left => "left",
            Self::Kicked => "kicked",
        };
        let mut json = json!({ "user": user.json(), "status": status });
        match self {
            Self::Creator => json["is_anonymous"] = json!(false),
            Self::Kicked => json["until_date"] = json!(0),
            Self::Administrator => {
                let rights = [
                    ("can_be_edited", false),
                    ("can_manage_chat", true),
                    ("can_change_info", true),
                    ("can_delete_messages", true),
                    ("can_invite_users", true),
                    ("can_restrict_members", true),
                    ("can_pin_messages", true),
                    ("can_manage_topics", false),
                    ("can_promote_members", false),
                    ("can_manage_video_chats", true),
                    ("can_manage_voice_chats", true),
                    ("can_post_stories", false),
                    ("can_edit_stories", false),
                    ("can_delete_stories", false),
                    ("is_anonymous", false),
                ];
                for (name, value) in rights {
                    json[name] = json!(value);
                }
            }
            Self::Member | Self::Left => {}
        }
        json
    }
}

/// A chat.
#[derive(Debug, Clone)]
pub struct Chat {
    /// `id`.
    pub id: i64,
    /// What it is.
    pub sort: Sort,
    /// `title`; of a private chat the person's name.
    pub title: String,
    /// `username`, where there is one.
    pub username: Option<String>,
    /// Who is in it, the bot too.
    pub members: BTreeMap<i64, Standing>,
    /// What the bot may not know yet: a private chat begins with a person's first words.
    pub known: bool,
    /// The supergroup that it became.
    pub became: Option<i64>,
    /// Topics by the message that opened them.
    pub topics: BTreeMap<i32, String>,
    /// Everything that was ever said.
    pub messages: BTreeMap<i32, Message>,
}

impl Chat {
    /// An empty one.
    pub fn new(id: i64, sort: Sort, title: &str) -> Self {
        Self {
            id,
            sort,
            title: title.to_owned(),
            username: None,
            members: BTreeMap::new(),
            known: sort != Sort::Private,
            became: None,
            topics: BTreeMap::new(),
            messages: BTreeMap::new(),
        }
    }

    /// As the Bot API writes it inside of messages.
    pub fn json(&self) -> Value {
        let name = if self.sort == Sort::Private { "first_name" } else { "title" };
        let mut json = json!({ "id": self.id, "type": self.sort.word(), name: self.title });
        if let Some(username) = &self.username {
            json["username"] = json!(username);
        }
        match self.sort {
            Sort::Forum => json["is_forum"] = json!(true),
            Sort::Group => json["all_members_are_administrators"] = json!(true),
            _ => {}
        }
        json
    }

    /// A `ChatFullInfo`.
    pub fn full_json(&self) -> Value {
        let mut json = self.json();
        let gifts = ["unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription"];
        json["accepted_gift_types"] = gifts.iter().map(|name| ((*name).to_owned(), json!(false))).collect();
        json["accent_color_id"] = json!(0);
        json["max_reaction_count"] = json!(11);
        json
    }

    /// What someone is here.
    pub fn standing(&self, user: i64) -> Standing {
        self.members.get(&user).copied().unwrap_or(Standing::Left)
    }

    /// A message that is still there.
    pub fn message(&self, id: i32) -> Option<&Message> {
        self.messages.get(&id).filter(|message| !message.deleted)
    }

    /// Why the bot may not write here.
    ///
    /// # Errors
    ///
    /// [`Refusal`] in the server's words.
    pub fn writable_by(&self, bot: i64, person: Option<&User>) -> Result<(), Refusal> {
        if let Some(became) = self.became {
            let why = Refusal::bad("group chat was upgraded to a supergroup chat");
            return Err(why.with(json!({ "migrate_to_chat_id": became })));
        }
        if !self.known {
            return Err(Refusal::bad("chat not found"));
        }
        if person.is_some_and(|person| person.gone) {
            return Err(Refusal::forbidden("user is deactivated"));
        }
        let place = format!("{} chat", self.sort.word());
        match self.standing(bot) {
            Standing::Kicked if self.sort == Sort::Private => Err(Refusal::forbidden("bot was blocked by the user")),
            Standing::Kicked => Err(Refusal::forbidden(&format!("bot was kicked from the {place}"))),
            Standing::Left => Err(Refusal::forbidden(&format!("bot is not a member of the {place}"))),
            Standing::Member if self.sort == Sort::Channel => {
                Err(Refusal::bad("need administrator rights in the channel chat"))
            }
            _ => Ok(()),
        }
    }
}
