//! Commands, short enough to read a test as a story.

use waitless::domain::{
    CallReason, Command, Edit, Join, Millis, NewState, OpenState, Policy, Rejection, Ticket, rejection::FieldError,
};

use crate::harness::shop::line;

pub fn join(join: &Join) -> Command {
    Command::Join(Box::new(join.clone()))
}

pub fn call_next(letter: &str) -> Command {
    Command::CallNext { line: line(letter), party_min: None, party_max: None, to: None }
}

pub fn call_sized(letter: &str, party_min: Option<u32>, party_max: Option<u32>) -> Command {
    Command::CallNext { line: line(letter), party_min, party_max, to: None }
}

pub fn call(ticket: &Ticket, reason: impl Into<Option<CallReason>>) -> Command {
    Command::Call { ticket: ticket.id.clone(), reason: reason.into(), to: None }
}

pub fn recall(ticket: &Ticket) -> Command {
    Command::Recall { ticket: ticket.id.clone() }
}

pub fn put_back(ticket: &Ticket, places: u32) -> Command {
    Command::PutBack { ticket: ticket.id.clone(), places }
}

pub fn delay(ticket: &Ticket, places: u32) -> Command {
    Command::Delay { ticket: ticket.id.clone(), places }
}

pub fn seat(ticket: &Ticket) -> Command {
    Command::Seat { ticket: ticket.id.clone() }
}

pub fn complete(ticket: &Ticket) -> Command {
    Command::Complete { ticket: ticket.id.clone() }
}

pub fn cancel(ticket: &Ticket) -> Command {
    Command::Cancel { ticket: ticket.id.clone(), reason: None }
}

pub fn no_show(ticket: &Ticket) -> Command {
    Command::NoShow { ticket: ticket.id.clone() }
}

pub fn restore(ticket: &Ticket, places: u32) -> Command {
    Command::Restore { ticket: ticket.id.clone(), places }
}

pub fn rejoin(ticket: &Ticket) -> Command {
    Command::Rejoin { ticket: ticket.id.clone() }
}

pub fn undo(ticket: &Ticket) -> Command {
    Command::Undo { ticket: ticket.id.clone() }
}

pub fn check_in(ticket: &Ticket, present: bool) -> Command {
    Command::CheckIn { ticket: ticket.id.clone(), present }
}

pub fn edit(ticket: &Ticket, edit: Edit) -> Command {
    Command::Edit { ticket: ticket.id.clone(), edit }
}

pub fn edit_line(ticket: &Ticket, letter: &str) -> Command {
    edit(ticket, Edit { line: Some(line(letter)), ..Edit::default() })
}

pub fn restaurant_set(state: OpenState, until: Option<Millis>) -> Command {
    Command::RestaurantSet(NewState { state, until, reason: None })
}

pub fn line_set(letter: &str, state: OpenState, until: Option<Millis>) -> Command {
    Command::LineSet { line: line(letter), state: NewState { state, until, reason: None } }
}

pub fn announce(text: &str, until: Option<Millis>) -> Command {
    Command::Announce { text: text.to_owned(), until }
}

pub fn policy_set(policy: Policy) -> Command {
    Command::PolicySet(Box::new(policy.into()))
}

pub fn stock_set(item: &str, left: impl Into<Option<u32>>) -> Command {
    Command::StockSet { item: item.to_owned(), left: left.into() }
}

pub fn stock_adjust(item: &str, by: i64) -> Command {
    Command::StockAdjust { item: item.to_owned(), by }
}

pub fn invalid(field: &str, code: &str) -> Rejection {
    Rejection::Invalid(vec![FieldError::new(field, code)])
}
