//! What a batch of events means in rows. Pure: what is recorded already comes in, what has to be written goes out.
//!
//! Invariant: an event is taken when it is newer than everything recorded of its aggregate, and else left out; so a
//! log that is read again from its first entry adds nothing twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
};

use serde::Deserialize;

use crate::{
    db::record::rows::{
        AggregateRow, By, DeadLetterRow, EventRow, GapRow, KnownTicket, MovementRow, Rows, TicketRow, Totals,
        TransitionRow,
    },
    domain::{Actor, Millis, Stamp},
    queue::{
        keys::Partition,
        log::{Entry, Logged, Packed, Position},
    },
};

/// A ticket in the record: its restaurant and ref.
pub(super) type TicketKey = (i64, String);

/// A part of a restaurant's live state.
pub(super) type PartKey = (i64, String);

/// An event with all that it carries unpacked. Nothing can go wrong with it any more.
#[derive(Debug)]
pub(super) struct Readable {
    partition: Partition,
    logged: Logged,
    /// `None`: an aggregate that is no restaurant.
    restaurant: Option<i64>,
    tickets: Vec<(Facts, Packed)>,
    parts: Vec<(String, Packed)>,
    day: Option<Day>,
}

/// What the record needs to know of a ticket. Numbers have the widths of their columns.
#[derive(Clone, Debug, Deserialize)]
struct Facts {
    id: String,
    r#ref: String,
    day: String,
    number: String,
    line: String,
    state: String,
    adults: i16,
    #[serde(default)]
    children: i16,
    channel: String,
    checked_in: bool,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    phone_last4: Option<String>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    lang: Option<String>,
    joined_at: Millis,
    #[serde(default)]
    called_at: Option<Millis>,
    #[serde(default)]
    seated_at: Option<Millis>,
    #[serde(default)]
    missed_at: Option<Millis>,
    #[serde(default)]
    ended: Option<Ended>,
    #[serde(default)]
    calls: i16,
    #[serde(default)]
    delays: i16,
    #[serde(default)]
    overtaken: i32,
    #[serde(default)]
    ahead_at_join: i32,
    #[serde(default)]
    eta_at_join: Option<serde_json::Value>,
    #[serde(default)]
    items: Vec<Ordered>,
}

#[derive(Clone, Debug, Deserialize)]
struct Ended {
    by: String,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize, serde::Serialize)]
struct Ordered {
    item: String,
    name: String,
    quantity: i64,
    price: i64,
    #[serde(default)]
    held: i64,
    #[serde(default)]
    lost: i64,
}

/// What the record needs to know of a restaurant's record.
#[derive(Clone, Debug, Deserialize)]
struct Day {
    day: String,
    day_ends_at: Millis,
}

#[derive(Deserialize)]
struct OfLine {
    line: String,
}

impl Facts {
    fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "cancelled")
    }

    fn known(&self, ended_at: Option<Millis>) -> KnownTicket {
        KnownTicket {
            day: self.day.clone(),
            line: self.line.clone(),
            state: self.state.clone(),
            guests: i64::from(self.adults) + i64::from(self.children),
            remote: self.channel == "remote",
            joined_at: self.joined_at,
            seated_at: self.seated_at,
            ended_at,
        }
    }
}

