//! Parties that join through HTTP, one after the other on each connection: a client that costs little, because it shares the
//! machine with what it measures.
//!
//! All connections live on one thread. A request is one write; an answer is read into a buffer that is kept and looked at
//! just far enough to know its status, its length, and the number in it.

use std::{
    cell::{Cell, RefCell},
    fmt::Write as _,
    io::ErrorKind,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{net::TcpStream, task::LocalSet, time::timeout};

use super::{cost, shops::Shop};

/// The server answers within this, however many wait.
const ANSWER: Duration = Duration::from_secs(20);

/// Problems told; the rest is like them.
const PROBLEMS_MAX: usize = 5;

/// What came of it.
pub(super) struct Joined {
    /// Of each restaurant, as they came.
    pub(super) numbers: Vec<Vec<u32>>,
    latencies_us: Vec<u32>,
    took: Duration,
    pub(super) problems: Vec<String>,
    /// Of this thread.
    pub(super) client_cpu: Option<Duration>,
}

impl Joined {
    pub(super) fn len(&self) -> usize {
        self.latencies_us.len()
    }

    pub(super) fn per_s(&self) -> f64 {
        self.len() as f64 / self.took.as_secs_f64()
    }

    /// So many of all were answered within this.
    pub(super) fn latency_ms(&self, share: f64) -> f64 {
        let index = ((self.len() as f64 * share) as usize).min(self.len().saturating_sub(1));
        self.latencies_us.get(index).map_or(0.0, |us| f64::from(*us) / 1_000.0)
    }
}

/// What all connections share.
struct Crowd {
    host: String,
    slugs: Vec<String>,
    until: Instant,
    next: Cell<u64>,
    numbers: RefCell<Vec<Vec<u32>>>,
    latencies_us: RefCell<Vec<u32>>,
    problems: RefCell<Vec<String>>,
}

/// Joins these restaurants in turn, so many at a time, for so long. Whoever has begun then is still waited for.
pub(super) async fn join(url: &str, shops: &[Shop], concurrency: usize, length: Duration) -> anyhow::Result<Joined> {
    let host = url.strip_prefix("http://").context("an http URL")?.to_owned();
    let slugs: Vec<String> = shops.iter().map(|shop| shop.slug.clone()).collect();
    tokio::task::spawn_blocking(move || on_this_thread(host, slugs, concurrency, length)).await?
}

fn on_this_thread(host: String, slugs: Vec<String>, concurrency: usize, length: Duration) -> anyhow::Result<Joined> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu_before = cost::cpu_of_this_thread()?;
    let began = Instant::now();
    let crowd = Rc::new(Crowd {
        numbers: RefCell::new(vec![Vec::new(); slugs.len()]),
        host,
        slugs,
        until: began + length,
        next: Cell::new(0),
        latencies_us: RefCell::default(),
        problems: RefCell::default(),
    });
    LocalSet::new().block_on(&runtime, async {
        let parties = (0..concurrency).map(|_| {
            let crowd = Rc::clone(&crowd);
            tokio::task::spawn_local(async move {
                if let Err(problem) = crowd.keep_joining().await {
                    crowd.complain(format!("{problem:#}"));
                }
            })
        });
        for party in parties.collect::<Vec<_>>() {
            party.await?;
        }
        anyhow::Ok(())
    })?;
    let took = began.elapsed();
    let client_cpu = cost::cpu_of_this_thread()?.checked_sub(cpu_before);
    let Ok(crowd) = Rc::try_unwrap(crowd) else { bail!("a connection is left") };
    let mut latencies_us = crowd.latencies_us.into_inner();
    latencies_us.sort_unstable();
    ensure!(!latencies_us.is_empty(), "nobody joined: {:?}", crowd.problems.into_inner());
    let problems = crowd.problems.into_inner();
    Ok(Joined { numbers: crowd.numbers.into_inner(), latencies_us, took, problems, client_cpu })
}

impl Crowd {
    fn complain(&self, problem: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }

