//! Key pools in memory, on a clock that stands still until everybody waits.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;
use tokio::time::advance;

const HOUR: Duration = Duration::from_secs(3600);

fn supply(provider: &str, concurrency: usize, keys: &[&str]) -> Supply {
    let key = |value: &&str| Key::new(provider, format!("{provider}-secret-{value}").into(), BTreeMap::new());
    Supply { provider: provider.to_owned(), keyed: true, concurrency, keys: keys.iter().map(key).collect() }
}

/// Pools of one provider.
async fn pools(concurrency: usize, keys: &[&str]) -> KeyPools {
    KeyPools::open(None, vec![supply("fal", concurrency, keys)], None).await.expect("pools")
}

async fn take(pools: &KeyPools) -> Result<Taken, NoKey> {
    pools.take("fal", &CancellationToken::new()).await
}

/// The end of the key that is next; it is given back at once.
async fn next(pools: &KeyPools) -> String {
    take(pools).await.expect("a key").key.tail()
}

async fn report(pools: &KeyPools, verdict: Verdict) {
    let taken = take(pools).await.expect("a key");
    pools.report(&taken.key, verdict).await;
}

/// Whether nobody gets a key for now.
async fn waits(pools: &KeyPools) -> bool {
    tokio::time::timeout(Duration::from_millis(1), take(pools)).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_key_is_next() {
    let pools = pools(2, &["aaaa", "bbbb", "cccc"]).await;
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(next(&pools).await);
    }
    assert_eq!(order, ["aaaa", "bbbb", "cccc", "aaaa"]);
    let held = take(&pools).await.expect("a key");
    assert_eq!(
        (held.key.tail(), next(&pools).await, next(&pools).await),
        ("bbbb".into(), "cccc".into(), "aaaa".into())
    );
    assert_eq!(next(&pools).await, "bbbb", "a key with a free place, though it is in use");
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_keys_has_one_place_of_its_own() {
    let keyless = Supply { keyed: false, ..supply("fal", 1, &[""]) };
    let pools = KeyPools::open(None, vec![keyless], None).await.expect("pools");
    let taken = take(&pools).await.expect("its place");
    assert!(taken.secret().is_none() && waits(&pools).await && pools.supplied("fal"));
    assert_eq!(pools.view()[0].tail, "");
    drop(taken);
    report(&pools, Verdict::Rate { after: None }).await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::Resting { after: Duration::from_secs(20) }));
}

#[tokio::test(start_paused = true)]
async fn without_a_key_there_is_none() {
    let pools = pools(1, &[]).await;
    assert_eq!((take(&pools).await.err(), pools.supplied("fal")), (Some(NoKey::None), false));
    let unknown = pools.take("hf", &CancellationToken::new()).await;
    assert_eq!((unknown.err(), pools.supplied("hf")), (Some(NoKey::None), false));
}

#[tokio::test(start_paused = true)]
async fn the_same_key_twice_counts_once() {
    let pools = pools(1, &["aaaa", "bbbb", "aaaa"]).await;
    assert_eq!(pools.view().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_came_first_is_served_first_when_a_place_is_free() {
    let pools = pools(1, &["aaaa", "bbbb"]).await;
    let held = [take(&pools).await.expect("a key"), take(&pools).await.expect("another")];
    let (served, mut waiting) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for place in 0..20 {
        let (pools, served) = (pools.clone(), Arc::clone(&served));
        waiting.spawn(async move {
            let taken = take(&pools).await.expect("a key");
            assert_eq!(served.fetch_add(1, Ordering::SeqCst), place);
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(taken);
        });
        // Until it waits: the order of coming is the order of the line.
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    assert_eq!(served.load(Ordering::SeqCst), 0);
    drop(held);
    while let Some(ended) = waiting.join_next().await {
        ended.expect("served in its turn");
    }
    assert_eq!(began.elapsed(), Duration::from_secs(10), "two at a time, and never an idle place");
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_nothing_behind() {
    let pools = pools(1, &["aaaa"]).await;
    let held = take(&pools).await.expect("a key");
    let cancel = CancellationToken::new();
    let cancelled = [0, 1].map(|_| {
        let (pools, cancel) = (pools.clone(), cancel.clone());
        tokio::spawn(async move { pools.take("fal", &cancel).await.err() })
    });
    let dropped = tokio::spawn({
        let pools = pools.clone();
        async move { take(&pools).await.err() }
    });
    tokio::task::yield_now().await;
    cancel.cancel();
    dropped.abort();
    for waiter in cancelled {
        assert_eq!(waiter.await.expect("an end"), Some(NoKey::Cancelled));
    }
    assert!(dropped.await.expect_err("aborted").is_cancelled());
    drop(held);
    assert_eq!(pools.view()[0].busy, 0);
    assert_eq!(next(&pools).await, "aaaa");
    assert_eq!(pools.take("fal", &cancel).await.err(), Some(NoKey::Cancelled));
    assert_eq!(pools.view()[0].busy, 0);
}

#[tokio::test(start_paused = true)]
async fn keys_rest_and_come_back() {
    let pools = pools(1, &["aaaa", "bbbb"]).await;
    report(&pools, Verdict::Rate { after: Some(Duration::from_secs(60)) }).await;
    assert_eq!((next(&pools).await, next(&pools).await), ("bbbb".into(), "bbbb".into()));
    report(&pools, Verdict::Rate { after: None }).await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::Resting { after: Duration::from_secs(20) }));
    advance(Duration::from_secs(20)).await;
    let held = take(&pools).await.expect("the one with the shorter rest");
    assert_eq!(held.key.tail(), "bbbb");
    // The only usable key is full: whoever waits gets the other one when its rest is over.
    let began = Instant::now();
    assert_eq!((next(&pools).await.as_str(), began.elapsed()), ("aaaa", Duration::from_secs(40)));
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_learn_that_no_key_is_left() {
    let pools = pools(1, &["aaaa"]).await;
    let held = take(&pools).await.expect("a key");
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let pools = pools.clone();
            tokio::spawn(async move { take(&pools).await.err() })
        })
        .collect();
    tokio::task::yield_now().await;
    pools.report(&held.key, Verdict::BadKey).await;
    for waiter in waiting {
        assert_eq!(waiter.await.expect("an end"), Some(NoKey::Retired));
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_tries_a_retired_key_when_it_is_due() {
    let pools = pools(4, &["aaaa"]).await;
    report(&pools, Verdict::BadKey).await;
    advance(HOUR - Duration::from_secs(1)).await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::Retired));
    advance(Duration::from_secs(1)).await;
    let trying = take(&pools).await.expect("it is due");
    assert_eq!((take(&pools).await.err(), pools.view()[0].state.as_str()), (Some(NoKey::Retired), "trying"));
    drop(trying);
    let again = take(&pools).await.expect("nothing was found out");
    pools.report(&again.key, Verdict::BadKey).await;
    drop(again);
    advance(6 * HOUR - Duration::from_secs(1)).await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::Retired));
    advance(Duration::from_secs(1)).await;
    report(&pools, Verdict::Works).await;
    let many: Vec<_> = futures::future::join_all((0..4).map(|_| take(&pools))).await;
    assert!(many.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_retired_key_that_is_due_is_tried_while_others_work() {
    let pools = pools(1, &["aaaa", "bbbb"]).await;
    report(&pools, Verdict::Payment).await;
    assert_eq!((next(&pools).await, next(&pools).await), ("bbbb".into(), "bbbb".into()));
    advance(HOUR / 4).await;
    assert_eq!(next(&pools).await, "aaaa");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_tested_and_works_is_used_again_at_once() {
    let pools = pools(1, &["aaaa"]).await;
    report(&pools, Verdict::Payment).await;
    let key = pools.of("fal").remove(0);
    pools.tested(&key, Verdict::Payment).await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::Retired));
    advance(HOUR / 4).await;
    assert_eq!(next(&pools).await, "aaaa", "the schedule is as it was");
    assert_eq!(pools.view()[0].state, "retired");
    pools.tested(&key, Verdict::Works).await;
    assert_eq!((next(&pools).await.as_str(), pools.view()[0].state.as_str()), ("aaaa", "ready"));
    pools.tested(&key, Verdict::BadKey).await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::Retired));
}

