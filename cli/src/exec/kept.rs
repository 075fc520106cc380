//! A session kept in a file, for later calls of the same job.
//!
//! Where a job has one identity token only, the session that it bought must outlive the
//! call that bought it. The file is the user's alone (0600, not a link), it is locked
//! while it is looked at, so that of two calls at once one spends the token and the
//! other finds the session, and a session of another broker in it is not used.
//! The end is for the step that comes last (`after_script`, a post step).

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;
use segura_model::{SecretText, SessionId, Timestamp, secret};
use segura_plugins::SessionPlace;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ExecError;

/// What the file holds.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The broker.
    pub(crate) url: String,
    /// The session's id.
    pub(crate) id: SessionId,
    /// Its token.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub(crate) token: SecretText,
    /// When it ends by itself.
    pub(crate) expires_at: Timestamp,
    /// Files with values that go when the session ends.
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
}

/// The file, open and locked until dropped.
pub(crate) struct KeptFile {
    file: File,
    path: PathBuf,
}

impl KeptFile {
    /// Open the file at `path`, or make it; another call of the job may hold it until `deadline`.
    pub(crate) fn open(path: &Path, deadline: Instant) -> Result<Self, ExecError> {
        Self::open_with(path, true, deadline)
            .map(|file| file.expect("a file that is made is there"))
    }

    /// Open the file at `path` if it is there.
    pub(crate) fn find(path: &Path, deadline: Instant) -> Result<Option<Self>, ExecError> {
        Self::open_with(path, false, deadline)
    }

    fn open_with(path: &Path, make: bool, deadline: Instant) -> Result<Option<Self>, ExecError> {
        let failed = |source| ExecError::SessionFile { path: path.to_owned(), source };
        loop {
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .create(make)
                .mode(0o600)
                .custom_flags(open_flags())
                .open(path);
            let file = match opened {
                Err(error) if error.kind() == ErrorKind::NotFound && !make => return Ok(None),
                opened => opened.map_err(failed)?,
            };
            // First whose it is: anybody can hold a lock on a file that he can read.
            if let Some(why) = fault(&file.metadata().map_err(failed)?) {
                return Err(ExecError::SessionFileUnsafe { path: path.to_owned(), why });
            }
            lock(&file, deadline).map_err(failed)?;
            // Whoever held the lock before may have removed it; what is there now?
            if file.metadata().map_err(failed)?.nlink() > 0 {
                return Ok(Some(Self { file, path: path.to_owned() }));
            }
        }
    }

    /// The session in it; one that cannot be read is none.
    pub(crate) fn read(&mut self) -> Option<Kept> {
        let mut text = Zeroizing::new(Vec::with_capacity(LIMIT));
        self.file.rewind().ok()?;
        (&mut self.file).take(LIMIT as u64).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Refuse a file that holds something else than a session: it was named by mistake,
    /// and would be overwritten or removed.
    pub(crate) fn refuse_others(&mut self) -> Result<(), ExecError> {
        let metadata = self.file.metadata().map_err(|source| self.failed(source))?;
        if metadata.len() == 0 || self.read().is_some() {
            return Ok(());
        }
        let why = "it holds something else: name another file";
        Err(ExecError::SessionFileUnsafe { path: self.path.clone(), why })
    }

    /// Keep this session, in place of any other.
    pub(crate) fn write(&mut self, kept: &Kept) -> Result<(), ExecError> {
        let text = Zeroizing::new(serde_json::to_vec(kept).expect("plain JSON"));
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(&text));
        written.map_err(|source| self.failed(source))
    }

    /// Remove the file.
    pub(crate) fn remove(self) -> Result<(), ExecError> {
        std::fs::remove_file(&self.path).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ExecError {
        ExecError::SessionFile { path: self.path.clone(), source }
    }
}

/// No link is followed, and nobody waits for the other end of a pipe.
fn open_flags() -> i32 {
    i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).expect("flags of open(2)")
}

/// Why no session may be kept in this file.
fn fault(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Some("it is no ordinary file");
    }
    if metadata.uid() != geteuid().as_raw() {
        return Some("it belongs to another user");
    }
    (metadata.mode() & 0o077 != 0).then_some("its mode must be 0600")
}

/// Lock the file when it is free, which must be before `deadline`.
fn lock(file: &File, deadline: Instant) -> io::Result<()> {
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(LOCK_PAUSE),
            Err(Errno::WOULDBLOCK) => {
                let held = "another call of this job has held it all the time";
                return Err(io::Error::new(ErrorKind::TimedOut, held));
            }
            locked => return locked.map_err(io::Error::from),
        }
    }
}

