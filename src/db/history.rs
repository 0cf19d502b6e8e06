//! The durable record, read: tickets and their lives, days and their totals. What writes it is the recorder, what
//! forgets is [`super::retention`].
//!
//! Dates travel as text, `2026-11-22`: a [`Day`] is one that PostgreSQL understands.

use std::{fmt, str::FromStr};

use sqlx::{PgConnection, types::Json};

use super::{Db, DbError, to_i64, to_limit, to_u64};
use crate::{
    domain::{Millis, RestaurantId, estimate::Eta, ids::InvalidId, ticket::OrderedItem},
    protocol::record::{
        CancelledBy, Counts, DayListed, DayListedTotals, DaySummary, LineTotals, RecordedActor, RecordedEnd,
        RecordedTicket, RecordedTransition, StockOfDay, TicketHistory, Totals, Waits,
    },
};

/// Most transitions of one ticket that are told.
const TRANSITIONS_LEN_MAX: u32 = 1_000;

/// The date of a business day: four digits, two, two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(String);

impl Day {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Day {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let date: jiff::civil::Date = text.parse().map_err(|_| InvalidId)?;
        // One spelling of each, and no year that PostgreSQL does not have.
        let exact = date.year() > 0 && date.to_string() == text;
        exact.then(|| Self(text.to_owned())).ok_or(InvalidId)
    }
}

/// A place in a day's list of tickets. Opaque to clients: they hand back what they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    joined_at: Millis,
    r#ref: String,
}

