//! What everybody may see of a restaurant: numbers, never who they belong to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FrameType, Heading};
use crate::domain::{
    Announcement, LineId, LineRecord, Millis, OpenState, estimate::Eta, replica::Replica, restaurant::NumberAt,
};

/// Numbers that are shown as next.
const NEXT_LEN: usize = 3;

/// Recent and missed numbers that are shown.
const RECENT_LEN_MAX: usize = 10;

/// The largest party whose wait a board shows; larger ones are of the same class.
const PARTY_MAX: u32 = 8;

/// The party size of a line's `eta`.
const PARTY_USUAL: u32 = 2;

/// The `board` frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardFrame {
    /// `board`.
    pub r#type: FrameType,
    /// Which life of Redis.
    pub epoch: i64,
    /// Changes of the live state so far.
    pub rev: i64,
    /// Redis's clock.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Whether the state is known to be current.
    pub live: bool,
    /// When the next frame comes at the latest.
    pub every_ms: u32,
    /// The restaurant.
    pub restaurant: BoardRestaurant,
    /// Read by everybody.
    pub announcement: Option<Announcement>,
    /// Where guests join.
    pub join_url: String,
    /// The present door code; only for staff and paired devices.
    pub door: Option<String>,
    /// Every line, by letter.
    pub lines: Vec<LineView>,
    /// Menu items of which nothing is left.
    pub sold_out: Vec<String>,
}

/// A restaurant on a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BoardRestaurant {
    /// The name in paths.
    pub slug: String,
    /// Shown.
    pub name: String,
    /// Whether guests may take a number.
    pub state: OpenState,
    /// When it opens again.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Why, in staff's words.
    pub reason: Option<String>,
    /// When the line was rebuilt from the record on this business day: places that were given just before may be lost.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub rebuilt_at: Option<Millis>,
}

impl BoardRestaurant {
    /// The restaurant of a replica.
    #[must_use]
    pub fn of(replica: &Replica) -> Self {
        let restaurant = replica.restaurant();
        Self {
            slug: restaurant.slug.clone(),
            name: restaurant.name.clone(),
            state: restaurant.state,
            until: restaurant.until,
            reason: restaurant.reason.clone(),
            rebuilt_at: restaurant.rebuilt_at,
        }
    }
}

/// A line on board and console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// Its letter.
    #[schema(value_type = String)]
    pub line: LineId,
    /// Shown.
    pub name: String,
    /// Whether guests may take a number of this line.
    pub state: OpenState,
    /// When it opens again.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Why, in staff's words.
    pub reason: Option<String>,
    /// Waiting tickets.
    pub waiting: u32,
    /// Those of them that are at the restaurant.
    pub onsite: u32,
    /// Those of them that are not.
    pub remote: u32,
    /// Tickets given out on this business day.
    pub today: u32,
    /// The wait of two people who join now.
    pub eta: Option<Eta>,
    /// The wait of other parties that join now.
    pub eta_by_party: Vec<EtaOfParty>,
    /// The first numbers in the line, at most three.
    pub next: Vec<String>,
    /// Called numbers, newest first.
    pub called: Vec<CalledNumber>,
    /// The newest calls, newest first.
    pub recent: Vec<NumberAt>,
    /// Numbers that did not come, newest first.
    pub missed: Vec<NumberAt>,
}

/// The wait of a party of this size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EtaOfParty {
    /// People, 1 to 8.
    pub party: u32,
    /// Their wait.
    pub eta: Option<Eta>,
}

/// A number that is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalledNumber {
    /// `A017`.
    pub number: String,
    /// When, the last time.
    #[schema(value_type = i64)]
    pub since: Millis,
    /// How often.
    pub calls: u32,
    /// Where to come to.
    pub to: Option<String>,
}

/// The board of a restaurant. `door` only for staff and paired devices.
#[must_use]
pub fn board_frame(replica: &Replica, heading: Heading, join_url: String, door: Option<String>) -> BoardFrame {
    let sold_out = replica.menu().iter().filter(|item| replica.left(&item.id) == Some(0));
    BoardFrame {
        r#type: FrameType::Board,
        epoch: replica.stamp().epoch,
        rev: replica.stamp().rev,
        at: heading.at,
        live: heading.live,
        every_ms: heading.every_ms,
        restaurant: BoardRestaurant::of(replica),
        announcement: replica.restaurant().announcement.clone(),
        join_url,
        door,
        lines: line_views(replica),
        sold_out: sold_out.map(|item| item.id.clone()).collect(),
    }
}

/// Every line, by letter.
pub(super) fn line_views(replica: &Replica) -> Vec<LineView> {
    replica.lines().values().map(|line| line_view(replica, line)).collect()
}

/// A line of a replica.
#[must_use]
pub fn line_view(replica: &Replica, line: &LineRecord) -> LineView {
    let standing = replica.standing(line.line);
    let waiting = standing.waiting();
    let called = standing.called().iter().map(|ticket| CalledNumber {
        number: ticket.number.clone(),
        since: ticket.called_at.unwrap_or(ticket.joined_at),
        calls: ticket.calls,
        to: ticket.to.clone(),
    });
    let missed = standing
        .missed()
        .iter()
        .take(RECENT_LEN_MAX)
        .map(|ticket| NumberAt { number: ticket.number.clone(), at: ticket.missed_at.unwrap_or(ticket.joined_at) });
    LineView {
        line: line.line,
        name: line.name.clone(),
        state: line.state,
        until: line.until,
        reason: line.reason.clone(),
        waiting: waiting.len(),
        onsite: waiting.onsite(),
        remote: waiting.len() - waiting.onsite(),
        today: line.today,
        eta: replica.eta_of_next(line.line, PARTY_USUAL),
        eta_by_party: (1..=PARTY_MAX)
            .map(|party| EtaOfParty { party, eta: replica.eta_of_next(line.line, party) })
            .collect(),
        next: waiting.iter().take(NEXT_LEN).map(|ticket| ticket.number.clone()).collect(),
        called: called.collect(),
        recent: line.recent.iter().take(RECENT_LEN_MAX).cloned().collect(),
        missed: missed.collect(),
    }
}

/// Units left of every menu item; null for one that is not counted.
pub(super) fn stock_view(replica: &Replica) -> BTreeMap<String, Option<i64>> {
    replica.menu().iter().map(|item| (item.id.clone(), replica.left(&item.id))).collect()
}
