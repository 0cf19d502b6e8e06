//! A restaurant of one test: its own keys in the shared Redis, and a clock that the test sets.

use std::collections::BTreeMap;

use rand::RngExt as _;
use waitless::{
    domain::{
        Actor, Channel, Command, Event, Join, LineId, MenuItem, Millis, OpenState, Policy, Rejection, RestaurantId,
        RestaurantRecord, Role, Ticket, TicketId, replica::Snapshot,
    },
    queue::{CallContext, Idempotency, Opening, Outcome, Queue, QueueSettings, keys::Partition},
};

/// Noon of some day in Seoul.
pub const NOON: Millis = 1_795_316_400_000;

/// How long the business day lasts after [`NOON`]: until five in the morning.
pub const DAY_ENDS_AT: Millis = NOON + 17 * 3_600_000;

/// A restaurant, loaded.
pub struct Shop {
    pub queue: Queue,
    pub id: RestaurantId,
    pub now: Millis,
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

/// A queue with keys of its own that refuses undeclared ones.
pub fn queue() -> Queue {
    let namespace = format!("t{:016x}", rand::rng().random::<u64>());
    Queue::new(&super::given("WAITLESS_TEST_REDIS_URL"), &QueueSettings { namespace, guarded: true }).expect("a URL")
}

impl Shop {
    pub async fn open(layout: Layout) -> Self {
        let shop = Self { queue: queue(), id: RestaurantId(rand::rng().random_range(1..u64::MAX)), now: NOON };
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
            },
            policy: layout.policy.clone(),
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
        }
    }

    pub fn later(&mut self, ms: Millis) {
        self.now += ms;
    }

    pub async fn run(&self, actor: &Actor, command: Command) -> Result<Outcome, Rejection> {
        let context = CallContext { actor: actor.clone(), idempotency: None, now: Some(self.now) };
        self.queue.run(self.id, &context, &command).await.expect("Redis answers")
    }

    pub async fn run_once(&self, actor: &Actor, key: &str, body: &str, command: Command) -> Result<Outcome, Rejection> {
        let idempotency = Some(Idempotency { key: key.to_owned(), body: body.to_owned(), ttl_ms: 600_000 });
        let context = CallContext { actor: actor.clone(), idempotency, now: Some(self.now) };
        self.queue.run(self.id, &context, &command).await.expect("Redis answers")
    }

    /// Runs a command that must succeed, and answers its ticket.
    pub async fn did(&self, actor: &Actor, command: Command) -> Ticket {
        let name = format!("{command:?}");
        let outcome = self.run(actor, command).await.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        outcome.done.ticket.expect("a ticket")
    }

    pub async fn join(&self, letter: &str) -> Ticket {
        self.did(&guest(), Command::Join(Box::new(self.party(letter)))).await
    }

    pub async fn snapshot(&self) -> Snapshot {
        self.queue.snapshot(self.id, Some(self.now)).await.expect("Redis answers").expect("loaded")
    }

    pub async fn ticket(&self, id: &TicketId) -> Ticket {
        self.queue.ticket(id).await.expect("Redis answers").expect("known")
    }

    /// Lets every deadline that has come act, as the timers do; answers what each did.
    pub async fn tick(&self) -> Vec<(String, Result<Outcome, Rejection>)> {
        let mut acts = Vec::new();
        let due = self.queue.due(Partition::of(self.id), Some(self.now), None).await.expect("Redis answers");
        for deadline in due.deadlines {
            let outcome = self.queue.expire(&deadline, Some(self.now)).await.expect("Redis answers");
            acts.push((deadline.kind, outcome));
        }
        acts
    }

    /// Every key of the restaurant and its partition with all that is in it, but for what a refusal may write.
    pub async fn dump(&self) -> BTreeMap<String, Vec<u8>> {
        let mut redis = self.redis().await;
        let mut dump = BTreeMap::new();
        for key in self.queue.keys().of_restaurant(self.id) {
            if key.ends_with(":src") || key.ends_with(":codes") {
                continue;
            }
            let value: Option<Vec<u8>> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.expect("DUMP");
            dump.insert(key, value.unwrap_or_default());
        }
        dump
    }

    /// All events of the partition's log.
    pub async fn events(&self) -> Vec<Event> {
        let mut redis = self.redis().await;
        let key = self.queue.keys().of_partition(Partition::of(self.id))[15].clone();
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
