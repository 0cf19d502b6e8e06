//! The problems each kind of endpoint may answer, for OpenAPI.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema as _, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, ResponsesBuilder, header::HeaderBuilder},
};

use super::problem::{CONTENT_TYPE, Code, ProblemBody};

macro_rules! problem_sets {
    ($($(#[doc = $doc:literal])+ $name:ident: $($status:literal)+;)+) => {$(
        $(#[doc = $doc])+
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[$($status),+])
            }
        }
    )+};
}

problem_sets! {
    /// A list.
    Listing: 422 500 503;
    /// A read of something public.
    Read: 404 429 500 503;
    /// A read that tells staff more.
    ReadByAnyone: 401 404 429 500 503;
    /// A read by a ticket's holder.
    HolderRead: 404 410 429 500 503;
    /// A read by staff.
    StaffRead: 401 403 404 429 500 503;
    /// A read of the record by staff.
    StaffRecord: 401 403 404 500 503;
    /// A list of the record by staff.
    StaffRecordList: 401 403 404 422 500 503;
    /// A new ticket.
    Join: 400 401 403 404 409 413 415 422 429 500 503;
    /// A look for a ticket.
    Find: 400 401 403 404 413 415 422 429 500 503;
    /// A command by a ticket's holder.
    HolderCommand: 400 401 403 404 409 410 413 415 422 429 500 503;
    /// A command by staff.
    StaffCommand: 400 401 403 404 409 413 415 422 429 500 503;
    /// A command by staff on one ticket.
    TicketCommand: 400 401 403 404 409 410 413 415 422 429 500 503;
    /// A sign-up.
    SignUp: 400 403 409 413 415 422 429 500 503;
    /// A sign-in, or a refresh.
    SignIn: 400 401 403 413 415 422 429 500 503;
    /// A sign-out.
    SignOut: 400 401 403 413 415 422 500 503;
    /// A WebSocket for everybody.
    PublicSocket: 400 401 403 404 429 500 503;
    /// A WebSocket for a ticket's holder.
    HolderSocket: 400 403 404 410 429 500 503;
    /// A WebSocket for staff.
    StaffSocket: 400 401 403 404 429 500 503;
    /// Not ready.
    Unready: 503;
}

fn responses(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let builder = statuses
        .iter()
        .fold(ResponsesBuilder::new(), |builder, status| builder.response(status.to_string(), problem(*status)));
    builder.build().responses
}

fn problem(status: u16) -> Response {
    let codes: Vec<String> =
        Code::ALL.iter().filter(|code| code.status() == status).map(|code| format!("`{}`", code.as_str())).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    let mut builder = ResponseBuilder::new().description(codes.join(", ")).content(CONTENT_TYPE, content);
    if matches!(status, 429 | 503) {
        let header = HeaderBuilder::new().description(Some("Seconds to wait")).schema(Some(i32::schema())).build();
        builder = builder.header("Retry-After", header);
    }
    if status == 401 {
        let header = HeaderBuilder::new().schema(Some(String::schema())).build();
        builder = builder.header("WWW-Authenticate", header);
    }
    builder.build()
}
