//! What the configuration says of providers: their keys, what goes with each key, and where they answer. Which variables
//! these are stands in the provider files; here they are looked up in the environment, `.env` and `samovar.toml`.
//!
//! No error and no warning shows a key.

use super::ConfigError;
use super::sources::{Sources, TOML};
use crate::chain::keys::{Found, Supply, Wanted, WantedVar};
use secrecy::SecretString;
use std::collections::BTreeMap;
use url::Url;

/// What `[providers.ID]` holds besides the variables of the provider.
const KEYS: &str = "keys";
const BASE_URL: &str = "base_url";
/// Where proxies are set, in large letters or small ones.
const PROXIES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// What is configured of all providers.
#[derive(Debug, Default)]
pub struct Providers {
    /// Their keys.
    pub supplies: Vec<Supply>,
    /// Other places where they answer, by id.
    pub bases: BTreeMap<String, Url>,
    /// Hosts of the proxies that calls go through; they may lie in a private network.
    pub proxies: Vec<String>,
    /// Things that look like a mistake but harm nothing, one sentence each.
    pub warnings: Vec<String>,
}

/// Values that were found together: how the place is called, and what stood there.
struct Texts {
    place: String,
    values: Vec<String>,
}

pub(super) fn read(sources: &Sources, wanted: &[Wanted]) -> Result<Providers, ConfigError> {
    check_names(sources, wanted)?;
    let mut providers = Providers { proxies: proxies(sources), ..Providers::default() };
    for wanted in wanted {
        let found = found(sources, wanted, &mut providers.warnings)?;
        providers.supplies.push(wanted.supplied_with(found));
        if let Some(base) = base(sources, &wanted.provider)? {
            providers.bases.insert(wanted.provider.clone(), base);
        }
    }
    let names: Vec<&str> = wanted.iter().flat_map(|wanted| wanted.keys.iter().map(String::as_str)).collect();
    providers.warnings.extend(sources.open_dotenv(&names));
    Ok(providers)
}

/// Hosts of the proxies that are set as every program reads them.
fn proxies(sources: &Sources) -> Vec<String> {
    let names = PROXIES.iter().flat_map(|name| [(*name).to_owned(), name.to_lowercase()]);
    let host = |name: String| {
        let (_, text) = sources.named(&[name]).ok()??;
        let whole = if text.contains("://") { text } else { format!("http://{text}") };
        Url::parse(&whole).ok()?.host_str().map(str::to_owned)
    };
    names.filter_map(host).collect()
}

/// A name in `samovar.toml` that nobody reads is a slip of the pen.
fn check_names(sources: &Sources, wanted: &[Wanted]) -> Result<(), ConfigError> {
    for (id, table) in sources.provider_tables() {
        let Some(wanted) = wanted.iter().find(|wanted| wanted.provider == *id) else {
            let known: Vec<&str> = wanted.iter().map(|wanted| wanted.provider.as_str()).collect();
            let known = known.join(", ");
            return Err(wrong(format!("[providers.{id}] (in {TOML}) names no provider; there are {known}")));
        };
        let known: Vec<&str> = [KEYS, BASE_URL].into_iter().chain(wanted.vars.keys().map(String::as_str)).collect();
        if let Some(name) = table.keys().find(|name| !known.contains(&name.as_str())) {
            let known = known.join(", ");
            return Err(wrong(format!("`providers.{id}.{name}` (in {TOML}) is not known; {known} are")));
        }
    }
    Ok(())
}

