//! Many people at once, for a while.

use super::stage::Stage;
use std::time::{Duration, Instant};

/// How many, and for how long.
const PEOPLE: usize = 200;
const WHILE: Duration = Duration::from_secs(300);

/// Resident bytes of a process.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "five minutes; scripts/test.sh --soak runs it"]
async fn two_hundred_people_are_all_answered_and_memory_stays_flat() {
    let stage = Stage::with(&[("SAMOVAR_LIMITS", "user=unlimited")]).await;
    let people: Vec<_> = (0..PEOPLE).map(|n| stage.telegram.user(&format!("Человек {n}"), "ru")).collect();
    let start = Instant::now();
    let (mut rounds, mut early) = (0, None);
    while start.elapsed() < WHILE {
        rounds += 1;
        for (nth, person) in people.iter().enumerate() {
            let words = if (nth + rounds) % 10 == 0 { "красное яблоко" } else { "/menu" };
            person.sends(words).await;
        }
        for (nth, person) in people.iter().enumerate() {
            if (nth + rounds) % 10 == 0 {
                person.expects_photo().await;
            } else {
                person.expects_text(|text| text.contains("выберите")).await;
            }
        }
        let now = memory(stage.server().pid());
        // After the first rounds everything is there that stays.
        if rounds == 3 {
            early = Some(now);
        }
        println!("round {rounds}: {} MiB", now >> 20);
    }
    let (early, late) = (early.expect("three rounds"), memory(stage.server().pid()));
    assert!(late < early + early / 4, "memory grew from {} to {} MiB", early >> 20, late >> 20);
    let latencies = stage.telegram.latencies();
    println!(
        "{rounds} rounds of {PEOPLE} people; first answer p50 {:?}, p99 {:?}",
        latencies.within(0.5),
        latencies.within(0.99)
    );
    stage.ends_well().await;
}
