//! Other restaurants of the same server: somebody looks in now and then, so that their rooms are entered, linger and are
//! left, again and again.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::json;
use tokio::{
    process::Command,
    time::{Instant, timeout_at},
};

use crate::chance::Chance;

use super::{
    socket::{Connection, Heard, Seen},
    world::{Caller, World},
};

/// A restaurant that PostgreSQL has just been given is open after this.
const OPENING: Duration = Duration::from_secs(20);

/// Puts restaurants into the database, as an owner's sign-up will, and answers their slugs.
pub(super) async fn open(world: &World, data: &Path, count: u64) -> anyhow::Result<Vec<String>> {
    let database = fs::read_to_string(data.join("postgres.url")).context("postgres.url of the data folder")?;
    let slugs: Vec<String> = (0..count).map(|index| format!("soak-{}-{index}", std::process::id())).collect();
    for slug in &slugs {
        let sql = format!(
            "WITH made AS (INSERT INTO restaurants (slug, name, time_zone, currency) \
             VALUES ('{slug}', 'Soak', 'Asia/Seoul', 'KRW') RETURNING id) \
             INSERT INTO lines (restaurant_id, letter, name, position) SELECT id, 'A', 'Hall', 0 FROM made"
        );
        let mut psql = Command::new("psql");
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", database.trim(), "-c", &sql]);
        let outcome = psql.output().await.context("psql")?;
        ensure!(outcome.status.success(), "psql: {}", String::from_utf8_lossy(&outcome.stderr));
        let until = Instant::now() + OPENING;
        // 503 `restoring` until the server has loaded a restaurant that it has never heard of.
        while world.ask(Caller::Guest(0), Method::GET, &format!("/restaurants/{slug}/board"), None, None).await?.0
            != 200
        {
            ensure!(Instant::now() < until, "{slug} was not opened");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(slugs)
}

/// Visits a restaurant, and stays away for longer than its room lingers.
pub(super) async fn visit(world: Arc<World>, slug: String, index: u64) {
    let mut chance = Chance::new(world.seed, 3_000_000 + index);
    while world.churning() {
        if let Err(error) = evening(&world, &slug, &mut chance).await {
            world.tally.find(format!("at another restaurant: {error:#}"));
        }
        world.pause(chance.ms(31_000, 50_000)).await;
    }
}

async fn evening(world: &World, slug: &str, chance: &mut Chance) -> anyhow::Result<()> {
    let from = chance.below(256) as u8;
    let path = format!("/restaurants/{slug}/board/live");
    let mut board = Connection::open(world, "board elsewhere", from, &path, None, false).await?;
    let mut tickets = Vec::new();
    for _ in 0..1 + chance.below(4) {
        let body = json!({ "line": "A", "adults": 2, "channel": "onsite" });
        let path = format!("/restaurants/{slug}/tickets");
        let ticket = world.act("join elsewhere", Caller::Guest(from), Method::POST, &path, Some(body), None).await;
        tickets.extend(ticket.and_then(|ticket| ticket["id"].as_str().map(str::to_owned)));
    }
    let last = tickets.last().context("nobody could join")?;
    let path = format!("/tickets/{last}/live");
    let mut phone = Connection::open(world, "phone elsewhere", from, &path, None, false).await?;
    let (mut board_seen, mut phone_seen) = (Seen::default(), Seen::default());
    for ticket in &tickets[..tickets.len() - 1] {
        world
            .act("cancel elsewhere", Caller::Guest(from), Method::DELETE, &format!("/tickets/{ticket}"), None, None)
            .await;
    }
    let until = Instant::now() + chance.ms(2_000, 8_000);
    loop {
        let heard = tokio::select! {
            heard = timeout_at(until, board.next(world)) => heard.map(|heard| (&mut board_seen, "board elsewhere", heard)),
            heard = timeout_at(until, phone.next(world)) => heard.map(|heard| (&mut phone_seen, "phone elsewhere", heard)),
        };
        match heard {
            Err(_) => break,
            Ok((seen, kind, Heard::Frame(frame))) => seen.take(world, kind, frame),
            Ok((_, _, Heard::Nothing)) => {}
            Ok((_, kind, Heard::Closed(code))) => anyhow::bail!("a {kind} was closed with {code:?}"),
            Ok((_, kind, Heard::Silence)) => anyhow::bail!("a {kind} heard nothing for too long"),
        }
    }
    ensure!(phone_seen.frame["ahead"] == 0, "everybody before has left: {}", phone_seen.frame["ahead"]);
    ensure!(board_seen.frame["lines"][0]["waiting"] == 1, "one waits: {}", board_seen.frame["lines"][0]["waiting"]);
    world.act("cancel elsewhere", Caller::Guest(from), Method::DELETE, &format!("/tickets/{last}"), None, None).await;
    board.cut();
    phone.leave().await;
    Ok(())
}