impl Readable {
    /// Unpacks an entry.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn of(partition: Partition, entry: &Entry) -> Result<Self, String> {
        Self::of_logged(partition, entry.event.as_ref().map_err(Clone::clone)?.clone())
    }

    /// Unpacks what an event carries.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn of_logged(partition: Partition, logged: Logged) -> Result<Self, String> {
        let restaurant = match logged.aggregate.strip_prefix("restaurant:") {
            Some(id) => Some(id.parse::<u64>().map_err(|error| error.to_string())?.cast_signed()),
            None => None,
        };
        let tickets = logged.tickets.iter().map(|packed| Ok((unpack(packed)?, packed.clone())));
        let tickets = tickets.collect::<Result<_, String>>()?;
        let day = logged.restaurant.as_ref().map(unpack::<Day>).transpose()?;
        let mut parts = Vec::new();
        for (name, packed) in [("restaurant", &logged.restaurant), ("policy", &logged.policy), ("menu", &logged.menu)] {
            parts.extend(packed.as_ref().map(|packed| (name.to_owned(), packed.clone())));
        }
        for packed in &logged.lines {
            parts.push((format!("line:{}", unpack::<OfLine>(packed)?.line), packed.clone()));
        }
        for (class, packed) in &logged.pace {
            parts.push((format!("pace:{class}"), packed.clone()));
        }
        Ok(Self { partition, logged, restaurant, tickets, parts, day })
    }

    /// The tickets it changes.
    pub(super) fn ticket_keys(&self) -> impl Iterator<Item = TicketKey> {
        let restaurant = self.restaurant.unwrap_or_default();
        self.tickets.iter().map(move |(facts, _)| (restaurant, facts.r#ref.clone()))
    }

    /// The counted menu items it changes.
    pub(super) fn stock_keys(&self) -> impl Iterator<Item = PartKey> {
        let restaurant = self.restaurant.unwrap_or_default();
        self.logged.stock.keys().map(move |item| (restaurant, stock_part(item)))
    }

    pub(super) fn aggregate(&self) -> &str {
        &self.logged.aggregate
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.logged.stamp()
    }

    /// Where its aggregate stands after it.
    pub(super) fn row(&self) -> AggregateRow {
        AggregateRow {
            aggregate: self.logged.aggregate.clone(),
            partition: self.partition.index(),
            epoch: self.logged.epoch,
            rev: self.logged.rev,
            at: self.logged.at,
        }
    }
}

fn unpack<'a, T: Deserialize<'a>>(packed: &'a Packed) -> Result<T, String> {
    rmp_serde::from_slice(&packed.0).map_err(|error| error.to_string())
}

/// What is recorded already of everything that a batch touches.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) tickets: HashMap<TicketKey, KnownTicket>,
    /// Units left, by the part that holds them; -1: not counted.
    pub(super) stock: HashMap<PartKey, i64>,
}

/// What one transaction will write, being put together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    known: Known,
    rows: Rows,
    tickets: HashMap<TicketKey, TicketRow>,
    parts: HashMap<PartKey, Vec<u8>>,
    days: BTreeMap<(i64, String), Millis>,
    totals: HashMap<(i64, String, String), Totals>,
    touched: HashSet<String>,
}

