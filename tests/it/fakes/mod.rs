//! Remote providers on this machine, built from what is known of the real ones: their paths, their words, their limits,
//! their ways to fail. A fake counts and keeps every request, and complains of those the real one would refuse.
//!
//! How it behaves is chosen by the key (`hf_first@rate:17`: what stands behind the `@`) or, for keys that do not say,
//! by [`Fake::behave`]. A second origin plays the rest of the world: nothing may ever reach it.

mod asked;
mod behaviour;
mod bytes;
mod fal;
mod google;
mod hf;
mod kie;
mod openai;
mod replicate;
mod reply;
mod server;
mod tests;
mod yandex;

pub use asked::{Asked, Kind, Part};
pub use behaviour::Behaviour;
pub use bytes::{mp4, ogg, png, wav};

use reply::Reply;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// What every transcript of the fakes says.
pub const SPOKEN: &str = "привет мир";
/// What every text of the fakes says.
pub const WRITTEN: &str = "A red apple on a wooden table.";

/// What one provider is like.
trait Character: Send + Sync {
    /// The key of a request, where the provider looks for it.
    fn key(&self, asked: &Asked) -> Option<String>;

    /// What a request is for.
    fn kind(&self, asked: &Asked) -> Kind;

    /// Its words for a failure; `None` where it has none.
    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply>;

    /// Whether its files are fetched with the key.
    fn keeps_files_locked(&self) -> bool {
        false
    }

    /// Its answer to a request with a good key.
    fn answer(&self, house: &House, asked: &Asked) -> Reply;
}

/// A running fake. It ends with this value.
pub struct Fake {
    house: Arc<House>,
    _running: [server::Running; 2],
}

/// What the requests of one fake share.
struct House {
    character: Box<dyn Character>,
    base: String,
    elsewhere: String,
    switch: Mutex<Behaviour>,
    written: Mutex<String>,
    jobs: Mutex<HashMap<String, Job>>,
    asked: Mutex<Vec<Asked>>,
    strayed: Mutex<Vec<Asked>>,
    complaints: Mutex<Vec<String>>,
    released: watch::Sender<bool>,
    count: AtomicU64,
}

/// Something handed in that is asked about until it is done.
#[derive(Debug, Clone)]
struct Job {
    behaviour: Behaviour,
    /// Polls that still find it at work.
    pending: u32,
    /// Polls that are refused before.
    trouble: u32,
    /// What the provider keeps of the call.
    note: Value,
}

/// What a poll finds.
enum Found {
    Trouble(u32),
    Pending,
    Done(Job),
    Nothing,
}

impl Fake {
    /// OpenAI.
    pub fn openai() -> Self {
        Self::start(Box::new(openai::OpenAi))
    }

    /// The router of Hugging Face.
    pub fn hf() -> Self {
        Self::start(Box::new(hf::Hf))
    }

    /// Every host of Yandex Cloud.
    pub fn yandex() -> Self {
        Self::start(Box::new(yandex::Yandex))
    }

    /// fal's queue.
    pub fn fal() -> Self {
        Self::start(Box::new(fal::Fal))
    }

    /// Replicate.
    pub fn replicate() -> Self {
        Self::start(Box::new(replicate::Replicate))
    }

    /// Kie.ai.
    pub fn kie() -> Self {
        Self::start(Box::new(kie::Kie))
    }

    /// Google's Gemini.
    pub fn google() -> Self {
        Self::start(Box::new(google::Google))
    }

    fn start(character: Box<dyn Character>) -> Self {
        let (here, there) = (server::Listener::bind(), server::Listener::bind());
        let house = Arc::new(House {
            character,
            base: here.origin(),
            elsewhere: there.origin(),
            switch: Mutex::new(Behaviour::Ok),
            written: Mutex::new(WRITTEN.to_owned()),
            jobs: Mutex::default(),
            asked: Mutex::default(),
            strayed: Mutex::default(),
            complaints: Mutex::default(),
            released: watch::Sender::new(false),
            count: AtomicU64::new(1),
        });
        let _running = [here.serve(house.clone()), there.serve_strays(house.clone())];
        Self { house, _running }
    }

    /// What `<ID>_BASE_URL` is set to.
    pub fn base_url(&self) -> &str {
        &self.house.base
    }

