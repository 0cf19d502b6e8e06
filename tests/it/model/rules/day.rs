//! The day roll. Here in one piece; the scripts take steps.

use waitless::domain::{Actor, Millis, OpenState, Rejection, Role, TicketState, ticket::Ended};

use super::{Act, Effect, Live, Model};

impl Model {
    /// Ends the business day and begins the next.
    pub(crate) fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<(), Rejection> {
        let actor = Actor::of(Role::Timer);
        self.act(Act { actor: &actor, now }, |live, act| live.roll_day(act, day, ends_at)).map(drop)
    }
}

impl Live {
    fn roll_day(&mut self, act: Act<'_>, day: &str, ends_at: Millis) -> Result<Effect, Rejection> {
        if day <= self.restaurant.day.as_str() {
            return Err(Rejection::Stale);
        }
        let any = |state| self.entries.iter().any(|entry| entry.is(&[state]));
        let closed = self.restaurant.state == OpenState::Closed;
        if any(TicketState::Called) || (!closed && any(TicketState::Waiting)) {
            return Err(Rejection::DayBusy);
        }
        self.forget_the_day_before();
        for index in 0..self.entries.len() {
            match self.entries[index].ticket.state {
                TicketState::Waiting => {
                    self.return_items(index);
                    self.end(act, index, TicketState::Cancelled, Some("day_end"));
                }
                TicketState::Seated => self.end(act, index, TicketState::Completed, None),
                TicketState::NoShow => {
                    if self.entries[index].given_up.is_none() {
                        self.return_items(index);
                    }
                    let ticket = &mut self.entries[index].ticket;
                    ticket.rejoin_until = None;
                    ticket.ended = Some(Ended { by: "timer".to_owned(), reason: Some("day_end".to_owned()) });
                }
                TicketState::Called | TicketState::Completed | TicketState::Cancelled | TicketState::Other => {}
            }
            self.entries[index].rejoin_deadline = None;
            self.entries[index].forget_undo();
        }
        for line in self.lines.values_mut() {
            line.today = 0;
            line.last_number = 0;
            line.recent.clear();
        }
        self.day += 1;
        self.restaurant.day = day.to_owned();
        self.restaurant.day_ends_at = ends_at;
        Ok(Effect::named("day.rolled"))
    }

    /// Tickets stay readable until the day roll after next: those that ended before the last roll go.
    fn forget_the_day_before(&mut self) {
        let today = self.day;
        for ordered in self.entries.iter().filter(|entry| entry.day != today).flat_map(|entry| &entry.ticket.items) {
            *self.consumed_before.entry(ordered.item.clone()).or_default() += i64::from(ordered.held);
        }
        self.entries.retain(|entry| entry.day == today);
    }
}
