//! What was acknowledged, beside what is recorded and what is there. Nothing of the server's code is used here.
//!
//! An answer says at which (epoch, rev) something was done, and how the ticket was then. If the record has that
//! revision, it counts. If not, it is lost, which only FLUSHALL excuses, and only for what was acknowledged shortly
//! before; a ticket that is gone like this has to be said to be `place_lost`. What is recorded and was answered to
//! nobody was done twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{
    faults::{
        checker::{Judge, Settled},
        screens::{Kind, Screen},
    },
    replay::stamp,
};

/// What is recorded so late may be lost: the lag of a busy machine, and the way of the answer.
const BEFORE_A_FLUSH: Duration = Duration::from_secs(10);
const AFTER_A_FLUSH: Duration = Duration::from_secs(5);

type Stamp = (i64, i64);

#[derive(Default)]
pub struct Verdict {
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
    pub wrong: Vec<String>,
    /// Tickets that were lost and said to be.
    pub said: usize,
    /// Acts on tickets, and counts of stock, that were lost while the ticket was not.
    pub undone: usize,
    /// How long before a FLUSHALL the earliest of what it took was acknowledged.
    pub lost_before_s: f64,
    pub gaps: i64,
    pub gaps_open: i64,
    pub dead_letters: i64,
    /// Tickets that are gone, or not as their phone was last told before it was closed for good.
    excused: HashMap<String, bool>,
}

impl Verdict {
    /// A phone whose ticket was lost has been told so, and has nothing to compare; neither has one that was closed for
    /// an end that was lost.
    pub fn excuses(&self, screen: &Screen) -> bool {
        let Kind::Phone(id) = &screen.kind else { return false };
        let ended = screen.seen().ended;
        match self.excused.get(id) {
            Some(true) => ended == Some(4404),
            Some(false) => ended.is_some(),
            None => false,
        }
    }

    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (what, list) in [("lost", &self.lost), ("doubled", &self.doubled), ("wrong", &self.wrong)] {
            problems.extend(list.iter().map(|problem| format!("{what}: {problem}")));
        }
        for (what, count) in [("gaps are open", self.gaps_open), ("dead letters", self.dead_letters)] {
            if count > 0 {
                problems.push(format!("{count} {what}"));
            }
        }
        problems
    }
}

/// Something that was recorded.
struct Event {
    name: String,
    role: String,
    r#ref: Option<String>,
}

/// The ticket in an answer, if it is about one.
fn ticket_in(body: &Value) -> Option<&Value> {
    let ticket = if body["ticket"].is_object() { &body["ticket"] } else { body };
    ticket["id"].is_string().then_some(ticket)
}

/// What an operation is called in the record.
fn event_of(operation: &str) -> &'static str {
    match operation {
        "join" => "ticket.joined",
        "call-next" => "ticket.called",
        "recall" => "ticket.recalled",
        "seat" => "ticket.seated",
        "complete" => "ticket.completed",
        "no-show" => "ticket.no_show",
        "adjust" => "stock.changed",
        _ => "ticket.cancelled",
    }
}

