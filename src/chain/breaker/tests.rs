//! The breaker step by step, and against a model of it that keeps a list of what happened.

use super::*;
use proptest::prelude::*;

const ID: &str = "fal";

/// Breakers and a clock of their own.
struct Desk {
    breakers: Breakers,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        Self { breakers: Breakers::default(), now: Instant::now() }
    }

    fn allow(&self) -> Result<Pass, u64> {
        self.breakers.allow(ID, self.now).map_err(|rests| rests.as_secs())
    }

    fn call(&self, outcome: Outcome) {
        self.allow().expect("it may be asked").report(outcome, self.now);
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Fails until it rests.
    fn opened() -> Self {
        let desk = Self::new();
        (0..FAILURES).for_each(|_| desk.call(Outcome::Fails));
        desk
    }

    fn state(&self) -> (String, u32) {
        let BreakerView { state, failures, .. } = self.breakers.view(ID, self.now);
        (state, failures)
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
    let desk = Desk::new();
    (0..4).for_each(|_| desk.call(Outcome::Fails));
    desk.call(Outcome::Works);
    (0..4).for_each(|_| desk.call(Outcome::Fails));
    assert_eq!(desk.state(), ("closed".to_owned(), 4));
    desk.call(Outcome::Nothing);
    desk.call(Outcome::Fails);
    assert_eq!((desk.state(), desk.allow().err()), (("open".to_owned(), 5), Some(30)));
    assert!(desk.breakers.allow("another", desk.now).is_ok());
}

#[test]
fn one_may_try_when_the_rest_is_over() {
    let mut desk = Desk::opened();
    desk.wait(29);
    assert_eq!(desk.allow().err(), Some(1));
    desk.wait(1);
    assert_eq!((desk.state().0, desk.breakers.rests_for(ID, desk.now)), ("half_open".to_owned(), None));
    let trying = desk.allow().expect("the rest is over");
    assert_eq!((desk.allow().err(), desk.breakers.rests_for(ID, desk.now)), (Some(1), Some(SHORTLY)));
    trying.report(Outcome::Works, desk.now);
    let many: Vec<_> = (0..10).map(|_| desk.allow()).collect();
    assert!(many.iter().all(Result::is_ok));
    assert_eq!(desk.state(), ("closed".to_owned(), 0));
}

#[test]
fn rests_double_up_to_ten_minutes_and_begin_anew_after_an_answer() {
    let mut desk = Desk::opened();
    for rest in [30, 60, 120, 240, 480, 600, 600] {
        assert_eq!(desk.allow().err(), Some(rest));
        desk.wait(rest);
        desk.call(Outcome::Fails);
    }
    desk.wait(600);
    desk.call(Outcome::Works);
    (0..FAILURES).for_each(|_| desk.call(Outcome::Fails));
    assert_eq!(desk.allow().err(), Some(30));
}

#[test]
fn whoever_tries_and_learns_nothing_lets_another_one_try() {
    let mut desk = Desk::opened();
    desk.wait(30);
    drop(desk.allow().expect("a try that is cancelled"));
    desk.call(Outcome::Nothing);
    desk.call(Outcome::Works);
    assert_eq!(desk.state(), ("closed".to_owned(), 0));
}

#[test]
fn calls_of_before_the_rest_do_not_decide_for_the_one_that_tries() {
    let mut desk = Desk::new();
    let late: Vec<_> = (0..3).map(|_| desk.allow().expect("closed")).collect();
    (0..FAILURES).for_each(|_| desk.call(Outcome::Fails));
    desk.wait(30);
    let trying = desk.allow().expect("the rest is over");
    for (late, outcome) in late.into_iter().zip([Outcome::Fails, Outcome::Works, Outcome::Nothing]) {
        late.report(outcome, desk.now);
        assert_eq!(desk.allow().err(), Some(1), "{outcome:?}");
    }
    trying.report(Outcome::Works, desk.now);
    assert_eq!(desk.state(), ("closed".to_owned(), 0));
}

#[test]
fn a_country_that_is_not_served_parks_it_for_an_hour() {
    let mut desk = Desk::new();
    desk.call(Outcome::Abroad);
    assert_eq!(desk.allow().err(), Some(3600));
    desk.wait(3600);
    desk.call(Outcome::Abroad);
    assert_eq!(desk.allow().err(), Some(3600));
    desk.wait(3600);
    desk.call(Outcome::Works);
    assert_eq!(desk.state(), ("closed".to_owned(), 0));
}

#[test]
fn classes_tell_what_they_tell() {
    for (class, outcome) in [
        ("busy", Outcome::Fails),
        ("timeout", Outcome::Fails),
        ("bad_response", Outcome::Fails),
        ("crashed", Outcome::Fails),
        ("geo", Outcome::Abroad),
        ("rate", Outcome::Works),
        ("policy", Outcome::Works),
        ("done", Outcome::Works),
        ("cancelled", Outcome::Nothing),
        ("out_of_memory", Outcome::Nothing),
    ] {
        assert_eq!(Outcome::of(class), outcome, "{class}");
    }
}

/// What may happen to a breaker.
#[derive(Debug, Clone, Copy)]
enum Event {
    Begin,
    /// The oldest or the latest call that is under way ends.
    End {
        latest: bool,
        outcome: Outcome,
    },
    /// The same, without a word.
    Drop {
        latest: bool,
    },
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Fails), 1 => Just(Outcome::Works), 1 => Just(Outcome::Nothing), 1 => Just(Outcome::Abroad)
    ];
    let event = prop_oneof![
        4 => Just(Event::Begin),
        4 => (any::<bool>(), outcome).prop_map(|(latest, outcome)| Event::End { latest, outcome }),
        1 => any::<bool>().prop_map(|latest| Event::Drop { latest }),
        1 => prop_oneof![Just(1), Just(29), Just(30), Just(60), Just(700), Just(3600)].prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 1..200)
}