impl Batch {
    /// A batch on top of what is recorded.
    pub(super) fn new(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    /// Adds an event that is the next of its aggregate.
    pub(super) fn push(&mut self, event: &Readable) {
        let logged = &event.logged;
        let by = by(&logged.by);
        let subject = logged.ticket.as_ref().map(crate::domain::TicketId::as_str);
        let subject = event.tickets.iter().find(|(facts, _)| Some(facts.id.as_str()) == subject);
        self.rows.events.push(EventRow {
            partition: event.partition.index(),
            aggregate: logged.aggregate.clone(),
            epoch: logged.epoch,
            rev: logged.rev,
            at: logged.at,
            name: clean(&logged.name),
            by: by.clone(),
            r#ref: subject.map(|(facts, _)| facts.r#ref.clone()),
            line: logged.line.map(|line| line.to_string()),
            item: logged.item.as_deref().map(clean),
            reason: logged.reason.as_deref().map(clean),
            answer: logged.answer.as_ref().and_then(|answer| rmp_serde::to_vec_named(answer).ok()),
        });
        self.touched.insert(logged.aggregate.clone());
        let Some(restaurant) = event.restaurant else { return };
        for (facts, packed) in &event.tickets {
            let is_subject = subject.is_some_and(|(subject, _)| subject.id == facts.id);
            self.push_ticket(restaurant, logged, &by, facts, packed, is_subject);
        }
        for (item, left) in &logged.stock {
            let r#ref = subject.map(|(facts, _)| facts.r#ref.clone());
            self.push_movement(restaurant, logged, &by, item, *left, r#ref);
        }
        for (part, packed) in &event.parts {
            self.parts.insert((restaurant, clean(part)), packed.0.clone());
        }
        if let Some(day) = &event.day {
            self.days.insert((restaurant, day.day.clone()), day.day_ends_at);
        }
    }

    fn push_ticket(
        &mut self,
        restaurant: i64,
        logged: &Logged,
        by: &By,
        facts: &Facts,
        packed: &Packed,
        is_subject: bool,
    ) {
        let key = (restaurant, facts.r#ref.clone());
        let before = self.known.tickets.get(&key);
        let ended_at = facts.is_final().then(|| before.and_then(|before| before.ended_at).unwrap_or(logged.at));
        let after = facts.known(ended_at);
        if let Some(before) = before {
            count(&mut self.totals, restaurant, before, -1);
        }
        count(&mut self.totals, restaurant, &after, 1);
        let name = if !is_subject && logged.name == "ticket.called" { "ticket.overtaken" } else { &logged.name };
        self.rows.transitions.push(TransitionRow {
            restaurant,
            r#ref: facts.r#ref.clone(),
            epoch: logged.epoch,
            rev: logged.rev,
            at: logged.at,
            name: clean(name),
            state: facts.state.clone(),
            line: facts.line.clone(),
            by: by.clone(),
            reason: logged.reason.as_deref().map(clean),
        });
        self.tickets.insert(key.clone(), ticket_row(restaurant, logged, facts, packed, ended_at));
        self.known.tickets.insert(key, after);
    }

    fn push_movement(
        &mut self,
        restaurant: i64,
        logged: &Logged,
        by: &By,
        item: &str,
        left: i64,
        r#ref: Option<String>,
    ) {
        let key = (restaurant, stock_part(item));
        let before = self.known.stock.get(&key).copied().filter(|before| *before >= 0);
        let left_after = (left >= 0).then_some(left);
        self.rows.movements.push(MovementRow {
            restaurant,
            item: clean(item),
            epoch: logged.epoch,
            rev: logged.rev,
            at: logged.at,
            name: clean(&logged.name),
            left_after,
            change: left_after.zip(before).map(|(after, before)| after - before),
            r#ref,
            by: by.clone(),
        });
        self.parts.insert(key.clone(), pack_left(left));
        self.known.stock.insert(key, left);
    }

    /// Adds revisions that are missing.
    pub(super) fn push_gap(&mut self, gap: GapRow) {
        tracing::error!(epoch = gap.epoch, from = gap.rev_from, to = gap.rev_to, "the event log has a gap");
        self.rows.gaps.push(gap);
    }

    /// Adds an entry that cannot be read.
    pub(super) fn push_dead_letter(&mut self, partition: Partition, entry: &Entry, error: &str) {
        tracing::error!(partition = partition.index(), entry = %entry.position, error, "an event cannot be read");
        self.rows.dead_letters.push(DeadLetterRow {
            partition: partition.index(),
            entry: entry.position.to_string(),
            raw: entry.raw.clone(),
            error: clean(error),
        });
    }

    /// All rows, with where the touched aggregates stand now.
    pub(super) fn finish(mut self, stands: impl Fn(&str) -> Option<AggregateRow>) -> Rows {
        let mut rows = mem::take(&mut self.rows);
        rows.aggregates = self.touched.iter().filter_map(|aggregate| stands(aggregate)).collect();
        rows.tickets = self.tickets.into_values().collect();
        rows.parts = self.parts.into_iter().map(|((restaurant, part), packed)| (restaurant, part, packed)).collect();
        rows.days = self.days.into_iter().map(|((restaurant, day), ends_at)| (restaurant, day, ends_at)).collect();
        rows.totals = self.totals.into_iter().filter(|(_, totals)| *totals != Totals::default()).collect();
        // In one order always, so that two who write the same rows take turns instead of waiting for each other.
        rows.tickets.sort_by(|a, b| (a.restaurant, &a.r#ref).cmp(&(b.restaurant, &b.r#ref)));
        rows.parts.sort();
        rows.totals.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows.aggregates.sort_by(|a, b| a.aggregate.cmp(&b.aggregate));
        rows
    }
}

/// Where an event stands to what is recorded of its aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Recorded before.
    Old,
    /// The next one.
    Next,
    /// Revisions are missing before it.
    Gap(GapRow),
}

/// Compares an event with the last one recorded. In a new epoch rev may go back, where Redis came back older; it never
/// jumps.
pub(super) fn standing(known: Option<Stamp>, aggregate: &str, stamp: Stamp) -> Standing {
    let known = known.unwrap_or(Stamp { epoch: 0, rev: 0 });
    if stamp <= known {
        return Standing::Old;
    }
    if stamp.rev <= known.rev + 1 {
        return Standing::Next;
    }
    Standing::Gap(GapRow {
        aggregate: aggregate.to_owned(),
        epoch: stamp.epoch,
        rev_from: known.rev + 1,
        rev_to: stamp.rev - 1,
    })
}

/// The part of a restaurant's live state that says what is left of a menu item.
pub(super) fn stock_part(item: &str) -> String {
    format!("stock:{}", clean(item))
}

fn pack_left(left: i64) -> Vec<u8> {
    rmp_serde::to_vec(&left).unwrap_or_default()
}

/// What [`pack_left`] wrote; -1 for what cannot be read.
pub(super) fn unpack_left(packed: &[u8]) -> i64 {
    rmp_serde::from_slice(packed).unwrap_or(-1)
}

/// The last position of a batch of entries.
pub(super) fn last(entries: &[Entry]) -> Option<Position> {
    entries.last().map(|entry| entry.position)
}

/// PostgreSQL's text holds everything but NUL.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn by(actor: &Actor) -> By {
    By {
        role: actor.role.as_str(),
        device: actor.device.as_deref().map(clean),
        account: actor.account.as_deref().and_then(|account| account.parse::<u64>().ok()).map(u64::cast_signed),
    }
}

/// Adds a ticket to the totals of its day and line, or takes it out again.
fn count(totals: &mut HashMap<(i64, String, String), Totals>, restaurant: i64, ticket: &KnownTicket, sign: i64) {
    let totals = totals.entry((restaurant, ticket.day.clone(), ticket.line.clone())).or_default();
    totals.parties += sign;
    totals.guests += sign * ticket.guests;
    totals.remote += sign * i64::from(ticket.remote);
    let state = match ticket.state.as_str() {
        "waiting" => &mut totals.waiting,
        "called" => &mut totals.called,
        "seated" => &mut totals.seated,
        "completed" => &mut totals.completed,
        "cancelled" => &mut totals.cancelled,
        _ => &mut totals.no_show,
    };
    *state += sign;
    if let (Some(seated_at), "seated" | "completed") = (ticket.seated_at, ticket.state.as_str()) {
        totals.seated_guests += sign * ticket.guests;
        totals.waited_ms += sign * (seated_at - ticket.joined_at);
    }
}

fn ticket_row(restaurant: i64, logged: &Logged, facts: &Facts, packed: &Packed, ended_at: Option<Millis>) -> TicketRow {
    let text = |text: &Option<String>| text.as_deref().map(clean);
    let items = serde_json::to_string(&facts.items).ok().map(|items| items.replace("\\u0000", "\\ufffd"));
    TicketRow {
        restaurant,
        r#ref: facts.r#ref.clone(),
        day: facts.day.clone(),
        number: facts.number.clone(),
        line: facts.line.clone(),
        state: facts.state.clone(),
        adults: facts.adults,
        children: facts.children,
        channel: facts.channel.clone(),
        checked_in: facts.checked_in,
        name: text(&facts.name),
        phone_last4: text(&facts.phone_last4),
        note: text(&facts.note),
        lang: text(&facts.lang),
        joined_at: facts.joined_at,
        called_at: facts.called_at,
        seated_at: facts.seated_at,
        missed_at: facts.missed_at,
        ended_at,
        ended_by: facts.ended.as_ref().map(|ended| clean(&ended.by)),
        ended_reason: facts.ended.as_ref().and_then(|ended| text(&ended.reason)),
        calls: facts.calls,
        delays: facts.delays,
        overtaken: facts.overtaken,
        ahead_at_join: facts.ahead_at_join,
        eta_at_join: facts.eta_at_join.clone(),
        items: items.filter(|_| !facts.items.is_empty()).and_then(|items| serde_json::from_str(&items).ok()),
        total: facts.items.iter().map(|item| item.price.saturating_mul((item.quantity - item.lost).max(0))).sum(),
        epoch: logged.epoch,
        rev: logged.rev,
        at: logged.at,
        packed: packed.0.clone(),
    }
}
