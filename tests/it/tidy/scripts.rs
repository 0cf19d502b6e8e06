//! The Lua scripts, their headers, and what Rust knows of both.

use std::collections::BTreeSet;

use waitless::{
    domain::Rejection,
    queue::{
        keys::NAMES,
        script::{LIBRARY, LuaFile, OPERATIONS},
    },
};

use super::{all_between, assert_none, files, read, words};

const FIELDS: [&str; 5] = ["KEYS", "ARGV", "REPLY", "EVENT", "COST"];

/// A script without its comments.
fn body(file: LuaFile) -> String {
    let lines = file.text.lines().map(|line| line.split("-- ").next().expect("a first part"));
    lines.filter(|line| !line.starts_with("--") && !line.starts_with("#!")).collect::<Vec<_>>().join("\n")
}

fn field(file: LuaFile, name: &str) -> Option<&'static str> {
    file.text.lines().find_map(|line| line.strip_prefix("-- ")?.strip_prefix(name)?.strip_prefix(": "))
}

fn parts(file: LuaFile) -> Vec<&'static str> {
    let line = file.text.lines().find_map(|line| line.strip_prefix("--@use "));
    line.map_or(Vec::new(), |parts| parts.split(' ').collect())
}

fn library(part: &str) -> Option<LuaFile> {
    LIBRARY.iter().copied().find(|file| file.name.strip_prefix("lib/") == Some(part))
}

