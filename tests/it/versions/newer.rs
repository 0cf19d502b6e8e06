//! Data of a newer server: unknown words and fields everywhere. Nothing fails, `other` is shown, nothing is lost.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;
use waitless::{
    domain::RestaurantId,
    queue::keys::{Keys, NAMES},
};

use crate::harness::{
    process::{Server, demo_database},
    redis_of_ones_own::OwnRedis,
    until,
    watch::{Heard, Watcher},
};

const DEMO: &str = "/v1/restaurants/demo";

struct Scene {
    redis: OwnRedis,
    server: Server,
    database: PgConnection,
    token: String,
    keys: Vec<String>,
    id: RestaurantId,
    waiting: String,
    called: String,
    ended: String,
}

impl Scene {
    async fn set() -> Self {
        let (redis, database) = (OwnRedis::durable().await, demo_database().await);
        let server = Server::start(&redis.url, &database).await;
        let token = server.sign_in("owner").await.1.expect("signed in");
        let mut scene = Self {
            redis,
            server,
            database: database.connect().await,
            token,
            keys: Vec::new(),
            id: RestaurantId(0),
            waiting: String::new(),
            called: String::new(),
            ended: String::new(),
        };
        let id = scene.read("").await["id"].as_str().expect("an id").to_owned();
        scene.id = id.parse().expect("an id");
        scene.keys = Keys::new("wl").of_restaurant(scene.id);
        scene.called = scene.join().await;
        scene.ended = scene.join().await;
        scene.waiting = scene.join().await;
        scene.ask(Method::POST, "/lines/A/call-next", json!({})).await;
        let cancel = format!("/tickets/{}/cancel", scene.ended);
        scene.ask(Method::POST, &cancel, json!({})).await;
        scene
    }

    /// The rules in the database, and everything in Redis, as a newer server leaves them.
    async fn write_as_a_newer_server(&mut self) {
        let policy = r#"{"new_rule": 5, "presence": "by_bluetooth", "grace_over": "call_twice"}"#;
        sqlx::query("UPDATE restaurants SET policy = $1::jsonb WHERE slug = 'demo'")
            .bind(policy)
            .execute(&mut self.database)
            .await
            .expect("SQL");
        let mut eval = redis::cmd("EVAL");
        eval.arg(include_str!("newer.lua")).arg(self.keys.len()).arg(&self.keys);
        eval.arg(self.id.to_string()).arg(&self.waiting).arg(&self.called).arg(&self.ended);
        eval.exec_async(&mut self.redis.connect().await).await.expect("EVAL");
    }

