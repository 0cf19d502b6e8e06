//! Many screens of one or many restaurants, and changes: how soon each screen shows each, and what that takes.
//!
//! The course: restaurants and tickets are made; one screen in each room is opened, then all others; they rest, so that
//! what an idle one takes can be seen; changes are made; and when all is quiet every screen is compared with what HTTP says.
//!
//! Freshness is counted from before a change's request is sent, so the server's whole work is in it. Changes are made at
//! their own times, however the screens fare (but with `--saturate`): a server that is behind cannot slow them down.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinSet, time::Instant};

use crate::{
    api::{self, Api, stamp},
    chance::Chance,
    city::{self, Shop, Waiting},
    engine::{
        Dialect, Engine, Look, Plan, Settings,
        changes::{Changes, EVERYBODY},
        measure::Latency,
        scan::{Place, Standing, packed},
    },
    feed::{Change, Feed},
    taken::{self, Process},
};

/// Requests that make changes and are under way at the same time.
const PUBLISHERS: usize = 8;

/// Changes that are not everywhere yet, when saturated.
const UNDELIVERED_MAX: usize = 3;

/// Changes of a saturated run, at most.
const SATURATED_MAX: usize = 20_000;

/// Before idle memory is looked at.
const SETTLING: Duration = Duration::from_secs(4);

/// A peer takes messages after this.
const OPENING: Duration = Duration::from_secs(10);

/// Between two looks at a server's memory while screens connect.
const SAMPLING: Duration = Duration::from_millis(200);

/// After the last change all screens are right within this: the furthest phones are told every 5 s.
const CATCHING_UP: Duration = Duration::from_secs(15);

/// Screens show their first frame within this, also when a dozen servers share the machine with them.
const CONNECTING: Duration = Duration::from_secs(600);

/// Phones that the cadence tells every change at once stand in lines this long.
const NEAR_LEN: usize = 6;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Screens {
    /// The same frame for all of a restaurant
    Board,
    /// To each its own ticket
    Phone,
}

/// Many screens, and changes.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Base URL of the server
    url: String,
    /// Data folder of the `waitless dev` that it belongs to; a peer has none
    #[arg(long)]
    data: Option<PathBuf>,
    /// A peer is told changes here: `redis://…` to publish them, or `http://…/` to post them, the room's number behind it
    #[arg(long, conflicts_with = "data")]
    via: Option<String>,
    /// How a peer's socket is found: this and the room's number
    #[arg(long, default_value = "/")]
    path: String,
    /// The peer speaks Socket.IO
    #[arg(long)]
    socket_io: bool,
    /// Bytes of a peer's messages
    #[arg(long, default_value_t = 200)]
    message_len: usize,
    /// A report of ours: a peer's messages are as long as its frames
    #[arg(long)]
    as_long_as: Option<PathBuf>,
    /// What is watched
    #[arg(long, value_enum, default_value_t = Screens::Board)]
    pub(crate) screens: Screens,
    /// Watchers
    #[arg(long, default_value_t = 1_000)]
    pub(crate) count: usize,
    /// Restaurants
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Lines of a restaurant
    #[arg(long, default_value_t = 2)]
    lines: usize,
    /// As many lines as it takes for nobody to have more than five ahead
    #[arg(long)]
    near: bool,
    /// What changes
    #[arg(long, value_enum, default_value_t = Change::Announce)]
    pub(crate) change: Change,
    /// Changes a second, in all restaurants together
    #[arg(long, default_value_t = 5.0)]
    rate: f64,
    /// How long changes are made
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// As many changes as can be shown: three at a time are under way, whatever the rate
    #[arg(long)]
    saturate: bool,
    /// Connections that are being made at the same time
    #[arg(long, default_value_t = 100)]
    at_once: usize,
    /// What chance makes of it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The server's processes, if not the one of the data folder
    #[arg(long)]
    pid: Vec<u32>,
    /// Redis whose commands are counted, if not that of the data folder
    #[arg(long)]
    redis: Option<String>,
    /// Which of several processes this is that load one server: each comes from addresses of its own
    #[arg(long, default_value_t = 0)]
    shard: u8,
    /// Where processes wait for each other: a step is said as `<step>-<shard>`, and gone on after once `<step>` is there
    #[arg(long)]
    gate: Option<PathBuf>,
    /// Where to write what came of it
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

