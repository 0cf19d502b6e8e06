//! How every source file looks.

use super::{all_between, assert_none, files, words};

const WIDTH: usize = 120;

/// The part of a file that is not tests: those stand last.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().expect("a first part")
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("/testing.rs")
}

/// Numbered lines of a file, comments left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn a_source_file_says_what_it_is_for() {
    let silent =
        files("src", "rs").into_iter().chain(files("tests", "rs")).filter(|(_, text)| !text.starts_with("//! "));
    assert_none(&silent.map(|(path, _)| format!("{path} does not open with //!")).collect::<Vec<_>>());
}

#[test]
fn lines_fit_a_screen() {
    let mut problems = Vec::new();
    for (path, text) in files("src", "rs").into_iter().chain(files("lua", "lua")) {
        for (index, line) in text.lines().enumerate() {
            // A header field of a script is read by programs, as one line.
            let field =
                path.starts_with("lua/") && line.starts_with("-- ") && line[3..].starts_with(char::is_uppercase);
            // Neither is a sentence cut in two so that it can no longer be searched for.
            let sentence = all_between(line, "\"", "\"").iter().any(|text| text.len() > WIDTH / 2);
            if line.chars().count() > WIDTH && !(field && line.contains(": ")) && !sentence {
                problems.push(format!("{path}:{}: {} characters", index + 1, line.chars().count()));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_server_does_not_unwrap_allow_or_print() {
    let mut problems = Vec::new();
    for (path, text) in files("src", "rs").iter().filter(|(path, _)| !is_test(path)) {
        let prints = path == "src/main.rs" || path.starts_with("src/cli/") || path.starts_with("src/dev/");
        for (number, line) in code(without_tests(text)) {
            let mut problem = |found: &str, why: &str| {
                if line.contains(found) {
                    problems.push(format!("{path}:{number}: {found} {why}"));
                }
            };
            problem(".unwrap()", "has no sentence: expect(\"Invariant: …\")");
            problem("#[allow", "gives no reason: #[expect(…, reason = \"…\")]");
            problem("#![allow", "gives no reason: #![expect(…, reason = \"…\")]");
            problem("dbg!(", "is for debugging");
            if !prints {
                problem("println!(", "prints: only the command line does, the rest logs");
                problem("print!(", "prints: only the command line does, the rest logs");
            }
        }
    }
    problems.sort();
    problems.dedup();
    assert_none(&problems);
}

#[test]
fn checkers_share_no_code_with_what_they_check() {
    let checkers = [
        "chaos/people.rs",
        "chaos/verdict.rs",
        "faults/checker.rs",
        "faults/crowd.rs",
        "faults/screens.rs",
        "replay.rs",
    ];
    let mut problems = Vec::new();
    for path in checkers.map(|path| format!("tests/it/{path}")) {
        for (number, line) in code(&super::read(&path)) {
            if line.contains("waitless::") || line.contains("harness") {
                problems.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert_none(&problems);
}

/// A newer server may write a word that this one does not know: it must not make a whole restaurant unreadable.
#[test]
fn words_that_redis_holds_leave_room_for_newer_ones() {
    // Comes with requests alone, which are read strictly.
    const ASKED_ONLY: [&str; 1] = ["CallReason"];
    let (mut problems, mut found) = (Vec::new(), 0);
    for (path, text) in files("src/domain", "rs").into_iter().chain(files("src/queue", "rs")) {
        for item in text.split("#[derive(").skip(1) {
            let (derived, item) = item.split_once(")]").expect("a derive ends");
            let Some((head, body)) = item.split_once(" enum ").filter(|(head, _)| !head.contains("struct ")) else {
                continue;
            };
            let name = words(body).next().expect("a name");
            let reads = derived.contains("Deserialize") && head.lines().count() < 4;
            let body = body.split("\n}").next().expect("a body");
            if !reads || ASKED_ONLY.contains(&name) {
                continue;
            }
            found += 1;
            if !body.trim_end().ends_with("#[serde(other)]\n    Other,") {
                problems.push(format!("{path}: {name} does not end with #[serde(other)] Other"));
            }
        }
    }
    assert_none(&problems);
    assert_eq!(found, 6, "enums that are read from Redis");
}

/// "1 restaurants" is no English: a number is a field, or stands behind what it counts.
#[test]
fn no_sentence_counts_what_may_be_one() {
    const COUNTED: [&str; 8] =
        ["bytes", "characters", "entries", "events", "partitions", "restaurants", "sessions", "tickets"];
    let mut problems = Vec::new();
    for (path, text) in files("src", "rs").iter().filter(|(path, _)| !is_test(path)) {
        for (number, line) in code(without_tests(text)) {
            let sentences = all_between(line, "\"", "\"");
            let counts = sentences.iter().flat_map(|sentence| sentence.split("} ").skip(1));
            let counted = counts.filter_map(|behind| words(behind).next());
            problems.extend(
                counted.filter(|word| COUNTED.contains(word)).map(|word| format!("{path}:{number}: {{}} {word}")),
            );
        }
    }
    assert_none(&problems);
}
