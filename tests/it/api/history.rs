//! The record over HTTP: what staff are told of tickets and days that were, and what nobody is.

use serde_json::{Value, json};
use waitless::service::keys::Keys;

use super::user::{Shop, id};
use crate::harness::{
    app::TestApp,
    past::{HOUR_MS, Record},
    until,
    wire::{Flow, Wire},
};

/// 2026-11-22, 17:00 in Seoul.
const FIVE: i64 = 1_795_334_400_000;

const DAY: &str = "/v1/restaurants/demo/days/2026-11-22";

/// The demo on a server that writes no record of its own: the rows are the tests'.
async fn open() -> (Shop, Record) {
    let shop = Shop::of(TestApp::start_with(|config| config.worker = false).await).await;
    let record = Record::of_demo(&shop.app.config.database_url).await;
    (shop, record)
}

fn transition(name: &str, epoch: i64, rev: i64, fields: Value) -> Value {
    let mut row = json!({
        "ref": "", "epoch": epoch, "rev": rev, "at": FIVE + rev, "name": name, "state": "waiting", "line": "A",
        "role": "guest",
    });
    for (field, value) in fields.as_object().expect("fields") {
        row[field] = value.clone();
    }
    row
}

#[tokio::test]
async fn a_tickets_life_is_told_by_id_and_by_ref() {
    let (shop, mut record) = open().await;
    shop.another_restaurant().await;
    let (staff, other) = (shop.staff().await, shop.user("other").await);
    let ticket = shop.anon().join().await;
    let name = ticket["ref"].as_str().expect("a ref").to_owned();
    // The row is the test's, the id and its ref are the server's.
    let items = json!([{ "item": "tea", "name": "차", "quantity": 2, "price": 1000, "lost": 1 }]);
    let eta = json!({ "low_s": 60, "high_s": 300, "target": 80, "rough": true });
    let fields = json!({ "items": items, "total": 1000, "eta_at_join": eta, "ended_reason": "allergies", "called_at": FIVE + 5 });
    record.ticket(&name, "2026-11-22", FIVE, fields).await;
    let account = record.number("SELECT id FROM accounts WHERE email = 'staff@demo.test'").await;
    for row in [
        transition("ticket.seated", 2, 1, json!({ "role": "owner", "account": 12, "state": "seated" })),
        transition("ticket.joined", 1, 8, json!({ "device": "kiosk-1", "role": "device" })),
        transition(
            "ticket.called",
            1,
            9,
            json!({ "role": "staff", "account": account, "state": "called", "reason": "other" }),
        ),
    ] {
        let mut row = row;
        row["ref"] = json!(name);
        record.insert("transitions", row).await;
    }

    let path = |named: &str| format!("/v1/restaurants/demo/tickets/{named}/history");
    let answer = staff.get(&path(id(&ticket))).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!String::from_utf8_lossy(&answer.bytes).contains(id(&ticket)), "never the ticket id");
    let told = answer.did();
    assert_eq!(staff.get(&path(&name)).await.did(), told, "the same by ref");
    let events: Vec<&str> =
        told["items"].as_array().expect("items").iter().filter_map(|i| i["name"].as_str()).collect();
    assert_eq!(events, ["ticket.joined", "ticket.called", "ticket.seated"], "by epoch, then rev");
    assert_eq!(
        told["items"][0]["by"],
        json!({ "role": "device", "device": "kiosk-1", "account": null, "account_name": null })
    );
    let account_name = &told["items"][1]["by"]["account_name"];
    let by = json!({ "role": "staff", "device": null, "account": account.to_string(), "account_name": account_name });
    assert!(account_name.is_string(), "{account_name}");
    assert_eq!(told["items"][1]["by"], by);
    assert_eq!(told["items"][1]["reason"], "other");
    assert_eq!(told["items"][2]["by"]["account_name"], Value::Null, "an account that is gone");
    let shown = &told["ticket"];
    assert_eq!(
        (&shown["ref"], &shown["name"], &shown["phone_last4"]),
        (&json!(name), &json!("김지은"), &json!("5678"))
    );
    assert_eq!((&shown["erased"], &shown["day"], &shown["total"]), (&json!(false), &json!("2026-11-22"), &json!(1000)));
    assert_eq!((&shown["items"], &shown["eta_at_join"]), (&items, &eta));
    assert_eq!(shown["ended"], json!({ "at": FIVE + 1_800_000, "by": "staff", "reason": "allergies" }));

    // Erased, it still is there.
    sqlx::query("UPDATE tickets SET name = NULL, phone_last4 = NULL, note = NULL, lang = NULL, packed = NULL")
        .execute(&mut record.connection)
        .await
        .expect("right SQL");
    let shown = staff.get(&path(&name)).await.did();
    assert_eq!((&shown["ticket"]["erased"], &shown["ticket"]["name"]), (&json!(true), &Value::Null));
    assert_eq!(shown["ticket"]["number"], "A001");

    // Of another restaurant, or none at all.
    let elsewhere = format!("/v1/restaurants/other/tickets/{}/history", id(&ticket));
    other.get(&elsewhere).await.refused(404, "not_found");
    other.get(&format!("/v1/restaurants/other/tickets/{name}/history")).await.refused(404, "not_found");
    let unknown = "0".repeat(33);
    for named in ["A001", "0000000000000000", "%27", unknown.as_str()] {
        staff.get(&path(named)).await.refused(404, "not_found");
    }
    // A secret of another server would make another ref.
    assert_eq!(Keys::new(&shop.app.config.secret).ticket_ref(&id(&ticket).parse().expect("an id")), name);
}

