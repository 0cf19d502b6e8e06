//! What guests do: take a number, find it, let others go first, say that they are there, give it up.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api, asked,
    body::{Fields, FromFields, Nothing, RawBody, small},
    client::ClientAddress,
    idempotency::{COMMAND_TTL_MS, Call, JOIN_TTL_MS, Key, answer, answer_bytes},
    limits::Limit,
    problem::{Code, Problem},
    responses::{Find, HolderCommand, HolderRead, Join},
    session::{Anyone, At, is_staff},
};
use crate::{
    domain::{Channel, Command, LineId, Ticket, TicketId, rejection::FieldError},
    protocol::{TicketFrame, TicketView, eta_of_reply},
    queue::Outcome,
    service::{line::Party, phone::Phone},
};

/// Longest text of each kind, in characters.
pub(super) const NAME_LEN_MAX: usize = 60;
pub(super) const NOTE_LEN_MAX: usize = 500;

/// The furthest place that staff may name when they add a party.
const PLACE_MAX: i64 = 200;

/// Most different items on a ticket.
const ITEMS_LEN_MAX: usize = 50;

/// A party that wants a number.
#[derive(ToSchema)]
#[schema(as = Join)]
#[serde(deny_unknown_fields)]
pub struct JoinBody {
    /// The line's letter.
    #[schema(value_type = String, example = "A")]
    line: LineId,
    #[schema(minimum = 1, maximum = 20, example = 2)]
    adults: u32,
    /// Children who need a seat.
    #[schema(minimum = 0, maximum = 19)]
    children: Option<u32>,
    #[schema(value_type = asked::Channel)]
    channel: Channel,
    /// The code at the door, where a restaurant asks for it.
    #[schema(pattern = "^[0-9]{4}$")]
    door: Option<String>,
    /// One active ticket per phone. Only a keyed hash and the last four digits are kept.
    #[schema(value_type = Option<String>, max_length = 32)]
    phone: Option<Phone>,
    #[schema(max_length = 60)]
    name: Option<String>,
    /// BCP 47.
    #[schema(max_length = 35, example = "ko")]
    lang: Option<String>,
    /// By staff only.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// Each item once.
    #[schema(value_type = Option<Vec<ItemBody>>, max_items = 50)]
    items: Vec<ItemBody>,
    /// What to do when something ordered is sold out: `refuse` unless given.
    if_sold_out: Option<IfSoldOut>,
    /// By staff only: so many waiting tickets of the line stay ahead; beyond the end is the end. The end unless given.
    #[schema(minimum = 0, maximum = 200)]
    place: Option<u32>,
}

/// A menu item that is ordered.
#[derive(ToSchema)]
#[schema(as = Item)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// Its id.
    #[schema(max_length = 64)]
    item: String,
    #[schema(minimum = 1, maximum = 999)]
    quantity: u32,
}

/// What to do when something ordered is sold out.
#[derive(Clone, Copy, PartialEq, Eq, ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IfSoldOut {
    /// Refuse the whole join.
    Refuse,
    /// Leave the item out.
    Drop,
}

impl FromFields for JoinBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let (adults, children) = party(fields);
        Self {
            line: fields.line("line"),
            adults,
            children,
            channel: fields.word("channel", &[("onsite", Channel::Onsite), ("remote", Channel::Remote)]),
            door: door(fields),
            phone: fields.optional_parsed("phone", 32, Phone::parse),
            name: fields.optional_text("name", NAME_LEN_MAX),
            lang: fields.optional_parsed("lang", 35, lang),
            note: fields.optional_text("note", NOTE_LEN_MAX),
            items: items(fields),
            if_sold_out: fields
                .optional_word("if_sold_out", &[("refuse", IfSoldOut::Refuse), ("drop", IfSoldOut::Drop)]),
            place: fields.optional_number("place", 0..=PLACE_MAX).map(small),
        }
    }
}

fn party(fields: &mut Fields) -> (u32, Option<u32>) {
    let adults = small(fields.number("adults", 1..=20));
    let children = fields.optional_number("children", 0..=19).map(small);
    if adults + children.unwrap_or(0) > 20 {
        fields.wrong("adults", "range");
    }
    (adults, children)
}

