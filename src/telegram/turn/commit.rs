//! Everything that came of an update, written down in one transaction together with the mark that it was handled.

use super::{ALBUM, Effects, Growth, Turn};
use crate::db::{DbError, Tx};
use crate::telegram::orders::Asked;
use crate::telegram::wire::updates;

impl Turn {
    /// Writes everything down, and that the update was handled.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written; then nothing of it was.
    pub async fn commit(&self) -> Result<(), DbError> {
        self.door.db.retrying(|| self.write()).await
    }

    async fn write(&self) -> Result<(), DbError> {
        let door = &self.door;
        let mut tx = door.db.begin().await?;
        let (person, step, moved, forgotten, reachable) = {
            let effects = self.effects();
            let step = effects.step.clone();
            (effects.person.clone(), step, effects.moved, effects.forgotten, effects.reachable)
        };
        if forgotten {
            door.people.delete(&mut tx, person.id).await?;
            door.orders.delete_of(&mut tx, person.id).await?;
        } else {
            door.people.keep(&mut tx, &person, self.origin.username.as_deref()).await?;
            if reachable == Some(false) {
                door.people.reachable(&mut tx, person.id, false).await?;
            }
            if moved {
                door.sessions.keep(&mut tx, self.origin.place, person.id, &step).await?;
            }
        }
        let orders = self.effects().orders.clone();
        for (order, composed) in &orders {
            let number = door.orders.add(&mut tx, order).await?;
            if let Some(composed) = composed {
                door.outbox.put(&mut tx, &composed(number)).await?;
            }
        }
        let growth = self.effects().growth.clone();
        if let Some(growth) = growth {
            self.grow(&mut tx, growth).await?;
        }
        let (agreed, concluded, resent, parcels) = {
            let effects = self.effects();
            let Effects { agreed, concluded, resent, parcels, .. } = &*effects;
            (agreed.clone(), concluded.clone(), resent.clone(), parcels.clone())
        };
        for number in agreed {
            door.orders.agree(&mut tx, number).await?;
        }
        for (number, outcome) in concluded {
            door.orders.conclude(&mut tx, number, outcome).await?;
        }
        for id in resent {
            door.outbox.resend(&mut tx, id, self.origin.place.chat).await?;
        }
        for parcel in &parcels {
            door.outbox.put(&mut tx, parcel).await?;
        }
        updates::handled(&mut tx, self.origin.update).await?;
        tx.commit().await
    }

    async fn grow(&self, tx: &mut Tx, growth: Growth) -> Result<(), DbError> {
        let (door, Growth { file, first, composed }) = (&self.door, growth);
        let Some(known) = door.orders.growing(tx, &first.key).await? else {
            let number = door.orders.add(tx, &first).await?;
            if let Some(composed) = composed {
                door.outbox.put(tx, &composed(number)).await?;
            }
            return Ok(());
        };
        let mut asked = known.asked;
        if asked.words.is_empty() && !first.asked.words.is_empty() {
            // The words of an album may come with any of its pictures.
            let files = std::mem::take(&mut asked.files);
            asked = Asked { files, ..first.asked.clone() };
        }
        let file = ("image".to_owned(), file);
        if !asked.files.contains(&file) {
            asked.files.push(file);
        }
        door.orders.grow(tx, known.number, &asked, ALBUM).await
    }
}
