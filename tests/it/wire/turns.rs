//! Several processes with one bot: one of them serves at a time.

use super::*;
use samovar::telegram::wire::updates::Updates;

async fn updates(api: &FakeTelegram, database: &Database) -> Updates {
    let settings = settings(api.url(), api.token(), Patience::default());
    Updates::new(&settings, Bots::new(&settings).unwrap(), database.again().await)
}

#[tokio::test]
async fn the_second_stands_by_until_the_first_hands_over_or_is_gone() {
    on_every_database(async |database| {
        let api = FakeTelegram::start().await;
        let stop = CancellationToken::new();
        let (first, second) = (updates(&api, &database).await, updates(&api, &database).await);
        let duty = first.duty(&stop).await.unwrap();
        let (other, until) = (stop.clone(), stop.clone());
        let standing_by = tokio::spawn(async move {
            let duty = second.duty(&other).await;
            (second, duty)
        });
        assert!(!standing_by.is_finished() && !duty.off().is_cancelled());
        duty.end().await;
        let (second, duty) = standing_by.await.unwrap();
        let duty = duty.expect("it was handed over");

        // The second dies without a word: its lease lapses.
        let taking = tokio::spawn(async move { first.duty(&until).await.is_some() });
        let lost = duty.off();
        database.clock.jump(60_000);
        assert!(taking.await.unwrap());
        // It lives all the same, and must hear that it serves no longer.
        lost.cancelled().await;
        drop((duty, second));
    })
    .await;
}

#[tokio::test]
async fn whoever_stands_by_ends_when_everything_does() {
    on_every_database(async |database| {
        let api = FakeTelegram::start().await;
        let stop = CancellationToken::new();
        let (first, second) = (updates(&api, &database).await, updates(&api, &database).await);
        let _duty = first.duty(&stop).await.unwrap();
        let standing_by = tokio::spawn({
            let stop = stop.clone();
            async move { second.duty(&stop).await.is_some() }
        });
        stop.cancel();
        assert!(!standing_by.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_goes_back_keeps_nobody_out() {
    on_every_database(async |database| {
        let api = FakeTelegram::start().await;
        let stop = CancellationToken::new();
        let mut tx = database.db.begin().await.unwrap();
        let sql = "INSERT INTO telegram_poller (bot, holder, lease_until) VALUES ($1, 'gone', $2)";
        let bot: i64 = api.token().split(':').next().unwrap().parse().unwrap();
        let far = tx.now() + 3_600_000;
        tx.execute(sql, values![bot, far]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(updates(&api, &database).await.duty(&stop).await.is_some());
    })
    .await;
}