fn door(fields: &mut Fields) -> Option<String> {
    let is_code = |text: &str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    fields.optional_parsed("door", 16, |text| is_code(text).then(|| text.to_owned()))
}

fn items(fields: &mut Fields) -> Vec<ItemBody> {
    let items = fields.objects("items", ITEMS_LEN_MAX, |fields| ItemBody {
        item: fields.text("item", 64),
        quantity: small(fields.number("quantity", 1..=999)),
    });
    let mut seen = std::collections::HashSet::new();
    for (index, item) in items.iter().enumerate() {
        if !item.item.is_empty() && !seen.insert(&item.item) {
            fields.wrong(&format!("items[{index}].item"), "duplicate");
        }
    }
    items
}

/// A language tag, as far as its form goes.
fn lang(text: &str) -> Option<String> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (text.len() >= 2 && text.split('-').all(part)).then(|| text.to_owned())
}

/// A ticket that was just given.
#[derive(Serialize, ToSchema)]
pub struct Joined {
    #[serde(flatten)]
    ticket: TicketView,
    /// For people without a phone, with the number.
    #[schema(pattern = "^[0-9]{4}$")]
    code: String,
    /// The page that follows it.
    #[schema(format = "uri")]
    url: String,
    /// Which life of Redis.
    epoch: i64,
    /// Changes of the live state so far.
    rev: i64,
    /// Items left out because they are sold out.
    dropped: Vec<String>,
}

/// Take a number
#[utoipa::path(post, path = "/restaurants/{r}/tickets", tag = "guests", operation_id = "join",
    params(("r" = String, Path, description = "Slug"), ("Idempotency-Key" = Option<String>, Header)),
    security((), ("bearer" = []), ("cookie" = [])),
    request_body = JoinBody,
    responses(
        (status = 201, description = "The ticket", body = Joined,
            headers(("Location" = String), ("Idempotency-Replayed" = Option<String>))),
        Join
    ))]
pub async fn join(
    State(api): State<Api>,
    caller: Anyone,
    At(restaurant): At,
    client: ClientAddress,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let actor = caller.actor_at(restaurant);
    let by_staff = is_staff(&actor);
    if !by_staff {
        api.limits.check(Limit::Join, client)?;
    }
    let call = Call::new(&api, ("join", &[], JOIN_TTL_MS), restaurant, actor, key, body)?;
    let body: JoinBody = call.body().await?;
    let for_staff = [("note", body.note.is_some()), ("place", body.place.is_some())];
    let for_staff = for_staff.into_iter().filter(|(_, given)| *given && !by_staff);
    let for_staff: Vec<FieldError> = for_staff.map(|(field, _)| FieldError::new(field, "staff_only")).collect();
    if !for_staff.is_empty() {
        call.checked(Err(Problem::invalid(for_staff))).await?;
    }
    if body.door.is_some() && !by_staff {
        api.limits.check(Limit::Door, client)?;
    }
    let party = Party {
        line: body.line,
        adults: body.adults,
        children: body.children.unwrap_or(0),
        channel: body.channel,
        present: by_staff || api.lines.is_present(restaurant, body.door.as_deref()).await?,
        phone: body.phone,
        account: caller.session.as_ref().filter(|_| !by_staff).map(|session| session.account),
        items: body.items.into_iter().map(|item| (item.item, item.quantity)).collect(),
        drop_sold_out: body.if_sold_out == Some(IfSoldOut::Drop),
        name: body.name,
        note: body.note,
        lang: body.lang,
        place: body.place,
    };
    let outcome = api.lines.join(restaurant, &call.context(), party).await?;
    let ticket = ticket_of(&outcome)?;
    let joined = Joined {
        ticket: view_of(&outcome, ticket),
        code: ticket.code.clone(),
        url: api.ticket_url(&ticket.id),
        epoch: outcome.stamp.epoch,
        rev: outcome.stamp.rev,
        dropped: outcome.done.dropped.clone(),
    };
    let mut response = answer(StatusCode::CREATED, outcome.replayed, &joined)?;
    let location = HeaderValue::from_str(&format!("/v1/tickets/{}", ticket.id.as_str()));
    let location = location.map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// The ticket of a command's reply.
pub(super) fn ticket_of(outcome: &Outcome) -> Result<&Ticket, Problem> {
    outcome.done.ticket.as_ref().ok_or_else(|| Problem::internal(&WithoutTicket))
}

#[derive(Debug, thiserror::Error)]
#[error("a command about a ticket replied without it")]
struct WithoutTicket;

/// T, from a command's reply alone: a replay says the same.
pub(super) fn view_of(outcome: &Outcome, ticket: &Ticket) -> TicketView {
    let eta = eta_of_reply(outcome.done.ahead, outcome.done.pace.as_ref());
    TicketView::new(ticket, outcome.done.ahead, eta)
}

/// A number and its code.
#[derive(ToSchema)]
#[schema(as = Find)]
#[serde(deny_unknown_fields)]
pub struct FindBody {
    #[schema(max_length = 16, example = "A017")]
    number: String,
    #[schema(max_length = 16, example = "0417")]
    code: String,
}

impl FromFields for FindBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { number: fields.text("number", 16), code: fields.text("code", 16) }
    }
}

