//! Whether the comparison can fail at all: the model with one fault built in must be told from the model.

use waitless::domain::{Actor, Command, Done, Event, Millis, Rejection, TicketId, TicketState, replica::Snapshot};

use super::{
    coverage::Coverage,
    driver::{Scope, search},
    rules::{Deadline, Model, Opening},
    subject::Subject,
};

#[derive(Clone, Copy, Debug)]
enum Fault {
    PutsBackOneTooFar,
    KeepsStockOfCancelled,
    CallsInTheOrderOfJoining,
    ForgetsRecentCalls,
    LosesDeadlineMoves,
    SkipsLastCalls,
    RefusesInAnotherOrder,
    NeverLocksCodes,
    SilentSnapshot,
    EventWithoutOvertaken,
}

const FAULTS: [Fault; 10] = [
    Fault::PutsBackOneTooFar,
    Fault::KeepsStockOfCancelled,
    Fault::CallsInTheOrderOfJoining,
    Fault::ForgetsRecentCalls,
    Fault::LosesDeadlineMoves,
    Fault::SkipsLastCalls,
    Fault::RefusesInAnotherOrder,
    Fault::NeverLocksCodes,
    Fault::SilentSnapshot,
    Fault::EventWithoutOvertaken,
];

struct Mutant {
    model: Model,
    fault: Fault,
}

impl Subject for Mutant {
    fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection> {
        let mut command = command.clone();
        match (self.fault, &mut command) {
            (Fault::PutsBackOneTooFar, Command::Delay { places, .. }) => *places += 1,
            (Fault::CallsInTheOrderOfJoining, Command::CallNext { line, to, .. }) => {
                let waiting =
                    |entry: &&super::rules::Entry| entry.is(&[TicketState::Waiting]) && entry.ticket.line == *line;
                let first = self.model.live.entries.iter().find(waiting).map(|entry| entry.ticket.id.clone());
                if let Some(ticket) = first {
                    let to = to.clone();
                    let reason = Some(waitless::domain::CallReason::TableFit);
                    return self.model.run(actor, now, &Command::Call { ticket, reason, to });
                }
            }
            (Fault::RefusesInAnotherOrder, Command::PutBack { ticket, .. }) => {
                let called = |index: usize| self.model.live.entries[index].is(&[TicketState::Called]);
                if self.model.live.index_of(ticket).is_some_and(|index| !called(index)) {
                    return Err(Rejection::WrongState);
                }
            }
            _ => {}
        }
        let stock = self.model.live.stock.clone();
        let done = self.model.run(actor, now, &command)?;
        match (self.fault, &command) {
            (Fault::KeepsStockOfCancelled, Command::Cancel { .. }) if self.model.live.stock != stock => {
                self.model.live.stock = stock;
            }
            (Fault::ForgetsRecentCalls, Command::Recall { .. }) => {
                self.model.live.lines.values_mut().for_each(|line| line.recent.clear());
            }
            _ => {}
        }
        Ok(done)
    }

    fn find(&mut self, number: &str, code: &str, _now: Millis) -> Result<TicketId, Rejection> {
        if matches!(self.fault, Fault::NeverLocksCodes) {
            (0..self.model.live.entries.len()).for_each(|index| self.model.live.entries[index].tries = 0);
        }
        self.model.find(number, code)
    }

    fn due(&mut self, now: Millis) -> Vec<Deadline> {
        let mut due = self.model.due(now);
        if matches!(self.fault, Fault::SkipsLastCalls) {
            due.retain(|deadline| deadline.timer.kind() != "last_call");
        }
        due
    }

    fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection> {
        if matches!(self.fault, Fault::LosesDeadlineMoves) {
            self.model.live.outages.clear();
        }
        self.model.expire(deadline, now)
    }

    fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<bool, Rejection> {
        self.model.roll_day(day, ends_at, now).map(|()| true)
    }

    fn snapshot(&mut self, now: Millis) -> Snapshot {
        let mut snapshot = self.model.snapshot(now);
        if matches!(self.fault, Fault::SilentSnapshot) {
            snapshot.restaurant.announcement = None;
        }
        snapshot
    }

    fn events_since(&mut self, rev: i64) -> Vec<Event> {
        let mut events = self.model.events_since(rev);
        if matches!(self.fault, Fault::EventWithoutOvertaken) {
            events
                .iter_mut()
                .for_each(|event| event.tickets.retain(|ticket| event.ticket.as_ref() == Some(&ticket.id)));
        }
        events
    }
}

#[test]
fn every_mutant_is_found() {
    let scope =
        Scope { seed: 1, cases: 20, steps: 400, steps_between_snapshots: 10, with_replica: false, shrinks_max: 1 };
    for fault in FAULTS {
        let open = |opening: &Opening| Mutant { model: Model::new(opening), fault };
        let found = search(&scope, open, &mut Coverage::default());
        assert!(found.is_err(), "{fault:?} was not told from the rules");
    }
}

#[test]
fn a_difference_is_told_with_few_steps() {
    let scope =
        Scope { seed: 1, cases: 20, steps: 400, steps_between_snapshots: 10, with_replica: false, shrinks_max: 600 };
    let fault = Fault::PutsBackOneTooFar;
    let open = |opening: &Opening| Mutant { model: Model::new(opening), fault };
    let told = search(&scope, open, &mut Coverage::default()).expect_err("it is found");
    println!("{told}");
    assert!(told.contains("WAITLESS_TEST_SEED=1") && told.contains("Delay { ticket: #"), "{told}");
    assert!(told.lines().filter(|line| line.starts_with("  ")).count() < 40, "{told}");
}
