//! The scratch folder of a dev world: gone when the world ends, or at the next start.
//!
//! A world that is killed removes nothing, so each start sweeps what earlier ones left.
//! A folder is swept only if it is this user's, no link, and nobody holds its lock, which
//! the kernel takes back from a process that dies, however it dies.

use std::fs::{DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::geteuid;
use tempfile::TempDir;

/// A folder of this user's own, locked until dropped and then removed.
pub(super) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Sweep what killed worlds left in the system's temporary folder, and make one there.
    pub(super) fn make() -> io::Result<Self> {
        Self::make_in(&std::env::temp_dir())
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        sweep(parent, YOUNG);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = lock(folder.path())?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Remove the folders that killed worlds left. What cannot be removed stays: it hinders
/// nobody.
fn sweep(parent: &Path, young: Duration) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    let ours = |entry: &DirEntry| entry.file_name().to_string_lossy().starts_with(PREFIX);
    for entry in entries.flatten().filter(ours) {
        let _ = remove_stale(&entry.path(), young);
    }
}

fn remove_stale(path: &Path, young: Duration) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    let is_ours = metadata.is_dir() && metadata.uid() == geteuid().as_raw();
    // One that was made just now may not be locked yet.
    let age = metadata.modified()?.elapsed().unwrap_or_default();
    if !is_ours || age < young {
        return Ok(());
    }
    let _lock = lock(path)?;
    std::fs::remove_dir_all(path)
}

/// Lock the folder itself, if nobody has.
fn lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(open(path, flags, Mode::empty())?);
    flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

const PREFIX: &str = "segura-dev-";
const YOUNG: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_world_left_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = parent.path().join(name);
            std::fs::create_dir_all(path.join("world/data")).unwrap();
            path
        };
        let alive = Scratch::make_in(parent.path()).unwrap();
        let (stale, other) = (make("segura-dev-killed"), make("segura-other"));
        let link = parent.path().join("segura-dev-link");
        std::os::unix::fs::symlink(&other, &link).unwrap();

        sweep(parent.path(), YOUNG);
        assert!(stale.exists(), "it may be another start's that is not locked yet");
        sweep(parent.path(), Duration::ZERO);
        assert!(!stale.exists(), "nobody holds it");
        assert!(alive.path().exists(), "its world runs");
        assert!(link.exists() && other.join("world/data").exists(), "not ours to remove");

        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists(), "a world that ends leaves nothing");
    }
}