/// Where a ticket is.
#[derive(Serialize, ToSchema)]
pub struct Found {
    #[schema(value_type = String)]
    id: TicketId,
    #[schema(format = "uri")]
    url: String,
}

/// Find a ticket by its number and code
#[utoipa::path(post, path = "/restaurants/{r}/tickets/find", tag = "guests", operation_id = "findTicket",
    params(("r" = String, Path, description = "Slug"), ("Idempotency-Key" = Option<String>, Header)),
    security((), ("bearer" = []), ("cookie" = [])),
    request_body = FindBody,
    responses((status = 200, description = "The ticket", body = Found), Find))]
pub async fn find(
    State(api): State<Api>,
    caller: Anyone,
    At(restaurant): At,
    client: ClientAddress,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    api.limits.check(Limit::Find, client)?;
    let actor = caller.actor_at(restaurant);
    let call = Call::new(&api, ("find", &[], COMMAND_TTL_MS), restaurant, actor, key, body)?;
    let body: FindBody = call.body().await?;
    let number = body.number.trim().to_ascii_uppercase();
    let outcome = api.lines.find(restaurant, &call.context(), &number, body.code.trim()).await?;
    let id = ticket_of(&outcome)?.id.clone();
    let found = Found { url: api.ticket_url(&id), id };
    answer(StatusCode::OK, outcome.replayed, &found)
}

/// A ticket, for its holder
#[utoipa::path(get, path = "/tickets/{t}", tag = "guests", operation_id = "getTicket",
    params(("t" = String, Path, description = "Ticket id")),
    responses((status = 200, description = "The `ticket` frame", body = TicketFrame), HolderRead))]
pub async fn get(State(api): State<Api>, Path(ticket): Path<String>) -> Result<Response, Problem> {
    let ticket = ticket_id(&ticket)?;
    api.lines.check_restaurant(&ticket).await?;
    answer(StatusCode::OK, false, &api.lines.ticket(&ticket).await?)
}

/// A ticket id from a path. What is none names nothing.
pub(super) fn ticket_id(text: &str) -> Result<TicketId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound))
}

/// How far back.
#[derive(ToSchema)]
#[schema(as = Delay)]
#[serde(deny_unknown_fields)]
pub struct DelayBody {
    /// Parties to let pass.
    #[schema(minimum = 1, maximum = 20)]
    places: u32,
}

impl FromFields for DelayBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { places: small(fields.number("places", 1..=20)) }
    }
}

/// Being there.
#[derive(ToSchema)]
#[schema(as = CheckIn)]
#[serde(deny_unknown_fields)]
pub struct CheckInBody {
    /// The code at the door, where the restaurant asks for it.
    #[schema(pattern = "^[0-9]{4}$")]
    door: Option<String>,
}

impl FromFields for CheckInBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { door: door(fields) }
    }
}

/// Let others go first
#[utoipa::path(post, path = "/tickets/{t}/delay", tag = "guests", operation_id = "delayTicket",
    params(("t" = String, Path, description = "Ticket id"), ("Idempotency-Key" = Option<String>, Header)),
    request_body = DelayBody,
    responses((status = 200, description = "The `ticket` frame", body = TicketFrame), HolderCommand))]
pub async fn delay(
    State(api): State<Api>,
    caller: Anyone,
    Path(ticket): Path<String>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let act = Act::new(&api, "holder.delay", &caller, &ticket, key, body).await?;
    let DelayBody { places } = act.call.body().await?;
    let ticket = act.ticket.clone();
    act.run(Command::Delay { ticket, places }).await
}

