//! What a person is told once everything runs: where to look, and how to sign in.

use crate::config::Config;

/// Address of a page on this server, and what it is.
const PAGES: [(&str, &str); 2] = [("/docs", "API docs"), ("/v1/restaurants/demo/board", "board")];

/// The lines after `ready`.
pub(super) fn lines(config: &Config) -> Vec<String> {
    let mut lines: Vec<String> =
        PAGES.iter().map(|(path, name)| format!("  {name:<9} {}", config.link(path))).collect();
    lines.push(
        "  sign in as staff@demo.test, owner@demo.test or admin@demo.test with the password waitless-demo".to_owned(),
    );
    lines.push("  stop with Ctrl-C; the queue is kept".to_owned());
    lines
}