    /// How it treats keys that do not say it themselves.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.house.switch.lock().unwrap() = behaviour;
    }

    /// What it answers where words are asked for.
    pub fn write(&self, words: &str) {
        words.clone_into(&mut self.house.written.lock().unwrap());
    }

    /// Lets go of the requests that hang: their connections are closed.
    pub fn release(&self) {
        self.house.released.send_replace(true);
    }

    /// Every request, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.house.asked.lock().unwrap().clone()
    }

    /// The requests of one kind.
    pub fn of(&self, kind: Kind) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.kind == kind).collect()
    }

    /// How often work was handed in.
    pub fn submits(&self) -> usize {
        self.of(Kind::Submit).len()
    }

    /// How often work was handed in with this key.
    pub fn submits_of(&self, key: &str) -> usize {
        self.of(Kind::Submit).iter().filter(|asked| asked.key.as_deref() == Some(key)).count()
    }

    /// How often work was asked about.
    pub fn polls(&self) -> usize {
        self.of(Kind::Poll).len()
    }

    /// How often a result was fetched by its address.
    pub fn downloads(&self) -> usize {
        self.of(Kind::Download).len()
    }

    /// The last work that was handed in.
    pub fn last_submit(&self) -> Asked {
        self.of(Kind::Submit).pop().expect("nothing was handed in")
    }

    /// What the real provider would not have taken, and the fake let pass or refused.
    pub fn complaints(&self) -> Vec<String> {
        self.house.complaints.lock().unwrap().clone()
    }

    /// Requests that reached the second origin; there must be none.
    pub fn strayed(&self) -> Vec<Asked> {
        self.house.strayed.lock().unwrap().clone()
    }

    /// Fails the test if one of these keys stands in a url or a body, went along with a download that needs none, or
    /// left for another origin; or if anything else did.
    pub fn assert_keys_kept(&self, keys: &[&str]) {
        let strayed = self.strayed();
        assert!(strayed.is_empty(), "these reached another origin: {strayed:#?}");
        for asked in self.asked() {
            for key in keys {
                let body = String::from_utf8_lossy(&asked.body);
                assert!(!asked.target.contains(key), "a key stands in the url {}", asked.target);
                assert!(!body.contains(key), "a key stands in the body of {}: {body}", asked.target);
                let carried = asked.headers.iter().any(|(_, value)| value.contains(key));
                let needless = asked.path.starts_with("/cdn/") && !self.house.character.keeps_files_locked();
                assert!(!(carried && needless), "a key went along to {}", asked.target);
            }
        }
    }
}

impl House {
    /// A number that no other request has.
    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst)
    }

    /// How a request is to be treated.
    fn behaviour(&self, key: Option<&str>) -> Behaviour {
        key.and_then(Behaviour::of_key).unwrap_or_else(|| *self.switch.lock().unwrap())
    }

    /// Opens a job for a request.
    fn open(&self, asked: &Asked, note: Value) -> String {
        let behaviour = self.behaviour(asked.key.as_deref());
        let (pending, trouble) = match behaviour {
            Behaviour::Slow(polls) => (polls, 0),
            Behaviour::Trouble(polls) => (1, polls),
            _ => (1, 0),
        };
        let id = format!("{:08x}-5a30-4c11-9d7e-{:012x}", self.number() * 0x9e37, self.number());
        self.jobs.lock().unwrap().insert(id.clone(), Job { behaviour, pending, trouble, note });
        id
    }

    /// Asks about a job.
    fn poll(&self, id: &str) -> Found {
        let mut jobs = self.jobs.lock().unwrap();
        let Some(job) = jobs.get_mut(id) else { return Found::Nothing };
        if job.trouble > 0 {
            job.trouble -= 1;
            return Found::Trouble(job.trouble);
        }
        if job.pending > 0 {
            job.pending -= 1;
            return Found::Pending;
        }
        Found::Done(job.clone())
    }

    /// A job as it is, without asking about it.
    fn job(&self, id: &str) -> Option<Job> {
        self.jobs.lock().unwrap().get(id).cloned()
    }

    /// An address of a result.
    fn file(&self, behaviour: Behaviour, extension: &str) -> String {
        let origin = if behaviour == Behaviour::Foreign { &self.elsewhere } else { &self.base };
        format!("{origin}/cdn/{}/{}.{extension}", behaviour.word(), self.number())
    }

    /// Writes down what the real provider would not take.
    fn complain(&self, what: impl Into<String>) {
        self.complaints.lock().unwrap().push(what.into());
    }

    /// What is answered where words are asked for.
    fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }
}
