//! The variables of the Telegram bot, as the table has them.

use super::{Default, Variable, open};

/// All of them, in the order of the example files.
pub(super) const ALL: &[Variable] = &[
    TELEGRAM_BOT_TOKEN,
    TELEGRAM_API_URL,
    TELEGRAM_WEBHOOK_URL,
    TELEGRAM_WEBHOOK_SECRET,
    TELEGRAM_PROXY,
    TELEGRAM_ADMIN_IDS,
    TRIGGER_WORDS,
];

/// Starts the bot.
pub const TELEGRAM_BOT_TOKEN: Variable = Variable {
    name: "TELEGRAM_BOT_TOKEN",
    aliases: &["TELOXIDE_TOKEN", "tg_bot_token"],
    key: "telegram.bot_token",
    default: Default::Words("no bot"),
    meaning: "Token of the Telegram bot, from @BotFather; with it `samovar serve` also serves the bot.",
    example: "123456789:AAExampleExampleExampleExampleExample",
    secret: true,
};
/// A Bot API server of one's own.
pub const TELEGRAM_API_URL: Variable = open(
    "TELEGRAM_API_URL",
    "telegram.api_url",
    Default::Value("https://api.telegram.org"),
    "http://127.0.0.1:8081",
    "Address of the Bot API server: Telegram's, or one of your own.",
);
/// Updates by webhook instead of polling.
pub const TELEGRAM_WEBHOOK_URL: Variable = open(
    "TELEGRAM_WEBHOOK_URL",
    "telegram.webhook_url",
    Default::Words("none: the bot asks for updates itself"),
    "https://pictures.example.org/telegram",
    "Address under which Telegram reaches this server from outside (https, port 443, 80, 88 or 8443): updates are then sent to its path on SAMOVAR_LISTEN.",
);
/// Proves that an update is Telegram's.
pub const TELEGRAM_WEBHOOK_SECRET: Variable = Variable {
    name: "TELEGRAM_WEBHOOK_SECRET",
    aliases: &[],
    key: "telegram.webhook_secret",
    default: Default::Words("none"),
    meaning: "What Telegram sends along with each update to the webhook: 1 to 256 letters, digits, _ and -. Needed with a webhook.",
    example: "k3Yp0mB9_x7Qe2Lw",
    secret: true,
};
/// The way to Telegram.
pub const TELEGRAM_PROXY: Variable = Variable {
    name: "TELEGRAM_PROXY",
    aliases: &["HTTPS_PROXY", "https_proxy"],
    key: "telegram.proxy",
    default: Default::Words("none"),
    meaning: "Proxy for everything that goes to Telegram: http://, https:// or socks5://, with a name and password if need be.",
    example: "socks5://127.0.0.1:1080",
    secret: true,
};
/// Who administers by the bot.
pub const TELEGRAM_ADMIN_IDS: Variable = open(
    "TELEGRAM_ADMIN_IDS",
    "telegram.admin_ids",
    Default::Words("nobody"),
    "123456789,987654321",
    "Telegram's numbers of those who may administer by the bot and are told of trouble: a comma list.",
);
/// Words that call the bot in groups.
pub const TRIGGER_WORDS: Variable = open(
    "SAMOVAR_TRIGGER_WORDS",
    "telegram.trigger_words",
    Default::Value("нарисуй,нарисуйте,изобрази,покажи,draw"),
    "нарисуй,draw",
    "Words at the beginning of a message in a group that make the bot draw the rest: a comma list; none to answer only commands, replies and mentions.",
);
