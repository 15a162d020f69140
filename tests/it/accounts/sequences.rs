//! Whatever happens in whatever order, the ledger adds up and the free units hold.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        who: usize,
        units: u32,
        flux: bool,
    },
    /// Of a job that was reserved before, if there is one.
    Charge(usize),
    Release(usize),
    TopUp {
        who: usize,
        amount: i64,
        once: u8,
    },
    NextDay,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 1..6_u32, any::<bool>()).prop_map(|(who, units, flux)| Step::Reserve { who, units, flux }),
        2 => any::<usize>().prop_map(Step::Charge),
        2 => any::<usize>().prop_map(Step::Release),
        1 => (0..3_usize, -4000..4000_i64, 0..4_u8).prop_map(|(who, amount, once)| Step::TopUp { who, amount, once }),
        1 => Just(Step::NextDay),
    ]
}

async fn play(database: Database, steps: &[Step]) {
    let owners = [anna(), Owner::key("bert", Level::Subscriber), Owner::key("boss", Level::Admin)];
    let limits = [3, 5, u32::MAX];
    let books = Books::new(database.db.clone(), settings());
    let mut jobs: Vec<JobId> = Vec::new();
    // What each account must have, by a book of our own.
    let mut balances = BTreeMap::new();
    let mut held: BTreeMap<JobId, (usize, i64)> = BTreeMap::new();
    let mut used_keys = BTreeMap::new();
    let job_at = |jobs: &[JobId], at: usize| (!jobs.is_empty()).then(|| jobs[at % jobs.len()]);
    for step in steps {
        match step {
            Step::Reserve { who, units, flux } => {
                let job = JobId::fresh();
                let model = flux.then_some("flux-schnell");
                let balance = balances.get(who).copied().unwrap_or(3000);
                match books.reserve(&owners[*who], job, *units, model).await {
                    Ok(Reserved { price, .. }) => {
                        balances.insert(*who, balance - price);
                        held.insert(job, (*who, price));
                        jobs.push(job);
                    }
                    Err(Failure::Quota { price, balance: said, .. }) => {
                        assert!(price > balance && said == balance, "{price} {said} {balance}");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            Step::Charge(at) => {
                if let Some(job) = job_at(&jobs, *at) {
                    books.charge(job).await;
                    held.remove(&job);
                }
            }
            Step::Release(at) => {
                if let Some(job) = job_at(&jobs, *at) {
                    books.release(job).await;
                    if let Some((who, price)) = held.remove(&job) {
                        *balances.get_mut(&who).unwrap() += price;
                    }
                }
            }
            Step::TopUp { who, amount, once } => {
                let balance = balances.get(who).copied().unwrap_or(3000);
                let done = books.top_up(&owners[*who], *amount, &format!("key-{once}")).await;
                let free_key = !used_keys.contains_key(once);
                if free_key && *amount != 0 && balance + amount >= 0 {
                    assert_eq!(done, Ok(balance + amount));
                    used_keys.insert(*once, (*who, *amount));
                    balances.insert(*who, balance + amount);
                } else {
                    assert_eq!(done.is_ok(), used_keys.get(once) == Some(&(*who, *amount)));
                }
            }
            Step::NextDay => database.clock.jump(86_400_000),
        }
        books.assert_exact().await;
        for (who, owner) in owners.iter().enumerate() {
            assert_eq!(books.balance(owner).await, balances.get(&who).copied().unwrap_or(3000), "{owner:?}");
            assert!(books.used(owner).await <= limits[who], "{owner:?}");
        }
    }
}

/// A runtime for a test that is not async itself.
fn run(steps: &[Step]) {
    tokio::runtime::Runtime::new().unwrap().block_on(on_every_database(async |database| play(database, steps).await));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_adds_up_after_every_step(steps in proptest::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}
