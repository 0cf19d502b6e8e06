//! A ticket as staff see it (T of the contract), and as its holder sees it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FrameType, Heading, notices};
use crate::domain::{
    Channel, LineId, Millis, OpenState, Stamp, Ticket, TicketId, TicketState,
    estimate::{Eta, estimate},
    event::PaceRecord,
    replica::{Place, Replica},
    restaurant::NumberAt,
    ticket::{Ended, Notice, OrderedItem},
};

/// What both staff and the holder see of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnView {
    /// The holder's capability.
    #[schema(value_type = String)]
    pub id: TicketId,
    /// What it is called where the id must not appear.
    pub r#ref: String,
    /// Place in the line: compared as text.
    pub order: String,
    /// `A017`.
    pub number: String,
    /// Its line.
    #[schema(value_type = String)]
    pub line: LineId,
    /// State.
    pub state: TicketState,
    /// Waiting tickets before it; null unless waiting.
    pub ahead: Option<u32>,
    /// How long it will wait; null unless waiting.
    pub eta: Option<Eta>,
    /// At least 1.
    pub adults: u32,
    /// Children with a seat.
    pub children: u32,
    /// Where it joined.
    pub channel: Channel,
    /// At the restaurant now.
    pub checked_in: bool,
    /// Last four digits of the phone number.
    pub phone_last4: Option<String>,
    /// The guest's language, BCP 47.
    pub lang: Option<String>,
    /// Calls since it was last put into the line.
    pub calls: u32,
    /// Where to come to.
    pub to: Option<String>,
    /// Delays the guest may still ask for.
    pub delays_left: u32,
    /// Delays used.
    pub delays: u32,
    /// Parties called before this one although they were behind it.
    pub overtaken: u32,
    /// When it joined.
    #[schema(value_type = i64)]
    pub joined_at: Millis,
    /// What was estimated when it joined.
    pub eta_at_join: Option<Eta>,
    /// The last call.
    #[schema(value_type = Option<i64>)]
    pub called_at: Option<Millis>,
    /// When the grace of the last call ends; only while called.
    #[schema(value_type = Option<i64>)]
    pub grace_until: Option<Millis>,
    /// Until when the last act can be undone.
    #[schema(value_type = Option<i64>)]
    pub undo_until: Option<Millis>,
    /// When it was seated.
    #[schema(value_type = Option<i64>)]
    pub seated_at: Option<Millis>,
    /// When it was last marked missed.
    #[schema(value_type = Option<i64>)]
    pub missed_at: Option<Millis>,
    /// Until when a missed guest may rejoin.
    #[schema(value_type = Option<i64>)]
    pub rejoin_until: Option<Millis>,
    /// How it ended; null until then.
    pub ended: Option<Ended>,
    /// Pre-order.
    pub items: Vec<OrderedItem>,
    /// What it costs, in the currency's minor unit; lost units are not charged.
    pub total: i64,
}

impl OwnView {
    /// A ticket with its place. `ahead` and `eta` are dropped unless it waits.
    #[must_use]
    pub fn new(ticket: &Ticket, ahead: Option<u32>, eta: Option<Eta>) -> Self {
        let waits = ticket.state == TicketState::Waiting;
        Self {
            id: ticket.id.clone(),
            r#ref: ticket.r#ref.clone(),
            order: ticket.order.clone(),
            number: ticket.number.clone(),
            line: ticket.line,
            state: ticket.state,
            ahead: ahead.filter(|_| waits),
            eta: eta.filter(|_| waits),
            adults: ticket.adults,
            children: ticket.children,
            channel: ticket.channel,
            checked_in: ticket.checked_in,
            phone_last4: ticket.phone_last4.clone(),
            lang: ticket.lang.clone(),
            calls: ticket.calls,
            to: ticket.to.clone(),
            delays_left: ticket.delays_left,
            delays: ticket.delays,
            overtaken: ticket.overtaken,
            joined_at: ticket.joined_at,
            eta_at_join: ticket.eta_at_join,
            called_at: ticket.called_at,
            grace_until: ticket.grace_until,
            undo_until: ticket.undo_until,
            seated_at: ticket.seated_at,
            missed_at: ticket.missed_at,
            rejoin_until: ticket.rejoin_until,
            ended: ticket.ended.clone(),
            items: ticket.items.clone(),
            total: ticket.total(),
        }
    }
}

