//! Why a script refuses: expected, part of the API, never logged above debug.

use serde::{Deserialize, Serialize};

/// A field of the request that is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Path of the field in the body.
    pub field: String,
    /// `required`, `unknown`, `type`, `range`, `too_long`, `not_found`, …
    pub code: String,
}

impl FieldError {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, code: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into() }
    }
}

macro_rules! rejections {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// A refusal. Its [`code`](Rejection::code) is stable.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Rejection {
            $($(#[doc = $doc])+ $name,)+
            /// Items are sold out.
            SoldOut {
                /// Their ids.
                items: Vec<String>,
            },
            /// A field has a value that the live state does not allow.
            Invalid(Vec<FieldError>),
        }

        impl Rejection {
            /// Every code a script may refuse with.
            pub const CODES: &[&str] = &[$($code,)+ "sold_out", "invalid"];

            /// The stable code.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                    Self::SoldOut { .. } => "sold_out",
                    Self::Invalid(_) => "invalid",
                }
            }

            /// The refusal of this code and its details, as a script replies them: item ids for `sold_out`,
            /// alternating field and code for `invalid`. `None` for a code no script should use.
            #[must_use]
            pub fn from_reply(code: &str, details: &[String]) -> Option<Self> {
                Some(match code {
                    $($code => Self::$name,)+
                    "sold_out" => Self::SoldOut { items: details.to_vec() },
                    "invalid" => Self::Invalid(
                        details
                            .chunks(2)
                            .map(|pair| FieldError::new(pair[0].as_str(), pair.get(1).map_or("", |code| code)))
                            .collect(),
                    ),
                    _ => return None,
                })
            }
        }
    };
}

rejections! {
    /// The restaurant is closed.
    RestaurantClosed = "restaurant_closed",
    /// The line is closed.
    LineClosed = "line_closed",
    /// No numbers for a while.
    Paused = "paused",
    /// As many wait in this line as may.
    LineFull = "line_full",
    /// The share of remote tickets is used up.
    RemoteFull = "remote_full",
    /// No remote tickets now.
    RemoteClosed = "remote_closed",
    /// All numbers of the day are given.
    DailyFull = "daily_full",
    /// Guests' parties must be within the restaurant's range.
    PartySize = "party_size",
    /// This phone or account already waits here.
    AlreadyWaiting = "already_waiting",
    /// Being there has to be shown with the code at the door.
    DoorCode = "door_code",
    /// Nobody to call.
    LineEmpty = "line_empty",
    /// Not possible in the ticket's state.
    WrongState = "wrong_state",
    /// Cancelled or completed before.
    AlreadyFinal = "already_final",
    /// The guest's delays are used up.
    NoDelaysLeft = "no_delays_left",
    /// The calls of this turn are used up.
    NoRecallsLeft = "no_recalls_left",
    /// Nobody to let pass.
    NobodyBehind = "nobody_behind",
    /// No waiting: come in.
    Direct = "direct",
    /// Too late to undo.
    UndoExpired = "undo_expired",
    /// Too late to rejoin, or done before.
    RejoinExpired = "rejoin_expired",
    /// The stock would fall below zero.
    StockNegative = "stock_negative",
    /// No such ticket, line or item here.
    NotFound = "not_found",
    /// No such ticket, in a restaurant whose live state was rebuilt today without what was not recorded yet.
    PlaceLost = "place_lost",
    /// The same idempotency key came with another body.
    IdempotencyMismatch = "idempotency_mismatch",
    /// This restaurant's live state is not in Redis.
    NotLoaded = "not_loaded",
    /// Redis is another process since this restaurant was compared with the record: it may lack what people were told.
    NotCompared = "not_compared",
    /// Its live state is there already.
    AlreadyLoaded = "already_loaded",
    /// Another rebuild of its live state has begun since.
    Superseded = "superseded",
    /// Redis runs as another process than the epoch knows: `due` has to look first.
    NewSource = "new_source",
    /// Nothing to do any more: the deadline or the day moved on.
    Stale = "stale",
    /// The day cannot roll yet.
    DayBusy = "day_busy",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_survive_the_way_through_a_reply() {
        let mut codes = Rejection::CODES.to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Rejection::CODES.len());
        for code in Rejection::CODES {
            assert_eq!(Rejection::from_reply(code, &[]).map(|rejection| rejection.code()), Some(*code));
        }
        assert_eq!(Rejection::from_reply("who_knows", &[]), None);
        let details = ["reason".to_owned(), "required".to_owned()];
        assert_eq!(
            Rejection::from_reply("invalid", &details),
            Some(Rejection::Invalid(vec![FieldError::new("reason", "required")]))
        );
    }
}
