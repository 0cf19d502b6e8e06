//! What Redis was asked, as Redis itself tells.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Calls of each command so far, those of scripts included.
pub(super) async fn commands_run(redis: &mut redis::aio::MultiplexedConnection) -> BTreeMap<String, u64> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.expect("Redis answers");
    let calls = info.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    });
    calls.collect()
}

/// Listens to every command that a Redis runs (MONITOR).
pub(super) struct Spy {
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
    address: String,
    marks: AtomicU64,
}

/// Redis tells what it ran within this.
const TOLD_MAX: Duration = Duration::from_secs(10);

impl Spy {
    /// `url` is of a Redis of the test's own.
    pub(super) fn on(url: &str) -> Self {
        let address = url.trim_start_matches("redis://");
        let (reader, said) = ask(address, "MONITOR");
        assert_eq!(said, "+OK");
        let lines = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let kept = Arc::clone(&lines);
        // Ends with the Redis.
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                kept.0.lock().expect("no reader panics").push(line);
                kept.1.notify_all();
            }
        });
        Self { lines, address: address.to_owned(), marks: AtomicU64::new(0) }
    }

    /// What was asked since the last time, up to now.
    pub(super) fn heard(&self) -> Vec<Asked> {
        let mark = format!("mark-{}", self.marks.fetch_add(1, Relaxed));
        ask(&self.address, &format!("ECHO {mark}"));
        let (lines, told) = &*self.lines;
        let is_mark = |line: &String| line.ends_with(&format!("\"{mark}\""));
        let lines = lines.lock().expect("no reader panics");
        let (mut lines, waited) =
            told.wait_timeout_while(lines, TOLD_MAX, |lines| !lines.iter().any(is_mark)).expect("no reader panics");
        assert!(!waited.timed_out(), "Redis does not tell all that it ran");
        let end = lines.iter().position(is_mark).expect("it was waited for");
        let heard: Vec<String> = lines.drain(..=end).collect();
        heard.iter().filter(|line| !is_mark(line)).filter_map(|line| Asked::parse(line)).collect()
    }
}

/// Sends one command on a connection of its own, and answers the first line of what comes back.
fn ask(address: &str, command: &str) -> (BufReader<TcpStream>, String) {
    let mut stream = TcpStream::connect(address).expect("Redis is there");
    stream.write_all(format!("{command}\r\n").as_bytes()).expect("Redis listens");
    let mut reader = BufReader::new(stream);
    let mut said = String::new();
    reader.read_line(&mut said).expect("an answer");
    (reader, said.trim().to_owned())
}

/// A command that Redis ran.
#[derive(Debug)]
pub(super) struct Asked {
    /// A script did it.
    pub(super) by_script: bool,
    /// In lower case.
    pub(super) name: String,
    /// The line as it was told.
    pub(super) line: String,
}

impl Asked {
    /// `+1732… [0 127.0.0.1:4711] "HGET" "key" …`, or `[0 lua]` for a script's own.
    fn parse(line: &str) -> Option<Self> {
        let (source, command) = line.split_once("] \"")?;
        let name = command.split('"').next()?.to_lowercase();
        Some(Self { by_script: source.ends_with(" lua"), name, line: line.to_owned() })
    }
}
