//! Composition root: the one place that knows every part. Tests build the same app.
//!
//! Start-up does not wait for Redis or PostgreSQL: the server answers `/healthz` at once and `/readyz` when both have
//! been seen and every restaurant is open. Later either may go away and come back.
//!
//! Invariant: work that needs the database begins when the schema is there and the database may be served.

use std::{
    num::NonZero,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::SetOnce, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, Api, Parts, health::Readiness},
    clock,
    config::Config,
    db::{Db, DbError, SchemaMismatch},
    health::Health,
    hub::{Hub, HubSettings, Sockets},
    metrics::Metrics,
    queue::{Live, Queue, QueueError, QueueSettings},
    serve::{self, Places, PlacesSettings, ServeSettings},
    service::{
        accounts::Accounts,
        demo,
        history::History,
        keys::Keys,
        line::Lines,
        live_source::LiveSource,
        passwords::Passwords,
        restaurants::{OpenedAll, Restaurants},
        revocations::Revocations,
        tokens::Tokens,
    },
    worker::{
        condition::Condition,
        recorder::{self, Lag, Recorder},
        retention, timers,
    },
};

/// Between attempts to start while Redis or PostgreSQL is away.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Between two words about a database that has not been migrated.
const SCHEMA_TOLD_EVERY: Duration = Duration::from_secs(30);

/// After a drain, requests under way may take this long.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// What bounds a server. Made from its settings; tests make some smaller.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Of rooms and watchers.
    pub hub: HubSettings,
    /// Of a client's patience with us, and ours with it.
    pub serve: ServeSettings,
    /// Of connections.
    pub places: PlacesSettings,
    /// For a request and its body.
    pub request_max: Duration,
    /// WebSockets of one customer.
    pub sockets_of_customer_max: usize,
}

impl Bounds {
    /// The bounds of docs/OPERATIONS.md, on this machine. The bound of all connections holds without limits, too:
    /// without a file left nothing works.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut places = PlacesSettings::of_this_process(config.trusted_proxies.clone());
        if !config.limits {
            places.customer_max = usize::MAX;
        }
        Self {
            hub: HubSettings { limits: config.limits, ..HubSettings::default() },
            serve: ServeSettings::default(),
            places,
            request_max: api::REQUEST_MAX,
            sockets_of_customer_max: api::SOCKETS_OF_CUSTOMER_MAX,
        }
    }
}

/// A running server.
pub struct App {
    hub: Arc<Hub>,
    readiness: Arc<Readiness>,
    drain: Duration,
    stop: CancellationToken,
    background: Vec<JoinHandle<()>>,
    prepared: JoinHandle<anyhow::Result<()>>,
    served: JoinHandle<()>,
}

/// Serves until `stop` completes, then drains.
///
/// # Errors
/// When a part cannot be set up, or what was found may not be served.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    tokio::pin!(stop);
    let mut app = App::start(listener, config).await?;
    tokio::pin!(stop);
    let prepared = tokio::select! {
        prepared = &mut app.prepared => prepared.context("start-up")?,
        () = &mut stop => {
            app.stop().await;
            return Ok(());
        }
    };
    if prepared.is_ok() {
        stop.await;
    }
    app.stop().await;
    prepared
}

impl App {
    /// Starts a server on this listener.
    ///
    /// # Errors
    /// When a URL cannot be used.
    pub async fn start(listener: TcpListener, config: Config) -> anyhow::Result<Self> {
        let bounds = Bounds::of(&config);
        Self::start_within(bounds, listener, config).await
    }

