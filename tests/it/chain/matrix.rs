//! The matrix: each provider in each state that a provider can be in. The failure has the right class, the right one is
//! asked next, nothing is handed in twice, and no key is told to anybody else.

use super::houses::{HOUSES, Start, ask_within, film, generate, house, key, usual};
use crate::fakes::{Behaviour, Fake};
use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use samovar::chain::keys::{KeyPools, Supply};
use samovar::chain::{Chain, Reply, Settings, Unwritten, route};
use samovar::media::models::ModelCard;
use samovar::media::{Answered, Failure, Request, Watch};
use samovar::providers::declarative::Declarative;
use samovar::providers::{Call, Key, Manners, Provider};
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a provider may hang before it is given up.
const IMPATIENCE: Duration = Duration::from_millis(400);

/// The columns: those of the issue, then four more.
const COLUMNS: [&str; 19] = [
    "ok",
    "bad_key",
    "payment",
    "rate:17",
    "policy",
    "geo",
    "loading:1",
    "busy",
    "slow:3",
    "hang",
    "cut",
    "malformed",
    "wrong_type",
    "oversized",
    "redirect",
    "foreign",
    "expired",
    "trouble:2",
    "empty",
];

/// What comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It answers all the same.
    Answers,
    /// Its next key is used at once.
    OtherKey,
    /// It is asked again after a moment; with the key that was not used yet.
    Again,
    /// The next provider is asked.
    OtherProvider,
    /// Nobody is.
    Stops,
}

