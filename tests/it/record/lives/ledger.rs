//! What was acknowledged, and what therefore has to be there: worked out from answers alone. Nothing of the server's
//! code is used here.
//!
//! An answer about a ticket is a sighting of it at a stamp, (epoch, rev); the newest counts. What was acknowledged and
//! not recorded when Redis lost it may be gone, and then has to be said to be: such a ticket may be as it was at any of
//! its sightings since, until somebody has looked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

/// What of a ticket nobody but its own commands changes.
const FIELDS: [&str; 24] = [
    "id",
    "ref",
    "number",
    "line",
    "order",
    "state",
    "adults",
    "children",
    "channel",
    "checked_in",
    "to",
    "lang",
    "calls",
    "delays",
    "delays_left",
    "joined_at",
    "called_at",
    "grace_until",
    "undo_until",
    "seated_at",
    "missed_at",
    "ended",
    "items",
    "total",
];

pub type Stamp = (i64, i64);

pub fn stamp(body: &Value) -> Stamp {
    (body["epoch"].as_i64().expect("an epoch"), body["rev"].as_i64().expect("a rev"))
}

/// What is compared of a ticket.
pub fn looks(ticket: &Value) -> BTreeMap<&'static str, Value> {
    FIELDS.into_iter().map(|field| (field, ticket[field].clone())).collect()
}

/// Units of an item that a ticket keeps from the others: held, or eaten.
pub fn taken(ticket: &Value, item: &str) -> i64 {
    if ticket["state"] == "cancelled" {
        return 0;
    }
    let items = ticket["items"].as_array().into_iter().flatten().filter(|of| of["item"] == item);
    items.map(|of| of["quantity"].as_i64().expect("a number") - of["lost"].as_i64().expect("a number")).sum()
}

/// A ticket that somebody was given.
#[derive(Default)]
struct Known {
    /// As it was seen when everything was recorded last, and at which stamp that was; none: it joined later.
    sure: Option<(Stamp, Value)>,
    /// As somebody saw it who looked at everything.
    looked: Option<Value>,
    /// What was seen of it since then.
    since: BTreeMap<Stamp, Value>,
    /// What was seen since may be lost.
    is_loose: bool,
}

impl Known {
    fn newest(&self) -> &Value {
        self.since.values().next_back().or(self.sure.as_ref().map(|(_, seen)| seen)).expect("it was seen")
    }

    /// As which it may be there when what is not recorded may be lost.
    fn may_be(&self) -> impl Iterator<Item = &Value> {
        let from = self.sure.as_ref().map_or((0, 0), |(at, _)| *at);
        self.since.range(from..).map(|(_, seen)| seen).chain(self.sure.iter().map(|(_, seen)| seen))
    }

    /// As it was seen before this stamp.
    fn before(&self, stamp: Stamp) -> Option<&Value> {
        self.since.range(..stamp).next_back().map(|(_, seen)| seen).or(self.looked.as_ref())
    }
}

/// What staff did to the stock of an item.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    Set(Option<i64>),
    Adjust(i64),
}

/// An item that is counted, or was.
struct Item {
    /// Left, held and eaten together when somebody looked last; `None`: it was not counted.
    base: Option<i64>,
    since: BTreeMap<Stamp, Count>,
    is_loose: bool,
}

/// What a key was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    status: u16,
    ticket: Value,
    number: Value,
    left: Value,
}

/// See the head of this file.
#[derive(Default)]
pub struct Ledger {
    tickets: BTreeMap<String, Known>,
    items: BTreeMap<String, Item>,
    /// Numbers that were ever given, with the ticket.
    numbers: HashMap<String, String>,
    keys: HashMap<String, Given>,
    pub problems: Vec<String>,
    /// Tickets that were lost and said to be.
    pub lost: usize,
}

/// The ticket in an answer: T of a command, or the answer itself.
fn ticket_in(body: &Value) -> Option<&Value> {
    let ticket = if body["ticket"].is_object() { &body["ticket"] } else { body };
    ticket["id"].is_string().then_some(ticket)
}

impl Ledger {
    /// An item with so many units when nothing had happened.
    pub fn begin(&mut self, item: &str, left: i64) {
        let item_of = Item { base: Some(left), since: BTreeMap::new(), is_loose: false };
        self.items.insert(item.to_owned(), item_of);
    }

    /// A command of this name with this key was answered 2xx.
    pub fn acknowledged(&mut self, name: &str, key: &str, status: u16, body: &Value, replayed: bool) {
        let ticket = ticket_in(body);
        let of = |field: &str| ticket.map_or(Value::Null, |ticket| ticket[field].clone());
        let given = Given { status, ticket: of("id"), number: of("number"), left: body["left"].clone() };
        if let Some(before) = self.keys.insert(key.to_owned(), given.clone()) {
            if before != given {
                self.problems.push(format!("{name}: a key was answered {before:?} and then {given:?}"));
            }
            return;
        }
        let Some(ticket) = ticket else { return };
        let id = ticket["id"].as_str().expect("an id").to_owned();
        let known = self.tickets.entry(id.clone()).or_default();
        known.since.insert(stamp(body), ticket.clone());
        if name != "join" {
            return;
        }
        if replayed {
            // Its first answer did not arrive; the ticket may have moved on since.
            known.is_loose = true;
        }
        let number = ticket["number"].as_str().expect("a number").to_owned();
        if let Some(other) = self.numbers.insert(number.clone(), id.clone())
            && other != id
        {
            self.problems.push(format!("{number} was given twice: to {other} and to {id}, at {:?}", stamp(body)));
        }
    }

