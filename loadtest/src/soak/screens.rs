//! Boards and consoles that come and go.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Duration, Instant, timeout_at};

use crate::chance::Chance;

use super::{
    mirror::Mirror,
    socket::{Connection, Heard, Seen},
    world::{Caller, Phase, World},
};

/// A screen at rest is compared so often before it counts as wrong.
const LOOKS: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Board,
    Console,
}

/// One after the other, until everybody leaves.
pub(super) async fn come_and_go(world: Arc<World>, kind: Kind, index: u64) {
    let mut chance = Chance::new(world.seed, 2_000_000 + index);
    while *world.phase.borrow() != Phase::Leave {
        watch(&world, kind, &mut chance).await;
        world.pause(chance.ms(200, 5_000)).await;
    }
}

async fn watch(world: &World, kind: Kind, chance: &mut Chance) {
    let (name, path, token) = match kind {
        Kind::Board => ("board", "/restaurants/demo/board/live", None),
        Kind::Console => ("console", "/restaurants/demo/console/live", Some(world.staff().await)),
    };
    let slow = chance.percent(25);
    let mut screen = match Connection::open(world, name, chance.below(256) as u8, path, token.as_deref(), slow).await {
        Ok(screen) => screen,
        Err(error) => return world.tally.find(format!("a {name} was not let in: {error:#}")),
    };
    let (mut seen, mut mirror) = (Seen::default(), Mirror::default());
    let until = Instant::now() + chance.ms(2_000, 25_000);
    let mut phase = world.phase.subscribe();
    loop {
        if slow && world.churning() && chance.percent(20) {
            world.pause(chance.ms(1_000, 12_000)).await;
            screen.forgive();
        }
        if chance.percent(2) {
            screen.resync().await;
        }
        let over = Instant::now() >= until && world.churning();
        let leaving = *world.phase.borrow() == Phase::Leave;
        if over || leaving {
            break;
        }
        let soon = Instant::now() + Duration::from_millis(500);
        let heard = tokio::select! {
            heard = timeout_at(soon, screen.next(world)) => heard,
            _ = phase.changed() => continue,
        };
        match heard {
            Err(_) | Ok(Heard::Nothing) => {}
            Ok(Heard::Frame(frame)) => {
                if kind == Kind::Console
                    && let Err(problem) = mirror.apply(&frame)
                {
                    world.tally.find(format!("a console: {problem}"));
                }
                if kind == Kind::Board {
                    compare_board(world, &frame);
                }
                seen.take(world, name, frame);
            }
            Ok(Heard::Closed(Some(4408))) if slow => return world.tally.count("connections", "closed as too slow"),
            Ok(Heard::Closed(code)) => return world.tally.find(format!("a {name} was closed with {code:?}")),
            Ok(Heard::Silence) => return world.tally.find(format!("a {name} heard nothing for too long")),
        }
    }
    if *world.phase.borrow() == Phase::Leave && !seen.frame.is_null() {
        last_look(world, kind, &mut screen, &mut seen, &mut mirror).await;
    }
    if chance.percent(50) { screen.leave().await } else { screen.cut() }
}

/// Nothing happens any more: the screen shows what the API says, once both know which undos have lapsed.
async fn last_look(world: &World, kind: Kind, screen: &mut Connection, seen: &mut Seen, mirror: &mut Mirror) {
    let path = if kind == Kind::Board { "/restaurants/demo/board" } else { "/restaurants/demo/queue" };
    let mut difference = None;
    for _ in 0..LOOKS {
        let said = world.act("look at all", Caller::Session(&world.staff().await), Method::GET, path, None, None).await;
        let Some(said) = said else { return };
        difference = match kind {
            Kind::Board => board_difference(&seen.frame, &said),
            Kind::Console => mirror.difference(&said),
        };
        if difference.is_none() {
            return world.tally.count("compared", "screens at rest");
        }
        let soon = Instant::now() + Duration::from_millis(300);
        while let Ok(Heard::Frame(frame)) = timeout_at(soon, screen.next(world)).await {
            // What cannot be shows as a difference.
            let _ = mirror.apply(&frame);
            seen.take(world, "screen", frame);
        }
    }
    world.tally.find(format!("a screen at rest: {}", difference.unwrap_or_default()));
}

/// A board says how many wait; so does what the auditor saw at that rev.
fn compare_board(world: &World, board: &Value) {
    let moments = world.moments();
    let Some(moment) = moments.get(&super::mirror::stamp(board)) else { return };
    world.tally.count("compared", "boards");
    for line in board["lines"].as_array().into_iter().flatten() {
        let letter = line["line"].as_str().unwrap_or_default();
        if moment.waiting.get(letter).copied() != line["waiting"].as_u64() {
            let known = moment.waiting.get(letter);
            world.tally.find(format!("a board says {} wait in {letter}, a console {known:?}", line["waiting"]));
        }
    }
}

fn board_difference(shown: &Value, said: &Value) -> Option<String> {
    let lines = |board: &Value| board["lines"].as_array().cloned().unwrap_or_default();
    for (shown, said) in lines(shown).iter().zip(&lines(said)) {
        for field in ["line", "state", "waiting", "onsite", "remote", "today", "next", "called", "recent", "missed"] {
            if shown[field] != said[field] {
                return Some(format!("{field} {} shown, {} said", shown[field], said[field]));
            }
        }
    }
    (lines(shown).len() != lines(said).len()).then(|| "another number of lines".to_owned())
}
