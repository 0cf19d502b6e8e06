//! Every endpoint.

use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, auth, commands, docs, edge, health, history, pages, policy, restaurants, sockets, state, stock, tickets,
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
        // The record.
        .routes(routes!(history::ticket))
        .routes(routes!(history::days))
        .routes(routes!(history::day))
        .routes(routes!(history::tickets))
        .routes(routes!(history::export))
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
        .merge(pages::routes())
        .fallback(pages::fallback)
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(middleware::from_fn_with_state(api.clone(), edge::edge))
        .with_state(api)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::api::body::{Fields, FromFields};

    /// Fields that a body's schema has, and whether they have to be there.
    fn documented(schemas: &Value, name: &str) -> BTreeMap<String, bool> {
        let schema = &schemas[name];
        assert_eq!(schema["additionalProperties"], false, "{name} takes nothing unknown");
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys());
        properties.map(|field| (field.clone(), required.contains(field.as_str()))).collect()
    }

    fn read<T: FromFields>() -> BTreeMap<String, bool> {
        Fields::asked_by::<T>().into_iter().map(|(field, required)| (field.to_owned(), required)).collect()
    }

    #[test]
    fn bodies_are_read_as_they_are_documented() {
        let document = serde_json::to_value(document()).expect("a document");
        let schemas = &document["components"]["schemas"];
        for (name, read) in [
            ("Join", read::<tickets::JoinBody>()),
            ("Find", read::<tickets::FindBody>()),
            ("Delay", read::<tickets::DelayBody>()),
            ("CheckIn", read::<tickets::CheckInBody>()),
            ("CallNext", read::<commands::CallNextBody>()),
            ("Call", read::<commands::CallBody>()),
            ("PutBack", read::<commands::PutBackBody>()),
            ("Restore", read::<commands::RestoreBody>()),
            ("Cancel", read::<commands::CancelBody>()),
            ("Edit", read::<commands::EditBody>()),
            ("State", read::<state::StateBody>()),
            ("AnnouncementText", read::<state::AnnouncementBody>()),
            ("StockSet", read::<stock::SetBody>()),
            ("StockAdjust", read::<stock::AdjustBody>()),
            ("SignUp", read::<auth::SignUpBody>()),
            ("SignIn", read::<auth::SignInBody>()),
            ("Refresh", read::<auth::RefreshBody>()),
        ] {
            assert_eq!(documented(schemas, name), read, "{name}");
        }
        let policy: BTreeSet<String> = documented(schemas, "PolicyChange").into_keys().collect();
        let all = serde_json::to_value(crate::domain::Policy::default()).expect("plain data");
        assert_eq!(policy, all.as_object().expect("an object").keys().cloned().collect());
    }
}
