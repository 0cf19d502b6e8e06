//! One history: random commands in random lives of Redis and its servers. What it does follows from its seed; what comes
//! of it does not, for several commands are under way at once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;

use super::{
    Flavour, ITEMS, audit,
    ledger::{Ledger, Stamp},
};
use crate::{
    harness::{redis_of_ones_own::Copy, wire::Flow},
    record::house::{Answer, Ask, House, new_key},
};

/// How often what happened.
pub type Tally = BTreeMap<String, u64>;

/// Copies of Redis that are kept to be put back.
const COPIES_MAX: usize = 4;

/// What a command does to the stock, if it counts: the item, what is set, what is added.
type Counting = Option<(&'static str, Option<Option<i64>>, i64)>;

#[derive(Clone)]
struct Order {
    ask: Ask,
    key: String,
    counting: Counting,
}

/// A copy of Redis, and whether everything in it was recorded once.
struct Kept {
    copy: Copy,
    is_recorded: bool,
}

/// What a batch may hold.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Everything.
    Calm,
    /// Redis is another process, and nobody knows whether it was compared with the record.
    Uneasy,
    /// The same, and nobody waits until it was: there may be nothing to compare it with.
    WithoutRecord,
}

struct History {
    flavour: Flavour,
    random: StdRng,
    house: House,
    ledger: Ledger,
    copies: Vec<Kept>,
    /// Commands that were acknowledged, to be asked again.
    done: Vec<Order>,
    /// Those since the record was complete.
    unrecorded: BTreeSet<String>,
    /// Where the record was when it was complete last.
    recorded_at: Stamp,
    postgres_is_away: bool,
    /// The servers end with this life, and with them what they know.
    servers_end: bool,
    tally: Tally,
    story: Vec<String>,
}

/// Plays a history; answers how often what happened, and what is wrong.
pub async fn play(flavour: Flavour, seed: u64) -> (Tally, Vec<String>) {
    let kind = crc32fast::hash(flavour.case.as_bytes());
    let mut random = StdRng::seed_from_u64(u64::from(kind) << 32 | seed);
    let mut house = House::open(flavour.records).await;
    let mut ledger = Ledger::default();
    for item in ITEMS {
        ledger.begin(item, 50);
    }
    if flavour.servers > 1 {
        house.another(flavour.records);
        house.ready().await;
    }
    let lives = random.random_range(2..=4);
    let mut history = History {
        flavour,
        random,
        house,
        ledger,
        copies: Vec::new(),
        done: Vec::new(),
        unrecorded: BTreeSet::new(),
        recorded_at: (0, 0),
        postgres_is_away: false,
        servers_end: false,
        tally: Tally::new(),
        story: Vec::new(),
    };
    let mut problems = history.begin().await;
    for life in 0..lives {
        let batches = history.random.random_range(1..=4);
        history.batches(batches, Mood::Calm).await;
        if life == 0 {
            // Before anything is lost the judge has to agree, too.
            history.is_recorded().await;
            problems.extend(history.compared().await);
        }
        if !problems.is_empty() {
            break;
        }
        history.life_ends().await;
        problems = history.settled().await;
        if !problems.is_empty() {
            break;
        }
    }
    if !problems.is_empty() {
        problems.push(format!("what happened:\n    {}", history.story.join("\n    ")));
        if std::env::var("WAITLESS_TEST_SEED").is_ok() {
            problems.push(history.house.said());
        }
    }
    *history.tally.entry("tickets lost, and said to be".to_owned()).or_default() += history.ledger.lost as u64;
    (history.tally, problems)
}

impl History {
    fn note(&mut self, what: impl Into<String>) {
        *self.tally.entry(what.into()).or_default() += 1;
    }

