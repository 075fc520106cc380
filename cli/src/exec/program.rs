//! Whether the child's program is there, asked before anything is spent for it.
//!
//! A token is spent and a session opened by the first request, so a mistyped name must
//! be found before. The look is the kernel's and `execvp`'s, and where the two could
//! differ it lets pass: what starts in the end is decided by the start alone, which may
//! say the same of a program that went away meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use segura_model::{Class, Classify};

/// Why a program cannot run: what a shell would say, and exit with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("{program}: cannot be executed")]
    Failed {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{program}: it is a folder, not a program")]
    Folder { program: String },
    #[error(
        "{program}: the interpreter in its first line, `#!{interpreter}`, was not found{}",
        ending(interpreter)
    )]
    Interpreter { program: String, interpreter: String },
    #[error(
        "{program}: a script without a first line such as `#!/bin/sh`, which only a shell runs"
    )]
    NoFirstLine { program: String },
    #[error("{program}: not executable")]
    NotExecutable { program: String },
    #[error("{program}: command not found")]
    NotFound { program: String },
    #[error(
        "{program}: arguments and environment are too large together; hand large values over as \
         files: `> NAME:file`"
    )]
    TooLarge { program: String },
}

impl ProgramError {
    /// Why a program did not start that was there when it was looked for.
    pub(crate) fn of_start(program: &OsStr, path: Option<&OsStr>, source: io::Error) -> Self {
        let name = || program.to_string_lossy().into_owned();
        match source.kind() {
            ErrorKind::ArgumentListTooLong => Self::TooLarge { program: name() },
            ErrorKind::NotFound | ErrorKind::PermissionDenied => match find(program, path) {
                Err(error) => error,
                Ok(()) if source.kind() == ErrorKind::NotFound => {
                    Self::NotFound { program: name() }
                }
                Ok(()) => Self::NotExecutable { program: name() },
            },
            _ => Self::Failed { program: name(), source },
        }
    }

    /// A shell's exit code for it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Interpreter { .. } | Self::NotFound { .. } => NOT_FOUND,
            Self::Failed { .. }
            | Self::Folder { .. }
            | Self::NoFirstLine { .. }
            | Self::NotExecutable { .. }
            | Self::TooLarge { .. } => NOT_EXECUTABLE,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Interpreter { .. } => "install the interpreter, or correct the line".to_owned(),
            Self::NoFirstLine { program } => {
                format!("add that line, or name the shell: -- sh {program}")
            }
            Self::NotExecutable { program } => format!("`chmod +x {program}` it"),
            Self::NotFound { program } if program.contains('/') => {
                "there is no such file: check the path, and the folder that the job stands in"
                    .to_owned()
            }
            Self::NotFound { program } if program.contains(char::is_whitespace) => {
                "the command and its arguments are words of their own, not one in quotes; for a \
                 line of shell write: -- sh -c '…'"
                    .to_owned()
            }
            Self::NotFound { .. } => "it is in no folder of PATH: check the spelling, install it, \
                 or name its file with a `/` in it; what only a shell knows (`cd`, `export`) \
                 needs one: -- sh -c '…'"
                .to_owned(),
            Self::Failed { .. } | Self::Folder { .. } | Self::TooLarge { .. } => return None,
        })
    }
}

impl Classify for ProgramError {
    fn class(&self) -> Class {
        match self {
            Self::Interpreter { .. } | Self::NotFound { .. } => {
                Class::bad_request("command-not-found")
            }
            Self::Failed { .. }
            | Self::Folder { .. }
            | Self::NoFirstLine { .. }
            | Self::NotExecutable { .. }
            | Self::TooLarge { .. } => Class::bad_request("command-not-executable"),
        }
    }
}

/// Look a program up as `execvp` does, in the `PATH` that the child will have.
pub(crate) fn find(program: &OsStr, path: Option<&OsStr>) -> Result<(), ProgramError> {
    let name = || program.to_string_lossy().into_owned();
    if program.as_bytes().contains(&b'/') {
        return look(Path::new(program)).map_err(|seen| seen.told(name()));
    }
    let mut worst = Seen::Absent;
    for folder in folders(path) {
        match look(&folder.join(program)) {
            Ok(()) => return Ok(()),
            // As with a shell: something that is there but does not run is told, unless
            // another folder has one that does.
            Err(Seen::Absent | Seen::Folder) => {}
            // Here the search ends, since the file could be started but for its format.
            Err(seen @ Seen::NoFirstLine) => return Err(seen.told(name())),
            Err(seen) => worst = seen,
        }
    }
    Err(worst.told(name()))
}

/// What stands at a path instead of a program.
enum Seen {
    Absent,
    Folder,
    NoFirstLine,
    NoInterpreter(String),
    NotExecutable,
}

