//! Keys, repetitions, what is never sent twice, who comes next.

use super::*;
use crate::chain::memo::{Current, Remote};
use crate::media::task::TextWrite;
use crate::media::{Level, Refusal};
use serde_json::json;

const KEYS: [&str; 2] = ["the-first-secret-key-1111", "the-second-secret-key-2222"];

fn refused(refusal: Refusal) -> Failure {
    Failure::remote("mine", refusal)
}

fn after(refusal: Refusal, seconds: u64) -> Failure {
    let (provider, status) = ("mine".to_owned(), Some(429));
    Failure::Remote { provider, refusal, retry_after_s: Some(seconds), spend_unknown: false, status }
}

fn cut() -> Failure {
    let (provider, status) = ("mine".to_owned(), None);
    Failure::Remote { provider, refusal: Refusal::Timeout, retry_after_s: None, spend_unknown: true, status }
}

fn mine(says: impl IntoIterator<Item = Failure>) -> Arc<Fake> {
    Arc::new(Fake::new("mine", &["large", "small"]).with_keys(&KEYS).saying("large", says))
}

fn other() -> Arc<Fake> {
    Arc::new(Fake::new("other", &["medium"]).with_keys(&["another-secret-key-3333"]))
}

async fn reply(chain: &Chain, request: impl Into<Request>) -> Reply {
    chain.ask(&request.into(), &Watch::nobody(), &Unwritten).await
}

