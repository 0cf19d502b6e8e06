//! The record, read: what the lists and sums are made of. How it is asked over HTTP is in `api/history.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waitless::{
    db::{
        Db,
        history::{self, Day},
    },
    domain::RestaurantId,
    protocol::record::{DaySummary, StockOfDay},
};

use crate::harness::{
    database::{TestDatabase, fresh_database},
    record::{HOUR_MS, Record},
};

const HERE: RestaurantId = RestaurantId(7);

async fn empty() -> (TestDatabase, Db, Record) {
    let database = fresh_database().await;
    let (db, record) = (database.db(), Record::of(&database.url, 7).await);
    (database, db, record)
}

async fn day(db: &Db, day: &str) -> DaySummary {
    let day: Day = day.parse().expect("a date");
    history::day(db, HERE, &day).await.expect("an answer").expect("the day was")
}

#[tokio::test]
async fn of_a_long_life_the_newest_thousand_are_told() {
    let (_database, db, mut record) = empty().await;
    record.ticket("long", "2026-03-01", 0, json!({})).await;
    let life = "INSERT INTO transitions (restaurant_id, ref, epoch, rev, at, name, state, line, role)
                SELECT 7, 'long', n % 2, n, n, 'ticket.edited', 'waiting', 'A', 'staff' FROM generate_series(1, 1010) AS n";
    sqlx::query(life).execute(&mut record.connection).await.expect("right SQL");
    let told = history::ticket(&db, HERE, "long").await.expect("an answer").expect("the ticket");
    let stamps: Vec<(i64, i64)> = told.items.iter().map(|item| (item.epoch, item.rev)).collect();
    assert_eq!((stamps.len(), stamps[0], stamps[999]), (1_000, (0, 22), (1, 1_009)), "epoch first");
    assert!(stamps.is_sorted());
}

