//! The private Redis: on the loopback, with a password, and nothing acknowledged before it is on disk.
//!
//! It reads no configuration but the file written here, and `dir ./` is its working folder, so that no path, however
//! long or spaced, has to be quoted.

use std::{path::PathBuf, process::Command, time::Duration};

use nix::sys::signal::Signal;

use super::{child::Service, error::DevError, folder, folder::Folder, identity::Identity, port, programs::Programs};

/// A Redis that is configured and can be started.
pub(super) struct Redis {
    program: PathBuf,
    identity: Identity,
    home: PathBuf,
    client: redis::Client,
}

impl Redis {
    /// Chooses a port and a password, and writes the configuration and `redis.url`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn prepare(
        folder: &Folder,
        programs: &Programs,
        identity: &Identity,
    ) -> Result<(Self, String), DevError> {
        let home = identity.store().join("redis");
        identity.make_folder(&home)?;
        let port = port::choose(folder.former_port("redis"), &[])?;
        let password = folder::random_word();
        identity.write(&home.join("redis.conf"), &configuration(port, &password))?;
        let url = format!("redis://default:{password}@127.0.0.1:{port}/0");
        folder.write_private("redis.url", &format!("{url}\n"))?;
        let client =
            redis::Client::open(url.as_str()).map_err(|error| DevError::Failed(format!("redis.url: {error}")))?;
        Ok((Self { program: programs.redis_server.clone(), identity: identity.clone(), home, client }, url))
    }
}

/// `appendfsync always`: acknowledged means kept. `noeviction`: a full memory refuses writes, it never forgets a
/// ticket.
fn configuration(port: u16, password: &str) -> String {
    format!(
        "bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {password}\n\
         dir ./\nappendonly yes\nappendfsync always\nsave \"\"\nmaxmemory-policy noeviction\n\
         daemonize no\nlogfile \"\"\ntcp-keepalive 60\n"
    )
}

impl Service for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn command(&self) -> Command {
        let mut command = self.identity.command(&self.program, Signal::SIGTERM);
        command.arg("redis.conf").current_dir(&self.home);
        command
    }

    fn stop_signal(&self) -> Signal {
        Signal::SIGTERM
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(15)
    }

    /// A PONG to our password: neither a stranger on the port nor a Redis that still loads gives one.
    async fn is_ready(&self, _pid: u32) -> bool {
        let answer = async {
            let mut connection = self.client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").query_async::<String>(&mut connection).await
        };
        matches!(tokio::time::timeout(Duration::from_secs(1), answer).await, Ok(Ok(pong)) if pong == "PONG")
    }

    fn is_reason(&self, line: &str) -> bool {
        // Redis marks warnings and worse with `#`; the farewell is no reason.
        line.contains(" # ")
            && !line.contains("Redis is now ready to exit")
            && !line.contains("Configuration loaded")
            && !line.contains("overcommit_memory")
            && !line.contains("oO0OoO0OoO0Oo")
            && !line.contains("Redis version=")
    }
}
