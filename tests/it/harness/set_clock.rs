//! A clock of a process that a test sets while it runs: what the process reads as the time of day is moved, time that
//! passes is not. A few lines of C stand before the C library (`set_clock.c`), compiled by the linker's own driver,
//! which is there wherever Rust builds.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    process::{Command, Stdio},
};

/// The clock; processes keep reading it while this is there.
pub struct SettableClock {
    folder: tempfile::TempDir,
    moved_s: File,
}

impl SettableClock {
    /// As the machine's.
    pub fn new() -> Self {
        let folder = super::dev::folder();
        let moved_s = File::options().read(true).write(true).create_new(true).open(folder.path().join("moved_s"));
        let moved_s = moved_s.expect("a file");
        moved_s.write_all_at(&0_i64.to_ne_bytes(), 0).expect("written");
        let library = folder.path().join("set_clock.so");
        let mut compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-x", "c", "-", "-o"])
            .arg(&library)
            .stdin(Stdio::piped())
            .spawn()
            .expect("cc is installed, as Rust needs it");
        let source = include_bytes!("set_clock.c");
        compiler.stdin.take().expect("piped").write_all(source).expect("read by the compiler");
        assert!(compiler.wait().expect("ends").success() && fs::exists(library).expect("a folder"), "cc compiles");
        Self { folder, moved_s }
    }

    /// Moves it by so many seconds from the machine's.
    pub fn set_s(&self, seconds: i64) {
        self.moved_s.write_all_at(&seconds.to_ne_bytes(), 0).expect("written");
    }

    /// What a process that goes by it is started with.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).to_str().expect("UTF-8").to_owned();
        [("LD_PRELOAD", path("set_clock.so")), ("SET_CLOCK_FILE", path("moved_s"))]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }
}
