//! What a batch of events means in rows. Pure: what is recorded already comes in, what has to be written goes out.
//!
//! Invariant: an event is taken when it is newer than everything recorded of its aggregate, and else left out; so a
//! log that is read again from its first entry adds nothing twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
};

use crate::{
    db::record::rows::{
        AggregateRow, By, DeadLetterRow, EventRow, GapRow, KnownTicket, MovementRow, Rows, TicketRow, Totals,
        TransitionRow,
    },
    domain::{Millis, Stamp},
    queue::{
        keys::Partition,
        log::{self, Entry, Logged, Packed, Position},
    },
};

use super::readable::Readable;

/// A ticket in the record: its restaurant and ref.
pub(super) type TicketKey = (i64, String);

/// A part of a restaurant's live state.
pub(super) type PartKey = (i64, String);

/// What is recorded already of everything that a batch touches.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) tickets: HashMap<TicketKey, KnownTicket>,
    /// Units left, by the part that holds them; -1: not counted.
    pub(super) stock: HashMap<PartKey, i64>,
}

/// What one transaction will write, being put together.
#[derive(Debug, Default)]
pub(super) struct Batch<'e> {
    known: Known,
    rows: Rows,
    /// The last event of each ticket, which of its tickets that is, and when it ended.
    tickets: HashMap<TicketKey, (&'e Readable, usize, Option<Millis>)>,
    parts: HashMap<PartKey, &'e Packed>,
    stock: HashMap<PartKey, i64>,
    days: BTreeMap<(i64, String), Millis>,
    totals: HashMap<(i64, String, String), Totals>,
    touched: HashSet<String>,
}

impl<'e> Batch<'e> {
    /// A batch on top of what is recorded.
    pub(super) fn new(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    /// Adds an event that is the next of its aggregate.
    pub(super) fn push(&mut self, event: &'e Readable) {
        let logged = &event.logged;
        let by = by(&logged.by);
        let subject = logged.ticket.as_ref().map(crate::domain::TicketId::as_str);
        let subject = event.tickets.iter().find(|facts| Some(facts.id.as_str()) == subject);
        self.rows.events.push(EventRow {
            partition: event.partition.index(),
            aggregate: logged.aggregate.clone(),
            epoch: logged.epoch,
            rev: logged.rev,
            at: logged.at,
            name: clean(&logged.name),
            by: by.clone(),
            r#ref: subject.map(|facts| facts.r#ref.clone()),
            line: logged.line.map(|line| line.to_string()),
            item: logged.item.as_deref().map(clean),
            reason: logged.reason.as_deref().map(clean),
            answer: logged.answer.as_ref().and_then(|answer| rmp_serde::to_vec_named(answer).ok()),
        });
        self.touched.insert(logged.aggregate.clone());
        let Some(restaurant) = event.restaurant else { return };
        for (index, facts) in event.tickets.iter().enumerate() {
            let is_subject = subject.is_some_and(|subject| subject.id == facts.id);
            self.push_ticket(restaurant, event, index, &by, is_subject);
        }
        for (item, left) in &logged.stock {
            let r#ref = subject.map(|facts| facts.r#ref.clone());
            self.push_movement(restaurant, logged, &by, item, *left, r#ref);
        }
        for (part, packed) in &event.parts {
            self.parts.insert((restaurant, clean(part)), packed);
        }
        if let Some(day) = &event.day {
            self.days.insert((restaurant, day.day.clone()), day.day_ends_at);
        }
    }

    fn push_ticket(&mut self, restaurant: i64, event: &'e Readable, index: usize, by: &By, is_subject: bool) {
        let (logged, facts) = (&event.logged, &event.tickets[index]);
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
        self.tickets.insert(key.clone(), (event, index, ended_at));
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
            adjusted: logged.adjusted,
            r#ref,
            by: by.clone(),
        });
        self.stock.insert(key.clone(), left);
        self.known.stock.insert(key, left);
    }

    /// Adds revisions that are missing.
    pub(super) fn push_gap(&mut self, gap: GapRow) {
        self.rows.gaps.push(gap);
    }

