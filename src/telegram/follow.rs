//! Follows each open order from the message to the answer: submits it, shows how it gets on, and hands its end to
//! whoever words it. What it shows may be lost; the end never is: an order that is open when the server starts is
//! followed again.

use super::conclude;
use super::door::Door;
use super::errand;
use super::orders::{Order, TOPIC};
use super::status::Status;
use crate::db::{DbError, Event};
use crate::intake::State;
use crate::media::{Failure, JobId};
use futures::FutureExt;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often open orders are looked for without news.
const WITHOUT_NEWS: Duration = Duration::from_secs(2);
/// How often a status is looked at while nothing changes: its time goes on.
const TICK: Duration = Duration::from_secs(1);
/// Pause before an order is looked at again that could not be followed.
const AGAIN: Duration = Duration::from_secs(2);

/// Follows everything that is open until `stop`.
pub async fn run(door: Arc<Door>, stop: CancellationToken) {
    let followed = Arc::new(Mutex::new(HashSet::new()));
    let mut tasks = JoinSet::new();
    let mut news = door.db.listen();
    let mut tick = tokio::time::interval(WITHOUT_NEWS);
    loop {
        match door.orders.open().await {
            Ok(orders) => {
                for order in orders {
                    let number = order.number;
                    if !followed.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
                        continue;
                    }
                    let (door, followed, stop) = (Arc::clone(&door), Arc::clone(&followed), stop.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = follow(&door, order) => {}
                        }
                        followed.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "open orders cannot be read"),
        }
        while tasks.try_join_next().is_some() {}
        let heard = async {
            loop {
                match news.next().await {
                    Event::Changed { topic, .. } if topic == TOPIC => return,
                    Event::Changed { .. } | Event::Perhaps => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = heard => {}
            _ = tick.tick() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// One order, until it is concluded.
async fn follow(door: &Arc<Door>, order: Order) {
    let number = order.number;
    loop {
        let outcome = AssertUnwindSafe(attempt(door, number)).catch_unwind().await;
        match outcome {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => tracing::warn!(order = number, %failure, "an order cannot be followed; trying again"),
            Err(_) => {
                tracing::error!(order = number, "following an order broke");
                let failure = Failure::internal("following the order broke");
                if conclude::failed(door, number, &failure).await.is_ok() {
                    return;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn attempt(door: &Arc<Door>, number: i64) -> Result<(), Failure> {
    let Some(order) = ripe(door, number).await? else { return Ok(()) };
    let status = Status::of(door, &order);
    let job = match order.job {
        Some(job) => job,
        None => match errand::submit(door, &order).await {
            Ok(job) => job,
            Err(failure) => return Ok(conclude::failed(door, number, &failure).await?),
        },
    };
    watch(door, Order { job: Some(job), ..order }, job, status).await
}

/// The order once it may be submitted; `None` when it is over or waits for its owner.
async fn ripe(door: &Door, number: i64) -> Result<Option<Order>, DbError> {
    loop {
        let order = door.orders.find(number).await?.filter(|order| order.outcome.is_none() && !order.held());
        let Some(order) = order else { return Ok(None) };
        let left = order.not_before - door.db.now();
        if left <= 0 || order.job.is_some() {
            return Ok(Some(order));
        }
        tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
    }
}

async fn watch(door: &Arc<Door>, order: Order, job: JobId, mut status: Status) -> Result<(), Failure> {
    let (owner, _) = door.account(order.person).await?;
    let Some(mut states) = door.intake.watch(job, &owner).await? else {
        let gone = Failure::internal("the job is no longer kept");
        return Ok(conclude::failed(door, order.number, &gone).await?);
    };
    let mut tick = tokio::time::interval_at(Instant::now() + TICK, TICK);
    loop {
        let state = states.borrow_and_update().clone();
        match &state {
            State::Done(answer) => return conclude::done(door, &order, answer, &status).await,
            State::Failed(failure) => return Ok(conclude::failed(door, order.number, failure).await?),
            State::Cancelled => return Ok(conclude::cancelled(door, &order, &status).await?),
            State::Queued { .. } | State::Running { .. } => status.show(&state).await,
        }
        tokio::select! {
            changed = states.changed() => if changed.is_err() {
                return Err(Failure::Unavailable { message: "the news of a job ended".to_owned() });
            },
            _ = tick.tick() => {}
        }
    }
}
