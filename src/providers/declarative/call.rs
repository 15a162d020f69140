//! Carries an op out: media made fit and uploaded, every call submitted, what was submitted written down, then polled
//! until the answers are there.

use super::Declarative;
use super::caller::{Caller, Cost};
use super::content;
use super::deliver;
use super::file::words::{self, Kind};
use super::file::{Look, Op, Step};
use super::plan::Plan;
use super::poll;
use super::reply::{self, Reply};
use super::request::Part;
use super::template::value::{Deliver, Value, Values};
use crate::media::task::SoundFormat;
use crate::media::{Answered, Content, Failure, Medium, Provenance, Refusal, Request};
use crate::providers::Call;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Answers a request.
///
/// # Errors
/// Why there is no answer.
pub async fn answer(house: &Declarative, call: Call<'_>) -> Result<Answered, Failure> {
    let mut plan = Plan::new(house, call.model, call.request)?;
    let caller = Caller::new(house, call.key, call.watch, call.timeout)?;
    let run = Run { caller: &caller, call: &call, op: plan.op, model: plan.model.clone() };
    let earlier = match call.resume {
        Some(state) => run.resumed(state)?,
        None => Earlier::default(),
    };
    let wanted = if earlier.closed { earlier.parts.len() } else { plan.calls.len() };
    // What was submitted needs its media no more.
    let media = if earlier.parts.len() < wanted { run.media(&mut plan).await? } else { Values::new() };
    let begun = (0..wanted).map(|number| run.part(&plan, number, &media)).collect();
    let (mut parts, refused) = run.submit(begun, &earlier.parts).await?;
    let lost = run.finish(&mut parts, refused).await?;
    let content = content::of(&caller, call.request, &plan, &parts, lost).await?;
    if !content::is_kind(call.request, &content) {
        return Err(caller.broken(Refusal::BadResponse));
    }
    plan.notices.extend(fewer(&plan, &content, &house.file.title));
    plan.notices.extend(other_format(call.request, &content, &house.file.title));
    let provenance = Provenance { provider: house.file.id.clone(), model: plan.model.clone(), fallback_reason: None };
    Ok(Answered { content, provenance, notices: plan.notices, bytes: caller.received() })
}

/// What to say where not all pictures came that were asked.
fn fewer(plan: &Plan<'_>, content: &Content, title: &str) -> Option<String> {
    let Content::Pictures(made) = content else { return None };
    let (made, wanted) = (made.pictures.len(), plan.calls.iter().sum::<u64>());
    ((made as u64) < wanted).then(|| format!("{title} made {made} of the {wanted} pictures that were asked"))
}

/// What to say where a sound came in another container than was asked.
fn other_format(request: &Request, content: &Content, title: &str) -> Option<String> {
    let (Request::SpeechSynthesize(wish), Content::Sound(sound)) = (request, content) else { return None };
    let wanted = match wish.format {
        SoundFormat::Mp3 => "audio/mpeg",
        SoundFormat::Opus => "audio/ogg",
        SoundFormat::Aac => "audio/aac",
        SoundFormat::Flac => "audio/flac",
        SoundFormat::Wav => "audio/wav",
        SoundFormat::Pcm => return None,
    };
    let made = sound.content_type.as_str();
    (made != wanted).then(|| format!("{title} made {made}; {} was asked", wish.format))
}

/// The cheapest real call with a key.
///
/// # Errors
/// What the provider has against it.
pub async fn probe(caller: &Caller<'_>, step: &Step) -> Result<(), Failure> {
    let part = Part { values: variables(caller), ..Part::default() };
    let reply = caller.exchange(step, &part, Cost::Free).await?;
    // What it says matters only where the file looks at it.
    let reply = Reply { readable: reply.readable || step.ok_when.is_empty(), ..reply };
    caller.judged(reply, step).map(|_| ())
}

fn variables(caller: &Caller<'_>) -> Values {
    caller.vars.iter().map(|(name, value)| (name.clone(), Value::text(value.as_str()))).collect()
}

