//! From the text of a variable to its type. Every error says what was given, where, and what is accepted.

use super::ConfigError;
use super::variables::Variable;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The text of one variable on its way to a type.
pub struct Value {
    variable: Variable,
    place: String,
    text: String,
}

impl Value {
    /// A text that was found at `place`.
    pub fn new(variable: &Variable, place: &str, text: &str) -> Self {
        Self { variable: *variable, place: place.to_owned(), text: text.trim().to_owned() }
    }

    /// The same place with another text.
    pub fn with(&self, text: &str) -> Self {
        Self::new(&self.variable, &self.place, text)
    }

    /// The error for this value; a secret's text stays out of it.
    pub fn wrong(&self, accepted: &str) -> ConfigError {
        let given = if self.variable.secret { "not usable".to_owned() } else { format!("'{}'", self.text) };
        ConfigError::Value {
            place: self.place.clone(),
            given,
            accepted: accepted.to_owned(),
            example: self.variable.example,
        }
    }

    /// The text itself.
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// A path, relative to the working directory.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.text)
    }

    /// The items of a comma list, trimmed, without empty ones.
    pub fn list(&self) -> Vec<String> {
        self.text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A whole number in bounds.
    pub fn number(&self, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, ConfigError> {
        let accepted = || format!("a whole number from {} to {} is accepted", bounds.start(), bounds.end());
        self.text.parse().ok().filter(|n| bounds.contains(n)).ok_or_else(|| self.wrong(&accepted()))
    }

    /// An address to listen on: `ADDRESS:PORT`, where the address may be a host name.
    pub fn address(&self) -> Result<SocketAddr, ConfigError> {
        let found = self.text.to_socket_addrs().ok().and_then(|mut all| all.next());
        found.ok_or_else(|| self.wrong("an address with a port is accepted"))
    }

    /// An `http` or `https` address without a query.
    pub fn url(&self) -> Result<Url, ConfigError> {
        let usable = |u: &Url| matches!(u.scheme(), "http" | "https") && u.has_host() && u.query().is_none();
        let parsed = Url::parse(&self.text).ok().filter(usable);
        parsed.ok_or_else(|| self.wrong("an address with http:// or https:// is accepted"))
    }

    /// A number of bytes: plain, or with a unit.
    pub fn bytes(&self) -> Result<u64, ConfigError> {
        bytes(&self.text).ok_or_else(|| self.wrong("bytes, or a number with KiB, MiB, GiB, KB, MB or GB, are accepted"))
    }

    /// A time that may be nothing: plain seconds, or with a unit.
    pub fn duration_or_zero(&self) -> Result<Duration, ConfigError> {
        if self.text == "0" { Ok(Duration::ZERO) } else { self.duration() }
    }

    /// A time: plain seconds, or with a unit.
    pub fn duration(&self) -> Result<Duration, ConfigError> {
        duration(&self.text).ok_or_else(|| self.wrong("seconds, or a number with s, m or h, are accepted"))
    }
}

/// Splits `6.5GiB` into its number and its unit.
fn number_and_unit(text: &str) -> Option<(f64, String)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    Some((number, text[end..].trim().to_ascii_lowercase()))
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let scale = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => return None,
    };
    let bytes = number * scale;
    // Above 2^53 a float no longer counts single bytes, and no machine has as much.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    (1.0..9e15).contains(&bytes).then_some(bytes as u64)
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let scale = match unit.as_str() {
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number * scale;
    (seconds > 0.0 && seconds <= 3600.0 * 24.0 * 365.0).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_and_without_a_unit() {
        assert_eq!(bytes("1024"), Some(1024));
        assert_eq!(bytes("6GiB"), Some(6 << 30));
        assert_eq!(bytes("1.5 MiB"), Some(3 << 19));
        assert_eq!(bytes("2gb"), Some(2_000_000_000));
        for wrong in ["", "0", "-1", "GiB", "6 apples", "1e400", "99999999999GiB", "1.2.3"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        assert_eq!(duration("90"), Some(Duration::from_secs(90)));
        assert_eq!(duration("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
        for wrong in ["", "0", "-1", "m", "1d", "999999h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