fn tried(reply: &Reply) -> Vec<String> {
    let line = |tried: &Tried| {
        let key = tried.key.as_deref().unwrap_or("-");
        format!("{}:{} {key} {}", tried.provider, tried.model, tried.class)
    };
    reply.tried.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_followed_by_the_next_and_every_attempt_is_kept() {
    for refusal in [Refusal::BadKey, Refusal::Payment, Refusal::Rate] {
        let mine = mine([refused(refusal), Failure::Cancelled]);
        let chain = chain("mine,other", vec![mine, other()]).await;
        let reply = reply(&chain, ImageRequest::new("a cat")).await;
        let word = refusal.word();
        assert_eq!(tried(&reply), [format!("mine:large 1111 {word}"), "mine:large 2222 done".to_owned()]);
        let answered = reply.result.expect("the second key works");
        assert_eq!(answered.provenance.fallback_reason, None);
    }
}

#[tokio::test(start_paused = true)]
async fn when_every_key_is_refused_the_next_provider_answers_and_the_keys_are_left_alone() {
    let mine = mine([refused(Refusal::BadKey)]);
    let chain = chain("mine,other", vec![mine.clone(), other()]).await;
    for _ in 0..2 {
        let answered = reply(&chain, ImageRequest::new("a cat")).await.result.expect("the other answers");
        let reason = answered.provenance.fallback_reason.expect("a reason");
        assert_eq!((answered.provenance.provider.as_str(), reason.as_str()), ("other", "mine does not accept its key"));
    }
    assert_eq!(mine.asked(), ["large 1111", "large 2222"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_keys_that_refuses_one_is_left_alone_too() {
    for refusal in [Refusal::BadKey, Refusal::Payment, Refusal::Rate] {
        let open = Arc::new(Fake::new("open", &["free"]).failing("free", refused(refusal)));
        let chain = chain("open,other", vec![open.clone(), other()]).await;
        for _ in 0..2 {
            assert_eq!(ask(&chain, |_| {}).await.expect("the other answers").provenance.provider, "other");
        }
        assert_eq!(open.asked(), ["free"], "{refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_one_is_waited_for_when_its_keys_rest_a_moment() {
    let mine = mine([after(Refusal::Rate, 3), after(Refusal::Rate, 3), Failure::Cancelled]);
    let chain = chain("mine", vec![mine.clone()]).await;
    let reply = reply(&chain, ImageRequest::new("a cat")).await;
    assert!(reply.result.is_ok(), "{:?}", reply.result);
    assert_eq!(mine.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_is_repeated_once_among_others_and_three_times_alone() {
    let mine_first = mine([refused(Refusal::Busy)]);
    let among = chain("mine,other", vec![mine_first.clone(), other()]).await;
    let answered = reply(&among, ImageRequest::new("a cat")).await.result.expect("the other answers");
    assert_eq!((answered.provenance.provider.as_str(), mine_first.asked().len()), ("other", 2));

    let mine_alone = mine([refused(Refusal::Busy)]);
    let alone = chain("mine", vec![mine_alone.clone()]).await;
    let reply = reply(&alone, ImageRequest::new("a cat")).await;
    assert_eq!((reply.result.expect_err("it is busy").class(), mine_alone.asked().len()), ("exhausted", 4));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_paid_is_not_sent_there_again() {
    let mine = mine([cut()]);
    let chain = chain("mine,other", vec![mine.clone(), other()]).await;
    let reply = reply(&chain, ImageRequest::new("a cat")).await;
    assert_eq!(tried(&reply), ["mine:large 1111 timeout", "other:medium 3333 done"]);
    assert_eq!((reply.tried[0].spend_unknown, mine.asked().len()), (true, 1));
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_content_stops_unless_the_rules_are_the_providers_own() {
    let common = chain("mine,other", vec![mine([refused(Refusal::Policy)]), other()]).await;
    assert_eq!(ask(&common, |_| {}).await, Err(refused(Refusal::Policy)));
    let strict = Fake::new("mine", &["large"]).with_keys(&KEYS).failing("large", refused(Refusal::Policy));
    let strict = Arc::new(Fake { own_policy: true, ..strict });
    let own = chain("mine,other", vec![strict, other()]).await;
    assert_eq!(ask(&own, |_| {}).await.expect("the other answers").provenance.provider, "other");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_gone_is_replaced_by_the_next_of_the_same_provider_and_not_asked_again() {
    let mine = mine([refused(Refusal::Gone)]);
    let chain = chain("mine,other", vec![mine.clone(), other()]).await;
    for _ in 0..2 {
        let answered = ask(&chain, |_| {}).await.expect("another model of it");
        assert_eq!((answered.provenance.provider.as_str(), answered.provenance.model.as_str()), ("mine", "small"));
    }
    assert_eq!(mine.asked(), ["large 1111", "small 2222", "small 1111"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_keeps_failing_rests_and_is_tried_again() {
    let mine = mine([refused(Refusal::BadResponse)]);
    let chain = chain("mine,other", vec![mine.clone(), other()]).await;
    for _ in 0..8 {
        assert!(ask(&chain, |_| {}).await.is_ok());
    }
    assert_eq!(mine.asked().len(), 5);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(ask(&chain, |_| {}).await.is_ok());
    assert_eq!(mine.asked().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_named_local_model_that_cannot_answer_is_answered_by_the_same_model_elsewhere() {
    let local = Fake { elsewhere: vec!["other:medium", "mine:large"], ..local() };
    let local = Arc::new(local.failing("flux-schnell", crashed()));
    let fakes = vec![local, mine([Failure::Cancelled]), other()];
    let chain = chain("local:sdxl-turbo,local:demo", fakes).await;
    let answered = ask(&chain, |r| r.choice.model = Some("flux-schnell".into())).await.expect("a remote answers");
    assert_eq!((answered.provenance.provider.as_str(), answered.provenance.model.as_str()), ("other", "medium"));
    assert!(answered.provenance.fallback_reason.is_some_and(|reason| reason.contains("signal 11")));
}

#[tokio::test(start_paused = true)]
async fn a_star_stands_for_everybody_else_who_has_a_key_and_does_the_task() {
    let film = Arc::new(Fake { tasks: vec!["video.generate"], ..Fake::new("film", &["reel"]) });
    let fakes = vec![Arc::new(local()), keyless("unpaid"), film, mine([Failure::Cancelled]), other()];
    let chain = chain("other,*,local:demo", fakes).await;
    let links = chain.links(&ImageRequest::new("a cat").into()).expect("links");
    let words: Vec<String> = links.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["other", "mine", "local:demo"]);
}

#[tokio::test(start_paused = true)]
async fn an_old_name_of_a_model_is_todays_and_is_said() {
    let chain = chain("mine", vec![mine([Failure::Cancelled])]).await;
    assert!(chain.knows("old") && !chain.knows("never"));
    let answered = ask(&chain, |r| r.choice.model = Some("old".into())).await.expect("an answer");
    assert_eq!(answered.provenance.model, "large");
    assert_eq!(answered.notices, ["old was asked for; mine:large answered"]);
}

#[tokio::test(start_paused = true)]
async fn a_russian_prompt_is_translated_once_for_a_model_that_reads_english() {
    let english = Arc::new(Fake { languages: vec!["en"], ..Fake::new("mine", &["large"]).with_keys(&KEYS) });
    let translator =
        Fake { tasks: vec!["text.translate"], text: " a red apple ", ..Fake::new("words", &["dictionary"]) };
    let translator = Arc::new(translator.with_keys(&["words-secret-key-4444"]));
    let routes = [("image.generate", "mine"), ("text.translate", "words")];
    let chain = chain_of(&routes, vec![english.clone(), translator.clone()]).await;
    for _ in 0..2 {
        let reply = reply(&chain, ImageRequest::new("красное яблоко")).await;
        assert_eq!(reply.result.expect("a picture").notices, Vec::<String>::new());
    }
    assert_eq!(english.asked(), ["large 1111 a red apple", "large 2222 a red apple"]);
    assert_eq!(translator.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_translator_the_prompt_goes_as_it_is_and_that_is_said() {
    let english = Arc::new(Fake { languages: vec!["en"], ..Fake::new("mine", &["large"]).with_keys(&KEYS) });
    let broken = Fake { tasks: vec!["text.translate"], ..Fake::new("words", &["dictionary"]) };
    let broken = broken.with_keys(&["words-secret-key-4444"]).failing("dictionary", refused(Refusal::Invalid));
    for (fake, why) in [(None, "no translator is set up"), (Some(Arc::new(broken)), "no translator answered")] {
        let route = if fake.is_some() { "words" } else { "mine" };
        let fakes = std::iter::once(english.clone()).chain(fake).collect();
        let chain = chain_of(&[("image.generate", "mine"), ("text.translate", route)], fakes).await;
        let answered = reply(&chain, ImageRequest::new("красное яблоко")).await.result.expect("a picture");
        assert!(answered.notices[0].contains(why), "{:?}", answered.notices);
        assert!(english.asked().last().is_some_and(|asked| asked.ends_with("красное яблоко")));
    }
}

#[tokio::test(start_paused = true)]
async fn too_short_a_prompt_is_asked_for_once_more_then_of_the_next() {
    let short = Fake { tasks: vec!["text.write"], text: "a cat", ..Fake::new("mine", &["large"]).with_keys(&KEYS) };
    let text: &'static str = Box::leak("A cat sleeps on a warm stone. ".repeat(50).into_boxed_str());
    let long = Arc::new(Fake { tasks: vec!["text.write"], text, ..Fake::new("other", &["medium"]) });
    let short = Arc::new(short);
    let chain = chain_of(&[("text.write", "mine,other")], vec![short.clone(), long]).await;
    let wish = TextWrite { prompt: "a cat".into(), ..TextWrite::default() };
    let answered = reply(&chain, wish).await.result.expect("the other writes");
    let text = answered.content.text().expect("a text").text;
    assert_eq!((answered.provenance.provider.as_str(), short.asked().len()), ("other", 2));
    assert!(text.chars().count() >= 1000 && text.ends_with("stone."), "{text}");
}

/// Remembers what the chain notes, and what an earlier attempt has left.
#[derive(Default)]
struct Noted {
    left: Option<Remote>,
    notes: Mutex<Vec<Remote>>,
}

#[async_trait]
impl Memo for Noted {
    fn kept(&self) -> Option<Remote> {
        self.left.clone()
    }

    async fn keep(&self, remote: &Remote) -> Result<(), Failure> {
        self.notes.lock().expect("no panic before").push(remote.clone());
        Ok(())
    }
}

fn begun(state: Option<Value>) -> Noted {
    let key = Key::new("mine", KEYS[1].into(), BTreeMap::new()).id;
    let current = Current { provider: "mine".into(), model: "large".into(), key: Some(key), state };
    Noted { left: Some(Remote { spent: Vec::new(), current: Some(current) }), ..Noted::default() }
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_gone_on_with_by_the_same_key_and_nothing_is_submitted() {
    let mine = mine([Failure::Cancelled]);
    let chain = chain("other,mine", vec![mine.clone(), other()]).await;
    let memo = begun(Some(json!({"id": 7})));
    let reply = chain.ask(&ImageRequest::new("a cat").into(), &Watch::nobody(), &memo).await;
    assert_eq!(reply.result.expect("it is done").provenance.provider, "mine");
    assert_eq!(mine.asked(), ["large 2222 resumed {\"id\":7}"]);
    assert!(memo.notes.lock().expect("no panic before").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_perhaps_taken_before_a_crash_is_not_sent_there_again() {
    let mine = mine([Failure::Cancelled]);
    let chain = chain("mine,other", vec![mine.clone(), other()]).await;
    let memo = begun(None);
    let reply = chain.ask(&ImageRequest::new("a cat").into(), &Watch::nobody(), &memo).await;
    assert_eq!(tried(&reply), ["mine:large - timeout", "other:medium 3333 done"]);
    assert!(reply.tried[0].spend_unknown && mine.asked().is_empty());
    let notes = memo.notes.lock().expect("no panic before");
    let last = notes.last().expect("the other was noted before it was asked");
    assert_eq!(last.spent, ["mine"]);
    assert_eq!(last.current.as_ref().map(|current| current.provider.as_str()), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn a_clear_refusal_leaves_nothing_that_would_bar_the_provider_after_a_crash() {
    let mine = mine([refused(Refusal::Invalid)]);
    let chain = chain("mine", vec![mine]).await;
    let memo = Noted::default();
    let reply = chain.ask(&ImageRequest::new("a cat").into(), &Watch::nobody(), &memo).await;
    assert!(reply.result.is_err());
    assert_eq!(memo.notes.lock().expect("no panic before").last(), Some(&Remote::default()));
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_keys_are_dead_is_not_counted_on() {
    let mine = mine([refused(Refusal::Payment)]);
    let fakes = vec![Arc::new(local().failing("demo", crashed())), mine, other()];
    let chain = chain("other,mine,local:demo", fakes).await;
    let request = Request::from(ImageRequest::new("a cat"));
    let link = "mine".parse::<Link>().expect("a link");
    assert!(chain.could(&link, &request));
    let mut named = ImageRequest::new("a cat");
    named.choice.provider = Some("mine".into());
    let failure = reply(&chain, named).await.result.expect_err("no money");
    assert_eq!((failure.class(), chain.could(&link, &request)), ("payment", false));
    let mut again = ImageRequest::new("a cat");
    again.choice.provider = Some("mine".into());
    assert_eq!(reply(&chain, again).await.result.expect_err("no money still").class(), "payment");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_not_for_a_level_is_not_asked_for_it() {
    let costly = Arc::new(Fake { levels: vec!["admin"], ..Fake::new("mine", &["large"]).with_keys(&KEYS) });
    let chain = chain("mine,other", vec![costly, other()]).await;
    for (level, who) in [(Level::User, "other"), (Level::Admin, "mine")] {
        let answered = ask(&chain, |r| r.choice.level = Some(level)).await.expect("an answer");
        assert_eq!(answered.provenance.provider, who, "{level}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_once_is_never_taken_for_at_once() {
    let mine = mine([after(Refusal::Rate, 0)]);
    let chain = chain("mine,other", vec![mine.clone(), other()]).await;
    let answered = ask(&chain, |_| {}).await.expect("the other answers");
    assert_eq!((answered.provenance.provider.as_str(), mine.asked().len()), ("other", 2));
}

#[tokio::test(start_paused = true)]
async fn whoever_names_this_machine_is_not_translated_elsewhere() {
    let english = Arc::new(Fake { languages: vec!["en"], ..local() });
    let translator = Fake { tasks: vec!["text.translate"], ..Fake::new("words", &["dictionary"]) };
    let translator = Arc::new(translator.with_keys(&["words-secret-key-4444"]));
    let routes = [("image.generate", "local:demo"), ("text.translate", "words")];
    let chain = chain_of(&routes, vec![english.clone(), translator.clone()]).await;
    let mut request = ImageRequest::new("красное яблоко");
    request.choice.provider = Some("local".into());
    assert!(reply(&chain, request).await.result.is_ok());
    assert!(translator.asked().is_empty());
}

#[tokio::test]
async fn a_request_that_cannot_be_noted_is_not_sent() {
    struct Broken;
    #[async_trait]
    impl Memo for Broken {
        fn kept(&self) -> Option<Remote> {
            None
        }
        async fn keep(&self, _: &Remote) -> Result<(), Failure> {
            Err(Failure::Unavailable { message: "the database is away".into() })
        }
    }
    let chain = chain("mine", vec![mine([Failure::Cancelled])]).await;
    let reply = chain.ask(&ImageRequest::new("a cat").into(), &Watch::nobody(), &Broken).await;
    assert_eq!(reply.result.expect_err("nothing was sent").class(), "unavailable");
}
