//! Taking the last act back.

use waitless::domain::{Rejection, Ticket, TicketId, TicketState};

use super::{Act, Effect, Live, entry::UndoRecord};

impl Live {
    pub(crate) fn undo(&mut self, act: Act<'_>, id: &TicketId) -> Result<Effect, Rejection> {
        const ACTIVE: [TicketState; 2] = [TicketState::Waiting, TicketState::Called];
        let index = self.existing(id)?;
        let entry = &self.entries[index];
        let record = entry.undo.clone().filter(|record| record.by_guest == act.by_guest());
        let record = record.ok_or(Rejection::WrongState)?;
        if act.now >= record.until {
            return Err(Rejection::UndoExpired);
        }
        let becomes_active = ACTIVE.contains(&record.former.state) && !entry.is(&ACTIVE);
        if becomes_active && !self.guards_free(&entry.guards, Some(index)) {
            return Err(Rejection::AlreadyWaiting);
        }
        if record.was_call {
            self.withdraw_call(index);
        }
        self.retake_items(index, act.now);
        self.bring_back(index, &record);
        self.entries[index].forget_undo();
        self.set_deadlines_again(act, index);
        Ok(Effect { ticket: Some(id.clone()), ..Effect::named("ticket.undone") })
    }

    /// The former state and fields. Line, party, notices, items and being checked in are not taken back.
    fn bring_back(&mut self, index: usize, record: &UndoRecord) {
        let former: &Ticket = &record.former;
        let order = match former.state {
            TicketState::Waiting => self.order_kept(index, self.entries[index].ticket.line, &former.order),
            _ => former.order.clone(),
        };
        let entry = &mut self.entries[index];
        entry.go(former.state);
        entry.grace_used = record.former_grace_used;
        let ticket = &mut entry.ticket;
        ticket.order = order;
        ticket.calls = former.calls;
        ticket.to.clone_from(&former.to);
        ticket.called_at = former.called_at;
        ticket.seated_at = former.seated_at;
        ticket.missed_at = former.missed_at;
        ticket.rejoin_until = former.rejoin_until;
        ticket.delays = former.delays;
        ticket.delays_left = former.delays_left;
        ticket.ended = None;
    }

    fn set_deadlines_again(&mut self, act: Act<'_>, index: usize) {
        let stay_ms = i64::from(self.policy.stay_s) * 1_000;
        let entry = &mut self.entries[index];
        match entry.ticket.state {
            TicketState::Called => self.start_grace(index, act.now),
            // Anew: counted from `seated_at`, the timer's own complete could never be taken back.
            TicketState::Seated => entry.stay_until = Some(act.now + stay_ms),
            TicketState::NoShow => {
                entry.rejoin_deadline = entry.ticket.rejoin_until;
                self.hold_while_missed(index);
            }
            TicketState::Waiting | TicketState::Completed | TicketState::Cancelled | TicketState::Other => {}
        }
    }
}
