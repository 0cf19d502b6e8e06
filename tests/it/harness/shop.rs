//! A restaurant of one test: its own keys in the shared Redis, and a clock that the test sets.

use std::collections::BTreeMap;

use rand::RngExt as _;
use waitless::{
    domain::{
        Actor, Channel, Command, Event, Join, LineId, MenuItem, Millis, OpenState, Policy, Rejection, RestaurantId,
        RestaurantRecord, Role, Stamp, Ticket, TicketId, TicketState, replica::Snapshot,
    },
    queue::{
        CallContext, Deadline, Idempotency, Opening, Outcome, Queue, QueueSettings, Reconcile, RollStep,
        keys::{NAMES, Partition},
    },
};

/// Noon of some day in Seoul.
pub const NOON: Millis = 1_795_316_400_000;

/// How long the business day lasts after [`NOON`]: until five in the morning.
pub const DAY_ENDS_AT: Millis = NOON + 17 * 3_600_000;

/// What is in some keys: fields and values, or members and scores.
pub type Dump = BTreeMap<String, Vec<(Vec<u8>, Vec<u8>)>>;

/// A restaurant, loaded.
pub struct Shop {
    pub queue: Queue,
    pub id: RestaurantId,
    pub now: Millis,
    /// The record does not answer.
    pub alone: bool,
}

/// What is not like the default shop.
#[derive(Clone)]
pub struct Layout {
    pub policy: Policy,
    pub lines: Vec<&'static str>,
    pub stock: Vec<(&'static str, Option<i64>)>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            lines: vec!["A", "B"],
            stock: vec![("cake", Some(5)), ("soup", Some(2)), ("tea", None)],
        }
    }
}

pub fn line(letter: &str) -> LineId {
    letter.parse().expect("a letter")
}

pub fn staff() -> Actor {
    Actor { role: Role::Staff, device: None, account: Some("7".to_owned()) }
}

pub fn guest() -> Actor {
    Actor::of(Role::Guest)
}

pub fn device() -> Actor {
    Actor { role: Role::Device, device: Some("kiosk-1".to_owned()), account: None }
}

/// A queue with keys of its own that refuses undeclared ones.
pub fn queue() -> Queue {
    queue_on(&super::given("WAITLESS_TEST_REDIS_URL"))
}

fn queue_on(url: &str) -> Queue {
    let namespace = format!("t{:016x}", rand::rng().random::<u64>());
    Queue::new(url, &QueueSettings { namespace, guarded: true, may_lose: None }).expect("a URL")
}

impl Shop {
    /// A restaurant that no script knows yet.
    pub fn unopened() -> Self {
        Self { queue: queue(), id: RestaurantId(rand::rng().random_range(1..u64::MAX)), now: NOON, alone: false }
    }

    /// The default shop, in another Redis than the shared one.
    pub async fn on(url: &str) -> Self {
        let shop = Self { queue: queue_on(url), ..Self::unopened() };
        let opening = shop.opening(&Layout::default());
        shop.queue.load(&opening, Some(shop.now)).await.expect("Redis").expect("not loaded before");
        shop
    }

    pub async fn open(layout: Layout) -> Self {
        let shop = Self::unopened();
        shop.queue.load(&shop.opening(&layout), Some(shop.now)).await.expect("Redis").expect("not loaded before");
        shop
    }

    pub async fn with_policy(policy: Policy) -> Self {
        Self::open(Layout { policy, ..Layout::default() }).await
    }

    pub fn opening(&self, layout: &Layout) -> Opening {
        Opening {
            restaurant: RestaurantRecord {
                id: self.id,
                slug: format!("s{}", self.id),
                name: "국수집".to_owned(),
                time_zone: "Asia/Seoul".to_owned(),
                currency: "KRW".to_owned(),
                state: OpenState::Open,
                until: None,
                reason: None,
                announcement: None,
                day: "2026-11-22".to_owned(),
                day_ends_at: DAY_ENDS_AT,
                opened_at: None,
                rebuilt_at: None,
                epoch: 0,
            },
            policy: layout.policy.clone().into(),
            lines: layout.lines.iter().map(|letter| (line(letter), format!("line {letter}"))).collect(),
            menu: layout
                .stock
                .iter()
                .map(|(id, left)| (MenuItem { id: (*id).to_owned(), name: format!("{id} name"), price: 1_000 }, *left))
                .collect(),
        }
    }

    /// A party of two at the door, without anything special.
    pub fn party(&self, letter: &str) -> Join {
        let id = TicketId::new(self.id, rand::rng().random());
        Join {
            r#ref: format!("r{}", &id.as_str()[20..]),
            id,
            code: "1234".to_owned(),
            line: line(letter),
            adults: 2,
            children: 0,
            channel: Channel::Onsite,
            present: false,
            guards: Vec::new(),
            items: Vec::new(),
            drop_sold_out: false,
            name: None,
            phone_last4: None,
            note: None,
            lang: None,
            eta: None,
            place: None,
        }
    }

    /// Time goes by and nobody looks: more than ten seconds of it are an outage.
    pub fn later(&mut self, ms: Millis) {
        self.now += ms;
    }

