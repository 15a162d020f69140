//! What a remote provider may have against a request, in the classes that the chain decides on.

use super::words;
use serde::{Deserialize, Serialize};

/// The class of a remote failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The key is wrong, has expired, or lacks a right.
    BadKey,
    /// The account has no money or no quota left.
    Payment,
    /// Too many requests for the moment.
    Rate,
    /// The content is not allowed there.
    Policy,
    /// The provider does not serve this country.
    Geo,
    /// The model is being loaded.
    Loading,
    /// Overloaded or broken for the moment; also where no connection could be made.
    Busy,
    /// It finds the request wrong.
    Invalid,
    /// A file or a text is larger than it takes.
    TooBig,
    /// The model or the address is no longer there.
    Gone,
    /// No answer in time, or the connection was cut.
    Timeout,
    /// An answer that cannot be understood.
    BadResponse,
}

words!(Refusal {
    "bad_key" => Refusal::BadKey, "payment" => Refusal::Payment, "rate" => Refusal::Rate, "policy" => Refusal::Policy,
    "geo" => Refusal::Geo, "loading" => Refusal::Loading, "busy" => Refusal::Busy, "invalid" => Refusal::Invalid,
    "too_big" => Refusal::TooBig, "gone" => Refusal::Gone, "timeout" => Refusal::Timeout,
    "bad_response" => Refusal::BadResponse,
});

impl Refusal {
    /// One sentence for people about a provider of this title.
    #[must_use]
    pub fn sentence(self, title: &str, after: Option<u64>) -> String {
        let when = after.map_or_else(|| "later".to_owned(), |seconds| format!("in {seconds} s"));
        match self {
            Self::BadKey => format!("{title} does not accept its key"),
            Self::Payment => format!("the account at {title} has no money left"),
            Self::Rate => format!("{title} has had too many requests; it can be asked again {when}"),
            Self::Policy => format!("{title} refuses this request by its content rules"),
            Self::Geo => format!("{title} does not serve the country of this server"),
            Self::Loading => format!("{title} is loading the model; it can be asked again {when}"),
            Self::Busy => format!("{title} is overloaded or cannot be reached"),
            Self::Invalid => format!("{title} does not accept this request"),
            Self::TooBig => format!("what was sent is larger than {title} takes"),
            Self::Gone => format!("{title} no longer has this model"),
            Self::Timeout => format!("{title} did not answer in time"),
            Self::BadResponse => format!("{title} gave an answer that cannot be used"),
        }
    }
}
