//! Forgetting what must be forgotten, in the durable record. docs/RECORD.md says what goes when, and why.
//!
//! One worker at a time, by a session-level advisory lock on the very connection that does the work: both end
//! together. Every step is a transaction of at most [`STEP`] rows and stands for itself, so that nobody waits long
//! behind one and a crash between two loses nothing: what is left is found again by the same conditions.
//!
//! Time is PostgreSQL's.

use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgAdvisoryLock, PgAdvisoryLockKey},
};

use super::{Db, DbError};
use crate::domain::ids::base62;

/// Most rows that one transaction changes of a table by itself; what hangs on a ticket goes with it.
pub const STEP: u64 = 500;

/// Contact data goes this long after the end of its business day, answers kept for retries this long after the event.
const CONTACT_KEPT_H: i32 = 24;

/// A row that nobody could read may hold contact data of a day that ends up to 24 h later.
const UNREAD_KEPT_H: i32 = CONTACT_KEPT_H + 24;

/// Characters of a ref.
const REF_LEN: usize = 16;

/// Rows that were changed or deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Tickets whose contact data was erased.
    pub contact: u64,
    /// Events that lost the answer kept for retries.
    pub answers: u64,
    /// Unreadable entries of the log whose content was erased.
    pub unread: u64,
    /// Events deleted.
    pub events: u64,
    /// Tickets made anonymous.
    pub anonymised: u64,
    /// Stock movements that no longer say who made them.
    pub actors: u64,
    /// Unreadable entries and gaps deleted.
    pub faults: u64,
}

impl Swept {
    /// Each figure and its name.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, u64); 7] {
        [
            ("contact", self.contact),
            ("answers", self.answers),
            ("unread", self.unread),
            ("events", self.events),
            ("anonymised", self.anonymised),
            ("actors", self.actors),
            ("faults", self.faults),
        ]
    }

    /// Whether nothing was left to forget.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Forgets all that is due, telling `told` of every step that is committed. `None`: somebody else is at it.
///
/// # Errors
/// When PostgreSQL does not answer. What was done before stays done.
///
/// # Cancel safety
/// Dropping the future rolls back the step under way and ends the lock.
pub async fn sweep(db: &Db, keep_tickets_days: u32, mut told: impl FnMut(&Swept)) -> Result<Option<Swept>, DbError> {
    let mut connection = db.bounded(db.locks.acquire()).await?;
    connection.unlock_afterwards();
    let locking = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, lock_key());
    if !db.bounded(locking.fetch_one(&mut *connection)).await? {
        return Ok(None);
    }
    let days = i32::try_from(keep_tickets_days).unwrap_or(i32::MAX);
    let mut all = Swept::default();
    for step in STEPS {
        loop {
            let one = db.bounded(run(&mut connection, *step, days)).await?;
            let Some(one) = one else { break };
            told(&one);
            all = all + one;
        }
    }
    // If PostgreSQL does not answer, the lock ends with the connection.
    let _ = connection.give_back().await;
    Ok(Some(all))
}

/// What is forgotten, in this order: events name refs, so they go before the tickets are made anonymous.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Days that nobody recorded get an end, so that their tickets are not forgotten to be forgotten.
    Days,
    Contact,
    Answers,
    Unread,
    Events,
    Anonymise,
    Actors,
    DeadLetters,
    Gaps,
}

const STEPS: &[Step] = &[
    Step::Days,
    Step::Contact,
    Step::Answers,
    Step::Unread,
    Step::Events,
    Step::Anonymise,
    Step::Actors,
    Step::DeadLetters,
    Step::Gaps,
];

