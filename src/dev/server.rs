//! The server child: this very program as `serve`, told by variables what it would be told anywhere else.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use nix::sys::signal::Signal;

use super::{child::Service, leftover, probe};
use crate::config::Config;

/// A server that can be started.
pub(super) struct Server {
    pub(super) program: PathBuf,
    pub(super) setpriv: PathBuf,
    pub(super) data: PathBuf,
    pub(super) log: String,
    pub(super) config: Config,
}

impl Server {
    /// `waitless <subcommand>` with the settings of this run.
    pub(super) fn command_of(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.setpriv);
        command.args(["--pdeathsig", "TERM", "--"]).arg(&self.program).arg(subcommand);
        let config = &self.config;
        let list = |values: Vec<String>| values.join(",");
        let switch = |on: bool| if on { "on" } else { "off" };
        let text_on_terminal = if self.speaks() && !self.log.contains("format=") { ",format=text" } else { "" };
        command
            .stdin(std::process::Stdio::null())
            .env("WAITLESS_LISTEN", config.listen.to_string())
            .env("WAITLESS_PUBLIC_URL", config.public_url.as_str())
            .env("WAITLESS_DATA", &self.data)
            .env("WAITLESS_REDIS_URL", config.redis_url.expose())
            .env("WAITLESS_DATABASE_URL", config.database_url.expose())
            .env("WAITLESS_SECRET", config.secret.expose())
            .env("WAITLESS_ORIGINS", list(config.origins.iter().map(ToString::to_string).collect()))
            .env("WAITLESS_TRUSTED_PROXIES", list(config.trusted_proxies.iter().map(ToString::to_string).collect()))
            .env("WAITLESS_WORKER", switch(config.worker))
            .env("WAITLESS_LIMITS", switch(config.limits))
            .env("WAITLESS_DRAIN_MS", config.drain.as_millis().to_string())
            .env("WAITLESS_LOG", format!("{}{text_on_terminal}", self.log));
        command
    }

    fn address(&self) -> SocketAddr {
        probe::reachable(self.config.listen)
    }
}

impl Service for Server {
    fn name(&self) -> &'static str {
        super::SERVER
    }

    fn command(&self) -> Command {
        let mut command = self.command_of("serve");
        command.arg(leftover::MARK).arg(&self.data);
        command
    }

    fn stop_signal(&self) -> Signal {
        Signal::SIGTERM
    }

    fn patience(&self) -> Duration {
        self.config.drain + Duration::from_secs(15)
    }

    /// Only on a terminal: a pipe that nobody reads would fill, and then the server would wait for it for ever.
    fn speaks(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    async fn is_ready(&self, _pid: u32) -> bool {
        probe::is_ready(self.address()).await
    }

    fn is_reason(&self, line: &str) -> bool {
        line.starts_with("waitless: ")
    }
}
