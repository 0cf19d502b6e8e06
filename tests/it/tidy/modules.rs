//! Imports go one way: domain ← protocol ← {queue, db, hub, notify} ← service ← {worker, api, dev} ← app ← main.

use super::{assert_none, files, words};

/// Used by anybody, using nobody but the words of the domain.
const LEAVES: [&str; 8] = ["clock", "config", "health", "listen", "metrics", "serve", "shutdown", "telemetry"];

/// Modules of one rank do not know each other.
const RANKS: [&[&str]; 7] = [
    &["domain"],
    &["protocol"],
    &["queue", "db", "hub", "notify"],
    &["service"],
    &["worker", "api", "dev"],
    &["app"],
    &["main", "cli", "lib"],
];

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&module))
}

fn may_use(module: &str, used: &str) -> bool {
    if module == used || RANKS[6].contains(&module) {
        return true;
    }
    if LEAVES.contains(&used) {
        return !LEAVES.contains(&module) && module != "domain";
    }
    match (rank(module), rank(used)) {
        (Some(module), Some(used)) => used < module,
        (None, Some(used)) => LEAVES.contains(&module) && used == 0,
        _ => false,
    }
}

/// Top-level modules that a text names by `crate::`, also in a list.
fn used(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            used.extend(words(rest).next().map(str::to_owned));
            continue;
        };
        // First word of every entry at the first level of the list.
        let (mut depth, mut entry) = (1, String::new());
        for letter in list.chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && letter == ',') {
                used.extend(words(&entry).next().map(str::to_owned));
                entry.clear();
                if depth == 0 {
                    break;
                }
            } else {
                entry.push(letter);
            }
        }
    }
    used
}

#[test]
fn imports_go_one_way() {
    assert_eq!(
        used("use crate::{app, domain::{Ticket, event::Event},\n hub::Room};\n// crate::no"),
        ["app", "domain", "hub"]
    );
    assert_eq!(used("let x = crate::clock::now();"), ["clock"]);
    assert!(!may_use("domain", "queue") && !may_use("hub", "queue") && !may_use("config", "api"));
    assert!(may_use("api", "service") && may_use("queue", "domain") && may_use("hub", "clock"));
    let mut problems = Vec::new();
    for (path, text) in files("src", "rs") {
        let below = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = below.split('/').next().expect("a first part");
        if rank(module).is_none() && !LEAVES.contains(&module) {
            problems.push(format!("{path}: module {module} has no rank in tests/it/tidy/modules.rs"));
        }
        for used in used(&text).iter().filter(|used| !may_use(module, used)) {
            problems.push(format!("{path}: {module} must not use {used}"));
        }
    }
    assert_none(&problems);
}