/// What a cell must show, or why there is no such cell.
type Expected = Result<(&'static str, Option<u64>, Then), &'static str>;

fn expected(id: &str, behaviour: Behaviour) -> Expected {
    let polled = id != "openai";
    let fetched = !["openai", "yandex"].contains(&id);
    let broken = Ok(("bad_response", None, Then::OtherProvider));
    match behaviour {
        Behaviour::Ok => Ok(("done", None, Then::Answers)),
        Behaviour::BadKey => Ok(("bad_key", None, Then::OtherKey)),
        Behaviour::Payment => Ok(("payment", None, Then::OtherKey)),
        // Google tells tenths of seconds.
        Behaviour::Rate(after) if id == "google" => Ok(("rate", Some(after + 1), Then::OtherKey)),
        Behaviour::Rate(after) => Ok(("rate", Some(after), Then::OtherKey)),
        Behaviour::Policy if id == "yandex" => Ok(("policy", None, Then::OtherProvider)),
        Behaviour::Policy => Ok(("policy", None, Then::Stops)),
        Behaviour::Geo if ["openai", "google"].contains(&id) => Ok(("geo", None, Then::OtherProvider)),
        Behaviour::Geo => Err("has no words of its own for countries"),
        Behaviour::Loading(after) if ["hf", "fal"].contains(&id) => Ok(("loading", Some(after), Then::Again)),
        Behaviour::Loading(_) => Err("does not tell loading from overload"),
        Behaviour::Busy => Ok(("busy", None, Then::Again)),
        Behaviour::Slow(_) | Behaviour::Trouble(_) if polled => Ok(("done", None, Then::Answers)),
        Behaviour::Slow(_) | Behaviour::Trouble(_) => Err("answers within the call"),
        Behaviour::Hang | Behaviour::Cut => Ok(("timeout", None, Then::OtherProvider)),
        Behaviour::Malformed | Behaviour::WrongType | Behaviour::Empty => broken,
        Behaviour::Oversized | Behaviour::Redirect | Behaviour::Foreign | Behaviour::Expired if fetched => broken,
        _ => Err("sends what it made within the answer"),
    }
}

/// Which request shows this, and of which model where it is not the usual one: some do it only there.
fn shown_by(id: &str, behaviour: Behaviour) -> (Request, Option<&'static str>) {
    use Behaviour::{Expired, Foreign, Oversized, Policy, Redirect, Slow, Trouble};
    match (id, behaviour) {
        ("hf" | "google", Slow(_) | Trouble(_)) | ("google", Oversized | Redirect | Foreign | Expired) => {
            (film(), None)
        }
        ("hf", Policy | Oversized | Redirect | Foreign | Expired) => (generate(), Some("black-forest-labs/FLUX.1-dev")),
        _ => (generate(), None),
    }
}

/// One provider in one state.
struct Cell {
    id: &'static str,
    start: Start,
    word: &'static str,
    number: usize,
}

impl Cell {
    fn behaviour(&self) -> Behaviour {
        Behaviour::named(self.word).unwrap()
    }

    /// The key in that state, and one that works. Each is seen in this cell only.
    fn keys(&self) -> [String; 2] {
        let number = self.number;
        [format!("hf_first-secret-{number:03}@{}", self.word), format!("hf_second-secret-{number:03}@ok")]
    }

    /// The one who is asked next.
    fn next(&self, request: &Request) -> (&'static str, Fake) {
        match (request, self.id) {
            (Request::VideoGenerate(_), _) => ("fal", Fake::fal()),
            (_, "openai") => ("google", Fake::google()),
            _ => ("openai", Fake::openai()),
        }
    }

    async fn run(&self, (class, after, then): (&'static str, Option<u64>, Then)) {
        self.alone(class, after).await;
        self.among_others(class, then).await;
    }

    /// The provider by itself: the class of its failure, and when to come again.
    async fn alone(&self, class: &str, after: Option<u64>) {
        let (fake, [first, second]) = ((self.start)(), self.keys());
        let (request, model) = shown_by(self.id, self.behaviour());
        let house = house(self.id, &fake);
        let model = model.map_or_else(|| usual(&house, request.task()), str::to_owned);
        let hangs = self.behaviour() == Behaviour::Hang;
        let timeout = if hangs { IMPATIENCE } else { Duration::from_secs(60) };
        let result = ask_within(&house, &model, &request, &key(self.id, &first), timeout).await;
        let told = match &result {
            Ok(answered) => {
                assert!(request.fits(&answered.content));
                ("done", None)
            }
            Err(failure @ Failure::Remote { retry_after_s, spend_unknown, .. }) => {
                let silent = [Behaviour::Hang, Behaviour::Cut].contains(&self.behaviour());
                assert!(*spend_unknown || !silent, "it may have been paid: {failure:?}");
                assert!(!format!("{failure} {failure:?}").contains("secret"), "{failure:?}");
                (failure.class(), *retry_after_s)
            }
            Err(other) => panic!("not a provider's failure: {other:?}"),
        };
        assert_eq!(told, (class, after), "{result:?}");
        self.one_submit(&fake, &first);
        fake.assert_keys_kept(&[&first, &second]);
    }

    /// Between its own second key and another provider: who answers in the end, and who was asked how often.
    async fn among_others(&self, class: &str, then: Then) {
        let (fake, [first, second]) = ((self.start)(), self.keys());
        let (request, model) = shown_by(self.id, self.behaviour());
        let (next, other) = self.next(&request);
        let third = format!("hf_third-secret-{:03}", self.number);
        let mine = Impatient { house: house(self.id, &fake), hangs: self.behaviour() == Behaviour::Hang };
        let theirs = Impatient { house: house(next, &other), hangs: false };
        let keys = vec![supply(self.id, &[&first, &second]), supply(next, &[&third])];
        let mine_first = model.map_or_else(|| self.id.to_owned(), |model| format!("{}:{model}", self.id));
        let chain =
            chain(&request, &format!("{mine_first},{next}"), vec![Arc::new(mine), Arc::new(theirs)], keys).await;
        let Reply { result, tried } = chain.ask(&request, &Watch::nobody(), &Unwritten).await;
        assert_eq!(tried[0].class, class, "{tried:?}");
        let asked = (fake.submits_of(&first), fake.submits_of(&second), other.submits());
        let expected = match then {
            Then::Answers => (1, 0, 0),
            Then::OtherKey | Then::Again => (1, 1, 0),
            Then::OtherProvider => (1, 0, 1),
            Then::Stops => (1, 0, 0),
        };
        assert_eq!(asked, expected, "{tried:?}");
        match (then, result) {
            (Then::Stops, Err(failure)) => assert_eq!(failure.class(), class),
            (Then::Stops, Ok(answered)) => panic!("{answered:?}"),
            (_, Err(failure)) => panic!("{failure:?}"),
            (_, Ok(answered)) => {
                let by = if then == Then::OtherProvider { next } else { self.id };
                assert_eq!(answered.provenance.provider, by);
                assert_eq!(answered.provenance.fallback_reason.is_some(), then == Then::OtherProvider);
                let said = format!("{:?} {:?}", answered.provenance, answered.notices);
                assert!(!said.contains("secret"), "{said}");
            }
        }
        assert!(!format!("{tried:?}").contains("secret"), "{tried:?}");
        assert_eq!((fake.complaints(), other.complaints()), (vec![], vec![]));
        fake.assert_keys_kept(&[&first, &second, &third]);
        other.assert_keys_kept(&[&first, &second, &third]);
    }

    fn one_submit(&self, fake: &Fake, first: &str) {
        assert_eq!((fake.submits_of(first), fake.submits()), (1, 1));
        assert!(fake.complaints().is_empty(), "{:#?}", fake.complaints());
    }
}

fn supply(id: &str, keys: &[&str]) -> Supply {
    let keys = keys.iter().map(|value| key(id, value)).collect();
    Supply { provider: id.to_owned(), keyed: true, concurrency: 4, keys }
}

async fn chain(request: &Request, links: &str, houses: Vec<Arc<dyn Provider>>, keys: Vec<Supply>) -> Chain {
    let routes = BTreeMap::from([(request.task().to_owned(), route::parse(links).unwrap())]);
    let budget = Duration::from_secs(120);
    let settings = Settings { routes, allow_paths: false, local_queue: 0, budget };
    Chain::new(settings, houses, KeyPools::open(None, keys, None).await.unwrap()).unwrap()
}

/// A provider that is not waited for as long as it would like, where it hangs.
struct Impatient {
    house: Declarative,
    hangs: bool,
}

#[async_trait]
impl Provider for Impatient {
    fn id(&self) -> &str {
        self.house.id()
    }

    fn title(&self) -> &str {
        self.house.title()
    }

    fn models(&self) -> Vec<ModelCard> {
        self.house.models()
    }

    fn manners(&self) -> Manners {
        let manners = self.house.manners();
        if self.hangs { Manners { patience: IMPATIENCE, ..manners } } else { manners }
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        self.house.answer(call).await
    }

    async fn probe(&self, key: Option<&Key>) -> Result<(), Failure> {
        self.house.probe(key).await
    }
}

/// What was logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_provider_in_every_state() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let mut cells = Vec::new();
    for (id, start) in HOUSES {
        for word in COLUMNS {
            cells.push(Cell { id, start, word, number: cells.len() });
        }
    }
    let marks: Vec<(usize, &str)> = stream::iter(&cells)
        .map(|cell| async move {
            let mark = match expected(cell.id, cell.behaviour()) {
                Err(_) => "-",
                Ok(expected) => match AssertUnwindSafe(cell.run(expected)).catch_unwind().await {
                    Ok(()) => "ok",
                    Err(_) => {
                        println!("the cell {} × {} failed", cell.id, cell.word);
                        "FAILED"
                    }
                },
            };
            (cell.number, mark)
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let marks: BTreeMap<usize, &str> = marks.into_iter().collect();
    let (passed, total) = shown(&cells, &marks);
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    // The fakes repeat a bad key in their answers: those words were logged, and without it.
    assert!(log.contains("the provider refused") && log.contains("[key]"), "the log was not kept");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("-secret-")).collect();
    assert!(told.is_empty(), "keys stand in the log: {told:#?}");
    assert_eq!(passed, total);
}

/// Prints the table and why some of it is empty; tells how many cells there are and how many are right.
fn shown(cells: &[Cell], marks: &BTreeMap<usize, &str>) -> (usize, usize) {
    println!("{:<12}{}", "", HOUSES.map(|(id, _)| format!("{id:<11}")).concat());
    for (column, word) in COLUMNS.iter().enumerate() {
        let row =
            HOUSES.iter().enumerate().map(|(house, _)| format!("{:<11}", marks[&(house * COLUMNS.len() + column)]));
        println!("{word:<12}{}", row.collect::<String>());
    }
    for cell in cells {
        if let Err(reason) = expected(cell.id, cell.behaviour()) {
            println!("- {} × {}: {} {reason}", cell.id, cell.word, cell.id);
        }
    }
    let passed = marks.values().filter(|mark| **mark == "ok").count();
    let absent = marks.values().filter(|mark| **mark == "-").count();
    let total = cells.len() - absent;
    println!("matrix: {passed} / {total} ({absent} of {} do not apply)", cells.len());
    (passed, total)
}
