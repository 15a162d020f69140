//! Reads an op: its limits and inputs, its steps and uploads, and where its answer lies.

use super::rule;
use super::source::{Source, Table};
use super::step::{self, Draft};
use super::words;
use super::{Download, Input, Join, Limits, Op, Output, OutputKind, Parse, Segments, Step, names};
use crate::providers::declarative::template::filters::two_numbers;
use crate::providers::declarative::template::value::Deliver;
use std::collections::{BTreeMap, BTreeSet};

/// Largest download where a file does not say.
const MAX_DOWNLOAD: usize = 50 << 20;

/// An op whose placeholders are not checked yet.
pub struct OpDraft {
    /// The op, without its steps.
    pub op: Op,
    /// Its steps.
    pub steps: Vec<Draft>,
    /// The steps of an upload.
    pub upload: Vec<Draft>,
}

impl OpDraft {
    /// The op, once its placeholders are checked.
    #[must_use]
    pub fn finished(self) -> Op {
        let slots = self.steps.iter().flat_map(|draft| draft.uses.iter().map(|one| &one.slot));
        let sends: BTreeSet<String> = names(slots);
        let steps = |drafts: Vec<Draft>| drafts.into_iter().map(|draft| draft.step).collect::<Vec<Step>>();
        Op { sends, upload: steps(self.upload), steps: steps(self.steps), ..self.op }
    }
}

/// Reads an op.
pub fn op(table: Table<'_, '_>, name: &str) -> Option<OpDraft> {
    let task = match table.text("task") {
        Some(task) => task.value,
        None => name.to_owned(),
    };
    if words::of_task(&task).is_none() {
        let known: Vec<&str> = words::tasks().collect();
        let message = format!("`{task}` is no task; name one with `task = \"…\"`: {}", known.join(", "));
        table.source.wrong(if table.has("task") { table.place("task") } else { table.at }, message);
    }
    let limits = limits(&table, &task);
    let inputs = inputs(&table, &task);
    let resubmit = table.flag("resubmit");
    let numbered = |(at, table)| step::step(table, at + 1);
    let upload: Vec<Draft> =
        table.tables("upload", "a step of `upload`").into_iter().enumerate().map(numbered).collect();
    let mut steps: Vec<Draft> = table.tables("step", "a step").into_iter().enumerate().map(numbered).collect();
    if steps.is_empty() {
        table.wrong(format!("{} has no step: [[op.\"{name}\".step]]", table.what));
    }
    twice(table.source, &steps);
    let last = steps.last().map_or(Parse::Json, |last| last.step.parse);
    let found = table.table("output", "`output`").map(|inner| output(inner, last));
    if found.is_none() {
        table.wrong(format!("{} needs an `output`", table.what));
    }
    check_upload(&table, &inputs, &upload);
    table.finish();
    let output = found??;
    if output.kind == OutputKind::Raw
        && let Some(last) = steps.last_mut()
    {
        last.step.parse = Parse::Bytes;
    }
    let name = name.to_owned();
    let op = Op { name, task, limits, inputs, resubmit, upload: vec![], output, steps: vec![], sends: BTreeSet::new() };
    Some(OpDraft { op, steps, upload })
}

fn twice(source: &Source<'_>, steps: &[Draft]) {
    let mut known = BTreeSet::new();
    for draft in steps.iter().filter(|draft| !known.insert(draft.step.name.as_str())) {
        source.wrong(draft.at, format!("two steps are called `{}`", draft.step.name));
    }
}

fn check_upload(table: &Table<'_, '_>, inputs: &BTreeMap<String, Input>, upload: &[Draft]) {
    let https = inputs.values().any(|input| input.deliver == Some(Deliver::Https));
    if https && upload.is_empty() {
        table.source.wrong(table.place("inputs"), "`deliver = \"https\"` needs the steps of an `upload`");
    }
    let extracted = upload.iter().flat_map(|draft| &draft.extracts);
    if !upload.is_empty() && !extracted.into_iter().any(|(name, _)| name.value == "url") {
        table.source.wrong(table.place("upload"), "`upload` must `extract` the `url` of what was uploaded");
    }
    if !upload.is_empty() && !https {
        table.source.wrong(table.place("upload"), "`upload` is not used: no input has `deliver = \"https\"`");
    }
}

