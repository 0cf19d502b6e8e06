//! Restaurants of a load test, and who waits there.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use tokio::{process::Command, time::Instant};

use crate::api::{Api, stamp};

/// Restaurants that PostgreSQL has just been given are open after this, each.
const OPENING: Duration = Duration::from_secs(60);

/// So many are asked for at the same time.
const AT_ONCE: usize = 32;

/// A restaurant.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) slug: Arc<str>,
    /// What was last changed in it, as far as is known.
    pub(crate) stamp: (i64, i64),
}

/// Somebody who waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: Box<str>,
    pub(crate) shop: usize,
    pub(crate) line: u8,
}

/// The letter of a line: 0 is A.
pub(crate) fn letter(line: usize) -> u8 {
    b'A' + (line % 26) as u8
}

/// Puts restaurants into the database in one statement, as owners' sign-ups will, and waits until the server has opened
/// all of them.
pub(crate) async fn open(api: &Api, data: &Path, count: usize, lines: usize) -> anyhow::Result<Vec<Shop>> {
    let database = fs::read_to_string(data.join("postgres.url")).context("postgres.url of the data folder")?;
    ensure!((1..=26).contains(&lines), "a restaurant has 1 to 26 lines, not {lines}");
    let prefix = format!("load-{}-{}", std::process::id(), count);
    let sql = format!(
        "WITH made AS (INSERT INTO restaurants (slug, name, time_zone, currency, policy) \
         SELECT '{prefix}-' || n, 'Load', 'Asia/Seoul', 'KRW', '{{}}' FROM generate_series(0, {last}) n RETURNING id) \
         INSERT INTO lines (restaurant_id, letter, name, position) \
         SELECT id, chr(65 + line), 'Line ' || chr(65 + line), line FROM made, generate_series(0, {last_line}) line",
        last = count.saturating_sub(1),
        last_line = lines - 1,
    );
    let mut psql = Command::new("psql");
    psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", database.trim(), "-c", &sql]);
    let outcome = psql.output().await.context("psql")?;
    ensure!(outcome.status.success(), "psql: {}", String::from_utf8_lossy(&outcome.stderr));
    let slugs = (0..count).map(|index| format!("{prefix}-{index}"));
    stream::iter(slugs).map(|slug| opened(api, slug)).buffered(AT_ONCE).try_collect().await
}

/// 503 `restoring` until the server has loaded a restaurant that it has never heard of.
async fn opened(api: &Api, slug: String) -> anyhow::Result<Shop> {
    let until = Instant::now() + OPENING;
    loop {
        let (status, board) = api.try_ask(Method::GET, &format!("/restaurants/{slug}/board"), None).await?;
        if status == 200 {
            return Ok(Shop { slug: slug.into(), stamp: stamp(&board)? });
        }
        ensure!(Instant::now() < until, "{slug} was not opened: {status} {board}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `count` people join, spread over the shops and their lines, so that the lines of a shop are equally long.
pub(crate) async fn fill(api: &Api, shops: &mut [Shop], count: usize, lines: usize) -> anyhow::Result<Vec<Waiting>> {
    let len = shops.len();
    let joins = (0..count).map(|index| {
        let (shop, line) = (index % len, letter(index / len % lines));
        let slug = Arc::clone(&shops[shop].slug);
        async move {
            let ticket = api.join(&slug, &char::from(line).to_string()).await?;
            let id = ticket["id"].as_str().context("a ticket has an id")?.into();
            anyhow::Ok((Waiting { id, shop, line }, stamp(&ticket)?))
        }
    });
    let joined: Vec<_> = stream::iter(joins).buffered(AT_ONCE).try_collect().await?;
    for (waiting, stamp) in &joined {
        let known = shops.get_mut(waiting.shop).ok_or_else(|| anyhow!("Invariant: the shop is one of them"))?;
        known.stamp = known.stamp.max(*stamp);
    }
    Ok(joined.into_iter().map(|(waiting, _)| waiting).collect())
}