/// A step of several processes: all restaurants and tickets are there.
pub(crate) const JOINED: &str = "joined";

/// All screens show what they should, and rest.
pub(crate) const CONNECTED: &str = "connected";

impl Options {
    /// Waits until all processes have come this far.
    async fn meet(&self, step: &str) -> anyhow::Result<()> {
        let Some(gate) = &self.gate else { return Ok(()) };
        std::fs::write(gate.join(format!("{step}-{}", self.shard)), "").context("--gate")?;
        while !gate.join(step).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Who watches what, and who makes the changes.
struct Stage {
    feed: Feed,
    api: Option<Api>,
    shops: Vec<Shop>,
    phones: Vec<Waiting>,
    /// Screens of a room and a line.
    audience: HashMap<(usize, u8), u32>,
}

/// One traffic phase.
struct Traffic {
    changes: Arc<Changes>,
    stage: Arc<Stage>,
    /// Rev of every room before the first change.
    base: Vec<i64>,
    /// Changes made so far in every room.
    made: Vec<AtomicUsize>,
    /// How late the latest change was made.
    late_us: AtomicU64,
    answers: Mutex<Latency>,
}

/// Everybody is there and rests; nothing has happened but a few changes to warm up.
pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) pids: Vec<u32>,
    redis: Option<String>,
    stage: Arc<Stage>,
    traffic: Arc<Traffic>,
    pub(crate) connect: Value,
    pub(crate) memory: Value,
    idle_commands_per_s: f64,
}

impl Scene {
    /// Makes restaurants and tickets and opens all screens.
    pub(crate) async fn open(options: &mut Options) -> anyhow::Result<Self> {
        ensure!(options.rooms > 0 && options.count >= options.rooms, "every room needs a watcher");
        ensure!(
            !(options.saturate && options.change == Change::Move),
            "saturated changes are merged, and somebody called and taken back at once has not moved"
        );
        if options.change == Change::Move {
            ensure!(options.screens == Screens::Phone, "`move` is about phones");
        }
        if options.near {
            options.lines = options.count.div_ceil(options.rooms).div_ceil(NEAR_LEN);
        }
        if let Some(report) = options.as_long_as.as_ref().filter(|report| report.exists()) {
            let report: Value = serde_json::from_str(&std::fs::read_to_string(report)?)?;
            let len = report["traffic"]["bytes_per_frame"].as_f64().context("bytes_per_frame of --as-long-as")?;
            options.message_len = len.round() as usize;
        }
        let (pids, redis) = (pids(options)?, redis_url(options)?);
        let began = Instant::now();
        let stage = Arc::new(Stage::set(options).await?);
        options.meet(JOINED).await?;
        eprintln!("{} rooms and {} screens in {:.1} s", options.rooms, options.count, began.elapsed().as_secs_f64());

        let changes_max =
            if options.saturate { SATURATED_MAX } else { (options.rate * (options.seconds + 3.0)) as usize };
        let changes = Arc::new(Changes::new(options.rooms, changes_max.div_ceil(options.rooms) + 16));
        let to = match &stage.api {
            Some(api) => api.authority()?,
            None => options.url.strip_prefix("http://").context("an http URL")?.trim_end_matches('/').parse()?,
        };
        let settings = Settings {
            to,
            dialect: if options.socket_io { Dialect::SocketIo } else { Dialect::Plain },
            subprotocol: stage.api.is_some().then_some("waitless.v1"),
            at_once: options.at_once,
            shard: options.shard,
            progress: true,
            log: false,
        };
        let engine = Engine::start(settings, Arc::clone(&changes))?;
        let base = stage.revs(options).await?;
        let (connect, memory) = connect(options, &stage, &engine, &pids).await?;
        let idle_commands_per_s = match &redis {
            Some(url) => {
                let before = taken::redis_commands(url).await?;
                tokio::time::sleep(SETTLING).await;
                (taken::redis_commands(url).await? - before) as f64 / SETTLING.as_secs_f64()
            }
            None => 0.0,
        };
        for (room, rev) in base.iter().enumerate() {
            changes.begin(room, *rev);
        }
        let traffic = Arc::new(Traffic {
            changes,
            stage: Arc::clone(&stage),
            made: base.iter().map(|_| AtomicUsize::new(0)).collect(),
            base,
            late_us: AtomicU64::new(0),
            answers: Mutex::new(Latency::new()),
        });
        // Warmed up: caches, connections and the allocator are as they are in the middle of an evening.
        let warm_up = if options.saturate { 6 } else { ((options.rate * 2.0) as usize).max(2) };
        publish(options, &traffic, warm_up, None).await?;
        options.meet(CONNECTED).await?;
        Ok(Self { engine, pids, redis, stage, traffic, connect, memory, idle_commands_per_s })
    }