fn limits(table: &Table<'_, '_>, task: &str) -> Limits {
    let Some(inner) = table.table("limits", "`limits`") else { return Limits::default() };
    let limits = Limits {
        prompt_chars: inner.count("prompt_chars"),
        min_gap_ms: inner.count("min_gap_ms"),
        n: inner.count("n"),
    };
    let long = |words: &[(&str, words::Kind)]| words.iter().any(|(name, _)| matches!(*name, "prompt" | "text"));
    if inner.has("prompt_chars") && !words::of_task(task).is_none_or(long) {
        let message = format!("`prompt_chars` limits nothing: {task} has neither `prompt` nor `text`");
        table.source.wrong(inner.place("prompt_chars"), message);
    }
    inner.finish();
    limits
}

fn inputs(table: &Table<'_, '_>, task: &str) -> BTreeMap<String, Input> {
    let Some(inner) = table.table("inputs", "`inputs`") else { return BTreeMap::new() };
    let known = words::of_task(task).unwrap_or_default();
    let mut inputs = BTreeMap::new();
    for (name, value) in inner.entries() {
        if !known.iter().any(|(word, kind)| *word == name.value && *kind == words::Kind::Medium) {
            let media = known.iter().filter(|(_, kind)| *kind == words::Kind::Medium).map(|(word, _)| *word);
            let media: Vec<&str> = media.collect();
            let message = format!("{task} has no input `{}`; it has [{}]", name.value, media.join(", "));
            table.source.wrong(name.at, message);
            continue;
        }
        match value.get_ref().as_table() {
            Some(entries) => {
                let what = format!("the input `{}`", name.value);
                inputs.insert(name.value, input(Table::new(table.source, entries, name.at, what)));
            }
            None => table.source.wrong(name.at, "an input is a table such as { deliver = \"b64\" }"),
        }
    }
    inputs
}

fn input(table: Table<'_, '_>) -> Input {
    let deliver = table.text("deliver").and_then(|spot| match spot.value.as_str() {
        "raw" => Some(Deliver::Raw),
        "multipart" => Some(Deliver::Multipart),
        "b64" => Some(Deliver::B64),
        "data_url" => Some(Deliver::DataUrl),
        "https" => Some(Deliver::Https),
        other => {
            let message = format!("there is no `deliver` of `{other}`: raw, multipart, b64, data_url or https");
            table.source.wrong(spot.at, message);
            None
        }
    });
    let media_type = |spot: super::source::Spot<String>| {
        if spot.value.split_once('/').is_none_or(|(kind, sort)| kind.is_empty() || sort.is_empty()) {
            table.source.wrong(spot.at, format!("`{}` is no media type such as image/png", spot.value));
        }
        spot.value
    };
    let input = Input {
        deliver,
        mime: table.texts("mime").into_iter().map(media_type).collect(),
        transcode: table.text("transcode").map(media_type),
        max_bytes: table.count("max_bytes"),
        max_px: table.count("max_px"),
        max_s: table.amount("max_s"),
        max_count: table.count("max_count"),
    };
    if let Some(to) = input.transcode.as_ref().filter(|to| !input.mime.is_empty() && !among(to, &input.mime)) {
        table.source.wrong(table.place("transcode"), format!("`transcode` makes {to}, which `mime` does not accept"));
    }
    table.finish();
    input
}

/// Whether a list has a media type, whatever its parameters.
fn among(kind: &str, list: &[String]) -> bool {
    let plain = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_owned();
    list.iter().any(|one| plain(one) == plain(kind))
}

