//! Deadlines, what they do when they have come, and outages of those who watch them.

use serde_json::json;
use waitless::domain::{Actor, LineId, Millis, OpenState, Rejection, Role, TicketId, TicketState, policy::GraceOver};

use super::{Act, Effect, Entry, Live, Model};

/// A silence longer than this is an outage.
pub(crate) const OUTAGE_MS: Millis = 10_000;

/// Places a called ticket goes back when its grace is over.
const GRACE_OVER_PLACES: u32 = 3;

/// What a deadline belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    LastCall(TicketId),
    Grace(TicketId),
    Rejoin(TicketId),
    Stay(TicketId),
    Restaurant,
    Line(LineId),
    Announcement,
}

impl Timer {
    pub(crate) fn ticket(&self) -> Option<&TicketId> {
        match self {
            Self::LastCall(id) | Self::Grace(id) | Self::Rejoin(id) | Self::Stay(id) => Some(id),
            Self::Restaurant | Self::Line(_) | Self::Announcement => None,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::LastCall(_) => "last_call",
            Self::Grace(_) => "grace",
            Self::Rejoin(_) => "rejoin",
            Self::Stay(_) => "stay",
            Self::Restaurant => "restaurant",
            Self::Line(_) => "line",
            Self::Announcement => "announcement",
        }
    }
}

/// A moment at which a timer acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) timer: Timer,
    pub(crate) at: Millis,
}

impl Model {
    /// A heartbeat of the timers; answers the deadlines that have come, the oldest first.
    pub(crate) fn due(&mut self, now: Millis) -> Vec<Deadline> {
        let live = &mut self.live;
        if let Some(from) = live.heartbeat.replace(now)
            && now - from > OUTAGE_MS
        {
            live.outages.push((from, now));
        }
        let mut due = live.deadlines();
        due.retain(|deadline| deadline.at <= now);
        due
    }

    /// Lets a deadline act that `due` has listed.
    pub(crate) fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection> {
        let actor = Actor::of(Role::Timer);
        self.act(Act { actor: &actor, now }, |live, act| live.expire(act, deadline)).map(drop)
    }
}

fn deadlines_of(entry: &Entry) -> impl Iterator<Item = Deadline> {
    let id = &entry.ticket.id;
    let deadline =
        |timer: fn(TicketId) -> Timer, at: Option<Millis>| at.map(|at| Deadline { timer: timer(id.clone()), at });
    [
        deadline(Timer::LastCall, entry.last_call_at),
        deadline(Timer::Grace, entry.ticket.grace_until),
        deadline(Timer::Rejoin, entry.rejoin_deadline),
        deadline(Timer::Stay, entry.stay_until),
    ]
    .into_iter()
    .flatten()
}

impl Live {
    /// Every deadline, the earliest first.
    pub(crate) fn deadlines(&self) -> Vec<Deadline> {
        let mut deadlines: Vec<_> = self.entries.iter().flat_map(deadlines_of).collect();
        let mut add = |timer, at: Option<Millis>| deadlines.extend(at.map(|at| Deadline { timer, at }));
        for line in self.lines.values() {
            add(Timer::Line(line.line), line.until);
        }
        add(Timer::Restaurant, self.restaurant.until);
        add(Timer::Announcement, self.restaurant.announcement.as_ref().and_then(|announcement| announcement.until));
        deadlines.sort_by_key(|deadline| deadline.at);
        deadlines
    }

    fn expire(&mut self, act: Act<'_>, deadline: &Deadline) -> Result<Effect, Rejection> {
        if !self.deadlines().contains(deadline) {
            return Err(Rejection::Stale);
        }
        let moving = self.moves_as(deadline);
        let outage = self.outages.iter().find(|(from, to)| *from < moving.at && moving.at <= *to);
        let event = match outage {
            Some((from, to)) => self.move_deadline(act, &moving, moving.at + (to - from)),
            None => self.let_act(act, &deadline.timer),
        };
        Ok(Effect { ticket: deadline.timer.ticket().cloned(), ..Effect::named(event) })
    }

