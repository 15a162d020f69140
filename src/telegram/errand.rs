//! From an order to a job: its files are fetched from Telegram, what is whole is submitted. Safe to repeat: the line
//! knows an order by its number.

use super::door::Door;
use super::orders::{Asked, FileRef, Order, SentFile};
use super::wire::Trouble;
use crate::db::Passing;
use crate::intake::Wish;
use crate::media::{Door as WayIn, Failure, JobId, Medium, Request, Source};
use std::time::Duration;

/// Largest file that Telegram lets a bot fetch, in bytes.
pub const MOST_BYTES: u64 = 20 << 20;
/// Pauses between tries when Telegram or the database does not answer.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 30];
/// How often a file is asked for before its owner is told to send it again.
const TRIES: usize = 8;

/// Fetches what is missing and submits. Goes on through outages of Telegram and of the database.
///
/// # Errors
/// Whatever the person must be told.
pub async fn submit(door: &Door, order: &Order) -> Result<JobId, Failure> {
    let mut request = order.asked.read().map_err(Failure::internal)?;
    let files = attach(door, &order.asked, &mut request).await?;
    for pause in PAUSES.iter().chain(std::iter::repeat(&30)) {
        let (owner, _) = match door.account(order.person).await {
            Ok(account) => account,
            Err(error) => {
                tracing::warn!(order = order.number, %error, "the account of an order cannot be read");
                tokio::time::sleep(Duration::from_secs(*pause)).await;
                continue;
            }
        };
        let wish = Wish {
            door: WayIn::Telegram,
            request: request.clone(),
            files: files.clone(),
            parent: None,
            idempotency_key: Some(format!("telegram:{}", order.number)),
        };
        match door.intake.submit(&owner, wish).await {
            Ok(job) => {
                door.orders.submitted(order.number, job).await?;
                return Ok(job);
            }
            Err(failure) if failure.passes() => {
                tracing::warn!(order = order.number, %failure, "an order cannot be submitted yet");
                tokio::time::sleep(Duration::from_secs(*pause)).await;
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Unavailable { message: "the order could not be submitted".to_owned() })
}

/// Puts the files that Telegram has into the request; what is stored here is only named.
async fn attach(door: &Door, asked: &Asked, request: &mut Request) -> Result<Vec<(String, Source)>, Failure> {
    let mut stored = Vec::new();
    for (name, file) in &asked.files {
        match file {
            FileRef::Stored(asset) => stored.push((name.clone(), Source::Asset(*asset))),
            FileRef::Sent(sent) => {
                let medium = fetch(door, sent, name).await?;
                request.attach(name, medium)?;
            }
        }
    }
    Ok(stored)
}

async fn fetch(door: &Door, file: &SentFile, name: &str) -> Result<Medium, Failure> {
    let too_big = || Failure::TooBig { message: format!("`{name}` is larger than Telegram hands out to bots") };
    if file.size.is_some_and(|size| size > MOST_BYTES) {
        return Err(too_big());
    }
    for attempt in 0..TRIES {
        match door.bots.download(&file.id, file.size).await {
            Ok(bytes) => {
                let name = name.to_owned();
                // Decoding a header is quick, a sound may be long: not on this thread.
                let seen = tokio::task::spawn_blocking(move || Medium::of(bytes, &name).map(|medium| (name, medium)));
                let (name, medium) =
                    seen.await.map_err(|e| Failure::internal(format!("reading a file broke: {e}")))??;
                return medium.ok_or_else(|| Failure::invalid(&name, format!("`{name}` cannot be read")));
            }
            Err(Trouble::Wait(pause)) => tokio::time::sleep(pause.min(Duration::from_secs(60))).await,
            Err(Trouble::NotSent(_) | Trouble::Unsure(_)) => {
                tokio::time::sleep(Duration::from_secs(PAUSES[attempt.min(PAUSES.len() - 1)])).await;
            }
            Err(Trouble::TooBig(_)) => return Err(too_big()),
            Err(trouble) => {
                tracing::warn!(%trouble, "Telegram does not hand out a file");
                break;
            }
        }
    }
    Err(Failure::invalid(name, format!("the file of `{name}` could not be fetched")))
}
