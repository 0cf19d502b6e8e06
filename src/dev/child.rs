//! One supervised child: started, watched, started again when it dies, stopped when asked.
//!
//! Until a child is [`Keeper::settled`] its death is reported to whoever waits for it, since a first start that fails
//! will fail again. From then on it is started again for ever, ever more slowly, and said once per outage.
//!
//! Invariant: everything here runs on the main thread (see `main.rs`), so that children live as long as we do.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    process::{Command, ExitStatus, Stdio},
    rc::Rc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Child,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{folder::Folder, say};

const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// After so long a life the next death counts as a new outage.
const OUTAGE_OVER: Duration = Duration::from_secs(30);
/// A child that has worked for so long has recovered.
const STEADY: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(25);
/// As much of a log as is searched for the reason of a death.
const LOG_TAIL_LEN: u64 = 16 * 1024;

/// What is kept running.
pub(super) trait Service: 'static {
    /// Its name in messages and file names.
    fn name(&self) -> &'static str;
    /// The command line; standard output and error are set by the keeper.
    fn command(&self) -> Command;
    /// The signal that makes it stop in order.
    fn stop_signal(&self) -> Signal;
    /// How long it may take to stop.
    fn patience(&self) -> Duration;
    /// True when it talks to people on a terminal rather than to a log file.
    fn speaks(&self) -> bool {
        false
    }
    /// True once it does its work.
    fn is_ready(&self, pid: u32) -> impl Future<Output = bool>;
    /// Recognises the line of its log that says why it died.
    fn is_reason(&self, line: &str) -> bool;
}

/// A child and the task that keeps it.
pub(super) struct Keeper<S> {
    service: Rc<S>,
    stop: CancellationToken,
    settled: Rc<Cell<bool>>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum State {
    Runs(u32),
    /// Died before it was settled.
    Died {
        status: ExitStatus,
        reason: String,
    },
}

/// Why a first start failed.
pub(super) struct Failed {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// One line for people.
    pub(super) reason: String,
}

impl<S: Service> Keeper<S> {
    /// Starts the child and the task that watches it. Must be called inside a `LocalSet`.
    ///
    /// # Errors
    /// When it cannot be started at all.
    pub(super) fn start(service: S, folder: Rc<Folder>) -> io::Result<Self> {
        let service = Rc::new(service);
        let mut life = Life::begin(&*service, &folder)?;
        let (sender, state) = watch::channel(State::Runs(life.pid));
        let stop = CancellationToken::new();
        let settled = Rc::new(Cell::new(false));
        let task = tokio::task::spawn_local({
            let (service, stop, settled) = (Rc::clone(&service), stop.clone(), Rc::clone(&settled));
            async move {
                let status = tokio::select! {
                    status = life.child.wait() => status.unwrap_or_default(),
                    () = stop.cancelled() => return life.end(&*service, &folder).await,
                };
                if settled.get() {
                    restart_for_ever(&*service, &folder, life, status, &stop).await;
                } else {
                    folder.remove_pid(service.name());
                    let reason = life.reason(&*service, &folder, status);
                    let _ = sender.send(State::Died { status, reason });
                }
            }
        });
        Ok(Self { service, stop, settled, state, task })
    }

    /// Waits until the child does its work.
    ///
    /// # Errors
    /// When it died before that.
    pub(super) async fn ready(&mut self) -> Result<(), Failed> {
        let began = Instant::now();
        let mut said = false;
        loop {
            let state = self.state.borrow().clone();
            match state {
                State::Died { status, reason } => return Err(Failed { status, reason }),
                State::Runs(pid) if self.service.is_ready(pid).await => {
                    self.settled.set(true);
                    return Ok(());
                }
                State::Runs(_) => {}
            }
            if !said && began.elapsed() > Duration::from_secs(10) {
                said = true;
                say(&format!("{} takes long to start; still waiting", self.service.name()));
            }
            sleep(POLL).await;
        }
    }

    /// What is kept.
    pub(super) fn service(&self) -> &S {
        &self.service
    }

    /// Stops the child in order; returns when it is gone.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // The task neither panics nor is aborted; if it did, the child still dies with us.
        let _ = self.task.await;
    }
}

