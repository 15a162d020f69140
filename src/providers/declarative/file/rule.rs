//! Reads what looks at answers: paths, conditions, statuses, rules of refusals.

use super::source::{Spot, Table};
use super::{Condition, ErrorRule, Look, RetryAfter, Status, Wanted};
use crate::media::Refusal;
use regex::Regex;
use serde_json::Value as Json;
use serde_json_path::JsonPath;

/// A path, noted as a mistake where it is none.
pub fn path_of(table: &Table<'_, '_>, spot: &Spot<String>) -> Option<JsonPath> {
    match JsonPath::parse(&spot.value) {
        Ok(path) => Some(path),
        Err(error) => {
            table.source.wrong(spot.at, format!("`{}` is no JSONPath: {error}", spot.value));
            None
        }
    }
}

/// The path at a key.
pub fn path(table: &Table<'_, '_>, key: &'static str) -> Option<JsonPath> {
    table.text(key).and_then(|spot| path_of(table, &spot))
}

/// The paths at a key: one or a list.
pub fn paths(table: &Table<'_, '_>, key: &'static str) -> Vec<JsonPath> {
    table.texts(key).iter().filter_map(|spot| path_of(table, spot)).collect()
}

/// A pattern at a key.
pub fn pattern(table: &Table<'_, '_>, key: &'static str) -> Option<Regex> {
    let spot = table.text(key)?;
    match Regex::new(&spot.value) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            table.source.wrong(spot.at, format!("`{}` is no regular expression: {reason}", spot.value));
            None
        }
    }
}

/// `path` or `header`, not both.
pub fn look(table: &Table<'_, '_>) -> Option<Look> {
    let header = table.text("header");
    let given = table.has("path");
    let paths = paths(table, "path");
    match header {
        Some(_) if given => {
            table.wrong(format!("{} looks at a path or at a header, not at both", table.what));
            None
        }
        Some(header) => Some(Look::Header(header.value.to_ascii_lowercase())),
        None if paths.is_empty() => None,
        None => Some(Look::At(paths)),
    }
}

fn wanted(table: &Table<'_, '_>) -> Option<Wanted> {
    let list = table.plain("in");
    let pattern = pattern(table, "match");
    match (list, pattern) {
        (Some(_), Some(_)) => {
            table.wrong(format!("{} has `in` or `match`, not both", table.what));
            None
        }
        (Some(list), None) => Some(Wanted::In(list)),
        (None, Some(pattern)) => Some(Wanted::Match(pattern)),
        (None, None) => None,
    }
}

/// A condition: `{ path = …, in = […], absent_ok = true }`.
pub fn condition(table: Table<'_, '_>) -> Option<Condition> {
    let (look, wanted) = (look(&table), wanted(&table));
    let absent_ok = table.flag("absent_ok");
    if look.is_none() && !table.has("path") && !table.has("header") {
        table.wrong(format!("{} needs `path` or `header`", table.what));
    }
    if wanted.is_none() && !table.has("in") && !table.has("match") {
        table.wrong(format!("{} needs `in` or `match`", table.what));
    }
    table.finish();
    Some(Condition { look: look?, wanted: wanted?, absent_ok })
}

/// Statuses at a key: `429`, `"5xx"`, a list of these.
pub fn statuses(table: &Table<'_, '_>, key: &'static str) -> Vec<Status> {
    let status = |value: Json| {
        let read = match &value {
            Json::Number(number) => number.as_u64().and_then(|n| u16::try_from(n).ok()).map(Status::Is),
            Json::String(text) => match text.strip_suffix("xx") {
                Some(hundred) => hundred.parse().ok().filter(|n| (1..=5).contains(n)).map(Status::Hundred),
                None => text.parse().ok().map(Status::Is),
            },
            _ => None,
        };
        let read = read.filter(|status| !matches!(status, Status::Is(code) if !(100..600).contains(code)));
        if read.is_none() {
            let message = format!("`{key}`: {value} is no status; 429, \"5xx\" or a list of these is");
            table.source.wrong(table.place(key), message);
        }
        read
    };
    table.plain(key).unwrap_or_default().into_iter().filter_map(status).collect()
}

/// An `[[error]]`, and where it names its step.
pub fn error(table: Table<'_, '_>) -> Option<(ErrorRule, Option<Spot<String>>)> {
    let status = statuses(&table, "status");
    let (look, wanted) = (look(&table), wanted(&table));
    let looks = table.has("path") || table.has("header");
    if !looks && wanted.is_some() {
        table.wrong("`in` and `match` of an [[error]] need a `path` or `header` to look at");
    }
    if !looks && !table.has("status") {
        table.wrong("an [[error]] needs a `status`, a `path` or a `header`; otherwise it would match every answer");
    }
    let condition = look.map(|look| Condition { look, wanted: wanted.unwrap_or(Wanted::Anything), absent_ok: false });
    let class = table.needed("class");
    let refusal = class.and_then(|class| {
        let read: Result<Refusal, String> = class.value.parse();
        read.map_err(|known| table.source.wrong(class.at, format!("there is no such class: {known}"))).ok()
    });
    let retry_after = table.tables("retry_after", "a `retry_after`").into_iter().filter_map(retry_after).collect();
    let step = table.text("step");
    let whole = !looks || condition.is_some();
    table.finish();
    let rule = ErrorRule { status, condition, refusal: refusal?, retry_after, step: step.clone().map(|s| s.value) };
    whole.then_some((rule, step))
}

fn retry_after(table: Table<'_, '_>) -> Option<RetryAfter> {
    let look = look(&table);
    let pattern = pattern(&table, "match");
    let seconds = table.count("default_s");
    let looks = table.has("path") || table.has("header");
    if looks == table.has("default_s") {
        table.wrong("a `retry_after` needs one of `header`, `path` and `default_s`");
    }
    if pattern.as_ref().is_some_and(|pattern| pattern.captures_len() < 2) {
        table.wrong("the `match` of a `retry_after` needs a group around the number: `(\\d+)`");
    }
    table.finish();
    look.map(|look| RetryAfter::Look(look, pattern)).or(seconds.map(RetryAfter::Seconds))
}
