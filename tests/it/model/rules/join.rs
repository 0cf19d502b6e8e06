//! Joining the line.

use waitless::domain::{
    Channel, Join, LineId, OpenState, Rejection, Ticket, TicketState, policy::Presence, ticket::OrderedItem,
};

use super::{Act, Effect, Entry, Live, invalid};

impl Live {
    pub(crate) fn join(&mut self, act: Act<'_>, join: &Join) -> Result<Effect, Rejection> {
        self.check_request(join)?;
        if !act.by_staff() {
            self.check_open(join.line)?;
            let party = join.adults + join.children;
            if party < self.policy.party_min || party > self.policy.party_max {
                return Err(Rejection::PartySize);
            }
        }
        self.check_channel(act, join)?;
        if !self.guards_free(&join.guards, None) {
            return Err(Rejection::AlreadyWaiting);
        }
        self.check_room(join)?;
        let sold_out = self.sold_out(join);
        if !sold_out.is_empty() && !join.drop_sold_out {
            return Err(Rejection::SoldOut { items: sold_out });
        }
        let items = join.items.iter().filter(|(item, _)| !sold_out.contains(item));
        let items = items.map(|(item, quantity)| self.take(item, *quantity)).collect();
        self.add(act, join, items);
        Ok(Effect { ticket: Some(join.id.clone()), dropped: sold_out, ..Effect::named("ticket.joined") })
    }

    fn check_request(&self, join: &Join) -> Result<(), Rejection> {
        if !self.lines.contains_key(&join.line) {
            return Err(invalid("line", "not_found"));
        }
        if !join.items.iter().all(|(item, _)| self.menu.iter().any(|known| known.id == *item)) {
            return Err(invalid("items", "not_found"));
        }
        if join.items.iter().any(|(_, quantity)| *quantity > self.policy.per_ticket_max) {
            return Err(invalid("items", "per_ticket_max"));
        }
        Ok(())
    }

    fn check_open(&self, line: LineId) -> Result<(), Rejection> {
        for (state, closed) in
            [(self.restaurant.state, Rejection::RestaurantClosed), (self.lines[&line].state, Rejection::LineClosed)]
        {
            match state {
                OpenState::Open => {}
                OpenState::Closed | OpenState::Other => return Err(closed),
                OpenState::Paused => return Err(Rejection::Paused),
                OpenState::Direct => return Err(Rejection::Direct),
            }
        }
        Ok(())
    }

    fn check_channel(&self, act: Act<'_>, join: &Join) -> Result<(), Rejection> {
        let policy = &self.policy;
        match join.channel {
            Channel::Remote if !act.by_staff() => {
                let opens_after_ms = i64::from(policy.remote_opens_after_s) * 1_000;
                let too_early = self.restaurant.opened_at.is_some_and(|opened_at| act.now < opened_at + opens_after_ms);
                if !policy.remote || too_early { Err(Rejection::RemoteClosed) } else { Ok(()) }
            }
            Channel::Onsite if policy.presence == Presence::Code && !join.present => Err(Rejection::DoorCode),
            Channel::Remote | Channel::Onsite | Channel::Other => Ok(()),
        }
    }

    fn check_room(&self, join: &Join) -> Result<(), Rejection> {
        let policy = &self.policy;
        let today: u32 = self.lines.values().map(|line| line.today).sum();
        if policy.daily_max.is_some_and(|max| today >= max) {
            return Err(Rejection::DailyFull);
        }
        if policy.capacity.is_some_and(|max| self.queue(join.line).len() as u32 >= max) {
            return Err(Rejection::LineFull);
        }
        if let (Channel::Remote, Some(max)) = (join.channel, policy.remote_share_max) {
            let waiting: Vec<_> = self.entries.iter().filter(|entry| entry.is(&[TicketState::Waiting])).collect();
            let away = |entry: &&&Entry| entry.ticket.channel == Channel::Remote && !entry.ticket.checked_in;
            let remote = waiting.iter().filter(away).count();
            if remote > 0 && 100 * (remote + 1) > max as usize * (waiting.len() + 1) {
                return Err(Rejection::RemoteFull);
            }
        }
        Ok(())
    }

    fn sold_out(&self, join: &Join) -> Vec<String> {
        let short =
            |(item, quantity): &&(String, u32)| self.stock.get(item).is_some_and(|&left| left < i64::from(*quantity));
        join.items.iter().filter(short).map(|(item, _)| item.clone()).collect()
    }

    fn take(&mut self, item: &str, quantity: u32) -> OrderedItem {
        let menu_item = self.menu.iter().find(|known| known.id == item).expect("checked: every item exists");
        let held = match self.stock.get_mut(item) {
            Some(left) => {
                *left -= i64::from(quantity);
                quantity
            }
            None => 0,
        };
        let (name, price) = (menu_item.name.clone(), menu_item.price);
        OrderedItem { item: item.to_owned(), name, quantity, price, held, lost: 0 }
    }

    fn add(&mut self, act: Act<'_>, join: &Join, items: Vec<OrderedItem>) {
        let ahead_at_join = self.queue(join.line).len() as u32;
        let order = self.order_at_end();
        let line = self.lines.get_mut(&join.line).expect("checked: the line exists");
        line.today += 1;
        line.last_number += 1;
        let ticket = Ticket {
            id: join.id.clone(),
            r#ref: join.r#ref.clone(),
            number: format!("{}{:03}", join.line, line.last_number),
            code: join.code.clone(),
            line: join.line,
            state: TicketState::Waiting,
            order,
            adults: join.adults,
            children: join.children,
            channel: join.channel,
            checked_in: join.channel == Channel::Onsite,
            name: join.name.clone(),
            phone_last4: join.phone_last4.clone(),
            note: join.note.clone(),
            lang: join.lang.clone(),
            calls: 0,
            to: None,
            delays_left: self.policy.delays,
            delays: 0,
            overtaken: 0,
            day: self.restaurant.day.clone(),
            joined_at: act.now,
            ahead_at_join,
            eta_at_join: join.eta,
            called_at: None,
            grace_until: None,
            seated_at: None,
            missed_at: None,
            undo_until: None,
            rejoin_until: None,
            ended: None,
            items,
            notices: Vec::new(),
        };
        self.entries.push(Entry::new(ticket, join.guards.clone(), self.day));
    }

    /// Whether no active ticket but `own` holds one of these guards.
    pub(crate) fn guards_free(&self, guards: &[String], own: Option<usize>) -> bool {
        let others = self.entries.iter().enumerate().filter(|&(index, _)| Some(index) != own);
        let mut holders = others.filter(|(_, entry)| entry.is(&[TicketState::Waiting, TicketState::Called]));
        !holders.any(|(_, holder)| holder.guards.iter().any(|guard| guards.contains(guard)))
    }
}
