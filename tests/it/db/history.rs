//! The record, read: what the lists and sums are made of. How it is asked over HTTP is in `api/history.rs`.

use serde_json::{Value, json};
use waitless::{
    db::{
        Db,
        history::{self, Day},
        retention::sweep,
    },
    domain::RestaurantId,
    protocol::record::{DaySummary, StockOfDay},
};

use crate::harness::{
    database::{TestDatabase, fresh_database},
    past::{HOUR_MS, Record},
    until,
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

/// Neither reading one day nor looking for what is due may read all there is: with a year of rows, PostgreSQL's own
/// count of what it read tells.
#[tokio::test]
async fn a_year_is_not_read_for_a_day() {
    let (_database, db, mut record) = empty().await;
    for sql in [
        "INSERT INTO days (restaurant_id, day, ends_at)
         SELECT 7, current_date - n, (extract(epoch FROM current_date + 1 - n) * 1000)::bigint
         FROM generate_series(0, 364) AS n",
        "INSERT INTO tickets (restaurant_id, ref, day, number, line, state, adults, children, channel, checked_in,
             joined_at, calls, delays, overtaken, ahead_at_join, items, total, epoch, rev, at, packed)
         SELECT 7, 'ref' || n, current_date - n % 365, 'A', 'A', 'completed', 2, 0, 'onsite', true, n, 1, 0, 0, 0,
             '[{\"item\": \"item1\", \"name\": \"1\", \"quantity\": 1, \"price\": 1, \"lost\": 0}]', 0, 1, n, n,
             CASE WHEN n % 365 < 3 THEN ''::bytea END
         FROM generate_series(1, 36500) AS n",
        "INSERT INTO stock_movements (restaurant_id, item, epoch, rev, at, name, role)
         SELECT 7, 'item' || n % 5, 1, n, n, 'x', 'staff' FROM generate_series(1, 20000) AS n",
        "INSERT INTO events (partition, seq, aggregate, epoch, rev, at, name, role)
         SELECT 5, n, 'restaurant:7', 1, n, 4102444800000, 'x', 'staff' FROM generate_series(1, 20000) AS n",
        "ANALYZE",
    ] {
        sqlx::query(sql).execute(&mut record.connection).await.expect("right SQL");
    }
    let day = record.texts("SELECT to_char(current_date - 9, 'YYYY-MM-DD')").await.remove(0);
    let day: Day = day.parse().expect("a date");
    let page = history::tickets(&db, HERE, &day, None, 500).await.expect("an answer");
    assert_eq!(page.items.len(), 100);
    let summary = history::day(&db, HERE, &day).await.expect("an answer").expect("the day was");
    assert_eq!(summary.stock.len(), 1);
    assert_eq!(history::days(&db, HERE, None, 5).await.expect("an answer").items.len(), 5);
    let swept = sweep(&db, 3650, |_| {}).await.expect("an answer").expect("nobody else is at it");
    println!("{swept:?}");
    assert!(swept.contact > 0);

    // What a connection has read is counted at the latest when it ends.
    db.close().await;
    for index in ["tickets_by_day", "stock_movements_by_time", "tickets_personal", "days_to_anonymise", "events_pkey"] {
        until(index, async || {
            let used = "SELECT indexrelname::text FROM pg_stat_user_indexes WHERE idx_scan > 0";
            record.texts(used).await.contains(&index.to_owned()).then_some(())
        })
        .await;
    }
    let read_whole = "SELECT relname || ' ' || seq_scan FROM pg_stat_user_tables
                      WHERE seq_scan > 0 AND relname IN ('tickets', 'transitions', 'stock_movements', 'events')";
    assert!(record.texts(read_whole).await.is_empty(), "{:?}", record.texts(read_whole).await);
}
