//! The pool against a PostgreSQL that lets in whom the test lets in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};

use super::*;

const READY: &[u8] = b"Z\0\0\0\x05I";

/// Speaks as much of PostgreSQL's protocol as the pool asks for.
struct Door {
    /// How many may still come in.
    open: Semaphore,
    refuses: bool,
    knocked: AtomicUsize,
    /// Simple queries, in their order.
    asked: Mutex<Vec<String>>,
}

impl Door {
    async fn pool(connections_max: usize, refuses: bool) -> (Arc<Self>, Pool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let door = Self { open: Semaphore::new(0), refuses, knocked: AtomicUsize::new(0), asked: Mutex::default() };
        let door = Arc::new(door);
        let listening = Arc::clone(&door);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                listening.knocked.fetch_add(1, Ordering::SeqCst);
                let door = Arc::clone(&listening);
                tokio::spawn(async move { door.serve(stream).await });
            }
        });
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username("any")
            .ssl_mode(sqlx::postgres::PgSslMode::Disable);
        (door, Pool::new(options, connections_max, Gate::default()))
    }

    /// `None` when the client has gone.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let len = stream.read_u32().await.ok()?;
        stream.read_exact(&mut vec![0; len as usize - 4]).await.ok()?;
        self.open.acquire().await.ok()?.forget();
        if self.refuses {
            let fields = b"SFATAL\0VFATAL\0C28P01\0Mwrong password\0\0";
            stream.write_u8(b'E').await.ok()?;
            stream.write_u32(fields.len() as u32 + 4).await.ok()?;
            return stream.write_all(fields).await.ok();
        }
        stream.write_all(b"R\0\0\0\x08\0\0\0\0").await.ok()?;
        stream.write_all(READY).await.ok()?;
        loop {
            let kind = stream.read_u8().await.ok()?;
            let len = stream.read_u32().await.ok()?;
            let mut body = vec![0; len as usize - 4];
            stream.read_exact(&mut body).await.ok()?;
            match kind {
                b'Q' => {
                    let query = String::from_utf8_lossy(&body[..body.len() - 1]).into_owned();
                    self.asked.lock().expect("not poisoned").push(query);
                    stream.write_all(b"C\0\0\0\x07OK\0").await.ok()?;
                    stream.write_all(READY).await.ok()?;
                }
                b'S' => stream.write_all(READY).await.ok()?,
                _ => return None,
            }
        }
    }

    fn knocked(&self) -> usize {
        self.knocked.load(Ordering::SeqCst)
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never {what}"));
}

fn at_rest(pool: &Pool) -> bool {
    let state = pool.state();
    state.idle.len() == state.places
}

#[tokio::test]
async fn an_attempt_outlives_the_calls_that_wait_for_it() {
    let (door, pool) = Door::pool(16, false).await;
    let calls = (0..20).map(|_| {
        tokio::spawn({
            let pool = pool.clone();
            async move { pool.acquire_within(Duration::from_millis(300)).await.map(drop) }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let given_up = call.await.expect("no panic");
        assert!(matches!(given_up, Err(sqlx::Error::PoolTimedOut)), "{given_up:?}");
    }
    assert_eq!(door.knocked(), 1, "one at a time");
    door.open.add_permits(1);
    pool.acquire().await.expect("what was begun for others");
    assert_eq!(door.knocked(), 1);
}

#[tokio::test]
async fn a_call_gets_what_comes_back_while_an_attempt_hangs() {
    let (door, pool) = Door::pool(16, false).await;
    door.open.add_permits(1);
    let lent = pool.acquire().await.expect("the door is open");
    let other = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await }
    });
    until("another attempt is under way", || door.knocked() == 2).await;
    drop(lent);
    other.await.expect("no panic").expect("the connection that came back");
    assert_eq!(pool.state().attempts, 1, "the attempt goes on");
    door.open.add_permits(1);
    until("it is kept", || pool.state().idle.len() == 2).await;
}

#[tokio::test]
async fn a_refusal_is_told_at_once_to_all() {
    let (door, pool) = Door::pool(16, true).await;
    let calls = (0..5).map(|_| {
        tokio::spawn({
            let pool = pool.clone();
            async move { pool.acquire().await.map(drop) }
        })
    });
    let calls: Vec<_> = calls.collect();
    until("an attempt is under way and all wait", || door.knocked() == 1 && pool.state().waiting.len() == 5).await;
    let asked = Instant::now();
    door.open.add_permits(1);
    for call in calls {
        let error = call.await.expect("no panic").expect_err("a wrong password");
        assert!(error.to_string().contains("wrong password") && !is_transient(&error), "{error:?}");
    }
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(at_rest(&pool), "no place is lost");
}

#[tokio::test]
async fn there_are_never_more_than_may_be_and_each_comes_back_tidy() {
    let (door, pool) = Door::pool(2, false).await;
    door.open.add_permits(100);
    let calls = (0..50).map(|number| {
        tokio::spawn({
            let pool = pool.clone();
            async move {
                let transaction = pool.begin().await.expect("a turn");
                if number % 2 == 0 {
                    transaction.commit().await.expect("committed");
                }
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic");
    }
    until("all are back", || at_rest(&pool)).await;
    assert_eq!(door.knocked(), 2);
    let mut lease = pool.acquire().await.expect("an idle one");
    lease.unlock_afterwards();
    lease.give_back().await.expect("an answer");
    let asked = door.asked.lock().expect("not poisoned");
    let count = |query: &str| asked.iter().filter(|asked| *asked == query).count();
    assert_eq!((count("BEGIN"), count("COMMIT"), count("ROLLBACK")), (50, 25, 25));
    assert_eq!(asked.last().map(String::as_str), Some("SELECT pg_advisory_unlock_all()"));
}

#[tokio::test]
async fn what_was_given_to_a_call_that_ended_is_the_next_calls() {
    let (door, pool) = Door::pool(1, false).await;
    door.open.add_permits(1);
    let lent = pool.acquire().await.expect("the door is open");
    let Ok(Next::Wait(answer)) = pool.next() else { panic!("there is no other") };
    drop(lent);
    until("it is given", || !answer.is_empty()).await;
    drop(answer);
    pool.acquire().await.expect("the same connection");
    assert_eq!(door.knocked(), 1);
}

#[tokio::test]
async fn what_is_old_or_was_of_no_use_for_long_is_closed() {
    let (door, pool) = Door::pool(2, false).await;
    door.open.add_permits(2);
    let both = (pool.acquire().await.expect("one"), pool.acquire().await.expect("another"));
    drop(both);
    until("both are back", || pool.state().idle.len() == 2).await;
    pool.state().idle[0].used -= IDLE_MAX * 2;
    drop(pool.acquire().await.expect("the one used last"));
    until("the other is closed", || at_rest(&pool) && pool.state().places == 1).await;
    pool.state().idle[0].made -= AGE_MAX * 2;
    drop(pool.acquire().await.expect("the one that is left"));
    until("it is closed, too", || pool.state().places == 0).await;
}

#[tokio::test]
async fn a_closed_pool_ends_who_waits_and_keeps_nothing() {
    let (door, pool) = Door::pool(2, false).await;
    door.open.add_permits(1);
    let lent = pool.acquire().await.expect("the door is open");
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(drop) }
    });
    until("it waits", || door.knocked() == 2).await;
    pool.close().await;
    assert!(matches!(waiting.await.expect("no panic"), Err(sqlx::Error::PoolClosed)));
    assert!(matches!(pool.acquire().await, Err(sqlx::Error::PoolClosed)));
    drop(lent);
    door.open.add_permits(1);
    until("every place is free", || pool.state().places == 0).await;
}