    /// Staff counted an item, and were answered so.
    pub fn counted(&mut self, item: &str, set: Option<Option<i64>>, by: i64, body: &Value, is_new: bool) {
        if is_new {
            let count = set.map_or(Count::Adjust(by), Count::Set);
            self.items.get_mut(item).expect("an item of the ledger").since.insert(stamp(body), count);
        }
    }

    /// Whether this ticket may be lost, as nobody has recorded it.
    pub fn may_be_gone(&self, id: &str) -> bool {
        self.tickets.get(id).is_none_or(|known| known.is_loose && known.sure.is_none())
    }

    /// Whether a key was answered before.
    pub fn knows(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// All tickets, the earliest first.
    pub fn ids(&self) -> Vec<String> {
        self.tickets.keys().cloned().collect()
    }

    /// Everything that was acknowledged so far is recorded.
    pub fn recorded(&mut self) {
        for known in self.tickets.values_mut().filter(|known| !known.is_loose) {
            if let Some((at, seen)) = known.since.last_key_value() {
                known.sure = Some((*at, seen.clone()));
            }
        }
    }

    /// Redis has lost what is not recorded; these keys may act again.
    pub fn may_be_lost(&mut self, since: Stamp) {
        for known in self.tickets.values_mut() {
            known.is_loose |= known.sure.is_none() || known.since.range(since..).next().is_some();
        }
        for item in self.items.values_mut() {
            item.is_loose |= item.since.range(since..).next().is_some();
        }
    }

    /// Numbers that nobody recorded, and that only servers knew which are no more, may be given out again.
    pub fn forget_numbers(&mut self) {
        let is_known = |id: &String| self.tickets.get(id).is_none_or(|known| known.sure.is_some());
        self.numbers.retain(|_, id| is_known(id));
    }

    /// Keys that were used first at this stamp or later are not asked again.
    pub fn forget(&mut self, keys: &BTreeSet<String>) {
        self.keys.retain(|key, _| !keys.contains(key));
    }

    /// What is wrong with this answer about a ticket: its frame, or the status and code of a refusal.
    pub fn look_at(&self, id: &str, answer: Result<&Value, (u16, &str)>) -> Option<String> {
        let known = &self.tickets[id];
        let number = &known.newest()["number"];
        match answer {
            Ok(seen) if known.is_loose => {
                let fits = known.may_be().any(|sighting| looks(sighting) == looks(seen));
                (!fits).then(|| format!("{number} is as it never was: {:?}", looks(seen)))
            }
            Ok(seen) => {
                let (expected, seen) = (looks(known.newest()), looks(seen));
                let differs: Vec<String> = FIELDS
                    .iter()
                    .filter(|field| expected[*field] != seen[*field])
                    .map(|field| format!("{field} was {} and is {}", expected[field], seen[field]))
                    .collect();
                (!differs.is_empty()).then(|| format!("{number}: {}", differs.join(", ")))
            }
            Err((410, "place_lost")) if known.is_loose && known.sure.is_none() => None,
            Err((status, code)) => Some(format!("{number}: {status} {code}")),
        }
    }

    /// Units that have to be left of an item, given the tickets as they are. `None`: whatever is there will do.
    pub fn left(&self, item: &str, tickets: &BTreeMap<String, Value>) -> Option<Value> {
        let counted = &self.items[item];
        if counted.is_loose {
            return None;
        }
        let mut all = counted.base;
        for (at, count) in &counted.since {
            all = match (*count, all) {
                (Count::Set(None), _) | (Count::Adjust(_), None) => None,
                (Count::Set(Some(left)), _) => {
                    let taken_then = self.tickets.values().filter_map(|known| known.before(*at));
                    Some(left + taken_then.map(|ticket| taken(ticket, item)).sum::<i64>())
                }
                (Count::Adjust(by), Some(all)) => Some(all + by),
            };
        }
        let taken_now: i64 = tickets.values().map(|ticket| taken(ticket, item)).sum();
        Some(all.map_or(Value::Null, |all| json!(all - taken_now)))
    }

    /// Somebody has looked: everything is as it was seen, and what is not there is lost.
    pub fn settle(&mut self, tickets: &BTreeMap<String, Value>, stock: &Value) {
        self.tickets.retain(|id, known| {
            let Some(seen) = tickets.get(id) else {
                self.lost += 1;
                return false;
            };
            *known = Known {
                looked: Some(seen.clone()),
                sure: Some(((0, 0), seen.clone())),
                since: BTreeMap::new(),
                is_loose: false,
            };
            true
        });
        for (item, counted) in &mut self.items {
            let taken_now: i64 = tickets.values().map(|ticket| taken(ticket, item)).sum();
            counted.base = stock[item].as_i64().map(|left| left + taken_now);
            counted.since.clear();
            counted.is_loose = false;
        }
    }
}
