//! Times and sizes for people. It must not know the clock.

use super::super::texts::{Lang, args};
use crate::media::calendar;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Roughly how long, as a guess is told: `about 40 seconds`.
#[must_use]
pub fn about(lang: Lang, time: Duration) -> String {
    let rounded = |n: u64, to: u64| (n + to / 2) / to * to;
    match time.as_secs() {
        0..4 => lang.plain("unit-moment", args! {}),
        n @ 4..18 => lang.plain("unit-about-seconds", args! { "n" => rounded(n, 5) }),
        n @ 18..55 => lang.plain("unit-about-seconds", args! { "n" => rounded(n, 10) }),
        n if n < 55 * MINUTE => {
            let minutes = rounded(n, MINUTE) / MINUTE;
            let minutes = if minutes > 10 { rounded(minutes, 5) } else { minutes.max(1) };
            lang.plain("unit-about-minutes", args! { "n" => minutes })
        }
        n => lang.plain("unit-about-hours", args! { "n" => (rounded(n, HOUR) / HOUR).max(1) }),
    }
}

/// How long it was or will be: `3.4 s`, `12 s`, `1 min 5 s`, `25 min`, `5 h 20 min`.
#[must_use]
pub fn exact(lang: Lang, time: Duration) -> String {
    let tenths = u64::try_from((time.as_millis() + 50) / 100).unwrap_or(u64::MAX);
    if tenths < 100 {
        return lang.plain("unit-seconds", args! { "n" => decimal(lang, tenths) });
    }
    let seconds = u64::try_from((time.as_millis() + 500) / 1000).unwrap_or(u64::MAX);
    let (hours, minutes, rest) = (seconds / HOUR, seconds / MINUTE % 60, seconds % MINUTE);
    match (hours, minutes, rest) {
        (0, 0, seconds) => lang.plain("unit-seconds", args! { "n" => seconds.to_string() }),
        (0, minutes, seconds) if minutes < 10 && seconds > 0 => {
            lang.plain("unit-minutes-seconds", args! { "minutes" => minutes, "seconds" => seconds })
        }
        (0, minutes, _) => lang.plain("unit-minutes", args! { "n" => minutes }),
        (hours, 0, _) => lang.plain("unit-hours", args! { "n" => hours }),
        (hours, minutes, _) => lang.plain("unit-hours-minutes", args! { "hours" => hours, "minutes" => minutes }),
    }
}

/// A moment, in milliseconds since 1970, by the clock of Moscow: `20 Nov 2026, 19:20`.
#[must_use]
pub fn moment(lang: Lang, at: i64) -> String {
    let shown = calendar::shown(at);
    let part = |range| shown.get(range).unwrap_or_default();
    let (year, month, day, time) = (part(0..4), part(5..7), part(8..10), part(11..16));
    let month: i64 = month.parse().unwrap_or_default();
    let day = day.trim_start_matches('0');
    lang.plain("unit-date", args! { "day" => day, "month" => month, "year" => year, "time" => time })
}

/// The size of a file or a disk: `185 KB`, `4.2 MB`.
#[must_use]
pub fn size_of(lang: Lang, bytes: u64) -> String {
    let units = ["unit-bytes", "unit-kilobytes", "unit-megabytes", "unit-gigabytes"];
    let mut unit = 0;
    let mut size = u128::from(bytes) * 10;
    while size >= 9995 && unit + 1 < units.len() {
        size = (size + 500) / 1000;
        unit += 1;
    }
    // Tenths tell something only of small numbers, and nothing of bytes.
    let small = size < 100 && unit > 0;
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    let shown = if small { decimal(lang, size) } else { ((size + 5) / 10).to_string() };
    lang.plain(units[unit], args! { "n" => shown })
}

/// A number of tenths: `3`, `3.4`, `3,4`.
fn decimal(lang: Lang, tenths: u64) -> String {
    let point = match lang {
        Lang::Ru => ',',
        Lang::En => '.',
    };
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        part => format!("{}{point}{part}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_round() {
        let told = |lang| {
            [1, 7, 21, 38, 52, 57, 61, 130, 605, 1800, 3400, 3600, 7300]
                .map(|seconds| about(lang, Duration::from_secs(seconds)))
        };
        assert_eq!(
            told(Lang::Ru),
            [
                "пару секунд",
                "около 5 секунд",
                "около 20 секунд",
                "около 40 секунд",
                "около 50 секунд",
                "около 1 минуты",
                "около 1 минуты",
                "около 2 минут",
                "около 10 минут",
                "около 30 минут",
                "около 1 часа",
                "около 1 часа",
                "около 2 часов"
            ]
        );
        assert_eq!(told(Lang::En)[3..7], ["about 40 seconds", "about 50 seconds", "about 1 minute", "about 1 minute"]);
    }

    #[test]
    fn times_that_were_taken_are_exact() {
        let told = |lang| {
            [400, 3440, 9949, 9950, 12_000, 59_499, 65_000, 120_000, 1_500_000, 7_200_000, 19_200_000]
                .map(|millis| exact(lang, Duration::from_millis(millis)))
        };
        assert_eq!(
            told(Lang::Ru),
            ["0,4 с", "3,4 с", "9,9 с", "10 с", "12 с", "59 с", "1 мин 5 с", "2 мин", "25 мин", "2 ч", "5 ч 20 мин"]
        );
        assert_eq!(told(Lang::En)[0], "0.4 s");
        assert_eq!(exact(Lang::En, Duration::ZERO), "0 s");
        assert!(!exact(Lang::En, Duration::MAX).is_empty());
    }

    #[test]
    fn moments_are_moscows() {
        // 2026-11-20T16:20:00Z
        let at = 1_795_191_600_000;
        assert_eq!(moment(Lang::Ru, at), "20 ноя 2026, 19:20");
        assert_eq!(moment(Lang::En, at), "20 Nov 2026, 19:20");
        assert_eq!(moment(Lang::Ru, 0), "1 янв 1970, 03:00");
    }

    #[test]
    fn sizes_are_short() {
        let told = |lang| {
            [0, 999, 1000, 1049, 185_300, 999_400, 999_500, 4_200_000, 20_000_000, 64_000_000_000, u64::MAX]
                .map(|bytes| size_of(lang, bytes))
        };
        assert_eq!(
            told(Lang::Ru)[..10],
            ["0 Б", "999 Б", "1 КБ", "1 КБ", "185 КБ", "999 КБ", "1 МБ", "4,2 МБ", "20 МБ", "64 ГБ"]
        );
        assert_eq!(told(Lang::En)[7], "4.2 MB");
    }
}
