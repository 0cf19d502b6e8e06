//! What a person is told once everything runs: where to look, and how to sign in.

use super::qr;
use crate::{
    config::{Config, Secret},
    service::demo::EMAILS,
};

/// What guests open: the demo restaurant, to join from home.
const GUESTS: &str = "/?r=demo";

/// Address of a page on this server, and what it is.
const PAGES: [(&str, &str); 5] = [
    (GUESTS, "phone"),
    ("/kiosk/demo", "kiosk"),
    ("/board/demo", "board"),
    ("/console/demo", "console"),
    ("/docs", "API docs"),
];

/// The lines after `ready`.
pub(super) fn lines(config: &Config, password: &Secret, lan: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        PAGES.iter().map(|(path, name)| format!("  {name:<9} {}", config.link(path))).collect();
    let [staff, owner, admin] = EMAILS;
    lines.push(format!("  sign in as {staff}, {owner} or {admin} with the password {}", password.expose()));
    if lan {
        let guests = config.link(GUESTS);
        lines.extend(qr::lines(&guests).unwrap_or_default());
        lines.push(format!("  guests scan this, or open {guests}"));
        if config.public_url.scheme() != "https" {
            lines.push(
                "  browsers keep a screen awake and show notifications over https only; README.md says how".to_owned(),
            );
        }
    }
    lines.push("  stop with Ctrl-C; the queue is kept".to_owned());
    lines
}