    /// One change in every room, without waiting until it is shown.
    pub(crate) async fn change_all(&self) -> anyhow::Result<()> {
        for room in 0..self.traffic.base.len() {
            self.traffic.make(room).await?;
        }
        Ok(())
    }

    /// What is not as it should be, once everybody has been told everything.
    pub(crate) async fn wrong(&self, change: Change) -> anyhow::Result<Vec<String>> {
        self.stage.wrong(&self.engine, &self.traffic, change).await
    }

    /// Whether every connected screen shows the newest change of its room.
    pub(crate) async fn current(&self) -> anyhow::Result<bool> {
        let newest = |room: u32| {
            let made = self.traffic.made.get(room as usize).map_or(0, |made| made.load(Relaxed));
            self.traffic.base.get(room as usize).map_or(i64::MAX, |base| base + made as i64)
        };
        let look = self.engine.look().await?;
        Ok(look.shown.iter().all(|shown| shown.open && shown.stamp.is_some_and(|(_, rev)| rev >= newest(shown.room))))
    }
}

/// Runs it.
///
/// # Errors
/// When the server or what it is looked at with is not there, and when any screen was wrong.
pub(crate) async fn run(mut options: Options) -> anyhow::Result<()> {
    let scene = Scene::open(&mut options).await?;
    let mut measured = measure(&options, &scene.traffic, &scene.engine, &scene.pids, scene.redis.as_deref()).await?;
    if let Some(commands) = measured["redis_commands"].as_f64() {
        // Timers look into Redis all the time; what a change takes is the rest. Commands inside scripts count, too.
        let changes = measured["changes"].as_f64().unwrap_or(1.0).max(1.0);
        let idle = scene.idle_commands_per_s * measured["seconds_taken"].as_f64().unwrap_or_default();
        measured["redis_commands_idle_per_s"] = json!(scene.idle_commands_per_s);
        measured["redis_commands_per_change"] = json!((commands - idle).max(0.0) / changes);
    }
    let wrong = scene.wrong(options.change).await?;
    let after = taken::process(&scene.pids)?;

    let report = json!({
        "scenario": "fanout",
        "screens": format!("{:?}", options.screens).to_lowercase(), "count": options.count, "rooms": options.rooms,
        "lines": options.lines, "near": options.near, "change": format!("{:?}", options.change).to_lowercase(),
        "saturate": options.saturate, "rate": options.rate, "seed": options.seed,
        "connect": scene.connect, "memory": scene.memory, "traffic": measured,
        "rss_kib_after": after.rss_kib,
        "wrong": wrong, "load": taken::load(),
    });
    say(&report);
    finish(options.out.as_deref(), &report, &wrong)
}

/// Writes a report, and fails if a screen was wrong.
pub(crate) fn finish(out: Option<&Path>, report: &Value, wrong: &[String]) -> anyhow::Result<()> {
    if let Some(out) = out {
        std::fs::write(out, serde_json::to_string_pretty(report)?).context("--out")?;
    }
    ensure!(
        wrong.is_empty(),
        "{} things were wrong, the first: {}",
        wrong.len(),
        wrong.first().map_or("", String::as_str)
    );
    Ok(())
}

fn pids(options: &Options) -> anyhow::Result<Vec<u32>> {
    if let (true, Some(data)) = (options.pid.is_empty(), &options.data) {
        return Ok(vec![taken::server_pid(data)?]);
    }
    ensure!(!options.pid.is_empty(), "whose time and memory? Say --data or --pid");
    Ok(options.pid.clone())
}

