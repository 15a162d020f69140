//! What must be known to reach Telegram.

use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

/// How the door reaches Telegram. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bot's token, as BotFather gives it.
    pub token: SecretString,
    /// The Bot API server: Telegram's, or one of one's own.
    pub api_url: Url,
    /// Takes the calls to servers that are not on this machine: http, https, socks4 or socks5.
    pub proxy: Option<SecretString>,
    /// Where Telegram brings updates to; without it they are fetched.
    pub webhook: Option<Webhook>,
    /// How long calls may take.
    pub patience: Patience,
}

/// Where Telegram brings updates to.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// What Telegram calls: https, port 443, 80, 88 or 8443.
    pub url: Url,
    /// What Telegram must say with each update: 1 to 256 of `A-Za-z0-9_-`.
    pub secret: SecretString,
}

/// How long calls may take. One that has taken longer may have been heard all the same.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To be connected.
    pub connect: Duration,
    /// A call without a file, to its end.
    pub control: Duration,
    /// A call with a file, to its end.
    pub upload: Duration,
    /// How long Telegram holds a call for updates while there are none; whole seconds, at most 50.
    pub poll: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            control: Duration::from_secs(17),
            upload: Duration::from_secs(180),
            poll: Duration::from_secs(25),
        }
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No token has this form.
    #[error("the bot's token is not one of BotFather's, which look like 123456789:AAbb-CC_dd")]
    Token,
    /// Nothing can be called there.
    #[error("the address of the Bot API server must begin with http:// or https://")]
    ApiUrl,
    /// It is of a kind that is not known.
    #[error("the proxy for Telegram must be http://, https://, socks4://, socks5:// or socks5h://")]
    Proxy,
    /// Telegram would refuse it.
    #[error("the webhook cannot be used: {0}")]
    Webhook(&'static str),
    /// The machine lacks something.
    #[error("no calls can be made: {0}")]
    Client(String),
}

impl Settings {
    /// The bot's own number, which stands in its token.
    ///
    /// # Errors
    /// [`SettingsError::Token`] when the token has not the form of one.
    pub fn bot(&self) -> Result<i64, SettingsError> {
        let (id, secret) = self.token.expose_secret().split_once(':').ok_or(SettingsError::Token)?;
        if secret.is_empty() || !secret.bytes().all(may_stand_in_a_secret) {
            return Err(SettingsError::Token);
        }
        id.parse().ok().filter(|id| *id > 0).ok_or(SettingsError::Token)
    }

    /// Checks the webhook and what is not checked when the clients are made.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if !matches!(self.api_url.scheme(), "http" | "https") {
            return Err(SettingsError::ApiUrl);
        }
        let proxy = self.proxy.as_ref().map(|proxy| Url::parse(proxy.expose_secret()));
        if proxy.is_some_and(|url| !url.is_ok_and(|url| PROXIES.contains(&url.scheme()) && url.has_host())) {
            return Err(SettingsError::Proxy);
        }
        let Some(webhook) = &self.webhook else { return Ok(()) };
        // A Bot API server of one's own may bring them to plain addresses and to any port.
        let telegrams = self.api_url.host_str() == Some(TELEGRAM);
        if telegrams && webhook.url.scheme() != "https" {
            return Err(SettingsError::Webhook("its address must begin with https://"));
        }
        if telegrams && !webhook.url.port_or_known_default().is_some_and(|port| PORTS.contains(&port)) {
            return Err(SettingsError::Webhook("its port must be 443, 80, 88 or 8443"));
        }
        let secret = webhook.secret.expose_secret();
        if !(1..=256).contains(&secret.len()) || !secret.bytes().all(may_stand_in_a_secret) {
            return Err(SettingsError::Webhook("its secret must be 1 to 256 of A-Z, a-z, 0-9, _ and -"));
        }
        Ok(())
    }
}

const TELEGRAM: &str = "api.telegram.org";
const PROXIES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
const PORTS: [u16; 4] = [443, 80, 88, 8443];

fn may_stand_in_a_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(token: &str) -> Settings {
        let api_url = Url::parse("https://api.telegram.org/").unwrap();
        Settings { token: token.into(), api_url, proxy: None, webhook: None, patience: Patience::default() }
    }

    #[test]
    fn a_token_holds_the_bots_number() {
        assert_eq!(settings("123456:AA-bb_C9").bot().unwrap(), 123_456);
        for wrong in ["", "123456", "123456:", ":AA", "12a:AA", "-5:AA", "0:AA", "123:A/../B", "123:пароль"] {
            assert!(matches!(settings(wrong).bot(), Err(SettingsError::Token)), "{wrong}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let mut settings = settings("123456:tokens-secret");
        settings.proxy = Some("socks5://anna:proxys-secret@proxy.example:1080".into());
        let url = Url::parse("https://bot.example/hook").unwrap();
        settings.webhook = Some(Webhook { url, secret: "webhooks-secret".into() });
        let shown = format!("{settings:?}");
        assert!(!shown.contains("-secret") && shown.contains("bot.example"), "{shown}");
    }

    #[test]
    fn webhooks_that_telegram_would_refuse_are_refused() {
        let with = |url: &str, secret: &str, api: Option<&str>| {
            let mut settings = settings("1:A");
            settings.webhook = Some(Webhook { url: Url::parse(url).unwrap(), secret: secret.into() });
            settings.api_url = api.map_or(settings.api_url, |api| Url::parse(api).unwrap());
            settings.check().map_err(|e| e.to_string())
        };
        assert_eq!(with("https://bot.example/hook", "s", None), Ok(()));
        assert_eq!(with("https://bot.example:8443/hook", &"s".repeat(256), None), Ok(()));
        assert_eq!(with("http://10.0.0.1:3000/hook", "s", Some("http://10.0.0.2:8081")), Ok(()));
        for (url, secret) in [
            ("http://bot.example/hook", "s"),
            ("https://bot.example:444/hook", "s"),
            ("https://bot.example/hook", ""),
            ("https://bot.example/hook", "a secret"),
            ("https://bot.example/hook", &"s".repeat(257)),
        ] {
            assert!(with(url, secret, None).is_err(), "{url} {secret}");
        }
    }

    #[test]
    fn addresses_of_other_kinds_are_refused() {
        let mut ftp = settings("1:A");
        ftp.api_url = Url::parse("ftp://x").unwrap();
        assert!(matches!(ftp.check(), Err(SettingsError::ApiUrl)));
        let mut proxied = settings("1:A");
        for wrong in ["ftp://x", "proxy.example:1080", "socks5:", ""] {
            proxied.proxy = Some(wrong.into());
            assert!(matches!(proxied.check(), Err(SettingsError::Proxy)), "{wrong}");
        }
        for scheme in PROXIES {
            proxied.proxy = Some(format!("{scheme}://x:1").into());
            assert!(proxied.check().is_ok(), "{scheme}");
        }
    }
}
