//! Runs every act on the model and on the subject, and keeps the first difference.
//!
//! Compared are replies (all of a ticket but its estimate; ahead, dropped, left), refusals with their details, events
//! (name, actor, time, one rev each, changed tickets, and every changed value), the deadlines that are due, and the
//! whole snapshot, also as a replica of the events. Not compared: pace, estimates, epochs, how busy a line was, an event's `reason`.

use std::fmt::Debug;

use waitless::domain::{
    Actor, Command, Done, Event, LineRecord, Millis, Rejection, RestaurantRecord, Ticket, TicketId, TicketState,
    event::Pace,
    replica::{Replica, Snapshot},
};

use super::{
    coverage::Coverage,
    rules::{Deadline, Model},
    step::{name_of, ticket_of},
    subject::Subject,
};

/// `due` lists at most so many.
const DUE_MAX: usize = 100;

/// A day rolls within so many steps.
const ROLL_STEPS_MAX: usize = 200;

/// The model and what is held to it.
pub(crate) struct Compared<S> {
    pub(crate) model: Model,
    subject: S,
    /// The subject's first snapshot with its events applied; `None` where that is not tested.
    replica: Option<Replica>,
    pub(crate) coverage: Coverage,
    /// The first difference.
    pub(crate) mismatch: Option<String>,
}

impl<S: Subject> Compared<S> {
    pub(crate) fn new(mut model: Model, mut subject: S, now: Millis, with_replica: bool) -> Self {
        let first = subject.snapshot(now);
        model.live.rev = first.stamp.rev;
        let replica = with_replica.then(|| Replica::new(first));
        let mut compared = Self { model, subject, replica, coverage: Coverage::default(), mismatch: None };
        compared.whole(now);
        compared
    }

    /// Compares the whole snapshot, and the replica with it.
    pub(crate) fn whole(&mut self, now: Millis) {
        let snapshot = self.subject.snapshot(now);
        if let Some(replica) = &self.replica {
            let expected = Replica::new(Snapshot { at: now, ..snapshot.clone() });
            let mut replica = replica.clone();
            replica.lapse(now);
            self.same("the replica made from events (left) and the snapshot", &replica, &expected);
        }
        let expected = self.model.snapshot(now);
        let without_pace = |snapshot: Snapshot| {
            let stamp = waitless::domain::Stamp { epoch: 0, rev: snapshot.stamp.rev };
            let mut snapshot = Snapshot { stamp, pace: Pace::new(), ..presentable(snapshot, now) };
            snapshot.tickets = snapshot.tickets.into_iter().map(comparable).collect();
            snapshot.lines.values_mut().for_each(|line| *line = comparable_line(line));
            snapshot.restaurant = comparable_restaurant(snapshot.restaurant);
            snapshot
        };
        self.same("snapshot", &without_pace(expected), &without_pace(snapshot));
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found && self.mismatch.is_none() {
            self.mismatch = Some(format!("{what}: the model has (-), the subject (+)\n{}", differing(expected, found)));
        }
    }

    fn events_after(&mut self, rev: i64) {
        let expected = self.model.events.iter().filter(|event| event.rev > rev).cloned().collect::<Vec<_>>();
        let found = self.subject.events_since(rev);
        let outline = |events: &[Event]| {
            let outline = |event: &Event| {
                let mut tickets: Vec<_> = event.tickets.iter().cloned().map(comparable).collect();
                tickets.sort_by(|a, b| a.id.cmp(&b.id));
                let (by, at) = (event.by.clone(), event.at);
                (event.rev, event.name.clone(), by, at, event.ticket.clone(), event.item.clone(), tickets)
            };
            events.iter().map(outline).collect::<Vec<_>>()
        };
        self.same("events", &outline(&expected), &outline(&found));
        for (expected, found) in expected.iter().zip(&found) {
            // More than what changed may travel, if it is true.
            for line in &expected.lines {
                let found = found.lines.iter().find(|found| found.line == line.line).map(comparable_line);
                self.same("an event's line", &Some(comparable_line(line)), &found);
            }
            for (item, left) in &expected.stock {
                self.same("an event's stock", &Some(left), &found.stock.get(item));
            }
            if expected.restaurant.is_some() {
                let restaurant = |event: &Event| event.restaurant.clone().map(comparable_restaurant);
                self.same("an event's restaurant", &restaurant(expected), &restaurant(found));
            }
            if expected.policy.is_some() {
                self.same("an event's policy", &expected.policy, &found.policy);
            }
        }
        for event in &expected {
            self.coverage.saw("event", &format!("{} by {}", event.name, event.by.role.as_str()));
            for notice in event.tickets.iter().flat_map(|ticket| &ticket.notices) {
                if notice.at == event.at {
                    self.coverage.saw("notice", &notice.kind);
                }
            }
        }
        self.apply(&found);
    }

