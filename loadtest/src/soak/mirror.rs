//! What a console knows from its frames alone, as docs/PROTOCOL.md says a client is to keep it. Pure.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

/// `(epoch, rev)`.
pub(super) type Stamp = (i64, i64);

pub(super) fn stamp(frame: &Value) -> Stamp {
    (frame["epoch"].as_i64().unwrap_or(-1), frame["rev"].as_i64().unwrap_or(-1))
}

/// State and place of a ticket.
pub(super) type Place = (String, Option<u64>);

/// Everybody's place at one rev, and how many wait in each line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moment {
    pub(super) places: HashMap<String, Place>,
    pub(super) waiting: BTreeMap<String, u64>,
}

#[derive(Default)]
pub(super) struct Mirror {
    pub(super) stamp: Stamp,
    pub(super) tickets: BTreeMap<String, Value>,
    lines: Value,
    stock: Map<String, Value>,
}

impl Mirror {
    /// Takes in a `queue` or `delta` frame.
    ///
    /// # Errors
    /// What about the frame cannot be.
    pub(super) fn apply(&mut self, frame: &Value) -> Result<(), String> {
        let new = stamp(frame);
        if new < self.stamp {
            return Err(format!("{new:?} after {:?}", self.stamp));
        }
        if frame["type"] == "queue" {
            self.tickets.clear();
            self.stock.clear();
        } else {
            let (prev, events) = (frame["prev"].as_i64().unwrap_or(-1), frame["events"].as_array().map_or(0, Vec::len));
            if (new.0, prev) != self.stamp {
                return Err(format!("a delta from {prev} to {new:?} where {:?} is known", self.stamp));
            }
            if i64::try_from(events) != Ok(new.1 - prev) {
                return Err(format!("{events} events from {prev} to {new:?}"));
            }
        }
        let whole = frame["type"] == "queue";
        let set = if whole { frame } else { &frame["set"] };
        for ticket in set["tickets"].as_array().into_iter().flatten() {
            self.tickets.insert(ticket["id"].as_str().unwrap_or_default().to_owned(), ticket.clone());
        }
        for id in frame["gone"].as_array().into_iter().flatten() {
            self.tickets.remove(id.as_str().unwrap_or_default());
        }
        if set["lines"].is_array() {
            self.lines = set["lines"].clone();
        }
        if let Some(stock) = set["stock"].as_object() {
            self.stock.extend(stock.clone());
        }
        self.stamp = new;
        Ok(())
    }