    /// Starts a server within these bounds.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_within(bounds: Bounds, listener: TcpListener, mut config: Config) -> anyhow::Result<Self> {
        let listen = listener.local_addr()?;
        if config.public_url.port() == Some(0) {
            // A test's port is known only now.
            config
                .public_url
                .set_port(Some(listen.port()))
                .map_err(|()| anyhow::anyhow!("no port in the public URL"))?;
        }
        let config = Arc::new(config);
        let stop = CancellationToken::new();
        let metrics = Arc::new(Metrics::new());
        let keys = Keys::new(&config.secret);
        let db = Db::connect_lazy(&config.database_url)?;
        let queue = queue_of(&config)?;
        let live = Live::start(config.redis_url.expose(), queue.clone())?;
        let restaurants = Restaurants::new(queue.clone(), db.clone(), Arc::clone(&metrics));
        let source = Arc::new(LiveSource::new(queue.clone(), live, restaurants.clone()));
        let door_keys = keys.clone();
        let door_codes = Arc::new(move |restaurant, at| door_keys.door_code(restaurant, at));
        let hub = Arc::new(Hub::new(source, bounds.hub, config.public_url.clone(), door_codes));
        let revocations = Revocations::new(queue.clone(), Arc::clone(&metrics));
        let readiness = Arc::new(Readiness::default());
        let health = Arc::new(Health::default());
        let places = Places::new(bounds.places);
        let api = Api::new(Parts {
            config: Arc::clone(&config),
            listen,
            queue: queue.clone(),
            hub: Arc::clone(&hub),
            sockets: Arc::new(Sockets::start(cores()).context("the threads of the WebSockets")?),
            lines: Lines::new(
                queue.clone(),
                Arc::clone(&hub),
                db.clone(),
                keys.clone(),
                restaurants.clone(),
                Arc::clone(&metrics),
            ),
            restaurants: restaurants.clone(),
            history: History::new(db.clone(), keys.clone()),
            accounts: Accounts::new(db.clone(), &keys, Passwords::default()),
            tokens: Tokens::new(&keys),
            revocations: revocations.clone(),
            metrics: Arc::clone(&metrics),
            readiness: Arc::clone(&readiness),
            health: Arc::clone(&health),
            places: Arc::clone(&places),
            request_max: bounds.request_max,
            sockets_of_customer_max: bounds.sockets_of_customer_max,
        });
        let mut background = vec![
            tokio::spawn(timers::run(queue.clone(), restaurants.clone(), stop.clone())),
            tokio::spawn(revocations.clone().watch(stop.clone())),
        ];
        let checked = Checked::default();
        let lag = if config.worker {
            let metrics = Arc::clone(&metrics);
            let work = begin_work(&config, queue.clone(), &db, restaurants.clone(), metrics, &checked, &stop)?;
            background.extend(work.tasks);
            work.lag
        } else {
            // Others record, or nobody does: that is told here, too.
            let lag = Arc::new(Lag::new(queue.clone(), queue.log(config.redis_url.expose())?));
            background.push(watch_lag(&lag, &metrics, &stop));
            lag
        };
        let condition = Condition {
            queue: queue.clone(),
            db: db.clone(),
            restaurants: restaurants.clone(),
            revocations: Some(revocations),
            lag,
            health,
            metrics,
        };
        background.push(tokio::spawn(condition.watch(stop.clone())));
        let prepared = tokio::spawn(prepare(config.dev, queue, db, restaurants, checked, Arc::clone(&readiness)));
        let served = tokio::spawn(serve::run(listener, api::router(api), bounds.serve, places, stop.clone()));
        tracing::info!(listen = %listen, url = %config.public_url, "listening");
        Ok(Self { hub, readiness, drain: config.drain, stop, background, prepared, served })
    }

    /// Stops as a rolling restart wants it: no longer ready, good-byes spread over the drain time, requests finished.
    pub async fn stop(mut self) {
        self.readiness.draining();
        self.prepared.abort();
        self.hub.drain("restart", self.drain).await;
        self.stop.cancel();
        if tokio::time::timeout(FINISH_TIMEOUT, &mut self.served).await.is_err() {
            tracing::warn!("requests were still under way when the server stopped");
            self.served.abort();
        }
        for task in self.background {
            // A task that failed has logged why.
            drop(task.await);
        }
    }
}

/// Works without serving anybody, until `stop` completes: records what happens.
///
/// # Errors
/// When a part cannot be set up, or Redis is one that cannot be used.
pub async fn work(config: &Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let token = CancellationToken::new();
    let metrics = Arc::new(Metrics::new());
    let db = Db::connect_lazy(&config.database_url)?;
    let queue = queue_of(config)?;
    let restaurants = Restaurants::new(queue.clone(), db.clone(), Arc::clone(&metrics));
    let checked = Checked::default();
    let work = begin_work(config, queue.clone(), &db, restaurants, metrics, &checked, &token)?;
    let refused: anyhow::Result<()> = tokio::select! {
        () = stop => Ok(()),
        refused = refused_by_schema(&db, &checked) => Err(refused.into()),
        Err(unfit) = queue.fit() => Err(unfit.into()),
    };
    token.cancel();
    for task in work.tasks {
        task.await.context("a part of the worker")?;
    }
    refused
}

