//! What everybody may read of restaurants.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api,
    problem::Problem,
    responses::{Listing, Read, ReadByAnyone, StaffRead},
    session::{Anyone, At, Staff, is_staff},
};
use crate::{
    db::restaurants::Listed,
    domain::{Announcement, Millis, OpenState, RestaurantId, estimate::Eta, replica::Replica},
    hub::Text,
    protocol::{BoardFrame, QueueFrame, line_view},
};

/// Restaurants of a page, unless asked otherwise.
const PAGE_LEN: u32 = 20;
/// Most of them.
const PAGE_LEN_MAX: u32 = 50;

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the page before
    after: Option<String>,
    /// Restaurants of a page, 20 unless given
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Some restaurants, oldest first.
#[derive(Serialize, ToSchema)]
pub struct RestaurantPage {
    items: Vec<RestaurantBody>,
    /// `after` of the next page; null at the end.
    next: Option<String>,
}

/// A restaurant.
#[derive(Serialize, ToSchema)]
pub struct RestaurantBody {
    /// Never changes.
    #[schema(value_type = String, example = "4611686018427387904")]
    id: RestaurantId,
    /// The name in paths.
    #[schema(example = "demo")]
    slug: String,
    /// Shown.
    name: String,
    /// Whether guests may take a number; null when that is not known just now.
    state: Option<OpenState>,
    /// When it opens again.
    #[schema(value_type = Option<i64>)]
    until: Option<Millis>,
    /// Why, in staff's words.
    reason: Option<String>,
    /// Read by everybody.
    announcement: Option<Announcement>,
    /// IANA name.
    #[schema(example = "Asia/Seoul")]
    time_zone: String,
    /// ISO 4217.
    #[schema(example = "KRW")]
    currency: String,
    /// Its lines, by letter; empty when they are not known just now.
    lines: Vec<LineBody>,
}

/// A line of a restaurant.
#[derive(Serialize, ToSchema)]
pub struct LineBody {
    /// Its letter.
    #[schema(example = "A")]
    line: String,
    /// Shown.
    name: String,
    /// Whether guests may take a number of this line.
    state: OpenState,
    /// When it opens again.
    #[schema(value_type = Option<i64>)]
    until: Option<Millis>,
    /// Waiting tickets.
    waiting: u32,
    /// The wait of two people who join now.
    eta: Option<Eta>,
}

/// What can be ordered ahead.
#[derive(Serialize, ToSchema)]
pub struct MenuBody {
    items: Vec<MenuItemBody>,
}

/// Something to order.
#[derive(Serialize, ToSchema)]
pub struct MenuItemBody {
    id: String,
    name: String,
    /// Of one unit, in the minor unit of the restaurant's currency.
    price: i64,
    /// Units left; null when it is not counted.
    left: Option<i64>,
    sold_out: bool,
}

impl RestaurantBody {
    fn live(replica: &Replica) -> Self {
        let restaurant = replica.restaurant();
        Self {
            id: restaurant.id,
            slug: restaurant.slug.clone(),
            name: restaurant.name.clone(),
            state: Some(restaurant.state),
            until: restaurant.until,
            reason: restaurant.reason.clone(),
            announcement: restaurant.announcement.clone(),
            time_zone: restaurant.time_zone.clone(),
            currency: restaurant.currency.clone(),
            lines: replica.lines().values().map(|line| LineBody::of(replica, line)).collect(),
        }
    }

    fn listed(listed: Listed) -> Self {
        Self {
            id: listed.id,
            slug: listed.slug,
            name: listed.name,
            state: None,
            until: None,
            reason: None,
            announcement: None,
            time_zone: listed.time_zone,
            currency: listed.currency,
            lines: Vec::new(),
        }
    }
}

impl LineBody {
    fn of(replica: &Replica, line: &crate::domain::LineRecord) -> Self {
        let view = line_view(replica, line);
        Self {
            line: view.line.to_string(),
            name: view.name,
            state: view.state,
            until: view.until,
            waiting: view.waiting,
            eta: view.eta,
        }
    }
}