    async fn join(&self) -> String {
        let body = json!({
            "line": "A", "adults": 2, "channel": "onsite", "items": [{ "item": "galbijjim", "quantity": 2 }],
        });
        self.ask(Method::POST, "/tickets", body).await["id"].as_str().expect("an id").to_owned()
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.server.http.request(method, self.server.url(&format!("{DEMO}{path}")));
        let answer = request.bearer_auth(&self.token).json(&body).send().await.expect("an answer");
        let (status, answer) = (answer.status(), answer.json().await.expect("JSON"));
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    async fn read(&self, path: &str) -> Value {
        self.read_at(&self.server, &format!("{DEMO}{path}")).await
    }

    async fn read_at(&self, server: &Server, path: &str) -> Value {
        let answer = server.http.get(server.url(path)).bearer_auth(&self.token).send().await.expect("an answer");
        let (status, answer) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_success(), "{path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or(Value::String(answer))
    }

    /// A packed record, as anybody may read it.
    async fn record(&self, name: &str, field: &str) -> Value {
        let index = NAMES.iter().position(|candidate| *candidate == name).expect("a name of the fixed list");
        let mut get = redis::cmd("HGET");
        get.arg(&self.keys[index]).arg(field);
        let packed: Vec<u8> = get.query_async(&mut self.redis.connect().await).await.expect("HGET");
        rmp_serde::from_slice(&packed).expect("a map")
    }

    /// What only a newer server knows is where it was, in all records.
    async fn nothing_is_lost(&self) {
        let aura = json!({ "color": "teal", "depth": [1, 2, [3]] });
        for (name, field, word, said) in [
            ("meta", "restaurant", "state", "half_open"),
            ("meta", "line:A", "state", "by_invitation"),
            ("tickets", self.waiting.as_str(), "channel", "drone"),
            ("tickets", self.called.as_str(), "state", "parked"),
        ] {
            let record = self.record(name, field).await;
            assert_eq!((&record["aura"], &record["v"]), (&aura, &json!(999)), "{record}");
            assert_eq!(record[word], said, "{record}");
        }
        let waiting = self.record("tickets", &self.waiting).await;
        assert_eq!(waiting["items"][0]["options"], json!(["spicy"]));
        assert_eq!(self.record("tickets", &self.ended).await["ended"]["mood"], "sad");
        assert_eq!(self.record("meta", "restaurant").await["announcement"]["texts"], json!({ "ko": "들어요" }));
    }

    /// All that is shown, by this server.
    async fn is_shown(&self, server: &Server) {
        let board = self.read_at(server, &format!("{DEMO}/board")).await;
        assert_eq!((&board["restaurant"]["state"], &board["lines"][0]["state"]), (&json!("other"), &json!("other")));
        assert_eq!(self.read_at(server, DEMO).await["state"], "other");
        let policy = self.read_at(server, &format!("{DEMO}/policy")).await;
        assert_eq!((&policy["presence"], &policy["grace_over"]), (&json!("other"), &json!("other")));
        self.read_at(server, &format!("{DEMO}/menu")).await;
        let queue = self.read_at(server, &format!("{DEMO}/queue")).await;
        let tickets = queue["tickets"].as_array().expect("tickets").iter();
        let states: BTreeMap<_, _> = tickets.map(|ticket| (ticket["id"].as_str().expect("an id"), ticket)).collect();
        assert_eq!(states[self.waiting.as_str()]["channel"], "other");
        assert_eq!(states[self.called.as_str()]["state"], "other");
        assert_eq!(states[self.ended.as_str()]["ended"]["by"], "robot");
        for (ticket, state) in [(&self.waiting, "waiting"), (&self.called, "other"), (&self.ended, "cancelled")] {
            let frame = self.read_at(server, &format!("/v1/tickets/{ticket}")).await;
            assert_eq!(frame["state"], state);
            let mut phone =
                Watcher::connect(&ws(server, &format!("/v1/tickets/{ticket}/live")), None).await.expect("in");
            assert_eq!(phone.frame().await["state"], state);
        }
        let waiting = self.read_at(server, &format!("/v1/tickets/{}", self.waiting)).await;
        let kinds: Vec<_> = waiting["notices"].as_array().expect("notices").iter().map(|it| &it["kind"]).collect();
        assert!(kinds.contains(&&json!("hologram")), "{waiting}");
        for (path, token) in [("board", None), ("console", Some(self.token.as_str()))] {
            let mut screen =
                Watcher::connect(&ws(server, &format!("{DEMO}/{path}/live")), token).await.expect("let in");
            assert_eq!(screen.frame().await["restaurant"]["state"], "other");
        }
    }

    async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.database).await.expect("SQL")
    }
}

fn ws(server: &Server, path: &str) -> String {
    format!("ws://{}{path}", server.addr)
}

