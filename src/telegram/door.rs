//! What the handlers stand on: everything that the door knows of the rest of the house. It must not know what any
//! handler does.

use super::orders::{Order, Orders};
use super::parcel::Parcel;
use super::people::{self, People};
use super::session::Sessions;
use super::switches::Switches;
use super::wire::{Bots, Identity, Outbox};
use crate::accounts::{Accounts, Overview};
use crate::db::{Db, DbError};
use crate::intake::{Intake, State};
use crate::media::models::{ModelCard, Models};
use crate::media::providers::Providers;
use crate::media::{Answer, Failure, Owner, task};
use crate::storage::Storage;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// How the bot is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The way to Telegram.
    pub wire: super::wire::Settings,
    /// Telegram's numbers of the administrators.
    pub admins: Vec<i64>,
    /// Words that call the bot in groups.
    pub triggers: Vec<String>,
    /// How long results are kept, for people to know.
    pub retention: Duration,
    /// How long what people sent is kept, for people to know.
    pub upload_retention: Duration,
}

/// What can be told about the server, for administrators. Asked now and then; no side effects.
pub type Health = Arc<dyn Fn() -> BoxFuture<'static, Vitals> + Send + Sync>;

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// Why the engine died last, if it did within the last hour.
    pub engine_death: Option<String>,
    /// How often it died today.
    pub engine_deaths: u64,
    /// Requests of today that this server answered, and that others did.
    pub answered_local: u64,
    /// The same, elsewhere.
    pub answered_remote: u64,
    /// Free bytes on the disk of the data, and all.
    pub disk: Option<(u64, u64)>,
}

/// What the door stands in front of.
#[derive(Clone)]
pub struct House {
    /// Where everything is written down.
    pub db: Db,
    /// The way to the line of jobs.
    pub intake: Intake,
    /// What each may do.
    pub accounts: Accounts,
    /// Where results lie.
    pub storage: Arc<Storage>,
    /// Who can be asked.
    pub models: Arc<dyn Models>,
    /// Who answers besides this machine.
    pub providers: Arc<dyn Providers>,
    /// How the server is.
    pub health: Health,
}

/// Everything a handler needs.
pub struct Door {
    /// How the bot is set up.
    pub settings: Settings,
    /// Where everything is written down.
    pub db: Db,
    /// The way to the line of jobs.
    pub intake: Intake,
    /// What each may do.
    pub accounts: Accounts,
    /// Where results lie.
    pub storage: Arc<Storage>,
    /// Who can be asked.
    pub models: Arc<dyn Models>,
    /// Who answers besides this machine.
    pub providers: Arc<dyn Providers>,
    /// How the server is.
    pub health: Health,
    /// The calls that are not durable.
    pub bots: Bots,
    /// What is to be sent.
    pub outbox: Outbox,
    /// What people asked for.
    pub orders: Orders,
    /// Who they are.
    pub people: People,
    /// Where they stand.
    pub sessions: Sessions,
    /// What administrators switched.
    pub switches: Switches,
    /// Who the bot is.
    pub identity: Identity,
}

impl Door {
    /// The account of a person, at the level that counts, and what is left of it.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn account(&self, person: i64) -> Result<(Owner, Overview), DbError> {
        let owner = people::owner(person, &self.settings.admins);
        let overview = self.accounts.overview(&owner).await?;
        Ok((Owner { level: overview.level.max(owner.level), ..owner }, overview))
    }

    /// Puts parcels into the outbox that belong to nothing else.
    ///
    /// # Errors
    /// [`DbError`] when they could not be written.
    pub async fn send(&self, parcels: &[Parcel]) -> Result<(), DbError> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                for parcel in parcels {
                    self.outbox.put(&mut tx, parcel).await?;
                }
                tx.commit().await
            })
            .await
    }

    /// Whether somebody can do a task now.
    #[must_use]
    pub fn serves(&self, task: &str) -> bool {
        self.models.cards().iter().any(|card| card.ready && card.tasks.iter().any(|known| known == task))
    }

    /// The models that somebody of this level may choose for a task, those of this machine first.
    #[must_use]
    pub fn choosable(&self, task: &str, owner: &Owner) -> Vec<ModelCard> {
        let allowed = self.accounts.allowed_models(owner.level);
        let level = owner.level.word();
        let may = |card: &ModelCard| {
            card.ready
                && card.tasks.iter().any(|known| known == task)
                && (card.levels.is_empty() || owner.admin() || card.levels.iter().any(|known| known == level))
                && allowed.is_none_or(|names| names.contains(&card.name))
        };
        let mut cards: Vec<ModelCard> = self.models.cards().into_iter().filter(may).collect();
        cards.sort_by_key(|card| card.provider != "local");
        let mut seen = std::collections::HashSet::new();
        cards.retain(|card| seen.insert(card.name.clone()));
        cards
    }

    /// A model's name for people.
    #[must_use]
    pub fn title_of(&self, model: &str) -> String {
        let card = self.models.cards().into_iter().find(|card| card.name == model);
        card.map_or_else(|| model.to_owned(), |card| card.title)
    }

    /// A provider's name for people.
    #[must_use]
    pub fn provider_title(&self, provider: &str) -> String {
        let view = self.providers.standings().into_iter().find(|view| view.id == provider);
        view.map_or_else(|| provider.to_owned(), |view| view.title)
    }

    /// How somebody is called, with their number.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn name_of(&self, person: i64) -> Result<String, DbError> {
        let known = self.people.find(person).await?;
        Ok(known.map_or_else(|| person.to_string(), |known| format!("{} ({person})", known.name)))
    }

    /// What came of an order; `None` when it is not kept any more.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database does not answer.
    pub async fn answer(&self, order: &Order) -> Result<Option<Arc<Answer>>, Failure> {
        let Some(job) = order.job else { return Ok(None) };
        let view = self.intake.view(job, &order.owner(&self.settings.admins)).await?;
        Ok(view.and_then(|view| match view.state {
            State::Done(answer) => Some(answer),
            _ => None,
        }))
    }

    /// Every task that somebody serves now.
    #[must_use]
    pub fn served(&self) -> Vec<&'static str> {
        task::TASKS.iter().map(|(task, _)| *task).filter(|task| self.serves(task)).collect()
    }
}
