//! What is there in the end, compared with what was acknowledged: by the answers of a server, and by the tables of the
//! record. Nothing of the server's code is used here.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::ledger::Ledger;
use crate::record::house::{Answer, House, RESTAURANT};

/// Looks at everything; answers what differs. What was seen is what the ledger goes on from.
pub async fn look(house: &House, server: usize, ledger: &mut Ledger) -> Vec<String> {
    let mut problems = std::mem::take(&mut ledger.problems);
    let read = async |path: String| {
        let what = format!("{path} is answered");
        crate::harness::until(&what, async || Some(house.read_of(server, &path).await).filter(Answer::is_definite))
            .await
    };
    let queue = read(format!("{RESTAURANT}/queue")).await.body;
    let ids = ledger.ids();
    let reading = ids.iter().map(|id| read(format!("/v1/tickets/{id}")));
    let answers: Vec<Answer> = stream::iter(reading).buffered(4).collect().await;
    let mut tickets = BTreeMap::new();
    for (id, answer) in ids.iter().zip(answers) {
        let seen = if answer.status == 200 { Ok(&answer.body) } else { Err((answer.status, answer.code())) };
        problems.extend(ledger.look_at(id, seen));
        if answer.status == 200 {
            tickets.insert(id.clone(), answer.body);
        }
    }
    for shown in queue["tickets"].as_array().into_iter().flatten() {
        let id = shown["id"].as_str().expect("an id");
        if !tickets.contains_key(id) {
            problems.push(format!("{} is there, and nobody was given it", shown["number"]));
        }
    }
    for item in super::ITEMS {
        let left = &queue["stock"][item];
        if let Some(expected) = ledger.left(item, &tickets).filter(|expected| expected != left) {
            problems.push(format!("{item}: {expected} have to be left, {left} are"));
        }
    }
    let count = |is: &dyn Fn(&Value) -> bool| tickets.values().filter(|ticket| is(ticket)).count();
    for line in queue["lines"].as_array().into_iter().flatten() {
        let name = line["line"].as_str().expect("a letter");
        let waiting = count(&|ticket| ticket["line"] == name && ticket["state"] == "waiting");
        let today = count(&|ticket| ticket["number"].as_str().is_some_and(|number| number.starts_with(name)));
        for (what, expected) in [("waiting", waiting), ("today", today)] {
            if line[what] != expected {
                problems.push(format!("line {name}: {what} is {}, {expected} were counted", line[what]));
            }
        }
    }
    problems.extend(record(house, &tickets, &queue["stock"]).await);
    ledger.settle(&tickets, &queue["stock"]);
    problems
}

/// Totals of the day beside a recount of the tickets.
const TOTALS: &str = "SELECT to_jsonb(t) FROM (
    SELECT day, line, parties, guests, remote, waiting, called, seated, completed, cancelled, no_show FROM day_totals
    WHERE (parties, guests, remote) <> (0, 0, 0)) t ORDER BY t.line";
const RECOUNT: &str = "SELECT to_jsonb(t) FROM (
    SELECT day, line, count(*) AS parties, sum(adults + children) AS guests,
        count(*) FILTER (WHERE channel = 'remote') AS remote,
        count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'called') AS called,
        count(*) FILTER (WHERE state = 'seated') AS seated, count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled, count(*) FILTER (WHERE state = 'no_show') AS no_show
    FROM tickets GROUP BY day, line) t ORDER BY t.line";
const STOCK: &str = "SELECT to_jsonb(t) FROM (
    SELECT DISTINCT ON (item) item, left_after AS left FROM stock_movements ORDER BY item, epoch DESC, rev DESC) t";

/// What differs between the record and what people see.
async fn record(house: &House, tickets: &BTreeMap<String, Value>, stock: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut sql = house.sql().await;
    // A recorder looks every second.
    crate::harness::until("every gap is closed", async || {
        let open = house.database.count("SELECT count(*) FROM gaps WHERE reconciled_at IS NULL").await;
        (open == 0).then_some(())
    })
    .await;
    let rows = "SELECT jsonb_build_object('ref', ref, 'number', number, 'line', line, 'state', state, 'adults', adults,
        'children', children, 'calls', calls, 'joined_at', joined_at, 'called_at', called_at) FROM tickets";
    let rows: Vec<Value> = sqlx::query_scalar(rows).fetch_all(&mut sql).await.expect("SQL");
    let mut recorded = BTreeSet::new();
    for row in &rows {
        recorded.insert(row["ref"].clone().to_string());
        let Some(seen) = tickets.values().find(|ticket| ticket["ref"] == row["ref"]) else {
            problems.push(format!("{} is recorded as {}, and nobody sees it", row["number"], row["state"]));
            continue;
        };
        for (field, value) in row.as_object().expect("a row") {
            if seen[field] != *value {
                problems.push(format!("{}: {field} is recorded as {value}, seen as {}", row["number"], seen[field]));
            }
        }
    }
    for ticket in tickets.values().filter(|ticket| !recorded.contains(&ticket["ref"].to_string())) {
        problems.push(format!("{} is not recorded", ticket["number"]));
    }
    let totals: Vec<Value> = sqlx::query_scalar(TOTALS).fetch_all(&mut sql).await.expect("SQL");
    let recount: Vec<Value> = sqlx::query_scalar(RECOUNT).fetch_all(&mut sql).await.expect("SQL");
    if totals != recount {
        problems.push(format!("totals of the day are {}, a recount says {}", json!(totals), json!(recount)));
    }
    let movements: Vec<Value> = sqlx::query_scalar(STOCK).fetch_all(&mut sql).await.expect("SQL");
    for row in movements {
        let item = row["item"].as_str().expect("an item");
        if stock[item] != row["left"] {
            problems.push(format!("{item}: {} are recorded, {} are seen", row["left"], stock[item]));
        }
    }
    for (what, query) in [
        (
            "numbers that are recorded twice",
            "SELECT count(*) FROM (SELECT FROM tickets GROUP BY day, number HAVING count(*) > 1) t",
        ),
        ("entries that nobody could read", "SELECT count(*) FROM dead_letters"),
    ] {
        let count: i64 = sqlx::query_scalar(query).fetch_one(&mut sql).await.expect("SQL");
        if count > 0 {
            problems.push(format!("{what}: {count}"));
        }
    }
    sql.close().await.expect("PostgreSQL says good-bye");
    problems
}