pub async fn of(judge: &Judge, database: &mut PgConnection, flushes: &[Instant]) -> Verdict {
    let mut verdict = Verdict::default();
    let events = recorded(database).await;
    let gaps: Vec<(i64, i64, i64, bool)> =
        sqlx::query_as("SELECT epoch, rev_from, rev_to, reconciled_at IS NULL FROM gaps")
            .fetch_all(&mut *database)
            .await
            .expect("SQL");
    verdict.gaps = gaps.len() as i64;
    verdict.gaps_open = gaps.iter().filter(|gap| gap.3).count() as i64;
    let letters: (i64,) =
        sqlx::query_as("SELECT count(*) FROM dead_letters").fetch_one(&mut *database).await.expect("SQL");
    verdict.dead_letters = letters.0;
    let in_gap = |at: Stamp| gaps.iter().any(|gap| gap.0 == at.0 && (gap.1..=gap.2).contains(&at.1));
    let is_recorded = |at: Stamp| events.contains_key(&at) || in_gap(at);
    // Seconds from an answer to the FLUSHALL that excuses its loss.
    let before_a_flush = |at: Instant| {
        let flush = flushes.iter().find(|flush| **flush < at + BEFORE_A_FLUSH && at < **flush + AFTER_A_FLUSH)?;
        Some(flush.saturating_duration_since(at).as_secs_f64())
    };

    let settled = judge.settled();
    let done: Vec<&Settled> = settled.iter().filter(|one| one.status < 300).collect();
    // A ticket's last answer that is recorded; and whether a later one is lost.
    let mut tickets = BTreeMap::<String, (Option<(Stamp, &Value)>, bool)>::new();
    let mut numbers = HashMap::<String, String>::new();
    let mut told = HashSet::<Stamp>::new();
    // An answer that is given again after a rebuild tells the ticket as it is now: by what, and for whom.
    let mut told_anew = HashMap::<(String, &str), usize>::new();
    let mut adjusted = 0;
    for one in &done {
        let (name, at) = (one.operation.name, stamp(&one.body));
        let counts = is_recorded(at);
        let of = ticket_in(&one.body).and_then(|ticket| ticket["ref"].as_str());
        let is_its_own = |event: &Event| event.name == event_of(name) && (of.is_none() || event.r#ref.as_deref() == of);
        if counts && events.get(&at).is_none_or(is_its_own) {
            if !told.insert(at) {
                verdict.doubled.push(format!("{name}: two were answered the same at {at:?}"));
            }
        } else if one.replayed || counts && name == "guest-cancel" {
            // A guest who cancels again is told the ticket as it is, too.
            *told_anew.entry((of.unwrap_or_default().to_owned(), event_of(name))).or_default() += 1;
        } else if counts {
            verdict.wrong.push(format!("{name} at {at:?} is recorded as {}", events[&at].name));
        } else if let Some(before_s) = before_a_flush(one.at) {
            verdict.lost_before_s = verdict.lost_before_s.max(before_s);
        } else {
            verdict.lost.push(format!("{name} at {at:?} was acknowledged and is not recorded"));
        }
        let Some(ticket) = ticket_in(&one.body) else {
            if counts || one.replayed {
                adjusted += one.operation.by().expect("an adjustment");
            } else {
                verdict.undone += 1;
            }
            continue;
        };
        let id = ticket["id"].as_str().expect("an id").to_owned();
        if name == "join" {
            let number = ticket["number"].as_str().expect("a number").to_owned();
            if let Some(other) = numbers.insert(number.clone(), id.clone())
                && other != id
            {
                verdict.doubled.push(format!("{number} was given to {other} and to {id}"));
            }
        }
        let known = tickets.entry(id).or_default();
        if !counts {
            known.1 |= !one.replayed;
        } else if known.0.is_none_or(|(before, _)| before < at) {
            known.0 = Some((at, ticket));
        }
    }

    const COMMANDS: [&str; 8] = [
        "ticket.joined",
        "ticket.called",
        "ticket.recalled",
        "ticket.seated",
        "ticket.completed",
        "ticket.no_show",
        "ticket.cancelled",
        "stock.changed",
    ];
    let returned = events.values().filter(|event| event.name == "ticket.stock_returned");
    let returned: HashSet<&str> = returned.filter_map(|event| event.r#ref.as_deref()).collect();
    let mut last_of = HashMap::<&str, Stamp>::new();
    let before = stamp(judge.before());
    for (at, event) in events.iter().filter(|(at, _)| **at > before) {
        if let Some(r#ref) = &event.r#ref {
            last_of.insert(r#ref, *at);
        }
        if is_timer(event) || told.contains(at) {
            continue;
        }
        let Some(name) = COMMANDS.iter().find(|name| **name == event.name) else { continue };
        match told_anew.get_mut(&(event.r#ref.clone().unwrap_or_default(), *name)) {
            Some(times) if *times > 0 => *times -= 1,
            _ => verdict.doubled.push(format!("{} by {} at {at:?} was answered to nobody", event.name, event.role)),
        }
    }

    let reading = tickets.keys().map(async |id| {
        let read = judge.read_definite(&format!("/v1/tickets/{id}")).await;
        (id.clone(), read)
    });
    let read: HashMap<String, (u16, Value)> = stream::iter(reading).buffer_unordered(8).collect().await;
    let (mut taken, mut there) = (0, 0);
    for (id, (sure, lost_later)) in &tickets {
        let (status, now) = &read[id];
        let code = now["code"].as_str().unwrap_or_default();
        match (sure, *status) {
            (None, 410) if code == "place_lost" => {
                verdict.said += 1;
                verdict.excused.insert(id.clone(), true);
                continue;
            }
            (_, 200) => {}
            (None, _) => {
                verdict.wrong.push(format!("{id} was lost and is answered {status} {code}"));
                continue;
            }
            (Some((at, ticket)), _) => {
                verdict.lost.push(format!("{} is recorded at {at:?} and answered {status} {code}", ticket["number"]));
                continue;
            }
        }
        there += 1;
        // What a party that missed its call had held is given back after a while.
        let gave_back = now["state"] == "no_show" && now["ref"].as_str().is_some_and(|of| returned.contains(of));
        if now["state"] != "cancelled" && !gave_back {
            for item in now["items"].as_array().into_iter().flatten() {
                taken += item["quantity"].as_i64().expect("units") - item["lost"].as_i64().expect("lost");
            }
        }
        if *lost_later {
            verdict.undone += 1;
            verdict.excused.insert(id.clone(), false);
        }
        let Some((at, ticket)) = sure else {
            // Its join was answered anew and nothing else is known of it.
            continue;
        };
        let moved_on = now["ref"].as_str().and_then(|r#ref| last_of.get(r#ref)).is_some_and(|last| last > at);
        for field in ["number", "state", "calls", "line", "adults", "ref"] {
            // What a timer or the line did since is in the record, which is compared with the queue as a whole.
            if now[field] != ticket[field] && !(moved_on && ["state", "calls"].contains(&field)) {
                let what =
                    format!("{}: {field} was {} at {at:?} and is {}", ticket["number"], ticket[field], now[field]);
                verdict.wrong.push(what);
            }
        }
    }

    let queue = judge.read("/v1/restaurants/demo/queue").await.expect("the queue can be read");
    let joined = today(&queue) - today(judge.before());
    if joined != there {
        verdict.wrong.push(format!("{joined} parties joined by the count of the day, {there} are there"));
    }
    let left = |queue: &Value| queue["stock"][judge.counted()].as_i64().expect("counted");
    let (begun, found) = (left(judge.before()) + adjusted, left(&queue) + taken);
    if begun != found {
        verdict.wrong.push(format!("stock: {found} are left or taken, the acknowledged counts make {begun}"));
    }
    verdict
}

fn is_timer(event: &Event) -> bool {
    !matches!(event.role.as_str(), "guest" | "staff" | "owner" | "admin" | "device")
}

fn today(queue: &Value) -> i64 {
    queue["lines"].as_array().expect("lines").iter().map(|line| line["today"].as_i64().expect("a count")).sum()
}

async fn recorded(database: &mut PgConnection) -> BTreeMap<Stamp, Event> {
    let rows: Vec<(i64, i64, String, String, Option<String>)> =
        sqlx::query_as("SELECT epoch, rev, name, role, ref FROM events WHERE aggregate LIKE 'restaurant:%'")
            .fetch_all(database)
            .await
            .expect("SQL");
    rows.into_iter().map(|(epoch, rev, name, role, r#ref)| ((epoch, rev), Event { name, role, r#ref })).collect()
}
