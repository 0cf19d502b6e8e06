//! How fast what happened is recorded, beside the raw insert rate of the same PostgreSQL, and how long a rebuild takes.
//! `make bench-record` runs it on a `waitless dev` of its own whose server does not record; prints and writes JSON.
//!
//! The events are those of real scripts, with idempotency keys as the pages send them; the recorder is `waitless worker`.

use std::{
    collections::VecDeque,
    env,
    process::{Child, Command as Process, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, stream};
use rand::RngExt as _;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use waitless::{
    config::Secret,
    db::{
        Db,
        restaurants::{NewRestaurant, create},
    },
    domain::{Actor, Channel, Command, Join, LineId, MenuItem, RestaurantId, Role, TicketId},
    metrics::Metrics,
    queue::{CallContext, Idempotency, Queue, QueueSettings},
    service::restaurants::Restaurants,
};

/// Events to record.
const EVENTS: usize = 200_000;

/// Restaurants they are of.
const RESTAURANTS: usize = 24;

/// Rows of one raw insert: as many as the recorder writes at once.
const BATCH: usize = 4_000;

struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bench {
    queue: Queue,
    db: Db,
    restaurants: Restaurants,
    database: PgConnection,
    redis: redis::aio::MultiplexedConnection,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given = |name: &str| env::var(name).with_context(|| format!("{name} is not set: run `make bench-record`"));
    let (redis_url, database_url) = (given("WAITLESS_REDIS_URL")?, given("WAITLESS_DATABASE_URL")?);
    let queue = Queue::new(&redis_url, &QueueSettings { namespace: "wl".to_owned(), guarded: false, may_lose: None })?;
    let db = Db::connect_lazy(&Secret::from(database_url.clone()))?;
    let restaurants = Restaurants::new(queue.clone(), db.clone(), Arc::new(Metrics::new()));
    let database = PgConnection::connect(&database_url).await?;
    let redis = redis::Client::open(redis_url)?.get_multiplexed_async_connection().await?;
    let mut bench = Bench { queue, db, restaurants, database, redis };

    let mut shops = Vec::new();
    for _ in 0..RESTAURANTS {
        shops.push(bench.open().await?);
    }
    let began = Instant::now();
    let events = bench.fill(&shops).await?;
    println!(
        "{events} events of {RESTAURANTS} restaurants written by scripts in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let raw_insert_per_s = bench.raw_insert(events).await?;
    println!("raw: {raw_insert_per_s:.0} rows/s into a table like `events`, {BATCH} a transaction");

    let before = bench.recorded().await?;
    let began = Instant::now();
    let _worker = Worker(
        Process::new(env!("CARGO_BIN_EXE_waitless"))
            .arg("worker")
            .env("WAITLESS_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()?,
    );
    let mut first = None;
    let mut last = Instant::now();
    let mut done = before;
    let all = before + i64::try_from(events)?;
    while done < all {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = bench.recorded().await?;
        if now > done {
            first.get_or_insert((Instant::now(), now));
            (last, done) = (Instant::now(), now);
        }
        ensure!(last.elapsed() < Duration::from_secs(60), "the recorder stands still at {done} of {all}");
    }
    let took = last - began;
    // Its start, of a second or so, is not recording.
    let (first_at, first_done) = first.context("something was recorded")?;
    let events_per_s = (done - first_done) as f64 / (last - first_at).as_secs_f64();
    println!("recorded: {events_per_s:.0} events/s; all in {:.2} s with the start of the process", took.as_secs_f64());

    let rebuild_300_ms = bench.rebuild(300).await?;
    let rebuild_10000_ms = bench.rebuild(10_000).await?;
    println!("rebuilt: 300 waiting in {rebuild_300_ms:.0} ms, 10,000 in {rebuild_10000_ms:.0} ms");
    let report = json!({
        "events": events,
        "restaurants": RESTAURANTS,
        "events_per_s": events_per_s.round(),
        "raw_insert_per_s": raw_insert_per_s.round(),
        "ratio": (events_per_s / raw_insert_per_s * 100.0).round() / 100.0,
        "rebuild_300_ms": rebuild_300_ms.round(),
        "rebuild_10000_ms": rebuild_10000_ms.round(),
    });
    println!("{report}");
    if let Ok(path) = env::var("WAITLESS_REPORT") {
        std::fs::write(path, report.to_string())?;
    }
    Ok(())
}

impl Bench {
    async fn open(&self) -> anyhow::Result<RestaurantId> {
        let new = NewRestaurant {
            slug: format!("bench-{:012x}", rand::rng().random::<u64>() & 0xffff_ffff_ffff),
            name: "국수집".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            currency: "KRW".to_owned(),
            lines: vec![(line(), "hall".to_owned())],
            menu: vec![(MenuItem { id: "cake".to_owned(), name: "케이크".to_owned(), price: 6_000 }, Some(1_000_000))],
        };
        let id = create(&self.db, &new).await?;
        self.opened(id).await?;
        Ok(id)
    }

    async fn opened(&self, id: RestaurantId) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.queue.stamps(&[id]).await?.first().is_none_or(Option::is_none) {
            self.restaurants.ask_to_open(id);
            tokio::time::sleep(Duration::from_millis(1)).await;
            ensure!(began.elapsed() < Duration::from_secs(60), "a restaurant does not open");
        }
        Ok(())
    }

    async fn run(&self, id: RestaurantId, role: Role, command: Command) -> anyhow::Result<Option<TicketId>> {
        let random = rand::rng().random::<u128>();
        let key = Idempotency { key: format!("{random:043x}"), body: format!("{random:043x}"), ttl_ms: 600_000 };
        let mut context = CallContext::by(Actor::of(role));
        context.idempotency = Some(key);
        let outcome = self.queue.run(id, &context, &command).await?;
        Ok(outcome.ok().and_then(|outcome| outcome.done.ticket).map(|ticket| ticket.id))
    }

    /// Half an evening: parties join, three of four are called, seated, and leave.
    async fn fill(&self, shops: &[RestaurantId]) -> anyhow::Result<usize> {
        let each = EVENTS / shops.len() / 8;
        let tasks = shops.iter().flat_map(|shop| (0..8).map(move |_| *shop));
        let done: Vec<anyhow::Result<usize>> = stream::iter(tasks)
            .map(|shop| async move {
                let (mut events, mut inside) = (0, VecDeque::new());
                while events < each {
                    for _ in 0..4 {
                        events += usize::from(self.run(shop, Role::Guest, join(shop)).await?.is_some());
                    }
                    for _ in 0..3 {
                        let call = Command::CallNext { line: line(), party_min: None, party_max: None, to: None };
                        let Some(ticket) = self.run(shop, Role::Staff, call).await? else { continue };
                        self.run(shop, Role::Staff, Command::Seat { ticket: ticket.clone() }).await?;
                        events += 2;
                        inside.push_back(ticket);
                    }
                    while inside.len() > 5 {
                        let Some(ticket) = inside.pop_front() else { break };
                        self.run(shop, Role::Staff, Command::Complete { ticket }).await?;
                        events += 1;
                    }
                }
                Ok(events)
            })
            .buffer_unordered(128)
            .collect()
            .await;
        done.into_iter().sum()
    }

    async fn recorded(&mut self) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar("SELECT sum(seq)::bigint FROM recorder").fetch_one(&mut self.database).await?)
    }

    /// Rows like those of `events`, with its keys, and nothing else.
    async fn raw_insert(&mut self, rows: usize) -> anyhow::Result<f64> {
        sqlx::raw_sql("DROP TABLE IF EXISTS raw; CREATE TABLE raw (LIKE events INCLUDING ALL)")
            .execute(&mut self.database)
            .await?;
        let began = Instant::now();
        for from in (0..rows).step_by(BATCH) {
            let seqs: Vec<i64> = (from..from + BATCH).map(|seq| seq as i64).collect();
            let texts = |text: &str| vec![text.to_owned(); BATCH];
            sqlx::query(
                "INSERT INTO raw (partition, seq, aggregate, epoch, rev, at, name, role, ref, line, answer)
                 SELECT 7, seq, aggregate, 1795316400, seq, 1795316400000 + seq, name, role, ref, 'A', answer
                 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])
                     AS new (seq, aggregate, name, role, ref, answer)",
            )
            .bind(&seqs)
            .bind(texts("restaurant:1234567890123456789"))
            .bind(texts("ticket.joined"))
            .bind(texts("guest"))
            .bind(texts("0123456789abcdefghijkl"))
            .bind(vec![vec![7_u8; 150]; BATCH])
            .execute(&mut self.database)
            .await?;
        }
        let per_s = rows as f64 / began.elapsed().as_secs_f64();
        sqlx::raw_sql("DROP TABLE raw").execute(&mut self.database).await?;
        Ok(per_s)
    }

    /// Milliseconds from the moment that a restaurant with so many waiting is lost until it is open again.
    async fn rebuild(&mut self, waiting: usize) -> anyhow::Result<f64> {
        let shop = self.open().await?;
        let (bench, before) = (&*self, self.queue.stamps(&[shop]).await?);
        let joined = stream::iter(0..waiting).map(|_| bench.run(shop, Role::Guest, join(shop))).buffer_unordered(64);
        joined.collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let rev = self.queue.stamps(&[shop]).await?.first().copied().flatten().context("it is open")?.rev;
        ensure!(before.first().copied().flatten().is_some_and(|before| rev >= before.rev + waiting as i64));
        let began = Instant::now();
        loop {
            let recorded: Option<i64> = sqlx::query_scalar("SELECT rev FROM aggregates WHERE aggregate = $1")
                .bind(format!("restaurant:{shop}"))
                .fetch_optional(&mut self.database)
                .await?;
            if recorded == Some(rev) {
                break;
            }
            ensure!(began.elapsed() < Duration::from_secs(60), "the recorder stands still");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let keys = self.queue.keys().of_restaurant(shop);
        let began = Instant::now();
        redis::cmd("UNLINK").arg(&keys[..15]).exec_async(&mut self.redis).await?;
        redis::cmd("HDEL")
            .arg(self.queue.keys().revs(waitless::queue::keys::Partition::of(shop)))
            .arg(shop.to_string())
            .exec_async(&mut self.redis)
            .await?;
        self.opened(shop).await?;
        let took = began.elapsed();
        let snapshot =
            self.queue.snapshot(shop, None, false).await?.map_err(|refusal| anyhow::anyhow!(refusal.code()))?;
        ensure!(snapshot.tickets.len() == waiting, "{} of {waiting} wait again", snapshot.tickets.len());
        Ok(took.as_secs_f64() * 1_000.0)
    }
}

fn line() -> LineId {
    "A".parse().expect("a letter")
}

fn join(shop: RestaurantId) -> Command {
    let id = TicketId::new(shop, rand::rng().random());
    let order = rand::rng().random_bool(0.3).then(|| ("cake".to_owned(), 1));
    Command::Join(Box::new(Join {
        r#ref: format!("{:022x}", rand::rng().random::<u64>()),
        id,
        code: "1234".to_owned(),
        line: line(),
        adults: rand::rng().random_range(1..=4),
        children: 0,
        channel: Channel::Onsite,
        present: false,
        guards: vec![format!("{:022x}", rand::rng().random::<u64>())],
        items: order.into_iter().collect(),
        drop_sold_out: false,
        name: Some("김하늘".to_owned()),
        phone_last4: Some("4321".to_owned()),
        note: None,
        lang: Some("ko".to_owned()),
        eta: None,
        place: None,
    }))
}
