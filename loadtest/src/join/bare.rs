//! The join script alone: one call of the server's, as Redis heard it, replayed by `redis-benchmark` with an id, a `ref`, a
//! phone and a key of its own each time.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, process::Stdio, time::Duration};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tokio::{process::Command, time::timeout};

use super::{
    cost::Probe,
    output,
    shops::{Shop, Shops},
};

/// `redis-benchmark` writes twelve digits of chance over this.
const CHANCE: &[u8] = b"__rand_int__";

/// Numbers there are of them; it reads an `int`.
const CHANCES: &str = "2147483647";

/// Redis tells what it hears within this.
const HEARING: Duration = Duration::from_secs(5);

/// Words before the keys: EVALSHA, the hash, how many keys.
const BEFORE_KEYS: usize = 3;

/// Where the arguments of a call are, behind the keys: see `ARGV` in the script and what precedes it.
const RESTAURANT: usize = 0;
const IDEMPOTENCY_KEY: usize = 6;
const ID: usize = 11;
const REF: usize = 12;
const GUARDS: usize = 19;

/// A call, to be replayed at any restaurant.
pub(super) struct Bare {
    words: Vec<Vec<u8>>,
    keys: usize,
    restaurant: String,
    /// What every key of the recorded restaurant begins with, and those of its partition.
    prefix: String,
}