/// What an earlier attempt submitted.
#[derive(Default)]
struct Earlier {
    /// The values of each part.
    parts: Vec<Map<String, Json>>,
    /// Whether nothing more is to be submitted: a later part was refused.
    closed: bool,
}

struct Run<'a> {
    caller: &'a Caller<'a>,
    call: &'a Call<'a>,
    op: &'a Op,
    model: String,
}

impl Run<'_> {
    /// The request's media: made fit, uploaded where that is wanted, as placeholders.
    async fn media(&self, plan: &mut Plan<'_>) -> Result<Values, Failure> {
        let has = match self.call.request {
            Request::ImageGenerate(wish) => wish.init.is_some(),
            other => {
                words::of_task(other.task()).is_some_and(|words| words.iter().any(|(_, kind)| *kind == Kind::Medium))
            }
        };
        if !has {
            return Ok(Values::new());
        }
        let request = self.call.request.clone();
        let (op, title) = (self.op.clone(), self.caller.house.file.title.clone());
        let fitting = move || deliver::fit(request.media()?, &op, &title);
        let fitted = tokio::task::spawn_blocking(fitting).await;
        let (media, notices) = fitted.map_err(|e| Failure::internal(format!("making media ready broke: {e}")))??;
        plan.notices.extend(notices);
        let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (name, medium) in media {
            let deliver = self.op.inputs.get(name).and_then(|input| input.deliver).unwrap_or(Deliver::Multipart);
            let value = match deliver {
                Deliver::Https => Value::text(self.upload(medium).await?),
                other => Value::Medium(medium, other),
            };
            values.entry(name.to_owned()).or_default().push(value);
        }
        let mut placeholders = Values::new();
        for (name, mut list) in values {
            if name == "image" {
                placeholders.insert("images".to_owned(), Value::List(list.clone()));
            }
            placeholders.insert(name, list.swap_remove(0));
        }
        Ok(placeholders)
    }

    /// Uploads a medium, and tells its url.
    async fn upload(&self, medium: Medium) -> Result<String, Failure> {
        let mut part = Part { values: variables(self.caller), ..Part::default() };
        part.values.insert("model".to_owned(), Value::text(self.model.as_str()));
        part.values.insert("mime".to_owned(), Value::text(medium.content_type.as_str()));
        part.values.insert("name".to_owned(), Value::text(super::template::filters::file_name(&medium)));
        part.values.insert("medium".to_owned(), Value::Medium(medium, Deliver::Raw));
        for step in &self.op.upload {
            let reply = self.caller.exchange(step, &part, Cost::Free).await?;
            let reply = self.caller.judged(reply, step)?;
            self.extract(step, &reply, &mut part)?;
        }
        let url = part.values.get("url").map(Value::to_words);
        url.ok_or_else(|| self.caller.broken(Refusal::BadResponse))
    }

    /// A part with its values, before any of its calls.
    fn part(&self, plan: &Plan<'_>, number: usize, media: &Values) -> Part {
        let mut values = variables(self.caller);
        values.extend(plan.values_of(number).into_iter().map(|(name, value)| (name, Value::Json(value))));
        values.extend(media.iter().map(|(name, value)| (name.clone(), value.clone())));
        Part { values, ..Part::default() }
    }

    /// Carries the steps from `first` to before `end` out.
    async fn steps(&self, part: &mut Part, first: usize, end: usize) -> Result<(), Failure> {
        if first == 0
            && let Some(gap) = self.op.limits.min_gap_ms
        {
            let key = self.call.key.map_or("", |key| key.id.as_str());
            let turn = self.caller.house.pace.turn(key, Duration::from_millis(gap), Instant::now());
            self.caller.wait_until(turn).await?;
        }
        for step in &self.op.steps[first..end] {
            let last = part.last.as_ref();
            if step.skip_when.as_ref().is_some_and(|skip| last.is_some_and(|last| last.meets(skip))) {
                continue;
            }
            let reply = match &step.poll {
                Some(polling) => poll::poll(self.caller, step, polling, part).await?,
                None => self.once(step, part).await?,
            };
            self.extract(step, &reply, part)?;
            part.last = Some(reply);
        }
        Ok(())
    }

    /// Where polling begins.
    fn polled(&self) -> Option<usize> {
        self.op.steps.iter().position(|step| step.poll.is_some())
    }

    /// Makes the calls that an earlier attempt has not made. A later one that is refused ends it, with that refusal:
    /// what was taken before is paid and brought home all the same.
    async fn submit(
        &self,
        begun: Vec<Part>,
        earlier: &[Map<String, Json>],
    ) -> Result<(Vec<Part>, Option<Failure>), Failure> {
        let mut parts = Vec::new();
        for (number, mut part) in begun.into_iter().enumerate() {
            if let Some(values) = earlier.get(number) {
                self.restore(&mut part, values)?;
                parts.push(part);
                continue;
            }
            match self.steps(&mut part, 0, self.polled().unwrap_or(self.op.steps.len())).await {
                Ok(()) => {
                    parts.push(part);
                    self.written(&parts, false).await?;
                }
                Err(failure) if parts.is_empty() || failure == Failure::Cancelled => {
                    self.give_up(&parts).await;
                    return Err(failure);
                }
                Err(failure) => {
                    self.written(&parts, true).await?;
                    return Ok((parts, Some(failure)));
                }
            }
        }
        Ok((parts, None))
    }

    /// Writes down what was submitted. What runs elsewhere is paid: it is gone on with where that cannot be done for the
    /// moment, and ended where it is not to go on.
    async fn written(&self, parts: &[Part], closed: bool) -> Result<(), Failure> {
        if self.polled().is_none() {
            return Ok(());
        }
        match self.call.journal.submitted(&self.state(parts, closed)).await {
            Err(Failure::Unavailable { message }) => {
                let provider = self.caller.house.file.id.as_str();
                tracing::warn!(provider, message, "what was submitted could not be written down");
                Ok(())
            }
            Err(failure) => {
                self.give_up(parts).await;
                Err(failure)
            }
            Ok(()) => Ok(()),
        }
    }

    /// One call of a step that is not polled. What may be billed is sent once; what only fetches a paid answer is tried
    /// again.
    async fn once(&self, step: &Step, part: &Part) -> Result<Reply, Failure> {
        let cost = Cost::of(step, self.op);
        if cost == Cost::Billed {
            self.call.journal.submitting().await?;
        }
        let again = cost == Cost::Free && part.last.is_some();
        for tried in 1.. {
            let result = match self.caller.exchange(step, part, cost).await {
                Ok(reply) => self.caller.judged(reply, step),
                Err(failure) => Err(failure),
            };
            if result.is_ok() && cost == Cost::Billed {
                self.caller.accepted();
            }
            let next = result.as_ref().err().filter(|_| again).and_then(|failure| self.caller.again(failure, tried));
            let Some(next) = next else { return result };
            self.caller.wait_until(next).await?;
        }
        Err(self.caller.broken(Refusal::Busy))
    }

    /// Polls every part and does what comes after. One that fails is marked, and what it failed of returned beside what
    /// `lost` tells already.
    async fn finish(&self, parts: &mut [Part], mut lost: Option<Failure>) -> Result<Option<Failure>, Failure> {
        let Some(first) = self.polled() else { return Ok(lost) };
        for number in 0..parts.len() {
            match self.steps(&mut parts[number], first, self.op.steps.len()).await {
                Ok(()) => {}
                Err(Failure::Cancelled) => {
                    self.give_up(&parts[number + 1..]).await;
                    return Err(Failure::Cancelled);
                }
                Err(failure) => {
                    parts[number].lost = true;
                    lost = Some(self.caller.first_of(lost, failure));
                }
            }
        }
        Ok(lost)
    }

    /// Tells that the answers of these parts are no longer wanted.
    async fn give_up(&self, parts: &[Part]) {
        let polling = self.polled().and_then(|first| self.op.steps[first].poll.as_ref());
        let Some(polling) = polling else { return };
        for part in parts {
            poll::cancel(self.caller, polling, part).await;
        }
    }

    /// Takes what later steps need.
    fn extract(&self, step: &Step, reply: &Reply, part: &mut Part) -> Result<(), Failure> {
        for wanted in &step.extract {
            let found = match &wanted.look {
                Look::At(paths) => reply::find(&reply.json, paths).into_iter().next(),
                Look::Header(name) => reply.header(name).map(Json::from),
            };
            let found = found.filter(|value| !Value::Json(value.clone()).is_blank());
            let value = match (found, &wanted.url_path) {
                (Some(found), Some(before)) => self.behind(before, &reply::words_of(&found)).map(Json::from),
                (found, _) => found,
            };
            match value {
                Some(value) => self.take(part, &wanted.name, value, wanted.url || wanted.url_path.is_some())?,
                None if wanted.optional => {}
                None => return Err(self.caller.unusable(reply, step)),
            }
        }
        Ok(())
    }

    /// The path of a url behind another address, which is the provider's own.
    fn behind(&self, before: &str, url: &str) -> Option<String> {
        let path = match Url::parse(url) {
            Ok(url) => url.path().to_owned(),
            Err(_) => url.split(['?', '#']).next().filter(|path| path.starts_with('/'))?.to_owned(),
        };
        let whole = format!("{}{path}", before.trim_end_matches('/'));
        self.caller.house.hosts.own_url(&self.caller.base, &whole).map(String::from).ok()
    }

    /// Puts an extracted value in its place; a url must lead where the provider may send us.
    fn take(&self, part: &mut Part, name: &str, value: Json, url: bool) -> Result<(), Failure> {
        let value = if url { Json::from(self.checked(&reply::words_of(&value))?) } else { value };
        if url {
            part.urls.insert(name.to_owned());
        }
        part.values.insert(name.to_owned(), Value::Json(value));
        Ok(())
    }

    fn checked(&self, url: &str) -> Result<String, Failure> {
        self.caller.house.hosts.returned(url).map(String::from).map_err(|error| {
            tracing::warn!(provider = self.caller.house.file.id, %error, "the provider sent us somewhere we do not go");
            self.caller.broken(Refusal::BadResponse)
        })
    }

    /// What must be known to go on after a restart: everything extracted, for each part.
    fn state(&self, parts: &[Part], closed: bool) -> Json {
        let names = || self.op.steps.iter().flat_map(|step| step.extract.iter().map(|wanted| &wanted.name));
        let one = |part: &Part| {
            let value = |name: &String| Some((name.clone(), part.values.get(name)?.to_json()));
            json!({ "values": names().filter_map(value).collect::<Map<_, _>>() })
        };
        json!({ "op": self.op.name, "parts": parts.iter().map(one).collect::<Vec<_>>(), "closed": closed })
    }

    /// What an earlier attempt submitted.
    fn resumed(&self, state: &Json) -> Result<Earlier, Failure> {
        self.caller.accepted();
        let values = |part: &Json| part.get("values").and_then(Json::as_object).cloned();
        let parts = state.get("parts").and_then(Json::as_array).map(|parts| parts.iter().map(values).collect());
        let same = state.get("op").and_then(Json::as_str) == Some(self.op.name.as_str());
        let parts: Option<Option<Vec<_>>> = parts.filter(|_| same);
        let closed = state.get("closed") == Some(&Json::Bool(true));
        parts.flatten().map(|parts| Earlier { parts, closed }).ok_or_else(|| {
            tracing::warn!(provider = self.caller.house.file.id, "what was submitted cannot be gone on with");
            self.caller.broken(Refusal::BadResponse)
        })
    }

    fn restore(&self, part: &mut Part, values: &Map<String, Json>) -> Result<(), Failure> {
        for wanted in self.op.steps.iter().flat_map(|step| &step.extract) {
            if let Some(value) = values.get(&wanted.name) {
                self.take(part, &wanted.name, value.clone(), wanted.url || wanted.url_path.is_some())?;
            }
        }
        Ok(())
    }
}