impl Cursor {
    /// Before everything.
    fn start() -> Self {
        Self { joined_at: Millis::MIN, r#ref: String::new() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{}", self.joined_at, self.r#ref)
    }
}

impl FromStr for Cursor {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if !(17..=64).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidId);
        }
        let (joined_at, r#ref) = text.split_at(16);
        let joined_at = u64::from_str_radix(joined_at, 16).map_err(|_| InvalidId)?.cast_signed();
        Ok(Self { joined_at, r#ref: r#ref.to_owned() })
    }
}

/// Some rows, and where to go on.
#[derive(Clone, Debug)]
pub struct Page<T, C> {
    /// In the list's order.
    pub items: Vec<T>,
    /// `None` at the end.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// The page of these rows, of which one more than `limit` was asked for: it tells whether there is a next page.
    fn of(mut items: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> C) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

/// A query for tickets: all columns, `$tail` is what follows the table's name.
macro_rules! tickets {
    ($tail:tt, $($argument:expr),+) => {
        sqlx::query!(
            r#"
            SELECT ref, number, line, state, to_char(day, 'YYYY-MM-DD') AS "day!", adults::int AS "adults!",
                children::int AS "children!", channel, checked_in, name, phone_last4, note, lang,
                personal AS "personal!", joined_at, called_at, seated_at, missed_at, ended_at, ended_by, ended_reason,
                calls::int AS "calls!", delays::int AS "delays!", overtaken, ahead_at_join,
                eta_at_join AS "eta_at_join: Json<Eta>", items AS "items: Json<Vec<OrderedItem>>", total
            FROM tickets
            "# + $tail,
            $($argument),+
        )
        .map(|row| RecordedTicket {
            r#ref: row.r#ref,
            number: row.number,
            line: row.line,
            state: row.state,
            day: row.day,
            adults: row.adults,
            children: row.children,
            channel: row.channel,
            checked_in: row.checked_in,
            name: row.name,
            phone_last4: row.phone_last4,
            note: row.note,
            lang: row.lang,
            erased: !row.personal,
            joined_at: row.joined_at,
            called_at: row.called_at,
            seated_at: row.seated_at,
            missed_at: row.missed_at,
            ended: ended(row.ended_at, row.ended_by, row.ended_reason),
            calls: row.calls,
            delays: row.delays,
            overtaken: row.overtaken,
            ahead_at_join: row.ahead_at_join,
            eta_at_join: row.eta_at_join.map(|eta| eta.0),
            items: row.items.map(|items| items.0).unwrap_or_default(),
            total: row.total,
        })
    };
}

fn ended(at: Option<Millis>, by: Option<String>, reason: Option<String>) -> Option<RecordedEnd> {
    (at.is_some() || by.is_some()).then_some(RecordedEnd { at, by, reason })
}

/// A ticket by its ref, and what happened to it.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn ticket(db: &Db, restaurant: RestaurantId, name: &str) -> Result<Option<TicketHistory>, DbError> {
    let restaurant = to_i64(restaurant.0);
    db.bounded::<_, DbError>(async {
        let mut connection = db.pool.acquire().await?;
        let ticket = tickets!("WHERE restaurant_id = $1 AND ref = $2", restaurant, name);
        let Some(ticket) = ticket.fetch_optional(&mut *connection).await? else { return Ok(None) };
        let items = transitions(&mut connection, restaurant, name).await?;
        Ok(Some(TicketHistory { ticket, items }))
    })
    .await
}

async fn transitions(
    connection: &mut PgConnection,
    restaurant: i64,
    name: &str,
) -> Result<Vec<RecordedTransition>, sqlx::Error> {
    let query = sqlx::query!(
        r#"
        SELECT at, epoch, rev, transitions.name, state, line, role, device, account, accounts.name AS "account_name?",
            reason
        FROM transitions LEFT JOIN accounts ON accounts.id = account
        WHERE restaurant_id = $1 AND ref = $2
        ORDER BY epoch DESC, rev DESC
        LIMIT $3
        "#,
        restaurant,
        name,
        to_limit(TRANSITIONS_LEN_MAX)
    )
    .map(|row| RecordedTransition {
        at: row.at,
        epoch: row.epoch,
        rev: row.rev,
        name: row.name,
        state: row.state,
        line: row.line,
        by: RecordedActor {
            role: row.role,
            device: row.device,
            account: row.account.map(|account| to_u64(account).to_string()),
            account_name: row.account_name,
        },
        reason: row.reason,
    });
    let mut items = query.fetch_all(connection).await?;
    items.reverse();
    Ok(items)
}

/// Up to `limit` business days before `before`, newest first.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn days(
    db: &Db,
    restaurant: RestaurantId,
    before: Option<&Day>,
    limit: u32,
) -> Result<Page<DayListed, String>, DbError> {
    let query = sqlx::query!(
        r#"
        SELECT to_char(day, 'YYYY-MM-DD') AS "day!", ends_at, sums.*
        FROM days, LATERAL (
            SELECT coalesce(sum(parties), 0)::bigint AS "parties!", coalesce(sum(guests), 0)::bigint AS "guests!",
                coalesce(sum(remote), 0)::bigint AS "remote!", coalesce(sum(waiting), 0)::bigint AS "waiting!",
                coalesce(sum(called), 0)::bigint AS "called!", coalesce(sum(seated), 0)::bigint AS "seated!",
                coalesce(sum(completed), 0)::bigint AS "completed!",
                coalesce(sum(cancelled), 0)::bigint AS "cancelled!", coalesce(sum(no_show), 0)::bigint AS "no_show!",
                coalesce(sum(seated_guests), 0)::bigint AS "seated_guests!",
                round(sum(waited_ms) / 1000.0 / nullif(sum(seated + completed), 0))::bigint AS wait_mean_s
            FROM day_totals WHERE day_totals.restaurant_id = days.restaurant_id AND day_totals.day = days.day
        ) AS sums
        WHERE restaurant_id = $1 AND ($2::text IS NULL OR day < $2::text::date)
        ORDER BY day DESC
        LIMIT $3
        "#,
        to_i64(restaurant.0),
        before.map(Day::as_str),
        to_limit(limit) + 1
    )
    .map(|row| DayListed {
        day: row.day,
        ends_at: row.ends_at,
        totals: DayListedTotals {
            counts: Counts {
                parties: row.parties,
                guests: row.guests,
                remote: row.remote,
                waiting: row.waiting,
                called: row.called,
                seated: row.seated,
                completed: row.completed,
                cancelled: row.cancelled,
                no_show: row.no_show,
                seated_guests: row.seated_guests,
            },
            wait_mean_s: row.wait_mean_s,
        },
    });
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    Ok(Page::of(rows, limit, |last| last.day.clone()))
}