    /// Adds an entry that is set aside.
    pub(super) fn push_dead_letter(&mut self, partition: Partition, entry: &Entry, error: &str) {
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
        let latest = self.tickets.into_iter();
        rows.tickets = latest
            .map(|((restaurant, _), (event, index, ended_at))| ticket_row(restaurant, event, index, ended_at))
            .collect();
        let parts = self.parts.into_iter().map(|((restaurant, part), packed)| (restaurant, part, packed.0.clone()));
        let stock = self.stock.into_iter().map(|((restaurant, part), left)| (restaurant, part, pack_left(left)));
        rows.parts = parts.chain(stock).collect();
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

fn by(actor: &log::By) -> By {
    By {
        role: clean(&actor.role),
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
    match ticket.state.as_str() {
        "waiting" => totals.waiting += sign,
        "called" => totals.called += sign,
        "seated" => totals.seated += sign,
        "completed" => totals.completed += sign,
        "cancelled" => totals.cancelled += sign,
        "no_show" => totals.no_show += sign,
        // Of a newer server: a party like the others, in none of the states that have a column.
        _ => {}
    }
    if let (Some(seated_at), "seated" | "completed") = (ticket.seated_at, ticket.state.as_str()) {
        totals.seated_guests += sign * ticket.guests;
        totals.waited_ms += sign * (seated_at - ticket.joined_at);
    }
}

fn ticket_row(restaurant: i64, event: &Readable, index: usize, ended_at: Option<Millis>) -> TicketRow {
    let (logged, facts, packed) = (&event.logged, &event.tickets[index], &event.logged.tickets[index]);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    const RESTAURANT: &str = "restaurant:7";

    fn stamp(epoch: i64, rev: i64) -> Stamp {
        Stamp { epoch, rev }
    }

    #[test]
    fn an_event_is_old_or_the_next_or_shows_a_gap() {
        let known = Some(stamp(100, 57));
        for (seen, expected) in [
            (stamp(100, 57), Standing::Old),
            (stamp(100, 1), Standing::Old),
            (stamp(99, 90), Standing::Old),
            (stamp(100, 58), Standing::Next),
            (stamp(200, 58), Standing::Next),
            // Redis came back older.
            (stamp(200, 51), Standing::Next),
        ] {
            assert_eq!(standing(known, RESTAURANT, seen), expected, "{seen:?}");
        }
        let gap = |epoch, rev_from, rev_to| {
            Standing::Gap(GapRow { aggregate: RESTAURANT.to_owned(), epoch, rev_from, rev_to })
        };
        assert_eq!(standing(known, RESTAURANT, stamp(100, 60)), gap(100, 58, 59));
        assert_eq!(standing(known, RESTAURANT, stamp(200, 59)), gap(200, 58, 58));
        assert_eq!(standing(None, RESTAURANT, stamp(100, 1)), Standing::Next);
        assert_eq!(standing(None, RESTAURANT, stamp(100, 3)), gap(100, 1, 2));
    }

    fn ticket(state: &str, more: Value) -> Packed {
        let mut ticket = json!({
            "id": "00000000007abcdefghijklmnopqrstuv", "ref": "r1", "day": "2026-11-22", "number": "A001", "line": "A",
            "state": state, "adults": 2, "children": 1, "channel": "remote", "checked_in": false, "joined_at": 1_000,
        });
        for (name, value) in more.as_object().expect("an object") {
            ticket[name] = value.clone();
        }
        Packed(rmp_serde::to_vec_named(&ticket).expect("packs"))
    }

    fn event(rev: i64, name: &str, ticket: Packed) -> Readable {
        let logged = Logged {
            aggregate: RESTAURANT.to_owned(),
            epoch: 100,
            rev,
            at: 1_000 * rev,
            name: name.to_owned(),
            by: crate::domain::Actor::of(crate::domain::Role::Staff).into(),
            ticket: "00000000007abcdefghijklmnopqrstuv".parse().ok(),
            line: None,
            item: None,
            adjusted: None,
            reason: Some("no\0table".to_owned()),
            tickets: vec![ticket],
            lines: Vec::new(),
            stock: BTreeMap::from([("cake".to_owned(), 10 - rev)]),
            restaurant: None,
            policy: None,
            menu: None,
            pace: BTreeMap::new(),
            answer: None,
        };
        Readable::of_logged(Partition::FIRST, Arc::new(logged)).expect("readable")
    }

    /// Within a batch a ticket is written once, as it is last, and counted once; its way there is written whole.
    #[test]
    fn a_batch_is_written_as_its_events_one_by_one() {
        let events = [
            event(1, "ticket.joined", ticket("waiting", json!({}))),
            event(2, "ticket.seated", ticket("seated", json!({ "seated_at": 5_000 }))),
            event(
                3,
                "ticket.completed",
                ticket("completed", json!({ "seated_at": 5_000, "ended": { "by": "staff" } })),
            ),
        ];
        let mut batch = Batch::default();
        events.iter().for_each(|event| batch.push(event));
        let rows = batch.finish(|_| None);
        let states: Vec<&str> = rows.transitions.iter().map(|row| row.state.as_str()).collect();
        assert_eq!(states, ["waiting", "seated", "completed"]);
        assert_eq!(rows.events[0].reason.as_deref(), Some("no\u{fffd}table"), "PostgreSQL's text has no NUL");
        assert_eq!((rows.tickets.len(), rows.tickets[0].state.as_str(), rows.tickets[0].rev), (1, "completed", 3));
        assert_eq!(rows.tickets[0].ended_at, Some(3_000));
        let changes: Vec<_> = rows.movements.iter().map(|row| (row.left_after, row.change)).collect();
        assert_eq!(changes, [(Some(9), None), (Some(8), Some(-1)), (Some(7), Some(-1))]);
        let totals = Totals {
            parties: 1,
            guests: 3,
            remote: 1,
            completed: 1,
            seated_guests: 3,
            waited_ms: 4_000,
            ..Totals::default()
        };
        assert_eq!(rows.totals, [((7, "2026-11-22".to_owned(), "A".to_owned()), totals)]);
    }

    /// What was counted before is taken out again: of an undone act nothing remains.
    #[test]
    fn totals_follow_the_former_row() {
        let before = KnownTicket {
            day: "2026-11-22".to_owned(),
            line: "B".to_owned(),
            state: "cancelled".to_owned(),
            guests: 2,
            remote: true,
            joined_at: 1_000,
            seated_at: None,
            ended_at: Some(2_000),
        };
        let known = Known { tickets: HashMap::from([((7, "r1".to_owned()), before)]), ..Known::default() };
        let mut batch = Batch::new(known);
        let undone = event(4, "ticket.undone", ticket("waiting", json!({})));
        batch.push(&undone);
        let rows = batch.finish(|_| None);
        let of = |line: &str| rows.totals.iter().find(|((_, _, of), _)| of == line).expect("a row").1;
        assert_eq!(of("A"), Totals { parties: 1, guests: 3, remote: 1, waiting: 1, ..Totals::default() });
        assert_eq!(of("B"), Totals { parties: -1, guests: -2, remote: -1, cancelled: -1, ..Totals::default() });
        assert_eq!(rows.tickets[0].ended_at, None, "it has not ended any more");
    }
}
