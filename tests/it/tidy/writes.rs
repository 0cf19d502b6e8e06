//! Live state changes only inside a script: what else the server sends to Redis only reads, or is listed here.

use super::{all_between, assert_none, files};

/// Commands that change nothing of a line.
const READING: [&str; 17] = [
    "GET",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HMGET",
    "HSCAN",
    "INFO",
    "PING",
    "SCRIPT",
    "SPUBLISH",
    "SSUBSCRIBE",
    "SUNSUBSCRIBE",
    "TIME",
    "XREAD",
    "XREVRANGE",
    "ZRANGE",
    "ZSCORE",
];

/// Writes beside the scripts, each to keys of its own or to answers kept for a retry.
const WRITING: [(&str, &str); 8] = [
    // Only asked for settings; the command could change some as well.
    ("src/queue/durability.rs", "CONFIG"),
    // The answer as a guest was given it, so that a retry gets the same bytes.
    ("src/queue/idempotency.rs", "HSETNX"),
    ("src/queue/idempotency.rs", "ZADD"),
    // Revoked sessions.
    ("src/queue/sessions.rs", "ZADD"),
    ("src/queue/sessions.rs", "ZREMRANGEBYSCORE"),
    // Which restaurant a name means.
    ("src/queue/slugs.rs", "SET"),
    // Only asked for ids and slots; the command could move some as well.
    ("src/queue/topology.rs", "CLUSTER"),
    // Only asked whether it would be run; it does nothing.
    ("src/queue/writable.rs", "EVAL"),
];

#[test]
fn live_state_changes_only_inside_a_script() {
    let mut problems = Vec::new();
    let mut listed = Vec::new();
    for (path, text) in files("src", "rs") {
        // `waitless dev` tells its own Redis to stop; it knows no restaurant.
        if path.starts_with("src/dev/") {
            continue;
        }
        for command in all_between(&text, "cmd(\"", "\"") {
            match WRITING.iter().find(|known| **known == (path.as_str(), command)) {
                Some(known) => listed.push(*known),
                None if READING.contains(&command) => {}
                None => problems.push(format!("{path}: {command} outside a script")),
            }
        }
        // The crate's typed commands name no string. The reader of the logs puts several named ones into one trip.
        let pipelines: &[&str] = if path == "src/queue/log.rs" { &[] } else { &["redis::pipe", "Pipeline"] };
        for typed in ["AsyncCommands", "AsyncTypedCommands"].iter().chain(pipelines) {
            if text.contains(typed) {
                problems.push(format!("{path}: {typed} sends commands that this test cannot read"));
            }
        }
    }
    problems.extend(WRITING.iter().filter(|known| !listed.contains(known)).map(|known| format!("{known:?} is gone")));
    assert_none(&problems);
}
