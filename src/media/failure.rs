//! Why a request was not answered, in classes that code decides on. One sentence each, fit for a person to read.

use super::Refusal;
use serde::{Deserialize, Serialize};

/// A typed failure. `Display` is the sentence shown to people; it never holds a key or a provider's raw answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Failure {
    /// The request itself is wrong; no other provider would take it. `param` is the field at fault.
    #[error("{message}")]
    Invalid {
        /// The field at fault, in the words of the HTTP API.
        param: Option<String>,
        /// One sentence.
        message: String,
    },
    /// The picture or sound is larger than what is accepted.
    #[error("{message}")]
    TooBig {
        /// One sentence with both numbers.
        message: String,
    },
    /// The model is not installed here, or its files cannot be used.
    #[error("{message}")]
    Missing {
        /// One sentence that names the model and what to do.
        message: String,
    },
    /// The model does not fit. Bytes.
    #[error("{}", short_of_memory(*.needed, *.available))]
    OutOfMemory {
        /// What the plan asked for at its cheapest, or 0 where only the death is known.
        needed: u64,
        /// What there was.
        available: u64,
    },
    /// The engine died or broke in a way that is not the request's fault.
    #[error("the local engine stopped unexpectedly: {message}")]
    Crashed {
        /// What is known of its death.
        message: String,
    },
    /// No answer within the time allowed.
    #[error("no answer in time: {message}")]
    Timeout {
        /// Which step stood still.
        message: String,
    },
    /// Too much to do already.
    #[error("{message}")]
    Busy {
        /// One sentence.
        message: String,
        /// Seconds after which another try makes sense.
        retry_after_s: Option<u64>,
    },
    /// The model computed, but what came out is not a picture (not-a-number even in full precision).
    #[error("the model gave no usable picture: {message}")]
    BadOutput {
        /// What was wrong with it.
        message: String,
    },
    /// A remote provider did not answer.
    #[error("{}", refusal.sentence(provider, *retry_after_s))]
    Remote {
        /// Its name for people.
        provider: String,
        /// Why, in a class.
        refusal: Refusal,
        /// Seconds after which it said that another try makes sense.
        retry_after_s: Option<u64>,
        /// Whether it may have done the work and been paid, and the answer was lost.
        spend_unknown: bool,
        /// The HTTP status, where there was an answer.
        status: Option<u16>,
    },
    /// The database or the storage cannot be used at the moment. The same again may work later.
    #[error("{message}")]
    Unavailable {
        /// One sentence.
        message: String,
    },
    /// Not enough left of the day's free requests, and not enough money. Kopecks.
    #[error("{}", unpaid(*.limit, *.price, *.balance))]
    Quota {
        /// Free requests of this kind a day.
        limit: u32,
        /// What the request would cost beyond what is free.
        price: i64,
        /// What there is.
        balance: i64,
        /// Seconds until the day's free requests are back; `None` where there never are any.
        retry_after_s: Option<u64>,
    },
    /// Not allowed at this level.
    #[error("{message}")]
    Forbidden {
        /// One sentence.
        message: String,
    },
    /// Cancelled by its owner or an admin.
    #[error("cancelled")]
    Cancelled,
    /// Every link of the chain failed; each with its reason.
    #[error("{}", exhausted(.attempts))]
    Exhausted {
        /// Every link that was tried or skipped, in order.
        attempts: Vec<Attempt>,
    },
    /// Something of ours broke (disk, database). The details are in the log.
    #[error("{message}")]
    Internal {
        /// One sentence.
        message: String,
    },
}

/// One link of the chain that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// `local` or the provider's id.
    pub provider: String,
    /// The model asked.
    pub model: String,
    /// Why it did not answer.
    pub failure: Box<Failure>,
}

impl Failure {
    /// A wrong request, naming the field.
    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::Invalid { param: Some(param.to_owned()), message: message.into() }
    }

    /// Something of ours broke.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal { message: message.into() }
    }

    /// A remote failure without further details.
    pub fn remote(provider: &str, refusal: Refusal) -> Self {
        Self::Remote { provider: provider.to_owned(), refusal, retry_after_s: None, spend_unknown: false, status: None }
    }

    /// A short stable name for metrics, the API's `code` and the log.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::TooBig { .. } => "too_big",
            Self::Missing { .. } => "missing",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::Crashed { .. } => "crashed",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::BadOutput { .. } => "bad_output",
            Self::Remote { refusal, .. } => refusal.word(),
            Self::Unavailable { .. } => "unavailable",
            Self::Quota { .. } => "quota",
            Self::Forbidden { .. } => "forbidden",
            Self::Cancelled => "cancelled",
            Self::Exhausted { .. } => "exhausted",
            Self::Internal { .. } => "internal",
        }
    }

    /// Whether the next link of the chain may answer what this one could not.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        !matches!(
            self,
            Self::Invalid { .. } | Self::TooBig { .. } | Self::Cancelled | Self::Quota { .. } | Self::Forbidden { .. }
        )
    }
}

fn unpaid(limit: u32, price: i64, balance: i64) -> String {
    let free = match limit {
        0 => "there are no free requests of this kind".to_owned(),
        limit => format!("the {limit} free requests of today are used up"),
    };
    format!("{free}; this one costs {} and the balance is {}", roubles(price), roubles(balance))
}

/// An amount of kopecks for people: `2.50 ₽`.
#[must_use]
pub fn roubles(kopecks: i64) -> String {
    let sign = if kopecks < 0 { "-" } else { "" };
    let kopecks = kopecks.unsigned_abs();
    format!("{sign}{}.{:02} ₽", kopecks / 100, kopecks % 100)
}

fn short_of_memory(needed: u64, available: u64) -> String {
    if needed == 0 && available == 0 {
        return "the memory ran out".to_owned();
    }
    if needed == 0 {
        return format!("the memory ran out, with {} available", gib(available));
    }
    format!("not enough memory: {} needed, {} available", gib(needed), gib(available))
}

fn gib(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let gib = bytes as f64 / f64::from(1 << 30);
    format!("{gib:.2} GiB")
}

fn exhausted(attempts: &[Attempt]) -> String {
    if attempts.is_empty() {
        return "nothing is set up that could answer this".to_owned();
    }
    let reason = |a: &Attempt| {
        let colon = if a.model.is_empty() { "" } else { ":" };
        format!("{}{colon}{}: {}", a.provider, a.model, a.failure)
    };
    let reasons: Vec<String> = attempts.iter().map(reason).collect();
    format!("nobody could answer this ({})", reasons.join("; "))
}
