//! What happens to a ticket between joining and its end.

use waitless::domain::{Edit, Rejection, TicketId, TicketState, policy::Presence, ticket::Ended};

use super::{Act, Effect, Entry, Live, invalid};

/// The largest party by anybody.
const PARTY_MAX: u32 = 20;

/// Where a guest comes back who was missed.
const REJOIN_PLACES: u32 = 3;

fn done(id: &TicketId, event: &'static str) -> Effect {
    Effect { ticket: Some(id.clone()), ..Effect::named(event) }
}

impl Live {
    pub(crate) fn put_back(&mut self, act: Act<'_>, id: &TicketId, places: u32) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.check_places(1, places)?;
        self.state_else_wrong(index, &[TicketState::Called])?;
        self.put_called_back(act, index, places);
        Ok(done(id, "ticket.put_back"))
    }

    /// By staff and by the timer: with nobody behind the place is kept.
    pub(crate) fn put_called_back(&mut self, act: Act<'_>, index: usize, places: u32) {
        let former = self.entries[index].clone();
        let order = self
            .order_back(index, places)
            .unwrap_or_else(|| self.order_kept(index, former.ticket.line, &former.ticket.order));
        self.entries[index].go(TicketState::Waiting);
        self.entries[index].ticket.order = order;
        self.withdraw_call(index);
        self.remember(act, index, former, self.undoable_until(act));
    }

