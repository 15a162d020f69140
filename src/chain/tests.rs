//! The chain with answerers that say what they are told to say.

mod remote;

use super::keys::Supply;
use super::*;
use crate::media::{Content, DrawnPicture, ImageRequest, ImageResult, Picture, Provenance, Request, Text};
use crate::providers::{Call, Key, Manners};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Says what it is told for a model, one thing after the other and the last again and again, else gives an answer;
/// remembers what it was asked.
struct Fake {
    id: &'static str,
    models: Vec<&'static str>,
    tasks: Vec<&'static str>,
    /// Languages that its models read.
    languages: Vec<&'static str>,
    elsewhere: Vec<&'static str>,
    /// Levels that its models are for; none: all.
    levels: Vec<&'static str>,
    /// Its keys; `None`: it wants none.
    keys: Option<Vec<&'static str>>,
    own_policy: bool,
    says: Mutex<HashMap<&'static str, VecDeque<Failure>>>,
    /// What it says to text tasks.
    text: &'static str,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn new(id: &'static str, models: &[&'static str]) -> Self {
        Self {
            id,
            models: models.to_vec(),
            tasks: vec!["image.generate"],
            languages: Vec::new(),
            elsewhere: Vec::new(),
            levels: Vec::new(),
            keys: None,
            own_policy: false,
            says: Mutex::default(),
            text: "a text",
            asked: Mutex::default(),
        }
    }

    fn failing(self, model: &'static str, failure: Failure) -> Self {
        self.saying(model, [failure])
    }

    /// The last one again and again; [`Failure::Cancelled`] stands for an answer.
    fn saying(self, model: &'static str, failures: impl IntoIterator<Item = Failure>) -> Self {
        self.says.lock().expect("no panic before").insert(model, failures.into_iter().collect());
        self
    }

    fn with_keys(mut self, keys: &[&'static str]) -> Self {
        self.keys = Some(keys.to_vec());
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic before").clone()
    }
}

#[async_trait]
impl Provider for Fake {
    fn id(&self) -> &str {
        self.id
    }

    fn title(&self) -> &str {
        self.id
    }

    fn manners(&self) -> Manners {
        let keyed = self.keys.is_some();
        Manners { keyed, concurrency: 4, own_policy: self.own_policy, patience: Duration::from_secs(60) }
    }

    fn renamed(&self, model: &str) -> Option<String> {
        (model == "old").then(|| self.models.first().map(|first| (*first).to_owned())).flatten()
    }

    async fn probe(&self, _: Option<&Key>) -> Result<(), Failure> {
        Ok(())
    }

    fn models(&self) -> Vec<ModelCard> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let card = |name: &&str| ModelCard {
            name: (*name).to_owned(),
            title: (*name).to_owned(),
            provider: self.id.to_owned(),
            tasks: owned(&self.tasks),
            ready: true,
            created: 0,
            languages: owned(&self.languages),
            elsewhere: owned(&self.elsewhere),
            levels: owned(&self.levels),
            canvas: None,
        };
        self.models.iter().map(card).collect()
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        let model = call.model;
        let key = call.key.map(|key| format!(" {}", key.tail())).unwrap_or_default();
        let resumed = call.resume.map(|state| format!(" resumed {state}")).unwrap_or_default();
        let prompt = call.request.prompt().filter(|prompt| *prompt != "a cat");
        let prompt = prompt.map(|prompt| format!(" {prompt}")).unwrap_or_default();
        self.asked.lock().expect("no panic before").push(format!("{model}{key}{resumed}{prompt}"));
        if !self.models.contains(&model) {
            return Err(missing(model));
        }
        if self.keys.is_some() && call.resume.is_none() {
            call.journal.submitting().await?;
        }
        let said = self.says.lock().expect("no panic before").get_mut(model).and_then(|says| match says.len() {
            0 => None,
            1 => says.front().cloned(),
            _ => says.pop_front(),
        });
        if let Some(failure) = said.filter(|failure| *failure != Failure::Cancelled) {
            return Err(failure);
        }
        let content = match call.request {
            Request::ImageGenerate(_) | Request::ImageEdit(_) => {
                let picture = Picture { width: 1, height: 1, rgb: vec![0; 3] };
                Content::Pictures(ImageResult {
                    pictures: vec![DrawnPicture { picture, seed: None }],
                    drawing: None,
                    upscaling: None,
                })
            }
            _ => Content::Text(Text { text: self.text.to_owned(), ..Text::default() }),
        };
        let provenance = Provenance { provider: self.id.to_owned(), model: model.to_owned(), fallback_reason: None };
        Ok(Answered { content, provenance, notices: Vec::new(), bytes: 0 })
    }
}