    fn apply(&mut self, events: &[Event]) {
        let Some(replica) = &mut self.replica else { return };
        for event in events {
            if replica.apply(event).is_err() {
                self.mismatch
                    .get_or_insert_with(|| format!("the replica finds a gap before {} {}", event.rev, event.name));
                return;
            }
        }
    }

    fn note_run(&mut self, command: &Command, result: &Result<Done, Rejection>, former: Option<String>, rev: i64) {
        let name = name_of(command);
        self.coverage.saw_result(name, result);
        let Ok(done) = result else { return };
        if !done.dropped.is_empty() {
            self.coverage.saw(name, "dropped");
        }
        if self.model.live.rev == rev {
            self.coverage.saw(name, "nothing to do");
        }
        if let (Command::Undo { .. }, Some(former)) = (command, former) {
            self.coverage.saw("undone", &former);
        }
    }

    /// The act that an undo of this command's ticket would take back, from the events.
    fn undoable(&self, command: &Command) -> Option<String> {
        let id = ticket_of(command)?;
        let acts = self.model.events.iter().rev().filter(|event| event.ticket.as_ref() == Some(id));
        let (name, role) =
            acts.map(|event| (event.name.as_str(), event.by.role.as_str())).find_map(|(name, role)| {
                let name = match name {
                    "ticket.called" => "call",
                    "ticket.seated" => "seat",
                    "ticket.completed" => "complete",
                    "ticket.cancelled" => "cancel",
                    "ticket.no_show" => "no_show",
                    "ticket.put_back" => "put_back",
                    "ticket.restored" => "restore",
                    _ => return None,
                };
                let role = match role {
                    "owner" | "admin" => "staff",
                    "device" => "guest",
                    role => role,
                };
                Some((name, role))
            })?;
        Some(format!("{name} by {role}"))
    }
}

impl<S: Subject> Subject for Compared<S> {
    fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection> {
        let rev = self.model.live.rev;
        let former = self.undoable(command);
        let expected = self.model.run(actor, now, command);
        let found = self.subject.run(actor, now, command);
        self.note_run(command, &expected, former, rev);
        let reply = |result: &Result<Done, Rejection>| {
            let done = result.clone()?;
            Ok::<_, Rejection>((done.ticket.map(comparable), done.ahead, done.dropped, done.left))
        };
        self.same(&format!("the reply to {}", name_of(command)), &reply(&expected), &reply(&found));
        self.events_after(rev);
        expected
    }

    fn find(&mut self, number: &str, code: &str, now: Millis) -> Result<TicketId, Rejection> {
        let expected = self.model.find(number, code);
        let found = self.subject.find(number, code, now);
        self.coverage.saw_result("find", &expected);
        let right = |entry: &&super::rules::Entry| entry.ticket.number == number && entry.ticket.code == code;
        if expected.is_err() && self.model.live.entries.iter().find(right).is_some_and(|entry| entry.tries > 5) {
            self.coverage.saw("find", "locked");
        }
        self.same("the reply to find", &expected, &found);
        expected
    }

    fn due(&mut self, now: Millis) -> Vec<Deadline> {
        let expected = self.model.due(now);
        let found = self.subject.due(now);
        if found.len() < DUE_MAX {
            let missed: Vec<_> = expected.iter().filter(|deadline| !found.contains(deadline)).collect();
            self.same("deadlines that are due and not listed", &Vec::new(), &missed.iter().map(|d| name(d)).collect());
        }
        let in_order = found.is_sorted_by_key(|deadline| deadline.at);
        self.same("deadlines are listed in order", &true, &in_order);
        // Those that only the subject lists must turn out to be stale.
        found
    }

    fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection> {
        let rev = self.model.live.rev;
        let expected = self.model.expire(deadline, now);
        let found = self.subject.expire(deadline, now);
        let kind = deadline.timer.kind();
        self.coverage.saw_result(&format!("expire {kind}"), &expected);
        let still_due =
            self.model.live.deadlines().iter().any(|left| left.timer == deadline.timer && left.at > deadline.at);
        if expected.is_ok() && still_due {
            self.coverage.saw("moved", kind);
        }
        self.same(&format!("the reply to expire {}", name(deadline)), &expected, &found);
        self.events_after(rev);
        expected
    }

    /// All steps. How many the subject takes is its affair: it tells its rev.
    fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<bool, Rejection> {
        let rev = self.model.live.rev;
        let expected = self.model.roll_day(day, ends_at, now);
        self.coverage.saw_result("roll_day", &expected);
        let mut steps = 0;
        let found = loop {
            steps += 1;
            match self.subject.roll_day(day, ends_at, now) {
                Ok(false) if steps < ROLL_STEPS_MAX => {}
                Ok(false) => {
                    self.mismatch.get_or_insert_with(|| format!("no new day after {ROLL_STEPS_MAX} steps"));
                    break Ok(());
                }
                Ok(true) => break Ok(()),
                Err(rejection) => break Err(rejection),
            }
        };
        self.same("the reply to roll_day", &expected, &found);
        let events = self.subject.events_since(rev);
        if expected.is_ok() {
            self.rolled(rev, &events);
        } else {
            self.same("events of a refused day roll", &0, &events.len());
        }
        self.apply(&events);
        self.whole(now);
        expected.map(|()| true)
    }

