//! How much of the menu is left.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    body::{Fields, FromFields, RawBody, small},
    idempotency::{COMMAND_TTL_MS, Call, Key, answer},
    problem::{Code, Problem},
    responses::StaffCommand,
    session::Staff,
};
use crate::domain::Command;

/// Most units, as the menu has it.
const LEFT_MAX: i64 = 1_000_000_000;

/// Longest item id; a longer one names nothing.
const ITEM_LEN_MAX: usize = 64;

/// What is left.
#[derive(ToSchema)]
#[schema(as = StockSet)]
#[serde(deny_unknown_fields)]
pub struct SetBody {
    /// Units left; null stops counting.
    #[schema(required, minimum = 0, maximum = 1_000_000_000)]
    left: Option<u32>,
}

impl FromFields for SetBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { left: fields.nullable_number("left", 0..=LEFT_MAX).map(small) }
    }
}

/// More or less.
#[derive(ToSchema)]
#[schema(as = StockAdjust)]
#[serde(deny_unknown_fields)]
pub struct AdjustBody {
    /// Added to what is left.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    by: i64,
}

impl FromFields for AdjustBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { by: fields.number("by", -LEFT_MAX..=LEFT_MAX) }
    }
}

/// What is left of an item.
#[derive(Serialize, ToSchema)]
pub struct StockBody {
    item: String,
    /// Null: not counted.
    left: Option<i64>,
    /// Which life of Redis.
    epoch: i64,
    /// Changes of the live state so far.
    rev: i64,
}

/// Say what is left of an item
#[utoipa::path(put, path = "/restaurants/{r}/stock/{item}", tag = "staff", operation_id = "setStock",
    params(("r" = String, Path, description = "Slug"), ("item" = String, Path, description = "Menu item id"),
        ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body = SetBody,
    responses((status = 200, description = "What is left", body = StockBody), StaffCommand))]
pub async fn set(
    State(api): State<Api>,
    staff: Staff,
    Path((_, item)): Path<(String, String)>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    run(&api, "stock_set", staff, item, key, body, |item, SetBody { left }| Command::StockSet { item, left }).await
}

/// Count some more or less of an item
#[utoipa::path(post, path = "/restaurants/{r}/stock/{item}/adjust", tag = "staff", operation_id = "adjustStock",
    params(("r" = String, Path, description = "Slug"), ("item" = String, Path, description = "Menu item id"),
        ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body = AdjustBody,
    responses((status = 200, description = "What is left", body = StockBody), StaffCommand))]
pub async fn adjust(
    State(api): State<Api>,
    staff: Staff,
    Path((_, item)): Path<(String, String)>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    run(&api, "stock_adjust", staff, item, key, body, |item, AdjustBody { by }| Command::StockAdjust { item, by }).await
}

async fn run<T: FromFields>(
    api: &Api,
    operation: &'static str,
    staff: Staff,
    item: String,
    key: Key,
    body: RawBody,
    command: impl FnOnce(String, T) -> Command,
) -> Result<Response, Problem> {
    if item.chars().count() > ITEM_LEN_MAX {
        return Err(Problem::new(Code::NotFound));
    }
    let scope = (operation, &[item.as_str()][..], COMMAND_TTL_MS);
    let call = Call::new(api, scope, staff.restaurant, staff.actor, key, body)?;
    let command = command(item.clone(), call.body().await?);
    let outcome = api.lines.run(call.restaurant, &call.context(), &command).await?;
    let left = outcome.done.left.filter(|left| *left >= 0);
    let (epoch, rev) = (outcome.stamp.epoch, outcome.stamp.rev);
    answer(StatusCode::OK, outcome.replayed, &StockBody { item, left, epoch, rev })
}
