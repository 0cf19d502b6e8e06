//! Calling: the first, one out of turn, again; and who is overtaken by it.

use serde_json::json;
use waitless::domain::{CallReason, LineId, Millis, Rejection, TicketId, TicketState, restaurant::NumberAt};

use super::{Act, Effect, Live, invalid};

/// So many of those ahead are counted and told.
const OVERTAKEN_TOLD_MAX: usize = 20;

/// Newest calls of a line.
const RECENT_MAX: usize = 10;

impl Live {
    pub(crate) fn call_next(
        &mut self,
        act: Act<'_>,
        line: LineId,
        (party_min, party_max): (Option<u32>, Option<u32>),
        to: Option<&str>,
    ) -> Result<Effect, Rejection> {
        self.existing_line(line)?;
        let must_be_here = self.policy.check_in_before_call;
        let eligible = |index: &usize| {
            let ticket = &self.entries[*index].ticket;
            party_min.is_none_or(|min| ticket.party() >= min)
                && party_max.is_none_or(|max| ticket.party() <= max)
                && (ticket.checked_in || !must_be_here)
        };
        let index = self.queue(line).into_iter().find(eligible).ok_or(Rejection::LineEmpty)?;
        for passed in self.ahead(index).into_iter().take(OVERTAKEN_TOLD_MAX) {
            let not_here = must_be_here && !self.entries[passed].ticket.checked_in;
            self.overtake(act, passed, index, if not_here { CallReason::NotHere } else { CallReason::TableFit });
        }
        Ok(self.called(act, index, to))
    }

    pub(crate) fn call(
        &mut self,
        act: Act<'_>,
        id: &TicketId,
        reason: Option<CallReason>,
        to: Option<&str>,
    ) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.state_else_wrong(index, &[TicketState::Waiting])?;
        let ahead = self.ahead(index);
        if !ahead.is_empty() {
            let reason = reason.ok_or_else(|| invalid("reason", "required"))?;
            for passed in ahead.into_iter().take(OVERTAKEN_TOLD_MAX) {
                self.overtake(act, passed, index, reason);
            }
        }
        Ok(self.called(act, index, to))
    }

    pub(crate) fn recall(&mut self, act: Act<'_>, id: &TicketId) -> Result<Effect, Rejection> {
        let index = self.existing(id)?;
        self.state_else_wrong(index, &[TicketState::Called])?;
        if self.entries[index].ticket.calls > self.policy.recalls {
            return Err(Rejection::NoRecallsLeft);
        }
        let ticket = &mut self.entries[index].ticket;
        ticket.calls += 1;
        ticket.called_at = Some(act.now);
        self.start_grace(index, act.now);
        self.announce_call(index, act.now);
        Ok(Effect { ticket: Some(id.clone()), ..Effect::named("ticket.recalled") })
    }

    fn called(&mut self, act: Act<'_>, index: usize, to: Option<&str>) -> Effect {
        let former = self.entries[index].clone();
        self.entries[index].go(TicketState::Called);
        let ticket = &mut self.entries[index].ticket;
        ticket.calls = 1;
        ticket.called_at = Some(act.now);
        ticket.to = to.map(str::to_owned);
        let id = ticket.id.clone();
        self.start_grace(index, act.now);
        self.announce_call(index, act.now);
        self.remember(act, index, former, self.undoable_until(act));
        self.entries[index].undo.as_mut().expect("just remembered").was_call = true;
        Effect { ticket: Some(id), ..Effect::named("ticket.called") }
    }

    fn overtake(&mut self, act: Act<'_>, passed: usize, by: usize, reason: CallReason) {
        let number = self.entries[by].ticket.number.clone();
        let overtaken_max = self.policy.overtaken_max;
        let entry = &mut self.entries[passed];
        if reason == CallReason::NotHere {
            if !entry.told_not_here {
                entry.told_not_here = true;
                entry.ticket.overtaken += 1;
                entry.tell(act.now, "not_here", []);
            }
        } else {
            entry.ticket.overtaken += 1;
            entry.tell(act.now, "overtaken", [("number", json!(number)), ("reason", json!(reason.as_str()))]);
        }
        let overtaken = entry.ticket.overtaken;
        if !entry.told_passed_over && overtaken >= overtaken_max {
            entry.told_passed_over = true;
            entry.tell(act.now, "passed_over", [("overtaken", json!(overtaken))]);
        }
    }

    /// Grace from now on, and the last call before it ends if that is still to come.
    pub(crate) fn start_grace(&mut self, index: usize, now: Millis) {
        self.set_grace(index, now, now + i64::from(self.policy.grace_s) * 1_000);
    }

    pub(crate) fn set_grace(&mut self, index: usize, now: Millis, grace_until: Millis) {
        let last_call_at = grace_until - i64::from(self.policy.last_call_s) * 1_000;
        let entry = &mut self.entries[index];
        entry.ticket.grace_until = Some(grace_until);
        entry.last_call_at = (last_call_at > now).then_some(last_call_at);
    }

    fn announce_call(&mut self, index: usize, now: Millis) {
        self.withdraw_call(index);
        let ticket = &self.entries[index].ticket;
        let recent = &mut self.lines.get_mut(&ticket.line).expect("a ticket's line exists").recent;
        recent.insert(0, NumberAt { number: ticket.number.clone(), at: now });
        recent.truncate(RECENT_MAX);
    }

    /// The newest call of a ticket that changes its line is shown there, by its time.
    pub(crate) fn move_call(&mut self, index: usize, to: LineId) {
        let ticket = &self.entries[index].ticket;
        let (from, number) = (ticket.line, ticket.number.clone());
        let recent_of_former = &mut self.lines.get_mut(&from).expect("a ticket's line exists").recent;
        let Some(place) = recent_of_former.iter().position(|call| from != to && call.number == number) else { return };
        let call = recent_of_former.remove(place);
        let recent = &mut self.lines.get_mut(&to).expect("the new line exists").recent;
        let place = recent.iter().position(|other| other.at <= call.at).unwrap_or(recent.len());
        recent.insert(place, call);
        recent.truncate(RECENT_MAX);
    }

    pub(crate) fn withdraw_call(&mut self, index: usize) {
        let ticket = &self.entries[index].ticket;
        let recent = &mut self.lines.get_mut(&ticket.line).expect("a ticket's line exists").recent;
        recent.retain(|call| call.number != ticket.number);
    }
}
