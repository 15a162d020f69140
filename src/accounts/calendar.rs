//! The day that quotas are counted by: Moscow's, by the rules of its time zone as they are built into the program.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan, Zoned};
use std::sync::LazyLock;

static MOSCOW: LazyLock<TimeZone> = LazyLock::new(|| {
    // Not the machine's own tables: a container often has none, and then every day would end at another hour.
    TimeZoneDatabase::bundled().get("Europe/Moscow").expect("the zone is built into the program")
});

/// The day in Moscow, as `2026-11-20`.
#[must_use]
pub fn day(now: i64) -> String {
    moscow(now).date().to_string()
}

/// Seconds until the next day begins in Moscow, at least 1.
#[must_use]
pub fn until_midnight(now: i64) -> u64 {
    let here = moscow(now);
    let tomorrow = here.date().saturating_add(1.day()).to_zoned(MOSCOW.clone());
    let left = tomorrow.map(|midnight| midnight.timestamp().as_millisecond() - here.timestamp().as_millisecond());
    // Upwards: who comes back at that second finds the new day.
    u64::try_from(left.unwrap_or_default()).unwrap_or_default().div_ceil(1000).max(1)
}

/// A time for people, as `2026-11-20 19:20:00 MSK`.
#[must_use]
pub fn shown(at: i64) -> String {
    moscow(at).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn moscow(milliseconds: i64) -> Zoned {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(MOSCOW.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn the_day_ends_at_midnight_in_moscow() {
        assert_eq!(day(at("2026-11-20T20:59:59.999Z")), "2026-11-20");
        assert_eq!(day(at("2026-11-20T21:00:00Z")), "2026-11-21");
        assert_eq!(until_midnight(at("2026-11-20T20:59:59.999Z")), 1);
        assert_eq!(until_midnight(at("2026-11-20T21:00:00Z")), 86_400);
        assert_eq!(until_midnight(at("2026-11-20T09:30:00Z")), 41_400);
    }

    #[test]
    fn the_zone_has_its_history() {
        // Four hours ahead of UTC in the summer of 2012, and a day of 25 hours when that ended.
        assert_eq!(day(at("2012-07-01T20:00:00Z")), "2012-07-02");
        assert_eq!(until_midnight(at("2014-10-25T20:00:00Z")), 25 * 3600);
        assert_eq!(shown(at("2026-11-20T16:20:00Z")), "2026-11-20 19:20:00 MSK");
    }

    #[test]
    fn times_out_of_all_bounds_are_still_days() {
        assert_eq!(day(i64::MAX), day(0));
        assert!(until_midnight(i64::MIN) >= 1);
    }
}