fn totals(day: &str, line: &str, counts: [i64; 10], waited_ms: i64) -> Value {
    let [parties, guests, remote, waiting, called, seated, completed, cancelled, no_show, seated_guests] = counts;
    json!({
        "day": day, "line": line, "parties": parties, "guests": guests, "remote": remote, "waiting": waiting,
        "called": called, "seated": seated, "completed": completed, "cancelled": cancelled, "no_show": no_show,
        "seated_guests": seated_guests, "waited_ms": waited_ms,
    })
}

#[tokio::test]
async fn days_come_newest_first_a_page_at_a_time() {
    let (shop, mut record) = open().await;
    let staff = shop.staff().await;
    for (index, day) in ["2026-02-01", "2026-02-02", "2026-02-03"].into_iter().enumerate() {
        record.day(day, FIVE + index as i64).await;
    }
    record.insert("day_totals", totals("2026-02-02", "A", [5, 11, 1, 0, 0, 1, 2, 1, 1, 7], 301_000)).await;
    record.insert("day_totals", totals("2026-02-02", "B", [2, 4, 0, 1, 1, 0, 0, 0, 0, 0], 0)).await;
    let mut path = "/v1/restaurants/demo/days?limit=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = staff.get(&path).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let page = answer.did();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
        seen.push(page["items"][0].clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/restaurants/demo/days?limit=1&after={next}");
    }
    let days: Vec<&str> = seen.iter().filter_map(|day| day["day"].as_str()).collect();
    assert_eq!(days, ["2026-02-03", "2026-02-02", "2026-02-01"]);
    assert_eq!(seen[1]["ends_at"], json!(FIVE + 1));
    let expected = json!({
        "parties": 7, "guests": 15, "remote": 1, "waiting": 1, "called": 1, "seated": 1, "completed": 2, "cancelled": 1,
        "no_show": 1, "seated_guests": 7, "wait_mean_s": 100,
    });
    assert_eq!(seen[1]["totals"], expected, "all lines together");
    assert_eq!((&seen[0]["totals"]["parties"], &seen[0]["totals"]["wait_mean_s"]), (&json!(0), &Value::Null));
    assert_eq!(staff.get("/v1/restaurants/demo/days").await.did()["items"].as_array().map(Vec::len), Some(3));
    for (query, wrong) in [
        ("limit=0", "limit range"),
        ("limit=101", "limit range"),
        ("limit=x", "query unknown_or_type"),
        ("before=1", "query unknown_or_type"),
        ("after=2026-2-1", "after format"),
        ("after=", "after format"),
    ] {
        let answer = staff.get(&format!("/v1/restaurants/demo/days?{query}")).await;
        assert_eq!(answer.invalid(), [wrong], "{query}");
        if wrong.starts_with("limit") {
            assert_eq!(staff.get(&format!("{DAY}/tickets?{query}")).await.invalid(), [wrong]);
        }
    }
}

