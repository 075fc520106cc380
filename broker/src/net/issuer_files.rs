//! Which files issuer entries may name: those in folders that the settings list.
//!
//! An entry comes in over HTTP, and what it names is read here and, of a token, sent to a
//! host that it names too. Without this an administrator could have any file of the server
//! sent anywhere. The written path is looked at when an entry is applied, for an answer in
//! time; where it truly leads, links and all, when it is read. Kubernetes' own folder is
//! links through and through (`token` → `..data/token`), and they stay inside.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use segura_model::IssuerEntry;

/// Folders whose files issuer entries may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerFiles(Vec<PathBuf>);

impl IssuerFiles {
    /// The files in these folders, and in folders within.
    pub const fn new(folders: Vec<PathBuf>) -> Self {
        Self(folders)
    }

    /// Why this entry names a file that it may not, if it does.
    pub fn refuse(&self, entry: &IssuerEntry) -> Result<(), OutsideFolders> {
        let outside = entry.keys.files().find(|(_, path)| !self.hold(path));
        outside.map_or(Ok(()), |(key, path)| {
            Err(OutsideFolders { key, path: path.to_owned(), folders: self.clone() })
        })
    }

    /// The file at this path, open to be read; an error if it leads outside, or to none.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        self.open_resolved(&self.resolve(path)?)
    }

    /// Whoever may write in a folder can put something else in its place meanwhile: a link
    /// is not followed, a pipe not waited for, and what counts in the end is where the open
    /// file is.
    fn open_resolved(&self, target: &Path) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(target, flags | OFlags::RDONLY, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        let place = format!("/proc/self/fd/{}", file.as_raw_fd());
        self.check(&std::fs::read_link(place)?)?;
        Ok(file)
    }

    /// Where this path truly leads; an error if that is outside.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let target = path.canonicalize()?;
        self.check(&target)?;
        Ok(target)
    }

    /// Whether a path without links is inside.
    fn check(&self, target: &Path) -> io::Result<()> {
        // A folder that is not there holds nothing.
        let folders = self.0.iter().filter_map(|folder| folder.canonicalize().ok());
        if within(folders, target) {
            return Ok(());
        }
        let reason = format!("it leads outside of `server.issuer_files` ({self})");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
    }

    fn hold(&self, path: &Path) -> bool {
        // `a/../b` begins like `a`, and what is read of it later tells whether it is there.
        let climbs = path.components().any(|part| part == Component::ParentDir);
        !climbs && within(self.0.iter(), path)
    }
}

impl fmt::Display for IssuerFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders: Vec<_> = self.0.iter().map(|folder| folder.display().to_string()).collect();
        f.write_str(&folders.join(", "))
    }
}

/// An entry names a file outside of the folders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{key}` is {}, and entries may only name files in {folders}: put it there, or list its \
     folder under `server.issuer_files` in the server's settings",
    .path.display()
)]
pub struct OutsideFolders {
    key: &'static str,
    path: PathBuf,
    folders: IssuerFiles,
}

fn within(mut folders: impl Iterator<Item = impl AsRef<Path>>, path: &Path) -> bool {
    folders.any(|folder| path != folder.as_ref() && path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_is_inside_or_not() {
        let files = IssuerFiles::new(vec!["/etc/segura/issuers".into(), "/run/token".into()]);
        for path in ["/etc/segura/issuers/a", "/etc/segura/issuers/a/b", "/run/token/ca.crt"] {
            assert!(files.hold(Path::new(path)), "{path}");
        }
        for path in ["/etc/segura/issuers", "/etc/segura/issuers-2/a", "/etc/shadow", "/"]
            .into_iter()
            .chain(["/etc/segura/issuers/../guard.key", "/etc/segura/issuers/a/../../b"])
        {
            assert!(!files.hold(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn links_count_by_where_they_lead() {
        let world = tempfile::tempdir().unwrap();
        let at = |name: &str| world.path().join(name);
        // As the kubelet lays out a projected volume.
        std::fs::create_dir_all(at("account/..2026_11_25")).unwrap();
        std::fs::write(at("account/..2026_11_25/token"), "t").unwrap();
        symlink("..2026_11_25", at("account/..data")).unwrap();
        symlink("..data/token", at("account/token")).unwrap();
        // The folder itself may be reached by a link: /var/run is one.
        symlink(at("account"), at("listed")).unwrap();
        std::fs::write(at("secret"), "s").unwrap();
        symlink(at("secret"), at("account/link")).unwrap();

        let files = IssuerFiles::new(vec![at("listed"), at("nowhere")]);
        let real = at("account").canonicalize().unwrap();
        assert_eq!(files.resolve(&at("listed/token")).unwrap(), real.join("..2026_11_25/token"));
        for outside in ["listed/link", "listed/../secret", "secret"] {
            let error = files.resolve(&at(outside)).unwrap_err().to_string();
            assert!(error.contains("server.issuer_files"), "{outside}: {error}");
        }
        assert!(files.resolve(&at("listed/missing")).is_err());
    }

    #[test]
    fn what_is_put_there_meanwhile_is_not_read() {
        let world = tempfile::tempdir().unwrap();
        let at = |name: &str| world.path().canonicalize().unwrap().join(name);
        for folder in ["listed/in", "other/in"] {
            std::fs::create_dir_all(at(folder)).unwrap();
            std::fs::write(at(folder).join("token"), folder).unwrap();
        }
        let files = IssuerFiles::new(vec![at("listed")]);
        let target = files.resolve(&at("listed/in/token")).unwrap();
        let read = || io::read_to_string(files.open_resolved(&target)?);
        assert_eq!(read().unwrap(), "listed/in");

        std::fs::remove_file(&target).unwrap();
        symlink(at("other/in/token"), &target).unwrap();
        assert!(read().is_err(), "a link");

        std::fs::remove_file(&target).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &target, fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(read().unwrap_err().to_string(), "it is no ordinary file");

        std::fs::rename(at("listed/in"), at("gone")).unwrap();
        symlink(at("other/in"), at("listed/in")).unwrap();
        let error = read().unwrap_err().to_string();
        assert!(error.contains("server.issuer_files"), "a folder that is a link: {error}");
    }
}
