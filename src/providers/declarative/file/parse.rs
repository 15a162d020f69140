//! Reads a whole provider file, strictly, and finds every mistake of it at once.

use super::check;
use super::op::{self, OpDraft};
use super::rule;
use super::source::{Mistake, Source, Spot, Table};
use super::step::{self, Draft, Place, Use};
use super::{Auth, ErrorRule, Model, ProviderFile, Step, Var, words};
use crate::media::Level;
use crate::providers::declarative::template::Text;
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeTable;

/// Files that extend files that extend files: no deeper than this.
const DEEPEST: usize = 4;

/// Reads a provider file. `stem` is the file's name without `.toml`; `other` gives the text of another provider's
/// file by its id, for `extends`.
///
/// # Errors
/// Every mistake with its line.
pub fn parse(text: &str, stem: &str, other: &dyn Fn(&str) -> Option<String>) -> Result<ProviderFile, Vec<Mistake>> {
    parse_at(text, stem, other, DEEPEST)
}

fn parse_at(
    text: &str,
    stem: &str,
    other: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<ProviderFile, Vec<Mistake>> {
    let source = Source::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        source.wrong(error.span().map_or(0, |span| span.start), format!("this is no TOML: {}", error.message()));
    }
    if !errors.is_empty() {
        return Err(source.mistakes());
    }
    let root = Table::new(&source, document.get_ref(), 0, "a provider file");
    let parent = root.text("extends").and_then(|id| match depth {
        0 => {
            source.wrong(id.at, "files extend each other in a circle, or too deep");
            None
        }
        _ => parent(&source, &id, other, depth),
    });
    let file = provider(root, stem, parent);
    let mistakes = source.mistakes();
    match file {
        Some(file) if mistakes.is_empty() => Ok(file),
        _ => Err(mistakes),
    }
}