#[tokio::test]
async fn a_day_is_summed_up() {
    let (shop, mut record) = open().await;
    let staff = shop.staff().await;
    record.day("2026-11-22", FIVE + 12 * HOUR_MS).await;
    record.insert("day_totals", totals("2026-11-22", "A", [13, 26, 0, 1, 0, 1, 9, 2, 0, 20], 5_500_000)).await;
    record.insert("day_totals", totals("2026-11-22", "B", [2, 4, 1, 0, 0, 0, 0, 1, 1, 0], 0)).await;
    // Ten waited 100 s, 200 s … 1,000 s.
    for index in 1..=10 {
        let state = if index == 10 { "seated" } else { "completed" };
        let fields = json!({ "state": state, "seated_at": FIVE + index * 100_000 });
        record.ticket(&format!("sat-{index}"), "2026-11-22", FIVE, fields).await;
    }
    // Who was seated and taken back to the line has not waited to the end.
    record.ticket("back", "2026-11-22", FIVE, json!({ "state": "waiting", "seated_at": FIVE + 1 })).await;
    for (name, line, by, reason) in [
        ("gone-1", "A", "guest", None),
        ("gone-2", "A", "owner", Some("day_end")),
        ("gone-3", "B", "timer", Some("day_end")),
    ] {
        let fields =
            json!({ "state": "cancelled", "line": line, "ended_by": by, "ended_reason": reason, "seated_at": null });
        record.ticket(name, "2026-11-22", FIVE, fields).await;
    }
    let missed =
        json!({ "state": "no_show", "line": "B", "ended_by": "timer", "ended_reason": "day_end", "seated_at": null });
    record.ticket("missed", "2026-11-22", FIVE, missed).await;

    let answer = staff.get(DAY).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.did();
    let wait = json!({ "mean_s": 550, "p50_s": 550, "p90_s": 910 });
    let all = json!({
        "parties": 15, "guests": 30, "remote": 1, "waiting": 1, "called": 0, "seated": 1, "completed": 9, "cancelled": 3,
        "no_show": 1, "seated_guests": 20, "wait": wait, "cancelled_by": { "guest": 1, "staff": 1, "day_end": 1 },
    });
    assert_eq!((&told["day"], &told["ends_at"]), (&json!("2026-11-22"), &json!(FIVE + 12 * HOUR_MS)));
    assert_eq!(told["totals"], all);
    let lines = told["lines"].as_array().expect("lines");
    assert_eq!((&lines[0]["line"], &lines[0]["wait"]), (&json!("A"), &wait));
    assert_eq!(lines[0]["cancelled_by"], json!({ "guest": 1, "staff": 1, "day_end": 0 }));
    assert_eq!((&lines[1]["line"], &lines[1]["wait"], &lines[1]["parties"]), (&json!("B"), &Value::Null, &json!(2)));
    assert_eq!(lines.len(), 2);
    for day in ["2026-11-21", "2026-11-23", "today", "2026-02-30", "2026-11-22x", "0000-01-01"] {
        for rest in ["", "/tickets", "/tickets.csv"] {
            let path = format!("/v1/restaurants/demo/days/{day}{rest}");
            staff.get(&path).await.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_days_tickets_are_listed() {
    let (shop, mut record) = open().await;
    let staff = shop.staff().await;
    record.day("2026-11-22", FIVE + 12 * HOUR_MS).await;
    for index in 0..5 {
        record.ticket(&format!("{index:016}"), "2026-11-22", FIVE + index / 2, json!({})).await;
    }
    let (mut path, mut seen) = (format!("{DAY}/tickets?limit=2"), Vec::new());
    loop {
        let answer = staff.get(&path).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let page = answer.did();
        seen.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{DAY}/tickets?limit=2&after={next}");
    }
    let refs: Vec<String> = seen.iter().map(|ticket| ticket["ref"].as_str().expect("a ref").to_owned()).collect();
    assert_eq!(refs, (0..5).map(|index| format!("{index:016}")).collect::<Vec<_>>());
    let by_ref = staff.get(&format!("/v1/restaurants/demo/tickets/{}/history", refs[3])).await.did();
    assert_eq!(by_ref["ticket"], seen[3], "the same ticket, and lists lead to lives");
    assert_eq!(by_ref["items"], json!([]));
    let wrong = staff.get(&format!("{DAY}/tickets?after=nonsense")).await;
    assert_eq!(wrong.invalid(), ["after format"]);
}

#[tokio::test]
async fn a_day_is_a_spreadsheet() {
    let (shop, mut record) = open().await;
    let staff = shop.staff().await;
    record.day("2026-11-22", FIVE + 12 * HOUR_MS).await;
    let first = json!({
        "number": "A007", "children": 1, "name": "=HYPERLINK(\"http://x\",\"y\")", "note": "창가, \"조용히\"\n둘",
        "called_at": FIVE + 61_000, "seated_at": FIVE + 125_999, "total": 18000, "calls": 2, "delays": 1, "overtaken": 3,
    });
    record.ticket("0000000000000001", "2026-11-22", FIVE, first).await;
    let missed = json!({
        "number": "B001", "line": "B", "state": "no_show", "channel": "remote", "name": null, "phone_last4": null,
        "note": null, "missed_at": FIVE + 7_000, "seated_at": null, "ended_at": null, "ended_by": null, "packed": null,
        "lang": null,
    });
    record.ticket("0000000000000002", "2026-11-22", FIVE + 1_000, missed).await;
    let answer = staff.get(&format!("{DAY}/tickets.csv")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"demo-2026-11-22.csv\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    let expected = "\u{feff}number,line,state,adults,children,channel,name,phone_last4,note,joined,called,seated,ended,\
                    ended_by,reason,waited_s,calls,delays,overtaken,total,ref\r\n\
                    A007,A,completed,2,1,onsite,\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",5678,\
                    \"창가, \"\"조용히\"\"\n둘\",2026-11-22T17:00:00+09:00,2026-11-22T17:01:01+09:00,\
                    2026-11-22T17:02:05+09:00,2026-11-22T17:30:00+09:00,staff,,125,2,1,3,18000,0000000000000001\r\n\
                    B001,B,no_show,2,0,remote,,,,2026-11-22T17:00:01+09:00,,,2026-11-22T17:00:07+09:00,,,,1,0,0,0,\
                    0000000000000002\r\n";
    assert_eq!(String::from_utf8(answer.bytes).expect("UTF-8"), expected);
}

/// A day of so many tickets, with a note of half a thousand characters each.
async fn large_day(record: &mut Record, tickets: i64) {
    record.day("2026-11-22", FIVE + 12 * HOUR_MS).await;
    let many = "INSERT INTO tickets (restaurant_id, ref, day, number, line, state, adults, children, channel, checked_in,
                    note, joined_at, calls, delays, overtaken, ahead_at_join, total, epoch, rev, at)
                SELECT $1, 'ref' || n, '2026-11-22', 'A' || n, 'A', 'completed', 2, 0, 'onsite', true, repeat('n', 500), n / 3,
                    1, 0, 0, 0, 0, 1, n, n FROM generate_series(1, $2) AS n";
    let inserted = sqlx::query(many).bind(record.restaurant).bind(tickets).execute(&mut record.connection).await;
    inserted.expect("right SQL");
}

#[tokio::test]
async fn a_large_spreadsheet_has_every_ticket_once() {
    let (shop, mut record) = open().await;
    let staff = shop.staff().await;
    // Three pages, the last one full.
    large_day(&mut record, 1_500).await;
    let answer = staff.get(&format!("{DAY}/tickets.csv")).await;
    let text = String::from_utf8(answer.bytes).expect("UTF-8");
    let mut refs: Vec<&str> = text.lines().skip(1).filter_map(|row| row.rsplit(',').next()).collect();
    assert_eq!(text.lines().filter(|row| row.contains("number,line")).count(), 1, "one header");
    assert_eq!(refs.len(), 1_500);
    refs.sort_unstable();
    refs.dedup();
    assert_eq!(refs.len(), 1_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spreadsheet_that_breaks_off_does_not_look_complete() {
    let (shop, wire) = by_way_of_a_wire().await;
    let mut record = Record::of_demo(&shop.app.config.database_url).await;
    // More than fits into the buffers between server and client.
    large_day(&mut record, 40_000).await;
    let staff = shop.staff().await;
    let mut answer = staff.request("GET", &format!("{DAY}/tickets.csv")).send().await.expect("it begins");
    assert_eq!(answer.status(), 200);
    let mut read = answer.chunk().await.expect("the first page").expect("a chunk").len();
    wire.set(Flow::Gone);
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Err(error) => break error,
            Ok(None) => panic!("it ended as if {read} bytes were all"),
        }
    };
    assert!(read < 40_000 * 500, "{read} bytes came before {broken}");
}

#[tokio::test]
async fn without_postgresql_the_record_is_unavailable_and_the_line_is_not() {
    let (shop, wire) = by_way_of_a_wire().await;
    let (staff, anon) = (shop.staff().await, shop.anon());
    let ticket = anon.join().await;
    wire.set(Flow::Gone);
    let life = format!("/v1/restaurants/demo/tickets/{}/history", id(&ticket));
    let day = |rest: &str| format!("{DAY}{rest}");
    let days = "/v1/restaurants/demo/days".to_owned();
    for path in [&life, &days, &day(""), &day("/tickets"), &day("/tickets.csv")] {
        let answer = staff.get(path).await;
        assert_eq!(answer.header("retry-after"), "1", "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        answer.refused(503, "unavailable");
    }
    anon.join().await;
    wire.set(Flow::Open);
    until("it is told again", async || (staff.get(&days).await.status == 200).then_some(())).await;
}

/// A shop whose server reaches PostgreSQL by way of a wire.
async fn by_way_of_a_wire() -> (Shop, Wire) {
    let mut wire = None;
    let app = TestApp::start_with(|config| {
        config.worker = false;
        let (given, url) = Wire::to_secret(&config.database_url, Flow::Open);
        (config.database_url, wire) = (url, Some(given));
    })
    .await;
    (Shop::of(app).await, wire.expect("it was made"))
}
