//! One server for each SQLite data directory.
//!
//! An advisory lock of the kernel on a file beside the database: it goes with the
//! process, whatever kills it, so a stale file never blocks a start. The file holds the
//! process id only for the message; a second server would break the chain of the first.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::StoreError;

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

/// Take the lock that belongs to the database at `database`.
pub(crate) fn take(database: &Path) -> Result<DirectoryLock, StoreError> {
    let path = lock_path(database);
    let io = |source| StoreError::io(&path, source);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        // What is opened here is written to: never where somebody else's link leads.
        .custom_flags(NO_FOLLOW)
        .open(&path)
        .map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(StoreError::Locked { pid: holder(&mut file), lock: path });
        }
        Err(error) => return Err(io(error.into())),
    }
    file.set_len(0).map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    file.flush().map_err(io)?;
    Ok(DirectoryLock { _file: file })
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Who holds it, as far as the file tells; it may be read before the holder wrote it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("segura.db");
        let held = take(&database).unwrap();
        match take(&database) {
            Err(StoreError::Locked { pid, .. }) => {
                assert_eq!(pid, std::process::id().to_string());
            }
            other => panic!("the lock was given twice: {other:?}"),
        }
        drop(held);
        take(&database).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("segura.db");
        let precious = directory.path().join("precious");
        std::fs::write(&precious, "kept").unwrap();
        std::os::unix::fs::symlink(&precious, lock_path(&database)).unwrap();
        assert!(take(&database).is_err());
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "kept");
    }
}