/// T: a ticket as staff see it and as commands answer it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketView {
    /// What its holder sees too.
    #[serde(flatten)]
    pub own: OwnView,
    /// As given.
    pub name: Option<String>,
    /// Staff's note.
    pub note: Option<String>,
}

impl TicketView {
    /// A ticket with its place, as a command's reply knows it. See [`eta_of_reply`].
    #[must_use]
    pub fn new(ticket: &Ticket, ahead: Option<u32>, eta: Option<Eta>) -> Self {
        Self { own: OwnView::new(ticket, ahead, eta), name: ticket.name.clone(), note: ticket.note.clone() }
    }
}

/// The wait in a command's reply, which knows how many are ahead but not of which class: all are counted as if they
/// were of the ticket's class. It is never shorter than what the next frame says, and the same on every server.
#[must_use]
pub fn eta_of_reply(ahead: Option<u32>, pace: Option<&PaceRecord>) -> Option<Eta> {
    estimate(pace, ahead?, None)
}

/// T of a ticket in a replica.
#[must_use]
pub fn ticket_view(replica: &Replica, ticket: &Ticket) -> TicketView {
    let place = replica.place(ticket);
    TicketView::new(ticket, place.map(|place| place.ahead), place.and_then(|place| place.eta))
}

/// Whether its holder can bring a ticket back into the line: while it is not final, and for a while after
/// cancelling it. A ticket that cannot come back has nothing more to say.
#[must_use]
pub fn may_come_back(ticket: &Ticket, at: Millis) -> bool {
    match (&ticket.ended, ticket.state) {
        (None, _) => true,
        (Some(ended), TicketState::Cancelled) => {
            matches!(ended.by.as_str(), "guest" | "device") && ticket.undo_until.is_some_and(|until| until > at)
        }
        (Some(_), _) => false,
    }
}

/// The `ticket` frame: what its holder sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketFrame {
    /// `ticket`.
    pub r#type: FrameType,
    /// Which life of Redis.
    pub epoch: i64,
    /// Changes of the restaurant's live state so far.
    pub rev: i64,
    /// Redis's clock.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Whether the state is known to be current.
    pub live: bool,
    /// When the next frame comes at the latest.
    pub every_ms: u32,
    /// The ticket.
    #[serde(flatten)]
    pub own: OwnView,
    /// Its restaurant.
    pub restaurant: TicketRestaurant,
    /// The name of its line.
    pub line_name: String,
    /// Waiting tickets before it when it joined.
    pub ahead_at_join: u32,
    /// The newest call in its line.
    pub last_called: Option<NumberAt>,
    /// What its holder should be told, at most five.
    pub notices: Vec<Notice>,
    /// How good the ranges shown at joining turned out; null until that is measured.
    #[schema(value_type = Option<Object>)]
    pub eta_record: Option<serde_json::Value>,
}

/// The restaurant of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketRestaurant {
    /// The name in paths.
    pub slug: String,
    /// Shown.
    pub name: String,
    /// Whether guests may take a number.
    pub state: OpenState,
}

/// What the holder of a ticket sees.
#[must_use]
pub fn ticket_frame(replica: &Replica, ticket: &Ticket, heading: Heading) -> TicketFrame {
    ticket_frame_at(replica, ticket, replica.place(ticket), heading)
}

/// [`ticket_frame`], for who knows its place in the replica already.
#[must_use]
pub fn ticket_frame_at(replica: &Replica, ticket: &Ticket, place: Option<Place>, heading: Heading) -> TicketFrame {
    let (ahead, eta) = (place.map(|place| place.ahead), place.and_then(|place| place.eta));
    let restaurant = replica.restaurant();
    let line = replica.lines().get(&ticket.line);
    let Stamp { epoch, rev } = replica.stamp();
    TicketFrame {
        r#type: FrameType::Ticket,
        epoch,
        rev,
        at: heading.at,
        live: heading.live,
        every_ms: heading.every_ms,
        own: OwnView::new(ticket, ahead, eta),
        restaurant: TicketRestaurant {
            slug: restaurant.slug.clone(),
            name: restaurant.name.clone(),
            state: restaurant.state,
        },
        line_name: line.map_or_else(|| ticket.line.to_string(), |line| line.name.clone()),
        ahead_at_join: ticket.ahead_at_join,
        last_called: line.and_then(|line| line.recent.first().cloned()),
        notices: notices(replica, ticket, ahead, heading.at),
        eta_record: None,
    }
}