/// What `redis-benchmark` says.
pub(super) struct Said {
    pub(super) per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Bare {
    /// Joins once, and listens how the server asks Redis to.
    pub(super) async fn record(probe: &Probe, shops: &Shops) -> anyhow::Result<Self> {
        let shop = shops.open(1).await?.pop().context("a restaurant")?;
        let mut monitor = probe.redis_cli(&["MONITOR"]).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = monitor.stdout.take().context("what redis-cli says")?;
        let mut heard = Lines { stdout, bytes: Vec::new() };
        ensure!(timeout(HEARING, heard.next()).await?? == b"OK", "redis-cli does not listen");
        let path = format!("/restaurants/{}/tickets", shop.slug);
        let body = json!({
            "line": "A", "adults": 2, "channel": "onsite", "phone": "01012345678", "name": "Kim", "lang": "ko",
        });
        let (status, ticket) = shops.post(&path, &body).await?;
        ensure!(status == 201, "a join was answered {status}: {ticket}");
        let id = ticket["id"].as_str().context("a ticket without an id")?;
        let words = timeout(HEARING, async {
            loop {
                let words = words_of(&heard.next().await?);
                if words.first().is_some_and(|word| word == b"EVALSHA")
                    && words.iter().any(|word| word == id.as_bytes())
                {
                    return anyhow::Ok(words);
                }
            }
        });
        let words = words.await.context("the call of a join")??;
        monitor.kill().await?;
        Self::new(words, &shop, id, ticket["ref"].as_str().unwrap_or_default())
    }

    fn new(mut words: Vec<Vec<u8>>, shop: &Shop, id: &str, r#ref: &str) -> anyhow::Result<Self> {
        let keys: usize = std::str::from_utf8(&words[2])?.parse()?;
        let argument = |index: usize| BEFORE_KEYS + keys + index;
        for (index, expected) in [(RESTAURANT, shop.id.as_str()), (ID, id), (REF, r#ref)] {
            let found = words.get(argument(index)).map(|word| String::from_utf8_lossy(word).into_owned());
            ensure!(found.as_deref() == Some(expected), "argument {index} of the script is {found:?}");
        }
        for index in [IDEMPOTENCY_KEY, ID, REF, GUARDS] {
            let word = &mut words[argument(index)];
            let from =
                word.len().checked_sub(CHANCE.len()).with_context(|| format!("argument {index} is too short"))?;
            word[from..].copy_from_slice(CHANCE);
        }
        ensure!(words.iter().all(|word| !word.contains(&0)), "a zero cannot be handed to redis-benchmark");
        let meta = String::from_utf8(words[BEFORE_KEYS].clone())?;
        let prefix = meta.strip_suffix(&format!("{}:meta", shop.id)).context("the first key is `meta`")?.to_owned();
        Ok(Self { words, keys, restaurant: shop.id.clone(), prefix })
    }

    /// The call for another restaurant.
    pub(super) async fn call_for(&self, probe: &Probe, shop: &Shop) -> anyhow::Result<Vec<OsString>> {
        let prefix = self.prefix_of(probe, shop).await?;
        let words = self.words.iter().enumerate().map(|(index, word)| {
            if (BEFORE_KEYS..BEFORE_KEYS + self.keys).contains(&index) {
                let key = String::from_utf8_lossy(word);
                let name = key.strip_prefix(&self.prefix).unwrap_or(&key);
                OsString::from(match name.strip_prefix(&self.restaurant) {
                    Some(of_restaurant) => format!("{prefix}{}{of_restaurant}", shop.id),
                    None => format!("{prefix}{name}"),
                })
            } else if index == BEFORE_KEYS + self.keys + RESTAURANT {
                OsString::from(&shop.id)
            } else {
                OsString::from_vec(word.clone())
            }
        });
        Ok(words.collect())
    }

    /// What the keys of a restaurant begin with: its partition has a tag of its own.
    pub(super) async fn prefix_of(&self, probe: &Probe, shop: &Shop) -> anyhow::Result<String> {
        let namespace = self.prefix.split('{').next().unwrap_or_default();
        let end = format!("{}:meta", shop.id);
        let mut scan = probe.redis_cli(&["--scan", "--pattern", &format!("{namespace}*:{end}")]);
        let found = output(&mut scan, "redis-cli").await?;
        let meta = found.lines().next().with_context(|| format!("{} is not in Redis", shop.slug))?;
        Ok(meta.strip_suffix(&end).context("a key that ends so")?.to_owned())
    }
}

/// Runs a call so many times.
pub(super) async fn replay(probe: &Probe, call: &[OsString], times: usize, clients: usize) -> anyhow::Result<Said> {
    let mut benchmark = Command::new("redis-benchmark");
    benchmark.args(["-u", &probe.redis_url, "--csv", "--precision", "3", "-r", CHANCES]);
    benchmark.args(["-n", &times.to_string(), "-c", &clients.to_string()]).args(call);
    said(&output(&mut benchmark, "redis-benchmark").await?)
}

/// `"…","rps","avg","min","p50","p95","p99","max"`, the command first.
fn said(text: &str) -> anyhow::Result<Said> {
    let line = text.trim_end().lines().last().context("redis-benchmark says nothing")?;
    let mut figures = line.trim_end_matches('"').rsplit("\",\"");
    let mut next = || figures.next().and_then(|figure| figure.parse::<f64>().ok());
    let (Some(_max), Some(p99_ms), Some(_p95), Some(p50_ms), Some(_min), Some(_avg), Some(per_s)) =
        (next(), next(), next(), next(), next(), next(), next())
    else {
        bail!("redis-benchmark says {line}");
    };
    Ok(Said { per_s, p50_ms, p99_ms })
}

/// What a program says, by lines, which need not be text.
struct Lines {
    stdout: tokio::process::ChildStdout,
    bytes: Vec<u8>,
}

impl Lines {
    async fn next(&mut self) -> anyhow::Result<Vec<u8>> {
        use tokio::io::AsyncReadExt as _;
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            ensure!(self.stdout.read_buf(&mut self.bytes).await? > 0, "redis-cli has ended");
        }
    }
}

/// The words of `1795316400.000000 [0 127.0.0.1:4711] "HGET" "key"`; none of what a script did itself.
fn words_of(line: &[u8]) -> Vec<Vec<u8>> {
    let Some(at) = line.windows(3).position(|window| window == b"] \"") else { return Vec::new() };
    if line[..at].ends_with(b" lua") {
        return Vec::new();
    }
    let mut bytes = line[at + 2..].iter().copied();
    let (mut words, mut word) = (Vec::new(), None::<Vec<u8>>);
    while let Some(byte) = bytes.next() {
        match (&mut word, byte) {
            (None, b'"') => word = Some(Vec::new()),
            (None, _) => {}
            (Some(_), b'"') => words.extend(word.take()),
            (Some(word), b'\\') => word.push(match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'a') => 7,
                Some(b'b') => 8,
                Some(b'x') => {
                    let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                    std::str::from_utf8(&digits).ok().and_then(|text| u8::from_str_radix(text, 16).ok()).unwrap_or(0)
                }
                Some(other) => other,
                None => b'\\',
            }),
            (Some(word), byte) => word.push(byte),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_redis_writes_them() {
        let words = words_of(br#"1.2 [0 127.0.0.1:4711] "EVALSHA" "" "\x91\xb6ab" "a\"b\\c\n" "d e""#);
        let expected: [&[u8]; 5] = [b"EVALSHA", b"", b"\x91\xb6ab", b"a\"b\\c\n", b"d e"];
        assert_eq!(words, expected);
        assert!(words_of(br#"1.2 [0 lua] "HGET" "key""#).is_empty());
        assert!(words_of(b"OK").is_empty());
    }

    #[test]
    fn figures_are_read_behind_any_command() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\"\n\"EVALSHA a\",\"b\",\"6500.25\",\"1.1\",\"0.2\",\"1.0\",\"2.0\",\"3.5\",\"9.0\"\n";
        let said = said(text).expect("figures");
        assert_eq!((said.per_s, said.p50_ms, said.p99_ms), (6500.25, 1.0, 3.5));
        assert!(super::said("nonsense").is_err());
    }
}
