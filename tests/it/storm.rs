//! Random operations of everybody on the demo restaurant, by HTTP: what comes of them is counted, and judged elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

pub const RESTAURANT: &str = "/v1/restaurants/demo";

/// What all tasks know.
pub struct Storm {
    http: reqwest::Client,
    /// Servers, by their base URLs.
    servers: Vec<String>,
    pub token: String,
    /// What cannot be done now is counted like any refusal: whoever judges looks at what happened, not at the answers.
    pub patient: bool,
    /// Counted items that are ordered; the last counted one is only set.
    pub ordered: Vec<String>,
    only_set: String,
    pub tickets: Mutex<Vec<(String, String, String)>>,
    pub joined: Mutex<Vec<Value>>,
    pub adjusted: Mutex<HashMap<String, i64>>,
    pub counts: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
}

struct Request {
    name: &'static str,
    method: reqwest::Method,
    path: String,
    body: Option<Value>,
    staff: bool,
}

impl Storm {
    /// On these servers of one restaurant.
    pub async fn on(servers: Vec<String>, token: String) -> Self {
        let http = reqwest::Client::new();
        let menu = http.get(format!("{}{RESTAURANT}/menu", servers[0])).send().await.expect("an answer");
        let menu: Value = menu.json().await.expect("JSON");
        let items = menu["items"].as_array().expect("items").iter();
        let counted = items.filter(|item| !item["left"].is_null());
        let mut ordered: Vec<String> = counted.map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
        let only_set = ordered.pop().expect("three counted items");
        Self {
            http,
            servers,
            token,
            patient: false,
            ordered,
            only_set,
            tickets: Mutex::default(),
            joined: Mutex::default(),
            adjusted: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    async fn send(&self, random: &mut StdRng, request: &Request) -> (u16, Value) {
        let server = &self.servers[random.random_range(0..self.servers.len())];
        let mut call = self.http.request(request.method.clone(), format!("{server}{}", request.path));
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
        let is_expected = status < 500 || status == 503 && self.patient;
        assert!(is_expected, "{} {}: {status} {body}", request.name, request.path);
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

    /// Operations that were answered.
    pub fn done(&self) -> usize {
        let counts = self.counts.lock().expect("no task has panicked");
        counts.values().flat_map(BTreeMap::values).sum::<u64>() as usize
    }

    fn some_ticket(&self, random: &mut StdRng) -> Option<(String, String, String)> {
        let tickets = self.tickets.lock().expect("no task has panicked");
        // Mostly one of the last: the others have ended.
        let from = if random.random_bool(0.8) { tickets.len().saturating_sub(40) } else { 0 };
        (!tickets.is_empty()).then(|| tickets[random.random_range(from..tickets.len())].clone())
    }

    /// One random operation.
    pub async fn operate(&self, random: &mut StdRng) {
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

    pub async fn read(&self, path: &str, staff: bool) -> Value {
        let request = Request { name: "read", method: reqwest::Method::GET, path: path.to_owned(), body: None, staff };
        let reading = async || {
            let (status, body) = self.send(&mut StdRng::seed_from_u64(0), &request).await;
            (status != 503).then_some((status, body))
        };
        let (status, body) = crate::harness::until("it can be read", reading).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}
