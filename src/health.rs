//! What of this server works, as its parts say: `/readyz` names the others. A part is known here when it has said
//! something; what says nothing is taken to work.
//!
//! It deliberately asks nobody: whoever uses a part knows how it is.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// Parts that may fail while the line goes on, with what is so then. docs/OPERATIONS.md lists them.
pub const PARTS: &[(&str, &str)] = &[
    ("postgres", "PostgreSQL does not answer, or takes no writes."),
    ("redis", "Redis answers, but takes no writes."),
    ("recorder", "An event of the log has not been recorded for more than ten seconds."),
    ("timers", "A partition's deadlines have not been looked at for more than ten seconds."),
    ("restaurants", "A restaurant's live state cannot be opened."),
    ("revocations", "Revoked sessions have not been read for more than ten seconds."),
];

/// What does not work now.
#[derive(Debug, Default)]
pub struct Health {
    degraded: Mutex<BTreeSet<&'static str>>,
}

impl Health {
    /// Says of a part whether it works; true when that is news.
    pub fn set(&self, part: &'static str, ok: bool) -> bool {
        let mut degraded = self.degraded.lock().unwrap_or_else(PoisonError::into_inner);
        if ok { degraded.remove(part) } else { degraded.insert(part) }
    }

    /// The parts that do not work, by name.
    #[must_use]
    pub fn degraded(&self) -> Vec<&'static str> {
        self.degraded.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_named_until_it_works() {
        let health = Health::default();
        assert!(health.set("recorder", false) && health.set("postgres", false));
        assert!(!health.set("postgres", false), "no news");
        assert_eq!(health.degraded(), ["postgres", "recorder"]);
        assert!(health.set("postgres", true) && !health.set("timers", true));
        assert_eq!(health.degraded(), ["recorder"]);
    }

    #[test]
    fn parts_are_documented() {
        let document = include_str!("../docs/OPERATIONS.md");
        for (part, what) in PARTS {
            let row = format!("| `{part}` | {what}");
            assert!(document.contains(&row), "docs/OPERATIONS.md lacks {row}");
        }
    }
}