/// One step in one transaction; `None` when nothing was left to do.
async fn run(connection: &mut PgConnection, step: Step, days: i32) -> Result<Option<Swept>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let on = &mut *transaction;
    let nothing = Swept::default();
    let (rows, swept) = match step {
        Step::Days => (note_days(on).await?, nothing),
        Step::Contact => counted(erase_contact(on).await?, |contact| Swept { contact, ..nothing }),
        Step::Answers => counted(erase_answers(on).await?, |answers| Swept { answers, ..nothing }),
        Step::Unread => counted(erase_unread(on).await?, |unread| Swept { unread, ..nothing }),
        Step::Events => counted(delete_events(on, days).await?, |events| Swept { events, ..nothing }),
        Step::Anonymise => {
            let done = anonymise(on, days).await?;
            (u64::from(done.is_some()), Swept { anonymised: done.unwrap_or(0), ..nothing })
        }
        Step::Actors => counted(forget_actors(on, days).await?, |actors| Swept { actors, ..nothing }),
        Step::DeadLetters => counted(delete_dead_letters(on, days).await?, |faults| Swept { faults, ..nothing }),
        Step::Gaps => counted(delete_gaps(on, days).await?, |faults| Swept { faults, ..nothing }),
    };
    transaction.commit().await?;
    Ok((rows > 0).then_some(swept))
}

fn counted(rows: u64, swept: impl FnOnce(u64) -> Swept) -> (u64, Swept) {
    (rows, swept(rows))
}

/// The latest moment at which a day can end anywhere on earth: noon, universal time, two days on.
async fn note_days(on: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "INSERT INTO days (restaurant_id, day, ends_at)
         SELECT DISTINCT restaurant_id, day,
             (extract(epoch FROM (day + 2 + time '12:00') AT TIME ZONE 'UTC') * 1000)::bigint
         FROM tickets
         WHERE personal AND day < current_date - 2 AND NOT EXISTS (
             SELECT FROM days WHERE days.restaurant_id = tickets.restaurant_id AND days.day = tickets.day)
         LIMIT $1
         ON CONFLICT DO NOTHING",
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

/// A ticket that is being recorded just now is left to the next sweep: neither waits for the other's second row.
async fn erase_contact(on: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "UPDATE tickets SET name = NULL, phone_last4 = NULL, note = NULL, lang = NULL, packed = NULL
         FROM (
             SELECT restaurant_id, ref FROM tickets JOIN days USING (restaurant_id, day)
             WHERE personal AND state IN ('completed', 'cancelled', 'no_show')
                 AND ends_at < (extract(epoch FROM now() - make_interval(hours => $1)) * 1000)::bigint
             ORDER BY tickets.day LIMIT $2
             FOR UPDATE OF tickets SKIP LOCKED
         ) AS due
         WHERE tickets.restaurant_id = due.restaurant_id AND tickets.ref = due.ref",
        CONTACT_KEPT_H,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

/// By place on the disk, which never reads the whole table. A row that is moved meanwhile is left to the next sweep.
async fn erase_answers(on: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "UPDATE events SET answer = NULL
         WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM events
             WHERE answer IS NOT NULL AND at < (extract(epoch FROM now() - make_interval(hours => $1)) * 1000)::bigint
             ORDER BY at LIMIT $2))",
        CONTACT_KEPT_H,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

async fn erase_unread(on: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "UPDATE dead_letters SET raw = '', outcome = 'erased'
         WHERE (partition, entry) IN (
             SELECT partition, entry FROM dead_letters
             WHERE raw <> '' AND found_at < now() - make_interval(hours => $1)
             LIMIT $2)",
        UNREAD_KEPT_H,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

/// A partition's events are as old as they are low in `seq`: the few lowest of each tell whether something is due.
async fn delete_events(on: &mut PgConnection, days: i32) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "DELETE FROM events
         WHERE ctid = ANY (ARRAY(
             SELECT oldest.place
             FROM recorder, LATERAL (
                 SELECT ctid AS place, at FROM events WHERE events.partition = recorder.partition
                 ORDER BY seq LIMIT 100
             ) AS oldest
             WHERE oldest.at < (extract(epoch FROM now() - make_interval(days => $1)) * 1000)::bigint
             LIMIT $2))",
        days,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

/// Takes up to a step of one day's tickets, the longest past day first. `None`: no day is left.
async fn anonymise(on: &mut PgConnection, days: i32) -> Result<Option<u64>, sqlx::Error> {
    let day = sqlx::query!(
        r#"SELECT restaurant_id, to_char(day, 'YYYY-MM-DD') AS "day!" FROM days
           WHERE NOT anonymous AND ends_at < (extract(epoch FROM now() - make_interval(days => $1)) * 1000)::bigint
           ORDER BY ends_at LIMIT 1 FOR UPDATE"#,
        days
    );
    let Some(day) = day.fetch_optional(&mut *on).await? else { return Ok(None) };
    let old = sqlx::query_scalar!(
        "SELECT ref FROM tickets WHERE restaurant_id = $1 AND day = $2::text::date AND NOT anonymous
         ORDER BY joined_at, ref LIMIT $3 FOR UPDATE",
        day.restaurant_id,
        day.day,
        STEP.cast_signed()
    );
    let old = old.fetch_all(&mut *on).await?;
    let new: Vec<String> = old.iter().map(|_| base62(rand::random(), REF_LEN)).collect();
    rename(on, day.restaurant_id, &old, &new).await?;
    if (old.len() as u64) < STEP {
        sqlx::query!(
            "UPDATE days SET anonymous = true WHERE restaurant_id = $1 AND day = $2::text::date",
            day.restaurant_id,
            day.day
        )
        .execute(on)
        .await?;
    }
    Ok(Some(old.len() as u64))
}

/// Gives tickets new refs everywhere at once. What staff wrote as a reason may name people: of reasons only those that
/// are codes stay.
async fn rename(on: &mut PgConnection, restaurant: i64, old: &[String], new: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE tickets SET ref = renamed.new, anonymous = true, name = NULL, phone_last4 = NULL, note = NULL,
             lang = NULL, packed = NULL, ended_reason = substring(ended_reason FROM '^[a-z_]{1,40}$')
         FROM unnest($2::text[], $3::text[]) AS renamed (old, new)
         WHERE restaurant_id = $1 AND ref = renamed.old",
        restaurant,
        old,
        new
    )
    .execute(&mut *on)
    .await?;
    sqlx::query!(
        "UPDATE transitions SET ref = renamed.new, device = NULL, account = NULL,
             reason = substring(reason FROM '^[a-z_]{1,40}$')
         FROM unnest($2::text[], $3::text[]) AS renamed (old, new)
         WHERE restaurant_id = $1 AND ref = renamed.old",
        restaurant,
        old,
        new
    )
    .execute(&mut *on)
    .await?;
    sqlx::query!(
        "UPDATE stock_movements SET ref = renamed.new, device = NULL, account = NULL
         FROM unnest($2::text[], $3::text[]) AS renamed (old, new)
         WHERE restaurant_id = $1 AND ref = renamed.old",
        restaurant,
        old,
        new
    )
    .execute(on)
    .await?;
    Ok(())
}

/// Movements that no ticket made.
async fn forget_actors(on: &mut PgConnection, days: i32) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "UPDATE stock_movements SET device = NULL, account = NULL
         WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM stock_movements
             WHERE (device IS NOT NULL OR account IS NOT NULL)
                 AND at < (extract(epoch FROM now() - make_interval(days => $1)) * 1000)::bigint
             ORDER BY at LIMIT $2))",
        days,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

