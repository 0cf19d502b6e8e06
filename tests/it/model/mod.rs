//! The model-based test: random commands, time and outages on an independent model of docs/RULES.md and on a subject,
//! which must answer alike, tell the same events and end in the same state.
//!
//! [`rules`] is the model, [`generate`] makes the cases, [`step`] takes them, [`compare`] compares, [`coverage`] says
//! what must be seen, [`driver`] runs it all, [`crowd`] is one large case, [`mutants`] shows that differences are found,
//! [`losses`] is the subject that is rebuilt from its events, [`subject`] is what to implement.

mod compare;
mod coverage;
mod crowd;
mod driver;
mod generate;
mod losses;
mod mutants;
mod redis;
mod rules;
mod rules_tests;
mod step;
mod subject;

use crowd::hold_crowd;
use driver::{Scope, hold};
use rules::Model;

/// Not a test of the rules (the model is compared with itself): it shows that the generator reaches every answer, and
/// that the comparison runs.
#[test]
fn the_generator_reaches_every_answer() {
    hold(&Scope { with_replica: false, ..Scope::from_env() }, Model::new);
}

#[test]
fn the_model_holds_a_crowd() {
    hold_crowd(false, Model::new);
}
