//! Every endpoint.

use axum::{Router, middleware, response::IntoResponse as _};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, auth, commands, docs, edge, health, policy,
    problem::{Code, Problem},
    restaurants, sockets, state, stock, tickets,
};

/// The endpoints and the document that describes them.
fn endpoints() -> OpenApiRouter<Api> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(restaurants::list))
        .routes(routes!(restaurants::get))
        .routes(routes!(restaurants::menu))
        .routes(routes!(restaurants::board))
        .routes(routes!(policy::get, policy::change))
        // Guests.
        .routes(routes!(tickets::join))
        .routes(routes!(tickets::find))
        .routes(routes!(tickets::get, tickets::cancel))
        .routes(routes!(tickets::delay))
        .routes(routes!(tickets::check_in))
        .routes(routes!(tickets::rejoin))
        .routes(routes!(tickets::undo))
        // Staff.
        .routes(routes!(restaurants::queue))
        .routes(routes!(commands::call_next))
        .routes(routes!(commands::edit))
        .routes(routes!(commands::call))
        .routes(routes!(commands::recall))
        .routes(routes!(commands::seat))
        .routes(routes!(commands::complete))
        .routes(routes!(commands::no_show))
        .routes(routes!(commands::put_back))
        .routes(routes!(commands::restore))
        .routes(routes!(commands::undo))
        .routes(routes!(commands::cancel))
        .routes(routes!(state::of_restaurant))
        .routes(routes!(state::of_line))
        .routes(routes!(state::announce))
        .routes(routes!(stock::set))
        .routes(routes!(stock::adjust))
        // Accounts.
        .routes(routes!(auth::sign_up))
        .routes(routes!(auth::sign_in))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::sign_out))
        // WebSockets.
        .routes(routes!(sockets::board))
        .routes(routes!(sockets::ticket))
        .routes(routes!(sockets::console));
    OpenApiRouter::with_openapi(docs::Document::openapi())
        .nest("/v1", v1)
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(health::version))
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    endpoints().into_openapi()
}

/// Everything that is served.
pub fn router(api: Api) -> Router {
    let (router, document) = endpoints().split_for_parts();
    router
        .merge(docs::routes(document))
        .fallback(async || Problem::new(Code::NotFound).into_response())
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(middleware::from_fn_with_state(api.clone(), edge::edge))
        .with_state(api)
}
