//! Which restaurant a name means, and opening live state that is missing.
//!
//! A slug is looked up in this process, then in Redis, then in PostgreSQL, so that a line needs PostgreSQL only for
//! restaurants that never opened. Live state is opened, and compared with the record in a new life of Redis, by one
//! server at a time (an advisory lock in PostgreSQL) and once per server (a set of those under way); that two do it all
//! the same is harmless, the scripts refuse the second.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::watch;

use super::{
    business_day::{BusinessDay, NoBusinessDay},
    compare::{CompareError, Compared, compare, put_back},
    line::LineError,
    rebuild::{Unreadable, rebuild_of},
};
use crate::{
    db::{self, Db, DbError, record::read::Recorded, restaurants::Page},
    domain::{OpenState, Rejection, RestaurantId, RestaurantRecord},
    metrics::Metrics,
    queue::{Comparison, Opening, Queue, QueueError, RollStep, keys::Partition, log::Position},
};

/// A slug may belong to another restaurant after this long.
const SLUG_FRESH: Duration = Duration::from_secs(10);

/// How long a restaurant that does not exist is believed not to: made-up ids must not reach PostgreSQL each time.
const UNKNOWN_FRESH: Duration = Duration::from_secs(5);

/// Most entries of each cache.
const CACHE_LEN_MAX: usize = 10_000;

/// Redis may take this long to say whose slug it is. With what is done then, an answer takes no longer than 2 s.
const SLUG_WAIT: Duration = Duration::from_millis(150);

/// Restaurants opened at once because somebody asked for them: made-up ids must not fill memory with attempts.
const OPENING_LEN_MAX: usize = 100;

/// A request waits this long for live state to be opened, or compared with the record.
const OPENING_WAIT: Duration = Duration::from_millis(1_300);

/// Between two looks whether another server has opened it.
const OPENING_PAUSE: Duration = Duration::from_millis(50);

/// The same after an opening that failed: the record does not answer, and what can goes on without it.
const OPENING_WAIT_AGAIN: Duration = Duration::from_millis(300);

/// Restaurants read from PostgreSQL at once when all are opened.
const OPEN_ALL_PAGE: u32 = 200;

/// Restaurants opened at the same time.
const OPEN_ALL_CONCURRENCY: usize = 8;

/// A rebuild waits so long for the recorder to have recorded what is left in the log.
const RECORD_WAIT: Duration = Duration::from_secs(3);

/// Between two looks whether it has.
const RECORD_PAUSE: Duration = Duration::from_millis(50);

/// What came of opening a restaurant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Its live state is there.
    Present,
    /// Another server is at it, or it takes longer than a request waits.
    Elsewhere,
    /// There is no such restaurant.
    Unknown,
    /// It could not be opened when that was tried last.
    Failed,
}

