//! Reads one HTTP call: its url, query, headers and body, what is taken from its answer, and how it is polled.

use super::rule;
use super::source::{Spot, Table};
use super::words::Kind;
use super::{Body, Extract, Field, Parse, Poll, Step, Unknown};
use crate::providers::declarative::template::json::{Body as JsonBody, Standing};
use crate::providers::declarative::template::{Slot, Text};
use reqwest::Method;

/// Where a placeholder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a url.
    Url,
    /// In a query.
    Query,
    /// In a header.
    Header,
    /// In a JSON body.
    Json,
    /// In a form of one line.
    Form,
    /// In a form of parts.
    Multipart,
    /// As the whole body.
    Raw,
}

/// A placeholder in the file.
#[derive(Debug, Clone)]
pub struct Use {
    /// The placeholder.
    pub slot: Slot,
    /// Where in the file.
    pub at: usize,
    /// Where in the call.
    pub place: Place,
    /// Where in a JSON body.
    pub standing: Standing,
    /// Whether the template is nothing else.
    pub alone: bool,
    /// Whether the template begins with it.
    pub first: bool,
}

/// A step with what is to be checked once everything around it is known.
#[derive(Debug)]
pub struct Draft {
    /// The step.
    pub step: Step,
    /// Its placeholders.
    pub uses: Vec<Use>,
    /// What its polling uses, which knows nothing of the step's own answer.
    pub extracts: Vec<(Spot<String>, Kind)>,
    /// Where it begins.
    pub at: usize,
}

/// Reads a template, and notes its placeholders.
pub fn text(table: &Table<'_, '_>, spot: Option<Spot<String>>, place: Place, uses: &mut Vec<Use>) -> Text {
    let Some(spot) = spot else { return Text::default() };
    match Text::parse(&spot.value) {
        Ok(text) => {
            let (alone, first) = (text.alone().is_some(), text.first_slot().map(|slot| slot.at));
            uses.extend(text.slots().map(|slot| Use {
                slot: slot.clone(),
                at: spot.at + slot.at,
                place,
                standing: Standing::Plain,
                alone,
                first: first == Some(slot.at),
            }));
            text
        }
        Err(flaws) => {
            table.source.flaws(spot.at, flaws);
            Text::default()
        }
    }
}

/// Reads a table of named templates: a query, headers, a form.
pub fn fields(table: &Table<'_, '_>, key: &'static str, place: Place, uses: &mut Vec<Use>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (name, value) in table.words(key) {
        let (plain, optional) = name.value.strip_suffix('?').map_or((name.value.as_str(), false), |name| (name, true));
        if plain.contains("{{") {
            table.source.wrong(name.at, "a placeholder cannot be a name, only a value");
        }
        if fields.iter().any(|field| field.name == plain) {
            table.source.wrong(name.at, format!("`{plain}` stands twice in `{key}`"));
        }
        let value = text(table, Some(value), place, uses);
        fields.push(Field { name: plain.to_owned(), optional, value });
    }
    if place == Place::Header {
        for field in &fields {
            if field.name.parse::<reqwest::header::HeaderName>().is_err() {
                table.source.wrong(table.place(key), format!("`{}` cannot be the name of a header", field.name));
            }
        }
    }
    fields
}

/// A method.
pub fn method(table: &Table<'_, '_>) -> Method {
    let Some(spot) = table.text("method") else { return Method::GET };
    match spot.value.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        "PATCH" => Method::PATCH,
        other => {
            let message = format!("there is no method `{other}`; GET, POST, PUT, PATCH and DELETE may be used");
            table.source.wrong(spot.at, message);
            Method::GET
        }
    }
}

/// A url: relative with a slash, absolute with https, or a placeholder that holds one.
pub fn url(table: &Table<'_, '_>, uses: &mut Vec<Use>) -> Text {
    let spot = table.needed("url");
    if let Some(spot) = &spot
        && !["/", "https://", "{{"].iter().any(|start| spot.value.starts_with(start))
    {
        let message = format!("the url `{}` must begin with `/` or `https://`, or be a placeholder", spot.value);
        table.source.wrong(spot.at, message);
    }
    text(table, spot, Place::Url, uses)
}

/// Reads a step.
pub fn step(table: Table<'_, '_>, number: usize) -> Draft {
    let mut uses = Vec::new();
    let name = table.text("name").map_or_else(|| format!("step {number}"), |name| name.value);
    let method = if table.has("method") || !table.has("body") { method(&table) } else { Method::POST };
    let url = url(&table, &mut uses);
    let query = fields(&table, "query", Place::Query, &mut uses);
    let headers = fields(&table, "headers", Place::Header, &mut uses);
    let body = body(&table, &mut uses);
    if body != Body::None && method == Method::GET {
        table.wrong(format!("{} has a body, but its method is GET", table.what));
    }
    let ok_status = rule::statuses(&table, "ok_status");
    let parse = parse(&table);
    let ok_when = table.tables("ok_when", "an `ok_when`").into_iter().filter_map(rule::condition).collect();
    let skip_when = table.table("skip_when", "a `skip_when`").and_then(rule::condition);
    if let Some(_skip) = skip_when.as_ref().filter(|_| number == 1) {
        table.source.wrong(table.place("skip_when"), "the first step has no answer before it to `skip_when` at");
    }
    let poll = table.table("poll", "`poll`").map(|inner| poll(inner, &mut uses));
    let (extract, extracts) = extract(&table);
    let at = table.at;
    table.finish();
    let step = Step { name, method, url, query, headers, body, ok_status, parse, ok_when, extract, skip_when, poll };
    Draft { step, uses, extracts, at }
}

