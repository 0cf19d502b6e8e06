//! The judge of every fault: it keeps what was acknowledged and compares it with what is there in the end. It knows
//! HTTP answers, WebSocket frames and JSON; nothing of the server's code is used here, which a test makes sure of.
//!
//! Acknowledged and lost: an answer 2xx whose effect is not there. Doubled: an effect that nobody was answered, since
//! everybody asks again with the same key until the answer is definite.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    report::Report,
    screens::{Kind, Screen},
};
use crate::replay::{rank, stamp, standing, without};

const RESTAURANT: &str = "/v1/restaurants/demo";

/// Whoever has no definite answer by then never gets one.
const PATIENCE: Duration = Duration::from_secs(90);

/// States in the order in which the crowd moves tickets through them.
const STATES: [&str; 6] = ["waiting", "called", "no_show", "seated", "completed", "cancelled"];

/// Fields of a phone's frame that are compared.
const ON_A_PHONE: [&str; 7] = ["state", "ahead", "number", "calls", "adults", "line", "total"];

/// Something that somebody wants done.
#[derive(Clone)]
pub struct Operation {
    pub name: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
    by_staff: bool,
    /// The ticket or the menu item it is about, if it is known before.
    about: Option<String>,
}

impl Operation {
    /// A party joins, and orders some of the first counted item if it is to be had.
    pub fn join(line: &str, adults: u32, order: Option<u32>) -> Self {
        let items = order.map(|quantity| json!([{ "item": "galbijjim", "quantity": quantity }]));
        let body = json!({ "line": line, "adults": adults, "channel": "onsite", "if_sold_out": "drop",
            "items": items.unwrap_or_else(|| json!([])) });
        let path = format!("{RESTAURANT}/tickets");
        Self { name: "join", method: Method::POST, path, body: Some(body), by_staff: false, about: None }
    }

    pub fn call_next(line: &str) -> Self {
        let path = format!("{RESTAURANT}/lines/{line}/call-next");
        Self { name: "call-next", method: Method::POST, path, body: Some(json!({})), by_staff: true, about: None }
    }

    /// `seat`, `complete`, `recall`, `no-show` or `cancel`.
    pub fn staff(act: &'static str, ticket: &str) -> Self {
        let path = format!("{RESTAURANT}/tickets/{ticket}/{act}");
        let body = (act == "cancel").then(|| json!({}));
        Self { name: act, method: Method::POST, path, body, by_staff: true, about: Some(ticket.to_owned()) }
    }

    pub fn guest_cancel(ticket: &str) -> Self {
        let path = format!("/v1/tickets/{ticket}");
        let about = Some(ticket.to_owned());
        Self { name: "guest-cancel", method: Method::DELETE, path, body: None, by_staff: false, about }
    }

    /// By how many units it changes what is left of an item.
    pub fn by(&self) -> Option<i64> {
        self.body.as_ref()?["by"].as_i64()
    }

    pub fn adjust(item: &str, by: i64) -> Self {
        let path = format!("{RESTAURANT}/stock/{item}/adjust");
        let (body, about) = (Some(json!({ "by": by })), Some(item.to_owned()));
        Self { name: "adjust", method: Method::POST, path, body, by_staff: true, about }
    }
}

/// What came of asking once.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 0 when there was none.
    pub status: u16,
    pub code: String,
    pub body: Value,
    pub replayed: bool,
    pub retry_after_s: Option<u64>,
    /// From sending to the whole answer, or to the end of the connection.
    pub took_s: f64,
    /// It was certainly not taken.
    refused_outright: bool,
}

impl Answer {
    /// For counting: `201`, `503 unavailable`, `none`.
    fn kind(&self) -> String {
        match self.status {
            0 => "none".to_owned(),
            status if status < 300 => status.to_string(),
            status => format!("{status} {}", self.code),
        }
    }
}

/// A definite answer.
#[derive(Clone)]
pub struct Settled {
    pub operation: Operation,
    pub key: String,
    pub status: u16,
    pub body: Value,
    /// It was given before, and is given again.
    pub replayed: bool,
    pub at: Instant,
}