    fn tell(&mut self, what: impl Into<String>) {
        self.story.push(what.into());
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    /// Enough to eat for everybody, a few parties, and the first copy.
    async fn begin(&mut self) -> Vec<String> {
        let plenty = Order {
            ask: Ask::set(ITEMS[0], Some(400)),
            key: self.new_key(),
            counting: Some((ITEMS[0], Some(Some(400)), 0)),
        };
        self.batch(vec![plenty]).await;
        let parties: Vec<Order> = (0..3).map(|_| self.a_join()).collect();
        self.batch(parties).await;
        self.copies.push(Kept { copy: self.house.redis.copy(), is_recorded: false });
        self.ledger.problems.clone()
    }

    fn new_key(&mut self) -> String {
        format!("key-of-a-history-{:016x}-{}", self.random.random::<u64>(), &new_key()[20..])
    }

    async fn batches(&mut self, batches: usize, mood: Mood) {
        for _ in 0..batches {
            let orders = self.some_orders(mood);
            self.batch_in(mood, orders).await;
            if mood == Mood::Calm && self.chance(0.4) {
                if self.copies.len() == COPIES_MAX {
                    // The first is the oldest that there is.
                    let gone = self.random.random_range(1..COPIES_MAX);
                    self.copies.remove(gone);
                }
                self.copies.push(Kept { copy: self.house.redis.copy(), is_recorded: false });
                let last = self.copies.len();
                self.tell(format!("a copy is kept ({last})"));
            }
        }
    }

    /// Some commands that are under way at once.
    fn some_orders(&mut self, mood: Mood) -> Vec<Order> {
        // What is set counts by what is held at that moment: nothing else is under way then.
        if mood == Mood::Calm && self.chance(0.15) {
            let item = ITEMS[self.random.random_range(0..ITEMS.len())];
            let left = self.random.random_range(150..400);
            // Only what nobody orders is ever not counted.
            let left = (item == ITEMS[0] || self.chance(0.6)).then_some(left);
            let counting = Some((item, Some(left), 0));
            return vec![Order { ask: Ask::set(item, left), key: self.new_key(), counting }];
        }
        let len = self.random.random_range(1..=5);
        (0..len).map(|_| self.some_order(mood)).collect()
    }

    fn some_order(&mut self, mood: Mood) -> Order {
        // When PostgreSQL is away, too, nobody can know whether a key was used before.
        let may_ask_again = !self.done.is_empty() && !self.postgres_is_away;
        if may_ask_again && self.chance(if mood == Mood::Uneasy { 0.3 } else { 0.15 }) {
            let again = self.random.random_range(0..self.done.len());
            return self.done[again].clone();
        }
        if self.chance(0.4) {
            return self.a_join();
        }
        if self.chance(0.2) {
            let item = ITEMS[self.random.random_range(0..ITEMS.len())];
            let by =
                if mood == Mood::Calm { self.random.random_range(-20..30) } else { self.random.random_range(1..10) };
            return Order { ask: Ask::adjust(item, by), key: self.new_key(), counting: Some((item, None, by)) };
        }
        let line = ["A", "B"][self.random.random_range(0..2)];
        let ids = self.ledger.ids();
        if ids.is_empty() || self.chance(0.3) {
            return Order { ask: Ask::call_next(line), key: self.new_key(), counting: None };
        }
        let id = ids[self.random.random_range(0..ids.len())].as_str();
        let places = self.random.random_range(1..4);
        let ask = match self.random.random_range(0..11) {
            0 => Ask::act("call", id, json!({ "reason": "accessibility" })),
            1 | 2 => Ask::act("seat", id, json!({})),
            3 => Ask::act("complete", id, json!({})),
            4 => Ask::act("cancel", id, json!({})),
            5 => Ask::act("no-show", id, json!({})),
            6 => Ask::act("restore", id, json!({ "places": places })),
            7 => Ask::act("undo", id, json!({})),
            8 => Ask::act("put-back", id, json!({ "places": places })),
            9 => Ask::holder("delay", id, Some(json!({ "places": places }))),
            _ => Ask::holder("guest cancel", id, None),
        };
        Order { ask, key: self.new_key(), counting: None }
    }

    fn a_join(&mut self) -> Order {
        let mut body = json!({
            "line": if self.chance(0.6) { "A" } else { "B" },
            "adults": self.random.random_range(1..=6),
            "channel": if self.chance(0.3) { "remote" } else { "onsite" },
        });
        if self.chance(0.5) {
            body["items"] = json!([{ "item": ITEMS[0], "quantity": self.random.random_range(1..=4) }]);
        }
        if self.chance(0.2) {
            body["phone"] = json!(format!("010{:08}", self.random.random_range(20_000_000..20_000_012)));
        }
        Order { ask: Ask::join(body), key: self.new_key(), counting: None }
    }

    async fn batch(&mut self, orders: Vec<Order>) {
        self.batch_in(Mood::Calm, orders).await;
    }

    /// Asks for all of these at once, each until its answer is definite.
    async fn batch_in(&mut self, mood: Mood, orders: Vec<Order>) {
        let servers: Vec<usize> = orders.iter().map(|_| self.random.random_range(0..self.flavour.servers)).collect();
        let house = &self.house;
        let asking = orders.iter().zip(servers).map(async |(order, server)| match mood {
            Mood::WithoutRecord => house.settle_or_not_now(server, &order.ask, &order.key).await,
            Mood::Calm | Mood::Uneasy => house.settle_of(server, &order.ask, &order.key).await,
        });
        let answers = join_all(asking).await;
        self.take(orders, answers);
    }

    fn take(&mut self, orders: Vec<Order>, answers: Vec<Answer>) {
        for (order, answer) in orders.into_iter().zip(answers) {
            let is_new = !self.ledger.knows(&order.key);
            let about = if answer.body["ticket"].is_object() { &answer.body["ticket"] } else { &answer.body };
            let number = about["number"].as_str().unwrap_or_default().to_owned();
            let about = order.ask.ticket().map(|id| id[id.len() - 6..].to_owned()).unwrap_or_default();
            self.tell(format!(
                "{}{} {} {}: {} at ({}, {}), {} left",
                order.ask,
                if is_new { "" } else { " again" },
                about,
                number,
                answer.kind(),
                answer.body["epoch"],
                answer.body["rev"],
                answer.body["left"],
            ));
            let again = if is_new { "" } else { ", asked again" };
            self.note(format!("{}{again}: {}", order.ask.name, answer.kind()));
            if answer.is_not_now() {
                continue;
            }
            if answer.status >= 300 {
                if !is_new {
                    self.ledger.problems.push(format!("{}, asked again: {}", order.ask.name, answer.kind()));
                }
                let may_be_gone = order.ask.ticket().is_some_and(|id| self.ledger.may_be_gone(id));
                if answer.status == 404 || (answer.status == 410 && !may_be_gone) {
                    self.ledger.problems.push(format!("{:?}: {}", order.ask, answer.kind()));
                }
                continue;
            }
            if let Some((item, set, by)) = order.counting {
                self.ledger.counted(item, set, by, &answer.body, is_new);
            }
            self.ledger.acknowledged(order.ask.name, &order.key, answer.status, &answer.body, answer.replayed);
            if is_new {
                self.unrecorded.insert(order.key.clone());
                self.done.push(order);
            }
        }
    }

    /// Everything that was acknowledged is recorded.
    async fn is_recorded(&mut self) {
        if !self.flavour.records && self.house.worker.is_none() {
            self.house.recorder();
        }
        self.house.recorded().await;
        self.recorded_at = self.house.stands().await.expect("something is recorded");
        self.ledger.recorded();
        self.copies.iter_mut().for_each(|kept| kept.is_recorded = true);
        self.unrecorded.clear();
        if let Some(mut worker) = self.house.worker.take() {
            worker.stop().await;
        }
    }

    /// What was not recorded may be lost from now on.
    fn is_lost(&mut self) {
        let (epoch, rev) = self.recorded_at;
        // A copy of what is said to be lost would bring it back.
        self.copies.retain(|kept| kept.is_recorded);
        self.ledger.may_be_lost((epoch, rev + 1));
        if self.servers_end {
            self.ledger.forget_numbers();
        }
        self.done.retain(|order| !self.unrecorded.contains(&order.key));
        self.ledger.forget(&self.unrecorded);
        self.unrecorded.clear();
    }

    /// Redis, the servers or both come to an end, and begin again.
    async fn life_ends(&mut self) {
        let servers_end = self.chance(self.flavour.servers_end);
        self.servers_end = servers_end;
        self.postgres_is_away = self.chance(self.flavour.postgres_away);
        let losses = if self.chance(self.flavour.losses_in_a_row) { self.random.random_range(2..=3) } else { 1 };
        let unrecorded = self.chance(self.flavour.unrecorded);
        if !unrecorded {
            self.is_recorded().await;
        }
        if servers_end {
            self.servers_end().await;
        }
        if self.postgres_is_away {
            self.tell("PostgreSQL is away");
            self.note("life: PostgreSQL was away");
            self.house.postgres.set(Flow::Gone);
        }
        for loss in 0..losses {
            if loss > 0 {
                self.note("life: lost again before it was compared");
                // Some have seen it meanwhile, and acted: that may be lost, too.
                if !servers_end && self.chance(0.4) {
                    self.batches(1, Mood::WithoutRecord).await;
                }
            }
            self.redis_ends(!servers_end && !self.postgres_is_away).await;
        }
        if servers_end {
            self.tell("the servers begin again");
            self.house.servers_begin_again(self.flavour.records);
        }
        if self.postgres_is_away {
            let batches = self.random.random_range(0..=2);
            self.batches(batches, Mood::WithoutRecord).await;
            self.tell("PostgreSQL is back");
            self.house.postgres.set(Flow::Open);
        }
        // A server goes on without PostgreSQL until it finds that it is back.
        let batches = self.random.random_range(0..=2);
        self.batches(batches, Mood::Uneasy).await;
        self.postgres_is_away = false;
    }

    async fn servers_end(&mut self) {
        if self.chance(0.5) {
            self.tell("the servers are killed");
            self.note("life: servers killed");
            self.house.kill_servers().await;
            return;
        }
        self.tell("the servers stop");
        self.note("life: servers stopped in order");
        for server in &mut self.house.servers {
            server.stop().await;
        }
    }

    async fn redis_ends(&mut self, is_alone: bool) {
        match self.random.random_range(0..10) {
            0..=2 => {
                self.note("life: Redis restarted");
                if is_alone && self.chance(0.5) {
                    return self.redis_restarts_under_way().await;
                }
                self.tell("Redis restarts");
                self.house.redis_returns(None).await;
            }
            3..=7 if self.copies.iter().any(|kept| kept.is_recorded) => {
                self.is_lost();
                let copy = self.random.random_range(0..self.copies.len());
                self.tell(format!("Redis comes back with copy {}", copy + 1));
                self.note("life: Redis came back older");
                self.house.redis_returns(Some(&self.copies[copy].copy)).await;
            }
            _ => {
                self.tell("Redis is emptied");
                self.note("life: Redis was emptied");
                self.is_lost();
                self.house.redis_is_emptied().await;
            }
        }
    }

    /// Commands are under way when Redis dies; it keeps all that it acknowledged.
    async fn redis_restarts_under_way(&mut self) {
        self.tell("Redis restarts, with commands under way");
        let orders = self.some_orders(Mood::Uneasy);
        let keys: Vec<String> = orders.iter().map(|order| order.key.clone()).collect();
        let (mut answers, mut first) = (Vec::new(), Vec::new());
        {
            let house = &self.house;
            let asking: Vec<_> = orders.iter().map(|order| house.ask_of(0, &order.ask, &order.key)).collect();
            // Sent, and not waited for: whether each is done before Redis dies is a matter of chance.
            let mut asking = std::pin::pin!(join_all(asking));
            let a_moment = tokio::task::yield_now();
            tokio::select! {
                biased;
                done = &mut asking => first = done,
                () = a_moment => {}
            }
        }
        self.house.redis_returns(None).await;
        drop(first);
        for (order, key) in orders.iter().zip(&keys) {
            answers.push(self.house.settle_of(0, &order.ask, key).await);
        }
        self.take(orders, answers);
    }

    /// Waits until nothing is under way any more, and compares.
    async fn settled(&mut self) -> Vec<String> {
        if !self.flavour.records && self.house.worker.is_none() {
            self.house.recorder();
        }
        self.house.compared().await;
        let problems = self.compared().await;
        self.is_recorded().await;
        problems
    }

    /// Compares, when everything is recorded.
    async fn compared(&mut self) -> Vec<String> {
        let server = self.random.random_range(0..self.flavour.servers);
        let problems = audit::look(&self.house, server, &mut self.ledger).await;
        self.tell("everything was compared");
        self.note("compared");
        problems
    }
}