impl Seen {
    fn told(self, program: String) -> ProgramError {
        match self {
            Self::Absent => ProgramError::NotFound { program },
            Self::Folder => ProgramError::Folder { program },
            Self::NoFirstLine => ProgramError::NoFirstLine { program },
            Self::NoInterpreter(interpreter) => ProgramError::Interpreter { program, interpreter },
            Self::NotExecutable => ProgramError::NotExecutable { program },
        }
    }
}

fn folders(path: Option<&OsStr>) -> Vec<PathBuf> {
    let path = path.map_or_else(|| OsString::from(WITHOUT_PATH), ToOwned::to_owned);
    let here = |folder: PathBuf| if folder.as_os_str().is_empty() { ".".into() } else { folder };
    std::env::split_paths(&path).map(here).collect()
}

fn look(file: &Path) -> Result<(), Seen> {
    if file.as_os_str().is_empty() {
        return Err(Seen::Absent);
    }
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => return Err(Seen::Folder),
        Ok(_) => {}
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Err(Seen::Absent),
                ErrorKind::PermissionDenied => Err(Seen::NotExecutable),
                // Whatever that is, the start says it better.
                _ => Ok(()),
            };
        }
    }
    if access(file, Access::EXEC_OK).is_err_and(|error| error == rustix::io::Errno::ACCESS) {
        return Err(Seen::NotExecutable);
    }
    let Some(start) = start(file) else { return Ok(()) };
    match interpreter(&start) {
        Some(named) if !Path::new(OsStr::from_bytes(named)).exists() => {
            Err(Seen::NoInterpreter(String::from_utf8_lossy(named).into_owned()))
        }
        None if is_text(&start) => Err(Seen::NoFirstLine),
        _ => Ok(()),
    }
}

/// What the kernel looks at of a file, if we may read it too.
fn start(file: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::with_capacity(FIRST_LINE);
    // A pipe would be waited for.
    let file = File::open(file).ok().filter(|file| file.metadata().is_ok_and(|at| at.is_file()))?;
    file.take(FIRST_LINE as u64).read_to_end(&mut start).ok()?;
    Some(start)
}

/// What the first line of a script names.
fn interpreter(start: &[u8]) -> Option<&[u8]> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | 0));
    words.find(|word| !word.is_empty())
}

/// Whether no program begins so. Formats that an administrator has taught the kernel are
/// not text.
fn is_text(start: &[u8]) -> bool {
    cfg!(target_os = "linux")
        && start.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

/// A script that was saved on Windows names an interpreter that nobody sees is another.
fn ending(interpreter: &str) -> &'static str {
    if interpreter.ends_with('\r') {
        " (the line ends as Windows ends one: save it with LF)"
    } else {
        ""
    }
}

/// Where a C library looks without a `PATH`; each has its own folders of these.
const WITHOUT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";
/// What the kernel reads of a script.
const FIRST_LINE: usize = 256;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn told(program: &str, path: &Path) -> (u8, String) {
        let error = find(OsStr::new(program), Some(path.as_os_str())).unwrap_err();
        (error.exit_code(), error.to_string())
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_found_where_the_child_would_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deploy");
        write(&file, "#!/bin/sh\n", 0o755);
        let found = |program: &str, path: Option<&OsStr>| find(OsStr::new(program), path).is_ok();
        assert!(found("deploy", Some(folder.path().as_os_str())));
        assert!(found(file.to_str().unwrap(), Some(OsStr::new("/nowhere"))));
        assert!(found("sh", None), "without a PATH the usual folders count");
        assert!(!found("deploy", Some(OsStr::new("/nowhere"))));
        assert!(!found("", Some(folder.path().as_os_str())));
    }

    #[test]
    fn each_mistake_has_a_shells_code_and_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("plain"), "echo", 0o644);
        write(&at("bare"), "echo hello\n", 0o755);
        write(&at("lost"), "#!/no/such/interpreter -x\n", 0o755);
        write(&at("windows"), "#!/bin/sh\r\necho\r\n", 0o755);
        fs::create_dir(at("folder")).unwrap();
        for (name, code, words) in [
            ("missing", 127, "command not found"),
            ("plain", 126, "not executable"),
            ("bare", 126, "`#!/bin/sh`, which only a shell runs"),
            ("lost", 127, "`#!/no/such/interpreter`, was not found"),
            ("windows", 127, "save it with LF"),
        ] {
            let (found, text) = told(name, folder.path());
            assert!(found == code && text.contains(words), "{name}: {found} {text}");
        }
        let named = at("folder");
        assert_eq!(told(named.to_str().unwrap(), folder.path()).0, 126);
        assert_eq!(told("folder", folder.path()).0, 127, "a search passes over folders");
    }

    #[test]
    fn one_that_runs_further_down_the_path_counts() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("sh"), "", 0o755);
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        assert!(
            find(OsStr::new("sh"), Some(OsStr::new(&path))).is_err(),
            "`execvp` takes this one"
        );
        fs::set_permissions(folder.path().join("sh"), PermissionsExt::from_mode(0o644)).unwrap();
        assert!(find(OsStr::new("sh"), Some(OsStr::new(&path))).is_ok());
    }
}
