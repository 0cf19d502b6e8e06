//! The three WebSockets. Whoever may not connect is told so before the upgrade, as for any other request.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::{
    Api,
    client::ClientAddress,
    live::Upgrade,
    problem::{Code, Problem},
    responses::{HolderSocket, PublicSocket, StaffSocket},
    session::{Anyone, At, Staff, check_origin, is_staff},
    tickets::ticket_id,
};
use crate::{
    db::sessions::SessionId,
    domain::RestaurantId,
    hub::{Dismissal, Watch, WatchError},
    protocol::CloseCode,
};

/// The board, live
#[utoipa::path(get, path = "/restaurants/{r}/board/live", tag = "live", operation_id = "watchBoard",
    params(("r" = String, Path, description = "Slug")),
    responses((status = 101, description = "Frames `board`, `tick`, `bye`"), PublicSocket))]
pub async fn board(
    State(api): State<Api>,
    headers: HeaderMap,
    caller: Anyone,
    At(restaurant): At,
    client: ClientAddress,
    upgrade: Result<Upgrade, Problem>,
) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    let door = is_staff(&caller.actor_at(restaurant));
    connect(&api, client, restaurant, Watch::Board { door }, None, upgrade).await
}

/// A ticket, live
#[utoipa::path(get, path = "/tickets/{t}/live", tag = "live", operation_id = "watchTicket",
    params(("t" = String, Path, description = "Ticket id")),
    responses((status = 101, description = "Frames `ticket`, `tick`, `bye`"), HolderSocket))]
pub async fn ticket(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(ticket): Path<String>,
    client: ClientAddress,
    upgrade: Result<Upgrade, Problem>,
) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    let ticket = ticket_id(&ticket)?;
    let restaurant = api.lines.check_restaurant(&ticket).await?;
    connect(&api, client, restaurant, Watch::Ticket(ticket), None, upgrade).await
}

/// The queue, live
#[utoipa::path(get, path = "/restaurants/{r}/console/live", tag = "live", operation_id = "watchQueue",
    params(("r" = String, Path, description = "Slug")),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 101, description = "Frames `queue`, `delta`, `tick`, `bye`"), StaffSocket))]
pub async fn console(
    State(api): State<Api>,
    headers: HeaderMap,
    staff: Staff,
    client: ClientAddress,
    upgrade: Result<Upgrade, Problem>,
) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    connect(&api, client, staff.restaurant, Watch::Console, Some(staff.session), upgrade).await
}

async fn connect(
    api: &Api,
    client: ClientAddress,
    restaurant: RestaurantId,
    watch: Watch,
    session: Option<SessionId>,
    upgrade: Result<Upgrade, Problem>,
) -> Result<Response, Problem> {
    let upgrade = upgrade?;
    let connected = api.limits.connect(client)?;
    let watcher = api.lines.watch(restaurant, watch).await?;
    upgrade.hold(api, watcher, connected, session.map(|session| until_revoked(api, session)))
}

/// A connection ends when its session is revoked.
fn until_revoked(api: &Api, session: SessionId) -> Dismissal {
    let revocations = api.revocations.clone();
    Box::new(move || revocations.contains(session).then_some(CloseCode::Unauthenticated))
}

impl From<WatchError> for Problem {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::NotFound => Self::new(Code::NotFound),
            WatchError::PlaceLost => Self::place_lost(),
            WatchError::Restoring => Self::new(Code::Restoring),
            WatchError::Unavailable => Self::new(Code::Unavailable),
            WatchError::RoomFull => Self::new(Code::TooManyRequests).retry_after(5),
            WatchError::ServerFull | WatchError::Draining => Self::new(Code::Unavailable),
        }
    }
}
