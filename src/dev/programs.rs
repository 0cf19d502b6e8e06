//! Finding the programs that `waitless dev` runs, and telling which Debian package brings a missing one.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::error::DevError;

/// Where Debian and Ubuntu keep PostgreSQL, one folder per major version; it is not on the PATH there.
const POSTGRES_HOME: &str = "/usr/lib/postgresql";

/// Paths of all programs needed.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) redis_server: PathBuf,
    /// The folder with `initdb` and `postgres` of one version.
    pub(super) postgres: PathBuf,
    /// Runs a program that gets a signal when its parent dies.
    pub(super) setpriv: PathBuf,
    /// Runs a program in a user namespace of its own.
    pub(super) unshare: PathBuf,
}

impl Programs {
    /// Looks for everything; `postgres_major` is the version that existing data needs.
    ///
    /// # Errors
    /// One line that names all that is missing, and the packages.
    pub(super) fn find(postgres_major: Option<&str>) -> Result<Self, DevError> {
        let redis_server = on_path("redis-server");
        let postgres = newest_postgres(postgres_major);
        let setpriv = on_path("setpriv");
        let unshare = on_path("unshare");
        match (redis_server, postgres, setpriv, unshare) {
            (Some(redis_server), Some(postgres), Some(setpriv), Some(unshare)) => {
                Ok(Self { redis_server, postgres, setpriv, unshare })
            }
            (redis_server, postgres, setpriv, unshare) => {
                let postgres_package =
                    postgres_major.map_or("postgresql".to_owned(), |major| format!("postgresql-{major}"));
                let missing = [
                    (redis_server.is_none(), "redis-server", "redis-server"),
                    (postgres.is_none(), "postgres", postgres_package.as_str()),
                    (setpriv.is_none(), "setpriv", "util-linux"),
                    (unshare.is_none(), "unshare", "util-linux"),
                ];
                Err(DevError::Unusable(missing_line(missing.into_iter().filter(|(is_missing, ..)| *is_missing))))
            }
        }
    }
}

fn missing_line<'a>(missing: impl Iterator<Item = (bool, &'a str, &'a str)>) -> String {
    let (mut programs, mut packages) = (Vec::new(), Vec::new());
    for (_, program, package) in missing {
        programs.push(program);
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    format!("missing program: {}; `apt-get install {}` brings what is needed", programs.join(", "), packages.join(" "))
}

/// The first executable of that name on the PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_executable(path))
}

/// The folder of the newest PostgreSQL, or of exactly `major`.
fn newest_postgres(major: Option<&str>) -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(POSTGRES_HOME)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    found.sort_unstable();
    let elsewhere = on_path("pg_config").and_then(|pg_config| {
        let output = Command::new(pg_config).arg("--bindir").output().ok()?;
        Some(PathBuf::from(std::str::from_utf8(&output.stdout).ok()?.trim()))
    });
    let beside_initdb = on_path("initdb").and_then(|initdb| Some(initdb.parent()?.to_owned()));
    found
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(elsewhere)
        .chain(beside_initdb)
        .filter(|folder| is_executable(folder.join("initdb")) && is_executable(folder.join("postgres")))
        .find(|folder| major.is_none_or(|major| is_version(&folder.join("postgres"), major)))
}

fn is_version(postgres: &Path, major: &str) -> bool {
    let Ok(output) = Command::new(postgres).arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout); // e.g. postgres (PostgreSQL) 15.18 (Debian …)
    text.split_whitespace().nth(2).is_some_and(|version| version.split('.').next() == Some(major))
}

fn is_executable(path: impl AsRef<OsStr>) -> bool {
    fs::metadata(Path::new(path.as_ref()))
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
