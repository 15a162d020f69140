//! A provider file after reading: every word of the vocabulary as a type. It must not know HTTP or requests; what a
//! file may say is checked when it is read, so that whoever carries it out need not doubt it.

mod answer;
mod check;
mod op;
mod parse;
mod rule;
mod source;
mod step;
pub mod words;

pub use answer::{
    Condition, Download, ErrorRule, Extract, Join, Look, Output, OutputKind, Parse, Poll, RetryAfter, Segments, Status,
    Unknown, Wanted,
};
pub use parse::parse;
pub use source::Mistake;

use super::template::json::Body as JsonBody;
use super::template::value::Deliver;
use super::template::{Slot, Text};
use jiff::civil::Date;
use reqwest::Method;
use serde_json::{Map, Value as Json};
use serde_json_path::JsonPath;
use std::collections::{BTreeMap, BTreeSet};

/// One provider.
#[derive(Debug, Clone)]
pub struct ProviderFile {
    /// Its id, as routes and answers name it.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Other names of it in routes and requests.
    pub aliases: Vec<String>,
    /// What relative urls follow.
    pub base: Text,
    /// Where it was before; who still configures one of these gets `base`, with a warning.
    pub old_bases: Vec<String>,
    /// Variables that may hold its keys; the first that is set wins. None: it needs no key.
    pub keys: Vec<String>,
    /// Further values from the environment.
    pub vars: BTreeMap<String, Var>,
    /// Calls at a time for each key.
    pub concurrency: usize,
    /// Its refusal of a prompt is its own and says nothing of what the next provider would say.
    pub own_policy: bool,
    /// Where urls that it returns may lead, besides its own hosts.
    pub hosts: Vec<String>,
    /// How the key is shown.
    pub auth: Auth,
    /// Headers of every call.
    pub headers: Vec<Field>,
    /// The cheapest real call.
    pub probe: Option<Step>,
    /// Where its own words lie in an error.
    pub message: Vec<JsonPath>,
    /// Retired names of models, and today's.
    pub renamed: BTreeMap<String, String>,
    /// Whether it is asked for models too that this file does not list.
    pub any_model: bool,
    /// Its models; the first that serves a task is the default for it.
    pub models: Vec<Model>,
    /// How each operation is carried out.
    pub ops: BTreeMap<String, Op>,
    /// How refusals are read; the first that matches wins.
    pub errors: Vec<ErrorRule>,
}

impl ProviderFile {
    /// The op that serves a task with a model. A model that the file does not list is served by the op named like
    /// the task, where the file lets it be asked for at all (`any_model`).
    #[must_use]
    pub fn op(&self, model: Option<&Model>, task: &str) -> Option<&Op> {
        match model {
            Some(model) if !model.tasks.iter().any(|known| known == task) => None,
            Some(model) => {
                let named = model.ops.iter().filter_map(|name| self.ops.get(name)).find(|op| op.task == task);
                named.or_else(|| self.ops.get(task))
            }
            None => self.ops.get(task),
        }
    }

    /// The model of that name.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }
}

/// A value from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Var {
    /// The variables; the first that is set wins.
    pub env: Vec<String>,
    /// Whether the provider works without it.
    pub optional: bool,
    /// Where none is set.
    pub default: Option<String>,
}

/// How the key is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// In a header.
    Header(String, Text),
    /// In the query.
    Query(String, Text),
}

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name in requests, ours and the provider's.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// What it does.
    pub tasks: Vec<String>,
    /// Ops to use instead of those named like the tasks.
    pub ops: Vec<String>,
    /// From that day on it is gone.
    pub not_after: Option<Date>,
    /// Languages of prompts that it understands; none: any.
    pub prompt_languages: Vec<String>,
    /// Sizes that it draws; none: any.
    pub sizes: Vec<(u32, u32)>,
    /// Sides are multiples of this.
    pub size_step: u32,
    /// Roubles for one.
    pub price: Option<f64>,
    /// Who may use it; none: everybody.
    pub levels: Vec<String>,
    /// Placeholders of its own, where the request has none of that name.
    pub params: Map<String, Json>,
}

/// How one task is carried out.
#[derive(Debug, Clone)]
pub struct Op {
    /// Its name in the file.
    pub name: String,
    /// What it does.
    pub task: String,
    /// What is too much for it.
    pub limits: Limits,
    /// How pictures and sounds are to be sent, by placeholder.
    pub inputs: BTreeMap<String, Input>,
    /// A call that broke off may be made again: it costs nothing, or counts once.
    pub resubmit: bool,
    /// How a medium is uploaded, where one is delivered as `https`.
    pub upload: Vec<Step>,
    /// Where the answer lies.
    pub output: Output,
    /// What is called, in order.
    pub steps: Vec<Step>,
    /// Every placeholder that is sent.
    pub sends: BTreeSet<String>,
}

/// What is too much for an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Longest prompt; a longer one is cut at a word. A longer `text`, which must not lose words, is refused.
    pub prompt_chars: Option<usize>,
    /// Milliseconds between two calls with one key.
    pub min_gap_ms: Option<u64>,
    /// Most pictures of one call.
    pub n: Option<u64>,
}

/// How a picture or sound is to be sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Input {
    /// In which form.
    pub deliver: Option<Deliver>,
    /// Media types that are taken; none: any.
    pub mime: Vec<String>,
    /// What any other type is turned into.
    pub transcode: Option<String>,
    /// Largest file.
    pub max_bytes: Option<usize>,
    /// Largest picture.
    pub max_px: Option<u64>,
    /// Longest sound, in seconds.
    pub max_s: Option<f64>,
    /// Most of them in one call.
    pub max_count: Option<usize>,
}

/// A named value of a query, header or form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, without its `?`.
    pub name: String,
    /// Left out where it has nothing to say.
    pub optional: bool,
    /// The value.
    pub value: Text,
}

/// One HTTP call.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The method.
    pub method: Method,
    /// Where to; relative to the base, or absolute.
    pub url: Text,
    /// The query; what is empty is left out.
    pub query: Vec<Field>,
    /// Headers; what is empty is left out.
    pub headers: Vec<Field>,
    /// What is sent.
    pub body: Body,
    /// Statuses that are as good as 2xx.
    pub ok_status: Vec<Status>,
    /// How the answer is read.
    pub parse: Parse,
    /// What must be true of an answer with a status of 2xx.
    pub ok_when: Vec<Condition>,
    /// What later steps need of the answer.
    pub extract: Vec<Extract>,
    /// Not called at all where the previous answer says this.
    pub skip_when: Option<Condition>,
    /// Called again and again until this is content.
    pub poll: Option<Poll>,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(JsonBody),
    /// A form in one line.
    Form(Vec<Field>),
    /// A form in parts; files among them.
    Multipart(Vec<Field>),
    /// A file, or words.
    Raw(Text),
}

/// Every placeholder of an op, for `sends`.
pub(super) fn names<'a>(slots: impl Iterator<Item = &'a Slot>) -> BTreeSet<String> {
    slots.map(|slot| slot.name.clone()).collect()
}

#[cfg(test)]
mod tests;
