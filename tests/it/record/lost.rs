//! Redis is emptied in the middle of an evening: the line is rebuilt from the record, and nobody's number is given to
//! somebody else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{
    scale,
    stage::Stage,
    whole::{equals_the_live_state, recorded},
};
use crate::{
    faults::report::Report,
    harness::{
        until,
        watch::{Heard, Watcher},
    },
    replay::{rank, standing},
    storm::{RESTAURANT, Storm},
};

/// What a phone shows of its place.
fn place(ticket: &Value) -> Value {
    let fields =
        ["number", "state", "ahead", "order", "line", "adults", "called_at", "grace_until", "delays_left", "items"];
    fields.iter().map(|field| ticket[*field].clone()).collect()
}

/// A phone that stays open as a page does: it comes back whenever it is cut off.
struct Phone {
    id: String,
    shown: Arc<Mutex<Vec<Value>>>,
    ends: tokio::task::JoinHandle<()>,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.ends.abort();
    }
}

impl Phone {
    fn open(base: &str, id: &str) -> Self {
        let url = format!("{}/v1/tickets/{id}/live", base.replace("http", "ws"));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&shown);
        let ends = tokio::spawn(async move {
            loop {
                let Ok(mut watcher) = Watcher::connect(&url, None).await else {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                };
                while let Heard::Frame(frame) = watcher.next().await {
                    kept.lock().expect("nobody panicked").push(frame);
                }
            }
        });
        Self { id: id.to_owned(), shown, ends }
    }

    fn last(&self) -> Option<Value> {
        let shown = self.shown.lock().expect("nobody panicked");
        shown.iter().rev().find(|frame| frame["type"] == "ticket").cloned()
    }

    /// Every frame about its ticket from the n-th on.
    fn since(&self, n: usize) -> Vec<Value> {
        let shown = self.shown.lock().expect("nobody panicked");
        shown.iter().skip(n).filter(|frame| frame["type"] == "ticket").cloned().collect()
    }
}

struct Evening {
    stage: Stage,
    people: Arc<Storm>,
    http: reqwest::Client,
}

impl Evening {
    /// `recording`: the server records, too.
    async fn begin(recording: bool) -> Self {
        let stage = Stage::set(recording).await;
        let people = stage.people().await;
        Self { stage, people, http: reqwest::Client::new() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.stage.dev.url)
    }