    async fn keep_joining(&self) -> anyhow::Result<()> {
        let stream = TcpStream::connect(&self.host).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let (mut request, mut body, mut answer) = (String::new(), String::new(), Vec::new());
        while Instant::now() < self.until {
            let number = self.next.replace(self.next.get() + 1);
            let shop = (number % self.slugs.len() as u64) as usize;
            self.write(&mut request, &mut body, number, &self.slugs[shop])?;
            let asked = Instant::now();
            send(&stream, request.as_bytes()).await?;
            let receiving = timeout(ANSWER, receive(&stream, &mut answer)).await;
            let (status, body) = receiving.context("no answer")??;
            let took = asked.elapsed();
            ensure!(status == 201, "a join was answered {status}: {}", String::from_utf8_lossy(body));
            let given = number_in(body).with_context(|| format!("no number: {}", String::from_utf8_lossy(body)))?;
            self.numbers.borrow_mut()[shop].push(given);
            self.latencies_us.borrow_mut().push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// A party of one to four, with a phone nobody else has.
    fn write(&self, request: &mut String, body: &mut String, number: u64, slug: &str) -> anyhow::Result<()> {
        request.clear();
        body.clear();
        let adults = number % 4 + 1;
        write!(body, "{{\"line\":\"A\",\"adults\":{adults},\"channel\":\"onsite\",")?;
        write!(body, "\"phone\":\"010{number:08}\",\"name\":\"Kim\",\"lang\":\"ko\"}}")?;
        write!(request, "POST /v1/restaurants/{slug}/tickets HTTP/1.1\r\nhost: {}\r\n", self.host)?;
        write!(request, "content-type: application/json\r\nidempotency-key: {slug}-{number:022}\r\n")?;
        write!(request, "content-length: {}\r\n\r\n{body}", body.len())?;
        Ok(())
    }
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> anyhow::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error).context("sending"),
        }
    }
    Ok(())
}

/// One answer: its status and its body.
async fn receive<'a>(stream: &TcpStream, answer: &'a mut Vec<u8>) -> anyhow::Result<(u16, &'a [u8])> {
    answer.clear();
    let body = loop {
        stream.readable().await?;
        match stream.try_read_buf(answer) {
            Ok(0) => bail!("the connection was closed"),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error).context("receiving"),
        }
        if let Some(body) = body_of(answer)? {
            break body;
        }
    };
    let status = std::str::from_utf8(answer.get(9..12).unwrap_or_default())?.parse().context("a status")?;
    Ok((status, &answer[body..]))
}

/// Where the body of a whole answer begins; `None`: there is more to come.
fn body_of(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let Some(head_end) = find(answer, b"\r\n\r\n") else { return Ok(None) };
    let at = find(&answer[..head_end], LENGTH).context("an answer without its length")? + LENGTH.len();
    let digits = answer[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length: usize = std::str::from_utf8(&answer[at..at + digits])?.parse()?;
    let body = head_end + 4;
    ensure!(answer.len() <= body + length, "more than one answer came");
    Ok((answer.len() == body + length).then_some(body))
}

/// `17` of `"number":"A017"`.
fn number_in(body: &[u8]) -> Option<u32> {
    const BEGIN: &[u8] = b"\"number\":\"";
    let digits = &body[find(body, BEGIN)? + BEGIN.len() + 1..];
    std::str::from_utf8(&digits[..find(digits, b"\"")?]).ok()?.parse().ok()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 3\r\nx: y\r\n\r\nabc";
        assert_eq!(body_of(whole).expect("an answer"), Some(whole.len() - 3));
        for end in 0..whole.len() {
            assert_eq!(body_of(&whole[..end]).expect("a part of one"), None, "{end}");
        }
        assert!(body_of(b"HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nabcd").is_err());
        assert!(body_of(b"HTTP/1.1 201 Created\r\n\r\n").is_err());
    }

    #[test]
    fn the_number_is_read() {
        assert_eq!(number_in(br#"{"ref":"x","number":"A017","line":"A"}"#), Some(17));
        assert_eq!(number_in(br#"{"number":"A12345"}"#), Some(12_345));
        assert_eq!(number_in(b"{}"), None);
    }
}