    /// Ids of the waiting of a line, first one first.
    pub(super) fn waiting(&self, line: &str) -> Vec<&str> {
        let waiting = self.tickets.values().filter(|ticket| ticket["state"] == "waiting" && ticket["line"] == line);
        let mut waiting: Vec<(&str, &str)> =
            waiting.filter_map(|ticket| Some((ticket["order"].as_str()?, ticket["id"].as_str()?))).collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// Ids of those in a state.
    pub(super) fn in_state(&self, state: &str) -> Vec<&str> {
        let tickets = self.tickets.iter().filter(|(_, ticket)| ticket["state"] == state);
        tickets.map(|(id, _)| id.as_str()).collect()
    }

    pub(super) fn moment(&self) -> Moment {
        let state = |ticket: &Value| (ticket["state"].as_str().unwrap_or_default().to_owned(), None);
        let mut places: HashMap<String, Place> =
            self.tickets.iter().map(|(id, ticket)| (id.clone(), state(ticket))).collect();
        let mut counts = BTreeMap::new();
        for line in self.letters() {
            let waiting = self.waiting(&line);
            for (ahead, id) in waiting.iter().enumerate() {
                places.entry((*id).to_owned()).and_modify(|place| place.1 = Some(ahead as u64));
            }
            counts.insert(line, waiting.len() as u64);
        }
        Moment { places, waiting: counts }
    }

    fn letters(&self) -> Vec<String> {
        let lines = self.lines.as_array().into_iter().flatten();
        lines.filter_map(|line| line["line"].as_str()).map(str::to_owned).collect()
    }

    /// How this differs from a `queue` frame of the same moment; nothing if it does not.
    pub(super) fn difference(&self, queue: &Value) -> Option<String> {
        let mut whole = Self::default();
        if let Err(problem) = whole.apply(queue) {
            return Some(problem);
        }
        if whole.stamp != self.stamp {
            return Some(format!("{:?} here, {:?} there", self.stamp, whole.stamp));
        }
        if whole.stock != self.stock {
            return Some(format!("stock {:?} here, {:?} there", self.stock, whole.stock));
        }
        if without_estimates(&whole.lines) != without_estimates(&self.lines) {
            return Some(format!("lines {} here, {} there", self.lines, whole.lines));
        }
        let (ours, theirs) = (self.moment(), whole.moment());
        for (id, ticket) in &whole.tickets {
            let Some(known) = self.tickets.get(id) else { return Some(format!("{} is not here", ticket["number"])) };
            if without_estimates(known) != without_estimates(ticket) {
                return Some(format!("{known} here, {ticket} there"));
            }
            if theirs.places.get(id).and_then(|place| place.1) != ticket["ahead"].as_u64() {
                return Some(format!("{} is not the rank of {}", ticket["ahead"], ticket["number"]));
            }
        }
        let more = self.tickets.len() != whole.tickets.len();
        more.then(|| format!("{} tickets here, {} there", ours.places.len(), theirs.places.len()))
    }
}

/// A value without what depends on when it was made; `ahead` is compared as a rank.
fn without_estimates(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !["eta", "eta_by_party", "ahead"].contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), without_estimates(value))).collect())
        }
        Value::Array(values) => json!(values.iter().map(without_estimates).collect::<Vec<_>>()),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(id: &str, order: &str, state: &str, ahead: Option<u64>) -> Value {
        json!({ "id": id, "number": id, "line": "A", "order": order, "state": state, "ahead": ahead, "eta": null })
    }

    fn queue(rev: i64, tickets: Vec<Value>) -> Value {
        json!({
            "type": "queue", "epoch": 7, "rev": rev, "lines": [{ "line": "A", "waiting": 2, "eta": rev }],
            "stock": { "cake": 5 }, "tickets": tickets,
        })
    }

    fn delta(prev: i64, events: usize, set: Value, gone: Value) -> Value {
        let events = vec![json!({}); events];
        let rev = prev + events.len() as i64;
        json!({ "type": "delta", "epoch": 7, "rev": rev, "prev": prev, "events": events, "set": set, "gone": gone })
    }

    fn mirror() -> Mirror {
        let mut mirror = Mirror::default();
        let waiting = vec![ticket("b", "15", "waiting", Some(1)), ticket("a", "125", "waiting", Some(0))];
        mirror.apply(&queue(3, waiting)).expect("a whole queue");
        mirror
    }

    #[test]
    fn deltas_lead_to_the_next_queue() {
        let mut mirror = mirror();
        assert_eq!(mirror.waiting("A"), ["a", "b"], "by order as text");
        let set = json!({ "tickets": [ticket("a", "125", "called", None), ticket("c", "25", "waiting", Some(9))],
            "stock": { "cake": 4 } });
        mirror.apply(&delta(3, 2, set, json!([]))).expect("the next");
        mirror.apply(&delta(5, 0, json!({}), json!(["a"]))).expect("only time has passed");
        let mut next = queue(5, vec![ticket("b", "15", "waiting", Some(0)), ticket("c", "25", "waiting", Some(1))]);
        next["stock"] = json!({ "cake": 4 });
        assert_eq!(mirror.difference(&next), None);
        let moment = mirror.moment();
        assert_eq!(moment.places["c"], ("waiting".to_owned(), Some(1)));
        assert_eq!((moment.waiting["A"], moment.places.len()), (2, 2));
    }

    #[test]
    fn what_cannot_be_is_told() {
        for frame in [delta(2, 1, json!({}), json!([])), delta(4, 1, json!({}), json!([])), queue(2, vec![])] {
            assert!(mirror().apply(&frame).is_err(), "{frame}");
        }
        let mut skipped = delta(3, 1, json!({}), json!([]));
        skipped["rev"] = json!(5);
        assert!(mirror().apply(&skipped).is_err(), "an event is missing");
    }

    #[test]
    fn every_difference_is_seen() {
        let (a, b) = (ticket("a", "125", "waiting", Some(0)), ticket("b", "15", "waiting", Some(1)));
        assert_eq!(mirror().difference(&queue(3, vec![a.clone(), b.clone()])), None);
        let called = ticket("a", "125", "called", None);
        let wrong_rank = ticket("b", "15", "waiting", Some(4));
        for tickets in [vec![a.clone()], vec![called, b.clone()], vec![a.clone(), wrong_rank], vec![]] {
            assert!(mirror().difference(&queue(3, tickets.clone())).is_some(), "{tickets:?}");
        }
        assert!(mirror().difference(&queue(4, vec![a.clone(), b.clone()])).is_some(), "another rev");
        let mut sold = queue(3, vec![a, b]);
        sold["stock"]["cake"] = json!(4);
        assert!(mirror().difference(&sold).is_some(), "stock");
    }
}
