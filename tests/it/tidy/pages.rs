//! What `static/` may contain: pages that load only what is there, run nothing inline and ask nobody else.

use super::{all_between, assert_none, files, is_word, root};

/// Names of XML languages, which nothing is fetched from.
const NAMESPACES: [&str; 3] =
    ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml"];

/// Files that are not served, licences of others, and words for people.
fn may_name_hosts(path: &str) -> bool {
    let name = path.rsplit('/').next().expect("a last part").to_uppercase();
    path.starts_with("static/words/")
        || (path.starts_with("static/vendor/")
            && ["LICEN", "NOTICE", "OFL", "COPYING"].iter().any(|l| name.contains(l)))
        || [".d.ts", ".md", ".test.js"].iter().any(|ending| path.ends_with(ending))
}

#[test]
fn pages_load_what_is_there() {
    let pages = files("static", "html");
    assert!(pages.len() >= 7, "{} pages", pages.len());
    let mut problems = Vec::new();
    for (path, text) in &pages {
        for loaded in all_between(text, "\"/static/", "\"") {
            if !root().join("static").join(loaded).is_file() {
                problems.push(format!("{path}: /static/{loaded} is not there"));
            }
        }
        // The server puts the version behind exactly this spelling.
        let spelt = ["'/static/", "=/static/", "\"static/", "\"./", "\"../"];
        problems.extend(
            spelt.iter().filter(|spelt| text.contains(**spelt)).map(|spelt| format!("{path}: {spelt} has no version")),
        );
    }
    // Elsewhere the version is kept by relative addresses.
    for (path, text) in ["js", "css", "webmanifest"].into_iter().flat_map(|ending| files("static", ending)) {
        if !path.ends_with(".test.js") && text.contains("/static/") {
            problems.push(format!("{path}: /static/ has no version; relative addresses keep that of their file"));
        }
    }
    assert_none(&problems);
}

/// What of a page its own Content-Security-Policy would refuse.
fn inline(page: &str) -> Vec<String> {
    let page = page.to_lowercase();
    let mut found = Vec::new();
    for (tag, behind) in all_between(&page, "<script", "</script>").iter().filter_map(|script| script.split_once('>')) {
        if !tag.contains(" src=") || !behind.trim().is_empty() {
            found.push(format!("<script{tag}>{behind}"));
        }
    }
    for tag in all_between(&page, "<", ">") {
        let attributes = tag.split_whitespace().skip(1);
        let inline = |attribute: &&str| {
            let name = attribute.split('=').next().expect("a first part");
            attribute.contains('=') && (name == "style" || (name.starts_with("on") && name.chars().all(is_word)))
        };
        found.extend(attributes.filter(inline).map(str::to_owned));
        if tag == "style" || tag.starts_with("style ") || tag.contains("javascript:") {
            found.push(format!("<{tag}>"));
        }
    }
    found
}

#[test]
fn pages_run_nothing_inline() {
    for page in [
        "<script>go()</script>",
        "<script src=\"/static/a.js\">go()</script>",
        "<script type=\"importmap\">{}</script>",
        "<style>p {}</style>",
        "<p style=\"color: red\">",
        "<body\n  onload=\"go()\">",
        "<a href=\"javascript:go()\">",
    ] {
        assert_eq!(inline(page).len(), 1, "{page}: {:?}", inline(page));
    }
    let sound = "<!doctype html><script type=\"module\" src=\"/static/a.js\"></script><link rel=\"stylesheet\" \
                 href=\"/static/style/a.css\"><a href=\"/?on=1\" class=\"style\">on=1</a>";
    assert_eq!(inline(sound), Vec::<String>::new());
    let problems = files("static", "html")
        .into_iter()
        .flat_map(|(path, text)| inline(&text).into_iter().map(move |found| format!("{path}: {found}")));
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn pages_ask_nobody_else() {
    let mut problems = Vec::new();
    for path in super::paths("static").into_iter().filter(|path| !may_name_hosts(path)) {
        let bytes = std::fs::read(root().join(&path)).expect("read");
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        for name in NAMESPACES {
            text = text.replace(&format!("\"{name}\""), "").replace(&format!("'{name}'"), "");
        }
        for scheme in ["http://", "https://"] {
            for (_, host) in text.match_indices(scheme).map(|(at, _)| text.split_at(at + scheme.len())) {
                let host: String = host.chars().take_while(|letter| !letter.is_whitespace()).take(40).collect();
                // A scheme alone, as in code that puts an address together, names nobody.
                if host.starts_with(|first: char| first.is_ascii_alphanumeric()) {
                    problems.push(format!("{path}: {scheme}{host}"));
                }
            }
        }
    }
    assert_none(&problems);
}