#[tokio::test]
async fn what_a_newer_server_wrote_is_shown_as_other_and_kept() {
    let mut scene = Scene::set().await;
    let mut console = Watcher::connect(&ws(&scene.server, &format!("{DEMO}/console/live")), Some(&scene.token))
        .await
        .expect("let in");
    console.frame().await;
    scene.write_as_a_newer_server().await;

    // From a snapshot, by whoever needs one, and live.
    let sibling = scene.server.sibling().await;
    scene.is_shown(&sibling).await;
    scene.is_shown(&scene.server).await;
    let told = async {
        loop {
            match console.next().await {
                Heard::Frame(frame) if frame.to_string().contains("\"other\"") => break frame,
                Heard::Frame(_) => {}
                Heard::Closed(code) => panic!("the console was closed with {code:?}"),
            }
        }
    };
    let frame = tokio::time::timeout(Duration::from_secs(20), told).await.expect("the console is told");
    assert_eq!(frame["restaurant"]["state"], "other", "the menu has changed, so it is a whole queue: {frame}");

    // Commands change what they know of a record, and leave the rest.
    let (waiting, called) = (&scene.waiting, &scene.called);
    scene.ask(Method::PATCH, &format!("/tickets/{waiting}"), json!({ "note": "by the window" })).await;
    let refused = scene.server.http.post(scene.server.url(&format!("{DEMO}/tickets/{called}/seat")));
    let refused = refused.bearer_auth(&scene.token).send().await.expect("an answer");
    assert_eq!(refused.status(), 409, "nothing is done to a ticket in a state that is not known");
    scene.join().await;
    let policy = scene.ask(Method::PATCH, "/policy", json!({ "grace_s": 77 })).await;
    assert_eq!((&policy["grace_s"], &policy["presence"]), (&json!(77), &json!("other")));
    let kept = json!({ "new_rule": 5, "presence": "by_bluetooth", "grace_over": "call_twice", "grace_s": 77 });
    let stored: sqlx::types::Json<Value> = sqlx::query_scalar("SELECT policy FROM restaurants WHERE slug = 'demo'")
        .fetch_one(&mut scene.database)
        .await
        .expect("SQL");
    assert_eq!(stored.0, kept);
    let live = scene.record("meta", "policy").await;
    for (rule, value) in kept.as_object().expect("rules") {
        assert_eq!(&live[rule], value, "{rule}");
    }
    scene.nothing_is_lost().await;

    // Recorded by its own words, told as other.
    let rev = scene.read("/queue").await["rev"].as_i64();
    until("everything is recorded", async || {
        let recorded = scene.count("SELECT coalesce(max(rev), 0) FROM aggregates WHERE aggregate LIKE 'restaurant:%'");
        (Some(recorded.await) >= rev).then_some(())
    })
    .await;
    assert_eq!(scene.count("SELECT count(*) FROM dead_letters").await, 0);
    assert_eq!(scene.count("SELECT count(*) FROM gaps").await, 0);
    assert_eq!(scene.count("SELECT count(*) FROM tickets WHERE state = 'parked'").await, 1);
    assert_eq!(scene.count("SELECT count(*) FROM transitions WHERE role = 'robot' AND state = 'parked'").await, 1);
    let whole =
        "SELECT sum(parties - waiting - called - seated - completed - cancelled - no_show)::bigint FROM day_totals";
    assert_eq!(scene.count(whole).await, 1, "the parked one counts as a party, in no state that has a column");
    let history = scene.read(&format!("/tickets/{}/history", scene.called)).await;
    let last = history["items"].as_array().expect("items").last().expect("something happened");
    assert_eq!((&history["ticket"]["state"], &last["state"]), (&json!("other"), &json!("other")));
    assert_eq!((&last["name"], &last["by"]["role"]), (&json!("ticket.parked"), &json!("other")));
    let days = scene.read("/days").await;
    let day = days["items"][0]["day"].as_str().expect("a day").to_owned();
    for path in ["", "/tickets", "/tickets.csv"] {
        scene.read(&format!("/days/{day}{path}")).await;
    }

    // Redis is emptied: what the record knows is put back with the rest.
    scene.redis.ask::<()>(&["FLUSHALL"]).await.expect("FLUSHALL");
    until("it is open again", async || {
        let queue = scene.server.http.get(scene.server.url(&format!("{DEMO}/queue"))).bearer_auth(&scene.token);
        let queue: Value = queue.send().await.ok()?.json().await.ok()?;
        queue["restaurant"]["rebuilt_at"].is_i64().then_some(())
    })
    .await;
    scene.nothing_is_lost().await;
    assert_eq!(scene.record("meta", "policy").await["new_rule"], 5);
    // What is not among the live lists any more is known all the same.
    scene.read_at(&scene.server, &format!("/v1/tickets/{}", scene.called)).await;

    // An operator is told, once for each kind.
    for server in [&scene.server, &sibling] {
        let said = server.said();
        for kind in ["tickets", "lines", "restaurants"] {
            let line = format!("Redis holds {kind} of a newer version (999) than this server knows (1)");
            assert_eq!(said.matches(&line).count(), 1, "{kind}: {said}");
        }
    }
}