/// The same rules, told by the history: what opened it, since when, and which calls count.
#[derive(Default)]
struct Model {
    /// Calls that began before this moment's state are history.
    since: usize,
    /// Failures without an answer in between.
    failures: u32,
    /// Openings without an answer in between, those for the country aside.
    openings: u32,
    opened_until: Option<u64>,
    trying: Option<usize>,
}

impl Model {
    fn may_begin(&self, now: u64) -> bool {
        self.opened_until.is_none_or(|until| now >= until && self.trying.is_none())
    }

    fn begin(&mut self, call: usize) {
        if self.opened_until.is_some() {
            (self.trying, self.since) = (Some(call), call);
        }
    }

    fn end(&mut self, call: usize, outcome: Outcome, now: u64, next: usize) {
        let counts = call >= self.since && (self.opened_until.is_none() || self.trying == Some(call));
        match outcome {
            Outcome::Abroad => self.open(now + 3600, next),
            _ if !counts => {}
            Outcome::Works => {
                if self.opened_until.is_some() {
                    self.since = next;
                }
                (self.failures, self.openings, self.opened_until, self.trying) = (0, 0, None, None);
            }
            Outcome::Fails => {
                self.failures += 1;
                if self.opened_until.is_some() || self.failures >= 5 {
                    self.open(now + (30 << self.openings.min(5)).min(600), next);
                    self.openings += 1;
                }
            }
            Outcome::Nothing => self.trying = None,
        }
    }

    fn open(&mut self, until: u64, next: usize) {
        (self.opened_until, self.trying, self.since) = (Some(until), None, next);
    }
}

proptest! {
    #[test]
    fn it_does_what_its_model_does(events in events()) {
        let (mut desk, mut model, mut now, mut calls) = (Desk::new(), Model::default(), 0, 0);
        let mut under_way: Vec<(usize, Pass)> = Vec::new();
        for event in events {
            let end = |under_way: &mut Vec<(usize, Pass)>, latest: bool| {
                let at = if latest { under_way.len().checked_sub(1) } else { Some(0) };
                at.filter(|at| *at < under_way.len()).map(|at| under_way.remove(at))
            };
            match event {
                Event::Begin => {
                    let pass = desk.allow();
                    prop_assert_eq!(pass.is_ok(), model.may_begin(now));
                    if let Ok(pass) = pass {
                        model.begin(calls);
                        under_way.push((calls, pass));
                        calls += 1;
                    }
                }
                Event::End { latest, outcome } => {
                    if let Some((call, pass)) = end(&mut under_way, latest) {
                        pass.report(outcome, desk.now);
                        model.end(call, outcome, now, calls);
                    }
                }
                Event::Drop { latest } => {
                    if let Some((call, pass)) = end(&mut under_way, latest) {
                        drop(pass);
                        model.end(call, Outcome::Nothing, now, calls);
                    }
                }
                Event::Wait(seconds) => {
                    desk.wait(seconds);
                    now += seconds;
                }
            }
        }
    }
}
