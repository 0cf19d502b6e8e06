//! Many phones under many changes: none shows a position that is older than its distance allows. Judged by the test's
//! own record of who was called when, and by what each phone was sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{bounded::DEMO, report::Report, scale};
use crate::harness::{
    app::TestApp,
    process::{Server, demo_database},
    redis_of_ones_own::OwnRedis,
    until,
    watch::{Heard, Watcher},
};

/// Changes a second.
const RATE: u64 = 50;

/// The bound of every band: its interval and this.
const LEEWAY: Duration = Duration::from_secs(1);

/// Judge, phones and server share two cores with whatever else runs: a frame that is there may be read so much later.
const SLACK: Duration = Duration::from_secs(1);

/// Up to so many ahead a position is told within so long.
const BANDS: [(u64, Duration); 4] = [
    (5, Duration::ZERO),
    (20, Duration::from_secs(1)),
    (100, Duration::from_secs(3)),
    (u64::MAX, Duration::from_secs(5)),
];

fn band(ahead: u64) -> usize {
    BANDS.iter().position(|(up_to, _)| ahead <= *up_to).expect("the last one takes all")
}

/// A frame of a phone; `ahead` is `None` when it is called.
#[derive(Clone, Copy)]
struct Shown {
    at: Instant,
    rev: u64,
    ahead: Option<u64>,
}

/// When the head was called, each time: the rev, and when that was known to be done.
#[derive(Default)]
struct Record {
    calls: Vec<(u64, Instant)>,
}

impl Record {
    /// How many were called up to a rev.
    fn called(&self, rev: u64) -> usize {
        self.calls.partition_point(|(called, _)| *called <= rev)
    }

    /// How many are ahead of a place in the line at a rev.
    fn ahead(&self, place: usize, rev: u64) -> Option<u64> {
        place.checked_sub(self.called(rev)).map(|ahead| ahead as u64)
    }

    /// When the next call after a rev was done.
    fn next_after(&self, rev: u64) -> Option<Instant> {
        self.calls.get(self.called(rev)).map(|(_, at)| *at)
    }
}

async fn post(app: &TestApp, token: &str, path: &str, body: &Value) -> Value {
    let request = app.http.post(app.url(&format!("{DEMO}{path}"))).bearer_auth(token).json(body);
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("JSON")
}

