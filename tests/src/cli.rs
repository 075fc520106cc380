//! Run the real `segura`, as a person or a job does.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Test this program instead of the one beside the test's own, from now on.
///
/// # Panics
/// When one was chosen before.
pub fn use_binary(path: PathBuf) {
    CHOSEN.set(path).expect("the program under test is chosen once");
}

/// The binary under test: beside the test's own, built by `cargo xtask test`.
///
/// # Panics
/// When it is not there.
pub fn binary() -> PathBuf {
    if let Some(chosen) = CHOSEN.get() {
        return chosen.clone();
    }
    let own = std::env::current_exe().expect("a running program has a path");
    let path = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("segura"))
        .find(|path| path.is_file());
    path.unwrap_or_else(|| {
        panic!(
            "no `segura` beside {}: run `cargo build --package segura` first, or `cargo xtask test`",
            own.display()
        )
    })
}

/// A command of `segura` with an empty environment but for `PATH` and `HOME`-less defaults.
pub fn segura() -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").stdin(Stdio::null());
    command
}

/// What a finished run left behind.
#[derive(Debug)]
pub struct Run {
    /// The exit code; 128 + n after signal n.
    pub code: i32,
    /// Standard output, as text.
    pub stdout: String,
    /// Standard error, as text.
    pub stderr: String,
}

impl Run {
    /// Run a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program starts");
        Self::from(output)
    }

    /// Run `segura` with these arguments to its end.
    pub fn segura<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Self {
        Self::of(segura().args(arguments))
    }

    /// The run, which must have succeeded.
    ///
    /// # Panics
    /// When the exit code is not 0.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}):\n{}\n{}", self.stdout, self.stderr))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let signalled = || 128 + output.status.signal().unwrap_or_default();
        Self {
            code: output.status.code().unwrap_or_else(signalled),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
