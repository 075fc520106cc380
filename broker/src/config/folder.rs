//! Folders that are the server's own.
//!
//! Who may write to a folder may put other files in the place of ours: a database, a key.
//! So a folder that others write to is refused, as `ssh` does; and so is one that somebody
//! could move away, because a folder above it is theirs. Above, a group is let be: systems
//! have such folders (`/var/local`), and it takes root to be in their group.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use segura_model::{Class, Classify};

/// Others could change what is in a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is another user's.
    #[error(
        "{} belongs to another user (uid {owner}), who can change what is in it: it must be \
         root's or that of the server's user", .path.display()
    )]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Whose.
        owner: u32,
    },
    /// Others may write to it.
    #[error("others than its owner can write to {}: `chmod go-w` it", .0.display())]
    Shared(PathBuf),
    /// The system does not show it.
    #[error("cannot look at {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        reason: std::io::Error,
    },
}

impl Classify for FolderError {
    fn class(&self) -> Class {
        Class::bad_request("folder-unsafe")
    }
}

/// Refuse a folder that others could change, or could put another in the place of. Of one
/// that is yet to be made, those above it are looked at.
pub fn check_folder(folder: &Path) -> Result<(), FolderError> {
    let unreadable = |reason| FolderError::Unreadable { path: folder.to_owned(), reason };
    let folder = std::path::absolute(folder).map_err(unreadable)?;
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(&folder);
    let is_made = there == folder;
    let real = there.canonicalize().map_err(unreadable)?;
    for (height, path) in real.ancestors().enumerate() {
        let found = std::fs::metadata(path).map_err(unreadable)?;
        let place = if height == 0 && is_made { Place::Own } else { Place::Above };
        match judge(&found, rustix::process::geteuid().as_raw(), place) {
            Verdict::Fine => {}
            Verdict::Foreign(owner) => {
                return Err(FolderError::Foreign { path: path.to_owned(), owner });
            }
            Verdict::Shared => return Err(FolderError::Shared(path.to_owned())),
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Above the server's own.
    Above,
    /// The server's own.
    Own,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Foreign(u32),
    Shared,
}

fn judge(found: &Metadata, user: u32, place: Place) -> Verdict {
    judge_bits(found.uid(), found.mode(), user, place)
}

fn judge_bits(owner: u32, mode: u32, user: u32, place: Place) -> Verdict {
    let writers = match place {
        Place::Above => OTHERS,
        Place::Own => GROUP | OTHERS,
    };
    if owner != ROOT && owner != user {
        Verdict::Foreign(owner)
    } else if mode & writers != 0 && mode & STICKY == 0 {
        Verdict::Shared
    } else {
        Verdict::Fine
    }
}

const ROOT: u32 = 0;
const GROUP: u32 = 0o020;
const OTHERS: u32 = 0o002;
/// In such a folder everyone may make files, and remove their own alone: `/tmp`.
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_its_owners_alone() {
        const ME: u32 = 1000;
        for (owner, mode, own, above) in [
            (ME, 0o40700, Verdict::Fine, Verdict::Fine),
            (ME, 0o40755, Verdict::Fine, Verdict::Fine),
            (ROOT, 0o40755, Verdict::Fine, Verdict::Fine),
            (ROOT, 0o41777, Verdict::Fine, Verdict::Fine),
            (ME, 0o40775, Verdict::Shared, Verdict::Fine),
            (ROOT, 0o42775, Verdict::Shared, Verdict::Fine),
            (ME, 0o40777, Verdict::Shared, Verdict::Shared),
            (1001, 0o40700, Verdict::Foreign(1001), Verdict::Foreign(1001)),
            (1001, 0o41777, Verdict::Foreign(1001), Verdict::Foreign(1001)),
        ] {
            assert_eq!(judge_bits(owner, mode, ME, Place::Own), own, "{owner} {mode:o}");
            assert_eq!(judge_bits(owner, mode, ME, Place::Above), above, "{owner} {mode:o}");
        }
        assert_eq!(judge_bits(ME, 0o40755, ROOT, Place::Own), Verdict::Foreign(ME), "root is safe");
    }

    #[test]
    fn folders_above_count_and_so_does_where_a_link_leads() {
        let world = tempfile::tempdir().unwrap();
        let at = |name: &str| world.path().join(name);
        std::fs::create_dir_all(at("shared/data")).unwrap();
        mode(&at("shared/data"), 0o700);
        assert!(check_folder(&at("shared/data")).is_ok());
        assert!(check_folder(&at("shared/data/yet/to/be/made")).is_ok());
        mode(&at("shared"), 0o777);
        std::os::unix::fs::symlink(at("shared/data"), at("link")).unwrap();
        for path in ["shared", "shared/data", "shared/new", "link"] {
            let error = check_folder(&at(path)).unwrap_err();
            assert!(matches!(&error, FolderError::Shared(path) if path.ends_with("shared")));
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
        mode(&at("shared"), 0o1777);
        assert!(check_folder(&at("shared/data")).is_ok());
        mode(&at("shared/data"), 0o770);
        assert!(check_folder(&at("shared/data")).is_err());
    }
}
