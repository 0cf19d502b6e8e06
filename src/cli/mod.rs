//! Reading the command line and the `WAITLESS_*` variables, so that every problem is told at once.
//!
//! clap stops at the first value it cannot read. A person who sets up a server by variables would then mend them
//! one start at a time; so a bad variable is noted, taken away and reading goes on.

use std::path::PathBuf;

use clap::{
    Arg, CommandFactory as _, FromArgMatches as _, Id, Parser, Subcommand,
    builder::{OsStr, Resettable},
    error::{ContextKind, ContextValue, Error, ErrorKind},
};
use waitless::config::{Config, Settings};

pub(crate) mod dlq;

/// A real-time waiting line for restaurants.
#[derive(Parser, Debug)]
#[command(name = "waitless", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run one server against the Redis and PostgreSQL named by WAITLESS_REDIS_URL and WAITLESS_DATABASE_URL
    Serve {
        /// Share the port with other servers of this machine that say the same: a process holds about 20,000 screens,
        /// several hold more
        #[arg(long)]
        share_port: bool,
        /// Set by `waitless dev` alone, to its data folder: allows the demo accounts, and lets the next `dev` recognise
        /// a server that a killed one left behind.
        #[arg(long, hide = true, value_name = "DATA")]
        started_by_dev: Option<PathBuf>,
    },
    /// Run everything on this machine: a private Redis and PostgreSQL, the demo data, and a server
    Dev {
        /// Be reachable from the local network, for phones: the demo accounts get a password of this machine's own
        #[arg(long)]
        lan: bool,
    },
    /// Record what happens, without serving anybody: beside servers that run with WAITLESS_WORKER=off, or to share
    /// their work
    Worker,
    /// Open every restaurant whose live state Redis has lost, from the record; servers do so by themselves
    Rebuild,
    /// Look at entries of the event logs that were set aside, and record them after all or give them up; needs
    /// WAITLESS_DATABASE_URL alone
    Dlq {
        #[command(subcommand)]
        asked: dlq::Dlq,
    },
    /// Bring the schema of the PostgreSQL named by WAITLESS_DATABASE_URL up to date
    Migrate,
}

/// Settings that a subcommand reads, where these are few: its help shows no others.
const READ: [(&str, &[&str]); 4] = [
    ("worker", &["redis_url", "database_url", "secret", "keep_tickets_days", "log"]),
    ("rebuild", &["redis_url", "database_url", "secret", "log"]),
    ("dlq", &["database_url", "log"]),
    ("migrate", &["database_url", "log"]),
];

fn with_what_is_read(mut command: clap::Command) -> clap::Command {
    fn showing(command: clap::Command, read: &[&str]) -> clap::Command {
        let is_unread = |argument: &Arg| argument.is_global_set() && !read.contains(&argument.get_id().as_str());
        let command = command.mut_args(|argument| if is_unread(&argument) { argument.hide(true) } else { argument });
        command.mut_subcommands(|subcommand| showing(subcommand, read))
    }
    command.build(); // only then do subcommands have the settings
    command.mut_subcommands(|subcommand| match READ.iter().find(|(name, _)| *name == subcommand.get_name()) {
        Some((_, read)) => showing(subcommand, read),
        None => subcommand,
    })
}

/// Reads arguments and variables. Help, version and mistakes in the grammar are printed here, and end the process.
///
/// # Errors
/// Every value that cannot be used, one line each.
pub(crate) fn read() -> Result<Cli, Vec<String>> {
    let mut problems = Vec::new();
    // An empty variable counts as not set, as compose files and shells write them.
    let mut ignored: Vec<Id> = variables()
        .filter(|(_, name)| std::env::var_os(name).is_some_and(|v| v.is_empty()))
        .map(|(id, _)| id)
        .collect();
    loop {
        let command = with_what_is_read(ignored.iter().fold(Cli::command(), |command, id| {
            command.mut_arg(id, |argument| argument.env(Resettable::<OsStr>::Reset))
        }));
        let error = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
            Ok(cli) if problems.is_empty() => return Ok(cli),
            Ok(cli) => {
                if matches!(cli.command, Command::Serve { .. } | Command::Worker | Command::Rebuild) {
                    problems.extend(Config::from_settings(&cli.settings).err().unwrap_or_default());
                }
                return Err(problems);
            }
            Err(error) => error,
        };
        if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
            error.exit();
        }
        match variable_of(&error).filter(|(id, _)| !ignored.contains(id)) {
            Some((id, name)) => {
                problems.push(format!("{name}: {}", first_line(&error)));
                ignored.push(id);
            }
            None => {
                problems.push(first_line(&error));
                return Err(problems);
            }
        }
    }
}

/// Every argument that may also be a variable, with its name.
fn variables() -> impl Iterator<Item = (Id, String)> {
    let arguments: Vec<_> = Cli::command().get_arguments().cloned().collect();
    arguments
        .into_iter()
        .filter_map(|argument| Some((argument.get_id().clone(), argument.get_env()?.to_string_lossy().into_owned())))
}

/// The variable that held the refused value: none when it was given as a flag.
fn variable_of(error: &Error) -> Option<(Id, String)> {
    let Some(ContextValue::String(refused)) = error.get(ContextKind::InvalidArg) else { return None };
    let mut command = Cli::command();
    command.build(); // only then do arguments know how they are written
    let argument = command.get_arguments().find(|argument| argument.to_string() == *refused)?;
    let flag = format!("--{}", argument.get_long()?);
    let given = std::env::args().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
    let name = argument.get_env()?.to_string_lossy().into_owned();
    (!given && std::env::var_os(&name).is_some()).then(|| (argument.get_id().clone(), name))
}

fn first_line(error: &Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