/// A business day; `None` for one that the restaurant did not have.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn day(db: &Db, restaurant: RestaurantId, day: &Day) -> Result<Option<DaySummary>, DbError> {
    let restaurant = to_i64(restaurant.0);
    db.bounded::<_, DbError>(async {
        // All of it as of one moment, so that the parts agree.
        let mut snapshot = db.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let ends_at = sqlx::query_scalar!(
            "SELECT ends_at FROM days WHERE restaurant_id = $1 AND day = $2::text::date",
            restaurant,
            day.as_str()
        );
        let Some(ends_at) = ends_at.fetch_optional(&mut *snapshot).await? else { return Ok(None) };
        let (lines, totals) = totals(&mut snapshot, restaurant, day).await?;
        let stock = stock(&mut snapshot, restaurant, day).await?;
        snapshot.commit().await?;
        Ok(Some(DaySummary { day: day.0.clone(), ends_at, totals, lines, stock }))
    })
    .await
}

/// Totals by line, and of all lines.
async fn totals(
    connection: &mut PgConnection,
    restaurant: i64,
    day: &Day,
) -> Result<(Vec<LineTotals>, Totals), sqlx::Error> {
    let counted = sqlx::query!(
        "SELECT line, parties, guests, remote, waiting, called, seated, completed, cancelled, no_show, seated_guests
         FROM day_totals WHERE restaurant_id = $1 AND day = $2::text::date ORDER BY line",
        restaurant,
        day.as_str()
    )
    .map(|row| LineTotals {
        line: row.line,
        totals: Totals {
            counts: Counts {
                parties: row.parties,
                guests: row.guests,
                remote: row.remote,
                waiting: row.waiting,
                called: row.called,
                seated: row.seated,
                completed: row.completed,
                cancelled: row.cancelled,
                no_show: row.no_show,
                seated_guests: row.seated_guests,
            },
            ..Totals::default()
        },
    });
    let mut lines = counted.fetch_all(&mut *connection).await?;
    let mut all = Totals { counts: lines.iter().map(|line| line.totals.counts).sum(), ..Totals::default() };
    let measured = sqlx::query!(
        r#"
        SELECT line AS "line?",
            (avg(seated_at - joined_at) FILTER (WHERE sat) / 1000)::float8 AS mean_s,
            (percentile_cont(0.5) WITHIN GROUP (ORDER BY (seated_at - joined_at)::float8) FILTER (WHERE sat)) / 1000
                AS p50_s,
            (percentile_cont(0.9) WITHIN GROUP (ORDER BY (seated_at - joined_at)::float8) FILTER (WHERE sat)) / 1000
                AS p90_s,
            count(*) FILTER (WHERE gone AND ended_by IN ('guest', 'device')) AS "by_guest!",
            count(*) FILTER (WHERE gone AND ended_by IN ('staff', 'owner', 'admin')) AS "by_staff!",
            count(*) FILTER (WHERE gone AND ended_by = 'timer') AS "by_day_end!"
        FROM tickets, LATERAL (
            SELECT state IN ('seated', 'completed') AND seated_at IS NOT NULL AS sat, state = 'cancelled' AS gone
        ) AS how
        WHERE restaurant_id = $1 AND day = $2::text::date
        GROUP BY GROUPING SETS ((line), ())
        "#,
        restaurant,
        day.as_str()
    );
    for row in measured.fetch_all(connection).await? {
        let totals = match &row.line {
            None => &mut all,
            Some(line) => match lines.iter_mut().find(|candidate| candidate.line == *line) {
                Some(line) => &mut line.totals,
                None => continue,
            },
        };
        totals.cancelled_by = CancelledBy { guest: row.by_guest, staff: row.by_staff, day_end: row.by_day_end };
        if let (Some(mean), Some(p50), Some(p90)) = (row.mean_s, row.p50_s, row.p90_s) {
            totals.wait = Some(Waits { mean_s: rounded(mean), p50_s: rounded(p50), p90_s: rounded(p90) });
        }
    }
    Ok((lines, all))
}

/// Whole seconds. Waits fit by far.
fn rounded(seconds: f64) -> i64 {
    seconds.round() as i64
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, line| Self {
            parties: sum.parties + line.parties,
            guests: sum.guests + line.guests,
            remote: sum.remote + line.remote,
            waiting: sum.waiting + line.waiting,
            called: sum.called + line.called,
            seated: sum.seated + line.seated,
            completed: sum.completed + line.completed,
            cancelled: sum.cancelled + line.cancelled,
            no_show: sum.no_show + line.no_show,
            seated_guests: sum.seated_guests + line.seated_guests,
        })
    }
}

