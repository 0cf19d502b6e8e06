//! What Redis was asked, as Redis itself tells.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
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
    lines: Arc<Mutex<Vec<String>>>,
}

impl Spy {
    /// `url` is of a Redis of the test's own.
    pub(super) fn on(url: &str) -> Self {
        let address = url.trim_start_matches("redis://");
        let mut stream = TcpStream::connect(address).expect("Redis is there");
        stream.write_all(b"MONITOR\r\n").expect("Redis listens");
        let mut reader = BufReader::new(stream);
        let mut said = String::new();
        reader.read_line(&mut said).expect("an answer");
        assert_eq!(said.trim(), "+OK");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        // Ends with the Redis.
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                kept.lock().expect("no reader panics").push(line);
            }
        });
        Self { lines }
    }

    /// What was heard since the last time.
    pub(super) fn heard(&self) -> Vec<Asked> {
        let lines = std::mem::take(&mut *self.lines.lock().expect("no reader panics"));
        lines.iter().filter_map(|line| Asked::parse(line)).collect()
    }
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
