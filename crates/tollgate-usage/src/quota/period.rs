//! The calendar of budgets, in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::rule::Period;

/// A period that a budget is for, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its first moment.
    pub start: u64,
    /// The first moment after it; `None` if it never ends.
    pub end: Option<u64>,
}

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// 1970 began on a Thursday, three days after a Monday.
const THURSDAY: u64 = 3 * DAY;

impl Period {
    /// The window of this period that a moment is in, in milliseconds since 1970.
    #[must_use]
    pub fn window(self, now: u64) -> Window {
        match self {
            Self::Hour => every(HOUR, now, 0),
            Self::Day => every(DAY, now, 0),
            Self::Week => every(7 * DAY, now, THURSDAY),
            // What no calendar holds is no time that a clock shows.
            Self::Month => month(now).unwrap_or(Window { start: 0, end: None }),
            Self::Total => Window { start: 0, end: None },
        }
    }

    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

fn every(length: u64, now: u64, shift: u64) -> Window {
    let start = ((now + shift) / length * length).saturating_sub(shift);
    Window { start, end: Some((now + shift) / length * length + length - shift) }
}

fn month(now: u64) -> Option<Window> {
    let date = Timestamp::from_millisecond(i64::try_from(now).ok()?).ok()?.to_zoned(TimeZone::UTC).date();
    let first = date.first_of_month();
    let next = first.checked_add(1.month()).ok()?;
    let millis = |date: Date| {
        let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
        u64::try_from(at).ok()
    };
    Some(Window { start: millis(first)?, end: Some(millis(next)?) })
}

/// A moment as clients are told it: RFC 3339, in UTC.
pub(super) fn moment(millis: u64) -> String {
    let at = i64::try_from(millis / 1000).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> u64 {
        let at: Timestamp = text.parse().expect("a time");
        u64::try_from(at.as_millisecond()).expect("after 1970")
    }

    #[track_caller]
    fn check(period: Period, now: &str, start: &str, end: &str) {
        let window = period.window(millis(now));
        assert_eq!((moment(window.start), window.end.map(moment)), (start.to_owned(), Some(end.to_owned())));
        assert_eq!(period.window(millis(end)).start, millis(end), "the next begins where this one ends");
        assert_eq!(period.window(millis(end) - 1), window);
    }

    #[test]
    fn windows_by_the_calendar() {
        check(Period::Hour, "2026-02-28T23:59:59.999Z", "2026-02-28T23:00:00Z", "2026-03-01T00:00:00Z");
        check(Period::Day, "2026-02-28T23:59:59Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z");
        // A Sunday.
        check(Period::Week, "2026-11-29T12:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
        check(Period::Month, "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
        check(Period::Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    }

    #[test]
    fn a_total_never_ends() {
        assert_eq!(Period::Total.window(5), Window { start: 0, end: None });
    }

    #[test]
    fn the_first_week_of_1970() {
        assert_eq!(Period::Week.window(0), Window { start: 0, end: Some(4 * DAY) });
    }
}