async fn delete_dead_letters(on: &mut PgConnection, days: i32) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "DELETE FROM dead_letters
         WHERE (partition, entry) IN (
             SELECT partition, entry FROM dead_letters WHERE found_at < now() - make_interval(days => $1) LIMIT $2)",
        days,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

async fn delete_gaps(on: &mut PgConnection, days: i32) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "DELETE FROM gaps
         WHERE (aggregate, epoch, rev_from) IN (
             SELECT aggregate, epoch, rev_from FROM gaps WHERE found_at < now() - make_interval(days => $1) LIMIT $2)",
        days,
        STEP.cast_signed()
    );
    Ok(query.execute(on).await?.rows_affected())
}

impl std::ops::Add for Swept {
    type Output = Self;
    fn add(self, more: Self) -> Self {
        Self {
            contact: self.contact + more.contact,
            answers: self.answers + more.answers,
            unread: self.unread + more.unread,
            events: self.events + more.events,
            anonymised: self.anonymised + more.anonymised,
            actors: self.actors + more.actors,
            faults: self.faults + more.faults,
        }
    }
}

/// A key that no other use of advisory locks has.
fn lock_key() -> i64 {
    match PgAdvisoryLock::new("waitless retention").key() {
        PgAdvisoryLockKey::BigInt(key) => *key,
        other => unreachable!("Invariant: a lock named by text has a 64-bit key, not {other:?}"),
    }
}
