//! The chain with answerers that say what they are told to say.

use super::*;
use crate::media::{Content, DrawnPicture, ImageRequest, ImageResult, Picture, Provenance};
use crate::providers::{Key, Manners};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Answers with the failure set for a model, else with a picture; remembers who was asked.
struct Fake {
    provider: &'static str,
    models: Vec<&'static str>,
    failures: HashMap<&'static str, Failure>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn new(provider: &'static str, models: &[&'static str]) -> Self {
        Self { provider, models: models.to_vec(), failures: HashMap::new(), asked: Mutex::default() }
    }

    fn failing(mut self, model: &'static str, failure: Failure) -> Self {
        self.failures.insert(model, failure);
        self
    }
}

#[async_trait]
impl Provider for Fake {
    fn id(&self) -> &str {
        self.provider
    }

    fn title(&self) -> &str {
        self.provider
    }

    fn manners(&self) -> Manners {
        Manners { keyed: false, concurrency: 64, own_policy: false, patience: Duration::MAX }
    }

    async fn probe(&self, _: Option<&Key>) -> Result<(), Failure> {
        Ok(())
    }

    fn models(&self) -> Vec<ModelCard> {
        let card = |name: &&str| ModelCard {
            name: (*name).to_owned(),
            title: (*name).to_owned(),
            provider: self.provider.to_owned(),
            tasks: vec!["image.generate".to_owned()],
            ready: true,
            created: 0,
            languages: Vec::new(),
            elsewhere: Vec::new(),
        };
        self.models.iter().map(card).collect()
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        let model = call.model;
        self.asked.lock().expect("no panic before").push(model.to_owned());
        if !self.models.contains(&model) {
            return Err(missing(model));
        }
        if let Some(failure) = self.failures.get(model) {
            return Err(failure.clone());
        }
        let picture = Picture { width: 1, height: 1, rgb: vec![0; 3] };
        let pictures = vec![DrawnPicture { picture, seed: None }];
        let provenance =
            Provenance { provider: self.provider.to_owned(), model: model.to_owned(), fallback_reason: None };
        let content = Content::Pictures(ImageResult { pictures, drawing: None });
        Ok(Answered { content, provenance, notices: Vec::new(), bytes: 0 })
    }
}

fn missing(model: &str) -> Failure {
    Failure::Missing { message: format!("{model} is not installed") }
}

fn crashed() -> Failure {
    Failure::Crashed { message: "signal 11".to_owned() }
}

fn settings(route: &str) -> Settings {
    let route = route::parse(route).expect("a route");
    Settings { routes: BTreeMap::from([("image.generate".to_owned(), route)]), allow_paths: false }
}

fn chain(route: &str, makers: Vec<Arc<Fake>>) -> Chain {
    let settings = settings(route);
    let makers = makers.into_iter().map(|m| m as Arc<dyn Provider>).collect();
    Chain::new(&settings, makers).expect("a chain")
}

fn local() -> Fake {
    Fake::new("local", &["sdxl-turbo", "flux-schnell", "demo"])
}

async fn ask(chain: &Chain, change: impl FnOnce(&mut ImageRequest)) -> Result<Answered, Failure> {
    let mut request = ImageRequest::new("a cat");
    change(&mut request);
    chain.ask(&request.into(), &Watch::nobody(), &Unwritten).await.result
}

#[tokio::test]
async fn first_link_that_can_answers_and_says_why_it_was_not_the_first_choice() {
    let fake = Arc::new(local().failing("sdxl-turbo", missing("sdxl-turbo")).failing("flux-schnell", crashed()));
    let chain = chain("local:sdxl-turbo,openai,local:flux-schnell,local:demo", vec![fake.clone()]);
    let result = ask(&chain, |_| {}).await.expect("the demo answers");
    assert_eq!(result.provenance.model, "demo");
    assert_eq!(
        result.provenance.fallback_reason.as_deref(),
        Some("sdxl-turbo is not installed (and 2 more of the route)")
    );
    assert_eq!(*fake.asked.lock().unwrap(), ["sdxl-turbo", "flux-schnell", "demo"]);
    let skipped: Vec<String> = chain.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(skipped, ["openai"]);
}

