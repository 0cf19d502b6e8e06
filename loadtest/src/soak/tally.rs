//! What happened, counted, and what should not have.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

/// Findings that are kept in full; more are only counted.
const FINDINGS_LEN_MAX: usize = 20;

#[derive(Default)]
pub(super) struct Tally {
    counts: Mutex<BTreeMap<&'static str, BTreeMap<String, u64>>>,
    findings: Mutex<(u64, Vec<String>)>,
}

impl Tally {
    pub(super) fn count(&self, of: &'static str, name: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(of).or_default();
        match counts.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(counts.insert(name.to_owned(), 1)),
        }
    }

    /// Something is wrong.
    pub(super) fn find(&self, finding: String) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.0 += 1;
        if findings.1.len() < FINDINGS_LEN_MAX {
            eprintln!("wrong: {finding}");
            findings.1.push(finding);
        }
    }

    pub(super) fn counts(&self, of: &'static str) -> Value {
        json!(self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(of).cloned().unwrap_or_default())
    }

    pub(super) fn total(&self, of: &'static str) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(of).into_iter().flatten().map(|(_, count)| count).sum()
    }

    /// How many, and the first of them.
    pub(super) fn findings(&self) -> (u64, Vec<String>) {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
