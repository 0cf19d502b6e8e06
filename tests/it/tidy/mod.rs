//! Conventions as tests: what a reviewer would otherwise have to remember.

mod modules;
mod packaging;
mod pages;
mod scripts;
mod source;

use std::path::{Path, PathBuf};

/// The folder of this repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder: its path from the root, and its content.
fn all_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() { walk(path, found) } else { found.push(path) }
        }
    }
    let mut paths = Vec::new();
    walk(root().join(folder), &mut paths);
    paths.sort();
    let named = |path: &PathBuf| path.strip_prefix(root()).expect("below the root").display().to_string();
    let content = |path: &PathBuf| std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    paths.iter().map(|path| (named(path), content(path))).collect()
}

/// Every file below a folder with this ending: its path from the root, and its text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let ending = format!(".{ending}");
    let found = all_files(folder).into_iter().filter(|(path, _)| path.ends_with(&ending));
    found.map(|(path, content)| (path, String::from_utf8(content).expect("text"))).collect()
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