fn missing(model: &str) -> Failure {
    Failure::Missing { message: format!("{model} is not installed") }
}

fn crashed() -> Failure {
    Failure::Crashed { message: "signal 11".to_owned() }
}

fn settings(routes: &[(&str, &str)]) -> Settings {
    let route = |(task, route): &(&str, &str)| ((*task).to_owned(), route::parse(route).expect("a route"));
    Settings {
        routes: routes.iter().map(route).collect(),
        allow_paths: false,
        local_queue: 2,
        budget: Duration::from_secs(300),
    }
}

async fn chain(route: &str, fakes: Vec<Arc<Fake>>) -> Chain {
    chain_of(&[("image.generate", route)], fakes).await
}

async fn chain_of(routes: &[(&str, &str)], fakes: Vec<Arc<Fake>>) -> Chain {
    let key = |id: &str, key: &&str| Key::new(id, (*key).into(), BTreeMap::new());
    let supply = |fake: &Arc<Fake>| Supply {
        provider: fake.id.to_owned(),
        keyed: fake.keys.is_some(),
        concurrency: 4,
        keys: fake
            .keys
            .as_ref()
            .map_or_else(|| vec![key(fake.id, &"")], |keys| keys.iter().map(|word| key(fake.id, word)).collect()),
    };
    let keys = KeyPools::open(None, fakes.iter().map(supply).collect(), None).await.expect("no file of keys");
    let providers = fakes.into_iter().map(|fake| fake as Arc<dyn Provider>).collect();
    Chain::new(settings(routes), providers, keys).expect("a chain")
}

fn local() -> Fake {
    Fake::new("local", &["sdxl-turbo", "flux-schnell", "demo"])
}

/// A provider that nobody has a key for.
fn keyless(id: &'static str) -> Arc<Fake> {
    Arc::new(Fake::new(id, &["large"]).with_keys(&[]))
}

async fn ask(chain: &Chain, change: impl FnOnce(&mut ImageRequest)) -> Result<Answered, Failure> {
    let mut request = ImageRequest::new("a cat");
    change(&mut request);
    chain.ask(&request.into(), &Watch::nobody(), &Unwritten).await.result
}

#[tokio::test]
async fn first_link_that_can_answers_and_says_why_it_was_not_the_first_choice() {
    let fake = Arc::new(local().failing("sdxl-turbo", missing("sdxl-turbo")).failing("flux-schnell", crashed()));
    let chain =
        chain("local:sdxl-turbo,openai,local:flux-schnell,local:demo", vec![fake.clone(), keyless("openai")]).await;
    let result = ask(&chain, |_| {}).await.expect("the demo answers");
    assert_eq!(result.provenance.model, "demo");
    assert_eq!(
        result.provenance.fallback_reason.as_deref(),
        Some("sdxl-turbo is not installed (and 2 more of the route)")
    );
    assert_eq!(fake.asked(), ["sdxl-turbo", "flux-schnell", "demo"]);
    assert_eq!(chain.skipped(), ["openai"]);
}

#[tokio::test]
async fn first_choice_has_no_fallback_reason() {
    let chain = chain("local:sdxl-turbo,local:demo", vec![Arc::new(local())]).await;
    let result = ask(&chain, |_| {}).await.expect("a picture");
    assert_eq!((result.provenance.model.as_str(), result.provenance.fallback_reason), ("sdxl-turbo", None));
}

#[tokio::test]
async fn named_model_is_answered_by_that_model_or_fails_as_itself() {
    let fake = Arc::new(local().failing("sdxl-turbo", missing("sdxl-turbo")));
    let chain = chain("local:sdxl-turbo,local:flux-schnell,local:demo", vec![fake.clone()]).await;
    let failure = ask(&chain, |r| r.choice.model = Some("sdxl-turbo".into())).await.expect_err("it is missing");
    assert_eq!(failure, missing("sdxl-turbo"));
    let failure = ask(&chain, |r| r.choice.model = Some("nonsense".into())).await.expect_err("nobody has it");
    assert_eq!(failure, missing("nonsense"));
    let result = ask(&chain, |r| r.choice.model = Some("flux-schnell".into())).await.expect("it is there");
    assert_eq!(result.provenance.model, "flux-schnell");
    assert_eq!(fake.asked(), ["sdxl-turbo", "nonsense", "flux-schnell"]);
}

