//! The Gregorian calendar in UTC, as days and seconds since the Unix epoch.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A date and the time of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    /// The year; year 0 is 1 BC.
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    /// Days since the epoch.
    pub(crate) days: i64,
    /// Seconds since midnight.
    pub(crate) second: i64,
}

impl Civil {
    /// The date `seconds` after the epoch.
    ///
    /// Source: `civil_from_days` in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
    pub(crate) const fn from_unix(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: year_of_era + era * 400 + (month <= 2) as i64,
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            days,
            second: seconds.rem_euclid(DAY),
        }
    }

    /// 0 for Sunday.
    pub(crate) const fn weekday(self) -> i64 {
        (self.days + 4).rem_euclid(7)
    }

    /// 1 for the first of January.
    pub(crate) const fn day_of_year(self) -> i64 {
        let mut before = 0;
        let mut month = 1;
        while month < self.month {
            before += days_of_month(self.year, month);
            month += 1;
        }
        before + self.day
    }

    /// 28 to 31.
    pub(crate) const fn days_in_month(self) -> i64 {
        days_of_month(self.year, self.month)
    }
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2006-01-02T15:04:05Z` of an instant in milliseconds.
pub(crate) fn rfc3339(millis: i64) -> String {
    let date = Civil::from_unix(millis / 1000);
    let (hour, minute) = (date.second / 3600, date.second / 60 % 60);
    format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{:02}Z",
        date.year,
        date.month,
        date.day,
        date.second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_210_096_000), "2024-02-29T12:34:56Z");
        let leap = Civil::from_unix(1_709_210_096);
        assert_eq!((leap.weekday(), leap.day_of_year()), (4, 60));
        assert_eq!(leap.days_in_month(), 29);
        assert_eq!(Civil::from_unix(-1).year, 1969);
        assert_eq!(Civil::from_unix(i64::MIN).weekday(), 0);
    }
}
