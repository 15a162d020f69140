//! Builds the HTTP request of a step: its url, query, headers, key and body. It must not know what comes back.

use super::caller::Caller;
use super::file::{Auth, Body, Field, Step};
use super::reply::Reply;
use super::template::filters::{self, Filter};
use super::template::value::{Scope, Value, Values};
use super::template::{KEY, Slot, Text};
use crate::media::{Failure, Refusal};
use reqwest::Request;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart;
use std::cell::Cell;
use std::collections::BTreeSet;
use url::Url;

/// One of several calls that answer a request together: its values, and how far it is.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Its placeholders.
    pub values: Values,
    /// Which of them are urls that were extracted and checked.
    pub urls: BTreeSet<String>,
    /// The last answer.
    pub last: Option<Reply>,
    /// Nothing comes of it: it failed after it was taken.
    pub lost: bool,
}

/// A provider's base with its variables.
#[must_use]
pub fn base(base: &Text, vars: &Values) -> String {
    base.fill_with(Scope::new(vars), |_, words| path(&words)).0
}

/// The request of a step.
///
/// # Errors
/// [`Failure::Remote`] for a url that may not be followed or a key that cannot be shown, [`Failure::Internal`] for what
/// cannot be sent at all.
pub fn of_step(caller: &Caller<'_>, step: &Step, part: &Part) -> Result<Request, Failure> {
    let mut url = url_of(caller, &step.url, part)?;
    let may_see_key = caller.house.hosts.may_see_key(&url);
    let key = caller.key.as_ref().filter(|_| may_see_key);
    let scope = Scope::new(&part.values).with_key(key);
    let auth = may_see_key.then_some(&caller.house.file.auth);
    let query = match auth {
        Some(Auth::Query(name, value)) => Some((name.as_str(), value)),
        _ => None,
    };
    add_query(&mut url, step.query.iter().map(|field| (field.name.as_str(), &field.value)).chain(query), scope);
    let mut headers = HeaderMap::new();
    for field in caller.house.file.headers.iter().chain(&step.headers) {
        add_header(caller, &mut headers, &field.name, &field.value, scope)?;
    }
    if let Some(Auth::Header(name, value)) = auth {
        add_header(caller, &mut headers, name, value, scope)?;
    }
    let builder = caller.house.client.request(step.method.clone(), url);
    let (builder, kind) = match &step.body {
        Body::None => (builder, None),
        Body::Json(body) => (builder.body(body.fill(scope)), Some("application/json".to_owned())),
        Body::Form(fields) => (builder.body(form(fields, scope)), Some("application/x-www-form-urlencoded".to_owned())),
        Body::Multipart(fields) => (builder.multipart(parts(fields, scope)?), None),
        Body::Raw(text) => match text.alone().and_then(|slot| slot.value(scope)) {
            Some(Value::Medium(medium, _)) => (builder.body(medium.bytes.clone()), Some(medium.content_type)),
            _ => (builder.body(text.fill(scope).0), Some("text/plain; charset=utf-8".to_owned())),
        },
    };
    if let Some(kind) = kind.filter(|_| !headers.contains_key(CONTENT_TYPE)) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&kind).map_err(|_| unsendable())?);
    }
    builder.headers(headers).build().map_err(|_| unsendable())
}

/// A request for a file: with the key only where it is asked for and may be seen.
///
/// # Errors
/// As [`of_step`].
pub fn of_download(caller: &Caller<'_>, mut url: Url, same_auth: bool) -> Result<Request, Failure> {
    let values = Values::new();
    let mut headers = HeaderMap::new();
    if same_auth && caller.house.hosts.may_see_key(&url) {
        let scope = Scope::new(&values).with_key(caller.key.as_ref());
        match &caller.house.file.auth {
            Auth::Header(name, value) => add_header(caller, &mut headers, name, value, scope)?,
            Auth::Query(name, value) => add_query(&mut url, std::iter::once((name.as_str(), value)), scope),
            Auth::None => {}
        }
    }
    caller.house.client.get(url).headers(headers).build().map_err(|_| unsendable())
}

