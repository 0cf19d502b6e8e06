//! The record, for staff: what happened to a ticket, business days, their tickets, and these as a spreadsheet.
//!
//! PostgreSQL alone is asked: without it these are 503 while the line goes on. All of it is personal data, so nothing
//! may be kept by a cache.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, csv,
    problem::{Code, Problem},
    responses::{StaffRecord, StaffRecordList},
    session::Staff,
};
use crate::{
    db::{
        DbError,
        history::{Cursor, Day, Page},
    },
    domain::RestaurantId,
    protocol::record::{DayListed, DaySummary, RecordedTicket, TicketHistory},
};

/// Rows of a page, unless asked otherwise.
const PAGE_LEN: u32 = 20;
/// Most of them.
const PAGE_LEN_MAX: u32 = 100;

/// Tickets of a spreadsheet that are in memory at once.
const CSV_PAGE_LEN: u32 = 500;

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordQuery {
    /// `next` of the page before
    after: Option<String>,
    /// Rows of a page, 20 unless given
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A query that cannot be read is a field that is wrong.
type AskedPage = Result<Query<RecordQuery>, QueryRejection>;

/// Where the list goes on, and how many rows are wanted.
fn asked<C: std::str::FromStr>(query: AskedPage) -> Result<(Option<C>, u32), Problem> {
    let Query(query) = query.map_err(|_| Problem::field("query", "unknown_or_type"))?;
    let limit = query.limit.unwrap_or(PAGE_LEN);
    if !(1..=PAGE_LEN_MAX).contains(&limit) {
        return Err(Problem::field("limit", "range"));
    }
    let after = query.after.as_deref().map(str::parse).transpose().map_err(|_| Problem::field("after", "format"))?;
    Ok((after, limit))
}

/// A day from a path. What is none never was.
fn day_of(text: &str) -> Result<Day, Problem> {
    text.parse().map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

/// Some business days, newest first.
#[derive(Serialize, ToSchema)]
pub struct DayPage {
    items: Vec<DayListed>,
    /// `after` of the next page; null at the end.
    next: Option<String>,
}

/// Some tickets of a business day, by when they joined.
#[derive(Serialize, ToSchema)]
pub struct RecordedTicketPage {
    items: Vec<RecordedTicket>,
    /// `after` of the next page; null at the end.
    next: Option<String>,
}

/// What happened to a ticket
#[utoipa::path(get, path = "/restaurants/{r}/tickets/{t}/history", tag = "record", operation_id = "getTicketHistory",
    params(("r" = String, Path, description = "Slug"), ("t" = String, Path, description = "Ticket id or `ref`")),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The ticket and its life", body = TicketHistory), StaffRecord))]
pub async fn ticket(
    State(api): State<Api>,
    staff: Staff,
    Path((_, ticket)): Path<(String, String)>,
) -> Result<Json<TicketHistory>, Problem> {
    let found = api.history.ticket(staff.restaurant, &ticket).await?;
    found.map(Json).ok_or_else(not_found)
}

/// Business days, newest first, a page at a time
#[utoipa::path(get, path = "/restaurants/{r}/days", tag = "record", operation_id = "listDays",
    params(("r" = String, Path, description = "Slug"), RecordQuery),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "A page", body = DayPage), StaffRecordList))]
pub async fn days(State(api): State<Api>, staff: Staff, query: AskedPage) -> Result<Json<DayPage>, Problem> {
    let (before, limit) = asked::<Day>(query)?;
    let page = api.history.days(staff.restaurant, before.as_ref(), limit).await?;
    Ok(Json(DayPage { items: page.items, next: page.next }))
}

/// A business day: parties, waits, stock
#[utoipa::path(get, path = "/restaurants/{r}/days/{day}", tag = "record", operation_id = "getDay",
    params(("r" = String, Path, description = "Slug"), ("day" = String, Path, description = "Date, `2026-11-22`")),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The day", body = DaySummary), StaffRecord))]
pub async fn day(
    State(api): State<Api>,
    staff: Staff,
    Path((_, day)): Path<(String, String)>,
) -> Result<Json<DaySummary>, Problem> {
    let found = api.history.day(staff.restaurant, &day_of(&day)?).await?;
    found.map(Json).ok_or_else(not_found)
}

