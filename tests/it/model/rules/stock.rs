//! Menu stock: what is left, what tickets hold, and the ledger that must always agree with both.

use std::collections::BTreeMap;

use serde_json::json;
use waitless::domain::{Millis, Rejection};

use super::{Effect, Live, invalid};

impl Live {
    pub(crate) fn stock_set(&mut self, item: &str, left: Option<u32>) -> Result<Effect, Rejection> {
        self.item_exists(item)?;
        match left {
            Some(left) => {
                let taken = self.taken(item);
                self.stock.insert(item.to_owned(), i64::from(left));
                self.ledger.insert(item.to_owned(), i64::from(left) + taken);
            }
            None => {
                self.stock.remove(item);
                self.ledger.remove(item);
            }
        }
        Ok(Effect::of_item(item))
    }

    pub(crate) fn stock_adjust(&mut self, item: &str, by: i64) -> Result<Effect, Rejection> {
        self.item_exists(item)?;
        let left = self.stock.get_mut(item).ok_or_else(|| invalid("item", "not_counted"))?;
        if *left + by < 0 {
            return Err(Rejection::StockNegative);
        }
        *left += by;
        *self.ledger.get_mut(item).expect("a counted item has a ledger") += by;
        Ok(Effect::of_item(item))
    }

    fn item_exists(&self, item: &str) -> Result<(), Rejection> {
        if self.menu.iter().any(|known| known.id == item) { Ok(()) } else { Err(Rejection::NotFound) }
    }

    /// Gives its items back.
    pub(crate) fn return_items(&mut self, index: usize) {
        let items = &mut self.entries[index].ticket.items;
        let mut given_up = Vec::new();
        for ordered in items {
            if let Some(left) = self.stock.get_mut(&ordered.item) {
                *left += i64::from(ordered.held);
            }
            given_up.push(ordered.held);
            ordered.held = 0;
        }
        self.entries[index].given_up = Some(given_up);
    }

    /// A missed one holds its items for its time to rejoin; without one they are given back.
    pub(crate) fn hold_while_missed(&mut self, index: usize) {
        let entry = &self.entries[index];
        if entry.ticket.rejoin_until.is_none() && entry.given_up.is_none() {
            self.return_items(index);
        }
    }

    /// Takes its items again as far as they are left, if they were returned.
    pub(crate) fn retake_items(&mut self, index: usize, now: Millis) {
        let entry = &mut self.entries[index];
        let Some(given_up) = entry.given_up.take() else { return };
        let mut newly_lost = Vec::new();
        for (ordered, wants) in entry.ticket.items.iter_mut().zip(given_up) {
            // Of what is not counted any more there is enough.
            let Some(left) = self.stock.get_mut(&ordered.item) else { continue };
            let taken = wants.min(u32::try_from(*left).expect("never below zero"));
            *left -= i64::from(taken);
            ordered.held = taken;
            ordered.lost += wants - taken;
            if taken < wants {
                newly_lost.push(ordered.item.clone());
            }
        }
        if !newly_lost.is_empty() {
            entry.tell(now, "items_lost", [("items", json!(newly_lost))]);
        }
    }

    /// Units of an item that tickets hold or have consumed.
    fn taken(&self, item: &str) -> i64 {
        let by_tickets =
            self.entries.iter().flat_map(|entry| &entry.ticket.items).filter(|ordered| ordered.item == item);
        by_tickets.map(|ordered| i64::from(ordered.held)).sum::<i64>() + self.consumed_before.get(item).unwrap_or(&0)
    }

    /// Invariant: left + held + consumed = ledger, for every counted item.
    pub(crate) fn assert_stock_conserved(&self) {
        let counted: BTreeMap<_, _> =
            self.stock.iter().map(|(item, left)| (item.clone(), left + self.taken(item))).collect();
        assert_eq!(counted, self.ledger, "left + held + consumed against the ledger");
        assert!(self.stock.values().all(|&left| left >= 0), "stock below zero: {:?}", self.stock);
    }
}
