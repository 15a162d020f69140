//! Calls to Telegram: the clients, and what is called directly because it need not survive a crash. Must not know what
//! is sent, or why.

use super::busy::Doing;
use super::pauses::Pauses;
use super::settings::{Patience, Settings, SettingsError};
use super::trouble::{self, Trouble, classify};
use bytes::{Bytes, BytesMut};
use reqwest::{Client, NoProxy, Proxy, redirect};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use teloxide::Bot;
use teloxide::prelude::Requester;
use teloxide::types::FileId;

/// The largest file that a bot may fetch.
pub const MOST_DOWNLOAD: u64 = 20 << 20;
/// A connection that nobody used for so long may be dead without our knowing: what is sent over it would be lost and
/// might not have been.
const IDLE: Duration = Duration::from_secs(20);
/// Texts of notices at the top of the screen are cut to so many characters.
const LONGEST_NOTICE: usize = 200;
/// Machines that no proxy leads to.
const HERE: &str = "localhost,127.0.0.0/8,::1";

/// The bot, twice: for calls that are short and for those that carry files. Cheap to clone.
#[derive(Clone)]
pub struct Bots(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// Its number.
    pub id: i64,
    /// Calls that are short.
    pub control: Bot,
    /// Calls that carry files.
    pub upload: Bot,
    pub patience: Patience,
    pub pauses: Pauses,
    pub doing: Doing,
}

/// Who the bot is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// Its number.
    pub id: i64,
    /// Its name for links and mentions, without the `@`.
    pub username: String,
    /// Whether it sees what is said in groups beside commands and replies to it.
    #[serde(default)]
    pub can_read_all_group_messages: bool,
}

/// An answer of the Bot API, whatever it is about.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    ok: bool,
    result: Option<Value>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize, Default)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Bots {
    /// Makes the clients. Nothing is called yet.
    ///
    /// # Errors
    /// [`SettingsError`] when one of the settings is wrong.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let patience = settings.patience;
        let mut api_url = settings.api_url.clone();
        api_url.path_segments_mut().map_err(|()| SettingsError::ApiUrl)?.pop_if_empty();
        let bot = |total| {
            let bot = Bot::with_client(settings.token.expose_secret(), client(settings, total)?);
            Ok(bot.set_api_url(api_url.clone()))
        };
        let (control, upload) = (bot(patience.control)?, bot(patience.upload)?);
        let (id, pauses, doing) = (settings.bot()?, Pauses::default(), Doing::default());
        Ok(Self(Arc::new(Inner { id, control, upload, patience, pauses, doing })))
    }

    /// The bot's number.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.0.id
    }

    /// For short calls that are nobody else's affair, such as setting the list of commands.
    pub fn control(&self) -> &Bot {
        &self.0.control
    }

    /// Who the bot is, asked once.
    ///
    /// # Errors
    /// Why Telegram does not tell.
    pub async fn probe(&self) -> Result<Identity, Trouble> {
        self.ask("getMe", &json!({}), self.0.patience.control).await
    }

    /// Who the bot is, as often as needed until Telegram answers.
    pub async fn identity(&self) -> Identity {
        let mut pause = Duration::from_secs(1);
        loop {
            let trouble = match self.probe().await {
                Ok(identity) => return identity,
                Err(trouble) => trouble,
            };
            tracing::warn!(%trouble, "Telegram does not say who the bot is; asking again in {} s", pause.as_secs());
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(64));
        }
    }

    /// Answers a press of a button: the little clock on it ends, and a text appears at the top of the screen, or, as
    /// an alert, in a window of its own. Not limited by Telegram; a press that is too old is nobody's trouble.
    pub async fn answer_tap(&self, callback_id: &str, text: Option<&str>, alert: bool) {
        let text: Option<String> = text.map(|text| text.chars().take(LONGEST_NOTICE).collect());
        let body = json!({"callback_query_id": callback_id, "text": text.unwrap_or_default(), "show_alert": alert});
        match self.ask::<bool>("answerCallbackQuery", &body, self.0.patience.control).await {
            Ok(_) | Err(Trouble::Harmless(_)) => {}
            Err(trouble) => tracing::debug!(%trouble, "a press of a button could not be answered"),
        }
    }

    /// Fetches a file that somebody sent.
    ///
    /// # Errors
    /// [`Trouble::TooBig`] for more than [`MOST_DOWNLOAD`], before anything is fetched where the size is known;
    /// otherwise why Telegram does not give it.
    pub async fn download(&self, file_id: &str, expected_size: Option<u64>) -> Result<Bytes, Trouble> {
        let check = |size: u64| {
            (size <= MOST_DOWNLOAD).then_some(()).ok_or_else(|| Trouble::TooBig(format!("it has {size} bytes")))
        };
        check(expected_size.unwrap_or(0))?;
        let file = self.0.control.get_file(FileId(file_id.to_owned())).await.map_err(|e| classify(&e))?;
        check(file.size.into())?;
        let bot = &self.0.upload;
        let mut url = bot.api_url();
        url.path_segments_mut()
            .map_err(|()| Trouble::Refused("the server's address is none".to_owned()))?
            .pop_if_empty()
            .extend(["file", &format!("bot{}", bot.token())])
            .extend(file.path.split('/'));
        let failed = |e: reqwest::Error| trouble::of_network(&e);
        let mut answer = bot.client().get(url).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(Trouble::Refused(format!("the file's server answered {}", answer.status())));
        }
        let mut bytes = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&piece);
            check(bytes.len() as u64)?;
        }
        Ok(bytes.freeze())
    }

    /// Calls a method whose answer teloxide need not understand: newer servers say more than it knows.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &Value,
        within: Duration,
    ) -> Result<T, Trouble> {
        let bot = &self.0.control;
        let mut url = bot.api_url();
        url.path_segments_mut()
            .map_err(|()| Trouble::Refused("the server's address is none".to_owned()))?
            .pop_if_empty()
            .extend([&format!("bot{}", bot.token()), method]);
        let failed = |e: reqwest::Error| trouble::of_network(&e);
        let answer = bot.client().post(url).timeout(within).json(body).send().await.map_err(failed)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(failed)?;
        let Ok(reply) = serde_json::from_slice::<Reply>(&bytes) else {
            return Err(Trouble::Unsure(format!("the answer {status} could not be read")));
        };
        match reply {
            Reply { ok: true, result: Some(result), .. } => serde_json::from_value(result)
                .map_err(|error| Trouble::Unsure(format!("the answer of {method} could not be read: {error}"))),
            Reply { parameters: Parameters { retry_after: Some(seconds), .. }, .. } => {
                Err(Trouble::Wait(Duration::from_secs(seconds)))
            }
            Reply { parameters: Parameters { migrate_to_chat_id: Some(chat), .. }, .. } => Err(Trouble::Moved(chat)),
            Reply { description, .. } => Err(trouble::of_words(&description)),
        }
    }
}

fn client(settings: &Settings, total: Duration) -> Result<Client, SettingsError> {
    // HTTP/1: one call a connection, so that the end of a connection says as much as possible about its call.
    let mut builder = Client::builder()
        .connect_timeout(settings.patience.connect)
        .timeout(total)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .http1_only()
        .redirect(redirect::Policy::none())
        .no_proxy();
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::all(proxy.expose_secret()).map_err(|_| SettingsError::Proxy)?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(HERE)));
    }
    builder.build().map_err(|e| SettingsError::Client(e.without_url().to_string()))
}