    fn snapshot(&mut self, now: Millis) -> Snapshot {
        self.model.snapshot(now)
    }

    fn events_since(&mut self, rev: i64) -> Vec<Event> {
        self.model.events_since(rev)
    }
}

impl<S> Compared<S> {
    /// A day roll may make several events: their revs follow each other, and every ticket they carry ends as in the
    /// model.
    fn rolled(&mut self, rev: i64, events: &[Event]) {
        let expected: Vec<i64> = (rev + 1..).take(events.len().max(1)).collect();
        let found: Vec<i64> = events.iter().map(|event| event.rev).collect();
        let mut problems = Vec::new();
        if expected != found {
            problems.push(format!("the revs of a day roll after {rev}: {found:?}"));
        }
        if let (Some(last), Some(own)) = (found.last(), self.model.events.last_mut()) {
            self.model.live.rev = *last;
            own.rev = *last;
        }
        let ended = self.model.events.last().map(|event| event.tickets.clone()).unwrap_or_default();
        for ticket in ended.into_iter().map(comparable) {
            let told = events.iter().flat_map(|event| &event.tickets).rfind(|told| told.id == ticket.id);
            let told = told.cloned().map(comparable);
            let must_be_told =
                ticket.ended.as_ref().is_some_and(|ended| ended.by == "timer" && ticket.undo_until.is_none());
            match told {
                Some(told) if told != ticket => problems.push(differing(&ticket, &told)),
                None if must_be_told && ticket.ended.as_ref().is_some_and(|ended| ended.reason.is_some()) => {
                    problems.push(format!("no event of the day roll carries {}", ticket.number));
                }
                _ => {}
            }
        }
        if let Some(problem) = problems.into_iter().next() {
            self.mismatch.get_or_insert(problem);
        }
    }
}

/// A ticket without what is not compared.
fn comparable(ticket: Ticket) -> Ticket {
    Ticket { eta_at_join: None, ..ticket }
}

/// A line without what the record needs of it.
fn comparable_line(line: &LineRecord) -> LineRecord {
    LineRecord { busiest: 0, busy_at: 0, busy: 0, numbered: 0, epoch: 0, ..line.clone() }
}

fn comparable_restaurant(restaurant: RestaurantRecord) -> RestaurantRecord {
    RestaurantRecord { epoch: 0, ..restaurant }
}

/// Without final tickets that can no longer be undone at this time, the others by id.
fn presentable(mut snapshot: Snapshot, at: Millis) -> Snapshot {
    snapshot.tickets.retain(|ticket| {
        let is_final = matches!(ticket.state, TicketState::Completed | TicketState::Cancelled);
        !is_final || ticket.undo_until.is_some_and(|until| until > at)
    });
    snapshot.tickets.sort_by(|a, b| a.id.cmp(&b.id));
    snapshot
}

fn name(deadline: &Deadline) -> String {
    let ticket = deadline.timer.ticket().map(super::step::serial_of).unwrap_or_default();
    format!("{} {ticket} at {}", deadline.timer.kind(), deadline.at)
}

/// The lines of two values' debug text that differ, with the nearest name or number before them.
fn differing(expected: &impl Debug, found: &impl Debug) -> String {
    const LINES_MAX: usize = 24;
    let (expected, found) = (format!("{expected:#?}"), format!("{found:#?}"));
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let mut lines = Vec::new();
    let mut owner = "";
    let (mut left, mut right) = (0, 0);
    while (left < expected.len() || right < found.len()) && lines.len() < LINES_MAX {
        let (a, b) = (expected.get(left), found.get(right));
        if a == b {
            let text = a.map_or("", |text| text.trim());
            if text.starts_with("number:") {
                owner = text;
            }
            (left, right) = (left + 1, right + 1);
            continue;
        }
        // The nearest line at which both agree again.
        let skip = |from: &[&str], text: Option<&&str>| {
            text.and_then(|text| from.iter().take(40).position(|line| line == text))
        };
        let ahead_right = skip(&found[right.min(found.len())..], a);
        let ahead_left = skip(&expected[left.min(expected.len())..], b);
        let take_left = a.is_some() && (ahead_left.is_some() || ahead_right.is_none());
        let take_right =
            b.is_some() && (ahead_right.is_some() || ahead_left.is_none()) && !(take_left && ahead_left.is_some());
        if let (true, Some(text)) = (take_left, a) {
            lines.push(format!("  - {} [{owner}]", text.trim()));
            left += 1;
        }
        if let (true, Some(text)) = (take_right, b) {
            lines.push(format!("  + {} [{owner}]", text.trim()));
            right += 1;
        }
    }
    lines.join("\n")
}