fn parse(table: &Table<'_, '_>) -> Parse {
    let Some(spot) = table.text("parse") else { return Parse::Json };
    match spot.value.as_str() {
        "json" => Parse::Json,
        "concat_json" => Parse::ConcatJson,
        "text" => Parse::Text,
        "bytes" => Parse::Bytes,
        other => {
            table.source.wrong(spot.at, format!("there is no `parse` of `{other}`: json, concat_json, text or bytes"));
            Parse::Json
        }
    }
}

fn body(table: &Table<'_, '_>, uses: &mut Vec<Use>) -> Body {
    let json = json_body(table, uses);
    let multipart = table.text("body").is_some_and(|body| body.value == "multipart");
    let form = fields(table, "form", if multipart { Place::Multipart } else { Place::Form }, uses);
    let raw = table.text("raw");
    let has_raw = raw.is_some();
    let raw = text(table, raw, Place::Raw, uses);
    let Some(kind) = table.text("body") else {
        for key in ["json", "form", "raw"].into_iter().filter(|key| table.has(key)) {
            table.source.wrong(table.place(key), format!("`{key}` is not sent without `body = \"…\"`"));
        }
        return Body::None;
    };
    let (needed, body) = match kind.value.as_str() {
        "none" => ("", Body::None),
        "json" => ("json", Body::Json(json.unwrap_or_else(|| JsonBody::Object(Vec::new())))),
        "form" => ("form", Body::Form(form)),
        "multipart" => ("form", Body::Multipart(form)),
        "raw" => ("raw", Body::Raw(raw)),
        other => {
            let message = format!("there is no body `{other}`: json, form, multipart, raw or none");
            table.source.wrong(kind.at, message);
            return Body::None;
        }
    };
    let given = [("json", table.has("json")), ("form", table.has("form")), ("raw", has_raw)];
    for (key, _) in given.into_iter().filter(|(key, given)| *given && *key != needed) {
        table.source.wrong(table.place(key), format!("`{key}` is not sent with `body = \"{}\"`", kind.value));
    }
    if !needed.is_empty() && !table.has(needed) {
        table.source.wrong(kind.at, format!("`body = \"{}\"` needs `{needed}`", kind.value));
    }
    body
}

fn json_body(table: &Table<'_, '_>, uses: &mut Vec<Use>) -> Option<JsonBody> {
    let spot = table.text("json")?;
    match JsonBody::parse(&spot.value) {
        Ok(body) => {
            uses.extend(body.slots().into_iter().map(|(slot, standing)| Use {
                slot: slot.clone(),
                at: spot.at + slot.at,
                place: Place::Json,
                standing,
                alone: false,
                first: false,
            }));
            Some(body)
        }
        Err(flaws) => {
            table.source.flaws(spot.at, flaws);
            None
        }
    }
}

fn extract(table: &Table<'_, '_>) -> (Vec<Extract>, Vec<(Spot<String>, Kind)>) {
    let (mut extracts, mut names) = (Vec::new(), Vec::new());
    let Some(inner) = table.table("extract", "`extract`") else { return (extracts, names) };
    for (name, value) in inner.entries() {
        let Some(entries) = value.get_ref().as_table() else {
            let message = format!("`{}` of `extract` must be a table such as {{ path = \"$.id\" }}", name.value);
            table.source.wrong(name.at, message);
            continue;
        };
        let one = Table::new(table.source, entries, name.at, format!("`extract` of `{}`", name.value));
        let (url, url_path) = (one.flag("url"), one.text("url_path"));
        let optional = one.flag("optional");
        let look = rule::look(&one);
        if look.is_none() && !one.has("path") && !one.has("header") {
            one.wrong(format!("{} needs `path` or `header`", one.what));
        }
        if let Some(spot) = url_path.as_ref().filter(|spot| !spot.value.starts_with("https://")) {
            table.source.wrong(spot.at, "`url_path` is the https:// url that the path is put behind");
        }
        one.finish();
        let kind = if url || url_path.is_some() { Kind::Url } else { Kind::Answer };
        names.push((name.clone(), kind));
        let url_path = url_path.map(|spot| spot.value);
        extracts.extend(look.map(|look| Extract { name: name.value, look, url, url_path, optional }));
    }
    inner.finish();
    (extracts, names)
}

fn poll(table: Table<'_, '_>, uses: &mut Vec<Use>) -> Poll {
    let every_s = table.amount("every_s").unwrap_or(2.0);
    let first_s = table.amount("first_s").unwrap_or(every_s);
    let max_s = table.amount("max_s").unwrap_or(600.0);
    let state = rule::paths(&table, "state");
    let list = |key| table.plain(key).unwrap_or_default();
    let (pending, done, fail) = (list("pending"), list("done"), list("fail"));
    let (http_pending, tolerate) = (rule::statuses(&table, "http_pending"), rule::statuses(&table, "tolerate"));
    if !table.has("state") && !table.has("http_pending") {
        table.wrong("`poll` needs a `state` to look at, or `http_pending`");
    }
    if table.has("state") && done.is_empty() {
        table.wrong("`poll` with a `state` needs `done`: the states in which the answer is there");
    }
    let unknown = table.text("unknown").map_or(Unknown::Pending, |spot| match spot.value.as_str() {
        "pending" => Unknown::Pending,
        "done" => Unknown::Done,
        "fail" => Unknown::Fail,
        other => {
            table.source.wrong(spot.at, format!("`unknown` is pending, done or fail, not `{other}`"));
            Unknown::Pending
        }
    });
    let cancel = table.table("cancel", "`cancel`").map(|inner| {
        let call = (method(&inner), url(&inner, uses));
        inner.finish();
        call
    });
    table.finish();
    Poll { every_s, first_s, max_s, state, pending, done, fail, unknown, http_pending, tolerate, cancel }
}