fn parent(
    source: &Source<'_>,
    id: &Spot<String>,
    other: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Option<(ProviderFile, usize)> {
    let Some(text) = other(&id.value) else {
        source.wrong(id.at, format!("there is no provider file `{}.toml` to extend", id.value));
        return None;
    };
    match parse_at(&text, &id.value, other, depth - 1) {
        Ok(file) => Some((file, id.at)),
        Err(mistakes) => {
            let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
            source.wrong(id.at, format!("`{}.toml`, which this extends, is wrong: {first}", id.value));
            None
        }
    }
}

/// What the placeholders of a whole file may be, beside those of tasks.
pub struct Known {
    /// Variables.
    pub vars: BTreeSet<String>,
    /// Parameters of models.
    pub params: BTreeSet<String>,
}

fn provider(root: Table<'_, '_>, stem: &str, parent: Option<(ProviderFile, usize)>) -> Option<ProviderFile> {
    let id = id(&root, stem);
    let mut uses: Vec<Use> = Vec::new();
    let base = base(&root, &mut uses);
    let list = |key| root.texts(key).into_iter().map(|spot| spot.value).collect::<Vec<_>>();
    let keys = list("keys");
    let vars = vars(&root);
    let auth = auth(&root, &keys, &mut uses);
    let headers = step::fields(&root, "headers", Place::Header, &mut uses);
    let probe = root.table("probe", "`probe`").map(|table| step::step(table, 1));
    let models = root.tables("model", "a [[model]]").into_iter().filter_map(model).collect::<Vec<_>>();
    let known = Known {
        vars: vars.keys().cloned().collect(),
        params: models.iter().flat_map(|(model, _)| model.params.keys().cloned()).collect(),
    };
    check::of_provider(root.source, &uses, &known);
    let drafts = ops(&root);
    drafts.iter().for_each(|draft| check::op(root.source, draft, &known));
    let errors: Vec<_> = root.tables("error", "an [[error]]").into_iter().filter_map(rule::error).collect();
    let renamed = root.words("renamed");
    let mut file = ProviderFile {
        title: root.text("title").map_or_else(|| id.clone(), |title| title.value),
        aliases: list("aliases"),
        id,
        base,
        old_bases: list("old_bases"),
        any_model: root.flag("any_model"),
        keys,
        vars,
        concurrency: root.count("concurrency").unwrap_or(4),
        own_policy: policy(&root),
        hosts: hosts(&root),
        auth: auth.clone().unwrap_or(Auth::None),
        headers,
        probe: probe.map(|draft| checked_probe(&root, draft, &known)),
        message: rule::paths(&root, "message"),
        renamed: renamed.iter().map(|(old, new)| (old.value.clone(), new.value.clone())).collect(),
        models: models.iter().map(|(model, _)| model.clone()).collect(),
        ops: drafts.into_iter().map(|draft| (draft.op.name.clone(), draft.finished())).collect(),
        errors: errors.iter().map(|(rule, _)| rule.clone()).collect(),
    };
    needs(&root, auth.is_some());
    if let Some((parent, at)) = parent {
        inherit(&mut file, parent, (auth.is_some(), root.has("headers"), root.has("message")));
        check::inherited(root.source, &file, &known, at);
    }
    check_models(&root, &file, &models, &renamed);
    check_errors(&root, &file, &errors);
    root.finish();
    Some(file)
}

/// What a file cannot do without.
fn needs(root: &Table<'_, '_>, auth: bool) {
    if !root.has("keys") {
        root.wrong("a provider file needs `keys`: the variables that hold its key, [] where it needs none");
    }
    if !auth && !root.has("extends") {
        root.wrong("a provider file needs `auth`, or `extends`");
    }
}

/// Takes what the file does not give from the one that it extends. Its own rules of refusals come first.
fn inherit(file: &mut ProviderFile, parent: ProviderFile, (auth, headers, message): (bool, bool, bool)) {
    if !auth {
        file.auth = parent.auth;
    }
    if !headers {
        file.headers = parent.headers;
    }
    if !message {
        file.message = parent.message;
    }
    file.probe = file.probe.take().or(parent.probe);
    file.errors.extend(parent.errors);
    for (name, op) in parent.ops {
        file.ops.entry(name).or_insert(op);
    }
}

fn id(root: &Table<'_, '_>, stem: &str) -> String {
    let Some(id) = root.needed("id") else { return stem.to_owned() };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.value.is_empty() || !id.value.chars().all(plain) {
        root.source.wrong(id.at, format!("the id `{}` may have small letters, digits and - only", id.value));
    } else if id.value != stem {
        root.source.wrong(id.at, format!("the id is `{}`, but the file is called {stem}.toml", id.value));
    }
    id.value
}

fn base(root: &Table<'_, '_>, uses: &mut Vec<Use>) -> Text {
    let spot = root.needed("base");
    if let Some(spot) = spot.as_ref().filter(|spot| !spot.value.starts_with("https://")) {
        root.source.wrong(spot.at, "`base` must begin with https://; another address is set by <ID>_BASE_URL");
    }
    step::text(root, spot, Place::Url, uses)
}

fn vars(root: &Table<'_, '_>) -> BTreeMap<String, Var> {
    let mut vars = BTreeMap::new();
    let Some(inner) = root.table("vars", "`vars`") else { return vars };
    for (name, value) in inner.entries() {
        if words::taken(&name.value) {
            root.source
                .wrong(name.at, format!("`{}` is a placeholder already; name the variable otherwise", name.value));
        }
        if !identifier(&name.value) {
            root.source.wrong(name.at, format!("`{}` cannot be a placeholder: letters, digits and _ only", name.value));
        }
        let Some(entries) = value.get_ref().as_table() else {
            root.source.wrong(name.at, "a variable is a table such as { env = [\"YC_FOLDER_ID\"] }");
            continue;
        };
        let table = Table::new(root.source, entries, name.at, format!("the variable `{}`", name.value));
        let env: Vec<String> = table.texts("env").into_iter().map(|env| env.value).collect();
        let default = table.text("default").map(|text| text.value);
        let optional = table.flag("optional") || default.is_some();
        if env.is_empty() && default.is_none() {
            table.wrong(format!("{} needs `env` or `default`", table.what));
        }
        table.finish();
        vars.insert(name.value, Var { env, optional, default });
    }
    vars
}

fn auth(root: &Table<'_, '_>, keys: &[String], uses: &mut Vec<Use>) -> Option<Auth> {
    let table = root.table("auth", "`auth`")?;
    if let Some(scheme) = table.text("scheme") {
        let message = match scheme.value.as_str() {
            "aws_sigv4" => "`scheme = \"aws_sigv4\"` is known, but not built yet".to_owned(),
            other => format!("there is no `scheme` of `{other}`"),
        };
        root.source.wrong(scheme.at, message);
        return Some(Auth::None);
    }
    let kind = table.needed("in");
    let name = table.text("name").map(|name| name.value);
    let spot = table.text("value");
    let shows = spot.as_ref().is_some_and(|spot| spot.value.contains("{{key"));
    let (has_name, has_value) = (name.is_some(), spot.is_some());
    let value = step::text(&table, spot, Place::Header, uses);
    let at = table.at;
    let kind = kind.map(|kind| kind.value).unwrap_or_default();
    let auth = match kind.as_str() {
        "header" => Auth::Header(name.unwrap_or_default(), value),
        "query" => Auth::Query(name.unwrap_or_default(), value),
        "none" => Auth::None,
        "" => Auth::None,
        other => {
            root.source.wrong(at, format!("`in` of `auth` is header, query or none, not `{other}`"));
            Auth::None
        }
    };
    if auth != Auth::None && !(has_name && has_value) {
        root.source.wrong(at, "`auth` needs `name` and `value`: name = \"Authorization\", value = \"Bearer {{key}}\"");
    } else if auth != Auth::None && !shows && !keys.is_empty() {
        root.source.wrong(at, "the `value` of `auth` must show the key: {{key}}");
    }
    if kind == "none" && !keys.is_empty() {
        root.source.wrong(at, "`auth` is none, but `keys` names a key");
    }
    if let Auth::Header(name, _) = &auth
        && has_name
        && name.parse::<reqwest::header::HeaderName>().is_err()
    {
        root.source.wrong(at, format!("`{name}` cannot be the name of a header"));
    }
    table.finish();
    Some(auth)
}

fn policy(root: &Table<'_, '_>) -> bool {
    root.text("policy").is_some_and(|spot| {
        if !["own", "shared"].contains(&spot.value.as_str()) {
            root.source.wrong(spot.at, format!("`policy` is own or shared, not `{}`", spot.value));
        }
        spot.value == "own"
    })
}

fn hosts(root: &Table<'_, '_>) -> Vec<String> {
    let host = |spot: Spot<String>| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        if !spot.value.contains('.') || !spot.value.chars().all(plain) || spot.value.starts_with('.') {
            root.source.wrong(spot.at, format!("`{}` is no name of a host such as fal.media", spot.value));
        }
        spot.value.to_ascii_lowercase()
    };
    root.texts("hosts").into_iter().map(host).collect()
}

