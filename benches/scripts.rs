//! Joining all scripts with their shared parts and hashing them, as every server does when it starts.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use waitless::queue::script;

fn scripts(criterion: &mut Criterion) {
    criterion.bench_function("scripts/load", |bencher| bencher.iter(|| black_box(script::load_all(false))));
    let scripts = script::load_all(false);
    let join = &scripts["join"];
    let message = format!("ERR user_script:{}: attempt to call a nil value script: x", join.text.lines().count() / 2);
    criterion.bench_function("scripts/explain", |bencher| bencher.iter(|| join.explain(black_box(&message))));
}

criterion_group!(benches, scripts);
criterion_main!(benches);