/// Returns only when the database is one that this program must not work with; says meanwhile what is waited for.
async fn refused_by_schema(db: &Db, checked: &Checked) -> DbError {
    let mut waiting = Waiting::default();
    loop {
        match db.check_schema().await {
            Ok(()) => {
                tracing::info!("working");
                checked.say();
                std::future::pending().await
            }
            Err(error @ DbError::Schema(SchemaMismatch::Newer { .. })) => return error,
            Err(error) => waiting.tell(&error.into()),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Opens every restaurant that Redis does not have, from the record where there is one.
///
/// # Errors
/// When Redis or PostgreSQL does not answer, or a restaurant could not be opened.
pub async fn rebuild(config: &Config) -> anyhow::Result<OpenedAll> {
    let db = Db::connect_lazy(&config.database_url)?;
    let queue = queue_of(config)?;
    queue.ping().await?;
    db.check_schema().await?;
    let restaurants = Restaurants::new(queue, db, Arc::new(Metrics::new()));
    Ok(restaurants.open_all().await?)
}

/// Whether the database was found fit to be worked with. Cheap to clone.
#[derive(Clone, Default)]
struct Checked(Arc<SetOnce<()>>);

impl Checked {
    fn say(&self) {
        // It may have been said before.
        let _ = self.0.set(());
    }

    /// Does this work as soon as it is said, unless `stop` comes first.
    fn then(&self, stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (checked, stop) = (self.clone(), stop.clone());
        tokio::spawn(async move {
            if stop.run_until_cancelled(checked.0.wait()).await.is_some() {
                work.await;
            }
        })
    }
}

/// Background work under way, or waiting for its database.
struct Work {
    tasks: [JoinHandle<()>; 3],
    lag: Arc<Lag>,
}

/// The background work that one server of many may do, or a process of its own.
fn begin_work(
    config: &Config,
    queue: Queue,
    db: &Db,
    restaurants: Restaurants,
    metrics: Arc<Metrics>,
    checked: &Checked,
    stop: &CancellationToken,
) -> anyhow::Result<Work> {
    let log = queue.log(config.redis_url.expose())?;
    let recorder = Recorder::new(queue, log, db, restaurants, Arc::clone(&metrics));
    let lag = recorder.lag();
    let tasks = [
        checked.then(stop, recorder::run(recorder, stop.clone())),
        watch_lag(&lag, &metrics, stop),
        checked.then(stop, retention::run(db.clone(), metrics, config.keep_tickets_days, stop.clone())),
    ];
    Ok(Work { tasks, lag })
}

fn watch_lag(lag: &Arc<Lag>, metrics: &Arc<Metrics>, stop: &CancellationToken) -> JoinHandle<()> {
    let (lag, metrics, stop) = (Arc::clone(lag), Arc::clone(metrics), stop.clone());
    tokio::spawn(async move { lag.watch(&metrics, stop).await })
}

/// How many threads can work at the same time.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn queue_of(config: &Config) -> anyhow::Result<Queue> {
    let settings = QueueSettings { namespace: config.namespace.clone(), guarded: false, may_lose: None };
    Ok(Queue::new(config.redis_url.expose(), &settings)?)
}

/// Waits for Redis and PostgreSQL and opens every restaurant; then the server is ready.
async fn prepare(
    dev: bool,
    queue: Queue,
    db: Db,
    restaurants: Restaurants,
    checked: Checked,
    readiness: Arc<Readiness>,
) -> anyhow::Result<()> {
    let mut waiting = Waiting::default();
    loop {
        match prepare_once(dev, &queue, &db, &restaurants, &checked).await {
            Ok(Prepared::Ready) => {
                readiness.started();
                tracing::info!(at = clock::now(), "ready");
                return Ok(());
            }
            Ok(Prepared::DemoAccounts) => anyhow::bail!(
                "the database holds the demo accounts, whose password everybody knows: \
                 only `waitless dev` serves them; use another database, or delete these accounts"
            ),
            Err(error) if is_unfit(&error) => return Err(error),
            Err(error) if matches!(mismatch(&error), Some(SchemaMismatch::Newer { .. })) => return Err(error),
            Err(error) => {
                waiting.tell(&error);
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// What a start has said of what it waits for.
#[derive(Default)]
struct Waiting {
    told: bool,
    told_of_schema: Option<Instant>,
}

impl Waiting {
    /// Says it once; again and again only what will not pass by itself.
    fn tell(&mut self, error: &anyhow::Error) {
        if let Some(mismatch) = mismatch(error) {
            if self.told_of_schema.is_none_or(|at| at.elapsed() >= SCHEMA_TOLD_EVERY) {
                tracing::warn!("{mismatch}");
                self.told_of_schema = Some(Instant::now());
            }
        } else if !self.told {
            tracing::warn!(error = format!("{error:#}"), "waiting for Redis and PostgreSQL");
            self.told = true;
        }
    }
}

/// What is wrong with the schema, if that is the error.
fn mismatch(error: &anyhow::Error) -> Option<&SchemaMismatch> {
    match error.downcast_ref() {
        Some(DbError::Schema(mismatch)) => Some(mismatch),
        _ => None,
    }
}

enum Prepared {
    Ready,
    DemoAccounts,
}

/// Whether this is an error of a Redis that can never be used as it is: another setting is needed.
#[must_use]
pub fn is_unfit(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(QueueError::Unfit(_))))
}

async fn prepare_once(
    dev: bool,
    queue: &Queue,
    db: &Db,
    restaurants: &Restaurants,
    checked: &Checked,
) -> anyhow::Result<Prepared> {
    queue.ping().await?;
    db.check_schema().await?;
    if !dev && demo::demo_accounts_present(db).await? {
        return Ok(Prepared::DemoAccounts);
    }
    checked.say();
    restaurants.open_all().await?;
    Ok(Prepared::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented bounds are those of the code; a number stands before its name.
    #[test]
    fn bounds_are_documented() {
        let document = include_str!("../docs/OPERATIONS.md");
        let HubSettings {
            connections_max,
            room_connections_max,
            rooms_max,
            inbound_len_max,
            inbound_gap,
            inbound_burst,
            unwritable_max,
            linger,
            snapshot_gap,
            answer_max,
            deliveries_len_max,
            log_len_max,
            resync_gap,
            bye_max,
            byes_per_s,
            byes_spread_min,
            retry_max,
            ..
        } = HubSettings::default();
        let ServeSettings { head_max, stall_max } = ServeSettings::default();
        let customer_max = PlacesSettings::of_this_process(Vec::new()).customer_max;
        let seconds = |duration: Duration| format!("{} s", duration.as_secs());
        let millis = |duration: Duration| format!("{} ms", thousands(duration.as_millis() as usize));
        for (name, bound) in [
            ("connections_max", thousands(connections_max)),
            ("room_connections_max", thousands(room_connections_max)),
            ("rooms_max", thousands(rooms_max)),
            ("inbound_len_max", format!("{} bytes", thousands(inbound_len_max))),
            ("inbound_gap", millis(inbound_gap)),
            ("inbound_burst", inbound_burst.to_string()),
            ("unwritable_max", seconds(unwritable_max)),
            ("linger", seconds(linger)),
            ("snapshot_gap", millis(snapshot_gap)),
            ("answer_max", millis(answer_max)),
            ("deliveries_len_max", thousands(deliveries_len_max)),
            ("log_len_max", thousands(log_len_max)),
            ("resync_gap", seconds(resync_gap)),
            ("bye_max", seconds(bye_max)),
            ("byes_per_s", thousands(byes_per_s as usize)),
            ("byes_spread_min", seconds(byes_spread_min)),
            ("retry_max", millis(retry_max)),
            ("head_max", seconds(head_max)),
            ("stall_max", seconds(stall_max)),
            ("request_max", seconds(api::REQUEST_MAX)),
            ("customer_max", thousands(customer_max)),
            ("sockets_of_customer_max", thousands(api::SOCKETS_OF_CUSTOMER_MAX)),
        ] {
            let documented = format!(" {bound} (`{name}`)");
            assert!(document.contains(&documented), "docs/OPERATIONS.md does not say{documented}");
        }
    }

    fn thousands(number: usize) -> String {
        if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
    }
}
