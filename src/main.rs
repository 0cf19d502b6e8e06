//! The command line: what was asked for is started here, and what went wrong becomes an exit code.
//!
//! Exit codes: 0 stopped as asked, 1 failed while running, 2 bad configuration or a database of a newer WaitLess, 3 a
//! missing program, a busy port or an unusable folder. Every problem is one line on standard error: what to do.

use std::{net::TcpListener, process::ExitCode};

use tokio::runtime::{Builder, Runtime};
use waitless::{
    app,
    config::{Config, Secret, Settings},
    db::{self, SchemaMismatch},
    dev, listen, shutdown, telemetry,
};

mod cli;

use cli::{
    Command,
    dlq::{self, Dlq},
};

/// Measured, see docs/BENCHMARKS.md: about half the memory per idle screen of the system's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Why the process ends with something else than 0.
struct Ended {
    code: u8,
    lines: Vec<String>,
}

impl Ended {
    const FAILED: u8 = 1;
    const BAD_CONFIGURATION: u8 = 2;
    const UNUSABLE: u8 = 3;

    fn new(code: u8, line: impl Into<String>) -> Self {
        Self { code, lines: vec![line.into()] }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            for line in &ended.lines {
                eprintln!("waitless: {line}");
            }
            ExitCode::from(ended.code)
        }
    }
}

fn run() -> Result<(), Ended> {
    let cli = cli::read().map_err(|lines| Ended { code: Ended::BAD_CONFIGURATION, lines })?;
    let log_file = match &cli.command {
        Command::Serve { started_by_dev: Some(data), .. } => Some(dev::server_log(data)),
        _ => None,
    };
    telemetry::start(&cli.settings.log, log_file.as_deref())
        .map_err(|line| Ended::new(Ended::BAD_CONFIGURATION, line))?;
    match cli.command {
        Command::Serve { share_port, started_by_dev } => serve(&cli.settings, share_port, started_by_dev.is_some()),
        Command::Dev { lan } => supervise(&cli.settings, lan),
        Command::Worker => work(&cli.settings),
        Command::Rebuild => rebuild(&cli.settings),
        Command::Dlq { asked } => dead_letters(&cli.settings, asked),
        Command::Migrate => migrate(&cli.settings),
    }
}

fn serve(settings: &Settings, share_port: bool, dev: bool) -> Result<(), Ended> {
    let mut config =
        Config::from_settings(settings).map_err(|lines| Ended { code: Ended::BAD_CONFIGURATION, lines })?;
    config.dev = dev;
    waitless::serve::raise_open_files();
    let listener = listen::bind(config.listen, share_port).map_err(|line| Ended::new(Ended::UNUSABLE, line))?;
    runtime(Builder::new_multi_thread())?.block_on(serve_until_stopped(listener, config)).map_err(failed)
}

fn work(settings: &Settings) -> Result<(), Ended> {
    let config = Config::from_settings(settings).map_err(|lines| Ended { code: Ended::BAD_CONFIGURATION, lines })?;
    let until_stopped = async { app::work(&config, shutdown::requested()?).await };
    runtime(Builder::new_multi_thread())?.block_on(until_stopped).map_err(failed)
}

fn rebuild(settings: &Settings) -> Result<(), Ended> {
    let config = Config::from_settings(settings).map_err(|lines| Ended { code: Ended::BAD_CONFIGURATION, lines })?;
    let opened = runtime(Builder::new_multi_thread())?.block_on(app::rebuild(&config)).map_err(failed)?;
    println!("restaurants: {}, missing in Redis and open again: {}", opened.restaurants, opened.opened);
    Ok(())
}

async fn serve_until_stopped(listener: TcpListener, config: Config) -> anyhow::Result<()> {
    let stop = shutdown::requested()?;
    app::serve(tokio::net::TcpListener::from_std(listener)?, config, stop).await
}

fn supervise(settings: &Settings, lan: bool) -> Result<(), Ended> {
    // Invariant: one thread. Children ask the kernel for a signal when their parent *thread* ends.
    runtime(Builder::new_current_thread())?.block_on(dev::run(settings, lan)).map_err(|error| match error {
        dev::DevError::Configuration(lines) => Ended { code: Ended::BAD_CONFIGURATION, lines },
        dev::DevError::Unusable(line) => Ended::new(Ended::UNUSABLE, line),
        dev::DevError::Failed(line) => Ended::new(Ended::FAILED, line),
    })
}

fn dead_letters(settings: &Settings, asked: Dlq) -> Result<(), Ended> {
    let url = database_url(settings)?;
    let all_done = runtime(Builder::new_multi_thread())?
        .block_on(async { dlq::run(&db::Db::connect_lazy(url)?, asked).await })
        .map_err(failed)?;
    if all_done { Ok(()) } else { Err(Ended { code: Ended::FAILED, lines: Vec::new() }) }
}

fn database_url(settings: &Settings) -> Result<&Secret, Ended> {
    let missing = || Ended::new(Ended::BAD_CONFIGURATION, "WAITLESS_DATABASE_URL is not set");
    settings.database_url.as_ref().ok_or_else(missing)
}

fn migrate(settings: &Settings) -> Result<(), Ended> {
    let url = database_url(settings)?;
    runtime(Builder::new_multi_thread())?.block_on(db::migrate(url)).map_err(failed)
}

fn runtime(mut builder: Builder) -> Result<Runtime, Ended> {
    builder.enable_all().build().map_err(failed)
}

fn failed(error: impl Into<anyhow::Error>) -> Ended {
    let error = error.into();
    if app::is_unfit(&error) {
        return Ended::new(Ended::BAD_CONFIGURATION, format!("WAITLESS_REDIS_URL: {:#}", error));
    }
    let is_too_new = |cause: &db::DbError| matches!(cause, db::DbError::Schema(SchemaMismatch::Newer { .. }));
    if let Some(refused) = error.downcast_ref::<db::DbError>().filter(|cause| is_too_new(cause)) {
        return Ended::new(Ended::BAD_CONFIGURATION, refused.to_string());
    }
    Ended::new(Ended::FAILED, format!("{error:#}"))
}