/// Restarts a settled child until `stop`.
async fn restart_for_ever(
    service: &impl Service,
    folder: &Folder,
    mut life: Life,
    mut status: ExitStatus,
    stop: &CancellationToken,
) {
    let mut backoff = BACKOFF_MIN;
    let mut said = String::new();
    loop {
        if life.began.elapsed() > OUTAGE_OVER {
            backoff = BACKOFF_MIN;
        }
        let reason = life.reason(service, folder, status);
        if reason != said {
            say(&format!("{reason}; starting it again"));
            said = reason;
        }
        life = loop {
            tokio::select! {
                () = sleep(backoff) => {}
                () = stop.cancelled() => return folder.remove_pid(service.name()),
            }
            backoff = (backoff * 2).min(BACKOFF_MAX);
            match Life::begin(service, folder) {
                Ok(life) => break life,
                Err(error) => {
                    let reason = format!("{} cannot be started: {error}", service.name());
                    if reason != said {
                        say(&format!("{reason}; trying again"));
                        said = reason;
                    }
                }
            }
        };
        let pid = life.pid;
        let steady = Cell::new(false);
        let recovered = async {
            while !service.is_ready(pid).await {
                sleep(POLL).await;
            }
            // With a full disk it may start and die over and over; only one that stays is worth a line.
            sleep(STEADY).await;
            say(&format!("{} runs again", service.name()));
            steady.set(true);
            std::future::pending::<()>().await;
        };
        status = tokio::select! {
            status = life.child.wait() => status.unwrap_or_default(),
            () = recovered => continue,
            () = stop.cancelled() => return life.end(service, folder).await,
        };
        if steady.get() {
            said.clear();
        }
    }
}

/// One run of the program.
struct Life {
    child: Child,
    pid: u32,
    began: Instant,
    /// Length of the log before this run.
    log_from: u64,
}

impl Life {
    fn begin(service: &impl Service, folder: &Folder) -> io::Result<Self> {
        let name = service.name();
        let mut command = service.command();
        let mut log_from = 0;
        if !service.speaks() {
            let log = folder.open_log(name)?;
            log_from = log.metadata()?.len();
            command.stdout(Stdio::from(log.try_clone()?)).stderr(log);
        }
        // A group of its own: Ctrl-C on the terminal reaches us alone, and we stop the children in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = tokio::process::Command::from(command).spawn()?;
        let pid = child.id().unwrap_or_default();
        if let Err(error) = folder.write_pid(name, pid) {
            say(&format!("{name}.pid cannot be written: {error}"));
        }
        Ok(Self { child, pid, began: Instant::now(), log_from })
    }

    async fn end(mut self, service: &impl Service, folder: &Folder) {
        for (signal, patience) in [
            (service.stop_signal(), service.patience()),
            (Signal::SIGQUIT, Duration::from_secs(5)),
            (Signal::SIGKILL, Duration::from_secs(5)),
        ] {
            // Invariant: the child is not waited for yet, so the pid is still its own.
            let _ = kill(Pid::from_raw(self.pid.cast_signed()), signal);
            if timeout(patience, self.child.wait()).await.is_ok() {
                break;
            }
            say(&format!("{} does not stop; insisting", service.name()));
        }
        folder.remove_pid(service.name());
    }

    /// Why this run ended, in one line without a full stop.
    fn reason(&self, service: &impl Service, folder: &Folder, status: ExitStatus) -> String {
        let name = service.name();
        let tail = self.log_tail(folder, name).unwrap_or_default();
        if folder.is_full() || tail.contains("No space left on device") {
            return format!(
                "{name} stopped because the disk that holds {} is full: free some space",
                folder.path().display()
            );
        }
        match tail.lines().rev().find(|line| service.is_reason(line)) {
            Some(line) => format!("{name} stopped ({}): {}", describe(status), line.trim()),
            None if service.speaks() => format!("{name} stopped ({})", describe(status)),
            None => format!("{name} stopped ({}), see {}", describe(status), folder.log_path(name).display()),
        }
    }

    fn log_tail(&self, folder: &Folder, name: &str) -> io::Result<String> {
        let mut log = File::open(folder.log_path(name))?;
        let len = fs::metadata(folder.log_path(name))?.len();
        // A log that is shorter than when this run began was set aside meanwhile.
        let from = if len < self.log_from { 0 } else { self.log_from };
        log.seek(SeekFrom::Start(from.max(len.saturating_sub(LOG_TAIL_LEN))))?;
        let mut tail = Vec::new();
        log.read_to_end(&mut tail)?;
        Ok(String::from_utf8_lossy(&tail).into_owned())
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), std::os::unix::process::ExitStatusExt::signal(&status)) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "for no known reason".to_owned(),
    }
}