fn checked_probe(root: &Table<'_, '_>, draft: Draft, known: &Known) -> Step {
    if let Some(poll) = draft.step.poll.as_ref() {
        root.source.wrong(draft.at, format!("`probe` is one call; it cannot poll every {} s", poll.every_s));
    }
    check::of_provider(root.source, &draft.uses, known);
    draft.step
}

fn ops(root: &Table<'_, '_>) -> Vec<OpDraft> {
    let Some(inner) = root.table("op", "`op`") else { return Vec::new() };
    let mut drafts = Vec::new();
    for (name, value) in inner.entries() {
        match value.get_ref().as_table() {
            Some(entries) => {
                let table = Table::new(root.source, entries, name.at, format!("[op.\"{}\"]", name.value));
                drafts.extend(op::op(table, &name.value));
            }
            None => root.source.wrong(name.at, format!("`{}` must be a table: [op.\"{}\"]", name.value, name.value)),
        }
    }
    drafts
}

fn model(table: Table<'_, '_>) -> Option<(Model, usize)> {
    let id = table.needed("id");
    let tasks: Vec<Spot<String>> = table.texts("tasks");
    if tasks.is_empty() {
        table.wrong("a [[model]] needs `tasks`, such as [\"image.generate\"]");
    }
    for task in tasks.iter().filter(|task| words::of_task(&task.value).is_none()) {
        let known: Vec<&str> = words::tasks().collect();
        table.source.wrong(task.at, format!("there is no task `{}`; there are {}", task.value, known.join(", ")));
    }
    let not_after = table.text("not_after").and_then(|date| {
        let read = date.value.parse().ok();
        if read.is_none() {
            table.source.wrong(date.at, format!("`{}` is no date such as 2027-01-06", date.value));
        }
        read
    });
    let levels = table.texts("levels");
    for level in levels.iter().filter(|level| !Level::ALL.iter().any(|known| known.word() == level.value)) {
        table.source.wrong(level.at, format!("there is no level `{}`: user, subscriber, admin", level.value));
    }
    let languages = table.texts("prompt_languages");
    for language in languages.iter().filter(|l| l.value.len() != 2 || !l.value.bytes().all(|b| b.is_ascii_lowercase()))
    {
        table.source.wrong(language.at, format!("`{}` is no language of two letters such as en", language.value));
    }
    let plain = |list: Vec<Spot<String>>| list.into_iter().map(|spot| spot.value).collect::<Vec<_>>();
    let ops = plain(table.texts("op"));
    let sizes = op::sizes(&table);
    let at = table.at;
    let title = table.text("title").map(|title| title.value);
    let (size_step, price) = (table.count("size_step").unwrap_or(8), table.amount("price"));
    let params = params(&table);
    table.finish();
    let id = id?.value;
    let title = title.unwrap_or_else(|| id.clone());
    let (tasks, prompt_languages, levels) = (plain(tasks), plain(languages), plain(levels));
    let model = Model { id, title, tasks, ops, not_after, prompt_languages, sizes, size_step, price, levels, params };
    Some((model, at))
}

