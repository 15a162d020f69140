//! How a fake treats a request.

/// A way to answer or to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should be.
    Ok,
    /// The key is not known.
    BadKey,
    /// The money is gone.
    Payment,
    /// Too many requests; again after these seconds.
    Rate(u64),
    /// The content is refused.
    Policy,
    /// The country is refused.
    Geo,
    /// The model is being loaded; again after these seconds.
    Loading(u64),
    /// Overloaded.
    Busy,
    /// Done after so many polls that find it at work.
    Slow(u32),
    /// Never answers, until released.
    Hang,
    /// Reads the request and closes the connection.
    Cut,
    /// Half of a JSON text.
    Malformed,
    /// A page where the result should be.
    WrongType,
    /// A result that does not end.
    Oversized,
    /// A result that leads to a private address.
    Redirect,
    /// A result at another origin.
    Foreign,
    /// A result that is gone.
    Expired,
    /// So many polls are refused before the job is asked about.
    Trouble(u32),
    /// An answer without a result in it.
    Empty,
}

impl Behaviour {
    /// All without a number, and an example of each with one.
    pub const ALL: [Self; 19] = [
        Self::Ok,
        Self::BadKey,
        Self::Payment,
        Self::Rate(17),
        Self::Policy,
        Self::Geo,
        Self::Loading(20),
        Self::Busy,
        Self::Slow(3),
        Self::Hang,
        Self::Cut,
        Self::Malformed,
        Self::WrongType,
        Self::Oversized,
        Self::Redirect,
        Self::Foreign,
        Self::Expired,
        Self::Trouble(2),
        Self::Empty,
    ];

    /// Its name, without the number.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::BadKey => "bad_key",
            Self::Payment => "payment",
            Self::Rate(_) => "rate",
            Self::Policy => "policy",
            Self::Geo => "geo",
            Self::Loading(_) => "loading",
            Self::Busy => "busy",
            Self::Slow(_) => "slow",
            Self::Hang => "hang",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::WrongType => "wrong_type",
            Self::Oversized => "oversized",
            Self::Redirect => "redirect",
            Self::Foreign => "foreign",
            Self::Expired => "expired",
            Self::Trouble(_) => "trouble",
            Self::Empty => "empty",
        }
    }

    /// By its name, with an own number behind a colon.
    pub fn named(text: &str) -> Option<Self> {
        let (word, number) = text.split_once(':').unwrap_or((text, ""));
        let found = Self::ALL.into_iter().find(|behaviour| behaviour.word() == word)?;
        Some(match (found, number.parse::<u64>()) {
            (Self::Rate(_), Ok(seconds)) => Self::Rate(seconds),
            (Self::Loading(_), Ok(seconds)) => Self::Loading(seconds),
            (Self::Slow(_), Ok(polls)) => Self::Slow(u32::try_from(polls).ok()?),
            (Self::Trouble(_), Ok(polls)) => Self::Trouble(u32::try_from(polls).ok()?),
            (found, _) => found,
        })
    }

    /// What a key says of itself: the words behind its `@`.
    pub fn of_key(key: &str) -> Option<Self> {
        key.split_once('@').map(|(_, word)| Self::named(word).unwrap_or_else(|| panic!("what is `{word}`?")))
    }
}
