//! What staff do with tickets.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    body::{Fields, FromFields, Nothing, RawBody, small},
    idempotency::{COMMAND_TTL_MS, Call, Key, answer},
    problem::{Code, Problem},
    responses::{StaffCommand, TicketCommand},
    session::Staff,
    tickets::{NAME_LEN_MAX, NOTE_LEN_MAX, ticket_id, ticket_of, view_of},
};
use crate::{
    domain::{CallReason, Command, Edit, LineId, TicketId},
    protocol::TicketView,
    queue::Outcome,
};

/// Longest text of where to come to.
const TO_LEN_MAX: usize = 60;

/// Longest reason.
pub(super) const REASON_LEN_MAX: usize = 200;

/// The ticket after a command.
#[derive(Serialize, ToSchema)]
pub struct TicketBody {
    ticket: TicketView,
    /// Which life of Redis.
    epoch: i64,
    /// Changes of the live state so far.
    rev: i64,
}

impl TicketBody {
    fn of(outcome: &Outcome) -> Result<Self, Problem> {
        let ticket = view_of(outcome, ticket_of(outcome)?);
        Ok(Self { ticket, epoch: outcome.stamp.epoch, rev: outcome.stamp.rev })
    }
}

/// Whom to call.
#[derive(ToSchema)]
#[schema(as = CallNext)]
#[serde(deny_unknown_fields)]
pub struct CallNextBody {
    /// The smallest party that fits.
    #[schema(minimum = 1, maximum = 20)]
    party_min: Option<u32>,
    /// The largest party that fits.
    #[schema(minimum = 1, maximum = 20)]
    party_max: Option<u32>,
    /// Where to come to.
    #[schema(max_length = 60, example = "Table 4")]
    to: Option<String>,
}

impl FromFields for CallNextBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let party_min = fields.optional_number("party_min", 1..=20).map(small);
        let party_max = fields.optional_number("party_max", 1..=20).map(small);
        if party_min.zip(party_max).is_some_and(|(min, max)| min > max) {
            fields.wrong("party_max", "range");
        }
        Self { party_min, party_max, to: fields.optional_text("to", TO_LEN_MAX) }
    }
}

/// How one is called.
#[derive(ToSchema)]
#[schema(as = Call)]
#[serde(deny_unknown_fields)]
pub struct CallBody {
    /// Needed for one who is not first.
    reason: Option<CallReason>,
    /// Where to come to.
    #[schema(max_length = 60)]
    to: Option<String>,
}

impl FromFields for CallBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let words = CallReason::ALL.map(|reason| (reason.as_str(), reason));
        Self { reason: fields.optional_word("reason", &words), to: fields.optional_text("to", TO_LEN_MAX) }
    }
}

/// How far back.
#[derive(ToSchema)]
#[schema(as = PutBack)]
#[serde(deny_unknown_fields)]
pub struct PutBackBody {
    /// 1 unless given.
    #[schema(minimum = 1, maximum = 20)]
    places: Option<u32>,
}

impl FromFields for PutBackBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { places: fields.optional_number("places", 1..=20).map(small) }
    }
}

/// Where to.
#[derive(ToSchema)]
#[schema(as = Restore)]
#[serde(deny_unknown_fields)]
pub struct RestoreBody {
    /// Places from the head, 0 unless given.
    #[schema(minimum = 0, maximum = 20)]
    places: Option<u32>,
}

impl FromFields for RestoreBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { places: fields.optional_number("places", 0..=20).map(small) }
    }
}

/// Why.
#[derive(ToSchema)]
#[schema(as = Cancel)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    #[schema(max_length = 200)]
    reason: Option<String>,
}

impl FromFields for CancelBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { reason: fields.optional_text("reason", REASON_LEN_MAX) }
    }
}

/// What to change; what is left out stays.
#[derive(ToSchema)]
#[schema(as = Edit)]
#[serde(deny_unknown_fields)]
pub struct EditBody {
    #[schema(minimum = 1, maximum = 20)]
    adults: Option<u32>,
    #[schema(minimum = 0, maximum = 19)]
    children: Option<u32>,
    /// Another line; number and place are kept.
    #[schema(value_type = Option<String>)]
    line: Option<LineId>,
    /// Null clears it.
    #[schema(value_type = Option<String>, max_length = 500)]
    note: Option<Option<String>>,
    /// Null clears it.
    #[schema(value_type = Option<String>, max_length = 60)]
    name: Option<Option<String>>,
}

impl FromFields for EditBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let adults = fields.optional_number("adults", 1..=20).map(small);
        let children = fields.optional_number("children", 0..=19).map(small);
        if adults.zip(children).is_some_and(|(adults, children)| adults + children > 20) {
            fields.wrong("adults", "range");
        }
        Self {
            adults,
            children,
            line: fields.optional_line("line"),
            note: fields.change("note", NOTE_LEN_MAX),
            name: fields.change("name", NAME_LEN_MAX),
        }
    }
}

/// Call the next party
#[utoipa::path(post, path = "/restaurants/{r}/lines/{line}/call-next", tag = "staff", operation_id = "callNext",
    params(("r" = String, Path, description = "Slug"), ("line" = String, Path, description = "The line's letter"),
        ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body(content = Option<CallNextBody>),
    responses((status = 200, description = "The called ticket", body = TicketBody), StaffCommand))]
