//! State of restaurant and lines, announcement, policy.

use waitless::domain::{Announcement, LineId, Millis, NewState, OpenState, Policy, Rejection};

use super::{Act, Effect, Live, invalid};

fn check_until(act: Act<'_>, until: Option<Millis>) -> Result<(), Rejection> {
    if until.is_some_and(|until| until <= act.now) { Err(invalid("until", "past")) } else { Ok(()) }
}

impl Live {
    pub(crate) fn announce(&mut self, act: Act<'_>, text: &str, until: Option<Millis>) -> Result<Effect, Rejection> {
        check_until(act, until)?;
        self.restaurant.announcement =
            (!text.is_empty()).then(|| Announcement { text: text.to_owned(), until, at: act.now });
        Ok(Effect::named("restaurant.changed"))
    }

    pub(crate) fn restaurant_set(&mut self, act: Act<'_>, new: &NewState) -> Result<Effect, Rejection> {
        check_until(act, new.until)?;
        self.set_restaurant_state(act, new.state);
        self.restaurant.until = new.until;
        self.restaurant.reason.clone_from(&new.reason);
        Ok(Effect::named("restaurant.changed"))
    }

    pub(crate) fn set_restaurant_state(&mut self, act: Act<'_>, state: OpenState) {
        if state == OpenState::Open && self.restaurant.state != OpenState::Open {
            self.restaurant.opened_at = Some(act.now);
        }
        self.restaurant.state = state;
    }

    pub(crate) fn line_set(&mut self, act: Act<'_>, line: LineId, new: &NewState) -> Result<Effect, Rejection> {
        self.existing_line(line)?;
        check_until(act, new.until)?;
        let record = self.lines.get_mut(&line).expect("checked: the line exists");
        record.state = new.state;
        record.until = new.until;
        record.reason.clone_from(&new.reason);
        Ok(Effect::named("line.changed"))
    }

    pub(crate) fn policy_set(&mut self, policy: &Policy) -> Result<Effect, Rejection> {
        self.policy = policy.clone();
        Ok(Effect::named("restaurant.changed"))
    }
}
