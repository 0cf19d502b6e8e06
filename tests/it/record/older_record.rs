//! PostgreSQL comes back with an older backup while Redis has everything: that is noticed without any event, and the
//! record is made whole from the live state before Redis, too, may be lost.

use std::time::Instant;

use serde_json::{Value, json};
use sqlx::Executor as _;

use super::house::{Ask, COUNTED, House, RESTAURANT, id_of, new_key};
use crate::{
    faults::report::Report,
    harness::{until, wire::Flow},
};

/// It is to be noticed within seconds; the rest is for a machine that has more to do.
const NOTICED_MAX_S: f64 = 15.0;

/// Everything that a recorder writes.
const TABLES: [&str; 12] = [
    "recorder",
    "recorder_workers",
    "events",
    "aggregates",
    "gaps",
    "dead_letters",
    "live_parts",
    "days",
    "tickets",
    "transitions",
    "stock_movements",
    "day_totals",
];

/// A backup of the record inside of its own database.
async fn back_up(house: &House) {
    let mut sql = house.sql().await;
    let copies = TABLES.map(|table| format!("CREATE TABLE backup.{table} AS TABLE public.{table};")).concat();
    sql.execute(sqlx::AssertSqlSafe(format!("CREATE SCHEMA backup; {copies}"))).await.expect("a backup");
}

/// The record is as it was when it was backed up. Nobody is connected meanwhile.
async fn restore(house: &House) {
    house.postgres.set(Flow::Gone);
    let mut sql = house.sql().await;
    // What is generated cannot be inserted.
    let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = ('public.' || $1)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";
    let mut all = "BEGIN;".to_owned();
    for table in TABLES {
        let columns: String = sqlx::query_scalar(columns).bind(table).fetch_one(&mut sql).await.expect("columns");
        all += &format!(
            "TRUNCATE public.{table}; INSERT INTO public.{table} ({columns}) SELECT {columns} FROM backup.{table};"
        );
    }
    sql.execute(sqlx::AssertSqlSafe(all + "COMMIT;")).await.expect("restored");
    house.postgres.set(Flow::Open);
}

/// What a ticket has to be like, whoever lost what.
fn place(ticket: &Value) -> Value {
    let fields = ["id", "number", "state", "order", "line", "adults", "calls", "joined_at", "called_at", "items"];
    fields.iter().map(|field| ticket[*field].clone()).collect()
}

async fn places(house: &House, tickets: &[Value]) -> Vec<Value> {
    let mut places = Vec::new();
    for ticket in tickets {
        places.push(place(&house.read(&format!("/v1/tickets/{}", id_of(ticket))).await));
    }
    places
}

async fn an_evening(house: &House) -> Vec<Value> {
    let mut tickets = house.join("A", 12).await;
    tickets.extend(house.join("B", 5).await);
    let items = json!([{ "item": COUNTED, "quantity": 3 }]);
    let order = Ask::join(json!({ "line": "B", "adults": 3, "channel": "onsite", "items": items }));
    tickets.push(house.did(&order).await);
    house.did(&Ask::call_next("A")).await;
    let called = house.did(&Ask::call_next("A")).await;
    house.did(&Ask::act("seat", id_of(&called["ticket"]), json!({}))).await;
    house.did(&Ask::act("cancel", id_of(&tickets[7]), json!({}))).await;
    house.did(&Ask::adjust(COUNTED, 10)).await;
    tickets
}

/// Without any event the record is whole again, a gap says so, and the log, too.
async fn is_noticed(house: &House, tickets: usize, report: &mut Report) {
    let restored = Instant::now();
    until("the record has every ticket", async || {
        (house.database.count("SELECT count(*) FROM tickets").await == tickets as i64).then_some(())
    })
    .await;
    let took_s = restored.elapsed().as_secs_f64();
    report.worst("noticed_s", took_s);
    assert!(took_s < NOTICED_MAX_S, "the record was whole only after {took_s} s");
    until("the gap is closed", async || {
        let open = house.database.count("SELECT count(*) FROM gaps WHERE reconciled_at IS NULL").await;
        let closed = house.database.count("SELECT count(*) FROM gaps WHERE reconciled_at IS NOT NULL").await;
        (open == 0 && closed > 0).then_some(())
    })
    .await;
    house.recorded().await;
    let said = house.said().to_lowercase();
    assert!(said.contains("the record") && said.contains("gap"), "the log says so: {said}");
}

async fn nobody_is_lost(house: &mut House, tickets: &[Value], left: Value) {
    let before = places(house, tickets).await;
    let totals = "SELECT coalesce(sum(parties), 0)::bigint FROM day_totals";
    assert_eq!(house.database.count(totals).await, tickets.len() as i64, "the day counts everybody");
    house.redis_is_emptied().await;
    let after = places(house, tickets).await;
    assert_eq!(before, after, "everybody is as before");
    assert_eq!(house.left(COUNTED).await, left, "so is the stock");
    let next = house.settle_of(0, &Ask::party("A"), &new_key()).await;
    let taken = before.iter().any(|place| place[1] == next.body["number"]);
    assert!(next.status == 201 && !taken, "a new number: {}", next.body);
    let waiting = house.read(&format!("{RESTAURANT}/board")).await["lines"][1]["waiting"].clone();
    assert_eq!(waiting, before.iter().filter(|place| place[2] == "waiting" && place[4] == "B").count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_record_is_noticed_and_mended() {
    let mut report = Report::of("lives_older_record");
    let mut house = House::open(true).await;
    let mut tickets = an_evening(&house).await;
    house.recorded().await;
    back_up(&house).await;
    tickets.extend(an_evening(&house).await);
    let left = house.left(COUNTED).await;
    house.recorded().await;
    house.is_cut().await;
    restore(&house).await;
    is_noticed(&house, tickets.len(), &mut report).await;
    nobody_is_lost(&mut house, &tickets, left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_from_before_anything_happened() {
    let mut report = Report::of("lives_older_record_empty");
    let mut house = House::open(false).await;
    back_up(&house).await;
    house.recorder();
    let tickets = an_evening(&house).await;
    let left = house.left(COUNTED).await;
    house.recorded().await;
    house.is_cut().await;
    restore(&house).await;
    is_noticed(&house, tickets.len(), &mut report).await;
    nobody_is_lost(&mut house, &tickets, left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_record_and_servers_that_know_nothing() {
    let mut report = Report::of("lives_older_record_new_servers");
    let mut house = House::open(true).await;
    let mut tickets = an_evening(&house).await;
    house.recorded().await;
    back_up(&house).await;
    tickets.extend(an_evening(&house).await);
    let left = house.left(COUNTED).await;
    house.recorded().await;
    house.is_cut().await;
    house.kill_servers().await;
    restore(&house).await;
    house.end_leases().await;
    house.servers_begin_again(true);
    house.ready().await;
    is_noticed(&house, tickets.len(), &mut report).await;
    nobody_is_lost(&mut house, &tickets, left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_record_while_the_evening_goes_on() {
    let mut report = Report::of("lives_older_record_busy");
    let mut house = House::open(true).await;
    let mut tickets = an_evening(&house).await;
    house.recorded().await;
    back_up(&house).await;
    tickets.extend(an_evening(&house).await);
    house.recorded().await;
    house.is_cut().await;
    let (more, ()) = tokio::join!(house.join("A", 20), restore(&house));
    tickets.extend(more);
    let left = house.left(COUNTED).await;
    is_noticed(&house, tickets.len(), &mut report).await;
    nobody_is_lost(&mut house, &tickets, left).await;
}