pub async fn call_next(
    State(api): State<Api>,
    staff: Staff,
    Path((_, line)): Path<(String, String)>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let letter = line_id(&line)?;
    let scope = ("call_next", &[line.as_str()][..], COMMAND_TTL_MS);
    let call = Call::new(&api, scope, staff.restaurant, staff.actor, key, body)?;
    let CallNextBody { party_min, party_max, to } = call.body().await?;
    let command = Command::CallNext { line: letter, party_min, party_max, to };
    let outcome = api.lines.run(call.restaurant, &call.context(), &command).await?;
    answer(StatusCode::OK, outcome.replayed, &TicketBody::of(&outcome)?)
}

/// A line from a path. What is none names nothing.
pub(super) fn line_id(text: &str) -> Result<LineId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound))
}

/// A command on one ticket: its body, and what the body makes of it.
macro_rules! ticket_commands {
    ($($(#[doc = $doc:literal])+ $name:ident $path:literal $id:literal $request:ty, ($($body:tt)+) =
        |$ticket:ident, $read:pat_param| $command:expr;)+) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(post, path = $path, tag = "staff", operation_id = $id,
            params(("r" = String, Path, description = "Slug"), ("t" = String, Path, description = "Ticket id"),
                ("Idempotency-Key" = Option<String>, Header)),
            security(("bearer" = []), ("cookie" = [])),
            request_body(content = $($body)+),
            responses((status = 200, description = "The ticket after it", body = TicketBody), TicketCommand))]
        pub async fn $name(
            State(api): State<Api>,
            staff: Staff,
            Path((_, ticket)): Path<(String, String)>,
            key: Key,
            body: RawBody,
        ) -> Result<Response, Problem> {
            run(&api, stringify!($name), staff, &ticket, key, body, |$ticket, $read: $request| $command).await
        }
    )+};
}

ticket_commands! {
    /// Call this party
    call "/restaurants/{r}/tickets/{t}/call" "callTicket" CallBody, (Option<CallBody>) =
        |ticket, body| Command::Call { ticket, reason: body.reason, to: body.to };
    /// Call it once more
    recall "/restaurants/{r}/tickets/{t}/recall" "recallTicket" Nothing, (Option<NoBody>) =
        |ticket, _| Command::Recall { ticket };
    /// It has come in
    seat "/restaurants/{r}/tickets/{t}/seat" "seatTicket" Nothing, (Option<NoBody>) =
        |ticket, _| Command::Seat { ticket };
    /// It has left
    complete "/restaurants/{r}/tickets/{t}/complete" "completeTicket" Nothing, (Option<NoBody>) =
        |ticket, _| Command::Complete { ticket };
    /// It did not come
    no_show "/restaurants/{r}/tickets/{t}/no-show" "noShowTicket" Nothing, (Option<NoBody>) =
        |ticket, _| Command::NoShow { ticket };
    /// Back into the line
    put_back "/restaurants/{r}/tickets/{t}/put-back" "putBackTicket" PutBackBody, (Option<PutBackBody>) =
        |ticket, body| Command::PutBack { ticket, places: body.places.unwrap_or(1) };
    /// A missed party waits again
    restore "/restaurants/{r}/tickets/{t}/restore" "restoreTicket" RestoreBody, (Option<RestoreBody>) =
        |ticket, body| Command::Restore { ticket, places: body.places.unwrap_or(0) };
    /// Take the last act back
    undo "/restaurants/{r}/tickets/{t}/undo" "staffUndoTicket" Nothing, (Option<NoBody>) =
        |ticket, _| Command::Undo { ticket };
    /// Take the party out of the line
    cancel "/restaurants/{r}/tickets/{t}/cancel" "staffCancelTicket" CancelBody, (Option<CancelBody>) =
        |ticket, body| Command::Cancel { ticket, reason: body.reason };
}

/// Nothing, or an empty object.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoBody {}

/// Change a party; its number and place are kept
#[utoipa::path(patch, path = "/restaurants/{r}/tickets/{t}", tag = "staff", operation_id = "editTicket",
    params(("r" = String, Path, description = "Slug"), ("t" = String, Path, description = "Ticket id"),
        ("Idempotency-Key" = Option<String>, Header)),
    security(("bearer" = []), ("cookie" = [])),
    request_body = EditBody,
    responses((status = 200, description = "The ticket after it", body = TicketBody), TicketCommand))]
pub async fn edit(
    State(api): State<Api>,
    staff: Staff,
    Path((_, ticket)): Path<(String, String)>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    run(&api, "edit", staff, &ticket, key, body, |ticket, body: EditBody| {
        let EditBody { adults, children, line, note, name } = body;
        Command::Edit { ticket, edit: Edit { adults, children, line, note, name } }
    })
    .await
}

async fn run<T: FromFields>(
    api: &Api,
    operation: &'static str,
    staff: Staff,
    ticket: &str,
    key: Key,
    body: RawBody,
    command: impl FnOnce(TicketId, T) -> Command,
) -> Result<Response, Problem> {
    let ticket = ticket_id(ticket)?;
    if ticket.restaurant() != staff.restaurant {
        return Err(Problem::new(Code::NotFound));
    }
    let scope = (operation, &[ticket.as_str()][..], COMMAND_TTL_MS);
    let call = Call::new(api, scope, staff.restaurant, staff.actor, key, body)?;
    let command = command(ticket.clone(), call.body().await?);
    let outcome = api.lines.run(call.restaurant, &call.context(), &command).await?;
    answer(StatusCode::OK, outcome.replayed, &TicketBody::of(&outcome)?)
}
