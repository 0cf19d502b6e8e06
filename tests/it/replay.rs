//! What a screen shows after the frames it was sent, by the words of the protocol. For checkers: nothing of the server's
//! code is used here.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

/// Which state a frame is of: epoch first.
pub fn stamp(frame: &Value) -> (i64, i64) {
    (frame["epoch"].as_i64().expect("an epoch"), frame["rev"].as_i64().expect("a rev"))
}

/// A screen. A board and a phone show the newest frame; a console its queue with every delta since.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub frame: Option<Value>,
}

impl Shown {
    /// A frame comes: not a `tick`, not a `bye`.
    ///
    /// # Errors
    /// What the protocol does not allow; the frame is shown all the same if it is a whole one.
    pub fn take(&mut self, frame: &Value) -> Result<(), String> {
        let fell = match &self.frame {
            Some(shown) if stamp(frame) < stamp(shown) => {
                Err(format!("(epoch, rev) fell from {:?} to {:?}", stamp(shown), stamp(frame)))
            }
            _ => Ok(()),
        };
        if frame["type"] != "delta" {
            self.frame = Some(frame.clone());
            return fell;
        }
        fell?;
        apply(self.frame.as_mut().ok_or("a delta before any queue")?, frame)
    }
}

fn apply(queue: &mut Value, delta: &Value) -> Result<(), String> {
    if delta["prev"] != queue["rev"] || delta["epoch"] != queue["epoch"] {
        return Err(format!("a delta from {} to {:?} on top of {:?}", delta["prev"], stamp(delta), stamp(queue)));
    }
    let events = delta["events"].as_array().expect("events").len() as i64;
    let revs = delta["rev"].as_i64().expect("a rev") - delta["prev"].as_i64().expect("a rev");
    if events != revs {
        return Err(format!("{events} events in a delta over {revs} revs"));
    }
    let set = &delta["set"];
    for whole in ["lines", "restaurant", "announcement"] {
        if let Some(value) = set.get(whole) {
            queue[whole] = value.clone();
        }
    }
    for (item, left) in set["stock"].as_object().into_iter().flatten() {
        queue["stock"][item] = left.clone();
    }
    let tickets = queue["tickets"].as_array_mut().expect("tickets");
    let gone: BTreeSet<&str> = delta["gone"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for ticket in set["tickets"].as_array().into_iter().flatten() {
        tickets.retain(|known| known["id"] != ticket["id"]);
        tickets.push(ticket.clone());
    }
    tickets.retain(|known| !gone.contains(known["id"].as_str().expect("an id")));
    queue["rev"] = delta["rev"].clone();
    Ok(())
}

/// `ahead` is the rank by order among the waiting of the line; estimates are left out of comparisons.
pub fn rank(queue: &mut Value) {
    let tickets = queue["tickets"].as_array_mut().expect("tickets");
    tickets.sort_by_key(|ticket| ticket["id"].as_str().expect("an id").to_owned());
    let mut waiting: Vec<(String, String, String)> = tickets
        .iter()
        .filter(|ticket| ticket["state"] == "waiting")
        .map(|ticket| {
            let text = |name: &str| ticket[name].as_str().expect("a text").to_owned();
            (text("line"), text("order"), text("id"))
        })
        .collect();
    waiting.sort();
    let (mut ahead, mut in_line) = (HashMap::new(), HashMap::new());
    for (line, _, id) in waiting {
        let before: &mut u64 = in_line.entry(line).or_default();
        ahead.insert(id, *before);
        *before += 1;
    }
    for ticket in tickets.iter_mut() {
        ticket["eta"] = Value::Null;
        ticket["ahead"] = json!(ahead.get(ticket["id"].as_str().expect("an id")));
    }
    for line in queue["lines"].as_array_mut().expect("lines") {
        line["eta"] = Value::Null;
        line["eta_by_party"] = Value::Null;
    }
}

/// The tickets, but for those that vanish by themselves about now: their last undo lapses.
pub fn standing(queue: &Value, now: i64) -> Vec<&Value> {
    const ABOUT_MS: i64 = 5_000;
    let is_final = |ticket: &Value| ticket["state"] == "completed" || ticket["state"] == "cancelled";
    let lapses = |ticket: &Value| ticket["undo_until"].as_i64().is_none_or(|until| until < now + ABOUT_MS);
    let tickets = queue["tickets"].as_array().expect("tickets").iter();
    tickets.filter(|ticket| !(is_final(ticket) && lapses(ticket))).collect()
}

/// A frame without what differs by nature: these fields, and estimates.
pub fn without(mut frame: Value, names: &[&str]) -> Value {
    for name in names {
        frame[*name] = Value::Null;
    }
    for line in frame["lines"].as_array_mut().into_iter().flatten() {
        line["eta"] = Value::Null;
        line["eta_by_party"] = Value::Null;
    }
    frame
}
