//! A log file that is set aside when it is large, also while it is written to.
//!
//! `server.log` becomes `server.log.1`, that becomes `server.log.2`, and what was that goes. Whoever writes meanwhile
//! by other ways than [`Writer`], as a panic does, writes to the old file or to the new one: nothing is lost.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// A file that would become larger is set aside.
pub const LEN_MAX: u64 = 8 << 20;

/// So many that were set aside are kept of the server's log.
pub const KEPT: u32 = 2;

/// Opens a log for appending, readable by its owner alone.
///
/// # Errors
/// When the disk refuses.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Gives a log another name; so many others are kept.
///
/// # Errors
/// When the disk refuses. Nothing was deleted then.
pub fn set_aside(path: &Path, kept: u32) -> io::Result<()> {
    for nth in (1..kept).rev() {
        match fs::rename(older(path, nth), older(path, nth + 1)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    fs::rename(path, older(path, 1))
}

/// The same for a log that others hold open and go on appending to: what it holds goes, into one that is kept. A line
/// that is written in the very moment may be lost.
///
/// # Errors
/// When the disk refuses.
pub fn empty_aside(path: &Path) -> io::Result<()> {
    fs::copy(path, older(path, 1))?;
    OpenOptions::new().write(true).open(path)?.set_len(0)
}

/// The name of a log that was set aside.
fn older(path: &Path, nth: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{nth}"));
    name.into()
}

/// Writes to standard error, which is a log file.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    len: u64,
    len_max: u64,
}

impl Writer {
    /// `None`: standard error is something else than this file.
    #[must_use]
    pub fn of_standard_error(path: &Path) -> Option<Self> {
        let here = nix::sys::stat::fstat(io::stderr()).ok()?;
        let file = fs::metadata(path).ok()?;
        let same = (here.st_dev, here.st_ino) == (file.dev(), file.ino());
        same.then(|| Self { path: path.to_owned(), len: file.len(), len_max: LEN_MAX })
    }

    fn switch(&self) -> io::Result<()> {
        set_aside(&self.path, KEPT)?;
        nix::unistd::dup2_stderr(open(&self.path)?)?;
        Ok(())
    }
}

impl Write for Writer {
    /// A line is written at once, so none is torn between two files.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.len + line.len() as u64 > self.len_max {
            // A disk that refuses is tried again after as much again.
            let _ = self.switch();
            self.len = 0;
        }
        let len = io::stderr().write(line)?;
        self.len += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_the_order_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server.log");
        for text in ["first", "second", "third"] {
            fs::write(&path, text).expect("written");
            set_aside(&path, 2).expect("set aside");
        }
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(older(&path, 1)).expect("kept"), "third");
        assert_eq!(fs::read_to_string(older(&path, 2)).expect("kept"), "second");
        assert!(!older(&path, 3).exists());
    }

    #[test]
    fn what_others_append_to_is_emptied_and_they_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("postgres.log");
        let mut other = open(&path).expect("opened");
        other.write_all(b"before").expect("written");
        empty_aside(&path).expect("emptied");
        other.write_all(b"after").expect("written");
        assert_eq!(fs::read_to_string(older(&path, 1)).expect("kept"), "before");
        assert_eq!(fs::read_to_string(&path).expect("there"), "after");
    }

    #[test]
    fn standard_error_that_is_another_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server.log");
        fs::write(&path, "").expect("written");
        assert!(Writer::of_standard_error(&path).is_none());
    }
}
