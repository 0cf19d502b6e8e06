//! Places in a line: who waits where, moves, and places from the head.

use waitless::domain::{LineId, TicketState};

use super::{Live, order};

impl Live {
    /// Indexes of the waiting of a line, head first.
    pub(crate) fn queue(&self, line: LineId) -> Vec<usize> {
        let mut queue: Vec<usize> = (0..self.entries.len())
            .filter(|&index| {
                let ticket = &self.entries[index].ticket;
                ticket.line == line && ticket.state == TicketState::Waiting
            })
            .collect();
        queue.sort_by(|&a, &b| self.entries[a].ticket.order.cmp(&self.entries[b].ticket.order));
        queue
    }

    /// Waiting tickets before it in its line.
    pub(crate) fn ahead(&self, index: usize) -> Vec<usize> {
        let ticket = &self.entries[index].ticket;
        let mut queue = self.queue(ticket.line);
        queue.retain(|&other| self.entries[other].ticket.order < ticket.order);
        queue
    }

    /// Waiting tickets behind its place, whether it waits there itself or not. Who took its very order is behind it.
    pub(crate) fn behind(&self, index: usize) -> Vec<usize> {
        let ticket = &self.entries[index].ticket;
        let mut queue = self.queue(ticket.line);
        queue.retain(|&other| other != index && self.entries[other].ticket.order >= ticket.order);
        queue
    }

    /// The place at the end of every line.
    pub(crate) fn order_at_end(&mut self) -> String {
        self.counter += 1;
        order::at_end(self.counter)
    }

    /// The place `places` back from its own; `None` when nobody is behind it.
    pub(crate) fn order_back(&mut self, index: usize, places: u32) -> Option<String> {
        let behind = self.behind(index);
        (!behind.is_empty()).then(|| self.order_after(&behind, places))
    }

    /// The place with `places` of the line before it; 0 is the head.
    pub(crate) fn order_from_head(&mut self, line: LineId, places: u32) -> String {
        let queue = self.queue(line);
        match queue.first() {
            None => self.order_at_end(),
            Some(&first) if places == 0 => order::between("", &self.entries[first].ticket.order),
            Some(_) => self.order_after(&queue, places),
        }
    }

    /// Its own order, or when another who waits in that line has it by now, just before that one.
    pub(crate) fn order_kept(&self, index: usize, line: LineId, own: &str) -> String {
        let queue = self.queue(line);
        let order_of = |other: usize| self.entries[other].ticket.order.as_str();
        if !queue.iter().any(|&other| other != index && order_of(other) == own) {
            return own.to_owned();
        }
        let before = queue.iter().map(|&other| order_of(other)).rfind(|&order| order < own);
        order::between(before.unwrap_or(""), own)
    }

    /// Behind the `places`-th (from 1) of these, or behind the last.
    fn order_after(&mut self, these: &[usize], places: u32) -> String {
        let place = (places as usize).min(these.len());
        let before = self.entries[these[place - 1]].ticket.order.clone();
        match these.get(place) {
            Some(&next) => order::between(&before, &self.entries[next].ticket.order),
            None => self.order_at_end(),
        }
    }
}