/// Say that you have arrived
#[utoipa::path(post, path = "/tickets/{t}/check-in", tag = "guests", operation_id = "checkInTicket",
    params(("t" = String, Path, description = "Ticket id"), ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = Option<CheckInBody>),
    responses((status = 200, description = "The `ticket` frame", body = TicketFrame), HolderCommand))]
pub async fn check_in(
    State(api): State<Api>,
    caller: Anyone,
    Path(ticket): Path<String>,
    client: ClientAddress,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let act = Act::new(&api, "holder.check_in", &caller, &ticket, key, body).await?;
    let CheckInBody { door } = act.call.body().await?;
    let ticket = act.ticket.clone();
    let by_staff = is_staff(&caller.actor_at(ticket.restaurant()));
    if door.is_some() && !by_staff {
        api.limits.check(Limit::Door, client)?;
    }
    let present = by_staff || api.lines.is_present(ticket.restaurant(), door.as_deref()).await?;
    act.run(Command::CheckIn { ticket, present }).await
}

/// Join again after missing the call
#[utoipa::path(post, path = "/tickets/{t}/rejoin", tag = "guests", operation_id = "rejoinTicket",
    params(("t" = String, Path, description = "Ticket id"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "The `ticket` frame", body = TicketFrame), HolderCommand))]
pub async fn rejoin(
    State(api): State<Api>,
    caller: Anyone,
    Path(ticket): Path<String>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let act = Act::new(&api, "holder.rejoin", &caller, &ticket, key, body).await?;
    let Nothing = act.call.body().await?;
    let ticket = act.ticket.clone();
    act.run(Command::Rejoin { ticket }).await
}

/// Take your own cancellation back
#[utoipa::path(post, path = "/tickets/{t}/undo", tag = "guests", operation_id = "undoTicket",
    params(("t" = String, Path, description = "Ticket id"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "The `ticket` frame", body = TicketFrame), HolderCommand))]
pub async fn undo(
    State(api): State<Api>,
    caller: Anyone,
    Path(ticket): Path<String>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let act = Act::new(&api, "holder.undo", &caller, &ticket, key, body).await?;
    let Nothing = act.call.body().await?;
    let ticket = act.ticket.clone();
    act.run(Command::Undo { ticket }).await
}

/// Give the number up
#[utoipa::path(delete, path = "/tickets/{t}", tag = "guests", operation_id = "cancelTicket",
    params(("t" = String, Path, description = "Ticket id"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "The `ticket` frame", body = TicketFrame), HolderCommand))]
pub async fn cancel(
    State(api): State<Api>,
    caller: Anyone,
    Path(ticket): Path<String>,
    key: Key,
    body: RawBody,
) -> Result<Response, Problem> {
    let act = Act::new(&api, "holder.cancel", &caller, &ticket, key, body).await?;
    let Nothing = act.call.body().await?;
    let ticket = act.ticket.clone();
    act.run(Command::Cancel { ticket, reason: None }).await
}

/// What a holder does with a ticket.
struct Act<'a> {
    api: &'a Api,
    call: Call<'a>,
    ticket: TicketId,
}

impl<'a> Act<'a> {
    async fn new(
        api: &'a Api,
        operation: &'static str,
        caller: &Anyone,
        ticket: &str,
        key: Key,
        body: RawBody,
    ) -> Result<Self, Problem> {
        let ticket = ticket_id(ticket)?;
        let restaurant = api.lines.check_restaurant(&ticket).await?;
        let scope = (operation, &[ticket.as_str()][..], COMMAND_TTL_MS);
        let call = Call::new(api, scope, restaurant, caller.guest(), key, body)?;
        Ok(Self { api, call, ticket })
    }

    async fn run(self, command: Command) -> Result<Response, Problem> {
        let Self { api, call, .. } = self;
        let outcome = api.lines.run(call.restaurant, &call.context(), &command).await?;
        let frame = api.lines.ticket_after(call.restaurant, &outcome, ticket_of(&outcome)?).await?;
        let body = call.first_answer(&outcome, &frame).await?;
        Ok(answer_bytes(StatusCode::OK, outcome.replayed, body))
    }
}