/// An opening that is in the list of those under way; out of it when this is dropped, also by a panic.
struct UnderWay {
    shared: Arc<Shared>,
    id: RestaurantId,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shared.opening.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Why a restaurant could not be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    NoBusinessDay(#[from] NoBusinessDay),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("the recorder has not yet recorded all that Redis has of it")]
    RecordBehind,
    #[error("nothing is recorded of it any more")]
    NotRecorded,
    #[error("load was refused with {0}")]
    Refused(&'static str),
}

/// The restaurants of the platform. Cheap to clone.
#[derive(Clone)]
pub struct Restaurants {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue,
    db: Db,
    metrics: Arc<Metrics>,
    slugs: Cache<String, RestaurantId>,
    loaded: Cache<RestaurantId, ()>,
    unknown: Cache<RestaurantId, ()>,
    opening: Mutex<HashMap<RestaurantId, watch::Receiver<Option<Opened>>>>,
    /// Those whose last opening failed, unless somebody else has opened them since.
    failed: Mutex<HashSet<RestaurantId>>,
}

impl Restaurants {
    /// The restaurants of this database, live in this queue.
    #[must_use]
    pub fn new(queue: Queue, db: Db, metrics: Arc<Metrics>) -> Self {
        let shared = Shared {
            queue,
            db,
            metrics,
            slugs: Cache::new(SLUG_FRESH),
            loaded: Cache::new(SLUG_FRESH),
            unknown: Cache::new(UNKNOWN_FRESH),
            opening: Mutex::default(),
            failed: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The restaurant of this slug.
    ///
    /// # Errors
    /// [`LineError::NotFound`], or when neither Redis nor PostgreSQL could be asked.
    pub async fn by_slug(&self, slug: &str) -> Result<RestaurantId, LineError> {
        if !is_slug(slug) {
            return Err(LineError::NotFound);
        }
        if let Some(id) = self.shared.slugs.get(slug) {
            return Ok(id);
        }
        let asked = tokio::time::timeout(SLUG_WAIT, self.shared.queue.restaurant_of_slug(slug)).await;
        let id = match (asked, self.shared.slugs.stale(slug)) {
            (Ok(Ok(Some(id))), _) => id,
            // Redis is away: what was true a moment ago will do, and the next ones need not wait for that.
            (Ok(Err(_)) | Err(_), Some(id)) => id,
            // Never opened, or Redis was emptied: PostgreSQL knows, too.
            (_, _) => db::restaurants::by_slug(&self.shared.db, slug).await?.ok_or(LineError::NotFound)?,
        };
        self.shared.slugs.put(slug.to_owned(), id);
        Ok(id)
    }

    /// Makes sure that this restaurant is one, as a ticket id that a client made up may name any.
    ///
    /// # Errors
    /// [`LineError::NotFound`]; [`LineError::Restoring`] when it is one and its live state is being opened.
    pub async fn check(&self, id: RestaurantId) -> Result<(), LineError> {
        if self.shared.loaded.get(&id).is_some() {
            return Ok(());
        }
        if self.shared.queue.stamps(&[id]).await?.first().is_some_and(Option::is_some) {
            self.shared.loaded.put(id, ());
            return Ok(());
        }
        match self.open(id).await {
            Opened::Unknown => Err(LineError::NotFound),
            Opened::Present => Ok(()),
            Opened::Elsewhere | Opened::Failed => Err(LineError::Restoring),
        }
    }

    /// A page of all restaurants.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn page(&self, after: Option<db::restaurants::Cursor>, limit: u32) -> Result<Page, DbError> {
        db::restaurants::page(&self.shared.db, after, limit).await
    }

    /// Makes the live state of a restaurant whole: opens it if it is missing, compares it with the record in a new life
    /// of Redis. Who asks while it is under way, here or on another server, waits for the same, a little while; it goes
    /// on when nobody waits any more.
    pub async fn open(&self, id: RestaurantId) -> Opened {
        if self.shared.unknown.get(&id).is_some() {
            return Opened::Unknown;
        }
        let has_failed = self.shared.failed().contains(&id);
        let wait = if has_failed { OPENING_WAIT_AGAIN } else { OPENING_WAIT };
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let Some(mut result) = self.opening_of(id) else { return Opened::Failed };
            let opened = match tokio::time::timeout_at(deadline, result.wait_for(Option::is_some)).await {
                Ok(Ok(opened)) => opened.unwrap_or(Opened::Failed),
                Ok(Err(_)) => Opened::Failed,
                Err(_) if has_failed => Opened::Failed,
                Err(_) => Opened::Elsewhere,
            };
            if opened != Opened::Elsewhere || tokio::time::Instant::now() + OPENING_PAUSE >= deadline {
                return opened;
            }
            tokio::time::sleep(OPENING_PAUSE).await;
        }
    }

    /// Asks for the live state of a restaurant to be made whole, without waiting.
    pub fn ask_to_open(&self, id: RestaurantId) {
        if self.shared.unknown.get(&id).is_none() {
            drop(self.opening_of(id));
        }
    }

    /// How many restaurants cannot be served: opening their live state failed, and it is not there. While Redis does
    /// not answer none is known to be served again.
    pub async fn unserved(&self) -> usize {
        let failed: Vec<RestaurantId> = self.shared.failed().iter().copied().collect();
        if failed.is_empty() {
            return 0;
        }
        if let Ok(stamps) = self.shared.queue.stamps(&failed).await {
            let mut still = self.shared.failed();
            for (id, _) in failed.iter().zip(stamps).filter(|(_, stamp)| stamp.is_some()) {
                still.remove(id);
            }
        }
        self.shared.failed().len()
    }

    /// The opening that is under way, or a new one; `None`: there are too many.
    fn opening_of(&self, id: RestaurantId) -> Option<watch::Receiver<Option<Opened>>> {
        let mut opening = self.shared.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = opening.get(&id) {
            return Some(result.clone());
        }
        if opening.len() >= OPENING_LEN_MAX {
            return None;
        }
        let (tell, result) = watch::channel(None);
        opening.insert(id, result.clone());
        let under_way = UnderWay { shared: Arc::clone(&self.shared), id };
        tokio::spawn(async move {
            let opened = under_way.shared.open_now(id).await;
            drop(under_way);
            // Nobody may be waiting.
            let _ = tell.send(Some(opened));
        });
        Some(result)
    }

    /// Opens every restaurant whose live state is missing, and compares those of a new life of Redis with the record.
    ///
    /// # Errors
    /// When PostgreSQL does not answer, or a restaurant could not be opened; the others were.
    pub async fn open_all(&self) -> Result<OpenedAll, OpenAllError> {
        let (mut all, mut failed, mut after) = (OpenedAll::default(), 0, None);
        loop {
            let ids = db::restaurants::all_ids(&self.shared.db, after, OPEN_ALL_PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            all.restaurants += ids.len();
            let missing: Vec<(RestaurantId, bool)> = stream::iter(ids)
                .map(async |id| Ok::<_, QueueError>((id, self.shared.queue.comparison(id, 0).await?)))
                .buffer_unordered(OPEN_ALL_CONCURRENCY)
                .try_filter_map(async |(id, comparison)| {
                    Ok((comparison != Comparison::Compared)
                        .then_some((id, matches!(comparison, Comparison::NotLoaded(_)))))
                })
                .try_collect()
                .await?;
            let opened: Vec<(bool, Opened)> = stream::iter(missing)
                .map(async |(id, was_missing)| (was_missing, self.shared.open_now(id).await))
                .buffer_unordered(OPEN_ALL_CONCURRENCY)
                .collect()
                .await;
            failed += opened.iter().filter(|(_, opened)| *opened == Opened::Failed).count();
            all.opened += opened.iter().filter(|found| **found == (true, Opened::Present)).count();
        }
        if failed == 0 { Ok(all) } else { Err(OpenAllError::NotOpened(failed)) }
    }
}

/// What [`Restaurants::open_all`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenedAll {
    /// Restaurants that there are.
    pub restaurants: usize,
    /// Those that were missing and are open now.
    pub opened: usize,
}

/// Why not all restaurants are open.
#[derive(Debug, thiserror::Error)]
pub enum OpenAllError {
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Redis failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// So many could not be opened; why was logged.
    #[error("restaurants that could not be opened: {0}")]
    NotOpened(usize),
}

impl Shared {
    fn failed(&self) -> MutexGuard<'_, HashSet<RestaurantId>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open_now(&self, id: RestaurantId) -> Opened {
        let opened = self.try_open(id).await.unwrap_or_else(|error| {
            // Said once while it lasts: every request asks again.
            if !self.failed().contains(&id) {
                tracing::warn!(restaurant.id = %id, %error, "a restaurant cannot be opened");
            }
            Opened::Failed
        });
        let outcome = match opened {
            Opened::Present => "opened",
            Opened::Elsewhere => "elsewhere",
            Opened::Unknown => "unknown",
            Opened::Failed => "failed",
        };
        self.metrics.restaurants_opened.with_label_values(&[outcome]).inc();
        match opened {
            Opened::Failed => {
                self.failed().insert(id);
            }
            Opened::Present | Opened::Unknown => {
                self.failed().remove(&id);
            }
            Opened::Elsewhere => {}
        }
        if opened == Opened::Unknown {
            self.unknown.put(id, ());
        }
        opened
    }

    async fn try_open(&self, id: RestaurantId) -> Result<Opened, OpenError> {
        loop {
            match compare(&self.queue, &self.db, id).await? {
                Compared::Whole => return Ok(Opened::Present),
                // Most often nothing is missing, and nobody has to take turns.
                Compared::Found(found) if found.is_whole() => {
                    put_back(&self.queue, &self.db, &self.metrics, id, &found).await?;
                }
                Compared::Found(_) | Compared::NotLoaded(_) => break,
            }
        }
        let Some(lock) = db::lock::try_lock(&self.db, id).await? else { return Ok(Opened::Elsewhere) };
        let opened = self.open_locked(id).await;
        // It ends with its connection in any case.
        if let Err(error) = lock.release().await {
            tracing::debug!(%error, "a lock was not released in good order");
        }
        opened
    }

    async fn open_locked(&self, id: RestaurantId) -> Result<Opened, OpenError> {
        loop {
            match compare(&self.queue, &self.db, id).await? {
                Compared::Whole => return Ok(Opened::Present),
                Compared::NotLoaded(life) => return self.load(id, life).await,
                Compared::Found(found) => match found.earlier_day() {
                    Some(day) => return self.load_again(id, found.life(), day).await,
                    None => put_back(&self.queue, &self.db, &self.metrics, id, &found).await?,
                },
            }
        }
    }

    /// Opens what was recorded; fresh, what never opened.
    async fn load(&self, id: RestaurantId, life: i64) -> Result<Opened, OpenError> {
        let Some(opening) = db::restaurants::opening(&self.db, id).await? else { return Ok(Opened::Unknown) };
        let today = BusinessDay::at(self.queue.time(Partition::of(id)).await?, &opening.time_zone, &opening.policy)?;
        match self.recorded(id, life).await? {
            Some(recorded) => self.load_recorded(id, opening, recorded, &today, None).await,
            None => self.load_fresh(id, opening, today).await,
        }
    }

    /// Opens what was recorded in the place of the copy of an earlier business day that is there in this life of Redis.
    /// Its log says nothing new.
    async fn load_again(&self, id: RestaurantId, life: i64, day: &str) -> Result<Opened, OpenError> {
        let Some(opening) = db::restaurants::opening(&self.db, id).await? else { return Ok(Opened::Unknown) };
        let today = BusinessDay::at(self.queue.time(Partition::of(id)).await?, &opening.time_zone, &opening.policy)?;
        let recorded = self.db.recorded(Partition::of(id).index(), id, life).await?.ok_or(OpenError::NotRecorded)?;
        tracing::warn!(restaurant.id = %id, day, "Redis came back with an earlier business day");
        self.load_recorded(id, opening, recorded, &today, Some(life)).await
    }

    /// What is recorded, once a recorder has recorded all that its log has now. What comes in meanwhile is others'.
    async fn recorded(&self, id: RestaurantId, life: i64) -> Result<Option<Recorded>, OpenError> {
        let partition = Partition::of(id);
        let end = self.queue.log_end(partition).await?;
        let deadline = Instant::now() + RECORD_WAIT;
        loop {
            let progress = self.db.progress(partition.index()).await?;
            let position: Option<Position> = progress.position.parse().ok();
            if end <= position || progress.recorders == 0 {
                return Ok(self.db.recorded(partition.index(), id, life).await?);
            }
            if Instant::now() > deadline {
                return Err(OpenError::RecordBehind);
            }
            tokio::time::sleep(RECORD_PAUSE).await;
        }
    }

    async fn load_recorded(
        &self,
        id: RestaurantId,
        opening: db::restaurants::Opening,
        recorded: Recorded,
        today: &BusinessDay,
        replace: Option<i64>,
    ) -> Result<Opened, OpenError> {
        let began = Instant::now();
        // What this server knows of; others may have answered more.
        let known = self.queue.known(id).into_iter().max().unwrap_or_default();
        let changes_lost = if known > recorded.stamp { known.rev - recorded.stamp.rev } else { 0 };
        let changes_lost = changes_lost.max(0).cast_unsigned();
        let rebuild = rebuild_of(opening, recorded, changes_lost, replace)?;
        db::record::numbers::pass(&self.db, id, &rebuild.restaurant.day, &rebuild.passed()).await?;
        match self.queue.rebuild(&rebuild, None).await? {
            Ok(_) => {}
            Err(Rejection::AlreadyLoaded) => return Ok(Opened::Present),
            Err(Rejection::Superseded) => return Ok(Opened::Elsewhere),
            Err(refusal) => return Err(OpenError::Refused(refusal.code())),
        }
        self.metrics.restaurants_rebuilt.inc();
        self.metrics.restaurants_changes_lost.inc_by(changes_lost);
        tracing::warn!(
            restaurant.id = %id,
            tickets = rebuild.tickets.len(),
            recorded_rev = rebuild.stamp.rev,
            changes_lost,
            numbers_skipped = rebuild.skips.values().max(),
            duration_ms = began.elapsed().as_millis() as u64,
            "Redis had lost a restaurant: it was rebuilt from the record"
        );
        if rebuild.restaurant.day < today.date {
            // The day that was lost is over. Refused while somebody waits: then the timers do it later.
            while let Ok(RollStep::More) = self.queue.roll_day(id, &today.date, today.ends_at, None).await? {}
        }
        Ok(Opened::Present)
    }

    async fn load_fresh(
        &self,
        id: RestaurantId,
        opening: db::restaurants::Opening,
        today: BusinessDay,
    ) -> Result<Opened, OpenError> {
        let opening = Opening {
            restaurant: RestaurantRecord {
                id,
                slug: opening.slug,
                name: opening.name,
                time_zone: opening.time_zone,
                currency: opening.currency,
                state: OpenState::Open,
                until: None,
                reason: None,
                announcement: None,
                day: today.date,
                day_ends_at: today.ends_at,
                opened_at: None,
                rebuilt_at: None,
                epoch: 0,
            },
            policy: opening.policy,
            lines: opening.lines,
            menu: opening.menu,
        };
        match self.queue.load(&opening, None).await? {
            Ok(_) => {
                tracing::info!(restaurant.id = %id, "a restaurant was opened");
                Ok(Opened::Present)
            }
            Err(Rejection::AlreadyLoaded) => Ok(Opened::Present),
            Err(refusal) => Err(OpenError::Refused(refusal.code())),
        }
    }
}

/// Whether a restaurant can have this slug.
fn is_slug(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// What was looked up a short while ago.
struct Cache<K, V> {
    fresh: Duration,
    entries: Mutex<HashMap<K, (V, Instant)>>,
}

impl<K: Eq + Hash, V: Copy> Cache<K, V> {
    fn new(fresh: Duration) -> Self {
        Self { fresh, entries: Mutex::default() }
    }

    fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(_, at)| at.elapsed() < self.fresh).map(|(value, _)| *value)
    }

