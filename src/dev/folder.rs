//! The data folder of `waitless dev`: who may use it, and the small files in it that others read.
//!
//! ```text
//! dev.lock                             held by the running `dev`
//! {dev,server,redis,postgres}.pid      who runs; gone after an orderly stop
//! {redis,postgres}.url                 how to reach the private servers, password included
//! {server,redis,postgres}.log          what they say (the server only when there is no terminal to say it to);
//!                                      .1, .2: what was set aside
//! secret                               the signing key, made once
//! demo-password                        of the demo accounts with `--lan`, made once
//! store/                               redis/ and postgres/: the data itself; elsewhere if it must be (identity.rs)
//! ```
//! Invariant: files that hold a secret are readable by their owner alone, from the moment they exist.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use super::{error::DevError, lan};
use crate::telemetry::log_file;

/// With less than this left a disk counts as full: Redis and PostgreSQL grow their logs by about as much at once.
const ROOM_MIN: u64 = 2 * 1024 * 1024;

/// The data folder, locked for this process.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be and locks it.
    ///
    /// # Errors
    /// When it cannot be used, or another `dev` uses it.
    pub(super) fn open(path: &Path) -> Result<Self, DevError> {
        let refused = |error: io::Error| DevError::folder(path, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
        let path = fs::canonicalize(path).map_err(refused)?;
        let lock_path = path.join("dev.lock");
        let lock = private().truncate(false).open(&lock_path).map_err(|error| DevError::folder(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(path.join("dev.pid")).unwrap_or_default();
                return Err(DevError::Unusable(format!(
                    "another `waitless dev` (pid {}) already uses {}: stop it, or choose another folder with --data or WAITLESS_DATA",
                    pid.trim(),
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(DevError::folder(&path, &error)),
        }
        let folder = Self { path, _lock: lock };
        folder.write_pid("dev", std::process::id()).map_err(|error| DevError::folder(&folder.path, &error))?;
        Ok(folder)
    }

    /// Absolute, without links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `<name>.pid`. It is overwritten in place, which a full disk allows.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn write_pid(&self, name: &str, pid: u32) -> io::Result<()> {
        let text = format!("{pid}\n");
        let mut file = private().truncate(false).open(self.path.join(format!("{name}.pid")))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }

    /// Forgets `<name>.pid` after an orderly end.
    pub(super) fn remove_pid(&self, name: &str) {
        // A file that cannot be removed only names a process that is gone, which the next start finds out.
        let _ = fs::remove_file(self.path.join(format!("{name}.pid")));
    }

    /// Writes a small file that only its owner can read.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn write_private(&self, name: &str, text: &str) -> Result<(), DevError> {
        write_private(&self.path.join(name), text).map_err(|error| DevError::folder(&self.path, &error))
    }

    /// The port that `<name>.url` names, from the former run: staying with it keeps a person's notes true.
    pub(super) fn former_port(&self, name: &str) -> Option<u16> {
        let text = fs::read_to_string(self.path.join(format!("{name}.url"))).ok()?;
        url::Url::parse(text.trim()).ok()?.port()
    }

    /// The signing key of this folder, made at its first start.
    ///
    /// # Errors
    /// When it can neither be read nor written.
    pub(super) fn secret(&self) -> Result<String, DevError> {
        match fs::read_to_string(self.path.join("secret")) {
            Ok(text) if text.trim().len() >= crate::config::SECRET_LEN_MIN => Ok(text.trim().to_owned()),
            _ => {
                let secret = random_word();
                self.write_private("secret", &format!("{secret}\n"))?;
                Ok(secret)
            }
        }
    }

    /// The password of the demo accounts for runs that others can reach, made at the first of them.
    ///
    /// # Errors
    /// When it can neither be read nor written.
    pub(super) fn demo_password(&self) -> Result<String, DevError> {
        match fs::read_to_string(self.path.join("demo-password")) {
            Ok(text) if lan::is_password(text.trim()) => Ok(text.trim().to_owned()),
            _ => {
                let password = lan::password();
                self.write_private("demo-password", &format!("{password}\n"))?;
                Ok(password)
            }
        }
    }

    /// Opens `<name>.log` for appending; a large one is set aside first.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn open_log(&self, name: &str) -> io::Result<File> {
        let path = self.log_path(name);
        if is_large(&path) {
            log_file::set_aside(&path, kept(name))?;
        }
        log_file::open(&path)
    }

    /// Empties `<name>.log` if it is large: for a child that does not set its log aside itself.
    pub(super) fn shorten_log(&self, name: &str) {
        let path = self.log_path(name);
        if is_large(&path) {
            // A disk that refuses is asked again.
            let _ = log_file::empty_aside(&path);
        }
    }

    /// Where the log of a child is.
    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        log_path(&self.path, name)
    }

    /// True when the disk has no room left for the data.
    pub(super) fn is_full(&self) -> bool {
        is_full(&self.path)
    }
}

/// Where the log of a child is, in the data folder.
pub(super) fn log_path(data: &Path, name: &str) -> PathBuf {
    data.join(format!("{name}.log"))
}

fn is_large(log: &Path) -> bool {
    fs::metadata(log).is_ok_and(|metadata| metadata.len() > log_file::LEN_MAX)
}

/// How many logs that were set aside are kept: of those that say little, one.
fn kept(name: &str) -> u32 {
    if name == super::SERVER { log_file::KEPT } else { 1 }
}

/// True when the disk that holds `path` has no room left.
pub(super) fn is_full(path: &Path) -> bool {
    statvfs(path).is_ok_and(|disk| {
        disk.blocks_available() * disk.fragment_size() < ROOM_MIN || disk.files_free() == 0 && disk.files() > 0
    })
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    private().truncate(true).open(path)?.write_all(text.as_bytes())
}

/// 64 hexadecimal digits that nobody can guess.
pub(super) fn random_word() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}
