//! A restaurant's rules that the owner may change, with the defaults of the contract.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happens when a called party does not come within its grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GraceOver {
    /// Three places back the first time, then no-show.
    PutBackOnce,
    /// No-show.
    NoShow,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

/// Whether being there has to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The claim is believed.
    Open,
    /// Staff, a paired device, or the door code.
    Code,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

/// All rules. Durations in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// How long a call is held, at least 1.
    #[schema(minimum = 1, maximum = 86400)]
    pub grace_s: u32,
    /// How long before the grace ends the guest is reminded.
    #[schema(maximum = 86400)]
    pub last_call_s: u32,
    /// Further calls of one call.
    #[schema(maximum = 20)]
    pub recalls: u32,
    /// What follows when the grace is over.
    pub grace_over: GraceOver,
    /// Delays a guest has.
    #[schema(maximum = 5)]
    pub delays: u32,
    /// The most places of one move back.
    #[schema(minimum = 1, maximum = 20)]
    pub delay_places_max: u32,
    /// How long an act can be undone.
    #[schema(maximum = 86400)]
    pub undo_s: u32,
    /// How long a missed guest may rejoin.
    #[schema(maximum = 86400)]
    pub rejoin_s: u32,
    /// After this a seated party counts as gone.
    #[schema(minimum = 1, maximum = 86400)]
    pub stay_s: u32,
    /// From how many ahead a guest is told to come close.
    #[schema(maximum = 100)]
    pub close_ahead: u32,
    /// Smallest party by guests.
    #[schema(minimum = 1, maximum = 20)]
    pub party_min: u32,
    /// Largest party by guests.
    #[schema(minimum = 1, maximum = 20)]
    pub party_max: u32,
    /// Most waiting tickets in a line.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Most joins of the restaurant in a business day.
    #[serde(default)]
    pub daily_max: Option<u32>,
    /// Most units of one item on a ticket.
    #[schema(minimum = 1)]
    pub per_ticket_max: u32,
    /// Whether guests may join from elsewhere.
    pub remote: bool,
    /// Largest share of remote among the waiting, in percent.
    #[serde(default)]
    #[schema(maximum = 100)]
    pub remote_share_max: Option<u32>,
    /// How long after the restaurant opened remote joins begin.
    #[schema(maximum = 86400)]
    pub remote_opens_after_s: u32,
    /// Whether a remote ticket must check in before it can be called.
    pub check_in_before_call: bool,
    /// Whether being there has to be shown.
    pub presence: Presence,
    /// Overtakings from which a row is flagged.
    #[schema(minimum = 1)]
    pub overtaken_max: u32,
    /// Local time at which a business day starts, `HH:MM`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub day_starts: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            grace_s: 300,
            last_call_s: 120,
            recalls: 2,
            grace_over: GraceOver::PutBackOnce,
            delays: 3,
            delay_places_max: 20,
            undo_s: 600,
            rejoin_s: 600,
            stay_s: 5_400,
            close_ahead: 3,
            party_min: 1,
            party_max: 8,
            capacity: None,
            daily_max: None,
            per_ticket_max: 4,
            remote: true,
            remote_share_max: None,
            remote_opens_after_s: 0,
            check_in_before_call: false,
            presence: Presence::Open,
            overtaken_max: 3,
            day_starts: "05:00".to_owned(),
        }
    }
}

impl Policy {
    /// The fields outside their range.
    #[must_use]
    pub fn invalid_fields(&self) -> Vec<&'static str> {
        const DAY_S: u32 = 86_400;
        let checks = [
            ("grace_s", (1..=DAY_S).contains(&self.grace_s)),
            ("last_call_s", self.last_call_s <= DAY_S),
            ("recalls", self.recalls <= 20),
            ("delays", self.delays <= 5),
            ("delay_places_max", (1..=20).contains(&self.delay_places_max)),
            ("undo_s", self.undo_s <= DAY_S),
            ("rejoin_s", self.rejoin_s <= DAY_S),
            ("stay_s", (1..=DAY_S).contains(&self.stay_s)),
            ("close_ahead", self.close_ahead <= 100),
            ("party_min", (1..=20).contains(&self.party_min)),
            ("party_max", (self.party_min..=20).contains(&self.party_max)),
            ("capacity", self.capacity != Some(0)),
            ("daily_max", self.daily_max != Some(0)),
            ("per_ticket_max", self.per_ticket_max >= 1),
            ("remote_share_max", self.remote_share_max.is_none_or(|share| share <= 100)),
            ("remote_opens_after_s", self.remote_opens_after_s <= DAY_S),
            ("overtaken_max", self.overtaken_max >= 1),
            ("day_starts", self.day_starts_minutes().is_some()),
        ];
        checks.into_iter().filter(|(_, fine)| !fine).map(|(field, _)| field).collect()
    }

    /// Minutes after midnight of [`Policy::day_starts`]; `None` when it is not `HH:MM`.
    #[must_use]
    pub fn day_starts_minutes(&self) -> Option<u32> {
        let (hours, minutes) = self.day_starts.split_once(':')?;
        let two_digits = |text: &str, below: u32| {
            let value = (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<u32>().ok())??;
            (value < below).then_some(value)
        };
        Some(two_digits(hours, 24)? * 60 + two_digits(minutes, 60)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(Policy::default().invalid_fields(), Vec::<&str>::new());
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let policy = Policy {
            grace_s: 0,
            delays: 6,
            party_min: 4,
            party_max: 3,
            day_starts: "24:00".to_owned(),
            ..Policy::default()
        };
        assert_eq!(policy.invalid_fields(), ["grace_s", "delays", "party_max", "day_starts"]);
        for text in ["5:00", "05:60", "0500", "", "05:0x"] {
            assert_eq!(
                Policy { day_starts: text.to_owned(), ..Policy::default() }.day_starts_minutes(),
                None,
                "{text}"
            );
        }
    }
}