fn params(table: &Table<'_, '_>) -> Map<String, serde_json::Value> {
    let mut params = Map::new();
    for (name, value) in table.anything("params") {
        if ["model", "key", "item"].contains(&name.value.as_str()) || !identifier(&name.value) {
            table.source.wrong(name.at, format!("`{}` cannot be the name of a parameter", name.value));
        }
        params.insert(name.value, value);
    }
    params
}

fn identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_models(
    root: &Table<'_, '_>,
    file: &ProviderFile,
    models: &[(Model, usize)],
    renamed: &[(Spot<String>, Spot<String>)],
) {
    let mut known = BTreeSet::new();
    for (model, at) in models {
        if !known.insert(&model.id) {
            root.source.wrong(*at, format!("the model `{}` stands twice", model.id));
        }
        for name in model.ops.iter().filter(|name| !file.ops.contains_key(*name)) {
            root.source.wrong(*at, format!("`{}` names the op `{name}`, which does not exist", model.id));
        }
        for task in model.tasks.iter().filter(|task| words::of_task(task).is_some()) {
            if model.ops.iter().all(|name| file.ops.contains_key(name)) && file.op(Some(model), task).is_none() {
                root.source.wrong(*at, format!("`{}` does {task}, but there is no op for it", model.id));
            }
        }
    }
    for (old, new) in renamed {
        if file.model(&new.value).is_none() {
            root.source.wrong(new.at, format!("`{}` is renamed to `{}`, which is no model here", old.value, new.value));
        }
        if file.model(&old.value).is_some() {
            root.source.wrong(old.at, format!("`{}` is renamed, but is a model of this file, too", old.value));
        }
    }
}

fn check_errors(root: &Table<'_, '_>, file: &ProviderFile, errors: &[(ErrorRule, Option<Spot<String>>)]) {
    let steps: BTreeSet<&str> =
        file.ops.values().flat_map(|op| op.steps.iter().chain(&op.upload)).map(|step| step.name.as_str()).collect();
    for step in errors.iter().filter_map(|(_, step)| step.as_ref()).filter(|s| !steps.contains(s.value.as_str())) {
        root.source.wrong(step.at, format!("no op has a step `{}`", step.value));
    }
}