fn redis_url(options: &Options) -> anyhow::Result<Option<String>> {
    match (&options.redis, &options.data) {
        (Some(url), _) => Ok(Some(url.clone())),
        (None, Some(data)) => Ok(Some(std::fs::read_to_string(data.join("redis.url"))?.trim().to_owned())),
        (None, None) => Ok(None),
    }
}

impl Stage {
    async fn set(options: &Options) -> anyhow::Result<Self> {
        let Some(data) = &options.data else {
            let via = options.via.as_deref().context("a WaitLess has --data, a peer has --via")?;
            ensure!(options.screens == Screens::Board, "a peer knows no tickets");
            let feed = Feed::publisher(via, options.message_len).await?;
            let mut audience = HashMap::new();
            for index in 0..options.count {
                *audience.entry((index % options.rooms, EVERYBODY)).or_default() += 1;
            }
            return Ok(Self { feed, api: None, shops: Vec::new(), phones: Vec::new(), audience });
        };
        let api = Api::new(&options.url).await?;
        let mut shops = city::open(&api, data, options.rooms, options.lines).await?;
        let mut audience = HashMap::new();
        let phones = match options.screens {
            Screens::Board => Vec::new(),
            Screens::Phone => city::fill(&api, &mut shops, options.count, options.lines).await?,
        };
        for index in 0..options.count {
            *audience.entry((index % options.rooms, EVERYBODY)).or_default() += 1;
        }
        for phone in &phones {
            *audience.entry((phone.shop, phone.line)).or_default() += 1;
        }
        let called = shops.iter().map(|_| Mutex::new(None)).collect();
        let feed = Feed::Staff {
            api: api.clone(),
            change: options.change,
            lines: options.lines,
            called,
            shops: shops.clone(),
        };
        Ok(Self { feed, api: Some(api), shops, phones, audience })
    }

