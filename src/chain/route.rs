//! Routes: who is asked in which order. Parsing and checking; it must not know how anybody answers.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// Provider of the models that run on this machine.
pub const LOCAL: &str = "local";

/// Stands for every provider with a key that the route does not name.
pub const OTHERS: &str = "*";

/// One link of a route: `local:sdxl-turbo`, `openai`, `hf:black-forest-labs/FLUX.1-schnell`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link {
    /// `local` or the provider's id.
    pub provider: String,
    /// The model; `None` leaves the choice to the provider.
    pub model: Option<String>,
}

/// A route that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No provider before the colon, or no model after it.
    #[error("'{0}' is not a link of a route: write `provider` or `provider:model`, such as `local:sdxl-turbo`")]
    Malformed(String),
    /// Nobody is called that.
    #[error("the route names the provider '{0}', which does not exist; known are {1}")]
    UnknownProvider(String, String),
    /// A local model that is not in the manifest.
    #[error("the route names the local model '{0}', which models/manifest.toml does not have")]
    UnknownModel(String),
    /// `local` alone says nothing.
    #[error("the route names `local` without a model: write `local:NAME`, such as `local:sdxl-turbo`")]
    LocalWithoutModel,
    /// The same link twice.
    #[error("the route names '{0}' twice")]
    Duplicate(Link),
}

impl FromStr for Link {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let text = text.trim();
        let (provider, model) = match text.split_once(':') {
            Some((provider, model)) => (provider.trim(), Some(model.trim())),
            None => (text, None),
        };
        if provider.is_empty() || model.is_some_and(str::is_empty) {
            return Err(RouteError::Malformed(text.to_owned()));
        }
        Ok(Self { provider: provider.to_owned(), model: model.map(str::to_owned) })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.model {
            Some(model) => write!(f, "{}:{model}", self.provider),
            None => f.write_str(&self.provider),
        }
    }
}

impl Link {
    /// Whether it is a bundled demo model: those come last and never stand in for a model that was named.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.provider == LOCAL && self.model.as_deref().is_some_and(|m| m == "demo" || m.starts_with("demo-"))
    }
}

/// Reads a comma list of links.
///
/// # Errors
/// [`RouteError::Malformed`] with the first part that is no link.
pub fn parse(text: &str) -> Result<Vec<Link>, RouteError> {
    text.split(',').filter(|part| !part.trim().is_empty()).map(str::parse).collect()
}

/// Checks a route against who exists, and moves demo models to its end. `providers`: the ids of
/// everybody there is; `local_model`: whether a local link may name this model.
///
/// # Errors
/// The first link that cannot be followed.
pub fn checked(
    route: &[Link],
    providers: &[&str],
    local_model: impl Fn(&str) -> bool,
) -> Result<Vec<Link>, RouteError> {
    let mut seen = HashSet::new();
    for link in route {
        if link.provider == OTHERS && link.model.is_none() {
            // Whoever that is by then.
        } else if link.provider == LOCAL {
            match link.model.as_deref() {
                None => return Err(RouteError::LocalWithoutModel),
                Some(model) if !local_model(model) => return Err(RouteError::UnknownModel(model.to_owned())),
                Some(_) => {}
            }
        } else if !providers.contains(&link.provider.as_str()) {
            return Err(RouteError::UnknownProvider(link.provider.clone(), providers.join(", ")));
        }
        if !seen.insert(link) {
            return Err(RouteError::Duplicate(link.clone()));
        }
    }
    let mut ordered = route.to_vec();
    ordered.sort_by_key(Link::is_demo);
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Vec<Link>, RouteError> {
        checked(&parse(text)?, &["mine", "hf", "openai", "yandex", "fal"], |m| ["demo", "sdxl-turbo"].contains(&m))
    }

    #[test]
    fn reads_and_writes_links() {
        let route = parse(" local:sdxl-turbo, hf,, fal:flux/schnell ").expect("a route");
        let words: Vec<String> = route.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["local:sdxl-turbo", "hf", "fal:flux/schnell"]);
        assert_eq!(parse("local:"), Err(RouteError::Malformed("local:".into())));
        assert_eq!(parse(":demo"), Err(RouteError::Malformed(":demo".into())));
    }

    #[test]
    fn moves_demo_models_to_the_end_and_keeps_the_rest_in_order() {
        let route = check("local:demo,openai,local:sdxl-turbo,mine").expect("a route");
        let words: Vec<String> = route.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["openai", "local:sdxl-turbo", "mine", "local:demo"]);
    }

    #[test]
    fn refuses_what_nobody_can_follow() {
        assert_eq!(
            check("opnai"),
            Err(RouteError::UnknownProvider("opnai".into(), "mine, hf, openai, yandex, fal".into()))
        );
        assert_eq!(check("local:sdxl-trubo"), Err(RouteError::UnknownModel("sdxl-trubo".into())));
        assert_eq!(check("local"), Err(RouteError::LocalWithoutModel));
        let twice = check("hf,local:demo,hf").expect_err("a duplicate");
        assert_eq!(twice.to_string(), "the route names 'hf' twice");
    }
}
