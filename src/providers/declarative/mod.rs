//! Providers that are data: one TOML file each, read, checked and carried out here. It owns the vocabulary of these
//! files (docs/adding-a-provider.md) and must not know routes, key pools, jobs or other providers.

mod call;
mod caller;
mod content;
mod deliver;
pub mod file;
pub mod folder;
mod hosts;
mod output;
mod pace;
mod plan;
mod poll;
mod refusal;
mod reply;
mod request;
mod send;
pub mod template;

use super::{Call, Key, Manners, Provider};
use crate::media::models::ModelCard;
use crate::media::{Answered, Failure, Watch};
use async_trait::async_trait;
use caller::Caller;
use file::{Model, Op, ProviderFile};
use hosts::Hosts;
use jiff::civil::Date;
use std::time::Duration;
use url::Url;

/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(20);
/// How long a call may take that is answered at once.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the operator says about a provider, beside its keys.
#[derive(Clone, Default)]
pub struct Options {
    /// `<ID>_BASE_URL`: stands for every address of the provider.
    pub base_url: Option<Url>,
    /// Names that may have private addresses, such as that of a proxy.
    pub trusted_hosts: Vec<String>,
}

/// How long an op may take: to be submitted, and to be done where it is asked after.
fn patience_of(op: &Op) -> Duration {
    let polled = op.steps.iter().filter_map(|step| step.poll.as_ref()).map(|poll| poll.max_s).sum();
    PATIENCE.saturating_add(Duration::try_from_secs_f64(polled).unwrap_or(PATIENCE))
}

/// A provider that a file describes.
pub struct Declarative {
    file: ProviderFile,
    hosts: Hosts,
    client: reqwest::Client,
    pace: pace::Pace,
    today: fn() -> Date,
}

impl std::fmt::Debug for Declarative {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Declarative({})", self.file.id)
    }
}

impl Declarative {
    /// The provider of that file.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(file: ProviderFile, options: Options) -> Result<Self, Failure> {
        let old = |url: &Url| {
            file.old_bases.iter().any(|old| old.trim_end_matches('/') == url.as_str().trim_end_matches('/'))
        };
        let base_url = options.base_url.filter(|url| {
            let gone = old(url);
            if gone {
                tracing::warn!(provider = file.id, %url, "this address is gone; the one of the provider's file is used");
            }
            !gone
        });
        let hosts = Hosts::new(&file, base_url);
        let client = hosts
            .client(&options.trusted_hosts)
            .map_err(|error| Failure::internal(format!("the HTTP client of {} cannot be made: {error}", file.title)))?;
        let today = || jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        Ok(Self { file, hosts, client, pace: pace::Pace::default(), today })
    }

    /// What the file says.
    #[must_use]
    pub fn file(&self) -> &ProviderFile {
        &self.file
    }

    fn is_gone(&self, model: &Model) -> bool {
        model.not_after.is_some_and(|date| (self.today)() >= date)
    }

    fn card(&self, model: &Model) -> ModelCard {
        ModelCard {
            name: model.id.clone(),
            title: model.title.clone(),
            provider: self.file.id.clone(),
            tasks: model.tasks.clone(),
            ready: !self.is_gone(model),
            created: 0,
            languages: model.prompt_languages.clone(),
            elsewhere: Vec::new(),
            levels: model.levels.clone(),
            canvas: None,
        }
    }
}

#[async_trait]
impl Provider for Declarative {
    fn id(&self) -> &str {
        &self.file.id
    }

    fn title(&self) -> &str {
        &self.file.title
    }

    fn aliases(&self) -> &[String] {
        &self.file.aliases
    }

    fn models(&self) -> Vec<ModelCard> {
        self.file.models.iter().map(|model| self.card(model)).collect()
    }

    fn renamed(&self, model: &str) -> Option<String> {
        self.file.renamed.get(model).cloned()
    }

    fn manners(&self) -> Manners {
        Manners {
            keyed: !self.file.keys.is_empty(),
            concurrency: self.file.concurrency,
            own_policy: self.file.own_policy,
            patience: self.file.ops.values().map(patience_of).max().unwrap_or(PATIENCE),
        }
    }

    fn patience(&self, model: &str, task: &str) -> Duration {
        let today = self.file.renamed.get(model).map_or(model, String::as_str);
        self.file.op(self.file.model(today), task).map_or(PATIENCE, patience_of)
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        call::answer(self, call).await
    }

    async fn probe(&self, key: Option<&Key>) -> Result<(), Failure> {
        let Some(step) = &self.file.probe else {
            let message = format!("{} has no cheap call that tells whether a key works", self.file.title);
            return Err(Failure::Missing { message });
        };
        let watch = Watch::nobody();
        let caller = Caller::new(self, key, &watch, PROBE)?;
        call::probe(&caller, step).await
    }
}

#[cfg(test)]
mod tests;
