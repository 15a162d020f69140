//! What follows from the fate of a parcel: an answer that arrived is charged, one that never can is given back, and
//! where nobody knows, its reader is asked. It must not know how parcels are sent.

use super::keyboard::Keyboard;
use super::orders::Orders;
use super::parcel::{Act, Parcel};
use super::people::People;
use super::texts::{Lang, args};
use super::wire::{Lost, Onward};
use super::words::keyboards;
use crate::intake::Intake;
use crate::media::{Failure, JobId};
use async_trait::async_trait;

/// Tells the books.
pub struct Books {
    /// Where answers are charged.
    pub intake: Intake,
    /// Which order a job was.
    pub orders: Orders,
    /// Who reads.
    pub people: People,
}

#[async_trait]
impl Onward for Books {
    async fn arrived(&self, job: JobId, receipt: &str) -> Result<(), Failure> {
        self.intake.delivered(job, receipt).await
    }

    async fn unreachable(&self, job: JobId, reason: &str) -> Result<(), Failure> {
        tracing::info!(%job, reason, "an answer can never be delivered; it is given back");
        self.intake.undeliverable(job, reason).await
    }

    async fn unsure(&self, lost: Lost) -> Result<Option<Parcel>, Failure> {
        let order = match lost.job {
            Some(job) => self.orders.of_job(job).await?,
            None => None,
        };
        let lang = match &order {
            Some(order) => order.lang,
            None => self.people.find(lost.place.chat).await?.map_or(Lang::Ru, |person| person.lang),
        };
        let html = match &order {
            Some(order) => lang.html("unsure", args! { "job" => order.number }),
            None => lang.html("unsure-message", args! {}),
        };
        let mut parcel = Parcel::text("", lost.place, html);
        if let Act::Send { keyboard, .. } = &mut parcel.act {
            let buttons: Keyboard = keyboards::unsure(lang, lost.parcel);
            *keyboard = Some(buttons);
        }
        Ok(Some(parcel))
    }
}
