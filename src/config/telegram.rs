//! The variables of the bot: how it reaches Telegram, who administers, which words call it in groups.

use super::parse::Value;
use super::sources::Sources;
use super::variables::{self as vars};
use super::{ConfigError, given};
use secrecy::SecretString;
use url::Url;

/// How the bot is set up. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Telegram {
    /// The bot's token.
    pub token: SecretString,
    /// The Bot API server.
    pub api_url: Url,
    /// Where updates are sent to, and what proves that they are Telegram's; `None`: they are asked for.
    pub webhook: Option<(Url, SecretString)>,
    /// The way to Telegram.
    pub proxy: Option<SecretString>,
    /// Telegram's numbers of the administrators.
    pub admins: Vec<i64>,
    /// Words that call the bot in groups.
    pub triggers: Vec<String>,
}

/// The bot as configured; `None` without a token.
pub(super) fn read(sources: &Sources) -> Result<Option<Telegram>, ConfigError> {
    let (proxy, webhook) = (proxy(sources)?, webhook(sources)?);
    let admins = sources.get(&vars::TELEGRAM_ADMIN_IDS)?.map(|value| admins(&value)).transpose()?.unwrap_or_default();
    let triggers = given(sources, &vars::TRIGGER_WORDS)?;
    let triggers = triggers.list().into_iter().filter(|word| word != "none").collect();
    let api_url = given(sources, &vars::TELEGRAM_API_URL)?.url()?;
    let Some(token) = sources.get(&vars::TELEGRAM_BOT_TOKEN)? else { return Ok(None) };
    let token = checked_token(&token)?;
    Ok(Some(Telegram { token, api_url, webhook, proxy, admins, triggers }))
}

/// `NUMBER:LETTERS`, as @BotFather gives it: what is not would make addresses that nobody understands.
fn checked_token(value: &Value) -> Result<SecretString, ConfigError> {
    let text = value.text();
    let fine = text.split_once(':').is_some_and(|(id, secret)| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()) && !secret.is_empty() && secret.chars().all(allowed)
    });
    if fine { Ok(text.into()) } else { Err(value.wrong("a token as @BotFather gives it is accepted")) }
}

fn proxy(sources: &Sources) -> Result<Option<SecretString>, ConfigError> {
    let Some(value) = sources.get(&vars::TELEGRAM_PROXY)? else { return Ok(None) };
    let known = ["http", "https", "socks5", "socks5h"];
    let usable = Url::parse(&value.text()).is_ok_and(|url| known.contains(&url.scheme()) && url.has_host());
    if usable {
        return Ok(Some(value.text().into()));
    }
    Err(value.wrong("an address with http://, https:// or socks5:// is accepted"))
}

fn webhook(sources: &Sources) -> Result<Option<(Url, SecretString)>, ConfigError> {
    let Some(url) = sources.get(&vars::TELEGRAM_WEBHOOK_URL)? else { return Ok(None) };
    let Some(secret) = sources.get(&vars::TELEGRAM_WEBHOOK_SECRET)? else {
        let (url, secret) = (vars::TELEGRAM_WEBHOOK_URL.name, vars::TELEGRAM_WEBHOOK_SECRET.name);
        return Err(ConfigError::Contradiction(format!(
            "{url} is set, and {secret} is not: anybody could send updates"
        )));
    };
    let text = secret.text();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.len() > 256 || !text.chars().all(allowed) {
        return Err(secret.wrong("1 to 256 letters, digits, _ and - are accepted"));
    }
    Ok(Some((url.url()?, text.into())))
}

fn admins(value: &Value) -> Result<Vec<i64>, ConfigError> {
    let number = |item: &String| item.parse().ok().filter(|id| *id > 0);
    let found: Option<Vec<i64>> = value.list().iter().map(number).collect();
    found.ok_or_else(|| value.wrong("numbers of people are accepted, not names; @userinfobot tells yours"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::ffi::OsString;

    const TOKEN: (&str, &str) = ("TELEGRAM_BOT_TOKEN", "123:AAE_x-1");

    fn read_with(environment: &[(&str, &str)]) -> Result<Option<Telegram>, String> {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let sources = Sources::read(folder.path(), environment).unwrap();
        read(&sources).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_token_there_is_no_bot() {
        assert!(read_with(&[]).unwrap().is_none());
        assert!(read_with(&[("TELEGRAM_ADMIN_IDS", "7")]).unwrap().is_none());
    }

    #[test]
    fn a_token_alone_is_enough() {
        for name in ["TELEGRAM_BOT_TOKEN", "TELOXIDE_TOKEN", "tg_bot_token"] {
            let bot = read_with(&[(name, TOKEN.1)]).unwrap().unwrap();
            assert_eq!(bot.token.expose_secret(), TOKEN.1);
            assert_eq!(bot.api_url.as_str(), "https://api.telegram.org/");
            assert!(bot.webhook.is_none() && bot.proxy.is_none() && bot.admins.is_empty());
            assert!(bot.triggers.contains(&"нарисуй".to_owned()));
        }
    }

    #[test]
    fn everything_else_is_read() {
        let bot = read_with(&[
            TOKEN,
            ("TELEGRAM_API_URL", "http://127.0.0.1:8081"),
            ("TELEGRAM_WEBHOOK_URL", "https://a.example/hook"),
            ("TELEGRAM_WEBHOOK_SECRET", "s3cret"),
            ("HTTPS_PROXY", "socks5://u:p@127.0.0.1:1080"),
            ("TELEGRAM_ADMIN_IDS", "7, 8"),
            ("SAMOVAR_TRIGGER_WORDS", "none"),
        ]);
        let bot = bot.unwrap().unwrap();
        assert_eq!(bot.webhook.unwrap().0.path(), "/hook");
        assert_eq!((bot.admins, bot.triggers), (vec![7, 8], vec![]));
        assert!(bot.proxy.is_some());
    }

    #[test]
    fn what_is_wrong_is_refused_and_no_secret_shown() {
        for (name, value, part) in [
            ("TELEGRAM_BOT_TOKEN", "not-a-token", "@BotFather"),
            ("TELEGRAM_BOT_TOKEN", "12:a/b", "@BotFather"),
            ("TELEGRAM_ADMIN_IDS", "@boss", "numbers of people"),
            ("TELEGRAM_PROXY", "ftp://x", "socks5://"),
            ("TELEGRAM_WEBHOOK_URL", "https://a.example/hook", "TELEGRAM_WEBHOOK_SECRET is not"),
        ] {
            let error = read_with(&[(name, value)]).unwrap_err();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("not-a-token") && !error.contains("a/b"), "{error}");
        }
    }
}