fn kind(table: &Table<'_, '_>) -> Option<OutputKind> {
    table.needed("kind").and_then(|spot| match spot.value.as_str() {
        "raw" => Some(OutputKind::Raw),
        "b64" => Some(OutputKind::B64),
        "data_url" => Some(OutputKind::DataUrl),
        "url" => Some(OutputKind::Url),
        "text" => Some(OutputKind::Text),
        "json" => Some(OutputKind::Json),
        other => {
            let message = format!("there is no output `{other}`: raw, b64, data_url, url, text or json");
            table.source.wrong(spot.at, message);
            None
        }
    })
}

fn output(table: Table<'_, '_>, last: Parse) -> Option<Output> {
    let kind = kind(&table);
    let path = rule::paths(&table, "path");
    let needless = kind == Some(OutputKind::Raw) || last == Parse::Text;
    if !needless && kind.is_some() && !table.has("path") {
        table.wrong("`output` needs a `path` to what is wanted");
    }
    let decode_json = table.text("decode").is_some_and(|spot| {
        if spot.value != "json_string" {
            table.source.wrong(spot.at, format!("there is no `decode` of `{}`: json_string", spot.value));
        }
        spot.value == "json_string"
    });
    let then = rule::paths(&table, "then");
    if table.has("then") && !decode_json {
        table.source.wrong(table.place("then"), "`then` looks into what `decode = \"json_string\"` decoded");
    }
    let join = table.text("join").map(|spot| match spot.value.as_str() {
        "bytes" => Join::Bytes,
        _ => Join::Words(spot.value),
    });
    let output = Output {
        kind: kind.unwrap_or(OutputKind::Raw),
        path,
        mime: table.text("mime").map(|spot| spot.value).filter(|mime| mime != "header"),
        decode_json,
        then,
        join,
        first_with: rule::path(&table, "first_with"),
        wrap_pcm: wrap(&table),
        empty: table.text("empty").map(|spot| spot.value),
        language: rule::paths(&table, "language"),
        segments: segments(&table),
        download: download(&table),
    };
    table.finish();
    kind.map(|_| output)
}

fn wrap(table: &Table<'_, '_>) -> Option<u32> {
    let inner = table.table("wrap", "`wrap`")?;
    let rate = inner.count("pcm_s16le");
    if rate.is_none() && !inner.has("pcm_s16le") {
        inner.wrong("`wrap` needs the samples a second: { pcm_s16le = 24000 }");
    }
    inner.finish();
    rate
}

fn segments(table: &Table<'_, '_>) -> Option<Segments> {
    let inner = table.table("segments", "`segments`")?;
    for key in ["path", "start", "end", "text"].into_iter().filter(|key| !inner.has(key)) {
        inner.wrong(format!("`segments` needs `{key}`"));
    }
    let part = |key| rule::path(&inner, key);
    let found = (part("path"), part("start"), part("end"), part("text"));
    inner.finish();
    let (Some(path), Some(start), Some(end), Some(text)) = found else { return None };
    Some(Segments { path, start, end, text })
}

fn download(table: &Table<'_, '_>) -> Download {
    let none = Download { same_auth: false, max_bytes: MAX_DOWNLOAD };
    let Some(inner) = table.table("download", "`download`") else { return none };
    let same_auth = inner.text("auth").is_some_and(|spot| {
        if !["none", "same"].contains(&spot.value.as_str()) {
            inner.source.wrong(spot.at, format!("`auth` of `download` is none or same, not `{}`", spot.value));
        }
        spot.value == "same"
    });
    let max_bytes = inner.count("max_bytes").unwrap_or(MAX_DOWNLOAD);
    inner.finish();
    Download { same_auth, max_bytes }
}

/// Sizes such as `1024x768`.
pub fn sizes(table: &Table<'_, '_>) -> Vec<(u32, u32)> {
    let size = |spot: super::source::Spot<String>| {
        let size = spot.value.contains('x').then(|| two_numbers(&spot.value)).flatten();
        if size.is_none() {
            table.source.wrong(spot.at, format!("`{}` is no size such as 1024x768", spot.value));
        }
        size
    };
    table.texts("sizes").into_iter().filter_map(size).collect()
}