    /// Time goes by, and the timers were looking all the while.
    pub async fn pass(&mut self, ms: Millis) {
        self.now += ms;
        let heartbeat: Option<i64> = self.field("src", "heartbeat").await;
        if heartbeat.is_some() {
            self.set_field("src", "heartbeat", self.now).await;
        }
    }

    /// Redis is another process from now on, as far as the scripts can tell.
    pub async fn become_another(&self) {
        self.set_field("src", "run_id", "another").await;
        self.due().await;
    }

    /// The life of Redis, as far as the scripts can tell.
    pub async fn life(&self) -> i64 {
        self.queue.comparison(self.id, 0).await.expect("Redis answers");
        self.field("src", "life").await.expect("found")
    }

    /// The record has nothing that is not here.
    pub async fn end_comparison(&self) {
        let key = format!("{:016x}", rand::rng().random::<u64>());
        let nothing = Reconcile { key, covered: 1_000, last: true, ..Reconcile::nothing(self.id, self.life().await) };
        self.queue.reconcile(&nothing, Some(self.now)).await.expect("Redis answers").expect("not compared");
    }

    pub async fn run(&self, actor: &Actor, command: Command) -> Result<Outcome, Rejection> {
        self.queue.run(self.id, &self.context(actor), &command).await.expect("Redis answers")
    }

    pub async fn run_once(&self, actor: &Actor, key: &str, body: &str, command: Command) -> Result<Outcome, Rejection> {
        let idempotency = Some(Idempotency { key: key.to_owned(), body: body.to_owned(), ttl_ms: 600_000 });
        let context = CallContext { idempotency, ..self.context(actor) };
        self.queue.run(self.id, &context, &command).await.expect("Redis answers")
    }

    /// Runs a command that must succeed, and answers its ticket.
    pub async fn did(&self, actor: &Actor, command: Command) -> Ticket {
        let name = format!("{command:?}");
        let outcome = self.run(actor, command).await.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        outcome.done.ticket.expect("a ticket")
    }

    /// Runs a command that must succeed and has no ticket.
    pub async fn did_quietly(&self, actor: &Actor, command: Command) {
        let name = format!("{command:?}");
        self.run(actor, command).await.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
    }

    pub fn context(&self, actor: &Actor) -> CallContext {
        CallContext { now: Some(self.now), alone: self.alone, ..CallContext::by(actor.clone()) }
    }

    pub async fn join(&self, letter: &str) -> Ticket {
        self.did(&guest(), Command::Join(Box::new(self.party(letter)))).await
    }

    pub async fn snapshot(&self) -> Snapshot {
        self.queue.snapshot(self.id, Some(self.now), self.alone).await.expect("Redis answers").expect("loaded")
    }

    /// Where it stands.
    pub async fn stamp(&self) -> Stamp {
        self.queue.stamps(&[self.id]).await.expect("Redis answers")[0].expect("loaded")
    }

    pub async fn ticket(&self, id: &TicketId) -> Ticket {
        self.queue.ticket(id).await.expect("Redis answers").expect("known")
    }

    pub async fn due(&self) -> Vec<Deadline> {
        self.queue.due(Partition::of(self.id), Some(self.now), None).await.expect("Redis answers").deadlines
    }

    pub async fn expire(&self, deadline: &Deadline) -> Result<Outcome, Rejection> {
        self.queue.expire(deadline, Some(self.now)).await.expect("Redis answers")
    }

    pub async fn roll(&self, day: &str, ends_at: Millis) -> Result<RollStep, Rejection> {
        self.queue.roll_day(self.id, day, ends_at, Some(self.now)).await.expect("Redis answers")
    }

    /// Lets every deadline that has come act, as the timers do; answers what each did.
    pub async fn tick(&self) -> Vec<(String, Result<Outcome, Rejection>)> {
        let mut acts = Vec::new();
        for deadline in self.due().await {
            let outcome = self.expire(&deadline).await;
            acts.push((deadline.kind, outcome));
        }
        acts
    }

    /// Every key of the restaurant and its partition with all that is in it, but for what a refusal may write.
    pub async fn dump(&self) -> Dump {
        let mut redis = self.redis().await;
        let mut dump = BTreeMap::new();
        for key in self.queue.keys().of_restaurant(self.id) {
            if key.ends_with(":src") || key.ends_with(":codes") {
                continue;
            }
            // Not DUMP: that depends on how a hash lies in memory, which reading may change.
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.expect("TYPE");
            let read = match kind.as_str() {
                "none" => continue,
                "hash" => {
                    let mut command = redis::cmd("HGETALL");
                    command.arg(&key);
                    command
                }
                "zset" => {
                    let mut command = redis::cmd("ZRANGE");
                    command.arg(&key).arg(0).arg(-1).arg("WITHSCORES");
                    command
                }
                "stream" => {
                    let len: i64 = redis::cmd("XLEN").arg(&key).query_async(&mut redis).await.expect("XLEN");
                    dump.insert(key, vec![(len.to_string().into_bytes(), Vec::new())]);
                    continue;
                }
                other => panic!("{key} is a {other}"),
            };
            let mut entries: Vec<(Vec<u8>, Vec<u8>)> = read.query_async(&mut redis).await.expect("a read");
            entries.sort_unstable();
            dump.insert(key, entries);
        }
        dump
    }

