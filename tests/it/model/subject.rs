//! What is held to the model: anything that runs a restaurant's line by the rules.
//!
//! To hold Redis to it, implement [`Subject`] for a struct of a `Queue`, a restaurant id and a runtime's handle (each
//! call one `block_on`), and give [`super::driver::hold`] a function that loads an [`Opening`] into keys of their own.
//! Every call passes the model's time; it begins anew with each opening, so openings must not share `src`.

use waitless::domain::{Actor, Command, Done, Event, Millis, Rejection, TicketId, replica::Snapshot};

use super::rules::{Deadline, Model};

/// A restaurant whose line can be worked. Failures of the outside (no connection, an unreadable reply) panic.
pub(crate) trait Subject {
    /// One command, without idempotency.
    fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection>;

    /// The ticket with this number and code.
    fn find(&mut self, number: &str, code: &str, now: Millis) -> Result<TicketId, Rejection>;

    /// The timers' heartbeat; answers this restaurant's deadlines that have come (at most 100), the oldest first.
    fn due(&mut self, now: Millis) -> Vec<Deadline>;

    /// Lets a deadline act.
    fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection>;

    /// One step of the day roll; `true` when the new day has begun.
    fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<bool, Rejection>;

    /// Everything a screen shows.
    fn snapshot(&mut self, now: Millis) -> Snapshot;

    /// The events after this rev, in order.
    fn events_since(&mut self, rev: i64) -> Vec<Event>;
}

impl Subject for Model {
    fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection> {
        Self::run(self, actor, now, command)
    }

    fn find(&mut self, number: &str, code: &str, _now: Millis) -> Result<TicketId, Rejection> {
        Self::find(self, number, code)
    }

    fn due(&mut self, now: Millis) -> Vec<Deadline> {
        Self::due(self, now)
    }

    fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection> {
        Self::expire(self, deadline, now)
    }

    fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<bool, Rejection> {
        Self::roll_day(self, day, ends_at, now).map(|()| true)
    }

    fn snapshot(&mut self, now: Millis) -> Snapshot {
        Self::snapshot(self, now)
    }

    fn events_since(&mut self, rev: i64) -> Vec<Event> {
        self.events.iter().filter(|event| event.rev > rev).cloned().collect()
    }
}
