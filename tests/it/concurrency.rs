//! Many people at once on one restaurant, through the API of two servers. What they saw is judged by rules that are
//! written down here and share nothing with the server.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    harness::{
        app::TestApp,
        until,
        watch::{Heard, Watcher},
    },
    replay::{Shown, rank, stamp, standing, without},
    storm::{RESTAURANT, Storm},
};

const TASKS: usize = 50;
/// At `WAITLESS_TEST_SCALE=1`; 5 is the full size.
const OPERATIONS: usize = 4_000;
const SEED: u64 = 20_261_122;

fn operations() -> usize {
    let scale = std::env::var("WAITLESS_TEST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1);
    OPERATIONS * scale.max(1)
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
    let storm = Arc::new(Storm::on(servers.iter().map(|server| server.url("")).collect(), token).await);
    let stock_before = storm.read(&format!("{RESTAURANT}/queue"), true).await["stock"].clone();

    let mut consoles = Vec::new();
    for server in &servers {
        let url = server.ws(&format!("{RESTAURANT}/console/live"));
        consoles.push(Follower::start(url, Some(&storm.token)).await);
    }
    let mut boards = Vec::new();
    for server in &servers {
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
    let live = |index: usize, id: &str| servers[index % servers.len()].ws(&format!("/v1/tickets/{id}/live"));
    for (index, id) in ids.iter().enumerate() {
        phones.push(Follower::start(live(index, id), None).await);
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
    let (mut ended, mut again) = (0, 0);
    for (index, (id, phone)) in ids.iter().zip(&mut phones).enumerate() {
        // Far back a phone may lag by its interval; a phone whose ticket has ended is closed after the last frame.
        let now = until("the phone shows its ticket", async || {
            let now = storm.read(&format!("/v1/tickets/{id}"), false).await;
            let mut last = phone.last();
            if phone.ends.is_finished() && now["ended"].is_null() {
                // Staff took the end back afterwards: a page that is looked at again connects again.
                assert!(last["ended"].is_object(), "closed before the end: {last}");
                *phone = Follower::start(live(index, id), None).await;
                (last, again) = (phone.last(), again + 1);
            }
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
    println!("tickets by state {states:?}; {} phones watched, {ended} ended, {again} came again", phones.len());
    for follower in consoles.into_iter().chain(boards).chain(phones) {
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