/// What a shared part gives to others: its names that are not inside a function.
fn given(file: LuaFile) -> Vec<String> {
    let body = body(file);
    let top_level = body.lines().filter_map(|line| line.strip_prefix("local "));
    let names = top_level.flat_map(|names| {
        let names =
            names.strip_prefix("function ").map_or(names, |function| function.split('(').next().expect("a name"));
        words(names.split('=').next().expect("names")).map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

/// Refusal codes that a text spells.
fn refusals(body: &str) -> BTreeSet<&str> {
    let mut codes: BTreeSet<&str> = all_between(body, "refuse('", "'").into_iter().collect();
    codes
        .extend(all_between(body, "refused_by(", ")").into_iter().filter_map(|call| all_between(call, "'", "'").pop()));
    let states = all_between(body, "refused_by(", "')").into_iter();
    codes.extend(states.filter_map(|call| call.rsplit_once(", '")).map(|(_, code)| code));
    codes.extend(body.contains("invalid(").then_some("invalid"));
    if body.contains(" unknown_ticket()") {
        codes.extend(["not_found", "place_lost"]);
    }
    codes
}

#[test]
fn every_lua_file_is_loaded() {
    let named: BTreeSet<String> =
        OPERATIONS.iter().chain(LIBRARY).map(|file| format!("lua/{}.lua", file.name)).collect();
    let found: BTreeSet<String> = files("lua", "lua").into_iter().map(|(path, _)| path).collect();
    assert_eq!(named, found, "src/queue/script.rs, and lua/");
    assert_eq!(named.len(), OPERATIONS.len() + LIBRARY.len(), "each once");
}

#[test]
fn a_header_says_everything() {
    let mut problems = Vec::new();
    for file in OPERATIONS {
        let mut wrong = |what: String| problems.push(format!("lua/{}.lua: {what}", file.name));
        if !file.text.starts_with("#!lua")
            || !file.text.lines().nth(1).is_some_and(|line| line.starts_with(&format!("-- {}: ", file.name)))
        {
            wrong("does not open with #!lua and what it is".to_owned());
        }
        let lines: Vec<&str> =
            file.text.lines().filter_map(|line| line.strip_prefix("-- ")?.split(": ").next()).collect();
        let fields: Vec<&str> = lines.into_iter().filter(|name| FIELDS.contains(name)).collect();
        if fields != FIELDS {
            wrong(format!("has the fields {fields:?}, not {FIELDS:?}"));
        }
        if !field(*file, "KEYS").is_some_and(|keys| keys.starts_with("the fixed list (lib/keys)")) {
            wrong("declares other keys than the fixed list".to_owned());
        }
        let body = body(*file);
        let unpacked = all_between(&body, "local ", " = arguments()").pop().unwrap_or("none");
        let unpacked: Vec<&str> = unpacked.split(',').map(str::trim).collect();
        let declared: Vec<&str> = field(*file, "ARGV").unwrap_or_default().split(", ").collect();
        // Words of Lua get a name that says more.
        let renamed =
            [("line", "letter"), ("ticket", "id"), ("items", "wanted"), ("restaurant", "record"), ("policy", "packed")];
        let same = declared.len() == unpacked.len()
            && declared.iter().zip(&unpacked).all(|(declared, unpacked)| {
                declared == unpacked
                    || renamed.contains(&(*declared, *unpacked))
                    || *unpacked == format!("packed_{declared}")
            });
        if !same {
            wrong(format!("ARGV {declared:?}, but unpacks {unpacked:?}"));
        }
    }
    for file in LIBRARY {
        let name = file.name.strip_prefix("lib/").expect("a shared part");
        if !file.text.starts_with(&format!("-- {name}: ")) {
            problems.push(format!("lua/{}.lua does not open with what it is", file.name));
        }
    }
    assert_none(&problems);
}

#[test]
fn a_header_names_the_events_and_refusals_of_the_body() {
    let mut problems = Vec::new();
    for file in OPERATIONS {
        let body = body(*file);
        let declared: BTreeSet<&str> =
            field(*file, "EVENT").unwrap_or_default().split(' ').filter(|name| *name != "none").collect();
        let told: BTreeSet<&str> = all_between(&body, "'", "'")
            .into_iter()
            .filter(|text| {
                text.split_once('.').is_some_and(|(subject, verb)| {
                    !subject.is_empty()
                        && !verb.is_empty()
                        && [subject, verb]
                            .iter()
                            .all(|part| part.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'))
                })
            })
            .collect();
        if declared != told {
            problems.push(format!("lua/{}.lua: EVENT {declared:?}, but tells {told:?}", file.name));
        }
        let reply = field(*file, "REPLY").unwrap_or_default();
        let declared: BTreeSet<&str> =
            reply.split_once(" | ").map_or("", |(_, codes)| codes).split_whitespace().collect();
        if declared != refusals(&body) {
            problems.push(format!("lua/{}.lua: REPLY {declared:?}, but refuses {:?}", file.name, refusals(&body)));
        }
    }
    assert_none(&problems);
}

#[test]
fn keys_and_arguments_are_spelled_in_one_place() {
    let mut problems = Vec::new();
    for file in OPERATIONS.iter().chain(LIBRARY) {
        for (word, place) in [("KEYS", "lib/keys"), ("ARGV", "lib/call")] {
            if file.name != place && words(&body(*file)).any(|found| found == word) {
                problems.push(format!("lua/{}.lua spells {word}; only lua/{place}.lua does", file.name));
            }
        }
    }
    assert_none(&problems);
    let keys = body(library("keys").expect("lib/keys"));
    let spelled: Vec<String> =
        all_between(&keys, "{", "}").concat().split(',').map(|entry| entry.trim().to_owned()).collect();
    let expected: Vec<String> =
        NAMES.iter().enumerate().map(|(index, name)| format!("{name} = KEYS[{}]", index + 1)).collect();
    assert_eq!(spelled[..expected.len()], expected, "lua/lib/keys.lua, and src/queue/keys.rs");
    assert_eq!(spelled[expected.len()..], [""], "and no more");
}

#[test]
fn a_script_uses_the_parts_it_needs() {
    let mut problems = Vec::new();
    for file in OPERATIONS {
        let parts = parts(*file);
        let texts: Vec<(&str, String)> = parts
            .iter()
            .map(|part| (*part, body(library(part).unwrap_or_else(|| panic!("no lua/lib/{part}.lua")))))
            .collect();
        let own = body(*file);
        for part in &parts {
            let given = given(library(part).expect("checked"));
            let others = texts.iter().filter(|(other, _)| other != part).map(|(_, text)| text);
            let needed = others.chain([&own]).any(|text| words(text).any(|word| given.iter().any(|name| name == word)));
            if !needed {
                problems.push(format!("lua/{}.lua uses {part} for nothing", file.name));
            }
        }
        for part in LIBRARY.iter().filter(|part| !parts.contains(&part.name.strip_prefix("lib/").expect("a part"))) {
            // A call of a function that no part gives would be nil.
            for name in given(*part) {
                if own.contains(&format!(" {name}(")) && !own.contains(&format!("function {name}(")) {
                    problems.push(format!("lua/{}.lua calls {name} without using {}", file.name, part.name));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_refusal_is_produced_and_documented() {
    let rules = read("docs/RULES.md");
    let texts: Vec<String> = OPERATIONS.iter().chain(LIBRARY).map(|file| body(*file)).collect();
    let produced: BTreeSet<&str> = texts.iter().flat_map(|text| refusals(text)).collect();
    let known: BTreeSet<&str> = Rejection::CODES.iter().copied().collect();
    assert_eq!(produced, known, "refused by a script, and known to src/domain/rejection.rs");
    let silent = known.iter().filter(|code| !words(&rules).any(|word| word == **code));
    assert_none(&silent.map(|code| format!("docs/RULES.md does not say when {code} is answered")).collect::<Vec<_>>());
}

#[test]
fn the_readme_names_every_script_key_and_part() {
    let readme = read("lua/README.md");
    let quoted: BTreeSet<&str> = all_between(&readme, "`", "`").into_iter().flat_map(words).collect();
    let names = OPERATIONS.iter().chain(LIBRARY).map(|file| file.name.trim_start_matches("lib/")).chain(NAMES);
    assert_none(
        &names
            .filter(|name| !quoted.contains(name))
            .map(|name| format!("lua/README.md does not name `{name}`"))
            .collect::<Vec<_>>(),
    );
}