/// Tickets of a business day, a page at a time
#[utoipa::path(get, path = "/restaurants/{r}/days/{day}/tickets", tag = "record", operation_id = "listTicketsOfDay",
    params(("r" = String, Path, description = "Slug"), ("day" = String, Path, description = "Date, `2026-11-22`"),
        RecordQuery),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "A page", body = RecordedTicketPage), StaffRecordList))]
pub async fn tickets(
    State(api): State<Api>,
    staff: Staff,
    Path((_, day)): Path<(String, String)>,
    query: AskedPage,
) -> Result<Json<RecordedTicketPage>, Problem> {
    let day = day_of(&day)?;
    let (after, limit) = asked::<Cursor>(query)?;
    if !api.history.was(staff.restaurant, &day).await? {
        return Err(not_found());
    }
    let page = api.history.tickets(staff.restaurant, &day, after, limit).await?;
    Ok(Json(RecordedTicketPage { items: page.items, next: page.next.map(|next| next.to_string()) }))
}

/// Tickets of a business day, as a spreadsheet
///
/// RFC 4180 with a byte order mark; times in the restaurant's time zone. If PostgreSQL fails midway the body breaks
/// off without its end.
#[utoipa::path(get, path = "/restaurants/{r}/days/{day}/tickets.csv", tag = "record",
    operation_id = "exportTicketsOfDay",
    params(("r" = String, Path, description = "Slug"), ("day" = String, Path, description = "Date, `2026-11-22`")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, description = "A header row and a row of each ticket", body = String, content_type = "text/csv",
            headers(("Content-Disposition" = String))),
        StaffRecord
    ))]
pub async fn export(
    State(api): State<Api>,
    staff: Staff,
    Path((slug, day)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let day = day_of(&day)?;
    let restaurant = staff.restaurant;
    let zone = api.history.time_zone(restaurant).await?.ok_or_else(not_found)?;
    let zone = TimeZone::get(&zone).map_err(|error| Problem::internal(&error))?;
    if !api.history.was(restaurant, &day).await? {
        return Err(not_found());
    }
    // The first page is read before anything is answered: until then a failure is a problem like any other.
    let first = api.history.tickets(restaurant, &day, None, CSV_PAGE_LEN).await?;
    let attachment = format!("attachment; filename=\"{slug}-{}.csv\"", day.as_str());
    let attachment = HeaderValue::from_str(&attachment).map_err(|error| Problem::internal(&error))?;
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, attachment),
    ]);
    Ok((headers, Sheet { api, restaurant, day, zone }.into_body(first)).into_response())
}

/// A spreadsheet that is being sent.
struct Sheet {
    api: Api,
    restaurant: RestaurantId,
    day: Day,
    zone: TimeZone,
}

/// What of a spreadsheet comes next.
enum Next {
    First(Page<RecordedTicket, Cursor>),
    After(Cursor),
    Nothing,
}

impl Sheet {
    /// A page is read when the client has taken the one before. An error ends the body without its last chunk, so that
    /// half a sheet is not taken for the whole.
    fn into_body(self, first: Page<RecordedTicket, Cursor>) -> Body {
        Body::from_stream(stream::try_unfold((self, Next::First(first)), async |(sheet, next)| {
            let (mut text, page) = match next {
                Next::First(page) => (csv::head(), page),
                Next::After(cursor) => (String::new(), sheet.page(cursor).await?),
                Next::Nothing => return Ok::<_, DbError>(None),
            };
            text.push_str(&csv::rows(&page.items, &sheet.zone));
            let next = page.next.map_or(Next::Nothing, Next::After);
            Ok(Some((Bytes::from(text), (sheet, next))))
        }))
    }

    async fn page(&self, after: Cursor) -> Result<Page<RecordedTicket, Cursor>, DbError> {
        let page = self.api.history.tickets(self.restaurant, &self.day, Some(after), CSV_PAGE_LEN).await;
        page.inspect_err(|error| tracing::warn!(%error, "a sheet of tickets breaks off"))
    }
}