#[tokio::test]
async fn first_choice_has_no_fallback_reason() {
    let chain = chain("local:sdxl-turbo,local:demo", vec![Arc::new(local())]);
    let result = ask(&chain, |_| {}).await.expect("a picture");
    assert_eq!((result.provenance.model.as_str(), result.provenance.fallback_reason), ("sdxl-turbo", None));
}

#[tokio::test]
async fn named_model_is_answered_by_that_model_or_fails_as_itself() {
    let fake = Arc::new(local().failing("sdxl-turbo", missing("sdxl-turbo")));
    let chain = chain("local:sdxl-turbo,local:flux-schnell,local:demo", vec![fake.clone()]);
    let failure = ask(&chain, |r| r.choice.model = Some("sdxl-turbo".into())).await.expect_err("it is missing");
    assert_eq!(failure, missing("sdxl-turbo"));
    let failure = ask(&chain, |r| r.choice.model = Some("nonsense".into())).await.expect_err("nobody has it");
    assert_eq!(failure, missing("nonsense"));
    let result = ask(&chain, |r| r.choice.model = Some("flux-schnell".into())).await.expect("it is there");
    assert_eq!(result.provenance.model, "flux-schnell");
    assert_eq!(*fake.asked.lock().unwrap(), ["sdxl-turbo", "nonsense", "flux-schnell"]);
}

#[tokio::test]
async fn named_provider_is_answered_by_that_provider_or_fails() {
    let remote = Arc::new(Fake::new("mine", &["large"]));
    let chain = chain("local:sdxl-turbo,mine,local:demo", vec![Arc::new(local()), remote]);
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
    let chain = chain("local:sdxl-turbo,mine", vec![Arc::new(fake), remote.clone()]);
    let failure = ask(&chain, |r| r.choice.local_only = true).await.expect_err("only a broken one is left");
    assert_eq!(failure.class(), "exhausted");
    assert!(remote.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn failure_that_others_would_repeat_stops_the_chain() {
    let invalid = Failure::invalid("prompt", "no");
    let fake = Arc::new(local().failing("sdxl-turbo", invalid.clone()));
    let chain = chain("local:sdxl-turbo,local:demo", vec![fake.clone()]);
    assert_eq!(ask(&chain, |_| {}).await, Err(invalid));
    assert_eq!(*fake.asked.lock().unwrap(), ["sdxl-turbo"]);
}

#[tokio::test]
async fn nobody_could_answer_lists_every_attempt() {
    let fake = local().failing("sdxl-turbo", missing("sdxl-turbo")).failing("demo", crashed());
    let chain = chain("local:sdxl-turbo,hf,local:demo", vec![Arc::new(fake)]);
    let Err(Failure::Exhausted { attempts }) = ask(&chain, |_| {}).await else { panic!("somebody answered") };
    let said: Vec<(&str, &str)> = attempts.iter().map(|a| (a.provider.as_str(), a.failure.class())).collect();
    assert_eq!(said, [("local", "missing"), ("hf", "missing"), ("local", "crashed")]);
}

#[tokio::test]
async fn cancelled_request_asks_nobody_further() {
    let fake = Arc::new(local());
    let chain = chain("local:sdxl-turbo", vec![fake.clone()]);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let answer = chain.ask(&ImageRequest::new("a cat").into(), &Watch::new(cancel).0, &Unwritten).await.result;
    assert_eq!(answer, Err(Failure::Cancelled));
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[test]
fn cards_come_in_the_order_of_the_route() {
    let remote = Arc::new(Fake::new("mine", &["large"]));
    let chain = chain("local:flux-schnell,mine,local:demo", vec![Arc::new(local()), remote]);
    let names: Vec<String> = chain.cards().into_iter().map(|card| card.name).collect();
    assert_eq!(names, ["flux-schnell", "large", "demo", "sdxl-turbo"]);
}

#[tokio::test]
async fn somebody_who_is_only_busy_is_worth_waiting_for() {
    let busy = Failure::Busy { message: "too much to do".to_owned(), retry_after_s: Some(7) };
    let fake = Arc::new(local().failing("sdxl-turbo", missing("sdxl-turbo")).failing("demo", busy.clone()));
    let chain = chain("local:sdxl-turbo,local:demo", vec![fake]);
    assert_eq!(ask(&chain, |_| {}).await.expect_err("nobody can"), busy);
}
