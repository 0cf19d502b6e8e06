//! What staff see: the whole queue, and what changed of it.
//!
//! Invariant: the `queue` frame at `prev`, with `set` put over it and `gone` taken away, is the next `queue` frame,
//! but for
//! `eta` and for `ahead`, which is the rank by `order`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    BoardRestaurant, FrameType, Heading, LineView, TicketView,
    board::{line_views, stock_view},
    ticket_view,
};
use crate::domain::{Actor, Announcement, Event, LineId, Millis, Stamp, TicketId, replica::Replica};

/// The `queue` frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueFrame {
    /// `queue`.
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
    /// Every line, by letter.
    pub lines: Vec<LineView>,
    /// Units left of every menu item; null when not counted.
    pub stock: BTreeMap<String, Option<i64>>,
    /// Everybody, in no particular order.
    pub tickets: Vec<TicketView>,
}

/// The `delta` frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeltaFrame {
    /// `delta`.
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
    /// The rev it applies to. Equal to `rev` when only time has passed.
    pub prev: i64,
    /// What happened since, oldest first.
    pub events: Vec<EventView>,
    /// New values.
    pub set: SetView,
    /// Tickets that are no longer shown.
    #[schema(value_type = Vec<String>)]
    pub gone: Vec<TicketId>,
}

/// Something that happened, as the console's log tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// `ticket.called`.
    pub name: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// By whom.
    pub by: Actor,
    /// The ticket it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ticket: Option<TicketId>,
    /// The line it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub line: Option<LineId>,
    /// The menu item it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Units left of the item; absent when it is not counted any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<i64>,
}

impl EventView {
    fn of(event: &Event) -> Self {
        let left = event.item.as_ref().and_then(|item| event.stock.get(item)).copied();
        Self {
            name: event.name.clone(),
            at: event.at,
            by: event.by.clone(),
            ticket: event.ticket.clone(),
            line: event.line,
            item: event.item.clone(),
            left: left.filter(|left| *left >= 0),
        }
    }
}

/// New values; what is absent has not changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetView {
    /// The restaurant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restaurant: Option<BoardRestaurant>,
    /// Read by everybody; comes with `restaurant`, null when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub announcement: Option<Option<Announcement>>,
    /// All lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineView>>,
    /// Changed stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<BTreeMap<String, Option<i64>>>,
    /// Changed tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets: Option<Vec<TicketView>>,
}

/// A null that is there is not an absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Announcement>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The whole queue.
#[must_use]
pub fn queue_frame(replica: &Replica, heading: Heading) -> QueueFrame {
    QueueFrame {
        r#type: FrameType::Queue,
        epoch: replica.stamp().epoch,
        rev: replica.stamp().rev,
        at: heading.at,
        live: heading.live,
        every_ms: heading.every_ms,
        restaurant: BoardRestaurant::of(replica),
        announcement: replica.restaurant().announcement.clone(),
        lines: line_views(replica),
        stock: stock_view(replica),
        tickets: replica.tickets().map(|ticket| ticket_view(replica, ticket)).collect(),
    }
}

/// What changed from `prev` to the replica's state by these events, and by undos that lapsed (`gone`).
/// `None` when a delta cannot say it: the menu changed.
#[must_use]
pub fn delta_frame<'a>(
    replica: &Replica,
    heading: Heading,
    prev: Stamp,
    events: impl Iterator<Item = &'a Event> + Clone,
    gone: impl Iterator<Item = &'a TicketId>,
) -> Option<DeltaFrame> {
    if events.clone().any(|event| event.menu.is_some()) {
        return None;
    }
    let touched: BTreeSet<_> = events.clone().flat_map(|event| event.tickets.iter().map(|ticket| &ticket.id)).collect();
    let gone: BTreeSet<_> = gone.filter(|id| replica.ticket(id).is_none()).collect();
    let stock: BTreeSet<_> = events.clone().flat_map(|event| event.stock.keys()).collect();
    let lines_changed = !touched.is_empty()
        || !gone.is_empty()
        || events.clone().any(|event| !event.lines.is_empty() || !event.pace.is_empty());
    let restaurant_changed = events.clone().any(|event| event.restaurant.is_some());
    let tickets = touched.iter().filter_map(|id| replica.ticket(id)).map(|ticket| ticket_view(replica, ticket));
    Some(DeltaFrame {
        r#type: FrameType::Delta,
        epoch: replica.stamp().epoch,
        rev: replica.stamp().rev,
        at: heading.at,
        live: heading.live,
        every_ms: heading.every_ms,
        prev: prev.rev,
        events: events.map(EventView::of).collect(),
        set: SetView {
            restaurant: restaurant_changed.then(|| BoardRestaurant::of(replica)),
            announcement: restaurant_changed.then(|| replica.restaurant().announcement.clone()),
            lines: lines_changed.then(|| line_views(replica)),
            stock: (!stock.is_empty())
                .then(|| stock.into_iter().map(|item| (item.clone(), replica.left(item))).collect()),
            tickets: (!touched.is_empty()).then(|| tickets.collect()),
        },
        gone: gone.into_iter().cloned().collect(),
    })
}
