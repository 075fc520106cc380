//! Folders that are made for something, and go away again unless it comes about.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folders that were made on the way to one, that one first. Dropped, those that are
/// empty are removed.
#[must_use = "dropped, it removes them"]
pub struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    /// Make a folder of this mode, and those above it that are not there.
    pub fn make(folder: &Path, mode: u32) -> io::Result<Self> {
        let is_new = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let new = Self(folder.ancestors().take_while(is_new).map(Path::to_owned).collect());
        DirBuilder::new().recursive(true).mode(mode).create(folder)?;
        Ok(new)
    }

    /// They stay.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for NewFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // What has become somebody's is not empty, and stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_for_nothing_goes_and_what_was_there_or_is_used_stays() {
        let world = tempfile::tempdir().unwrap();
        let folder = world.path().join("a/b");
        drop(NewFolders::make(&folder, 0o700).unwrap());
        assert!(!world.path().join("a").exists() && world.path().exists());

        let new = NewFolders::make(&folder, 0o700).unwrap();
        std::fs::write(world.path().join("a/file"), "").unwrap();
        drop(new);
        assert!(!folder.exists() && world.path().join("a/file").exists());

        NewFolders::make(&folder, 0o700).unwrap().keep();
        drop(NewFolders::make(&folder, 0o700).unwrap());
        assert!(folder.exists(), "it was there before");
        std::fs::write(folder.join("file"), "").unwrap();
        assert!(NewFolders::make(&folder.join("file/c"), 0o700).is_err());
    }
}
