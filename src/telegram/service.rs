//! The bot as a whole: it is put together here, started, and ended in order. It must not decide anything that one of its
//! parts could.

use super::door::{Door, House, Settings};
use super::onward::Books;
use super::orders::Orders;
use super::people::People;
use super::session::Sessions;
use super::switches::Switches;
use super::wire::updates::{self, Updates};
use super::wire::{Bots, Identity, Onward, Outbox, Pace, SettingsError};
use super::{alerts, commands, follow, listing, tree};
use axum::Router;
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often what is over is deleted.
const SWEEP: Duration = Duration::from_secs(3600);

/// The bot, not yet running.
pub struct Telegram {
    settings: Settings,
    house: House,
    bots: Bots,
    updates: Updates,
}

impl Telegram {
    /// Puts it together.
    ///
    /// # Errors
    /// [`SettingsError`] when Telegram cannot be reached with these settings.
    pub fn new(settings: Settings, house: House) -> Result<Self, SettingsError> {
        let bots = Bots::new(&settings.wire)?;
        let updates = Updates::new(&settings.wire, bots.clone(), house.db.clone());
        Ok(Self { settings, house, bots, updates })
    }

    /// Where Telegram brings updates to, if it does.
    #[must_use]
    pub fn webhook(&self) -> Option<Router> {
        self.updates.webhook()
    }

    /// Serves until `stop`, in turns with other processes that have the same bot: one of them at a time.
    pub async fn run(self, stop: CancellationToken) {
        let Self { settings, house, bots, updates } = self;
        let identity = tokio::select! {
            () = stop.cancelled() => return,
            identity = bots.identity() => identity,
        };
        tracing::info!(bot = identity.username, "the Telegram bot is ready");
        let door = Arc::new(door(settings, house, bots, identity));
        let onward = Books { intake: door.intake.clone(), orders: door.orders.clone(), people: door.people.clone() };
        let onward: Arc<dyn Onward> = Arc::new(onward);
        while let Some(duty) = updates.duty(&stop).await {
            let off = duty.off();
            let handler = {
                let door = Arc::clone(&door);
                move |id, update| tree::handle(Arc::clone(&door), id, update).boxed()
            };
            tokio::join!(
                updates.run(handler, off.clone()),
                door.outbox.clone().run(Arc::clone(&onward), off.clone()),
                follow::run(Arc::clone(&door), off.clone()),
                commands::broadcast::run(Arc::clone(&door), off.clone()),
                alerts::watch(Arc::clone(&door), off.clone()),
                keep_house(&door, off.clone()),
                listing::publish(&door),
            );
            duty.end().await;
        }
    }
}

fn door(settings: Settings, house: House, bots: Bots, identity: Identity) -> Door {
    let House { db, intake, accounts, storage, models, providers, health } = house;
    Door {
        outbox: Outbox::new(db.clone(), Arc::clone(&storage), bots.clone(), Pace::default()),
        orders: Orders::new(db.clone()),
        people: People::new(db.clone()),
        sessions: Sessions::new(db.clone()),
        switches: Switches::new(db.clone()),
        settings,
        db,
        intake,
        accounts,
        storage,
        models,
        providers,
        health,
        bots,
        identity,
    }
}

/// Deletes what is over.
async fn keep_house(door: &Door, stop: CancellationToken) {
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! { () = stop.cancelled() => return, _ = sweep.tick() => {} }
        let swept = async {
            door.sessions.sweep().await?;
            door.orders.forget_held().await?;
            updates::sweep(&door.db).await?;
            door.outbox.sweep().await
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "what is over in Telegram could not be deleted");
        }
    }
}
