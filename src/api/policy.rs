//! A restaurant's rules: everybody may read them, its owner may change them.
//!
//! A change is kept in PostgreSQL and then made live. It sets values, so doing it twice is doing it once: it needs no
//! idempotency key.

use axum::{Json, extract::State};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Api, asked,
    body::{Fields, FromFields, RawBody},
    problem::Problem,
    responses::{Read, StaffCommand},
    session::{At, Owner},
};
use crate::{
    domain::{
        Policy,
        policy::{GraceOver, Presence},
        rejection::FieldError,
    },
    queue::CallContext,
    service::line::LineError,
};

/// Rules to change; what is left out stays. The fields are those of `Policy`.
#[derive(ToSchema)]
#[schema(as = PolicyChange)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "shows the fields to OpenAPI; they are read by `Policy` itself")]
pub struct PolicyChangeBody {
    #[schema(minimum = 1, maximum = 86400)]
    grace_s: Option<u32>,
    #[schema(maximum = 86400)]
    last_call_s: Option<u32>,
    #[schema(maximum = 20)]
    recalls: Option<u32>,
    grace_over: Option<asked::GraceOver>,
    #[schema(maximum = 5)]
    delays: Option<u32>,
    #[schema(minimum = 1, maximum = 20)]
    delay_places_max: Option<u32>,
    #[schema(maximum = 86400)]
    undo_s: Option<u32>,
    #[schema(maximum = 86400)]
    rejoin_s: Option<u32>,
    #[schema(minimum = 1, maximum = 86400)]
    stay_s: Option<u32>,
    #[schema(maximum = 100)]
    close_ahead: Option<u32>,
    #[schema(minimum = 1, maximum = 20)]
    party_min: Option<u32>,
    #[schema(minimum = 1, maximum = 20)]
    party_max: Option<u32>,
    #[schema(minimum = 1)]
    capacity: Option<u32>,
    #[schema(minimum = 1)]
    daily_max: Option<u32>,
    #[schema(minimum = 1)]
    per_ticket_max: Option<u32>,
    remote: Option<bool>,
    #[schema(maximum = 100)]
    remote_share_max: Option<u32>,
    #[schema(maximum = 86400)]
    remote_opens_after_s: Option<u32>,
    check_in_before_call: Option<bool>,
    presence: Option<asked::Presence>,
    #[schema(minimum = 1)]
    overtaken_max: Option<u32>,
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    day_starts: Option<String>,
}

/// Fields as sent; `merged` checks them.
struct Change(Map<String, Value>);

impl FromFields for Change {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.rest())
    }
}

/// The rules with a change put over them, if every field of the change is one.
fn merged(policy: &Policy, change: &Map<String, Value>) -> Result<Policy, Vec<FieldError>> {
    let Ok(Value::Object(present)) = serde_json::to_value(policy) else { return Err(Vec::new()) };
    let mut errors = Vec::new();
    let mut merged = present.clone();
    for (field, value) in change {
        let Some(old) = merged.get_mut(field) else {
            errors.push(FieldError::new(field, "unknown"));
            continue;
        };
        *old = value.clone();
        // Alone on rules that are fine, so that what is wrong is this field.
        let mut alone = present.clone();
        alone.insert(field.clone(), value.clone());
        match serde_json::from_value::<Policy>(Value::Object(alone)) {
            Err(_) => errors.push(FieldError::new(field, wrong_how(value))),
            Ok(alone) if is_unknown_word(&alone, field) => errors.push(FieldError::new(field, "unknown_value")),
            Ok(_) => {}
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let merged: Policy = serde_json::from_value(Value::Object(merged)).map_err(|_| Vec::new())?;
    let invalid = merged.invalid_fields();
    if invalid.is_empty() {
        return Ok(merged);
    }
    Err(invalid
        .into_iter()
        .map(|field| FieldError::new(field, if field == "day_starts" { "format" } else { "range" }))
        .collect())
}

fn wrong_how(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => "range",
        _ => "type",
    }
}

/// What a newer server may have set, nobody sets here.
fn is_unknown_word(policy: &Policy, field: &str) -> bool {
    match field {
        "grace_over" => policy.grace_over == GraceOver::Other,
        "presence" => policy.presence == Presence::Other,
        _ => false,
    }
}

/// The rules
#[utoipa::path(get, path = "/restaurants/{r}/policy", tag = "restaurants", operation_id = "getPolicy",
    params(("r" = String, Path, description = "Slug")),
    responses((status = 200, description = "The rules", body = Policy), Read))]
pub async fn get(State(api): State<Api>, At(restaurant): At) -> Result<Json<Policy>, Problem> {
    Ok(Json(api.lines.read(restaurant, |replica| replica.policy().clone()).await?))
}

/// Change some rules
#[utoipa::path(patch, path = "/restaurants/{r}/policy", tag = "owner", operation_id = "changePolicy",
    params(("r" = String, Path, description = "Slug")),
    security(("bearer" = []), ("cookie" = [])),
    request_body = PolicyChangeBody,
    responses((status = 200, description = "All rules as they are now", body = Policy), StaffCommand))]
pub async fn change(State(api): State<Api>, owner: Owner, body: RawBody) -> Result<Json<Policy>, Problem> {
    let Change(change) = body.read()?;
    let context = CallContext::by(owner.actor);
    let merge = |policy: &Policy| merged(policy, &change).map_err(Refused::Invalid);
    match api.lines.change_policy(owner.restaurant, &context, merge).await {
        Ok(policy) => Ok(Json(policy)),
        Err(Refused::Invalid(errors)) => Err(Problem::invalid(errors)),
        Err(Refused::Line(error)) => Err(error.into()),
    }
}

enum Refused {
    Invalid(Vec<FieldError>),
    Line(LineError),
}

impl From<LineError> for Refused {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: Value) -> String {
        let Value::Object(change) = change else { panic!("an object") };
        let errors = merged(&Policy::default(), &change).err().unwrap_or_default();
        errors.iter().map(|error| format!("{} {}", error.field, error.code)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn every_wrong_rule_is_named() {
        assert_eq!(check(json!({"grace_s": 60, "capacity": null, "presence": "code"})), "");
        assert_eq!(check(json!({"grace_s": null})), "grace_s type");
        assert_eq!(check(json!({"grace_s": "60"})), "grace_s type");
        assert_eq!(check(json!({"grace_s": -1})), "grace_s range");
        assert_eq!(check(json!({"grace_s": 0, "delays": 6})), "grace_s range, delays range");
        assert_eq!(check(json!({"grace_over": "shrug", "color": "red"})), "color unknown, grace_over unknown_value");
        assert_eq!(check(json!({"grace_over": "other"})), "grace_over unknown_value");
        assert_eq!(check(json!({"party_min": 9})), "party_max range");
        assert_eq!(check(json!({"day_starts": "5am"})), "day_starts format");
        assert_eq!(check(json!({"grace_s": 1.5})), "grace_s type");
    }

    #[test]
    fn a_change_leaves_the_rest() {
        let change = json!({"grace_s": 60, "daily_max": 100});
        let policy = merged(&Policy::default(), change.as_object().expect("an object")).expect("valid");
        assert_eq!(policy, Policy { grace_s: 60, daily_max: Some(100), ..Policy::default() });
    }
}
