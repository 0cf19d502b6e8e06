//! Many people at once on one restaurant, through the API of two servers. What they saw is judged by rules that are
//! written down here and share nothing with the server.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    harness::{
        app::TestApp,
        until,
        watch::{Heard, Watcher},
    },
    replay::{Shown, rank, stamp, standing, without},
};

const TASKS: usize = 50;
/// At `WAITLESS_TEST_SCALE=1`; 5 is the full size.
const OPERATIONS: usize = 4_000;
const SEED: u64 = 20_261_122;
const RESTAURANT: &str = "/v1/restaurants/demo";

/// What all tasks know.
struct Storm {
    servers: Vec<TestApp>,
    token: String,
    /// Counted items that are ordered; the last counted one is only set.
    ordered: Vec<String>,
    only_set: String,
    tickets: Mutex<Vec<(String, String, String)>>,
    joined: Mutex<Vec<Value>>,
    adjusted: Mutex<HashMap<String, i64>>,
    counts: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
}

fn operations() -> usize {
    let scale = std::env::var("WAITLESS_TEST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1);
    OPERATIONS * scale.max(1)
}

struct Request {
    name: &'static str,
    method: reqwest::Method,
    path: String,
    body: Option<Value>,
    staff: bool,
}

impl Storm {
    async fn send(&self, random: &mut StdRng, request: &Request) -> (u16, Value) {
        let server = &self.servers[random.random_range(0..self.servers.len())];
        let mut call = server.http.request(request.method.clone(), server.url(&request.path));
        if request.staff {
            call = call.bearer_auth(&self.token);
        }
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        let answer = call.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        let outcome = if status < 300 { "ok".to_owned() } else { body["code"].as_str().unwrap_or("?").to_owned() };
        assert!(status < 500, "{} {}: {status} {body}", request.name, request.path);
        *self
            .counts
            .lock()
            .expect("no task has panicked")
            .entry(request.name.to_owned())
            .or_default()
            .entry(outcome)
            .or_default() += 1;
        (status, body)
    }

    fn some_ticket(&self, random: &mut StdRng) -> Option<(String, String, String)> {
        let tickets = self.tickets.lock().expect("no task has panicked");
        // Mostly one of the last: the others have ended.
        let from = if random.random_bool(0.8) { tickets.len().saturating_sub(40) } else { 0 };
        (!tickets.is_empty()).then(|| tickets[random.random_range(from..tickets.len())].clone())
    }

    /// One random operation.
    async fn operate(&self, random: &mut StdRng) {
        let line = if random.random_bool(0.6) { "A" } else { "B" };
        let request = |name, method, path: String, body, staff| Request { name, method, path, body, staff };
        let (get, post) = (reqwest::Method::GET, reqwest::Method::POST);
        let roll = random.random_range(0..100);
        if roll < 26 {
            let staff = random.random_bool(0.3);
            let mut body = json!({
                "line": line,
                "adults": random.random_range(1..=if staff { 12 } else { 9 }),
                "channel": if random.random_bool(0.5) { "onsite" } else { "remote" },
            });
            if random.random_bool(0.5) {
                let mut items = Vec::new();
                for item in &self.ordered {
                    if random.random_bool(0.5) {
                        items.push(json!({ "item": item, "quantity": random.random_range(1..=3) }));
                    }
                }
                body["items"] = json!(items);
                body["if_sold_out"] = json!(if random.random_bool(0.5) { "drop" } else { "refuse" });
            }
            if random.random_bool(0.3) {
                body["phone"] = json!(format!("0101234{:04}", random.random_range(0..200)));
            }
            let (status, ticket) =
                self.send(random, &request("join", post, format!("{RESTAURANT}/tickets"), Some(body), staff)).await;
            if status == 201 {
                let text = |name: &str| ticket[name].as_str().expect("a text").to_owned();
                self.tickets.lock().expect("no task has panicked").push((text("id"), text("number"), text("code")));
                self.joined.lock().expect("no task has panicked").push(ticket);
            }
            return;
        }
        if roll < 40 {
            let range =
                random.random_bool(0.3).then(|| json!({ "party_min": 1, "party_max": random.random_range(1..=4) }));
            let path = format!("{RESTAURANT}/lines/{line}/call-next");
            self.send(random, &request("call-next", post, path, Some(range.unwrap_or(json!({}))), true)).await;
            return;
        }
        if roll < 45 {
            self.operate_shop(random, line).await;
            return;
        }
        let Some((id, number, code)) = self.some_ticket(random) else { return };
        let staffs = |act: &str| format!("{RESTAURANT}/tickets/{id}/{act}");
        let guests = |act: &str| format!("/v1/tickets/{id}/{act}");
        let request = match random.random_range(0..20) {
            0 => request("call", post, staffs("call"), Some(json!({ "reason": "accessibility" })), true),
            1 => request("call", post, staffs("call"), Some(json!({})), true),
            2 => request("recall", post, staffs("recall"), None, true),
            3..=5 => request("seat", post, staffs("seat"), None, true),
            6 | 7 => request("complete", post, staffs("complete"), None, true),
            8 => request("no-show", post, staffs("no-show"), None, true),
            9 => request(
                "put-back",
                post,
                staffs("put-back"),
                Some(json!({ "places": random.random_range(0..4) })),
                true,
            ),
            10 => {
                request("restore", post, staffs("restore"), Some(json!({ "places": random.random_range(0..3) })), true)
            }
            11 => request("undo", post, staffs("undo"), None, true),
            12 => request("cancel", post, staffs("cancel"), Some(json!({ "reason": "left" })), true),
            13 => request("guest cancel", reqwest::Method::DELETE, format!("/v1/tickets/{id}"), None, false),
            14 => request("delay", post, guests("delay"), Some(json!({ "places": random.random_range(1..4) })), false),
            15 => request("check-in", post, guests("check-in"), None, false),
            16 => request("rejoin", post, guests("rejoin"), None, false),
            17 => request("guest undo", post, guests("undo"), None, false),
            18 => {
                let body = json!({ "adults": random.random_range(1..=5), "line": line, "note": "창가" });
                request("edit", reqwest::Method::PATCH, format!("{RESTAURANT}/tickets/{id}"), Some(body), true)
            }
            _ if random.random_bool(0.5) => request("ticket", get, format!("/v1/tickets/{id}"), None, false),
            _ => {
                let code = if random.random_bool(0.7) { code } else { "0000".to_owned() };
                let body = json!({ "number": number, "code": code });
                request("find", post, format!("{RESTAURANT}/tickets/find"), Some(body), false)
            }
        };
        self.send(random, &request).await;
    }

    /// One random operation on restaurant, line or stock.
    async fn operate_shop(&self, random: &mut StdRng, line: &str) {
        let (method, name, path, body) = match random.random_range(0..10) {
            0 => {
                let state = ["paused", "direct", "closed"][random.random_range(0..3)];
                (reqwest::Method::PUT, "state", format!("{RESTAURANT}/state"), json!({ "state": state }))
            }
            1 => {
                let state = ["paused", "direct", "closed"][random.random_range(0..3)];
                (
                    reqwest::Method::PUT,
                    "line state",
                    format!("{RESTAURANT}/lines/{line}/state"),
                    json!({ "state": state }),
                )
            }
            2 => (
                reqwest::Method::PUT,
                "announcement",
                format!("{RESTAURANT}/announcement"),
                json!({ "text": "곧 엽니다" }),
            ),
            3 | 4 => {
                let left = random.random_bool(0.8).then(|| random.random_range(0..90));
                (
                    reqwest::Method::PUT,
                    "stock",
                    format!("{RESTAURANT}/stock/{}", self.only_set),
                    json!({ "left": left }),
                )
            }
            _ => {
                let item = self.ordered[random.random_range(0..self.ordered.len())].clone();
                let by = random.random_range(-30..40);
                let path = format!("{RESTAURANT}/stock/{item}/adjust");
                let request = Request {
                    name: "adjust",
                    method: reqwest::Method::POST,
                    path,
                    body: Some(json!({ "by": by })),
                    staff: true,
                };
                if self.send(random, &request).await.0 == 200 {
                    *self.adjusted.lock().expect("no task has panicked").entry(item).or_default() += by;
                }
                return;
            }
        };
        self.send(random, &Request { name, method, path: path.clone(), body: Some(body), staff: true }).await;
        if name.ends_with("state") {
            let open = Some(json!({ "state": "open" }));
            self.send(random, &Request { name, method: reqwest::Method::PUT, path, body: open, staff: true }).await;
        }
    }

    async fn read(&self, path: &str, staff: bool) -> Value {
        let request = Request { name: "read", method: reqwest::Method::GET, path: path.to_owned(), body: None, staff };
        let (status, body) = self.send(&mut StdRng::seed_from_u64(0), &request).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

/// Keeps the last frame of a watcher, and every frame of a console.
struct Follower {
    frames: Arc<Mutex<Vec<Value>>>,
    ends: tokio::task::JoinHandle<()>,
}

impl Follower {
    async fn start(url: String, token: Option<&str>) -> Self {
        let mut watcher = Watcher::connect(&url, token).await.expect("the watcher connects");
        let frames = Arc::new(Mutex::new(vec![watcher.frame().await]));
        let kept = Arc::clone(&frames);
        let ends = tokio::spawn(async move {
            while let Heard::Frame(frame) = watcher.next().await {
                kept.lock().expect("no task has panicked").push(frame);
            }
        });
        Self { frames, ends }
    }

    fn last(&self) -> Value {
        self.frames.lock().expect("no task has panicked").last().expect("a first frame").clone()
    }

    fn stamp(&self) -> (i64, i64) {
        stamp(&self.last())
    }
}

/// What a console shows at the end, and the events of deltas that follow each other; a new list begins where a whole
/// queue was sent.
fn replay(frames: &[Value]) -> (Value, Vec<Vec<Value>>) {
    let mut shown = Shown::default();
    let mut lists = Vec::new();
    for frame in frames {
        shown.take(frame).unwrap_or_else(|problem| panic!("{problem}"));
        if frame["type"] == "queue" {
            lists.push(Vec::new());
        } else {
            let events = frame["events"].as_array().expect("events");
            lists.last_mut().expect("a queue comes first").extend(events.iter().cloned());
        }
    }
    (shown.frame.expect("a first frame"), lists)
}

fn check_numbers(joined: &[Value]) {
    let mut by_line: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    for ticket in joined {
        let number = ticket["number"].as_str().expect("a number");
        let (letter, digits) = number.split_at(1);
        by_line
            .entry(letter.to_owned())
            .or_default()
            .push((ticket["rev"].as_i64().expect("a rev"), digits.parse().expect("digits")));
    }
    for (letter, mut numbers) in by_line {
        numbers.sort_unstable();
        let in_join_order: Vec<u64> = numbers.iter().map(|(_, number)| *number).collect();
        let expected: Vec<u64> = (1..=in_join_order.len() as u64).collect();
        assert_eq!(in_join_order, expected, "numbers of line {letter} follow the joins, each once");
    }
}

fn check_calls(events: &[Value]) -> usize {
    let mut called: BTreeSet<&str> = BTreeSet::new();
    let mut calls = 0;
    for event in events {
        let Some(ticket) = event["ticket"].as_str() else { continue };
        match event["name"].as_str().expect("a name") {
            "ticket.called" => {
                assert!(called.insert(ticket), "a ticket is called twice without recall, put_back or undo between");
                calls += 1;
            }
            "ticket.put_back" | "ticket.undone" | "ticket.recalled" | "ticket.restored" => drop(called.remove(ticket)),
            _ => {}
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_people_do_everything_at_once() {
    let first = TestApp::start().await;
    let token = first.token("staff").await;
    let servers = vec![first.sibling().await, first];
    let menu: Value = reqwest::get(servers[0].url(&format!("{RESTAURANT}/menu"))).await.unwrap().json().await.unwrap();
    let mut ordered: Vec<String> = menu["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|item| !item["left"].is_null())
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect();
    let only_set = ordered.pop().expect("three counted items");
    let storm = Arc::new(Storm {
        servers,
        token,
        ordered,
        only_set,
        tickets: Mutex::default(),
        joined: Mutex::default(),
        adjusted: Mutex::default(),
        counts: Mutex::default(),
    });
    let stock_before = storm.read(&format!("{RESTAURANT}/queue"), true).await["stock"].clone();

    let mut consoles = Vec::new();
    for server in &storm.servers {
        let url = server.ws(&format!("{RESTAURANT}/console/live"));
        consoles.push(Follower::start(url, Some(&storm.token)).await);
    }
    let mut boards = Vec::new();
    for server in &storm.servers {
        boards.push(Follower::start(server.ws(&format!("{RESTAURANT}/board/live")), None).await);
    }

    let began = std::time::Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let storm = Arc::clone(&storm);
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(SEED + task as u64);
                for _ in 0..operations() / TASKS {
                    storm.operate(&mut random).await;
                }
            })
        })
        .collect();
    // Phones of some of the first tickets watch while it goes on.
    let ids: Vec<String> = until("fifty tickets", async || {
        let tickets = storm.tickets.lock().expect("no task has panicked");
        (tickets.len() >= 50).then(|| tickets.iter().step_by(5).map(|ticket| ticket.0.clone()).collect())
    })
    .await;
    let mut phones = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let server = &storm.servers[index % storm.servers.len()];
        phones.push((id, Follower::start(server.ws(&format!("/v1/tickets/{id}/live")), None).await));
    }
    for task in tasks {
        task.await.expect("no task fails");
    }
    let seconds = began.elapsed().as_secs_f64();

    // The last command of the other server may still be on its way to the one that is read.
    let (mut queue, board) = until("queue and board agree", async || {
        let queue = storm.read(&format!("{RESTAURANT}/queue"), true).await;
        let board = storm.read(&format!("{RESTAURANT}/board"), false).await;
        let last = storm.joined.lock().expect("no task has panicked").iter().map(stamp).max();
        (stamp(&queue) == stamp(&board) && last <= Some(stamp(&queue))).then_some((queue, board))
    })
    .await;
    let end = stamp(&queue);
    for follower in consoles.iter().chain(&boards) {
        until("every screen has the last change", async || (follower.stamp() == end).then_some(())).await;
    }

    for console in &consoles {
        let frames = console.frames.lock().expect("no task has panicked").clone();
        let (mut replayed, lists) = replay(&frames);
        rank(&mut replayed);
        rank(&mut queue);
        for part in ["lines", "stock"] {
            assert_eq!(replayed[part], queue[part], "deltas replayed equal the queue: {part}");
        }
        let now = frames.last().expect("a frame")["at"].as_i64().max(queue["at"].as_i64()).expect("a time");
        assert_eq!(standing(&replayed, now), standing(&queue, now), "deltas replayed equal the queue: tickets");
        let (mut calls, mut seen) = (0, 0);
        for events in &lists {
            calls += check_calls(events);
            seen += events.len();
        }
        assert!(calls > 100 && seen * 8 > operations(), "{calls} calls among {seen} events were followed");
        let deltas = frames.iter().filter(|frame| frame["type"] == "delta").count();
        println!(
            "a console: {deltas} deltas with {seen} events, {calls} of them calls; {} whole queues",
            frames.len() - deltas
        );
    }
    for follower in &boards {
        assert_eq!(
            without(follower.last(), &["at", "join_url"]),
            without(board.clone(), &["at", "join_url"]),
            "boards show the snapshot"
        );
    }
    let mut ended = 0;
    for (id, phone) in &phones {
        // Far back a phone may lag by its interval; a phone whose ticket has ended is closed after the last frame.
        let now = until("the phone shows its ticket", async || {
            let now = storm.read(&format!("/v1/tickets/{id}"), false).await;
            let last = phone.last();
            let same = ["state", "ahead", "number", "calls", "adults", "line", "total"]
                .iter()
                .all(|name| last[*name] == now[*name]);
            same.then_some(now)
        })
        .await;
        ended += usize::from(!now["ended"].is_null());
    }

    let joined = storm.joined.lock().expect("no task has panicked").clone();
    check_numbers(&joined);
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    let mut taken: HashMap<String, i64> = HashMap::new();
    for ticket in &joined {
        let now = storm.read(&format!("/v1/tickets/{}", ticket["id"].as_str().expect("an id")), false).await;
        let state = now["state"].as_str().expect("a state").to_owned();
        let rows = queue["tickets"].as_array().expect("tickets").iter().filter(|row| row["id"] == ticket["id"]);
        let rows: Vec<&Value> = rows.collect();
        assert!(rows.len() <= 1 && rows.iter().all(|row| row["state"] == state), "one ticket, one state");
        assert!(!rows.is_empty() || state == "cancelled" || state == "completed", "{state} is in the queue");
        if state != "cancelled" {
            for item in now["items"].as_array().expect("items") {
                let units = item["quantity"].as_i64().expect("units") - item["lost"].as_i64().expect("lost");
                *taken.entry(item["item"].as_str().expect("an id").to_owned()).or_default() += units;
            }
        }
        *states.entry(state).or_default() += 1;
    }
    for item in &storm.ordered {
        let ledger = stock_before[item].as_i64().expect("counted")
            + storm.adjusted.lock().expect("no task has panicked").get(item).unwrap_or(&0);
        let left = queue["stock"][item].as_i64().expect("counted");
        assert_eq!(left + taken.get(item).unwrap_or(&0), ledger, "stock of {item} is conserved to the unit");
    }

    println!("{} operations by {TASKS} tasks on two servers in {seconds:.1} s, rev {}", operations(), end.1);
    for (operation, outcomes) in storm.counts.lock().expect("no task has panicked").iter() {
        println!("{operation:>14} {outcomes:?}");
    }
    println!("tickets by state {states:?}; {} phones watched, {ended} of them ended", phones.len());
    for follower in consoles.into_iter().chain(boards).chain(phones.into_iter().map(|(_, phone)| phone)) {
        follower.ends.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_who_call_next_at_once_call_three() {
    let here = TestApp::start().await;
    let there = here.sibling().await;
    let token = here.token("staff").await;
    let mut joined = BTreeSet::new();
    for _ in 0..4 {
        let body = json!({ "line": "A", "adults": 2, "channel": "onsite" });
        let answer = here.http.post(here.url(&format!("{RESTAURANT}/tickets"))).json(&body).send().await;
        let ticket: Value = answer.expect("an answer").json().await.expect("JSON");
        joined.insert(ticket["id"].as_str().expect("an id").to_owned());
    }
    let call = async |server: &TestApp, key: &str| {
        let url = server.url(&format!("{RESTAURANT}/lines/A/call-next"));
        let request = server.http.post(url).bearer_auth(&token).header("idempotency-key", key).json(&json!({}));
        let answer = request.send().await.expect("an answer");
        let replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), replayed, answer.text().await.expect("a body"))
    };
    let keys = ["three-staff-devices-1", "three-staff-devices-2", "three-staff-devices-3"];
    let answers = tokio::join!(call(&here, keys[0]), call(&there, keys[1]), call(&here, keys[2]));
    let id = |answer: &(u16, bool, String)| {
        assert_eq!((answer.0, answer.1), (200, false), "{}", answer.2);
        let body: Value = serde_json::from_str(&answer.2).expect("JSON");
        body["ticket"]["id"].as_str().expect("an id").to_owned()
    };
    let called = BTreeSet::from([id(&answers.0), id(&answers.1), id(&answers.2)]);
    assert!(called.len() == 3 && called.is_subset(&joined), "three calls, three tickets");
    let again = call(&there, keys[0]).await;
    assert_eq!(again, (200, true, answers.0.2), "a retry with its key gives the same, byte for byte");
    println!("three calls at once called {} tickets; the retry was replayed", called.len());
}