/// Items that were ordered on the day or are on the menu; of the latter those that were ordered or counted.
async fn stock(connection: &mut PgConnection, restaurant: i64, day: &Day) -> Result<Vec<StockOfDay>, sqlx::Error> {
    let query = sqlx::query!(
        r#"
        WITH ordered AS (
            SELECT ordered.item, (array_agg(ordered.name ORDER BY joined_at DESC))[1] AS name,
                coalesce(sum(ordered.quantity - ordered.lost) FILTER (WHERE state IN ('seated', 'completed')), 0)
                    ::bigint AS consumed
            FROM tickets, jsonb_to_recordset(coalesce(items, '[]'))
                AS ordered (item text, name text, quantity bigint, lost bigint)
            WHERE restaurant_id = $1 AND day = $2::text::date
            GROUP BY ordered.item
        ),
        -- The day that goes on, also past its end, has no other behind it.
        until AS (
            SELECT CASE WHEN EXISTS (SELECT FROM days AS later
                                     WHERE later.restaurant_id = $1 AND later.day > $2::text::date)
                THEN ends_at ELSE 9223372036854775807 END AS at
            FROM days WHERE restaurant_id = $1 AND day = $2::text::date
        )
        SELECT coalesce(ordered.item, menu.id) AS "item!", coalesce(ordered.name, menu.name) AS name,
            coalesce(consumed, 0) AS "consumed!", last.left_after AS "left?"
        FROM ordered
        FULL JOIN (SELECT id, name FROM menu_items WHERE restaurant_id = $1) AS menu ON menu.id = ordered.item
        LEFT JOIN LATERAL (
            SELECT left_after FROM stock_movements, until
            WHERE restaurant_id = $1 AND item = coalesce(ordered.item, menu.id) AND stock_movements.at < until.at
            ORDER BY stock_movements.at DESC, epoch DESC, rev DESC LIMIT 1
        ) AS last ON true
        WHERE ordered.item IS NOT NULL OR last.left_after IS NOT NULL
        ORDER BY 1
        "#,
        restaurant,
        day.as_str()
    )
    .map(|row| StockOfDay { item: row.item, name: row.name, consumed: row.consumed, left: row.left });
    query.fetch_all(connection).await
}

/// Whether the restaurant had this business day.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn was(db: &Db, restaurant: RestaurantId, day: &Day) -> Result<bool, DbError> {
    let query = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM days WHERE restaurant_id = $1 AND day = $2::text::date) AS "was!""#,
        to_i64(restaurant.0),
        day.as_str()
    );
    db.bounded(query.fetch_one(&db.pool)).await
}

/// Up to `limit` tickets of a business day after `after`, by when they joined.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn tickets(
    db: &Db,
    restaurant: RestaurantId,
    day: &Day,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<RecordedTicket, Cursor>, DbError> {
    let after = after.unwrap_or_else(Cursor::start);
    let query = tickets!(
        "WHERE restaurant_id = $1 AND day = $2::text::date AND (joined_at, ref) > ($3, $4)
         ORDER BY joined_at, ref LIMIT $5",
        to_i64(restaurant.0),
        day.as_str(),
        after.joined_at,
        after.r#ref,
        to_limit(limit) + 1
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    Ok(Page::of(rows, limit, |last| Cursor { joined_at: last.joined_at, r#ref: last.r#ref.clone() }))
}

/// The IANA name of the time by which a restaurant lives.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn time_zone(db: &Db, restaurant: RestaurantId) -> Result<Option<String>, DbError> {
    let query = sqlx::query_scalar!("SELECT time_zone FROM restaurants WHERE id = $1", to_i64(restaurant.0));
    db.bounded(query.fetch_optional(&db.pool)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling() {
        assert_eq!("2026-11-22".parse::<Day>().expect("a date").as_str(), "2026-11-22");
        for text in ["", "today", "2026-02-30", "2026-2-3", "20261122", "0000-01-01", "-000001-01-01", "2026-11-22 "] {
            assert_eq!(text.parse::<Day>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn a_cursor_is_read_back() {
        for joined_at in [1_795_334_400_000, -1, Millis::MIN] {
            let cursor = Cursor { joined_at, r#ref: "0Az9".repeat(4) };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "12", &"z".repeat(32), &"0".repeat(16), &"é".repeat(16), &"0".repeat(65)] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidId), "{text}");
        }
    }
}
