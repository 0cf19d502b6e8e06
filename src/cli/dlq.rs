//! `waitless dlq`: entries of the event logs that were set aside are looked at, recorded after all, or given up.

use std::{fmt, str::FromStr};

use clap::{Args, Subcommand};
use waitless::{
    db::{
        Db, DbError,
        record::dead_letters::{self, Letter},
    },
    worker::recorder::replay::{self, Outcome},
};

#[derive(Subcommand, Debug)]
pub(crate) enum Dlq {
    /// List what lies there: where, since when, how many bytes, why
    List {
        /// Also what was replayed or discarded
        #[arg(long)]
        all: bool,
    },
    /// Show one entry as it is, and what can be read of it; it may hold names and phone numbers
    Show {
        /// As `list` shows it: partition/entry
        id: LetterId,
    },
    /// Read entries again and record them, each once; what newer events changed stays as it is
    Replay(Which),
    /// Give entries up: what they hold is erased
    Discard(Which),
    /// Delete what was replayed or discarded
    Purge,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// As `list` shows them: partition/entry
    ids: Vec<LetterId>,
    /// Everything that lies there
    #[arg(long)]
    all: bool,
}

/// Where an entry lay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LetterId {
    partition: u16,
    entry: String,
}

impl FromStr for LetterId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (partition, entry) = text.split_once('/').ok_or("not partition/entry, as in 17/1795334400000-0")?;
        let partition = partition.parse().map_err(|_| "a partition is a number from 0 to 95")?;
        Ok(Self { partition, entry: entry.to_owned() })
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.partition, self.entry)
    }
}

fn id_of(letter: &Letter) -> LetterId {
    LetterId { partition: letter.partition, entry: letter.entry.clone() }
}

/// Does it, and says on standard output what became of each entry; whether all was done that was asked for.
///
/// # Errors
/// When the schema is not the one that this program knows, or PostgreSQL does not answer.
pub(crate) async fn run(db: &Db, asked: Dlq) -> Result<bool, DbError> {
    db.check_schema().await?;
    match asked {
        Dlq::List { all } => {
            let letters = dead_letters::list(db, all).await?;
            for letter in &letters {
                let became: String = letter.outcome.iter().map(|outcome| format!("; {outcome}")).collect();
                let Letter { found_at, error, raw, .. } = letter;
                println!("{}  {found_at}  {} B  {error}{became}", id_of(letter), raw.len());
            }
            if letters.is_empty() {
                println!("nothing lies there");
            }
            Ok(true)
        }
        Dlq::Show { id } => {
            let letters = dead_letters::list(db, true).await?;
            let Some(letter) = letters.iter().find(|letter| id_of(letter) == id) else { return Ok(missing(&id)) };
            show(letter);
            Ok(true)
        }
        Dlq::Replay(which) => {
            let mut all_done = true;
            for (id, letter) in chosen(db, which, "replay").await? {
                let Some(letter) = letter else {
                    all_done = missing(&id);
                    continue;
                };
                match replay::replay(db, &letter).await? {
                    Outcome::Replayed => println!("{id}  replayed"),
                    Outcome::AlreadyRecorded => println!("{id}  already recorded"),
                    Outcome::Kept(why) => {
                        println!("{id}  kept: {why}");
                        all_done = false;
                    }
                }
            }
            Ok(all_done)
        }
        Dlq::Discard(which) => {
            let mut all_done = true;
            for (id, _) in chosen(db, which, "discard").await? {
                if dead_letters::discard(db, id.partition, &id.entry).await? {
                    println!("{id}  discarded");
                } else {
                    all_done = missing(&id);
                }
            }
            Ok(all_done)
        }
        Dlq::Purge => {
            println!("{} deleted", dead_letters::purge(db).await?);
            Ok(true)
        }
    }
}

fn missing(id: &LetterId) -> bool {
    println!("{id}  does not lie there");
    false
}

/// The entries that were named, oldest first in each partition, as the recorder would have met them. Says that there
/// is nothing `to_do` when there is none.
async fn chosen(db: &Db, which: Which, to_do: &str) -> Result<Vec<(LetterId, Option<Letter>)>, DbError> {
    let letters = dead_letters::list(db, false).await?;
    let unknown = which.ids.iter().filter(|id| letters.iter().all(|letter| id_of(letter) != **id));
    let unknown: Vec<_> = unknown.map(|id| (id.clone(), None)).collect();
    let known = letters.into_iter().map(|letter| (id_of(&letter), Some(letter)));
    let chosen: Vec<_> = known.filter(|(id, _)| which.all || which.ids.contains(id)).chain(unknown).collect();
    if chosen.is_empty() {
        println!("nothing to {to_do}");
    }
    Ok(chosen)
}

fn show(letter: &Letter) {
    println!("{}  set aside {}: {}", id_of(letter), letter.found_at, letter.error);
    if let Some(outcome) = &letter.outcome {
        println!("outcome: {outcome}");
    }
    if let Some(why) = letter.nothing() {
        println!("{why}");
        return;
    }
    match replay::event_of(letter) {
        Ok(event) => println!("{} epoch {} rev {}: {}", event.aggregate, event.epoch, event.rev, event.name),
        Err(why) => println!("cannot be read: {why}"),
    }
    println!("{}", letter.raw.escape_ascii());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_named_as_they_are_listed() {
        let id: LetterId = "17/1795334400000-3".parse().expect("an id");
        assert_eq!(id.to_string(), "17/1795334400000-3");
        for text in ["", "17", "x/1-0", "-1/1-0"] {
            assert!(text.parse::<LetterId>().is_err(), "{text}");
        }
    }
}