    /// Also what is no longer fresh, while it is remembered.
    fn stale<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).map(|(value, _)| *value)
    }

    fn put(&self, key: K, value: V) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CACHE_LEN_MAX {
            entries.retain(|_, (_, at)| at.elapsed() < self.fresh);
            if entries.len() >= CACHE_LEN_MAX {
                entries.clear();
            }
        }
        entries.insert(key, (value, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_told_from_other_text() {
        for slug in ["demo", "a", "7-eleven", &"a".repeat(63)] {
            assert!(is_slug(slug), "{slug}");
        }
        for text in ["", "Demo", "-a", "a-", "a_b", "a/b", "식당", &"a".repeat(64)] {
            assert!(!is_slug(text), "{text}");
        }
    }

    #[test]
    fn a_cache_forgets() {
        let cache = Cache::new(Duration::from_secs(60));
        assert_eq!(cache.get("a"), None);
        cache.put("a".to_owned(), 1);
        assert_eq!(cache.get("a"), Some(1));
        for n in 0..CACHE_LEN_MAX {
            cache.put(n.to_string(), n);
        }
        assert!(cache.entries.lock().expect("not poisoned").len() <= CACHE_LEN_MAX);
        let stale = Cache::new(Duration::ZERO);
        stale.put("a".to_owned(), 1);
        assert_eq!((stale.get("a"), stale.stale("a")), (None, Some(1)));
    }
}