    fn ticket_of(&self, timer: &Timer) -> usize {
        timer.ticket().and_then(|id| self.index_of(id)).expect("a deadline that is not stale has its ticket")
    }

    /// A last call says when the grace ends: it moves with that, and never by itself.
    fn moves_as(&self, deadline: &Deadline) -> Deadline {
        let Timer::LastCall(id) = &deadline.timer else { return deadline.clone() };
        let grace_until = self.entries[self.ticket_of(&deadline.timer)].ticket.grace_until;
        Deadline { timer: Timer::Grace(id.clone()), at: grace_until.expect("a last call has a grace") }
    }

    fn move_deadline(&mut self, act: Act<'_>, deadline: &Deadline, to: Millis) -> &'static str {
        match &deadline.timer {
            Timer::Restaurant => self.restaurant.until = Some(to),
            Timer::Announcement => {
                let announcement = self.restaurant.announcement.as_mut();
                announcement.expect("it has the deadline").until = Some(to);
            }
            Timer::Line(line) => self.lines.get_mut(line).expect("it has the deadline").until = Some(to),
            timer @ Timer::Grace(_) => {
                let index = self.ticket_of(timer);
                let untold = self.entries[index].last_call_at.is_some();
                self.set_grace(index, act.now, to);
                let entry = &mut self.entries[index];
                entry.tell(act.now, "deadline_moved", [("until", json!(to))]);
                if untold && entry.last_call_at.is_none() {
                    entry.tell(act.now, "last_call", [("until", json!(to))]);
                }
            }
            timer @ Timer::Stay(_) => {
                let index = self.ticket_of(timer);
                self.entries[index].stay_until = Some(to);
            }
            timer @ Timer::Rejoin(_) => {
                let index = self.ticket_of(timer);
                let entry = &mut self.entries[index];
                entry.rejoin_deadline = Some(to);
                entry.ticket.rejoin_until = Some(to);
            }
            Timer::LastCall(_) => unreachable!("it moves as its grace"),
        }
        match deadline.timer {
            Timer::Restaurant | Timer::Announcement => "restaurant.changed",
            Timer::Line(_) => "line.changed",
            _ => "ticket.deadline_moved",
        }
    }

    fn let_act(&mut self, act: Act<'_>, timer: &Timer) -> &'static str {
        match timer {
            Timer::Restaurant => {
                self.set_restaurant_state(act, OpenState::Open);
                self.restaurant.until = None;
                self.restaurant.reason = None;
                "restaurant.changed"
            }
            Timer::Announcement => {
                self.restaurant.announcement = None;
                "restaurant.changed"
            }
            Timer::Line(line) => {
                let record = self.lines.get_mut(line).expect("it has the deadline");
                record.state = OpenState::Open;
                record.until = None;
                record.reason = None;
                "line.changed"
            }
            Timer::LastCall(_) => {
                let index = self.ticket_of(timer);
                let entry = &mut self.entries[index];
                entry.last_call_at = None;
                let until = entry.ticket.grace_until;
                entry.tell(act.now, "last_call", [("until", json!(until))]);
                "ticket.last_call"
            }
            Timer::Grace(_) => {
                let index = self.ticket_of(timer);
                self.grace_over(act, index)
            }
            Timer::Rejoin(_) => {
                let index = self.ticket_of(timer);
                self.entries[index].rejoin_deadline = None;
                self.return_items(index);
                "ticket.stock_returned"
            }
            Timer::Stay(_) => {
                let index = self.ticket_of(timer);
                debug_assert_eq!(self.entries[index].ticket.state, TicketState::Seated);
                self.complete_seated(act, index);
                "ticket.completed"
            }
        }
    }

    fn grace_over(&mut self, act: Act<'_>, index: usize) -> &'static str {
        if self.policy.grace_over == GraceOver::PutBackOnce && !self.entries[index].grace_used {
            self.put_called_back(act, index, GRACE_OVER_PLACES);
            self.entries[index].grace_used = true;
            return "ticket.put_back";
        }
        self.miss_called(act, index);
        "ticket.no_show"
    }
}
