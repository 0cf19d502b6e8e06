//! A crowd, step by step: what needs more tickets than random cases have. Numbers beyond 999, more overtaken than are
//! told, more deadlines than one `due` lists, more tickets than one step of a day roll takes.

use waitless::domain::{
    Actor, CallReason, Channel, Command, Join, LineId, NewState, OpenState, Policy, Role, TicketId,
};

use super::{
    coverage::Coverage,
    driver::{Scope, compare},
    generate::{RESTAURANT, World, opening_with},
    rules::Opening,
    step::Step,
    subject::Subject,
};

/// The last one has a number of four digits.
const PARTIES: u32 = 1_000;

/// More than `due` lists at once.
const CALLED: u32 = 120;

fn line() -> LineId {
    "A".parse().expect("a letter")
}

fn ticket(serial: u32) -> TicketId {
    TicketId::new(RESTAURANT, u128::from(serial))
}

fn by(role: Role, command: Command) -> Step {
    Step::Run { actor: Actor::of(role), command }
}

fn join(serial: u32) -> Step {
    let join = Join {
        id: ticket(serial),
        r#ref: format!("ref{serial}"),
        code: "1234".to_owned(),
        line: line(),
        adults: 1 + serial % 4,
        children: 0,
        channel: if serial.is_multiple_of(3) { Channel::Remote } else { Channel::Onsite },
        present: true,
        guards: vec![format!("guard{serial}")],
        items: vec![("tea".to_owned(), 1)],
        drop_sold_out: false,
        name: None,
        phone_last4: None,
        note: None,
        lang: None,
        eta: None,
        place: None,
    };
    by(Role::Device, Command::Join(Box::new(join)))
}

fn steps() -> Vec<Step> {
    let call_next = || Command::CallNext { line: line(), party_min: None, party_max: None, to: None };
    let mut steps: Vec<Step> = (1..=PARTIES).map(join).collect();
    let late = Command::Call { ticket: ticket(700), reason: Some(CallReason::Reservation), to: None };
    steps.push(by(Role::Staff, late));
    steps.push(by(Role::Staff, Command::CallNext { line: line(), party_min: Some(4), party_max: None, to: None }));
    steps.push(by(Role::Guest, Command::Delay { ticket: ticket(1), places: 20 }));
    steps.extend((0..CALLED).map(|_| by(Role::Staff, call_next())));
    // All graces are over at once; nobody is called then.
    steps.push(Step::Pass { ms: 299_999, act: true });
    steps.push(Step::Pass { ms: 1, act: true });
    steps.extend((0..CALLED / 2).map(|_| by(Role::Staff, call_next())));
    steps.push(Step::Silence);
    steps.push(Step::Pass { ms: 1_000_000, act: true });
    steps.push(Step::Heard);
    steps.push(Step::Pass { ms: 700_000, act: true });
    steps.extend((500..560).map(|serial| by(Role::Staff, Command::Seat { ticket: ticket(serial) })));
    let closed = NewState { state: OpenState::Closed, until: None, reason: None };
    steps.push(by(Role::Owner, Command::RestaurantSet(closed)));
    let ends_at = World::START + 200_000_000;
    for day in ["2026-11-23", "2026-11-24", "2026-11-25"] {
        steps.push(Step::RollDay { day: day.to_owned(), ends_at });
    }
    steps
}

/// Holds what `open` opens to the model with a crowd in it.
///
/// # Panics
/// At a difference.
pub(crate) fn hold_crowd<S: Subject>(with_replica: bool, open: impl Fn(&Opening) -> S) {
    let scope = Scope { seed: 0, cases: 1, steps: 0, steps_between_snapshots: 250, with_replica, shrinks_max: 0 };
    let opening = opening_with(Policy::default());
    let mut coverage = Coverage::default();
    let mismatch = compare(&scope, &opening, steps().iter(), open, &mut coverage);
    assert_eq!(mismatch, None, "{}", mismatch.as_deref().unwrap_or_default());
    println!("{coverage}");
}
