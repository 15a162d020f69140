//! What a provider file says about answers: how they are read, what must be true of them, where the wanted part lies,
//! what a refusal means. Types only.

use super::super::template::Text;
use crate::media::Refusal;
use regex::Regex;
use reqwest::Method;
use serde_json::Value as Json;
use serde_json_path::JsonPath;

/// How an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parse {
    /// One JSON value.
    Json,
    /// JSON values one after the other; they become a list.
    ConcatJson,
    /// Words; they become one JSON string.
    Text,
    /// A file.
    Bytes,
}

/// Where in an answer to look.
#[derive(Debug, Clone)]
pub enum Look {
    /// At the first of these paths that finds something but null.
    At(Vec<JsonPath>),
    /// At a header.
    Header(String),
}

/// Something that may be true of an answer.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Where to look.
    pub look: Look,
    /// What must be found.
    pub wanted: Wanted,
    /// Whether nothing is as good.
    pub absent_ok: bool,
}

/// What must be found.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Anything at all.
    Anything,
    /// One of these.
    In(Vec<Json>),
    /// Words that match.
    Match(Regex),
}

/// A value for later steps.
#[derive(Debug, Clone)]
pub struct Extract {
    /// The placeholder that it becomes.
    pub name: String,
    /// Where it lies.
    pub look: Look,
    /// It is a url, and must lead where the provider may send us.
    pub url: bool,
    /// Only its path counts, put behind this.
    pub url_path: Option<String>,
    /// Whether the call goes on without it.
    pub optional: bool,
}

/// Statuses: `429`, `"5xx"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Exactly this.
    Is(u16),
    /// All of that hundred.
    Hundred(u16),
}

impl Status {
    /// Whether `code` is meant.
    #[must_use]
    pub fn covers(self, code: u16) -> bool {
        match self {
            Self::Is(status) => status == code,
            Self::Hundred(hundred) => hundred == code / 100,
        }
    }
}

/// What to make of a state that the file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// It is not done.
    #[default]
    Pending,
    /// It is done.
    Done,
    /// It failed.
    Fail,
}

/// How long and for what a step is called again.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Seconds between calls.
    pub every_s: f64,
    /// Seconds before the first.
    pub first_s: f64,
    /// Seconds after which it is given up.
    pub max_s: f64,
    /// Where the state lies.
    pub state: Vec<JsonPath>,
    /// States of a job that goes on.
    pub pending: Vec<Json>,
    /// States of a job that is done.
    pub done: Vec<Json>,
    /// States of a job that failed.
    pub fail: Vec<Json>,
    /// What any other state means.
    pub unknown: Unknown,
    /// Statuses that mean: not done.
    pub http_pending: Vec<Status>,
    /// Statuses that say nothing about the job.
    pub tolerate: Vec<Status>,
    /// Ends the job where its answer is no longer wanted.
    pub cancel: Option<(Method, Text)>,
}

/// In which form the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// The body of the last answer.
    Raw,
    /// Base64.
    B64,
    /// A `data:` url.
    DataUrl,
    /// A url to fetch.
    Url,
    /// Words.
    Text,
    /// JSON, passed on as words.
    Json,
}

/// How several pieces become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Join {
    /// Words with this between.
    Words(String),
    /// Bytes one after the other.
    Bytes,
}

/// Where the answer lies, and in which form.
#[derive(Debug, Clone)]
pub struct Output {
    /// In which form.
    pub kind: OutputKind,
    /// Where; the first that finds something.
    pub path: Vec<JsonPath>,
    /// Its media type, where the file itself does not tell.
    pub mime: Option<String>,
    /// What is found is JSON within a string.
    pub decode_json: bool,
    /// Where to look in what was decoded.
    pub then: Vec<JsonPath>,
    /// Several pieces become one.
    pub join: Option<Join>,
    /// Of several elements, the first in which this finds something.
    pub first_with: Option<JsonPath>,
    /// Raw sound of that many samples a second becomes a WAV file.
    pub wrap_pcm: Option<u32>,
    /// The answer where nothing is found, which is no error then.
    pub empty: Option<String>,
    /// The language of the words.
    pub language: Vec<JsonPath>,
    /// When what was said.
    pub segments: Option<Segments>,
    /// How a url is fetched.
    pub download: Download,
}

/// Where segments lie, and the parts of each.
#[derive(Debug, Clone)]
pub struct Segments {
    /// The list.
    pub path: JsonPath,
    /// Seconds.
    pub start: JsonPath,
    /// Seconds.
    pub end: JsonPath,
    /// The words.
    pub text: JsonPath,
}

/// How a url is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download {
    /// The key is shown where the url leads to the provider itself.
    pub same_auth: bool,
    /// Largest file.
    pub max_bytes: usize,
}

/// How a refusal is read.
#[derive(Debug, Clone)]
pub struct ErrorRule {
    /// On these statuses; none: on any.
    pub status: Vec<Status>,
    /// And only where this is true.
    pub condition: Option<Condition>,
    /// What it means.
    pub refusal: Refusal,
    /// When to try again; the first that knows.
    pub retry_after: Vec<RetryAfter>,
    /// Only on this step.
    pub step: Option<String>,
}

/// Where the time to wait lies.
#[derive(Debug, Clone)]
pub enum RetryAfter {
    /// In the answer: seconds, a date, `34.4s`; or the first group of the pattern.
    Look(Look, Option<Regex>),
    /// So many seconds.
    Seconds(u64),
}