    /// Where every room is now. A peer's rooms are given a first message, which is what newcomers are shown.
    async fn revs(&self, options: &Options) -> anyhow::Result<Vec<i64>> {
        let mut revs = Vec::new();
        for room in 0..options.rooms {
            match (&self.api, self.shops.get(room)) {
                (Some(api), Some(shop)) => {
                    let board = api.ask(Method::GET, &format!("/restaurants/{}/board", shop.slug), None).await?;
                    revs.push(stamp(&board)?.1);
                }
                _ => {
                    let until = Instant::now() + OPENING;
                    // A server that has just started may not have found its Redis.
                    while let Err(error) = self.feed.make(room, 0, 1).await {
                        ensure!(Instant::now() < until, "a peer takes no message: {error:#}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    revs.push(1);
                }
            }
        }
        Ok(revs)
    }

    fn plan(&self, options: &Options, index: usize) -> Plan {
        let room = index % options.rooms;
        let (line, path) = match (self.phones.get(index), self.shops.get(room)) {
            (Some(phone), _) => (phone.line, format!("/v1/tickets/{}/live", phone.id)),
            (None, Some(shop)) => (EVERYBODY, format!("/v1/restaurants/{}/board/live", shop.slug)),
            (None, None) => (EVERYBODY, format!("{}{room}", options.path)),
        };
        Plan { room: room as u32, line, path: path.into() }
    }

    /// What is not as it should be, once everybody has been told everything.
    async fn wrong(&self, engine: &Engine, traffic: &Traffic, change: Change) -> anyhow::Result<Vec<String>> {
        let until = Instant::now() + CATCHING_UP;
        loop {
            let look = engine.look().await?;
            let wrong = self.differences(&look, traffic, change).await?;
            if wrong.is_empty() || Instant::now() > until || look.wrong_count > 0 {
                return Ok(wrong);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn differences(&self, look: &Look, traffic: &Traffic, change: Change) -> anyhow::Result<Vec<String>> {
        let mut wrong = look.wrong.clone();
        let mut said = HashMap::new();
        for (room, base) in traffic.base.iter().enumerate() {
            let mut expected = base + traffic.made[room].load(Relaxed) as i64;
            if let (Some(api), Some(shop)) = (&self.api, self.shops.get(room)) {
                let view = if self.phones.is_empty() { "board" } else { "queue" };
                let answer = api.ask(Method::GET, &format!("/restaurants/{}/{view}", shop.slug), None).await?;
                let newest = stamp(&answer)?.1;
                if newest != expected {
                    wrong.push(format!("{} is at {newest}, not at {expected}", shop.slug));
                }
                expected = newest;
                for ticket in answer["tickets"].as_array().into_iter().flatten() {
                    said.insert(ticket["id"].as_str().unwrap_or_default().to_owned(), place(ticket)?);
                }
            }
            for (index, shown) in look.shown.iter().enumerate().filter(|(_, shown)| shown.room as usize == room) {
                let problem = match (shown.stamp, self.phones.get(index)) {
                    _ if !shown.open => Some("is not connected".to_owned()),
                    (None, _) => Some("was never told anything".to_owned()),
                    (Some(_), Some(phone)) if said.get(&*phone.id) != Some(&shown.place) => {
                        Some(format!("shows {:?}, HTTP says {:?}", shown.place, said.get(&*phone.id)))
                    }
                    // Whom a change did not move was told nothing of it.
                    (Some(_), Some(_)) if change == Change::Move => None,
                    (Some((_, rev)), _) => (rev != expected).then(|| format!("shows rev {rev}, not {expected}")),
                };
                wrong.extend(problem.map(|problem| format!("screen {index} {problem}")));
            }
        }
        Ok(wrong)
    }
}

/// What HTTP says of a ticket.
pub(crate) fn place(ticket: &Value) -> anyhow::Result<Place> {
    let text = |name: &str| ticket[name].as_str().with_context(|| format!("{name} of a ticket"));
    Ok(Place {
        standing: Standing::of(text("state")?.as_bytes()),
        ahead: ticket["ahead"].as_u64().and_then(|ahead| u32::try_from(ahead).ok()),
        number: packed(text("number")?.as_bytes()).context("a number")?,
    })
}

/// Opens all screens, and says how quickly that went and what idle ones take.
async fn connect(options: &Options, stage: &Stage, engine: &Engine, pids: &[u32]) -> anyhow::Result<(Value, Value)> {
    let plans = |range: std::ops::Range<usize>| range.map(|index| stage.plan(options, index)).collect::<Vec<_>>();
    engine.open(plans(0..options.rooms), Duration::ZERO)?;
    engine.showing(options.rooms, CONNECTING).await?;
    tokio::time::sleep(SETTLING).await;
    let (before, kernel_before) = (taken::process(pids)?, taken::kernel_kib()?);
    engine.reset()?;

    let rest = options.count - options.rooms;
    let (began, cpu_before) = (Instant::now(), before.cpu_s);
    engine.open(plans(options.rooms..options.count), Duration::ZERO)?;
    let mut samples = vec![(options.rooms as u64, before.rss_kib)];
    let showing = engine.showing(options.count, CONNECTING);
    tokio::pin!(showing);
    loop {
        match tokio::time::timeout(SAMPLING, showing.as_mut()).await {
            Ok(shown) => break shown?,
            Err(_) => samples.push((engine.gauges.showing.load(Relaxed), taken::process(pids)?.rss_kib)),
        }
    }
    let took = began.elapsed().as_secs_f64();
    let connected = taken::process(pids)?;
    tokio::time::sleep(SETTLING).await;
    let (idle, kernel) = (taken::process(pids)?, taken::kernel_kib()?);
    let look = engine.look().await?;
    let each = |kib: f64| if rest == 0 { Value::Null } else { json!(kib / rest as f64) };
    let connect = json!({
        "screens": rest, "seconds": took,
        "per_second": if rest == 0 { Value::Null } else { json!(rest as f64 / took) },
        "cpu_ms_each": each((connected.cpu_s - cpu_before) * 1_000.0),
        "first_frame": look.measured.first.json(), "at_once": options.at_once,
    });
    let memory = json!({
        "rss_kib_while_connecting": samples, "rss_kib_first": before.rss_kib, "rss_kib_idle": idle.rss_kib,
        "rss_kib_per_screen": each(idle.rss_kib - before.rss_kib),
        // Both ends of every connection, ours and the server's.
        "kernel_tcp_kib_per_screen": each(kernel.0 - kernel_before.0),
        "kernel_slab_kib_per_screen": each(kernel.1 - kernel_before.1),
    });
    Ok((connect, memory))
}

/// Makes the changes that count.
async fn measure(
    options: &Options,
    traffic: &Arc<Traffic>,
    engine: &Engine,
    pids: &[u32],
    redis: Option<&str>,
) -> anyhow::Result<Value> {
    let own = [std::process::id()];
    engine.reset()?;
    *traffic.answers.lock().await = Latency::new();
    traffic.late_us.store(0, Relaxed);
    let commands = |redis: Option<&str>| {
        let redis = redis.map(str::to_owned);
        async move {
            match redis {
                Some(url) => taken::redis_commands(&url).await.map(Some),
                None => Ok(None),
            }
        }
    };
    let commands_before = commands(redis).await?;
    let (server, client, busy) = (taken::process(pids)?, taken::process(&own)?, taken::machine_busy_s());
    let (began, asked_again) = (Instant::now(), api::repeated());
    let count = (options.rate * options.seconds).round() as usize;
    let until = began + Duration::from_secs_f64(options.seconds);
    let made = publish(options, traffic, count, Some(until)).await?;
    let took = began.elapsed().as_secs_f64();
    let (server_after, client_after) = (taken::process(pids)?, taken::process(&own)?);
    let busy = taken::machine_busy_s() - busy;
    let commands_after = commands(redis).await?;
    let measured = engine.look().await?.measured;

    let cpu_s = |before: Process, after: Process| after.cpu_s - before.cpu_s;
    let (server_s, client_s) = (cpu_s(server, server_after), cpu_s(client, client_after));
    let frames = measured.frames_total() as f64;
    let mut report = measured.json();
    let fields = json!({
        "seconds_taken": took, "changes": made,
        "frames_per_s": frames / took,
        "shown_per_s": measured.fresh_total().len() as f64 / took,
        "server_cpu_s": server_s, "client_cpu_s": client_s,
        "server_cpu_s_per_million_frames": server_s / frames * 1e6,
        "server_cpu_s_per_thousand_changes": server_s / made as f64 * 1e3,
        "client_cpu_s_per_million_frames": client_s / frames * 1e6,
        // Redis and PostgreSQL are others, too.
        "others_busy_cores": ((busy - server_s - client_s) / took).max(0.0),
        "redis_commands": commands_before.zip(commands_after).map(|(before, after)| after - before),
        "answer": traffic.answers.lock().await.json(),
        "late_ms_max": traffic.late_us.load(Relaxed) as f64 / 1e3,
        "asked_again": api::repeated() - asked_again,
    });
    if let (Value::Object(report), Value::Object(fields)) = (&mut report, fields) {
        report.extend(fields);
    }
    Ok(report)
}

/// Makes changes, then waits until each was shown by everybody. Answers how many were made.
async fn publish(
    options: &Options,
    traffic: &Arc<Traffic>,
    count: usize,
    until: Option<Instant>,
) -> anyhow::Result<usize> {
    let made_before: usize = traffic.made.iter().map(|made| made.load(Relaxed)).sum();
    if options.saturate {
        traffic.saturate(options.rooms, count, until).await?;
    } else {
        let mut order: Vec<usize> = (0..options.rooms).collect();
        let mut chance = Chance::new(options.seed, 8_000_000);
        for index in (1..order.len()).rev() {
            order.swap(index, chance.below(index as u64 + 1) as usize);
        }
        let publishers = PUBLISHERS.min(options.rooms);
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for publisher in 0..publishers {
            let (traffic, order, rate) = (Arc::clone(traffic), order.clone(), options.rate);
            tasks.spawn(async move {
                for index in (0..count).filter(|index| index % order.len() % publishers == publisher) {
                    let due = began + Duration::from_secs_f64(index as f64 / rate);
                    tokio::time::sleep_until(due).await;
                    traffic.late_us.fetch_max(due.elapsed().as_micros() as u64, Relaxed);
                    traffic.make(order[index % order.len()]).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(outcome) = tasks.join_next().await {
            outcome??;
        }
    }
    traffic.all_shown().await?;
    Ok(traffic.made.iter().map(|made| made.load(Relaxed)).sum::<usize>() - made_before)
}

impl Traffic {
    /// The next change of a room. One at a time in each.
    async fn make(&self, room: usize) -> anyhow::Result<usize> {
        let ordinal = self.made[room].load(Relaxed);
        let line = self.stage.feed.line(ordinal);
        let screens = self.stage.audience.get(&(room, line)).copied().unwrap_or_default();
        ensure!(self.changes.sent(room, ordinal, line, screens), "more changes than there is room for");
        let began = Instant::now();
        self.stage.feed.make(room, ordinal, self.base[room] + ordinal as i64 + 1).await?;
        self.answers.lock().await.record_ns(began.elapsed().as_nanos() as u64);
        self.made[room].store(ordinal + 1, Relaxed);
        Ok(ordinal)
    }

    /// One change after the other as long as no more than three are not everywhere. Until `until`, or so many.
    async fn saturate(&self, rooms: usize, count: usize, until: Option<Instant>) -> anyhow::Result<()> {
        let mut under_way: Vec<(usize, usize)> = Vec::new();
        let mut made = 0;
        while until.map_or(made < count, |until| Instant::now() < until) {
            let stuck_at = Instant::now() + CATCHING_UP;
            while under_way.len() >= UNDELIVERED_MAX {
                // Rung by the engine; looked at all the same, should it ring between.
                let _ = tokio::time::timeout(Duration::from_millis(5), self.changes.delivered.notified()).await;
                under_way.retain(|(room, ordinal)| self.changes.left(*room, *ordinal) > 0);
                ensure!(Instant::now() < stuck_at, "a change is not shown by everybody: {under_way:?}");
            }
            let room = made % rooms;
            under_way.push((room, self.make(room).await?));
            made += 1;
        }
        Ok(())
    }

    /// Waits until no change is left that somebody does not show.
    async fn all_shown(&self) -> anyhow::Result<()> {
        let until = Instant::now() + CATCHING_UP;
        for (room, made) in self.made.iter().enumerate() {
            for ordinal in 0..made.load(Relaxed) {
                while self.changes.left(room, ordinal) > 0 {
                    if Instant::now() > until {
                        let left = self.changes.left(room, ordinal);
                        bail!("change {ordinal} of room {room} is not shown by {left} screens");
                    }
                    let _ = tokio::time::timeout(Duration::from_millis(5), self.changes.delivered.notified()).await;
                }
            }
        }
        Ok(())
    }
}

/// The figures that one looks for.
fn say(report: &Value) {
    let (traffic, memory, connect) = (&report["traffic"], &report["memory"], &report["connect"]);
    let figures = [
        ("connects/s with first frame", &connect["per_second"]),
        ("RSS KiB per idle screen", &memory["rss_kib_per_screen"]),
        ("kernel KiB per screen, TCP", &memory["kernel_tcp_kib_per_screen"]),
        ("kernel KiB per screen, slab", &memory["kernel_slab_kib_per_screen"]),
        ("frames/s", &traffic["frames_per_s"]),
        ("bytes per frame", &traffic["bytes_per_frame"]),
        ("server CPU s per million frames", &traffic["server_cpu_s_per_million_frames"]),
        ("server CPU s per 1,000 changes", &traffic["server_cpu_s_per_thousand_changes"]),
        ("client CPU s per million frames", &traffic["client_cpu_s_per_million_frames"]),
        ("Redis commands per change", &traffic["redis_commands_per_change"]),
        ("freshness p50 ms", &traffic["freshness"]["p50_ms"]),
        ("freshness p99 ms", &traffic["freshness"]["p99_ms"]),
        ("freshness max ms", &traffic["freshness"]["max_ms"]),
        ("answer p50 ms", &traffic["answer"]["p50_ms"]),
        ("latest change was made ms late", &traffic["late_ms_max"]),
        ("changes asked for again", &traffic["asked_again"]),
        ("cores that others were busy with", &traffic["others_busy_cores"]),
    ];
    for (name, value) in figures.iter().filter(|(_, value)| value.is_number()) {
        println!("{name:<36} {:>12.3}", value.as_f64().unwrap_or_default());
    }
    for (distance, latency) in traffic["freshness_by_distance"].as_object().into_iter().flatten() {
        println!("freshness p99 ms, {distance:<18} {:>12.3}", latency["p99_ms"].as_f64().unwrap_or_default());
    }
}