/// The keys of one provider: those of the variables, then those of `samovar.toml`.
fn found(sources: &Sources, wanted: &Wanted, warnings: &mut Vec<String>) -> Result<Vec<Found>, ConfigError> {
    let of_table = |name: &str| {
        let text = sources.provider_tables().get(&wanted.provider)?.get(name)?;
        Some(Texts::new(format!("providers.{}.{name} (in {TOML})", wanted.provider), text))
    };
    let variables = |names: &[String]| -> Result<Option<Texts>, ConfigError> {
        let found = sources.named(names).map_err(wrong)?;
        Ok(found.map(|(place, text)| Texts::new(place, &text)))
    };
    if !wanted.keyed() {
        let mut vars = BTreeMap::new();
        for (name, var) in &wanted.vars {
            let texts = variables(&var.names)?.or_else(|| of_table(name));
            let values = paired(var, texts, None).map_err(wrong)?;
            vars.extend(values.into_iter().flatten().next().map(|value| (name.clone(), value)));
        }
        return Ok(vec![Found { value: String::new().into(), vars }]);
    }
    let mut found = Vec::new();
    for (keys, table_first) in [(variables(&wanted.keys)?, false), (of_table(KEYS), true)] {
        let Some(keys) = keys else { continue };
        keys.check().map_err(wrong)?;
        let mut columns = Vec::new();
        for (name, var) in &wanted.vars {
            let (set, table) = (variables(&var.names)?, of_table(name));
            let texts = if table_first { table.or(set) } else { set.or(table) };
            columns.push((name, var, texts));
        }
        match rows(&keys, columns) {
            Ok(rows) => found.extend(rows),
            Err(Lack::Count(sentence)) => return Err(wrong(sentence)),
            // Somebody else's variable may be set on this machine: that must not stop the program.
            Err(Lack::Absent(name)) => {
                let (place, provider) = (&keys.place, &wanted.provider);
                warnings.push(format!("{place} is set, but {provider} is not used: {name} is not set"));
            }
        }
    }
    Ok(found)
}

/// Why keys cannot be used.
enum Lack {
    /// As many values are wanted as there are keys.
    Count(String),
    /// This is not set.
    Absent(String),
}

/// Each key with what stands at its position in the other lists.
fn rows(keys: &Texts, columns: Vec<(&String, &WantedVar, Option<Texts>)>) -> Result<Vec<Found>, Lack> {
    let key = |value: &String| Found { value: value.as_str().into(), vars: BTreeMap::new() };
    let mut rows: Vec<Found> = keys.values.iter().map(key).collect();
    for (name, var, texts) in columns {
        let absent = texts.is_none() && var.default.is_none() && !var.optional;
        if absent {
            return Err(Lack::Absent(var.names.first().unwrap_or(name).clone()));
        }
        let values = paired(var, texts, Some(keys)).map_err(Lack::Count)?;
        for (row, value) in rows.iter_mut().zip(values) {
            row.vars.extend(value.map(|value| (name.clone(), value)));
        }
    }
    Ok(rows)
}

/// One value for each key, or for the provider that wants none.
fn paired(var: &WantedVar, texts: Option<Texts>, keys: Option<&Texts>) -> Result<Vec<Option<SecretString>>, String> {
    let wanted = keys.map_or(1, |keys| keys.values.len());
    let Some(texts) = texts else {
        return Ok(vec![var.default.clone().map(SecretString::from); wanted]);
    };
    if texts.values.len() != wanted {
        let given = count(texts.values.len(), "value");
        return Err(match keys {
            Some(keys) => format!(
                "{} has {} and {} has {given}: one is wanted for each key, in the same order",
                keys.place,
                count(wanted, "key"),
                texts.place
            ),
            None => format!("{} has {given}: one is wanted", texts.place),
        });
    }
    Ok(texts.values.into_iter().map(|value| Some(value.into())).collect())
}

/// Where a provider answers, if not where its file says: `OPENAI_BASE_URL` for `openai`.
fn base(sources: &Sources, provider: &str) -> Result<Option<Url>, ConfigError> {
    let name = super::examples::base_url(provider);
    let table = sources.provider_tables().get(provider).and_then(|table| table.get(BASE_URL));
    let set = sources.named(&[name]).map_err(wrong)?;
    let found = set.or_else(|| Some((format!("providers.{provider}.{BASE_URL} (in {TOML})"), table?.clone())));
    let Some((place, text)) = found else { return Ok(None) };
    let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
    let accepted = "an address with http:// or https:// is accepted, for example https://proxy.example.org/openai";
    let url = Url::parse(text.trim()).ok().filter(usable);
    url.map(Some).ok_or_else(|| wrong(format!("{place} is '{text}': {accepted}")))
}

impl Texts {
    fn new(place: String, text: &str) -> Self {
        let values = text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect();
        Self { place, values }
    }

    /// Keys go into headers: nothing else than visible characters can be meant.
    fn check(&self) -> Result<(), String> {
        let usable = |key: &String| key.chars().all(|c| c.is_ascii_graphic());
        if self.values.iter().all(usable) {
            return Ok(());
        }
        Err(format!("{} is not usable: a key has letters, digits and signs of ASCII, and no spaces", self.place))
    }
}

fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

fn wrong(sentence: String) -> ConfigError {
    ConfigError::Contradiction(sentence)
}

#[cfg(test)]
mod tests;