/// Restaurants, a page at a time
#[utoipa::path(get, path = "/restaurants", tag = "restaurants", operation_id = "listRestaurants", params(PageQuery),
    responses((status = 200, description = "A page", body = RestaurantPage), Listing))]
pub async fn list(
    State(api): State<Api>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<RestaurantPage>, Problem> {
    let Query(query) = query.map_err(|_| Problem::field("query", "unknown_or_type"))?;
    let limit = query.limit.unwrap_or(PAGE_LEN);
    if !(1..=PAGE_LEN_MAX).contains(&limit) {
        return Err(Problem::field("limit", "range"));
    }
    let after = query.after.as_deref().map(str::parse).transpose().map_err(|_| Problem::field("after", "format"))?;
    let page = api.restaurants.page(after, limit).await?;
    let items =
        futures_util::future::join_all(page.items.into_iter().map(|listed| with_live_state(&api, listed))).await;
    Ok(Json(RestaurantPage { items, next: page.next.map(|next| next.to_string()) }))
}

/// A restaurant whose live state cannot be read at once is listed without it.
async fn with_live_state(api: &Api, listed: Listed) -> RestaurantBody {
    const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);
    let live = tokio::time::timeout(PATIENCE, api.lines.read(listed.id, RestaurantBody::live)).await;
    match live {
        Ok(Ok(body)) => body,
        Ok(Err(_)) | Err(_) => RestaurantBody::listed(listed),
    }
}

/// A restaurant and its lines
#[utoipa::path(get, path = "/restaurants/{r}", tag = "restaurants", operation_id = "getRestaurant",
    params(("r" = String, Path, description = "Slug")),
    responses((status = 200, description = "The restaurant", body = RestaurantBody), Read))]
pub async fn get(State(api): State<Api>, At(restaurant): At) -> Result<Json<RestaurantBody>, Problem> {
    Ok(Json(api.lines.read(restaurant, RestaurantBody::live).await?))
}

/// The menu and what is left of it
#[utoipa::path(get, path = "/restaurants/{r}/menu", tag = "restaurants", operation_id = "getMenu",
    params(("r" = String, Path, description = "Slug")),
    responses((status = 200, description = "The menu", body = MenuBody), Read))]
pub async fn menu(State(api): State<Api>, At(restaurant): At) -> Result<Json<MenuBody>, Problem> {
    let items = api.lines.read(restaurant, |replica| {
        let items = replica.menu().iter().map(|item| {
            let left = replica.left(&item.id);
            MenuItemBody {
                id: item.id.clone(),
                name: item.name.clone(),
                price: item.price,
                left,
                sold_out: left == Some(0),
            }
        });
        items.collect()
    });
    Ok(Json(MenuBody { items: items.await? }))
}

/// The board: numbers for everybody to see; staff also get the door code
#[utoipa::path(get, path = "/restaurants/{r}/board", tag = "restaurants", operation_id = "getBoard",
    params(("r" = String, Path, description = "Slug")),
    security((), ("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The `board` frame", body = BoardFrame), ReadByAnyone))]
pub async fn board(State(api): State<Api>, caller: Anyone, At(restaurant): At) -> Result<Response, Problem> {
    let with_door = is_staff(&caller.actor_at(restaurant));
    Ok(frame(api.lines.board(restaurant, with_door).await?))
}

/// The queue: every ticket that is not over
#[utoipa::path(get, path = "/restaurants/{r}/queue", tag = "staff", operation_id = "getQueue",
    params(("r" = String, Path, description = "Slug")),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The `queue` frame", body = QueueFrame), StaffRead))]
pub async fn queue(State(api): State<Api>, staff: Staff) -> Result<Response, Problem> {
    Ok(frame(api.lines.queue(staff.restaurant).await?))
}

/// A frame, encoded once for everybody who asks.
fn frame(text: Text) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into_json()).into_response()
}