fn unsendable() -> Failure {
    Failure::internal("a request to a provider could not be built")
}

/// Where a call goes: below the base, to an absolute url of the file, or to a url that was extracted.
fn url_of(caller: &Caller<'_>, template: &Text, part: &Part) -> Result<Url, Failure> {
    let climbs = Cell::new(false);
    let returned = template.first_slot().is_some_and(|slot| part.urls.contains(&slot.name));
    let (filled, _) = template.fill_with(Scope::new(&part.values), |slot: &Slot, words| {
        climbs.set(climbs.get() || words.split('/').any(|step| step == ".." || step == "."));
        match slot.filters.last() {
            Some(Filter::UrlEnc) => words,
            _ if part.urls.contains(&slot.name) => words,
            _ => path(&words),
        }
    });
    if climbs.get() && !returned {
        return Err(Failure::invalid("model", "the name of the model cannot stand in an address"));
    }
    let hosts = &caller.house.hosts;
    let url = if returned { hosts.returned(&filled) } else { hosts.own_url(&caller.base, &filled) };
    url.map_err(|error| {
        tracing::warn!(provider = caller.house.file.id, %error, "the provider sent us somewhere we do not go");
        caller.broken(Refusal::BadResponse)
    })
}

/// Percent-encoded, but for what separates the parts of a path.
fn path(words: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@' | b',' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    words.bytes().map(encoded).collect()
}

fn add_query<'t>(url: &mut Url, fields: impl Iterator<Item = (&'t str, &'t Text)>, scope: Scope<'_>) {
    let filled: Vec<_> = fields.map(|(name, text)| (name, text.fill(scope).0)).filter(|(_, v)| !v.is_empty()).collect();
    if !filled.is_empty() {
        url.query_pairs_mut().extend_pairs(filled);
    }
}

fn add_header(
    caller: &Caller<'_>,
    headers: &mut HeaderMap,
    name: &str,
    text: &Text,
    scope: Scope<'_>,
) -> Result<(), Failure> {
    let secret = text.slots().any(|slot| slot.name == KEY);
    let (words, ink) = text.fill(scope);
    // A key that may not be seen there leaves its whole header out.
    if words.is_empty() || (secret && ink.dry()) {
        return Ok(());
    }
    let name: HeaderName = name.parse().map_err(|_| unsendable())?;
    let value = HeaderValue::from_bytes(words.as_bytes())
        .map_err(|_| if secret { Failure::remote(&caller.house.file.title, Refusal::BadKey) } else { unsendable() });
    let mut value = value?;
    value.set_sensitive(secret);
    headers.insert(name, value);
    Ok(())
}

fn form(fields: &[Field], scope: Scope<'_>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in values(fields, scope) {
        form.append_pair(name, &value.to_words());
    }
    form.finish()
}

fn parts(fields: &[Field], scope: Scope<'_>) -> Result<multipart::Form, Failure> {
    let mut form = multipart::Form::new();
    for (name, value) in values(fields, scope) {
        let part = match &value {
            Value::Medium(medium, _) => {
                multipart::Part::stream_with_length(medium.bytes.clone(), medium.bytes.len() as u64)
                    .file_name(filters::file_name(medium))
                    .mime_str(&medium.content_type)
                    .map_err(|_| unsendable())?
            }
            plain => multipart::Part::text(plain.to_words()),
        };
        form = form.part(name.to_owned(), part);
    }
    Ok(form)
}

/// The fields that are sent: a list gives one of each element, an optional one without a value none.
fn values<'t>(fields: &'t [Field], scope: Scope<'_>) -> Vec<(&'t str, Value)> {
    let mut values = Vec::new();
    for field in fields {
        let name = field.name.as_str();
        match field.value.alone() {
            Some(slot) => match slot.value(scope) {
                Some(value) => values.extend(value.elements().into_iter().map(|one| (name, one))),
                None if field.optional => {}
                None => values.push((name, Value::text(""))),
            },
            None => {
                let (words, ink) = field.value.fill(scope);
                if !(field.optional && (ink.dry() || words.is_empty())) {
                    values.push((name, Value::text(words)));
                }
            }
        }
    }
    values
}