/// Everybody joins; answers the ids in the order of the line.
async fn line_up(app: &TestApp, token: &str, count: usize) -> Vec<String> {
    let party = json!({ "line": "A", "adults": 2, "channel": "onsite" });
    let mut tickets = Vec::new();
    while tickets.len() < count {
        let some = (0..20.min(count - tickets.len())).map(|_| post(app, token, "/tickets", &party));
        tickets.extend(join_all(some).await);
    }
    let text = |ticket: &Value, field: &str| ticket[field].as_str().expect("text").to_owned();
    tickets.sort_by_key(|ticket| text(ticket, "order"));
    tickets.iter().map(|ticket| text(ticket, "id")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_phone_is_staler_than_its_distance_allows() {
    let mut report = Report::of("freshness_of_phones");
    let (phones, lasting) = if scale() > 1 { (200, 10) } else { (60, 3) };
    let app = TestApp::start().await;
    let token = app.token("staff").await;
    let changes = usize::try_from(RATE * lasting).expect("small");
    // The phones are spread over the whole line: some are called, some come through all bands.
    let ids = line_up(&app, &token, changes + 40).await;
    let places: Vec<usize> = (0..phones).map(|nth| nth * ids.len() / phones).collect();
    let watchers = join_all(places.iter().map(async |place| {
        Watcher::connect(&app.ws(&format!("/v1/tickets/{}/live", ids[*place])), None).await.expect("let in")
    }))
    .await;
    let shown: Vec<Arc<Mutex<Vec<Shown>>>> = (0..phones).map(|_| Arc::default()).collect();
    let reading: Vec<_> = watchers
        .into_iter()
        .zip(shown.clone())
        .map(|(mut watcher, shown)| {
            tokio::spawn(async move {
                while let Heard::Frame(frame) = watcher.next().await {
                    let frame = Shown {
                        at: Instant::now(),
                        rev: frame["rev"].as_u64().expect("a rev"),
                        ahead: frame["ahead"].as_u64(),
                    };
                    shown.lock().expect("lock").push(frame);
                }
            })
        })
        .collect();
    until("every phone shows something", async || {
        shown.iter().all(|shown| !shown.lock().expect("lock").is_empty()).then_some(())
    })
    .await;

    let mut record = Record::default();
    let began = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(1_000 / RATE));
    for id in &ids[..changes] {
        beat.tick().await;
        let called = post(&app, &token, "/lines/A/call-next", &json!({})).await;
        assert_eq!(called["ticket"]["id"], **id, "the head is called");
        record.calls.push((called["rev"].as_u64().expect("a rev"), Instant::now()));
    }
    let called_in = began.elapsed();
    // The end: every phone shows the exact position, within the longest interval.
    let settling = Instant::now();
    until("every phone shows where it stands", async || {
        let exact = shown.iter().zip(&places).all(|(shown, place)| {
            shown.lock().expect("lock").last().is_some_and(|last| last.ahead == record.ahead(*place, u64::MAX))
        });
        exact.then_some(())
    })
    .await;
    let settled_in = settling.elapsed();
    assert!(settled_in < BANDS[3].1 + LEEWAY + SLACK, "{settled_in:?}");

    let mut frames = [0_u64; BANDS.len()];
    let mut stalest = [Duration::ZERO; BANDS.len()];
    let mut problems = BTreeMap::new();
    let mut late_calls = Duration::ZERO;
    for (place, shown) in places.iter().zip(&shown) {
        let shown = shown.lock().expect("lock").clone();
        for (nth, frame) in shown.iter().enumerate() {
            let mut wrong = |what: String| problems.insert((*place, nth), what);
            let truth = record.ahead(*place, frame.rev);
            if frame.ahead != truth {
                wrong(format!("{:?} ahead at rev {}, in truth {truth:?}", frame.ahead, frame.rev));
            }
            let Some(ahead) = frame.ahead else { continue };
            let band = band(ahead);
            frames[band] += 1;
            let Some(next) = shown.get(nth + 1) else { continue };
            if next.rev < frame.rev {
                wrong("the rev fell".to_owned());
            }
            // How old this position got before the next one came, and how late its call came.
            let age = record.next_after(frame.rev).map_or(Duration::ZERO, |at| next.at.saturating_duration_since(at));
            stalest[band] = stalest[band].max(age);
            if age > BANDS[band].1 + LEEWAY + SLACK {
                wrong(format!("{ahead} ahead was shown for {age:?}"));
            }
            if next.ahead.is_none() {
                let late = next.at.saturating_duration_since(record.calls[*place].1);
                late_calls = late_calls.max(late);
                if late > LEEWAY + SLACK {
                    wrong(format!("called, and told so after {late:?}"));
                }
            }
        }
    }
    report.figure("called_told_after_ms", late_calls.as_millis() as u64);
    for (name, band) in [("near", 0), ("to_20", 1), ("to_100", 2), ("beyond", 3)] {
        report.figure(&format!("{name}_frames"), frames[band]);
        report.figure(&format!("{name}_stalest_ms"), stalest[band].as_millis() as u64);
        assert!(frames[band] > 0, "no phone was {name}");
    }
    report.figure("phones", phones);
    report.figure("changes", changes);
    report.figure("changes_per_s", (changes as f64 / called_in.as_secs_f64()).round());
    report.figure("settled_ms", settled_in.as_millis() as u64);
    assert!(problems.is_empty(), "{problems:#?}");
    // Merging is what it is for: far fewer frames than phones × changes.
    let all = (phones * changes) as u64;
    assert!(frames.iter().sum::<u64>() < all / 2, "{frames:?} of {all}");
    reading.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Everybody is told whether what he sees is live, soon after the server or its Redis was frozen and thawed while the
/// line moved: also a phone far back, which would else hear of it only with its next tick, 20 s later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_left_not_live_after_a_freeze() {
    const PHONES: usize = 120;
    /// Longer than a room waits for a word from Redis.
    const FREEZE: Duration = Duration::from_millis(3_500);
    const LIVE_WITHIN: Duration = Duration::from_secs(5);
    let mut report = Report::of("live_again_after_freezes");
    let (redis, database) = (OwnRedis::durable().await, demo_database().await);
    let server = Server::start(&redis.url, &database).await;
    // It goes on while the other is frozen.
    let other = server.sibling().await;
    let token = other.sign_in("staff").await.1.expect("a token");
    let post = async |path: &str, body: Value| -> Value {
        let request = other.http.post(other.url(&format!("{DEMO}{path}"))).bearer_auth(&token).json(&body);
        request.send().await.expect("an answer").json().await.expect("JSON")
    };
    let party = json!({ "line": "A", "adults": 2, "channel": "onsite" });
    let joined = join_all((0..PHONES).map(|_| post("/tickets", party.clone()))).await;
    let said: Vec<Arc<Mutex<Option<bool>>>> = (0..PHONES).map(|_| Arc::default()).collect();
    let mut reading = JoinSet::new();
    for (ticket, said) in joined.iter().zip(said.clone()) {
        let url = format!("ws://{}/v1/tickets/{}/live", server.addr, ticket["id"].as_str().expect("an id"));
        let mut watcher = Watcher::connect(&url, None).await.expect("let in");
        reading.spawn(async move {
            while let Heard::Frame(frame) = watcher.any().await {
                *said.lock().expect("lock") = frame["live"].as_bool();
            }
        });
    }
    let live = || said.iter().filter(|said| *said.lock().expect("lock") == Some(true)).count();
    until("all are live", async || (live() == PHONES).then_some(())).await;
    let mut slowest = Duration::ZERO;
    for round in 0..2 * scale() {
        let freezes_server = round % 2 == 0;
        if freezes_server {
            server.freeze()
        } else {
            redis.freeze()
        }
        let frozen = Instant::now();
        while frozen.elapsed() < FREEZE {
            if freezes_server {
                post("/lines/A/call-next", json!({})).await;
                post("/tickets", party.clone()).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if freezes_server {
            server.thaw()
        } else {
            redis.thaw()
        }
        let thawed = Instant::now();
        // A frame that was under way may say what was: so all of them at several looks.
        let mut looks = 0;
        until("all are live again", async || {
            looks = if live() == PHONES { looks + 1 } else { 0 };
            (looks == 10).then_some(())
        })
        .await;
        slowest = slowest.max(thawed.elapsed());
        assert!(thawed.elapsed() < LIVE_WITHIN, "round {round}: all were live only after {:?}", thawed.elapsed());
    }
    report.figure("phones", PHONES);
    report.figure("freezes", 2 * scale());
    report.figure("live_again_ms", slowest.as_millis() as u64);
}