#[tokio::test]
async fn named_provider_is_answered_by_that_provider_or_fails() {
    let remote = Arc::new(Fake::new("mine", &["large"]));
    let chain = chain("local:sdxl-turbo,mine,local:demo", vec![Arc::new(local()), remote, keyless("openai")]).await;
    let result = ask(&chain, |r| r.choice.provider = Some("mine".into())).await.expect("a picture");
    assert_eq!((result.provenance.provider.as_str(), result.provenance.fallback_reason), ("mine", None));
    let failure = ask(&chain, |r| r.choice.provider = Some("openai".into())).await.expect_err("no key");
    assert_eq!(failure.class(), "missing");
    let failure = ask(&chain, |r| r.choice.provider = Some("nobody".into())).await.expect_err("unknown");
    assert_eq!(failure, Failure::invalid("provider", "there is no provider `nobody`"));
}

#[tokio::test]
async fn local_only_never_asks_a_remote_provider() {
    let remote = Arc::new(Fake::new("mine", &["large"]));
    let fake = local().failing("sdxl-turbo", crashed());
    let chain = chain("local:sdxl-turbo,mine", vec![Arc::new(fake), remote.clone()]).await;
    let failure = ask(&chain, |r| r.choice.local_only = true).await.expect_err("only a broken one is left");
    assert_eq!(failure.class(), "exhausted");
    assert!(remote.asked().is_empty());
}

#[tokio::test]
async fn failure_that_others_would_repeat_stops_the_chain() {
    let invalid = Failure::invalid("prompt", "no");
    let fake = Arc::new(local().failing("sdxl-turbo", invalid.clone()));
    let chain = chain("local:sdxl-turbo,local:demo", vec![fake.clone()]).await;
    assert_eq!(ask(&chain, |_| {}).await, Err(invalid));
    assert_eq!(fake.asked(), ["sdxl-turbo"]);
}

#[tokio::test]
async fn nobody_could_answer_lists_every_attempt() {
    let fake = local().failing("sdxl-turbo", missing("sdxl-turbo")).failing("demo", crashed());
    let chain = chain("local:sdxl-turbo,hf,local:demo", vec![Arc::new(fake), keyless("hf")]).await;
    let Err(Failure::Exhausted { attempts }) = ask(&chain, |_| {}).await else { panic!("somebody answered") };
    let said: Vec<(&str, &str)> = attempts.iter().map(|a| (a.provider.as_str(), a.failure.class())).collect();
    assert_eq!(said, [("local", "missing"), ("hf", "missing"), ("local", "crashed")]);
}

#[tokio::test]
async fn cancelled_request_asks_nobody_further() {
    let fake = Arc::new(local());
    let chain = chain("local:sdxl-turbo", vec![fake.clone()]).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let answer = chain.ask(&ImageRequest::new("a cat").into(), &Watch::new(cancel).0, &Unwritten).await.result;
    assert_eq!(answer, Err(Failure::Cancelled));
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn cards_come_in_the_order_of_the_route() {
    let remote = Arc::new(Fake::new("mine", &["large"]));
    let chain = chain("local:flux-schnell,mine,local:demo", vec![Arc::new(local()), remote]).await;
    let names: Vec<String> = chain.cards().into_iter().map(|card| card.name).collect();
    assert_eq!(names, ["flux-schnell", "large", "demo", "sdxl-turbo"]);
}

#[tokio::test]
async fn somebody_who_is_only_busy_is_worth_waiting_for() {
    let busy = Failure::Busy { message: "too much to do".to_owned(), retry_after_s: Some(7) };
    let fake = Arc::new(local().failing("sdxl-turbo", missing("sdxl-turbo")).failing("demo", busy.clone()));
    let chain = chain("local:sdxl-turbo,local:demo", vec![fake]).await;
    assert_eq!(ask(&chain, |_| {}).await.expect_err("nobody can"), busy);
}
