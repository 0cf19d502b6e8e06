//! Which business day a moment belongs to, and when that day ends.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::domain::{Millis, Policy};

/// A business day of a restaurant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessDay {
    /// The date on which it began, `2026-11-22`.
    pub date: String,
    /// When the next one begins.
    pub ends_at: Millis,
}

/// A time zone or hour that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("no business day can be told: {0}")]
pub struct NoBusinessDay(String);

impl BusinessDay {
    /// The day at `now`. A day begins at `policy.day_starts` in the restaurant's time zone; where clocks are changed
    /// over that time, at the next moment that exists.
    ///
    /// # Errors
    /// When the time zone is unknown.
    pub fn at(now: Millis, time_zone: &str, policy: &Policy) -> Result<Self, NoBusinessDay> {
        let problem = |error: jiff::Error| NoBusinessDay(error.to_string());
        let zone = TimeZone::get(time_zone).map_err(problem)?;
        let minutes = policy.day_starts_minutes().ok_or_else(|| NoBusinessDay(policy.day_starts.clone()))?;
        let starts = civil::time((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
        let now = Timestamp::from_millisecond(now).map_err(problem)?;
        let local = now.to_zoned(zone.clone());
        let starts_on = |date: civil::Date| date.to_datetime(starts).to_zoned(zone.clone()).map_err(problem);
        let mut date = local.date();
        if starts_on(date)?.timestamp() > now {
            date = date.yesterday().map_err(problem)?;
        }
        let ends_at = starts_on(date.tomorrow().map_err(problem)?)?.timestamp().as_millisecond();
        Ok(Self { date: date.to_string(), ends_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: &str, zone: &str, day_starts: &str, date: &str, ends_at: &str) {
        let millis = |text: &str| text.parse::<Timestamp>().expect("a time").as_millisecond();
        let policy = Policy { day_starts: day_starts.to_owned(), ..Policy::default() };
        let day = BusinessDay::at(millis(now), zone, &policy).expect("a day");
        assert_eq!((day.date.as_str(), day.ends_at), (date, millis(ends_at)));
    }

    #[test]
    fn a_day_lasts_from_its_start_to_the_next() {
        check("2026-11-22T03:00:00Z", "Asia/Seoul", "05:00", "2026-11-22", "2026-11-22T20:00:00Z");
        check("2026-11-22T19:59:59Z", "Asia/Seoul", "05:00", "2026-11-22", "2026-11-22T20:00:00Z");
        check("2026-11-22T20:00:00Z", "Asia/Seoul", "05:00", "2026-11-23", "2026-11-23T20:00:00Z");
    }

    #[test]
    fn clocks_that_change_make_a_longer_or_shorter_day() {
        // Clocks go from 2:00 to 3:00 on 29 March 2026 in Berlin, and back on 25 October.
        check("2026-03-28T12:00:00Z", "Europe/Berlin", "05:00", "2026-03-28", "2026-03-29T03:00:00Z");
        check("2026-03-28T12:00:00Z", "Europe/Berlin", "02:30", "2026-03-28", "2026-03-29T01:30:00Z");
        check("2026-10-24T12:00:00Z", "Europe/Berlin", "05:00", "2026-10-24", "2026-10-25T04:00:00Z");
    }

    #[test]
    fn an_unknown_zone_is_an_error() {
        assert!(BusinessDay::at(0, "Mars/Olympus", &Policy::default()).is_err());
    }
}
