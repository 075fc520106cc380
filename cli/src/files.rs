//! Files and standard input, read within bounds; private files, written 0600.
//!
//! `-` is standard input wherever a file is read. A private file is made with its
//! mode from the first byte on, never made and then narrowed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use segura_model::{SecretBytes, SecretText};
use segura_vault::{OPERATOR_TOKEN_PREFIX, SESSION_TOKEN_PREFIX};

use crate::error::CliError;
use crate::print;

/// Read a file whole, at most `limit` bytes of it.
pub(crate) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(CliError::FileTooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A file's name for a message: `-` is standard input.
pub(crate) fn shown(path: &Path) -> std::path::Display<'_> {
    let path = if path.as_os_str() == "-" { Path::new("standard input") } else { path };
    path.display()
}

/// Read a file as text.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, CliError> {
    String::from_utf8(read_bytes(path, limit)?)
        .map_err(|_| CliError::NotText { path: path.to_owned() })
}

/// Read a secret, as it is: a final line break belongs to it.
pub(crate) fn read_secret(path: &Path, limit: u64) -> Result<SecretText, CliError> {
    SecretBytes::new(read_bytes(path, limit)?)
        .into_text()
        .ok_or_else(|| CliError::NotText { path: path.to_owned() })
}

/// Read a token: white space around it is not part of it.
pub(crate) fn read_token(path: &Path) -> Result<SecretText, CliError> {
    let text = read_secret(path, TOKEN_LIMIT)?;
    // EXPOSE: only to cut the line break that editors and `echo` add.
    let token = SecretText::new(text.expose().trim());
    if token.is_empty() { Err(CliError::EmptyToken { path: path.to_owned() }) } else { Ok(token) }
}

/// Read an operator's credential. What is something else is not sent to a broker.
pub(crate) fn read_operator_token(path: &Path) -> Result<SecretText, CliError> {
    let token = read_token(path)?;
    check_operator_token(&token, path)?;
    if is_exposed(path) {
        print::warning(&format!(
            "others than its owner can read or change {}: `chmod 600` it",
            path.display()
        ));
    }
    Ok(token)
}

/// Whether everybody on the machine may read or write a file, or its group may write it. Told
/// and not refused: Kubernetes mounts secrets so, in containers with nobody else in them.
fn is_exposed(path: &Path) -> bool {
    let found = std::fs::metadata(path);
    path.as_os_str() != "-"
        && found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o027 != 0)
}

/// Whether a text from this place can be an operator's credential.
pub(crate) fn check_operator_token(token: &SecretText, path: &Path) -> Result<(), CliError> {
    // EXPOSE: only to look at the shape.
    let text = token.expose();
    let why = if text.contains(|c: char| c.is_whitespace() || !c.is_ascii()) {
        "it has spaces, line breaks or characters outside ASCII"
    } else if text.starts_with("eyJ") {
        "it is an identity token, which a job presents"
    } else if text.starts_with(SESSION_TOKEN_PREFIX) {
        "it is a session's token, which a job presents"
    } else if !text.starts_with(OPERATOR_TOKEN_PREFIX) {
        "it does not begin with `sgo_`"
    } else {
        return Ok(());
    };
    Err(CliError::NotAnOperator { path: path.to_owned(), why })
}

/// Make a file that only its owner reads. An existing one is never overwritten.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> Result<(), CliError> {
    Reserved::new(path)?.fill(content).map(drop)
}

/// Replace a private file as one step: whole new content, or the old.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside: PathBuf = path.with_file_name(name);
    create_private(&beside, content)?;
    std::fs::rename(&beside, path).map_err(|source| {
        // Leave no second copy of a credential behind.
        let _ = std::fs::remove_file(&beside);
        CliError::Write { path: path.to_owned(), source }
    })
}

/// A private file that is made already, and gets its content later; removed if it never
/// does.
pub(crate) struct Reserved {
    path: PathBuf,
    file: Option<File>,
}

impl Reserved {
    /// Make the file, mode 0600. An existing one is never overwritten.
    pub(crate) fn new(path: &Path) -> Result<Self, CliError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match file {
            Ok(file) => Ok(Self { path: path.to_owned(), file: Some(file) }),
            Err(source) => Err(CliError::Write { path: path.to_owned(), source }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Write the content; the file's path.
    pub(crate) fn fill(mut self, content: &[u8]) -> Result<PathBuf, CliError> {
        let mut file = self.file.take().expect("it is taken only here and on drop");
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(|source| CliError::Write { path: self.path.clone(), source })?;
        Ok(self.path.clone())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // It is empty: nobody misses it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

const TOKEN_LIMIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_others_can_read_or_change_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "sgo_abc\n").unwrap();
        for (mode, exposed) in
            [(0o600, false), (0o440, false), (0o640, false), (0o644, true), (0o660, true)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_exposed(&path), exposed, "{mode:o}");
        }
        assert!(!is_exposed(Path::new("-")) && !is_exposed(Path::new("/dev/null")));
    }

    #[test]
    fn a_private_file_is_private_and_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credential");
        create_private(&path, b"one").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create_private(&path, b"two").is_err());

        replace_private(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_reserved_file_that_stays_empty_goes_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credential");
        drop(Reserved::new(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_token_loses_its_line_break_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "sgo_abc\n").unwrap();
        assert_eq!(read_token(&path).unwrap().expose(), "sgo_abc");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(read_token(&path), Err(CliError::EmptyToken { .. })));
    }

    #[test]
    fn what_is_no_operators_credential_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        for (text, why) in [
            ("sgo_abc sgo_def", "spaces"),
            ("sgo_abc\nsgo_def\n", "line breaks"),
            ("eyJhbGciOiJub25lIn0.e30.x", "identity token"),
            ("sgr_abc", "session"),
            ("hunter2", "`sgo_`"),
        ] {
            std::fs::write(&path, text).unwrap();
            let told = read_operator_token(&path).unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("hunter2"), "{told}");
        }
        std::fs::write(&path, "sgo_abc\n").unwrap();
        assert!(read_operator_token(&path).is_ok());
    }

    #[test]
    fn a_file_over_its_bound_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        std::fs::write(&path, [b'x'; 11]).unwrap();
        assert!(matches!(read_bytes(&path, 10), Err(CliError::FileTooLarge { .. })));
        assert_eq!(read_bytes(&path, 11).unwrap().len(), 11);
    }
}
