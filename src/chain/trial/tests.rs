//! Trials of a provider that answers by the word in its keys.

use super::*;
use crate::chain::Settings;
use crate::chain::keys::{KeyPools, Supply};
use crate::media::models::ModelCard;
use crate::media::providers::Providers;
use crate::media::{Answered, Content, Medium, Provenance, Text};
use crate::providers::{Key, Manners};
use secrecy::ExposeSecret;
use std::collections::BTreeMap;

/// Takes keys with the word "good"; its model `mute` answers with sounds whatever it is asked.
struct Fake {
    keyed: bool,
}

fn by_key(key: Option<&Key>) -> Result<(), Failure> {
    let value = key.map_or("good", |key| key.value.expose_secret());
    let refusals = [("bad", Refusal::BadKey), ("poor", Refusal::Payment), ("quick", Refusal::Rate)];
    let refusal = refusals.into_iter().find(|(word, _)| value.contains(word));
    refusal.map_or(Ok(()), |(_, refusal)| Err(Failure::remote("Fake", refusal)))
}

#[async_trait]
impl Provider for Fake {
    fn id(&self) -> &'static str {
        "fake"
    }

    fn title(&self) -> &'static str {
        "Fake"
    }

    fn models(&self) -> Vec<ModelCard> {
        let card = |name: &str, tasks: &[&str]| ModelCard {
            name: name.to_owned(),
            title: name.to_owned(),
            provider: "fake".to_owned(),
            tasks: tasks.iter().map(ToString::to_string).collect(),
            ready: true,
            created: 0,
            languages: Vec::new(),
            elsewhere: Vec::new(),
            levels: Vec::new(),
            canvas: None,
        };
        vec![card("writer", &["text.translate", "video.generate"]), card("mute", &["text.translate"])]
    }

    fn manners(&self) -> Manners {
        Manners { keyed: self.keyed, concurrency: 1, own_policy: false, patience: Duration::MAX }
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        by_key(call.key)?;
        let content = match call.model {
            "writer" => Content::Text(Text { text: "yes".to_owned(), ..Text::default() }),
            _ => Content::Sound(Medium::new(Vec::new(), "audio/ogg")),
        };
        let (provider, model) = ("fake".to_owned(), call.model.to_owned());
        let provenance = Provenance { provider, model, fallback_reason: None };
        Ok(Answered { content, provenance, notices: Vec::new(), bytes: 0 })
    }

    async fn probe(&self, key: Option<&Key>) -> Result<(), Failure> {
        if key.is_some_and(|key| key.value.expose_secret().contains("silent")) {
            std::future::pending::<()>().await;
        }
        by_key(key)
    }
}

/// A chain of the fake with keys of these words.
async fn chain(keyed: bool, words: &[&str]) -> Chain {
    let key = |word: &&str| Key::new("fake", format!("secret-key-{word}").into(), BTreeMap::new());
    let keys = words.iter().map(key).collect();
    let supply = Supply { provider: "fake".to_owned(), keyed, concurrency: 1, keys };
    let keys = KeyPools::open(None, vec![supply], None).await.expect("no file of keys");
    let budget = Duration::from_secs(600);
    let settings = Settings { routes: BTreeMap::new(), allow_paths: false, local_queue: 1, budget };
    Chain::new(settings, vec![Arc::new(Fake { keyed })], keys).expect("a chain")
}

fn word(result: &Result<(), Failure>) -> &'static str {
    result.as_ref().map_or_else(Failure::class, |()| "ok")
}

async fn keys_of(chain: &Chain) -> Vec<(String, &'static str)> {
    chain.try_keys("fake").await.into_iter().map(|trial| (trial.tail, word(&trial.result))).collect()
}

#[tokio::test(start_paused = true)]
async fn each_key_is_tried_and_what_comes_of_it_counts() {
    let chain = chain(true, &["good", "1bad", "poor", "silent", "1quick"]).await;
    let expected = [("good", "ok"), ("1bad", "bad_key"), ("poor", "payment"), ("lent", "timeout"), ("uick", "rate")];
    assert_eq!(keys_of(&chain).await, expected.map(|(tail, class)| (tail.to_owned(), class)));
    let standings = chain.standings();
    let states: Vec<_> = standings[0].keys.iter().map(|key| (key.tail.as_str(), key.state.as_str())).collect();
    let expected =
        [("good", "ready"), ("1bad", "retired"), ("poor", "retired"), ("lent", "ready"), ("uick", "resting")];
    assert_eq!(states, expected);
    assert_eq!((standings.len(), standings[0].tasks.len()), (1, 2));
    assert_eq!(standings[0].breaker.state, "closed");
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_keys_is_tried_once() {
    let chain = chain(false, &[""]).await;
    assert_eq!(keys_of(&chain).await, [(String::new(), "ok")]);
    assert!(chain.try_keys("nobody").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_model_is_tried_for_what_it_does_but_not_for_films() {
    let chain = chain(true, &["good"]).await;
    let trials = chain.try_models("fake").await;
    let told: Vec<_> = trials
        .iter()
        .map(|trial| (trial.model.as_str(), trial.task.as_str(), trial.result.as_ref().map(word)))
        .collect();
    let expected = [
        ("writer", "text.translate", Some("ok")),
        ("writer", "video.generate", None),
        ("mute", "text.translate", Some("bad_response")),
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn models_are_not_asked_without_a_key() {
    let chain = chain(true, &["1bad"]).await;
    let trials = chain.try_models("fake").await;
    let classes: Vec<_> = trials.iter().filter_map(|trial| trial.result.as_ref().map(word)).collect();
    assert_eq!(classes, ["bad_key", "missing"], "the key is retired by the first answer");
}