#[tokio::test]
async fn every_ticket_of_a_day_is_on_one_page() {
    let (_database, db, mut record) = empty().await;
    for index in 0..7 {
        // Three joined in the same millisecond, one before 1970, as clocks may have it.
        let joined_at = [-5, 10, 10, 10, 11, 12, 13][index];
        record.ticket(&format!("ref{index}"), "2026-03-01", joined_at, json!({})).await;
    }
    record.ticket("another-day", "2026-03-02", 10, json!({})).await;
    record.restaurant = 8;
    record.ticket("elsewhere", "2026-03-01", 10, json!({})).await;
    let day: Day = "2026-03-01".parse().expect("a date");
    for limit in [1, 2, 3, 6, 7, 8] {
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = history::tickets(&db, HERE, &day, after, limit).await.expect("an answer");
            assert!(!page.items.is_empty() && page.items.len() <= limit as usize);
            seen.extend(page.items.into_iter().map(|ticket| ticket.r#ref));
            pages += 1;
            let Some(next) = page.next else { break };
            // As a client hands it back.
            after = Some(next.to_string().parse().expect("our own cursor"));
        }
        assert_eq!(seen, (0..7).map(|index| format!("ref{index}")).collect::<Vec<_>>(), "{limit}");
        assert_eq!(pages, 7_u32.div_ceil(limit), "no empty page at the end");
    }
}

#[tokio::test]
async fn what_is_left_is_what_was_left_when_the_day_ended() {
    let (_database, db, mut record) = empty().await;
    let item = |item: &str, quantity: i64, lost: i64| json!({ "item": item, "name": format!("the {item}"), "quantity": quantity, "price": 1, "lost": lost });
    let ordered = |state: &str, items: Vec<Value>| json!({ "state": state, "items": items });
    record.day("2026-03-01", 100 * HOUR_MS).await;
    record.day("2026-03-02", 124 * HOUR_MS).await;
    let orders = [
        ordered("completed", vec![item("tea", 3, 1), item("rice", 1, 0)]),
        ordered("seated", vec![item("tea", 2, 0)]),
        ordered("cancelled", vec![item("tea", 9, 0), item("soup", 1, 0)]),
        ordered("no_show", vec![item("tea", 9, 0)]),
    ];
    for (index, order) in orders.into_iter().enumerate() {
        record.ticket(&format!("ref{index}"), "2026-03-01", index as i64, order).await;
    }
    for (rev, hours, left) in [(1, 80, Some(50)), (2, 99, Some(45)), (3, 101, Some(44)), (4, 130, Some(43))] {
        let row = json!({
            "item": "tea", "epoch": 1, "rev": rev, "at": hours * HOUR_MS, "name": "x", "left_after": left, "role": "staff",
        });
        record.insert("stock_movements", row).await;
    }
    // No longer counted.
    for (rev, left) in [(5, Some(8)), (6, None)] {
        let row = json!({
            "item": "rice", "epoch": 1, "rev": rev, "at": HOUR_MS, "name": "x", "left_after": left, "role": "staff",
        });
        record.insert("stock_movements", row).await;
    }
    let told = |item: &str, consumed, left| StockOfDay {
        item: item.to_owned(),
        name: Some(format!("the {item}")),
        consumed,
        left,
    };
    let stock = day(&db, "2026-03-01").await.stock;
    assert_eq!(stock, [told("rice", 1, None), told("soup", 0, None), told("tea", 4, Some(45))]);
    // The day that goes on: what is left now, also past its end.
    record.ticket("today", "2026-03-02", 0, ordered("seated", vec![item("tea", 1, 0)])).await;
    assert_eq!(day(&db, "2026-03-02").await.stock, [told("tea", 1, Some(43))]);
}

#[tokio::test]
async fn another_restaurants_record_is_not_told() {
    let (_database, db, mut record) = empty().await;
    record.restaurant = 8;
    record.day("2026-03-01", 0).await;
    record.ticket("elsewhere", "2026-03-01", 0, json!({})).await;
    let day: Day = "2026-03-01".parse().expect("a date");
    assert!(history::ticket(&db, HERE, "elsewhere").await.expect("an answer").is_none());
    assert!(history::day(&db, HERE, &day).await.expect("an answer").is_none());
    assert!(!history::was(&db, HERE, &day).await.expect("an answer"));
    assert!(history::days(&db, HERE, None, 10).await.expect("an answer").items.is_empty());
    assert!(history::tickets(&db, HERE, &day, None, 10).await.expect("an answer").items.is_empty());
    assert!(history::ticket(&db, RestaurantId(8), "elsewhere").await.expect("an answer").is_some());
}

/// Reading one day must not read the others: what the planner would do, with a year of rows.
#[tokio::test]
async fn reading_a_day_takes_indexes() {
    let (_database, _db, mut record) = empty().await;
    for sql in [
        "INSERT INTO days (restaurant_id, day, ends_at) SELECT 7, date '2026-01-01' + n, n FROM generate_series(1, 365) AS n",
        "INSERT INTO tickets (restaurant_id, ref, day, number, line, state, adults, children, channel, checked_in, joined_at,
             calls, delays, overtaken, ahead_at_join, total, epoch, rev, at)
         SELECT 7, 'ref' || n, date '2026-01-01' + n % 365, 'A', 'A', 'completed', 2, 0, 'onsite', true, n, 1, 0, 0, 0, 0, 1, n, n
         FROM generate_series(1, 20000) AS n",
        "INSERT INTO stock_movements (restaurant_id, item, epoch, rev, at, name, role)
         SELECT 7, 'item' || n % 5, 1, n, n, 'x', 'staff' FROM generate_series(1, 20000) AS n",
        "INSERT INTO events (partition, seq, aggregate, epoch, rev, at, name, role)
         SELECT 5, n, 'restaurant:7', 1, n, n, 'x', 'staff' FROM generate_series(1, 20000) AS n",
        "ANALYZE",
    ] {
        sqlx::query(sql).execute(&mut record.connection).await.expect("right SQL");
    }
    let mut used = BTreeSet::new();
    for (sql, index) in [
        (
            "EXPLAIN SELECT ref FROM tickets WHERE restaurant_id = 7 AND day = '2026-03-01' AND (joined_at, ref) > (5, '')
             ORDER BY joined_at, ref LIMIT 500",
            "tickets_by_day",
        ),
        (
            "EXPLAIN SELECT left_after FROM stock_movements WHERE restaurant_id = 7 AND item = 'item1' AND at < 900
             ORDER BY at DESC, epoch DESC, rev DESC LIMIT 1",
            "stock_movements_by_time",
        ),
        ("EXPLAIN SELECT ref FROM tickets WHERE personal ORDER BY day LIMIT 500", "tickets_personal"),
        (
            "EXPLAIN SELECT restaurant_id FROM days WHERE NOT anonymous AND ends_at < 9 ORDER BY ends_at LIMIT 1",
            "days_to_anonymise",
        ),
        ("EXPLAIN SELECT seq FROM events WHERE answer IS NOT NULL AND at < 9 ORDER BY at LIMIT 500", "events_with_answer"),
        ("EXPLAIN SELECT seq FROM events WHERE partition = 5 ORDER BY seq LIMIT 100", "events_pkey"),
    ] {
        let plan = record.texts(sql).await.join("\n");
        assert!(plan.contains(index), "{sql}:\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{sql}:\n{plan}");
        used.insert(index);
    }
    assert_eq!(used.len(), 6);
}
