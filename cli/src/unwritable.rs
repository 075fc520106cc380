//! What to do about a file or folder that cannot be written.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

/// What to do, if there is something to say.
pub(crate) fn hint(path: &Path, source: &Error) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|above| above.exists())?;
    let shown = there.display();
    if there != path && !there.is_dir() {
        // The system words this in several ways.
        return Some(format!("{shown} is no folder: name another place"));
    }
    Some(match source.kind() {
        ErrorKind::AlreadyExists => {
            format!("nothing is overwritten: remove {} or name another file", path.display())
        }
        ErrorKind::NotFound => "the folder is not there: make it first".to_owned(),
        ErrorKind::PermissionDenied => format!(
            "{shown} belongs to {}, and this runs as {}: let its owner run this, or give this \
             user the right to write there, or name another folder",
            user(there.metadata().ok()?.uid()),
            user(geteuid().as_raw())
        ),
        ErrorKind::ReadOnlyFilesystem => format!(
            "{shown}, which belongs to {}, is on a file system that is mounted read-only: mount \
             it for writing, or name another folder",
            user(there.metadata().ok()?.uid())
        ),
        ErrorKind::StorageFull => format!("the disk under {shown} is full: free some of it"),
        _ => return None,
    })
}

fn user(uid: u32) -> String {
    if uid == 0 { "root".to_owned() } else { format!("uid {uid}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_and_its_owner_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let owner = user(folder.path().metadata().unwrap().uid());
        let shown = folder.path().display();
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            let told = hint(&folder.path().join("a/b"), &kind.into()).unwrap();
            assert!(told.starts_with(&shown.to_string()) && told.contains("belongs to"), "{told}");
            assert!(told.contains(&owner) && !told.contains("a/b"), "{told}");
        }
        assert!(hint(folder.path(), &ErrorKind::Interrupted.into()).is_none());
    }
}
