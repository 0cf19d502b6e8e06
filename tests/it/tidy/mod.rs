//! Conventions as tests: what a reviewer would otherwise have to remember.

mod modules;
mod packaging;
mod pages;
mod scripts;
mod source;
mod writes;

use std::path::{Path, PathBuf};

/// The folder of this repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Paths from the root of every file below a folder. What npm installs is not ours.
fn paths(folder: &str) -> Vec<String> {
    fn walk(folder: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a readable folder").path();
            if !path.is_dir() {
                found.push(path);
            } else if !path.ends_with("node_modules") {
                walk(path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(root().join(folder), &mut found);
    found.sort();
    found.iter().map(|path| path.strip_prefix(root()).expect("below the root").display().to_string()).collect()
}

/// Every file below a folder with this ending: its path from the root, and its text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let ending = format!(".{ending}");
    let found = paths(folder).into_iter().filter(|path| path.ends_with(&ending));
    found.map(|path| (path.clone(), read(&path))).collect()
}

/// Every text that stands between the two.
fn all_between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((_, from)) = rest.split_once(before) {
        let Some((between, behind)) = from.split_once(after) else { break };
        found.push(between);
        rest = behind;
    }
    found
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Names in a text, each as often as it stands there.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter| !is_word(letter)).filter(|word| !word.is_empty())
}

/// Nothing is wrong, or all that is.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
