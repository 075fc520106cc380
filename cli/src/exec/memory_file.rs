//! A file that exists in memory only, for `> NAME:file`.
//!
//! A memfd that this process keeps and never hands on, named by
//! `/proc/<this process>/fd/N`. It is sealed, only its owner may read it, it is on no
//! disk, and the kernel removes it with this process whatever ends that. Inheriting it
//! as `/proc/self/fd/N` would fail in programs that close what they inherit, and a
//! 0600 file in `/dev/shm` would outlive a SIGKILL
//! (`docs/adr/0005-secret-files-are-memfds.md`). The trap: the path needs this process
//! to stay dumpable, see [`super::process`].

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use segura_model::SecretText;

/// A file in memory. Gone when dropped.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: std::fs::File,
}

impl MemoryFile {
    /// Make one that holds `content`.
    #[cfg(target_os = "linux")]
    pub(crate) fn make(content: &SecretText) -> io::Result<Self> {
        use rustix::fs::{MemfdFlags, Mode, SealFlags, fchmod, fcntl_add_seals, memfd_create};

        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Never executable, where the kernel knows how (Linux 6.3).
        let made = memfd_create("segura", flags | MemfdFlags::NOEXEC_SEAL);
        let made = made.or_else(|_| memfd_create("segura", flags))?;

        let mut file = std::fs::File::from(made);
        fchmod(&file, Mode::RUSR)?;
        // EXPOSE: the file is where the user asked the value to go.
        file.write_all(content.expose().as_bytes())?;
        fcntl_add_seals(
            &file,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )?;
        Ok(Self { file })
    }

    /// There are no such files elsewhere.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn make(_: &SecretText) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "`NAME:file` needs Linux"))
    }

    /// Where every process of this user can read it while this process lives.
    pub(crate) fn path(&self) -> PathBuf {
        let (process, descriptor) = (std::process::id(), self.file.as_raw_fd());
        PathBuf::from(format!("/proc/{process}/fd/{descriptor}"))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_memory_file_reads_back_as_often_as_wanted() {
        let file = MemoryFile::make(&SecretText::new("hunter2\n")).unwrap();
        for _ in 0..2 {
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "hunter2\n");
        }
    }

    #[test]
    fn a_memory_file_is_its_owners_and_cannot_be_changed() {
        let file = MemoryFile::make(&SecretText::new("hunter2")).unwrap();
        let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
        // Even for root, whom the mode does not stop.
        let writable = std::fs::OpenOptions::new().write(true).open(file.path());
        assert!(writable.and_then(|mut file| file.write_all(b"x")).is_err());
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "hunter2");
    }

    #[test]
    fn a_memory_file_is_gone_when_dropped() {
        let file = MemoryFile::make(&SecretText::new("hunter2")).unwrap();
        let path = file.path();
        drop(file);
        // Another test of this process may have the number by now, with other content.
        assert!(std::fs::read_to_string(path).map_or(true, |text| text != "hunter2"));
    }
}