    /// The newest event of the partition's log.
    pub async fn last_event(&self) -> Event {
        self.events().await.pop().expect("something happened")
    }

    /// The key of this name in the fixed list.
    pub fn key(&self, name: &str) -> String {
        let index = NAMES.iter().position(|candidate| *candidate == name).expect("a name of the fixed list");
        self.queue.keys().of_restaurant(self.id)[index].clone()
    }

    pub async fn field<T: redis::FromRedisValue>(&self, name: &str, field: &str) -> Option<T> {
        redis::cmd("HGET").arg(self.key(name)).arg(field).query_async(&mut self.redis().await).await.expect("HGET")
    }

    pub async fn set_field(&self, name: &str, field: &str, value: impl redis::ToSingleRedisArg) {
        let mut redis = self.redis().await;
        redis::cmd("HSET").arg(self.key(name)).arg(field).arg(value).exec_async(&mut redis).await.expect("HSET");
    }

    /// Says that the live state was rebuilt then, behind the scripts' back, to set a scene.
    pub async fn set_rebuilt_at(&self, rebuilt_at: Option<Millis>) {
        let packed: Vec<u8> = self.field("meta", "restaurant").await.expect("loaded");
        let mut record: RestaurantRecord = rmp_serde::from_slice(&packed).expect("a record");
        record.rebuilt_at = rebuilt_at;
        self.set_field("meta", "restaurant", rmp_serde::to_vec_named(&record).expect("a record packs")).await;
    }

    /// Members and scores of a sorted set.
    pub async fn scores(&self, name: &str) -> BTreeMap<String, i64> {
        let mut redis = self.redis().await;
        let key = self.key(name);
        redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES").query_async(&mut redis).await.expect("ZRANGE")
    }

    /// Deadlines of this restaurant, as kind and subject.
    pub async fn deadlines(&self) -> BTreeMap<(String, String), Millis> {
        let deadlines = self.scores("deadlines").await;
        deadlines
            .iter()
            .map(|(member, at)| {
                let parts: Vec<&str> = member.splitn(3, '|').collect();
                assert_eq!(parts[0], self.id.to_string());
                ((parts[1].to_owned(), parts[2].to_owned()), *at)
            })
            .collect()
    }

    /// Gives a waiting ticket another order behind the scripts' back, to set a scene.
    pub async fn take_place(&self, ticket: &Ticket, order: &str) {
        let mut redis = self.redis().await;
        let ticket = self.ticket(&ticket.id).await;
        let member = |order: &str| format!("{}-{order}-{}", ticket.line, ticket.id.as_str());
        let head = |order: &str| {
            let presence = if ticket.checked_in { 'h' } else { 'a' };
            format!("{}-{:02}-{presence}-{order}-{}", ticket.line, ticket.party(), ticket.id.as_str())
        };
        let packed: Vec<u8> = self.field("tickets", ticket.id.as_str()).await.expect("a ticket");
        let mut fields: serde_json::Map<String, serde_json::Value> = rmp_serde::from_slice(&packed).expect("a map");
        fields.insert("order".to_owned(), order.into());
        let packed = rmp_serde::to_vec_named(&fields).expect("a map packs");
        self.set_field("tickets", ticket.id.as_str(), packed).await;
        for (key, old, new) in [
            (self.key("order"), member(&ticket.order), member(order)),
            (self.key("heads"), head(&ticket.order), head(order)),
        ] {
            let removed: i64 = redis::cmd("ZREM").arg(&key).arg(old).query_async(&mut redis).await.expect("ZREM");
            assert_eq!(removed, 1, "it waits");
            redis::cmd("ZADD").arg(&key).arg(0).arg(new).exec_async(&mut redis).await.expect("ZADD");
        }
    }

    /// Numbers of the waiting of a line, nearest first.
    pub async fn waiting(&self, letter: &str) -> Vec<String> {
        let mut tickets = self.snapshot().await.tickets;
        tickets.retain(|ticket| ticket.state == TicketState::Waiting && ticket.line == line(letter));
        tickets.sort_by(|a, b| a.order.cmp(&b.order));
        tickets.into_iter().map(|ticket| ticket.number).collect()
    }

    /// Units left of an item; `None` when it is not counted.
    pub async fn left(&self, item: &str) -> Option<i64> {
        self.field("stock", item).await
    }

    /// All events of the partition's log.
    pub async fn events(&self) -> Vec<Event> {
        let mut redis = self.redis().await;
        let key = self.key("events");
        let entries: redis::streams::StreamRangeReply =
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut redis).await.expect("XRANGE");
        entries
            .ids
            .iter()
            .map(|entry| {
                let packed: Vec<u8> = entry.get("event").expect("every entry has an event");
                rmp_serde::from_slice(&packed).expect("an event")
            })
            .collect()
    }

    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(super::given("WAITLESS_TEST_REDIS_URL")).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("Redis answers")
    }
}