#[tokio::test(start_paused = true)]
async fn keys_of_the_file_come_and_go_while_it_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::new(folder.path().join("keys.toml"));
    let added = |provider: &str, value: &str| {
        let (provider, value) = (provider.to_owned(), value.into());
        file.add(FileKey { provider, value, vars: BTreeMap::new() }).expect("added");
    };
    added("hf", "no-such-provider-here");
    let open = KeyPools::open(None, vec![supply("fal", 1, &["aaaa"])], Some(file.clone())).await;
    let pools = open.expect("pools");
    let tails = || pools.view().into_iter().map(|view| view.tail).collect::<Vec<_>>();
    assert_eq!(tails(), ["aaaa"]);
    report(&pools, Verdict::Payment).await;
    added("fal", "fal-secret-bbbb");
    added("fal", "fal-secret-aaaa");
    pools.look_at_file().await;
    assert_eq!((tails(), next(&pools).await), (vec!["aaaa".into(), "bbbb".into()], "bbbb".into()));
    assert_eq!(pools.view()[0].state, "retired", "what is known of a key stays");
    // Whoever holds a key that is taken away ends in peace.
    let held = take(&pools).await.expect("a key");
    file.remove("fal", "bbbb").expect("removed");
    pools.look_at_file().await;
    assert_eq!(tails(), ["aaaa"]);
    pools.report(&held.key, Verdict::BadKey).await;
    drop(held);
    assert_eq!(take(&pools).await.err(), Some(NoKey::Retired));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_became_unusable_changes_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::new(folder.path().join("keys.toml"));
    let key = FileKey { provider: "fal".to_owned(), value: "fal-secret-aaaa".into(), vars: BTreeMap::new() };
    file.add(key).expect("added");
    let supplies = vec![supply("fal", 1, &[])];
    let pools = KeyPools::open(None, supplies.clone(), Some(file.clone())).await.expect("pools");
    let mode = |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).expect("changed");
    mode(0o644);
    pools.look_at_file().await;
    assert_eq!(pools.view().len(), 1);
    let refused = KeyPools::open(None, supplies, Some(file.clone())).await.err().expect("others may read it");
    assert!(matches!(refused, KeyFileError::Open(_)), "{refused}");
    mode(0o600);
    std::fs::remove_file(file.path()).expect("removed");
    pools.look_at_file().await;
    assert_eq!(take(&pools).await.err(), Some(NoKey::None));
}

#[tokio::test(start_paused = true)]
async fn no_key_is_shown() {
    let supply = supply("fal", 1, &["aaaa"]);
    let pools = KeyPools::open(None, vec![supply.clone()], None).await.expect("pools");
    let taken = take(&pools).await.expect("a key");
    let shown = format!("{supply:?} {taken:?} {:?} {:?}", pools.view(), NoKey::Retired);
    assert!(shown.contains("aaaa") && !shown.contains("secret"), "{shown}");
}
