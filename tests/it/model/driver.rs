//! Generates cases, holds a subject to the model in each, shrinks the first that fails, and counts what was seen.

use std::{cell::RefCell, fmt::Write as _, sync::atomic::Ordering};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use proptest_state_machine::ReferenceStateMachine as _;

use super::{
    compare::Compared,
    coverage::Coverage,
    generate::{LineMachine, World},
    rules::{Model, Opening},
    step::{Clock, Step},
    subject::Subject,
};

/// How much is tried.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) seed: u64,
    pub(crate) cases: u32,
    pub(crate) steps: usize,
    /// Between two comparisons of the whole snapshot.
    pub(crate) steps_between_snapshots: usize,
    /// Whether the events must lead a replica to the snapshot.
    pub(crate) with_replica: bool,
    /// How often a failing case is made smaller.
    pub(crate) shrinks_max: u32,
}

impl Scope {
    /// By `WAITLESS_TEST_SCALE` (1 is 20 cases of 400 steps, the least in which everything can be seen) and
    /// `WAITLESS_TEST_SEED`.
    pub(crate) fn from_env() -> Self {
        let seed = std::env::var("WAITLESS_TEST_SEED").map_or(1, |text| text.parse().expect("a 64-bit number"));
        let scale = std::env::var("WAITLESS_TEST_SCALE").map_or(1.0, |text| text.parse::<f64>().expect("a number"));
        Self {
            seed,
            cases: (20.0 * scale.max(1.0)).ceil() as u32,
            steps: 400,
            steps_between_snapshots: 10,
            with_replica: true,
            shrinks_max: 600,
        }
    }
}

/// Holds what `open` opens to the model, prints what was seen, and requires that everything was: the seed of a further
/// round is tried when something rare was not.
///
/// # Panics
/// At a difference, with the seed and the shrunk steps, and when something of the table was never seen.
pub(crate) fn hold<S: Subject>(scope: &Scope, open: impl Fn(&Opening) -> S) {
    const ROUNDS_MAX: u64 = 3;
    let mut coverage = Coverage::default();
    for round in 0..ROUNDS_MAX {
        let scope = Scope { seed: scope.seed.wrapping_add(round * 1_000_000), ..*scope };
        search(&scope, &open, &mut coverage).unwrap_or_else(|difference| panic!("{difference}"));
        println!("seed {}, {} cases of {} steps", scope.seed, scope.cases, scope.steps);
        if coverage.missing().is_empty() {
            break;
        }
    }
    println!("{coverage}");
    assert_eq!(coverage.missing(), Vec::<String>::new(), "never seen from seed {} on", scope.seed);
}

/// Looks for a difference.
///
/// # Errors
/// The first difference, with the steps that lead to it.
pub(crate) fn search<S: Subject>(
    scope: &Scope,
    open: impl Fn(&Opening) -> S,
    coverage: &mut Coverage,
) -> Result<(), String> {
    let config = Config {
        cases: scope.cases,
        rng_seed: RngSeed::Fixed(scope.seed),
        failure_persistence: None,
        max_shrink_iters: scope.shrinks_max,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let coverage = RefCell::new(coverage);
    let cases = LineMachine::sequential_strategy(scope.steps);
    let outcome = TestRunner::new(config).run(&cases, |(world, steps, seen)| {
        // Tells proptest how far the case came: it leaves out the rest at once when it shrinks.
        let seen = seen.unwrap_or_default();
        let steps = steps.iter().inspect(|_| {
            seen.fetch_add(1, Ordering::SeqCst);
        });
        let mismatch = compare(scope, &world.opening, steps, &open, &mut coverage.borrow_mut());
        mismatch.map_or(Ok(()), |mismatch| Err(TestCaseError::fail(mismatch)))
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, (world, steps, _))) => Err(told(scope, reason.message(), &world.opening, &steps)),
        Err(TestError::Abort(reason)) => Err(format!("gave up: {reason}")),
    }
}

/// Takes these steps on the model and on a subject; answers the first difference.
pub(crate) fn compare<'a, S: Subject>(
    scope: &Scope,
    opening: &Opening,
    steps: impl Iterator<Item = &'a Step>,
    open: impl Fn(&Opening) -> S,
    coverage: &mut Coverage,
) -> Option<String> {
    let mut compared = Compared::new(Model::new(opening), open(opening), World::START, scope.with_replica);
    std::mem::swap(&mut compared.coverage, coverage);
    let mut clock = Clock::starting(World::START, &mut compared);
    for (count, step) in steps.enumerate() {
        clock.take(step, &mut compared);
        if (count + 1) % scope.steps_between_snapshots == 0 {
            compared.whole(clock.now);
        }
        if compared.mismatch.is_some() {
            break;
        }
    }
    compared.whole(clock.now);
    std::mem::swap(&mut compared.coverage, coverage);
    compared.mismatch
}

fn told(scope: &Scope, reason: &str, opening: &Opening, steps: &[Step]) -> String {
    let mut text = format!("\nWAITLESS_TEST_SEED={}\n{reason}\n\n{:?}\n", scope.seed, opening.policy);
    let _ = writeln!(text, "stock: {:?}\n\nafter these {} steps:", opening.menu, steps.len());
    for step in steps {
        let _ = writeln!(text, "  {step:?}");
    }
    text
}
