//! The steps of a test case, and how a clock takes them. The same code moves the model while steps are generated and
//! the subject while they are tested.

use std::fmt;

use waitless::domain::{Actor, Command, Millis, TicketId};

use super::{rules::Deadline, subject::Subject};

/// One step. Each is possible in every state, so that a failing case can be shrunk by leaving steps out.
#[derive(Clone)]
pub(crate) enum Step {
    Run {
        actor: Actor,
        command: Command,
    },
    Find {
        number: String,
        code: String,
    },
    /// Time passes. The timers' heart beats meanwhile unless they are silent; `act`: they also let deadlines act.
    Pass {
        ms: Millis,
        act: bool,
    },
    /// The timers fall silent, right after a heartbeat.
    Silence,
    /// The timers are heard again.
    Heard,
    /// A deadline of the past once more.
    ExpireAgain(Deadline),
    RollDay {
        day: String,
        ends_at: Millis,
    },
}

/// The time of a test case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) now: Millis,
    pub(crate) silent: bool,
}

/// At most so long between two heartbeats, whichever of two nearby calls of `due` a subject takes for one: a heart
/// that skips beats within 3 s still shows no gap above 10 s.
const BEAT_MS: Millis = 5_000;

/// After so long every subject takes a call of `due` for a heartbeat.
const SURE_BEAT_MS: Millis = 3_000;

impl Clock {
    pub(crate) fn starting(now: Millis, subject: &mut impl Subject) -> Self {
        subject.due(now);
        Self { now, silent: false }
    }

    pub(crate) fn take(&mut self, step: &Step, subject: &mut impl Subject) {
        match step {
            Step::Run { actor, command } => drop(subject.run(actor, self.now, command)),
            Step::Find { number, code } => drop(subject.find(number, code, self.now)),
            Step::Pass { ms, .. } if self.silent => self.now += ms,
            Step::Pass { ms, act } => self.pass(*ms, *act, subject),
            Step::Silence if self.silent => {}
            Step::Silence => {
                self.pass(SURE_BEAT_MS, false, subject);
                self.silent = true;
            }
            Step::Heard => {
                subject.due(self.now);
                self.silent = false;
            }
            Step::ExpireAgain(deadline) if deadline.at > self.now => {}
            Step::ExpireAgain(deadline) => drop(subject.expire(deadline, self.now)),
            Step::RollDay { day, ends_at } => drop(subject.roll_day(day, *ends_at, self.now)),
        }
    }

    fn pass(&mut self, ms: Millis, act: bool, subject: &mut impl Subject) {
        let end = self.now + ms;
        while self.now < end {
            self.now = end.min(self.now + BEAT_MS);
            let mut due = subject.due(self.now);
            let mut rounds = 0;
            while act && !due.is_empty() {
                for deadline in &due {
                    drop(subject.expire(deadline, self.now));
                }
                due = subject.due(self.now);
                rounds += 1;
                assert!(rounds < 100, "deadlines stay due after they acted: {due:?}");
            }
        }
    }
}

/// A ticket id in a failure's text: its serial number within the case.
pub(crate) fn serial_of(id: &TicketId) -> String {
    format!("#{}", id.as_str()[11..].trim_start_matches('0'))
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { actor, command } => {
                let mut text = format!("{command:?}");
                if let Some(id) = ticket_of(command) {
                    text = text.replace("TicketId(…)", &serial_of(id));
                }
                write!(formatter, "{}: {text}", actor.role.as_str())
            }
            Self::Find { number, code } => write!(formatter, "find {number} {code}"),
            Self::Pass { ms, act: true } => write!(formatter, "{ms} ms pass"),
            Self::Pass { ms, act: false } => write!(formatter, "{ms} ms pass, timers only list"),
            Self::Silence => formatter.write_str("timers fall silent"),
            Self::Heard => formatter.write_str("timers are heard again"),
            Self::ExpireAgain(Deadline { timer, at }) => {
                let ticket = timer.ticket().map(serial_of).unwrap_or_default();
                write!(formatter, "expire {} {ticket} of {at} once more", timer.kind())
            }
            Self::RollDay { day, ends_at } => write!(formatter, "roll day {day} until {ends_at}"),
        }
    }
}

pub(crate) fn ticket_of(command: &Command) -> Option<&TicketId> {
    match command {
        Command::Join(join) => Some(&join.id),
        Command::Call { ticket, .. }
        | Command::Recall { ticket }
        | Command::PutBack { ticket, .. }
        | Command::Delay { ticket, .. }
        | Command::Seat { ticket }
        | Command::Complete { ticket }
        | Command::Cancel { ticket, .. }
        | Command::NoShow { ticket }
        | Command::Restore { ticket, .. }
        | Command::Rejoin { ticket }
        | Command::Undo { ticket }
        | Command::CheckIn { ticket, .. }
        | Command::Edit { ticket, .. } => Some(ticket),
        Command::CallNext { .. }
        | Command::Announce { .. }
        | Command::RestaurantSet(_)
        | Command::LineSet { .. }
        | Command::PolicySet(_)
        | Command::StockSet { .. }
        | Command::StockAdjust { .. } => None,
    }
}

/// The name of a command in RULES.
pub(crate) fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Join(_) => "join",
        Command::CallNext { .. } => "call_next",
        Command::Call { .. } => "call",
        Command::Recall { .. } => "recall",
        Command::PutBack { .. } => "put_back",
        Command::Delay { .. } => "delay",
        Command::Seat { .. } => "seat",
        Command::Complete { .. } => "complete",
        Command::Cancel { .. } => "cancel",
        Command::NoShow { .. } => "no_show",
        Command::Restore { .. } => "restore",
        Command::Rejoin { .. } => "rejoin",
        Command::Undo { .. } => "undo",
        Command::CheckIn { .. } => "check_in",
        Command::Edit { .. } => "edit",
        Command::Announce { .. } => "announce",
        Command::RestaurantSet(_) => "restaurant_set",
        Command::LineSet { .. } => "line_set",
        Command::PolicySet(_) => "policy_set",
        Command::StockSet { .. } => "stock_set",
        Command::StockAdjust { .. } => "stock_adjust",
    }
}
