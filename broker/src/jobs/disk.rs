//! Keeps an eye on free disk, so that the ledger never meets a full one.
//!
//! Below the bound exchanges stop with a clear error, and what is left is for operators,
//! who must be able to see and repair.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::Size;

/// What was seen last, and the bound.
#[derive(Debug)]
pub struct DiskGuard {
    /// `None` watches nothing: with PostgreSQL the disk that counts is elsewhere.
    path: Option<PathBuf>,
    least: Size,
    free: AtomicU64,
    /// The system does not say how much is free.
    is_blind: AtomicBool,
}

/// Less disk is free than the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server has {free} of disk left under `server.data_dir` and stops exchanges below {least} \
     (`limits.min_free_disk`): an operator must free disk there or give it more, and then \
     they go on"
)]
pub struct DiskLow {
    free: Size,
    least: Size,
}

impl DiskGuard {
    /// Watch the disk that holds this directory.
    pub fn watching(path: PathBuf, least: Size) -> Self {
        let guard = Self { path: Some(path), least, ..Self::idle() };
        guard.look();
        guard
    }

    /// Watch nothing.
    pub fn idle() -> Self {
        let (free, is_blind) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        Self { path: None, least: Size(0), free, is_blind }
    }

    /// Look how much is free.
    pub fn look(&self) {
        let Some(path) = &self.path else { return };
        match rustix::fs::statvfs(path) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                let before = self.free.swap(free, Ordering::Relaxed);
                match (before < self.least.0, free < self.least.0) {
                    (false, true) => {
                        let least = self.least.0;
                        tracing::error!(free, least, "disk is low: exchanges stop");
                    }
                    (true, false) => tracing::info!(free, "disk is free again: exchanges go on"),
                    _ => {}
                }
                if self.is_blind.swap(false, Ordering::Relaxed) {
                    tracing::info!(free, "how much disk is free can be seen again");
                }
            }
            Err(error) if !self.is_blind.swap(true, Ordering::Relaxed) => {
                tracing::error!(%error, "cannot see how much disk is free: what was seen last counts");
            }
            Err(_) => {}
        }
    }

    /// Whether the system does not say how much is free: what was seen last may be old, or
    /// nothing.
    pub fn is_blind(&self) -> bool {
        self.is_blind.load(Ordering::Relaxed)
    }

    /// Whether exchanges may go on.
    pub fn check(&self) -> Result<(), DiskLow> {
        let free = Size(self.free());
        if free < self.least { Err(DiskLow { free, least: self.least }) } else { Ok(()) }
    }

    /// Bytes free when last looked at.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_bound_exchanges_stop() {
        let path = std::env::temp_dir();
        assert_eq!(DiskGuard::watching(path.clone(), Size(0)).check(), Ok(()));
        let low = DiskGuard::watching(path, Size(u64::MAX - 1)).check().unwrap_err();
        let told = low.to_string();
        let bound = "(`limits.min_free_disk`)";
        for part in ["stops exchanges", bound, "`server.data_dir`", "an operator must"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(DiskGuard::idle().check(), Ok(()));
    }

    #[test]
    fn a_disk_that_cannot_be_seen_is_known_of_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let guard = DiskGuard::watching(path.clone(), Size(1));
        assert!(guard.is_blind());
        assert_eq!(guard.check(), Ok(()), "exchanges go on");
        std::fs::create_dir(path).unwrap();
        guard.look();
        assert!(!guard.is_blind());
        assert!(!DiskGuard::idle().is_blind());
    }
}
