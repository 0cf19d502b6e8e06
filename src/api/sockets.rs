//! The three WebSockets. Whoever may not connect is told so before the upgrade, as for any other request.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::{
    Api,
    problem::{Code, Problem},
    responses::{HolderSocket, PublicSocket, StaffSocket},
    session::{At, Staff, check_origin},
    tickets::ticket_id,
};

/// The board, live
#[utoipa::path(get, path = "/restaurants/{r}/board/live", tag = "live", operation_id = "watchBoard",
    params(("r" = String, Path, description = "Slug")),
    responses((status = 101, description = "Frames `board`, `tick`, `bye`"), PublicSocket))]
pub async fn board(State(api): State<Api>, headers: HeaderMap, At(restaurant): At) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    let _ = restaurant;
    Err(Problem::new(Code::Unavailable))
}

/// A ticket, live
#[utoipa::path(get, path = "/tickets/{t}/live", tag = "live", operation_id = "watchTicket",
    params(("t" = String, Path, description = "Ticket id")),
    responses((status = 101, description = "Frames `ticket`, `tick`, `bye`"), HolderSocket))]
pub async fn ticket(
    State(api): State<Api>,
    headers: HeaderMap,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    let ticket = ticket_id(&ticket)?;
    api.lines.check_restaurant(&ticket).await?;
    Err(Problem::new(Code::Unavailable))
}

/// The queue, live
#[utoipa::path(get, path = "/restaurants/{r}/console/live", tag = "live", operation_id = "watchQueue",
    params(("r" = String, Path, description = "Slug")),
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 101, description = "Frames `queue`, `delta`, `tick`, `bye`"), StaffSocket))]
pub async fn console(State(api): State<Api>, headers: HeaderMap, staff: Staff) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    let _ = staff.restaurant;
    Err(Problem::new(Code::Unavailable))
}
