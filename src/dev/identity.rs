//! As whom the private Redis and PostgreSQL run, and where their data lies.
//!
//! PostgreSQL refuses to run as root, and another user may not be able to enter the folder of a clone (a 0700 home).
//! Three ways, the first that works is taken:
//! 1. not root: as ourselves;
//! 2. root, or somebody without a name (which PostgreSQL refuses as well): still the same user to the disk, but
//!    unprivileged and not called root, in a user namespace of its own. Process ids and signals are as ever, and the
//!    data stays in the data folder, removed with it;
//! 3. root where user namespaces are forbidden (some containers), or in somebody else's private folder: as the user
//!    `postgres`, with the data under /var/lib/waitless and `store` as a link to it.
//!
//! Once `store` is a link it stays one.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::Signal,
    unistd::{User, geteuid},
};

use super::{error::DevError, folder, folder::Folder, programs::Programs};

/// Where data goes that cannot stay in the data folder.
const ELSEWHERE: &str = "/var/lib/waitless";

/// A way to run a program without privileges, and a folder it can write.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    setpriv: PathBuf,
    prefix: Vec<OsString>,
    /// The user that files must belong to, if not ourselves.
    owner: Option<User>,
    store: PathBuf,
}

impl Identity {
    /// Chooses the way and makes the store.
    ///
    /// # Errors
    /// When there is no way, or the folder cannot be written.
    pub(super) fn choose(folder: &Folder, programs: &Programs) -> Result<Self, DevError> {
        let link = folder.path().join("store");
        let ourselves =
            Self { setpriv: programs.setpriv.clone(), prefix: Vec::new(), owner: None, store: link.clone() };
        if link.is_symlink() {
            return ourselves.elsewhere(&link);
        }
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(&link) {
            return Err(DevError::folder(&link, &error));
        }
        let has_name = User::from_uid(geteuid()).is_ok_and(|user| user.is_some());
        if !geteuid().is_root() && has_name {
            return Ok(ourselves);
        }
        let prefix = std::iter::once(programs.unshare.clone().into()).chain(namespace()).collect();
        let unprivileged = Self { prefix, ..ourselves.clone() };
        if unprivileged.can_write_store() {
            return Ok(unprivileged);
        }
        if !geteuid().is_root() {
            return Err(DevError::Unusable(format!(
                "PostgreSQL refuses to run as user {}, who has no name in /etc/passwd: run as another user",
                geteuid()
            )));
        }
        let is_empty = fs::read_dir(&link).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty {
            return Err(DevError::Unusable(format!(
                "{} cannot be used by an unprivileged process: it was made by somebody else; move it away to start afresh",
                link.display()
            )));
        }
        fs::remove_dir(&link).map_err(|error| DevError::folder(&link, &error))?;
        ourselves.elsewhere(&link)
    }

    /// The folder for the data, without links.
    pub(super) fn store(&self) -> &Path {
        &self.store
    }

    /// A command line that runs `program` as this identity, and gives it `signal` when we die.
    pub(super) fn command(&self, program: &Path, signal: Signal) -> Command {
        // Invariant: setpriv stands last. The kernel forgets the wish for a signal when a process changes identity.
        let mut words = self.prefix.clone();
        words.push(self.setpriv.clone().into());
        words.extend(["--pdeathsig", signal.as_str().trim_start_matches("SIG"), "--"].map(OsString::from));
        words.push(program.into());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Makes a folder inside the store that the children can write.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), DevError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .and_then(|()| self.hand_over(path))
            .map_err(|error| DevError::folder(path, &error))
    }

    /// Writes a small file inside the store that the children can read, and nobody else.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), DevError> {
        folder::write_private(path, text)
            .and_then(|()| self.hand_over(path))
            .map_err(|error| DevError::folder(path, &error))
    }

    fn hand_over(&self, path: &Path) -> std::io::Result<()> {
        match &self.owner {
            Some(user) => chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())),
            None => Ok(()),
        }
    }

    fn can_write_store(&self) -> bool {
        let mut command = self.command(Path::new("/bin/sh"), Signal::SIGTERM);
        command.args(["-c", "cd \"$0\" && test -w ."]).arg(&self.store).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// The third way: as `postgres`, in a folder that this user can enter.
    fn elsewhere(mut self, link: &Path) -> Result<Self, DevError> {
        let Ok(Some(user)) = User::from_name("postgres") else {
            return Err(DevError::Unusable(
                "root cannot run PostgreSQL here: user namespaces are forbidden and there is no user `postgres`; run as another user"
                    .to_owned(),
            ));
        };
        let (uid, gid) = (user.uid, user.gid);
        self.owner = Some(user);
        if !link.is_symlink() {
            let target = Path::new(ELSEWHERE).join(&folder::random_word()[..16]);
            fs::create_dir_all(ELSEWHERE).map_err(|error| DevError::folder(Path::new(ELSEWHERE), &error))?;
            self.make_folder(&target)?;
            symlink(&target, link).map_err(|error| DevError::folder(link, &error))?;
        }
        self.store = fs::canonicalize(link).map_err(|_| {
            DevError::Unusable(format!(
                "{} points to a folder that is gone: remove the link to start afresh",
                link.display()
            ))
        })?;
        if geteuid().is_root() {
            let words =
                [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned(), "--".to_owned()];
            self.prefix = std::iter::once(self.setpriv.clone().into()).chain(words.map(OsString::from)).collect();
        } else {
            self.owner = None;
        }
        if !self.can_write_store() {
            return Err(DevError::Unusable(format!(
                "{} cannot be written: run as root, or remove {} to start afresh",
                self.store.display(),
                link.display()
            )));
        }
        Ok(self)
    }
}

/// Arguments of `unshare`. The user we are called inside must have a name, or PostgreSQL refuses to run.
fn namespace() -> [OsString; 4] {
    let named = ["postgres", "daemon", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    let (uid, gid) = named.map_or((1, 1), |user| (user.uid.as_raw(), user.gid.as_raw()));
    ["--user".to_owned(), format!("--map-user={uid}"), format!("--map-group={gid}"), "--".to_owned()]
        .map(OsString::from)
}
