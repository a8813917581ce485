//! Dates as signatures want them.

use std::time::{Duration, SystemTime};

/// `20150830T123600Z`. `None` before 1970 and after 9999.
pub(super) fn stamp(time: SystemTime) -> Option<String> {
    let since: Duration = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Years that begin in March have their odd day at the end; 719,468 days lie between March of the year 0 and 1970.
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (year <= 9999).then(|| format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by way of another implementation: `Sun, 30 Aug 2015 12:36:00 GMT`.
    fn by_http_date(time: SystemTime) -> String {
        let text = httpdate::fmt_http_date(time);
        let words: Vec<&str> = text.split([' ', ':']).collect();
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = months.iter().position(|month| *month == words[2]).unwrap() + 1;
        format!("{}{month:02}{}T{}{}{}Z", words[3], words[1], words[4], words[5], words[6])
    }

    #[test]
    fn every_day_until_2400() {
        for day in 0..157_100 {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + day % 86_400);
            assert_eq!(stamp(time), Some(by_http_date(time)));
        }
    }

    #[test]
    fn what_is_out_of_range() {
        assert_eq!(stamp(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), None);
        let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        assert_eq!(stamp(last).as_deref(), Some("99991231T235959Z"));
        assert_eq!(stamp(last + Duration::from_secs(1)), None);
    }
}
