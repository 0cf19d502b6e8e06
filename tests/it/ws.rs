//! WebSockets through real sockets, with two servers on one Redis: what happens at one is seen at the other.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::{
    app::TestApp,
    until as wait_until,
    vanish::Vanishing,
    watch::{Heard, Watcher},
};

const DEMO: &str = "/v1/restaurants/demo";

/// Two servers and a staff token.
struct Pair {
    here: TestApp,
    there: TestApp,
    token: String,
}

impl Pair {
    async fn start() -> Self {
        Self::of(TestApp::start().await).await
    }

    async fn of(here: TestApp) -> Self {
        let there = here.sibling().await;
        let token = here.token("staff").await;
        Self { here, there, token }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.here.http.post(self.here.url(path)).bearer_auth(&self.token).json(&body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    async fn join(&self, line: &str) -> Value {
        self.post(&format!("{DEMO}/tickets"), json!({ "line": line, "adults": 2, "channel": "onsite" })).await
    }

    async fn call_next(&self) -> Value {
        self.post(&format!("{DEMO}/lines/A/call-next"), json!({ "to": "홀 입구" })).await
    }

    async fn act(&self, ticket: &Value, act: &str) -> Value {
        self.post(&format!("{DEMO}/tickets/{}/{act}", id(ticket)), json!({})).await
    }

    async fn watch(&self, path: &str) -> Watcher {
        Watcher::connect(&self.there.ws(path), None).await.expect("the socket opens")
    }

    async fn phone(&self, ticket: &Value) -> Watcher {
        self.watch(&format!("/v1/tickets/{}/live", id(ticket))).await
    }

    async fn board(&self) -> Watcher {
        self.watch(&format!("{DEMO}/board/live")).await
    }

    async fn console(&self) -> Watcher {
        let url = self.there.ws(&format!("{DEMO}/console/live"));
        Watcher::connect(&url, Some(&self.token)).await.expect("the socket opens")
    }
}

fn id(ticket: &Value) -> String {
    ticket["id"].as_str().expect("an id").to_owned()
}

fn stamp(frame: &Value) -> (i64, i64) {
    (frame["epoch"].as_i64().expect("an epoch"), frame["rev"].as_i64().expect("a rev"))
}

/// The next frame that shows what is looked for; what came before must not be newer than it.
async fn until(watcher: &mut Watcher, shows: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        let mut seen = (0, 0);
        loop {
            let frame = watcher.frame().await;
            assert!(stamp(&frame) >= seen, "(epoch, rev) never falls");
            seen = stamp(&frame);
            if shows(&frame) {
                return frame;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it comes")
}

async fn closed(watcher: &mut Watcher) -> Option<u16> {
    let looking = async {
        loop {
            if let Heard::Closed(code) = watcher.next().await {
                return code;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it closes")
}

fn line<'a>(frame: &'a Value, letter: &str) -> &'a Value {
    frame["lines"].as_array().expect("lines").iter().find(|line| line["line"] == letter).expect("the line")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_at_the_other_server_sees_the_line_move() {
    let pair = Pair::start().await;
    let mut board = pair.board().await;
    let first = until(&mut board, |frame| frame["type"] == "board").await;
    assert_eq!(line(&first, "A")["waiting"], 0);
    let [one, two, three] = [pair.join("A").await, pair.join("A").await, pair.join("A").await];
    let mut called = pair.phone(&one).await;
    let mut moved = pair.phone(&three).await;
    let mut console = pair.console().await;
    assert_eq!(moved.frame().await["ahead"], 2);
    let queue = console.frame().await;
    assert_eq!((queue["type"].as_str(), queue["tickets"].as_array().map(Vec::len)), (Some("queue"), Some(3)));

    let answer = pair.call_next().await;
    let stamp_called = stamp(&answer);
    let frame = until(&mut called, |frame| frame["state"] == "called").await;
    assert_eq!((frame["to"].as_str(), stamp(&frame)), (Some("홀 입구"), stamp_called));
    assert!(frame.get("name").is_none() && frame.get("note").is_none(), "staff's fields stay with staff");
    let frame = until(&mut moved, |frame| frame["ahead"] == 1).await;
    assert_eq!(frame["last_called"]["number"], one["number"]);
    let frame =
        until(&mut board, |frame| line(frame, "A")["called"].as_array().is_some_and(|called| called.len() == 1)).await;
    assert_eq!(line(&frame, "A")["next"], json!([two["number"], three["number"]]));
    let text = frame.to_string();
    assert!([&one, &two, &three].iter().all(|ticket| !text.contains(&id(ticket))), "no ticket id on a board");
    let delta = until(&mut console, |frame| stamp(frame) == stamp_called).await;
    assert_eq!((delta["type"].as_str(), &delta["prev"]), (Some("delta"), &queue["rev"]));
    assert_eq!(delta["events"][0]["name"], "ticket.called");
    assert_eq!(delta["set"]["tickets"][0]["id"], one["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_told_the_end_and_closed() {
    let pair = Pair::start().await;
    let ticket = pair.join("A").await;
    let mut phone = pair.phone(&ticket).await;
    pair.act(&ticket, "seat").await;
    until(&mut phone, |frame| frame["state"] == "seated").await;
    pair.act(&ticket, "complete").await;
    let last = until(&mut phone, |frame| frame["state"] == "completed").await;
    assert_eq!(last["ended"]["by"], "staff");
    assert_eq!(closed(&mut phone).await, Some(1000));
    let mut again = pair.phone(&ticket).await;
    assert_eq!(again.frame().await["state"], "completed", "also for one who comes later");
    assert_eq!(closed(&mut again).await, Some(1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_says_bye() {
    let pair = Pair::start().await;
    let mut board = pair.board().await;
    board.frame().await;
    let Pair { there, .. } = pair;
    let stopping = tokio::spawn(there.stop());
    let bye = loop {
        match board.next().await {
            Heard::Frame(frame) if frame["type"] == "bye" => break frame,
            Heard::Frame(_) => {}
            Heard::Closed(code) => panic!("closed with {code:?} before bye"),
        }
    };
    assert!(bye["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{bye}");
    assert_eq!(closed(&mut board).await, Some(1012));
    stopping.await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_watcher_may_not_send_closes_it() {
    let pair = Pair::start().await;
    for (message, code) in [
        (Message::text("x".repeat(1025)), 1009),
        (Message::binary(vec![1, 2, 3]), 1003),
        (Message::text("{not json"), 1007),
    ] {
        let mut board = pair.board().await;
        board.frame().await;
        board.send(message).await;
        assert_eq!(closed(&mut board).await, Some(code));
    }
    let mut board = pair.board().await;
    let first = board.frame().await;
    board.send(Message::text(r#"{"type":"whatever"}"#)).await;
    board.send(Message::text(r#"{"type":"resync"}"#)).await;
    let again = board.frame().await;
    assert_eq!((again["type"].as_str(), stamp(&again)), (Some("board"), stamp(&first)), "a resync is answered whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_watch_is_refused_before_the_upgrade() {
    let pair = Pair::start().await;
    let foreign_id = format!("{}{}", "0".repeat(11), "A".repeat(22));
    for (path, token, status) in [
        (format!("{DEMO}/console/live"), None, 401),
        (format!("{DEMO}/console/live"), Some("nonsense"), 401),
        ("/v1/restaurants/nowhere/board/live".to_owned(), None, 404),
        (format!("/v1/tickets/{foreign_id}/live"), None, 404),
        ("/v1/tickets/short/live".to_owned(), None, 404),
    ] {
        match Watcher::connect(&pair.there.ws(&path), token).await {
            Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{path}"),
            other => panic!("{path}: {:?}", other.map(|_| "opened")),
        }
    }
    let (email, password) = ("guest@demo.test", "long enough 1");
    let body = json!({ "email": email, "password": password, "name": "손님" });
    let guest = pair.here.http.post(pair.here.url("/v1/auth/sign-up")).json(&body).send().await.expect("an answer");
    let guest: Value = guest.json().await.expect("JSON");
    let url = pair.there.ws(&format!("{DEMO}/console/live"));
    match Watcher::connect(&url, guest["access_token"].as_str()).await {
        Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 403),
        other => panic!("{:?}", other.map(|_| "opened")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_watcher_is_ticked() {
    let pair = Pair::start().await;
    let url = pair.there.ws(&format!("{DEMO}/board/live"));
    let mut board = Watcher::connect(&url, None).await.expect("the socket opens");
    board.frame().await;
    let tick = tokio::time::timeout(Duration::from_secs(10), board.tick()).await.expect("a tick comes");
    assert_eq!((tick["live"].as_bool(), tick["every_ms"].as_u64()), (Some(true), Some(4_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_acts_by_itself_and_is_seen() {
    let pair = Pair::start().await;
    let owner = pair.here.token("owner").await;
    let url = pair.here.url(&format!("{DEMO}/policy"));
    let body = json!({ "grace_s": 1, "last_call_s": 0 });
    let answer = pair.here.http.patch(url).bearer_auth(owner).json(&body).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let ticket = pair.join("A").await;
    let mut phone = pair.phone(&ticket).await;
    pair.call_next().await;
    until(&mut phone, |frame| frame["state"] == "called").await;
    until(&mut phone, |frame| frame["state"] == "waiting").await;
    pair.call_next().await;
    let missed = until(&mut phone, |frame| frame["state"] == "no_show").await;
    assert!(missed["rejoin_until"].as_i64() > missed["missed_at"].as_i64(), "the second time it is missed");
}

/// Waits for a tick that says so; nothing but ticks may come before it.
async fn until_live(watcher: &mut Watcher, live: bool) {
    let looking = async { while watcher.tick().await["live"] != live {} };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_was_lost_is_said_on_open_screens_and_to_whoever_asks() {
    // Nobody records, or what is lost here would be put back.
    let pair = Pair::of(TestApp::start_with(|config| config.worker = false).await).await;
    let ticket = pair.join("A").await;
    let (mut phone, mut board, mut console) = (pair.phone(&ticket).await, pair.board().await, pair.console().await);
    assert_eq!(phone.frame().await["number"], ticket["number"]);
    let first = board.frame().await;
    assert_eq!(first["restaurant"]["rebuilt_at"], Value::Null);
    console.frame().await;
    let mut demo = Vanishing::demo(&pair.here).await;
    let status = async |path: &str| {
        let answer = pair.there.http.get(pair.there.url(path)).send().await.expect("an answer");
        answer.status().as_u16()
    };
    let unknown = format!("/v1/tickets/{}{}", &id(&ticket)[..11], "0".repeat(22));
    assert_eq!(status(&unknown).await, 404);
    let held = demo.hold().await;
    demo.vanish().await;

    // While it is being rebuilt: the last state, old, and nobody is told that anything is lost, or was never there, also
    // before the room has noticed.
    assert_eq!(status(&unknown).await, 503);
    until_live(&mut phone, false).await;
    let own = format!("/v1/tickets/{}", id(&ticket));
    let ask = async || status(&own).await;
    assert_eq!(ask().await, 503);
    match Watcher::connect(&pair.there.ws(&format!("{own}/live")), None).await {
        Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 503),
        other => panic!("{:?}", other.map(|_| "opened")),
    }

    let at = waitless::clock::now();
    demo.rebuild_without_anybody(at).await;
    let bye = until_bye(&mut phone).await;
    assert_eq!((&bye["reason"], &bye["retry_ms"]), (&json!("place_lost"), &json!(0)));
    assert_eq!(closed(&mut phone).await, Some(4404));
    let frame = until(&mut board, |frame| frame["epoch"] != first["epoch"]).await;
    assert_eq!((&frame["restaurant"]["rebuilt_at"], &line(&frame, "A")["waiting"]), (&json!(at), &json!(0)));
    let frame = until(&mut console, |frame| frame["epoch"] != first["epoch"]).await;
    assert_eq!((&frame["type"], &frame["restaurant"]["rebuilt_at"]), (&json!("queue"), &json!(at)));
    assert_eq!(frame["tickets"], json!([]));
    wait_until("it is said to whoever asks", async || (ask().await == 410).then_some(())).await;
    match Watcher::connect(&pair.there.ws(&format!("{own}/live")), None).await {
        Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 410),
        other => panic!("{:?}", other.map(|_| "opened")),
    }
    held.release().await.expect("released");
}

/// The good-bye, which nothing but state may precede.
async fn until_bye(watcher: &mut Watcher) -> Value {
    let looking = async {
        loop {
            let frame = watcher.frame().await;
            if frame["type"] == "bye" {
                return frame;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it comes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_restaurant_that_vanished_is_opened_again_though_nobody_asks() {
    let app = TestApp::start().await;
    let mut board = Watcher::connect(&app.ws(&format!("{DEMO}/board/live")), None).await.expect("the socket opens");
    let first = board.frame().await;
    let mut demo = Vanishing::demo(&app).await;
    demo.vanish().await;
    let frame = until(&mut board, |frame| frame["epoch"] != first["epoch"]).await;
    assert!(stamp(&frame) > stamp(&first) && frame["live"] == true, "{frame}");
}
