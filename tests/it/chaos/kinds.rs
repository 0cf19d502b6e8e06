//! The kinds of faults. Each is forced, lasts, and is over: from then on it is measured.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand::{RngExt as _, rngs::StdRng};
use sqlx::Connection as _;

use super::house::{House, send};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ServerKilled,
    ServerFrozen,
    ServerRestarted,
    RedisKilled,
    RedisFrozen,
    PostgresKilled,
    PostgresFrozen,
    SupervisorKilled,
    Flushall,
    ScriptFlush,
    ClientsKilled,
    SubscribersKilled,
    Maxmemory,
    BusyScript,
    DiskFull,
    ConnectionsTerminated,
    TablesLocked,
}

use Kind::{
    BusyScript, ClientsKilled, ConnectionsTerminated, DiskFull, Flushall, Maxmemory, PostgresFrozen, PostgresKilled,
    RedisFrozen, RedisKilled, ScriptFlush, ServerFrozen, ServerKilled, ServerRestarted, SubscribersKilled,
    SupervisorKilled, TablesLocked,
};

pub const ALL: [Kind; 17] = [
    ServerKilled,
    ServerFrozen,
    ServerRestarted,
    RedisKilled,
    RedisFrozen,
    PostgresKilled,
    PostgresFrozen,
    SupervisorKilled,
    Flushall,
    ScriptFlush,
    ClientsKilled,
    SubscribersKilled,
    Maxmemory,
    BusyScript,
    DiskFull,
    ConnectionsTerminated,
    TablesLocked,
];

/// One of each sort, those that are soon over.
pub const A_FEW: [Kind; 5] = [ServerKilled, RedisKilled, Flushall, SubscribersKilled, ConnectionsTerminated];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            ServerKilled => "server killed",
            ServerFrozen => "server frozen",
            ServerRestarted => "server restarted in order",
            RedisKilled => "Redis killed",
            RedisFrozen => "Redis frozen",
            PostgresKilled => "PostgreSQL killed",
            PostgresFrozen => "PostgreSQL frozen",
            SupervisorKilled => "supervisor killed",
            Flushall => "FLUSHALL",
            ScriptFlush => "SCRIPT FLUSH",
            ClientsKilled => "CLIENT KILL normal",
            SubscribersKilled => "CLIENT KILL pubsub",
            Maxmemory => "maxmemory",
            BusyScript => "busy script",
            DiskFull => "disk full",
            ConnectionsTerminated => "connections terminated",
            TablesLocked => "tables locked",
        }
    }

    /// Plays it; answers when it was over. What kills is over at once.
    pub async fn play(self, house: &mut House, random: &mut StdRng) -> Instant {
        let mut frozen = async |house: &House, name| {
            let pids = house.signal(name, Signal::SIGSTOP);
            lasts(random.random_range(2.0..6.0)).await;
            send(&pids, Signal::SIGCONT);
        };
        let began = Instant::now();
        let kills = |house: &House, name, signal| {
            let _ = house.signal(name, signal);
            Instant::now()
        };
        match self {
            ServerKilled => return kills(house, "server", Signal::SIGKILL),
            RedisKilled => return kills(house, "redis", Signal::SIGKILL),
            PostgresKilled => return kills(house, "postgres", Signal::SIGKILL),
            ServerRestarted => house.signal_only("server", Signal::SIGTERM),
            ServerFrozen => frozen(house, "server").await,
            RedisFrozen => frozen(house, "redis").await,
            PostgresFrozen => frozen(house, "postgres").await,
            SupervisorKilled => {
                house.replace_supervisor();
                return began;
            }
            Flushall => house.redis(&["FLUSHALL"]).await,
            ScriptFlush => house.redis(&["SCRIPT", "FLUSH"]).await,
            ClientsKilled => house.redis(&["CLIENT", "KILL", "TYPE", "normal"]).await,
            SubscribersKilled => house.redis(&["CLIENT", "KILL", "TYPE", "pubsub"]).await,
            Maxmemory => {
                house.redis(&["CONFIG", "SET", "maxmemory", "1"]).await;
                lasts(3.0).await;
                house.redis(&["CONFIG", "SET", "maxmemory", "0"]).await;
            }
            BusyScript => {
                // Where the clock stands still for a script, it ends by counting.
                let script = "local function ms() local at = redis.call('TIME') return at[1] * 1000 + at[2] / 1000 end
                    local from, turns = ms(), 0
                    while ms() - from < 2000 and turns < 3000000 do turns = turns + 1 end
                    return turns";
                house.redis(&["EVAL", script, "0"]).await;
                println!("          the script took {:.1} s", began.elapsed().as_secs_f64());
            }
            DiskFull => {
                house.fill_disk();
                lasts(4.0).await;
                house.empty_disk();
            }
            ConnectionsTerminated => {
                let mut database = house.database().await;
                let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE pid <> pg_backend_pid() AND datname = current_database()";
                sqlx::query(terminate).execute(&mut database).await.expect("SQL");
            }
            TablesLocked => {
                let mut database = house.database().await;
                let mut locked = database.begin().await.expect("a transaction");
                sqlx::query("LOCK TABLE events, tickets IN ACCESS EXCLUSIVE MODE")
                    .execute(&mut *locked)
                    .await
                    .expect("locked");
                lasts(5.0).await;
                locked.rollback().await.expect("free again");
            }
        }
        Instant::now()
    }
}

/// A fault lasts, in seconds.
async fn lasts(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
