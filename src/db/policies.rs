//! A restaurant's rules. Kept is only what differs from the defaults, so that a better default reaches every
//! restaurant that never chose otherwise. A rule or word that a server does not know yet (another one is newer) is
//! passed over instead of making the restaurant unreadable, and is there again when the rules are written back.

use serde_json::{Map, Value};

use super::{Db, DbError, to_i64};
use crate::domain::{Kept, Policy, RestaurantId};

/// The rules, and which edit of the restaurant they are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedPolicy {
    /// All rules, defaults filled in.
    pub policy: Kept<Policy>,
    /// To be named when replacing them.
    pub version: i64,
}

/// The rules of this restaurant.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn get(db: &Db, id: RestaurantId) -> Result<Option<VersionedPolicy>, DbError> {
    let query = sqlx::query!("SELECT policy, version FROM restaurants WHERE id = $1", to_i64(id.0));
    let Some(row) = db.bounded(query.fetch_optional(&db.pool)).await? else { return Ok(None) };
    Ok(Some(VersionedPolicy { policy: from_stored(row.policy)?, version: row.version }))
}

/// Replaces the rules that were read at `version`, and answers the new version. `None`: the restaurant was edited
/// meanwhile (or is gone), read again. The caller has checked [`Policy::invalid_fields`].
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn replace(db: &Db, id: RestaurantId, version: i64, policy: &Kept<Policy>) -> Result<Option<i64>, DbError> {
    let query = sqlx::query_scalar!(
        "UPDATE restaurants SET policy = $3, version = version + 1 WHERE id = $1 AND version = $2 RETURNING version",
        to_i64(id.0),
        version,
        to_stored(policy)
    );
    db.bounded(query.fetch_optional(&db.pool)).await
}

/// Defaults, overlaid with what is stored.
pub(super) fn from_stored(stored: Value) -> Result<Kept<Policy>, DbError> {
    let mut all = defaults();
    if let Value::Object(stored) = stored {
        all.extend(stored);
    }
    serde_json::from_value(Value::Object(all)).map_err(|error| DbError::unreadable("policy", error))
}

/// What differs from the defaults.
fn to_stored(policy: &Kept<Policy>) -> Value {
    let defaults = defaults();
    let chosen = policy.whole().iter().filter(|(field, value)| defaults.get(*field) != Some(*value));
    Value::Object(chosen.map(|(field, value)| (field.clone(), value.clone())).collect())
}

fn defaults() -> Map<String, Value> {
    Kept::from(Policy::default()).whole().clone()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::policy::Presence;

    use super::*;

    #[test]
    fn only_what_differs_from_the_defaults_is_kept() {
        assert_eq!(to_stored(&Policy::default().into()), json!({}));
        let policy = Policy { grace_s: 60, capacity: Some(40), ..Policy::default() }.into();
        let stored = to_stored(&policy);
        assert_eq!(stored, json!({"grace_s": 60, "capacity": 40}));
        assert_eq!(from_stored(stored).expect("it was just stored"), policy);
    }

    #[test]
    fn a_rule_of_a_newer_server_is_passed_over_and_kept() {
        let stored = json!({"grace_s": 60, "not_yet_known": true, "presence": "by_bluetooth"});
        let policy = from_stored(stored).expect("readable");
        assert_eq!(*policy, Policy { grace_s: 60, presence: Presence::Other, ..Policy::default() });
        let changed = policy.edited(|policy| policy.grace_s = 90);
        assert_eq!(to_stored(&changed), json!({"grace_s": 90, "not_yet_known": true, "presence": "by_bluetooth"}));
        assert!(from_stored(json!({"grace_s": "soon"})).is_err(), "but a wrong value is not guessed at");
    }
}
