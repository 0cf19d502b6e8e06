//! The API's own documentation: `/openapi.json`, made from the code, and Swagger UI at `/docs`.

use axum::{Router, http::header, routing::get};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{Api, problem::ProblemBody, session::COOKIE};
use crate::protocol::{Bye, DeltaFrame, Tick};

/// What no handler says.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "WaitLess",
        description = "A live restaurant line. Times are integer Unix milliseconds by the server's Redis; money is an \
            integer in the minor unit of the restaurant's currency. Everything that fails is answered with \
            `application/problem+json`; its `code` is stable. Clients ignore fields they do not know. \
            A word that only a newer server knows is told as `other`."
    ),
    components(schemas(ProblemBody, Tick, Bye, DeltaFrame)),
    modifiers(&Securities),
    tags(
        (name = "restaurants", description = "What everybody may read"),
        (name = "guests", description = "Tickets, for their holders: the id is the key"),
        (name = "staff", description = "Working the line"),
        (name = "record", description = "What was: tickets that are over, business days"),
        (name = "owner", description = "Rules"),
        (name = "accounts", description = "Signing up, in, on and out"),
        (name = "live", description = "WebSocket `waitless.v1`: JSON text frames"),
        (name = "operator", description = "Health and figures"),
    )
)]
pub struct Document;

struct Securities;

impl Modify for Securities {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(COOKIE, "Set by sign-in; same-site only"));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// Serves the document and the page that shows it.
pub fn routes(document: utoipa::openapi::OpenApi) -> Router<Api> {
    let page = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    // Encoded once: it is large, and anybody may ask for it as often as he likes.
    let json = Bytes::from(document.to_json().expect("Invariant: the document has text keys"));
    let json = async move || ([(header::CONTENT_TYPE, "application/json")], json.clone());
    Router::new().route("/openapi.json", get(json)).merge(page)
}
