//! Which business day a moment belongs to, and when that day ends.

use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone},
};

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
    /// The day at `now`. A day begins at `policy.day_starts` in the restaurant's time zone: at the first of two such
    /// moments when clocks are set back, and at the next moment that exists when they are set forward over it.
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
        let starts_on = |date: civil::Date| first_moment(&zone, date.to_datetime(starts)).map_err(problem);
        let mut date = local.date();
        if starts_on(date)? > now {
            date = date.yesterday().map_err(problem)?;
        }
        let ends_at = starts_on(date.tomorrow().map_err(problem)?)?.as_millisecond();
        Ok(Self { date: date.to_string(), ends_at })
    }
}

/// When a clock on the wall shows this for the first time; where it never does, when it is past it: at the moment that
/// the clocks are set forward.
fn first_moment(zone: &TimeZone, shown: civil::DateTime) -> Result<Timestamp, jiff::Error> {
    let ambiguous = zone.to_ambiguous_timestamp(shown);
    if let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() {
        // By the clock as it will be, `shown` was a moment before that.
        let before = after.to_timestamp(shown)?;
        if let Some(set_forward) = zone.following(before).next() {
            return Ok(set_forward.timestamp());
        }
    }
    ambiguous.compatible()
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
        check("2026-10-24T12:00:00Z", "Europe/Berlin", "05:00", "2026-10-24", "2026-10-25T04:00:00Z");
    }

    /// Berlin's 2:00 to 3:00 of 29 March 2026 do not exist, those of 25 October are there twice. So it is with
    /// Santiago's midnight to 1:00 of 6 September and 23:00 to midnight of 4 April, and with Lord Howe's half hour
    /// from 2:00 on 4 October.
    #[test]
    fn a_start_that_does_not_exist_is_the_next_moment_and_of_two_the_first() {
        let night = |zone, noon_before, starts: &[(&str, &str)]| {
            for (day_starts, ends_at) in starts {
                check(noon_before, zone, day_starts, &noon_before[..10], ends_at);
            }
        };
        night(
            "Europe/Berlin",
            "2026-03-28T11:00:00Z",
            &[
                ("01:59", "2026-03-29T00:59:00Z"),
                ("02:00", "2026-03-29T01:00:00Z"),
                ("02:30", "2026-03-29T01:00:00Z"),
                ("02:59", "2026-03-29T01:00:00Z"),
                ("03:00", "2026-03-29T01:00:00Z"),
                ("03:30", "2026-03-29T01:30:00Z"),
            ],
        );
        night(
            "Europe/Berlin",
            "2026-10-24T11:00:00Z",
            &[("02:00", "2026-10-25T00:00:00Z"), ("02:30", "2026-10-25T00:30:00Z"), ("03:00", "2026-10-25T02:00:00Z")],
        );
        night(
            "America/Santiago",
            "2026-09-05T16:00:00Z",
            &[("00:00", "2026-09-06T04:00:00Z"), ("00:30", "2026-09-06T04:00:00Z"), ("01:00", "2026-09-06T04:00:00Z")],
        );
        night("America/Santiago", "2026-04-04T15:00:00Z", &[("00:00", "2026-04-05T04:00:00Z")]);
        night("Australia/Lord_Howe", "2026-10-03T02:00:00Z", &[("02:15", "2026-10-03T15:30:00Z")]);
        // In the night itself: the day has begun when there was no such moment, and only once when there were two.
        check("2026-03-29T00:59:59Z", "Europe/Berlin", "02:30", "2026-03-28", "2026-03-29T01:00:00Z");
        check("2026-03-29T01:00:00Z", "Europe/Berlin", "02:30", "2026-03-29", "2026-03-30T00:30:00Z");
        check("2026-10-25T00:29:59Z", "Europe/Berlin", "02:30", "2026-10-24", "2026-10-25T00:30:00Z");
        check("2026-10-25T01:15:00Z", "Europe/Berlin", "02:30", "2026-10-25", "2026-10-26T01:30:00Z");
    }

    #[test]
    fn an_unknown_zone_is_an_error() {
        assert!(BusinessDay::at(0, "Mars/Olympus", &Policy::default()).is_err());
    }
}
