//! Checks every placeholder of a file: that it exists where it stands, and that it may stand there.

use super::op::OpDraft;
use super::parse::Known;
use super::source::Source;
use super::step::{Draft, Place, Use};
use super::words::{self, Kind};
use super::{Auth, Op, ProviderFile};
use crate::providers::declarative::template::filters::Filter;
use crate::providers::declarative::template::json::Standing;
use crate::providers::declarative::template::value::Deliver;
use crate::providers::declarative::template::{ITEM, KEY};
use std::collections::BTreeMap;

type Names = BTreeMap<String, Kind>;

/// Checks what stands outside of ops: the base, `auth`, headers, the probe.
pub fn of_provider(source: &Source<'_>, uses: &[Use], known: &Known) {
    let names = everywhere(known);
    uses.iter().for_each(|one| check(source, one, &names, None, "the provider"));
}

/// Checks an op, step by step: each knows what the steps before it extracted.
pub fn op(source: &Source<'_>, draft: &OpDraft, known: &Known) {
    let op = &draft.op;
    let task = words::of_task(&op.task).unwrap_or_default();
    let mut names = everywhere(known);
    names.extend(known.params.iter().map(|name| (name.clone(), Kind::Plain)));
    names.extend(task.iter().map(|(name, kind)| ((*name).to_owned(), *kind)));
    let mut uploading = everywhere(known);
    for (name, kind) in [("medium", Kind::Medium), ("mime", Kind::Plain), ("name", Kind::Plain)] {
        uploading.insert(name.to_owned(), kind);
    }
    steps(source, &draft.upload, uploading, None);
    if words::of_task(&op.task).is_some() {
        steps(source, &draft.steps, names, Some(op));
    }
}

/// Checks that the way to show the key, taken from an extended file, is possible here: its variables. A header whose
/// variable is not given is simply left out.
pub fn inherited(source: &Source<'_>, file: &ProviderFile, known: &Known, at: usize) {
    let (Auth::Header(_, text) | Auth::Query(_, text)) = &file.auth else { return };
    for slot in text.slots().filter(|slot| slot.name != KEY && !known.vars.contains(&slot.name)) {
        let message =
            format!("`auth` of the file that this extends uses the variable `{}`, which is not given", slot.name);
        source.wrong(at, message);
    }
}

fn everywhere(known: &Known) -> Names {
    let mut names: Names = known.vars.iter().map(|name| (name.clone(), Kind::Plain)).collect();
    names.insert("model".to_owned(), Kind::Plain);
    names.insert("key".to_owned(), Kind::Key);
    names
}

fn steps(source: &Source<'_>, drafts: &[Draft], mut names: Names, op: Option<&Op>) {
    let what = op.map_or("an upload", |op| op.task.as_str());
    for draft in drafts {
        draft.uses.iter().for_each(|one| check(source, one, &names, op, what));
        for (name, kind) in &draft.extracts {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if names.contains_key(&name.value) || name.value == ITEM {
                let message = format!("`extract` of `{}` hides the placeholder of that name", name.value);
                source.wrong(name.at, message);
            } else if !name.value.chars().all(allowed) || name.value.starts_with(|c: char| c.is_ascii_digit()) {
                source.wrong(name.at, format!("`{}` cannot be a placeholder: letters, digits and _ only", name.value));
            }
            names.insert(name.value.clone(), *kind);
        }
    }
}

fn check(source: &Source<'_>, one: &Use, names: &Names, op: Option<&Op>, what: &str) {
    let name = one.slot.name.as_str();
    if one.standing == Standing::Inside && name == ITEM {
        return;
    }
    let Some(kind) = names.get(name).copied() else {
        let message = match name {
            ITEM => "`{{item}}` stands only within the \"as\" of an \"each\"".to_owned(),
            _ => {
                let known: Vec<&str> = names.keys().map(String::as_str).filter(|name| *name != "key").collect();
                format!("{what} has no placeholder `{name}` here; it has {}", known.join(", "))
            }
        };
        source.wrong(one.at, message);
        return;
    };
    match kind {
        Kind::Key if !matches!(one.place, Place::Header | Place::Query) => {
            source.wrong(one.at, "`{{key}}` may stand in `auth`, headers and queries only, never in a body or url");
        }
        Kind::Key | Kind::Plain | Kind::Url | Kind::Answer | Kind::Words => words_use(source, one, kind),
        Kind::Medium | Kind::Media => medium_use(source, one, op),
    }
}

fn words_use(source: &Source<'_>, one: &Use, kind: Kind) {
    let name = one.slot.name.as_str();
    if one.slot.filters.iter().any(Filter::wants_a_medium) {
        source.wrong(one.at, format!("`{{{{{name}}}}}` is no picture or sound; b64, data_url, mime and name need one"));
    }
    let encoded = one.slot.filters.last() == Some(&Filter::UrlEnc);
    if one.place == Place::Url && kind == Kind::Words && !encoded && !one.first {
        source.wrong(one.at, format!("`{name}` in a url needs the filter urlenc: {{{{{name}|urlenc}}}}"));
    }
    if one.place == Place::Url && one.first && kind != Kind::Url && kind != Kind::Plain {
        let message = format!("a url can begin with `{name}` only where it was extracted with `url = true`");
        source.wrong(one.at, message);
    }
    if one.place == Place::Url && kind == Kind::Url && !one.first {
        source.wrong(one.at, format!("`{name}` is a whole url; nothing may stand before it"));
    }
}

fn medium_use(source: &Source<'_>, one: &Use, op: Option<&Op>) {
    let name = one.slot.name.as_str();
    let filters = &one.slot.filters;
    let deliver = op.and_then(|op| op.inputs.get(if name == "images" { "image" } else { name })?.deliver);
    let as_words = filters.iter().any(Filter::wants_a_medium);
    if deliver == Some(Deliver::Https) {
        if as_words {
            source.wrong(one.at, format!("`{name}` is delivered as https, so it is a url: no filter of pictures fits"));
        }
        return;
    }
    let fits = match one.place {
        Place::Multipart | Place::Raw => as_words || one.alone,
        Place::Json | Place::Form => as_words || of_text(deliver) || one.standing == Standing::List,
        Place::Url | Place::Query | Place::Header => filters.iter().any(|f| matches!(f, Filter::Mime | Filter::Name)),
    };
    if fits {
        return;
    }
    let message = match one.place {
        Place::Multipart | Place::Raw => format!("`{{{{{name}}}}}` is a file here and must stand alone"),
        Place::Json | Place::Form => format!(
            "`{name}` is a file; in this body it needs the filter b64 or data_url, or a `deliver` of b64 or data_url"
        ),
        _ => format!("`{name}` is a file; it cannot stand in a url, query or header"),
    };
    source.wrong(one.at, message);
}

fn of_text(deliver: Option<Deliver>) -> bool {
    matches!(deliver, Some(Deliver::B64 | Deliver::DataUrl))
}