/// Where the sessions of a job with this broker are kept, the best place first.
pub(crate) fn paths(place: &SessionPlace, url: &str) -> Vec<PathBuf> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, url.as_bytes());
    let [a, b, c, d, ..] = digest.as_ref() else { unreachable!("a digest has 32 bytes") };
    let name = format!("segura-session-{}-{a:02x}{b:02x}{c:02x}{d:02x}", place.job);
    let folders = place.folders.iter().filter(|folder| folder.is_dir());
    folders.map(|folder| folder.join(&name)).collect()
}

/// A token, and the paths of the files of every export of a job.
const LIMIT: usize = 1 << 20;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{FileType, Mode};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn open(path: &Path) -> Result<KeptFile, ExecError> {
        KeptFile::open(path, soon())
    }

    fn find(path: &Path) -> Result<Option<KeptFile>, ExecError> {
        KeptFile::find(path, soon())
    }

    fn kept(url: &str) -> Kept {
        Kept {
            url: url.to_owned(),
            id: "01JDGW5E6Y3X9T2K8M4Q7R0BVC".parse().unwrap(),
            token: SecretText::new("sgr_x"),
            expires_at: Timestamp(1_795_521_600),
            files: vec!["/tmp/f".into()],
        }
    }

    #[test]
    fn a_kept_session_reads_back_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        assert!(find(&path).unwrap().is_none());

        let mut file = open(&path).unwrap();
        assert!(file.read().is_none());
        file.write(&kept("https://a-longer-name.example/")).unwrap();
        file.write(&kept("https://b.example/")).unwrap();
        drop(file);

        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut file = find(&path).unwrap().unwrap();
        let read = file.read().unwrap();
        assert_eq!((read.url.as_str(), read.token.expose()), ("https://b.example/", "sgr_x"));
        file.remove().unwrap();
        assert!(find(&path).unwrap().is_none());
    }

    #[test]
    fn a_file_that_others_could_have_made_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(open(&link), Err(ExecError::SessionFile { .. })));

        let unsafe_file =
            |path: &Path| matches!(open(path), Err(ExecError::SessionFileUnsafe { .. }));
        std::fs::set_permissions(&target, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(unsafe_file(&target));
        std::fs::set_permissions(&target, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::hard_link(&target, folder.path().join("hard")).unwrap();
        assert!(unsafe_file(&target));
    }

    #[test]
    fn a_file_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id_ed25519");
        std::fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let mut file = open(&path).unwrap();
        assert!(matches!(file.refuse_others(), Err(ExecError::SessionFileUnsafe { .. })));

        std::fs::write(&path, "").unwrap();
        file.refuse_others().unwrap();
        file.write(&kept("https://a.example/")).unwrap();
        file.refuse_others().unwrap();
    }

    #[test]
    fn of_two_calls_at_once_one_waits_for_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        let mut first = open(&path).unwrap();
        let second = std::thread::spawn({
            let path = path.clone();
            move || open(&path).unwrap().read().map(|kept| kept.url)
        });
        std::thread::sleep(3 * LOCK_PAUSE);
        assert!(!second.is_finished());
        first.write(&kept("https://a.example/")).unwrap();
        drop(first);
        assert_eq!(second.join().unwrap().as_deref(), Some("https://a.example/"));
    }

    #[test]
    fn whoever_holds_the_lock_for_ever_is_not_waited_for_as_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        let _first = open(&path).unwrap();
        let second = KeptFile::find(&path, Instant::now() + LOCK_PAUSE).err().unwrap();
        let ExecError::SessionFile { source, .. } = second else { panic!("{second}") };
        assert_eq!(source.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn nobody_else_can_make_a_job_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        let others = File::create(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        flock(&others, FlockOperation::LockShared).unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for path in [path, pipe] {
                sender.send(open(&path).err().unwrap()).unwrap();
            }
        });
        for why in ["its mode must be 0600", "it is no ordinary file"] {
            let refused = receiver.recv_timeout(Duration::from_secs(5)).unwrap().to_string();
            assert!(refused.ends_with(why), "{refused}");
        }
    }

    #[test]
    fn each_job_and_broker_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let place = |job: &str| SessionPlace {
            folders: vec!["/no/such/folder".into(), folder.path().to_owned()],
            job: job.to_owned(),
        };
        let all = [("1", "https://a/"), ("2", "https://a/"), ("1", "https://b/")];
        let paths: std::collections::BTreeSet<_> =
            all.iter().flat_map(|(job, url)| paths(&place(job), url)).collect();
        assert_eq!(paths.len(), 3, "{paths:?}");
    }
}
