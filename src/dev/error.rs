//! What can keep `waitless dev` from running, sorted by the exit code it becomes.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

/// Why `waitless dev` ended by itself. Each text is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Settings that cannot be used, one line each: exit 2.
    #[error("{}", .0.join("; "))]
    Configuration(Vec<String>),
    /// A missing program, a busy port, an unusable folder: exit 3.
    #[error("{0}")]
    Unusable(String),
    /// Anything else: exit 1.
    #[error("{0}")]
    Failed(String),
}

impl DevError {
    /// An input or output error on `path`, in words that tell what to do.
    pub(super) fn folder(path: &Path, error: &io::Error) -> Self {
        let path = path.display();
        Self::Unusable(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!("the disk that holds {path} is full: free some space, then start again")
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                format!("{path} is not a folder: move it away, or choose a folder with --data or WAITLESS_DATA")
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                format!("{path} cannot be written ({error}): choose a folder of your own with --data or WAITLESS_DATA")
            }
            _ => format!("{path} cannot be used ({error}): choose another folder with --data or WAITLESS_DATA"),
        })
    }
}