    async fn join(&self, body: &Value, key: &str) -> (u16, Value) {
        let request = self.http.post(self.url(&format!("{RESTAURANT}/tickets"))).header("idempotency-key", key);
        let answer = request.json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn staff(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(self.url(path)).bearer_auth(&self.stage.token).json(&body);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// What a page is told that asks again while the line is being restored.
    async fn ticket(&self, id: &str) -> (u16, Value) {
        until("a definite answer", async || {
            let answer = self.http.get(self.url(&format!("/v1/tickets/{id}"))).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let body = answer.json().await.unwrap_or_default();
            (status != 503).then_some((status, body))
        })
        .await
    }

    async fn queue(&self) -> Value {
        let mut queue = self.people.read(&format!("{RESTAURANT}/queue"), true).await;
        rank(&mut queue);
        queue
    }

    async fn open_again(&self, epoch: i64) {
        until("the line is open again", async || {
            let request = self.http.get(self.url(&format!("{RESTAURANT}/queue"))).bearer_auth(&self.stage.token);
            let answer = request.send().await.ok()?;
            let queue: Value = answer.json().await.ok()?;
            (queue["epoch"].as_i64()? > epoch).then_some(())
        })
        .await;
    }

    async fn empty_redis(&self) {
        let client = redis::Client::open(self.stage.dev.private_url("redis")).expect("a URL");
        let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
        redis::cmd("FLUSHALL").exec_async(&mut redis).await.expect("emptied");
    }
}

fn party(index: usize) -> Value {
    let mut party = json!({
        "line": if index.is_multiple_of(4) { "B" } else { "A" },
        "adults": 1 + index % 4,
        "channel": if index.is_multiple_of(3) { "remote" } else { "onsite" },
    });
    if index.is_multiple_of(10) {
        party["phone"] = json!(format!("010{:08}", 50_000_000 + index));
    }
    party
}

fn key(index: usize) -> String {
    format!("a key of the evening that nobody guesses {index:06}").replace(' ', "-")
}

fn number_of(ticket: &Value) -> (String, u64) {
    let number = ticket["number"].as_str().expect("a number");
    (number[..1].to_owned(), number[1..].parse().expect("digits"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_12_what_was_wiped_is_rebuilt_and_three_hundred_parties_keep_their_places() {
    let mut report = Report::of("record_emptied");
    let evening = Evening::begin(true).await;
    let joins = stream::iter(0..320).map(|index| {
        let evening = &evening;
        async move { evening.join(&party(index), &key(index)).await }
    });
    let answers: Vec<(u16, Value)> = joins.buffered(8).collect().await;
    assert!(answers.iter().all(|(status, _)| *status == 201), "everybody got a number");
    let joined: Vec<Value> = answers.into_iter().map(|(_, ticket)| ticket).collect();
    // Some things happen: 20 are called, of them some sit, some are missed, some went back; stock was ordered.
    for index in 0..20 {
        let called = evening.staff(&format!("{RESTAURANT}/lines/A/call-next"), json!({})).await;
        let id = called["ticket"]["id"].as_str().expect("an id").to_owned();
        match ["seat", "no-show", "put-back", ""][index % 4] {
            "" => {}
            act => drop(evening.staff(&format!("{RESTAURANT}/tickets/{id}/{act}"), json!({})).await),
        }
    }
    let with_order = json!({
        "line": "A", "adults": 2, "channel": "onsite", "items": [{ "item": evening.people.ordered[0], "quantity": 3 }],
    });
    let (status, orders) = evening.join(&with_order, &key(9_999)).await;
    assert_eq!(status, 201, "{orders}");

    let before = evening.queue().await;
    let ids: Vec<String> =
        joined.iter().chain([&orders]).map(|ticket| ticket["id"].as_str().expect("an id").to_owned()).collect();
    let mut places = BTreeMap::new();
    for id in &ids {
        places.insert(id.clone(), place(&evening.ticket(id).await.1));
    }
    let phones: Vec<Phone> = ids.iter().step_by(5).map(|id| Phone::open(&evening.stage.dev.url, id)).collect();
    for phone in &phones {
        until("a phone shows its place", async || {
            phone.last().filter(|shown| place(shown) == places[&phone.id]).map(drop)
        })
        .await;
    }
    let waiting = before["tickets"].as_array().expect("tickets").iter().filter(|ticket| ticket["state"] == "waiting");
    let waiting = waiting.count();
    assert!(waiting >= 300, "{waiting} wait");
    let mut database = evening.stage.database().await;
    let last = (before["epoch"].as_i64().expect("an epoch"), before["rev"].as_i64().expect("a rev"));
    until("everything is recorded", async || (recorded(&mut database).await == last).then_some(())).await;

    evening.empty_redis().await;
    let emptied = Instant::now();
    // Nobody asks: it is noticed all the same.
    let since: Vec<usize> = phones.iter().map(|phone| phone.shown.lock().expect("nobody panicked").len()).collect();
    let client = redis::Client::open(evening.stage.dev.private_url("redis")).expect("a URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
    until("the restaurant is back in Redis", async || {
        let found: Vec<String> = redis::cmd("KEYS").arg("*:order").query_async(&mut redis).await.expect("KEYS");
        (!found.is_empty()).then_some(())
    })
    .await;
    report.worst("rebuilt_after_s", emptied.elapsed().as_secs_f64());
    for (phone, since) in phones.iter().zip(since) {
        for shown in phone.since(since) {
            assert_eq!(place(&shown), places[&phone.id], "it shows the same place all the time");
        }
    }
    report.worst("phones_right_after_s", emptied.elapsed().as_secs_f64());
    let after = evening.queue().await;
    let now = after["at"].as_i64().expect("a time");
    assert_eq!(standing(&before, now), standing(&after, now), "everybody stands where they stood");
    assert_eq!(before["stock"], after["stock"]);
    for (id, before) in &places {
        let (status, ticket) = evening.ticket(id).await;
        assert_eq!((status, &place(&ticket)), (200, before));
    }
    // What was answered is answered again, what was held is held, and what is given now was never given.
    for index in [0, 7, 200] {
        let (status, again) = evening.join(&party(index), &key(index)).await;
        assert_eq!((status, &again["id"]), (201, &joined[index]["id"]), "a retry finds its ticket");
    }
    let (status, refused) = evening.join(&party(200), &key(77_777)).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("already_waiting")), "that phone waits");
    let given: BTreeSet<(String, u64)> = joined.iter().chain([&orders]).map(number_of).collect();
    for index in 1..4 {
        let (status, new) = evening.join(&party(index), &key(80_000 + index)).await;
        assert_eq!(status, 201, "{new}");
        let (letter, number) = number_of(&new);
        let highest = given.iter().filter(|(of, _)| *of == letter).map(|(_, number)| *number).max();
        assert!(highest.is_some_and(|highest| number > highest), "{letter}{number} is new");
        assert_eq!(new["ahead"], json!(lengths(&evening.queue().await, &letter) - 1), "and last");
    }
    let next = evening.staff(&format!("{RESTAURANT}/lines/B/call-next"), json!({})).await;
    let first = before["tickets"].as_array().expect("tickets").iter();
    let first = first.filter(|ticket| ticket["line"] == "B" && ticket["ahead"] == 0).map(|ticket| &ticket["id"]).next();
    assert_eq!(Some(&next["ticket"]["id"]), first, "the first is the first");
    for phone in phones.iter().filter(|phone| places[&phone.id][4] == "B" && places[&phone.id][2].as_i64() > Some(0)) {
        let ahead = places[&phone.id][2].as_i64().expect("it waits") - 1;
        until("a phone moves up", async || (phone.last()?["ahead"] == ahead).then_some(())).await;
    }
    report.figure("waiting", waiting);
    report.figure("phones", phones.len());
}

fn lengths(queue: &Value, line: &str) -> usize {
    let tickets = queue["tickets"].as_array().expect("tickets").iter();
    tickets.filter(|ticket| ticket["line"] == line && ticket["state"] == "waiting").count()
}

/// The record knows of none of them, not even how fast they came: the server that gave them out does.
#[tokio::test]
async fn a_rush_that_nobody_recorded_is_passed_over() {
    let evening = Evening::begin(false).await;
    let mut worker = evening.stage.worker();
    let (status, first) = evening.join(&party(1), &key(0)).await;
    assert_eq!(status, 201, "{first}");
    let queue = evening.queue().await;
    let mut database = evening.stage.database().await;
    let last = (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"));
    until("it is recorded", async || (recorded(&mut database).await == last).then_some(())).await;
    worker.kill();
    let joins = stream::iter(1..=250).map(|index| {
        let evening = &evening;
        async move { evening.join(&json!({ "line": "A", "adults": 2, "channel": "onsite" }), &key(index)).await }
    });
    let rush: Vec<(u16, Value)> = joins.buffered(8).collect().await;
    let highest = rush.iter().map(|(_, ticket)| number_of(ticket).1).max().expect("some");
    evening.empty_redis().await;
    let next = until("the line is open again", async || {
        let (status, ticket) = evening.join(&party(1), &key(9_999)).await;
        (status == 201).then_some(ticket)
    })
    .await;
    let (letter, number) = number_of(&next);
    assert_eq!(letter, "A");
    assert!(number > highest, "A{number} was given to somebody else: the last one was A{highest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_more_is_lost_than_the_lag() {
    let mut report = Report::of("record_emptied_under_load");
    let evening = Arc::new(Evening::begin(true).await);
    let over = Arc::new(AtomicBool::new(false));
    // Every number that anybody was given, and when.
    let given: Arc<Mutex<Vec<(Instant, Value)>>> = Arc::default();
    let guests: Vec<_> = (0..8)
        .map(|guest| {
            let (evening, over, given) = (Arc::clone(&evening), Arc::clone(&over), Arc::clone(&given));
            tokio::spawn(async move {
                for index in 0.. {
                    if over.load(Ordering::SeqCst) {
                        return index;
                    }
                    let party = json!({ "line": "A", "adults": 2, "channel": "onsite" });
                    let (status, answer) = evening.join(&party, &key(guest * 1_000_000 + index)).await;
                    match status {
                        201 => given.lock().expect("nobody panicked").push((Instant::now(), answer)),
                        503 => tokio::time::sleep(Duration::from_millis(50)).await,
                        _ => panic!("{status}: {answer}"),
                    }
                }
                0
            })
        })
        .collect();
    let count = || given.lock().expect("nobody panicked").len();
    let mut emptied = Vec::new();
    for _ in 0..scale().min(3) {
        let enough = count() + 300;
        until("many have joined", async || (count() >= enough).then_some(())).await;
        let epoch = evening.queue().await["epoch"].as_i64().expect("an epoch");
        emptied.push(Instant::now());
        evening.empty_redis().await;
        evening.open_again(epoch).await;
        report.worst("open_again_after_s", emptied.last().expect("just now").elapsed().as_secs_f64());
        let more = count() + 100;
        until("people join again", async || (count() >= more).then_some(())).await;
    }
    over.store(true, Ordering::SeqCst);
    for guest in guests {
        guest.await.expect("no guest fails");
    }

    let given = given.lock().expect("nobody panicked").clone();
    let numbers: BTreeSet<(String, u64)> = given.iter().map(|(_, ticket)| number_of(ticket)).collect();
    assert_eq!(numbers.len(), given.len(), "no number was given twice, not even one that was lost");
    let (mut lost, mut lag_s) = (0, 0.0_f64);
    for (at, ticket) in &given {
        let (status, answer) = evening.ticket(ticket["id"].as_str().expect("an id")).await;
        if status == 200 {
            assert_eq!(answer["number"], ticket["number"]);
            continue;
        }
        assert_eq!((status, answer["code"].as_str()), (410, Some("place_lost")), "{answer}");
        lost += 1;
        let flush =
            emptied.iter().find(|flush| **flush + Duration::from_millis(500) > *at).expect("lost by one of them");
        lag_s = lag_s.max(flush.saturating_duration_since(*at).as_secs_f64());
    }
    assert!(lag_s < 5.0, "one was lost that had been acknowledged {lag_s} s before");
    report.figure("joined", given.len());
    report.figure("lost", lost);
    report.worst("oldest_lost_s", lag_s);

    let mut database = evening.stage.database().await;
    let queue = evening.queue().await;
    let last = (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"));
    until("the record has caught up", async || (recorded(&mut database).await == last).then_some(())).await;
    equals_the_live_state(&evening.people, &mut database).await;
}
