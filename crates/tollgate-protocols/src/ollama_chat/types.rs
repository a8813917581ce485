//! Words of Ollama's `/api/chat`, and its times.

use tollgate_core::ir::{Finish, FinishReason};

const DAY: u64 = 86_400;

/// The last second of the year 9999, after which RFC 3339 has no words.
const LAST: u64 = 253_402_300_799;

/// Seconds since 1970 as RFC 3339 has them, in UTC.
pub(super) fn rfc3339(seconds: u64) -> String {
    let seconds = seconds.min(LAST);
    let (year, month, day) = date(seconds / DAY);
    let rest = seconds % DAY;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day counted from 1970. A year begins in March here, so that leap days are last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let from_march = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(from_march <= 2), from_march, day - (153 * month + 2) / 5 + 1)
}

/// The seconds since 1970 of a time of RFC 3339, fractions left out; `None` if it is none, or before 1970.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<i64> { text.get(from..to)?.parse().ok() };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 24 || minute > 60 || second > 60 {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year.div_euclid(400) * 146_097 + {
        let year = year.rem_euclid(400);
        year * 365 + year / 4 - year / 100 + since_march
    } - 719_468;
    let zone = text.get(19..)?.trim_start_matches(['.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let at = days * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    u64::try_from(at).ok()
}

/// How far a zone such as `-07:00` is from UTC, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    Some(sign * (hours.parse::<u8>().ok().map(i64::from)? * 3600 + minutes.parse::<u8>().ok().map(i64::from)? * 60))
}

/// The reason for a `done_reason`.
pub(super) fn finish(word: &str, has_calls: bool) -> Finish {
    let reason = match word {
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    let is_plain = matches!(word, "" | "stop" | "length");
    Finish { native: (!is_plain).then(|| word.to_owned()), ..Finish::new(reason) }
}

/// The `done_reason` for a reason. Ollama has none for an answer that was filtered; `stop` would hide it.
pub(super) fn done_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Length => "length",
        FinishReason::ContentFilter => "content_filter",
        _ => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_726_454_517, "2024-09-16T02:41:57Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(at), text);
            assert_eq!(seconds(text), Some(at));
        }
        assert_eq!(rfc3339(u64::MAX), rfc3339(LAST));
        assert_eq!(seconds("2024-09-16T02:41:57.128675Z"), Some(1_726_454_517));
        assert_eq!(seconds("2024-09-15T19:41:57.1-07:00"), Some(1_726_454_517));
        for text in
            ["", "2024", "2024-13-01T00:00:00Z", "2024-09-16T02:41:57", "1960-01-01T00:00:00Z", "é024-09-16T02:41:57Z"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
