//! Clients that use a running WaitLess as people do. They share no code with the server.

mod api;
mod bench;
mod chance;
mod city;
mod day;
mod engine;
mod fanout;
mod feed;
mod join;
mod million;
mod packed;
mod peer;
mod plot;
mod reconnect;
mod report;
mod rush;
mod soak;
mod taken;
mod walk;

use std::path::PathBuf;

use clap::Parser;

/// Uses a running WaitLess as people do, and prints what it took.
#[derive(Parser)]
enum Command {
    /// Three parties join, one is called: what a phone, the board and the console see, and when
    Walk {
        /// Base URL of the server
        #[arg(default_value = "http://127.0.0.1:8080")]
        url: String,
    },
    /// Prints what the cases of a run found, and merges it into one file; fails if any case did
    Report {
        /// Folder of the cases' reports, one `*.json` each
        folder: PathBuf,
        /// The merged file
        out: PathBuf,
        /// Cases that must be there
        #[arg(long, value_delimiter = ',')]
        expect: Vec<String>,
    },
    /// Guests, screens and staff come and go for minutes: what the server takes, and whether all that is shown is right
    Soak(soak::Options),
    /// Many screens of one or many restaurants, and changes: how soon each is shown, and what that takes
    Fanout(Box<fanout::Options>),
    /// A network breaks under many screens: how soon all show the newest state again
    Reconnect(Box<reconnect::Options>),
    /// A famous place opens: thousands join within seconds, then watch their position
    Rush(rush::Options),
    /// An evening at many restaurants: guests come, wait and go, staff call and seat
    Day(day::Options),
    /// As many screens as several client processes hold, of one server or of several behind one port
    Million(million::Options),
    /// What the runs of `tests/bench` found, as one table and a page with plots
    Bench(bench::Options),
    /// A server to be measured beside ours
    Peer(peer::Options),
    /// Plays a restaurant of its own through, and writes down what this version keeps of it in Redis
    Packed(packed::Options),
    /// Joins a second through HTTP, beside the bare join script
    Join(join::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Walk { url } => walk::run(url.trim_end_matches('/')).await,
        Command::Report { folder, out, expect } => report::run(&folder, &out, &expect),
        Command::Soak(options) => soak::run(options).await,
        Command::Fanout(options) => fanout::run(*options).await,
        Command::Reconnect(options) => reconnect::run(*options).await,
        Command::Rush(options) => rush::run(options).await,
        Command::Day(options) => day::run(options).await,
        Command::Million(options) => million::run(options).await,
        Command::Bench(options) => bench::run(&options),
        Command::Peer(options) => peer::run(options).await,
        Command::Packed(options) => packed::run(options).await,
        Command::Join(options) => join::run(options).await,
    }
}