    pub(crate) fn delay(&mut self, id: &TicketId, places: u32) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.check_places(1, places)?;
        self.state_else_wrong(index, &[TicketState::Waiting, TicketState::Called])?;
        if self.entries[index].ticket.delays_left == 0 {
            return Err(Rejection::NoDelaysLeft);
        }
        let order = self.order_back(index, places).ok_or(Rejection::NobodyBehind)?;
        self.withdraw_call(index);
        let entry = &mut self.entries[index];
        entry.go(TicketState::Waiting);
        entry.forget_undo();
        entry.ticket.order = order;
        entry.ticket.delays_left -= 1;
        entry.ticket.delays += 1;
        Ok(done(id, "ticket.put_back"))
    }

    pub(crate) fn seat(&mut self, act: Act<'_>, id: &TicketId) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.state_else_wrong(index, &[TicketState::Waiting, TicketState::Called, TicketState::NoShow])?;
        let former = self.entries[index].clone();
        self.retake_items(index, act.now);
        let entry = &mut self.entries[index];
        entry.go(TicketState::Seated);
        entry.ticket.seated_at = Some(act.now);
        entry.stay_until = Some(act.now + i64::from(self.policy.stay_s) * 1_000);
        self.remember(act, index, former, self.undoable_until(act));
        Ok(done(id, "ticket.seated"))
    }

    pub(crate) fn complete(&mut self, act: Act<'_>, id: &TicketId) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        if self.is_state(index, &[TicketState::Completed]) {
            return Err(Rejection::AlreadyFinal);
        }
        self.state_else_wrong(index, &[TicketState::Seated])?;
        self.complete_seated(act, index);
        Ok(done(id, "ticket.completed"))
    }

    pub(crate) fn complete_seated(&mut self, act: Act<'_>, index: usize) {
        let former = self.entries[index].clone();
        self.end(act, index, TicketState::Completed, None);
        self.remember(act, index, former, self.undoable_until(act));
    }

    pub(crate) fn cancel(&mut self, act: Act<'_>, id: &TicketId, reason: Option<&str>) -> Result<Effect, Rejection> {
        const GUEST_UNDO_MS: i64 = 60_000;
        let index = self.existing(id)?;
        if self.is_state(index, &[TicketState::Cancelled]) {
            return Err(Rejection::AlreadyFinal);
        }
        self.state_else_wrong(index, &[TicketState::Waiting, TicketState::Called])?;
        let former = self.entries[index].clone();
        self.return_items(index);
        self.end(act, index, TicketState::Cancelled, reason);
        let until = if act.by_guest() { act.now + GUEST_UNDO_MS } else { self.undoable_all_day(act) };
        self.remember(act, index, former, until);
        Ok(done(id, "ticket.cancelled"))
    }

    pub(crate) fn end(&mut self, act: Act<'_>, index: usize, state: TicketState, reason: Option<&str>) {
        let by = act.actor.role.as_str().to_owned();
        self.entries[index].go(state);
        self.entries[index].ticket.ended = Some(Ended { by, reason: reason.map(str::to_owned) });
    }

    pub(crate) fn no_show(&mut self, act: Act<'_>, id: &TicketId) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.state_else_wrong(index, &[TicketState::Called])?;
        self.miss_called(act, index);
        Ok(done(id, "ticket.no_show"))
    }

    pub(crate) fn miss_called(&mut self, act: Act<'_>, index: usize) {
        let former = self.entries[index].clone();
        let until = act.now + i64::from(self.policy.rejoin_s) * 1_000;
        let entry = &mut self.entries[index];
        entry.go(TicketState::NoShow);
        entry.ticket.missed_at = Some(act.now);
        entry.ticket.rejoin_until = (!entry.rejoined).then_some(until);
        entry.rejoin_deadline = entry.ticket.rejoin_until;
        self.hold_while_missed(index);
        self.remember(act, index, former, self.undoable_all_day(act));
    }

    pub(crate) fn restore(&mut self, act: Act<'_>, id: &TicketId, places: u32) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.check_places(0, places)?;
        self.state_else_wrong(index, &[TicketState::NoShow])?;
        let former = self.entries[index].clone();
        self.come_back(act, index, places)?;
        self.remember(act, index, former, self.undoable_until(act));
        Ok(done(id, "ticket.restored"))
    }

    pub(crate) fn rejoin(&mut self, act: Act<'_>, id: &TicketId) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.state_else_wrong(index, &[TicketState::NoShow])?;
        let entry = &self.entries[index];
        if entry.rejoined || entry.ticket.rejoin_until.is_none_or(|until| act.now >= until) {
            return Err(Rejection::RejoinExpired);
        }
        self.come_back(act, index, REJOIN_PLACES)?;
        let entry = &mut self.entries[index];
        entry.rejoined = true;
        entry.forget_undo();
        Ok(done(id, "ticket.restored"))
    }

    /// From no_show into the line again.
    fn come_back(&mut self, act: Act<'_>, index: usize, places: u32) -> Result<(), Rejection> {
        if !self.guards_free(&self.entries[index].guards, Some(index)) {
            return Err(Rejection::AlreadyWaiting);
        }
        self.retake_items(index, act.now);
        let order = self.order_from_head(self.entries[index].ticket.line, places);
        self.entries[index].go(TicketState::Waiting);
        self.entries[index].ticket.order = order;
        Ok(())
    }

    /// The contract has a check-in neither make nor clear an undo record.
    pub(crate) fn check_in(&mut self, id: &TicketId, present: bool) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.state_else_wrong(index, &[TicketState::Waiting, TicketState::Called])?;
        if self.entries[index].ticket.checked_in {
            return Ok(Effect { event: None, ..done(id, "ticket.checked_in") });
        }
        if self.policy.presence == Presence::Code && !present {
            return Err(Rejection::DoorCode);
        }
        self.entries[index].ticket.checked_in = true;
        Ok(done(id, "ticket.checked_in"))
    }

    pub(crate) fn edit(&mut self, id: &TicketId, edit: &Edit) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        if edit.line.is_some_and(|line| !self.lines.contains_key(&line)) {
            return Err(invalid("line", "not_found"));
        }
        let former = &self.entries[index].ticket;
        let adults = edit.adults.unwrap_or(former.adults);
        let children = edit.children.unwrap_or(former.children);
        if adults + children > PARTY_MAX {
            return Err(invalid("adults", "range"));
        }
        self.state_else_wrong(
            index,
            &[TicketState::Waiting, TicketState::Called, TicketState::Seated, TicketState::NoShow],
        )?;
        let mut ticket = former.clone();
        ticket.adults = adults;
        ticket.children = children;
        if let Some(note) = &edit.note {
            ticket.note.clone_from(note);
        }
        if let Some(name) = &edit.name {
            ticket.name.clone_from(name);
        }
        if let Some(line) = edit.line.filter(|&line| line != ticket.line) {
            if ticket.state == TicketState::Waiting {
                ticket.order = self.order_kept(index, line, &ticket.order);
            }
            ticket.line = line;
        }
        let event = (ticket != *former).then_some("ticket.edited");
        self.move_call(index, ticket.line);
        self.entries[index].ticket = ticket;
        Ok(Effect { event, ..done(id, "ticket.edited") })
    }

    fn check_places(&self, min: u32, places: u32) -> Result<(), Rejection> {
        let allowed = min..=self.policy.delay_places_max;
        if allowed.contains(&places) { Ok(()) } else { Err(invalid("places", "range")) }
    }

    /// Keeps what the ticket was before this act. It replaces the record before.
    pub(crate) fn remember(&mut self, act: Act<'_>, index: usize, former: Entry, until: i64) {
        let entry = &mut self.entries[index];
        entry.ticket.undo_until = Some(until);
        entry.undo = Some(super::entry::UndoRecord {
            by_guest: act.by_guest(),
            was_call: false,
            until,
            former_grace_used: former.grace_used,
            former: Box::new(former.ticket),
        });
    }

    pub(crate) fn undoable_until(&self, act: Act<'_>) -> i64 {
        act.now + i64::from(self.policy.undo_s) * 1_000
    }

    fn undoable_all_day(&self, act: Act<'_>) -> i64 {
        self.undoable_until(act).max(self.restaurant.day_ends_at)
    }
}
