//! Whether guests may take a number, and what everybody should read.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api, asked,
    body::{Fields, FromFields, RawBody},
    commands::{REASON_LEN_MAX, line_id},
    idempotency::{COMMAND_TTL_MS, Call, Key, answer},
    problem::Problem,
    responses::StaffCommand,
    session::Staff,
};
use crate::domain::{Command, Millis, NewState, OpenState};

/// Longest announcement, in characters.
const ANNOUNCEMENT_LEN_MAX: usize = 300;

/// A state of restaurant or line.
#[derive(ToSchema)]
#[schema(as = State)]
#[serde(deny_unknown_fields)]
pub struct StateBody {
    #[schema(value_type = asked::OpenState)]
    state: OpenState,
    /// When it opens again by itself; later than now.
    #[schema(value_type = Option<i64>, minimum = 0)]
    until: Option<Millis>,
    /// For guests to read.
    #[schema(max_length = 200)]
    reason: Option<String>,
}

impl FromFields for StateBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let words = [
            ("open", OpenState::Open),
            ("direct", OpenState::Direct),
            ("paused", OpenState::Paused),
            ("closed", OpenState::Closed),
        ];
        Self {
            state: fields.word("state", &words),
            until: fields.optional_millis("until"),
            reason: fields.optional_text("reason", REASON_LEN_MAX),
        }
    }
}

/// The state that is set.
#[derive(Serialize, ToSchema)]
pub struct StateSet {
    state: OpenState,
    #[schema(value_type = Option<i64>)]
    until: Option<Millis>,
    reason: Option<String>,
    /// Which life of Redis.
    epoch: i64,
    /// Changes of the live state so far.
    rev: i64,
}

/// What everybody should read.
#[derive(ToSchema)]
#[schema(as = AnnouncementText)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementBody {
    /// Empty text takes it away.
    #[schema(max_length = 300)]
    text: String,
    /// When it disappears by itself; later than now.
    #[schema(value_type = Option<i64>, minimum = 0)]
    until: Option<Millis>,
}

impl FromFields for AnnouncementBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let text = fields.text("text", ANNOUNCEMENT_LEN_MAX).trim().to_owned();
        Self { text, until: fields.optional_millis("until") }
    }
}

/// The announcement that is made.
#[derive(Serialize, ToSchema)]
pub struct Announced {
    text: String,
    #[schema(value_type = Option<i64>)]
    until: Option<Millis>,
    /// Which life of Redis.
    epoch: i64,
    /// Changes of the live state so far.
    rev: i64,
}

/// Open, pause or close the restaurant
#[utoipa::path(put, path = "/restaurants/{r}/state", tag = "staff", operation_id = "setRestaurantState",
    params(("r" = String, Path, description = "Slug"), ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body = StateBody,
    responses((status = 200, description = "The state", body = StateSet), StaffCommand))]
pub async fn of_restaurant(State(api): State<Api>, staff: Staff, key: Key, body: RawBody) -> Result<Response, Problem> {
    let scope = ("restaurant_set", &[][..], COMMAND_TTL_MS);
    let call = Call::new(&api, scope, staff.restaurant, staff.actor, key, body)?;
    let body = call.body().await?;
    set(&api, &call, body, Command::RestaurantSet).await
}

/// Open, pause or close a line
#[utoipa::path(put, path = "/restaurants/{r}/lines/{line}/state", tag = "staff", operation_id = "setLineState",
    params(("r" = String, Path, description = "Slug"), ("line" = String, Path, description = "The line's letter"),
        ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body = StateBody,
    responses((status = 200, description = "The state", body = StateSet), StaffCommand))]
pub async fn of_line(
    State(api): State<Api>,
    staff: Staff,
    Path((_, line)): Path<(String, String)>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let letter = line_id(&line)?;
    let scope = ("line_set", &[line.as_str()][..], COMMAND_TTL_MS);
    let call = Call::new(&api, scope, staff.restaurant, staff.actor, key, body)?;
    let body = call.body().await?;
    set(&api, &call, body, |state| Command::LineSet { line: letter, state }).await
}

async fn set(
    api: &Api,
    call: &Call<'_>,
    StateBody { state, until, reason }: StateBody,
    command: impl FnOnce(NewState) -> Command,
) -> Result<Response, Problem> {
    let command = command(NewState { state, until, reason: reason.clone() });
    let outcome = api.lines.run(call.restaurant, &call.context(), &command).await?;
    let (epoch, rev) = (outcome.stamp.epoch, outcome.stamp.rev);
    answer(StatusCode::OK, outcome.replayed, &StateSet { state, until, reason, epoch, rev })
}

/// Tell everybody something
#[utoipa::path(put, path = "/restaurants/{r}/announcement", tag = "staff", operation_id = "announce",
    params(("r" = String, Path, description = "Slug"), ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body = AnnouncementBody,
    responses((status = 200, description = "The announcement", body = Announced), StaffCommand))]
pub async fn announce(State(api): State<Api>, staff: Staff, key: Key, body: RawBody) -> Result<Response, Problem> {
    let scope = ("announce", &[][..], COMMAND_TTL_MS);
    let call = Call::new(&api, scope, staff.restaurant, staff.actor, key, body)?;
    let AnnouncementBody { text, until } = call.body().await?;
    let command = Command::Announce { text: text.clone(), until };
    let outcome = api.lines.run(call.restaurant, &call.context(), &command).await?;
    let (epoch, rev) = (outcome.stamp.epoch, outcome.stamp.rev);
    answer(StatusCode::OK, outcome.replayed, &Announced { text, until, epoch, rev })
}