#[derive(Default)]
struct Ledger {
    settled: Vec<Settled>,
    answers: BTreeMap<String, u64>,
    took_s: Vec<f64>,
    unknown_retried: u64,
    refused_503: u64,
    without_retry_after: u64,
    /// Said that it was not done, although it was.
    untrue: Vec<String>,
    under_way: usize,
}

/// See the head of this file.
pub struct Judge {
    base: String,
    http: reqwest::Client,
    token: String,
    before: Value,
    ledger: Arc<Mutex<Ledger>>,
}

impl Judge {
    /// From what the queue is now on; `token` is of staff.
    pub async fn new(base: &str, token: String) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().expect("a client");
        let mut judge = Self { base: base.to_owned(), http, token, before: Value::Null, ledger: Arc::default() };
        judge.before = judge.read(&format!("{RESTAURANT}/queue")).await.expect("the queue can be read");
        judge
    }

    /// The same judge for a runtime of its own, which the rest of the test does not slow down.
    pub fn aside(&self) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().expect("a client");
        let (base, token) = (self.base.clone(), self.token.clone());
        Self { base, http, token, before: self.before.clone(), ledger: Arc::clone(&self.ledger) }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The menu item whose stock is counted.
    pub fn counted(&self) -> &'static str {
        "galbijjim"
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every definite answer so far.
    pub fn settled(&self) -> Vec<Settled> {
        self.ledger().settled.clone()
    }

    /// What was answered against the promises, whatever broke.
    pub fn broken_promises(&self) -> Vec<String> {
        let ledger = self.ledger();
        let mut broken = ledger.untrue.clone();
        if ledger.without_retry_after > 0 {
            broken.push(format!("{} times 503 without Retry-After", ledger.without_retry_after));
        }
        let internal = ledger.answers.iter().filter(|(kind, _)| kind.starts_with("500"));
        broken.extend(internal.map(|(kind, times)| format!("{times} times {kind}")));
        broken
    }

    /// As the queue was when it all began.
    pub fn before(&self) -> &Value {
        &self.before
    }

    /// Operations acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.ledger().settled.iter().filter(|settled| settled.status < 300).count()
    }

    /// Answers of this kind so far: `none`, `503 unavailable`, …
    pub fn answered(&self, kind: &str) -> u64 {
        self.ledger().answers.iter().filter(|(known, _)| known.starts_with(kind)).map(|(_, count)| count).sum()
    }

    /// All answers so far, for messages.
    pub fn answers(&self) -> String {
        format!("{:?}", self.ledger().answers)
    }

    /// Requests under way.
    pub fn under_way(&self) -> usize {
        self.ledger().under_way
    }

    /// The slowest answer so far, in seconds.
    pub fn slowest_s(&self) -> f64 {
        self.ledger().took_s.iter().copied().fold(0.0, f64::max)
    }

    /// Asks once.
    pub async fn ask(&self, operation: &Operation, key: &str) -> Answer {
        let mut request = self
            .http
            .request(operation.method.clone(), format!("{}{}", self.base, operation.path))
            .header("idempotency-key", key);
        if operation.by_staff {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = &operation.body {
            request = request.json(body);
        }
        self.ledger().under_way += 1;
        let answer = answer_to(request).await;
        let mut ledger = self.ledger();
        ledger.under_way -= 1;
        *ledger.answers.entry(answer.kind()).or_default() += 1;
        ledger.took_s.push(answer.took_s);
        ledger.refused_503 += u64::from(answer.status == 503);
        ledger.without_retry_after += u64::from(matches!(answer.status, 429 | 503) && answer.retry_after_s.is_none());
        answer
    }

    /// Asks until the answer is definite, as the pages do: status and body.
    pub async fn settle(&self, operation: &Operation) -> (u16, Value) {
        let key = format!("{:032x}", rand::rng().random::<u128>());
        let began = Instant::now();
        let (mut perhaps_done, mut refused) = (false, false);
        loop {
            let answer = self.ask(operation, &key).await;
            if !matches!(answer.status, 0 | 429 | 502..=504) {
                // A proxy asks again by itself where that does no harm: then there was no refusal.
                if answer.replayed && refused && !perhaps_done {
                    self.ledger().untrue.push(format!("{}: refused, and done", operation.name));
                }
                let (status, body, replayed) = (answer.status, answer.body, answer.replayed);
                let operation = operation.clone();
                let settled = Settled { operation, key, status, body: body.clone(), replayed, at: Instant::now() };
                self.ledger().settled.push(settled);
                return (status, body);
            }
            assert!(began.elapsed() < PATIENCE, "{}: no definite answer, lastly {}", operation.name, answer.kind());
            // 502 and 504 are what a proxy says of a server that has not answered.
            let unanswered = matches!(answer.status, 0 | 502 | 504) && !answer.refused_outright;
            let unknown = answer.code == "outcome_unknown" || unanswered;
            perhaps_done |= unknown;
            refused |= answer.status != 0;
            self.ledger().unknown_retried += u64::from(unknown);
            // Spread, so that an outage does not end in a stampede.
            let pause_s = answer.retry_after_s.map_or(0.3, |seconds| seconds as f64) * rand::random_range(0.3..1.0);
            tokio::time::sleep(Duration::from_secs_f64(pause_s)).await;
        }
    }

    /// A read by staff; `None` unless it is answered with 200.
    pub async fn read(&self, path: &str) -> Option<Value> {
        let answer = answer_to(self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token)).await;
        (answer.status == 200).then_some(answer.body)
    }

    /// Whether the server says that it is ready, soon.
    pub async fn is_ready(&self) -> bool {
        let asked = self.http.get(format!("{}/readyz", self.base)).timeout(Duration::from_secs(2));
        answer_to(asked).await.status == 200
    }

    /// A read by staff, asked again until the answer is definite: status and body.
    pub async fn read_definite(&self, path: &str) -> (u16, Value) {
        let began = Instant::now();
        loop {
            let answer = answer_to(self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token)).await;
            if !matches!(answer.status, 0 | 429 | 502..=504) {
                return (answer.status, answer.body);
            }
            assert!(began.elapsed() < PATIENCE, "{path}: no definite answer, lastly {}", answer.kind());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until every screen shows, as live, what the queue is, and the queue has all that was acknowledged.
    /// Notes how long after `healed` that was; phones further back are told their place later by design, and are
    /// noted apart.
    pub async fn screens_right(&self, screens: &[Screen], healed: Instant, report: &mut Report) -> f64 {
        let mut near_s = None;
        loop {
            let (near, far) = self.differences(screens).await;
            let now_s = healed.elapsed().as_secs_f64();
            if near.is_empty() && near_s.is_none() {
                near_s = Some(now_s);
                report.worst("screens_right_s", now_s);
            }
            if let Some(near_s) = near_s.filter(|_| near.is_empty() && far.is_empty()) {
                report.worst("far_phones_right_s", now_s);
                return near_s;
            }
            assert!(now_s < PATIENCE.as_secs_f64(), "screens are wrong for good: {near:?} {far:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What is not right yet: on screens that are told at once, and on phones further back.
    pub async fn differences(&self, screens: &[Screen]) -> (Vec<String>, Vec<String>) {
        let nothing = |what: &str| (vec![what.to_owned()], Vec::new());
        let Some(mut queue) = self.read(&format!("{RESTAURANT}/queue")).await else { return nothing("no queue") };
        let Some(board) = self.read(&format!("{RESTAURANT}/board")).await else { return nothing("no board") };
        if stamp(&queue) != stamp(&board) || Some(stamp(&queue)) < self.last_acknowledged() {
            return nothing("the queue lags");
        }
        rank(&mut queue);
        let reading = screens.iter().map(async |screen| match &screen.kind {
            Kind::Phone(id) => self.read(&format!("/v1/tickets/{id}")).await,
            Kind::Board | Kind::Console => None,
        });
        let tickets: Vec<Option<Value>> = stream::iter(reading).buffered(8).collect().await;
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for (screen, ticket) in screens.iter().zip(tickets) {
            let told_at_once = ticket.as_ref().is_none_or(|ticket| ticket["ahead"].as_i64().unwrap_or(0) <= 5);
            if let Err(problem) = compare(screen, &queue, &board, ticket.as_ref()) {
                if told_at_once { near.push(problem) } else { far.push(problem) }
            }
        }
        (near, far)
    }

    fn last_acknowledged(&self) -> Option<(i64, i64)> {
        let ledger = self.ledger();
        let done = ledger.settled.iter().filter(|settled| settled.status < 300 && settled.body["rev"].is_i64());
        done.map(|settled| stamp(&settled.body)).max()
    }

    /// Everything acknowledged is there, once; notes the figures, and fails when it is not so.
    pub async fn judge(&self, screens: &[Screen], report: &mut Report) {
        let mut verdict = Verdict::default();
        self.judge_tickets(&mut verdict).await;
        self.judge_replays(&mut verdict).await;
        for screen in screens {
            verdict.wrong.extend(screen.seen().problems.iter().map(|problem| format!("{:?}: {problem}", screen.kind)));
        }
        let ledger = self.ledger();
        verdict.wrong.extend(ledger.untrue.iter().cloned());
        if ledger.without_retry_after > 0 {
            verdict.wrong.push(format!("{} times 503 without Retry-After", ledger.without_retry_after));
        }
        report.figure("acknowledged", ledger.settled.iter().filter(|settled| settled.status < 300).count());
        report.figure("unknown_retried", ledger.unknown_retried);
        report.figure("refused_503", ledger.refused_503);
        report.figure("lost", verdict.lost.len());
        report.figure("doubled", verdict.doubled.len());
        report.figure("answers", json!(ledger.answers));
        let mut took_s = ledger.took_s.clone();
        took_s.sort_by(f64::total_cmp);
        for (name, share) in [("answer_p50_ms", 0.5), ("answer_p99_ms", 0.99), ("answer_max_ms", 1.0)] {
            let index = ((took_s.len() as f64 * share) as usize).min(took_s.len().saturating_sub(1));
            report.figure(name, (took_s.get(index).copied().unwrap_or_default() * 1_000.0).round());
        }
        let internal: u64 =
            ledger.answers.iter().filter(|(kind, _)| kind.starts_with("500")).map(|(_, count)| count).sum();
        assert_eq!(internal, 0, "nothing fails inside: {:?}", ledger.answers);
        verdict.assert_clean();
    }

    async fn judge_tickets(&self, verdict: &mut Verdict) {
        let expected = expectations(&self.ledger().settled, verdict);
        let read = stream::iter(expected.keys().cloned().collect::<Vec<_>>())
            .map(|id| async move {
                let ticket = self.read(&format!("/v1/tickets/{id}")).await;
                (id, ticket)
            })
            .buffer_unordered(16)
            .collect::<HashMap<_, _>>()
            .await;
        let mut taken = 0;
        for (id, expected) in &expected {
            let Some(ticket) = &read[id] else {
                verdict.lost.push(format!("{} is not there", expected.number));
                continue;
            };
            expected.compare(ticket, verdict);
            if ticket["state"] != "cancelled" {
                for item in ticket["items"].as_array().expect("items") {
                    taken += item["quantity"].as_i64().expect("units") - item["lost"].as_i64().expect("lost");
                }
            }
        }
        let queue = self.read(&format!("{RESTAURANT}/queue")).await.expect("the queue can be read");
        let before: BTreeSet<&str> = ids(&self.before).collect();
        let strangers = ids(&queue).filter(|id| !before.contains(id) && !expected.contains_key(*id));
        verdict.doubled.extend(strangers.map(|_| "a ticket that nobody was told of".to_owned()));
        let joins = today(&queue) - today(&self.before);
        let told = self.ledger().settled.iter().filter(|one| one.operation.name == "join" && one.status == 201).count();
        verdict.balance("joins of the day", joins, told as i64);

        let item = self.counted();
        let (left_before, left) = (self.before["stock"][item].as_i64(), queue["stock"][item].as_i64());
        let ledger = self.ledger();
        let adjusts = ledger.settled.iter().filter(|one| one.operation.name == "adjust" && one.status == 200);
        let adjusted: i64 =
            adjusts.map(|one| one.operation.body.as_ref().expect("by")["by"].as_i64().expect("by")).sum();
        let ledgered = left_before.expect("counted") + adjusted;
        let found = left.expect("counted") + taken;
        if found != ledgered {
            verdict.wrong.push(format!("stock: {left:?} left and {taken} taken, but the ledger says {ledgered}"));
        }
    }

    /// A key that was used still gives the answer it gave.
    async fn judge_replays(&self, verdict: &mut Verdict) {
        const ASKED_AGAIN: usize = 40;
        let done: Vec<(Operation, String, u16, Value)> = {
            let ledger = self.ledger();
            let done = ledger.settled.iter().filter(|one| one.status < 300 && one.operation.name != "guest-cancel");
            let done: Vec<&Settled> = done.collect();
            let step = (done.len() / ASKED_AGAIN).max(1);
            done.iter()
                .step_by(step)
                .map(|one| (one.operation.clone(), one.key.clone(), one.status, one.body.clone()))
                .collect()
        };
        for (operation, key, status, body) in done {
            let again = self.ask(&operation, &key).await;
            if (again.status, again.replayed, &again.body) != (status, true, &body) {
                verdict.doubled.push(format!("{} again: {} {}", operation.name, again.status, again.body));
            }
        }
    }
}

async fn answer_to(request: reqwest::RequestBuilder) -> Answer {
    let sent = Instant::now();
    let mut answer = Answer {
        status: 0,
        code: String::new(),
        body: Value::Null,
        replayed: false,
        retry_after_s: None,
        took_s: 0.0,
        refused_outright: false,
    };
    match request.send().await {
        Ok(response) => {
            let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            answer.replayed = header("idempotency-replayed") == Some("true");
            answer.retry_after_s = header("retry-after").and_then(|seconds| seconds.parse().ok());
            let status = response.status().as_u16();
            // A body that breaks off is no answer.
            if let Ok(body) = response.bytes().await {
                answer.status = status;
                answer.body = serde_json::from_slice(&body).unwrap_or_default();
                answer.code = answer.body["code"].as_str().unwrap_or_default().to_owned();
            }
        }
        Err(error) => answer.refused_outright = error.is_connect(),
    }
    answer.took_s = sent.elapsed().as_secs_f64();
    answer
}

/// Whether a screen shows what is there.
fn compare(screen: &Screen, queue: &Value, board: &Value, ticket: Option<&Value>) -> Result<(), String> {
    let seen = screen.seen();
    let wrong = |what: &str| Err(format!("{:?}: {what}", screen.kind));
    let Some(frame) = seen.shown.frame.clone() else { return wrong("nothing yet") };
    if seen.ended.is_none() && !seen.is_live() {
        return wrong("not live");
    }
    match &screen.kind {
        Kind::Board => {
            let by_nature = ["at", "join_url", "door", "live", "every_ms"];
            if without(frame, &by_nature) != without(board.clone(), &by_nature) {
                return wrong("another board");
            }
        }
        Kind::Console => {
            if stamp(&frame) != stamp(queue) {
                return wrong("another stamp");
            }
            let now = frame["at"].as_i64().max(queue["at"].as_i64()).expect("a time");
            let mut shown = frame;
            rank(&mut shown);
            for part in ["lines", "stock"] {
                if shown[part] != queue[part] {
                    return Err(format!("console: other {part}"));
                }
            }
            if standing(&shown, now) != standing(queue, now) {
                return wrong("other tickets");
            }
        }
        Kind::Phone(_) => {
            let Some(ticket) = ticket else { return wrong("no ticket") };
            if ON_A_PHONE.iter().any(|name| frame[*name] != ticket[*name]) {
                return wrong("another ticket");
            }
        }
    }
    Ok(())
}

fn ids(queue: &Value) -> impl Iterator<Item = &str> {
    queue["tickets"].as_array().expect("tickets").iter().map(|ticket| ticket["id"].as_str().expect("an id"))
}

fn today(queue: &Value) -> i64 {
    queue["lines"].as_array().expect("lines").iter().map(|line| line["today"].as_i64().expect("a count")).sum()
}

#[derive(Default)]
struct Verdict {
    lost: Vec<String>,
    doubled: Vec<String>,
    wrong: Vec<String>,
}

impl Verdict {
    /// There is as much as was acknowledged.
    fn balance(&mut self, what: &str, found: i64, told: i64) {
        let list = if found < told { &mut self.lost } else { &mut self.doubled };
        list.extend((0..found.abs_diff(told)).map(|_| format!("{what}: {found}, acknowledged {told}")));
    }

    fn assert_clean(&self) {
        let Self { lost, doubled, wrong } = self;
        let clean = lost.is_empty() && doubled.is_empty() && wrong.is_empty();
        assert!(clean, "lost {lost:#?}\ndoubled {doubled:#?}\nwrong {wrong:#?}");
    }
}

/// What a ticket must be after all that was acknowledged about it.
struct Expected {
    number: String,
    state: usize,
    calls: i64,
}

impl Expected {
    fn compare(&self, ticket: &Value, verdict: &mut Verdict) {
        let number = &self.number;
        if ticket["number"] != number.as_str() {
            verdict.wrong.push(format!("{number} is now {}", ticket["number"]));
        }
        let state = ticket["state"].as_str().expect("a state");
        let found = STATES.iter().position(|known| *known == state).expect("a known state");
        let told = format!("{number} is {state}, acknowledged {}", STATES[self.state]);
        match found.cmp(&self.state) {
            std::cmp::Ordering::Less => verdict.lost.push(told),
            std::cmp::Ordering::Greater => verdict.doubled.push(told),
            std::cmp::Ordering::Equal => {}
        }
        verdict.balance(&format!("calls of {number}"), ticket["calls"].as_i64().expect("a count"), self.calls);
    }
}

fn expectations(settled: &[Settled], verdict: &mut Verdict) -> BTreeMap<String, Expected> {
    let mut expected = BTreeMap::new();
    let mut numbers = BTreeMap::<String, Vec<_>>::new();
    let done = || settled.iter().filter(|one| one.status < 300);
    for one in done().filter(|one| one.operation.name == "join") {
        let number = one.body["number"].as_str().expect("a number").to_owned();
        let (letter, digits) = number.split_at(1);
        let line = numbers.entry(letter.to_owned()).or_default();
        line.push((stamp(&one.body), digits.parse::<u64>().expect("digits")));
        let id = one.body["id"].as_str().expect("an id").to_owned();
        if expected.insert(id, Expected { number, state: 0, calls: 0 }).is_some() {
            verdict.doubled.push("two parties got the same ticket".to_owned());
        }
    }
    for (letter, mut line) in numbers {
        line.sort_unstable();
        let rises = line.windows(2).all(|pair| pair[0].1 < pair[1].1);
        if !rises {
            verdict.wrong.push(format!("numbers of line {letter} do not follow the joins, each once"));
        }
    }
    for one in done() {
        let name = one.operation.name;
        let id = match name {
            "call-next" => one.body["ticket"]["id"].as_str().expect("an id"),
            "join" | "adjust" => continue,
            _ => one.operation.about.as_deref().expect("a ticket"),
        };
        let Some(ticket) = expected.get_mut(id) else {
            verdict.wrong.push(format!("{name} of a ticket that nobody was given"));
            continue;
        };
        let state = match name {
            "call-next" | "recall" => {
                ticket.calls += 1;
                "called"
            }
            "seat" => "seated",
            "complete" => "completed",
            "no-show" => "no_show",
            _ => "cancelled",
        };
        if name == "call-next" && ticket.calls > 1 {
            verdict.doubled.push(format!("{} was called for two calls", ticket.number));
        }
        ticket.state = ticket.state.max(STATES.iter().position(|known| *known == state).expect("a known state"));
    }
    expected
}
