//! The child: its environment, its process group, and its end.
//!
//! Our copies of the values are wiped when it runs. Those that the standard library
//! made for it are only freed, and the masker needs its forms to the end, so this
//! process also refuses to be looked into ([`super::process`]).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use segura_model::wanted::BindingForm;
use segura_plugins::Masker;
use tokio::process::Command;

use super::ExecError;
use super::memory_file::MemoryFile;
use super::program::ProgramError;
use super::pump::Pump;
use super::terminal::Terminal;
use super::values::Bound;

/// What to start.
pub(crate) struct Plan<'a> {
    /// The program and its arguments; at least one.
    pub(crate) command: &'a [OsString],
    /// Its `PATH`.
    pub(crate) path: Option<&'a OsStr>,
    /// What it gets.
    pub(crate) bound: Vec<Bound>,
    /// Variables that it must not inherit.
    pub(crate) withheld: &'a [String],
    /// What hides the values in its output; without one the output is its own.
    pub(crate) masker: Option<Masker>,
}

/// A child that runs, with all that lives as long as it does.
pub(crate) struct Child {
    process: tokio::process::Child,
    group: Pid,
    terminal: Option<Terminal>,
    pumps: Vec<Pump>,
    /// Kept for their paths in `/proc`.
    _files: Vec<MemoryFile>,
}

impl Child {
    /// Start it, in a process group of its own.
    pub(crate) fn start(plan: Plan<'_>) -> Result<Self, ExecError> {
        Self::start_with(plan, attend)
    }

    fn start_with(
        plan: Plan<'_>,
        attend: impl FnOnce(Pid, Option<Pipes>) -> Result<Attended, ExecError>,
    ) -> Result<Self, ExecError> {
        let (program, arguments) = plan.command.split_first().expect("clap demands a command");
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        plan.withheld.iter().for_each(|name| {
            command.env_remove(name);
        });
        let files = bind(&mut command, &plan.bound)?;
        let pipes = plan.masker.map(|masker| pipe(&mut command, &masker)).transpose()?;

        let spawned = command.spawn();
        // The command holds our ends of the child's pipes open, and copies of the values.
        drop(command);
        drop(plan.bound);
        let process = match spawned {
            Ok(process) => process,
            Err(error) => return Err(ProgramError::of_start(program, plan.path, error).into()),
        };
        let group = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = group.expect("a child that has not been waited for has an id");
        match attend(group, pipes) {
            Ok((terminal, pumps)) => Ok(Self { process, group, terminal, pumps, _files: files }),
            Err(error) => {
                // It has the values, and nobody would wait for it or pass on a signal.
                Group(group).signal(Signal::KILL);
                Err(error)
            }
        }
    }

    /// Wait for its end; being stopped is not one. The terminal is ours again then.
    pub(crate) async fn wait(&mut self) -> io::Result<u8> {
        let Self { process, terminal, .. } = self;
        let status = match terminal {
            None => process.wait().await,
            Some(terminal) => tokio::select! {
                status = process.wait() => {
                    terminal.take_back();
                    status
                }
                () = terminal.follow_stops() => process.wait().await,
            },
        };
        status.map(exit_code)
    }

    /// The group that signals go to.
    pub(crate) fn group(&self) -> Group {
        Group(self.group)
    }

    /// After the child's end: give its own children's output a little time to come.
    pub(crate) async fn drain(&mut self) {
        let all = async {
            for pump in &mut self.pumps {
                pump.drained().await;
            }
        };
        if tokio::time::timeout(DRAIN_TIME, all).await.is_err() {
            self.pumps.iter().for_each(Pump::abandon);
        }
    }
}

/// A child's process group.
#[derive(Clone, Copy)]
pub(crate) struct Group(Pid);

impl Group {
    /// Pass a signal on. A group that is gone needs none.
    pub(crate) fn signal(self, signal: Signal) {
        let _ = kill_process_group(self.0, signal);
    }
}

/// Put the values into the environment; files for those that want one.
fn bind(command: &mut Command, bound: &[Bound]) -> Result<Vec<MemoryFile>, ExecError> {
    let mut files = Vec::new();
    for Bound { name, form, value } in bound {
        match form {
            BindingForm::Env => {
                // EXPOSE: the child's environment is where the user asked the value to go.
                command.env(name, value.expose());
            }
            BindingForm::File => {
                let failed = |source| ExecError::MemoryFile { name: name.clone(), source };
                let file = MemoryFile::make(value).map_err(failed)?;
                command.env(name, file.path());
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// What a child that runs needs of us.
type Attended = (Option<Terminal>, Vec<Pump>);

/// The terminal comes last: whoever fails before has nothing to take back.
fn attend(group: Pid, pipes: Option<Pipes>) -> Result<Attended, ExecError> {
    let pumps = pipes.map(Pipes::start).transpose().map_err(ExecError::Pipe)?;
    let terminal = Terminal::lend(group).map_err(ExecError::Signals)?;
    Ok((terminal, pumps.unwrap_or_default()))
}

/// Our ends of the child's output.
struct Pipes {
    out: io::PipeReader,
    err: io::PipeReader,
    masker: Masker,
}

fn pipe(command: &mut Command, masker: &Masker) -> Result<Pipes, ExecError> {
    let (out, child_out) = io::pipe().map_err(ExecError::Pipe)?;
    let (err, child_err) = io::pipe().map_err(ExecError::Pipe)?;
    command.stdout(Stdio::from(child_out)).stderr(Stdio::from(child_err));
    Ok(Pipes { out, err, masker: masker.clone() })
}

impl Pipes {
    fn start(self) -> io::Result<Vec<Pump>> {
        Ok(vec![
            Pump::start(self.out, &io::stdout(), self.masker.stream())?,
            Pump::start(self.err, &io::stderr(), self.masker.stream())?,
        ])
    }
}

/// The code as a shell tells it: 128 + n after signal n.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// How long output may still come when the child is gone.
const DRAIN_TIME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use super::*;

    fn start(command: &[&str]) -> Result<Child, ExecError> {
        start_with(command, attend)
    }

    fn start_with(
        command: &[&str],
        attend: impl FnOnce(Pid, Option<Pipes>) -> Result<Attended, ExecError>,
    ) -> Result<Child, ExecError> {
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        let path = Some(OsStr::new("/usr/bin:/bin"));
        let plan = Plan { command: &command, path, bound: Vec::new(), withheld: &[], masker: None };
        Child::start_with(plan, attend)
    }

    fn make_pipe(folder: &Path) -> std::path::PathBuf {
        let pipe = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    }

    #[tokio::test]
    async fn the_exit_code_is_the_childs_as_a_shell_tells_it() {
        for (script, code) in [("exit 0", 0), ("exit 37", 37), ("kill -TERM $$", 128 + 15)] {
            assert_eq!(
                start(&["sh", "-c", script]).unwrap().wait().await.unwrap(),
                code,
                "{script}"
            );
        }
    }

    #[tokio::test]
    async fn a_program_that_cannot_run_has_a_shells_code_for_that() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
        let script = script.to_str().unwrap();
        let told = |command: &str| match start(&[command]) {
            Err(ExecError::Program(error)) => (error.exit_code(), error.to_string()),
            _ => panic!("{command} should not run"),
        };
        assert_eq!(told("no-such-program").0, 127);
        assert_eq!(told(script), (126, format!("{script}: not executable")));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(script, mode).unwrap();
        let (code, why) = told(script);
        assert!(code == 127 && why.contains("interpreter"), "{why}");
    }

    #[tokio::test]
    async fn a_signal_reaches_the_whole_group_and_not_us() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = make_pipe(folder.path());
        // Every process of the group holds the pipe open for as long as it lives.
        let script = "exec 3> \"$0\"; sleep 1000 & sleep 1000 & echo ready >&3; wait";
        let mut child = start(&["sh", "-c", script, pipe.to_str().unwrap()]).unwrap();
        let group = child.group();
        assert_ne!(group.0, rustix::process::getpgrp());
        let mut held = std::fs::File::open(&pipe).unwrap();
        let mut ready = [0; 6];
        held.read_exact(&mut ready).unwrap();

        group.signal(Signal::TERM);

        assert_eq!(child.wait().await.unwrap(), 128 + 15);
        assert_eq!(held.read(&mut ready).unwrap(), 0, "nobody of the group is left");
    }

    #[tokio::test]
    async fn a_child_that_nobody_can_attend_to_does_not_run_on() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = make_pipe(folder.path());
        let script = "exec 3> \"$0\"; echo ready >&3; exec sleep 1000";
        let mut held = None;
        let started = start_with(&["sh", "-c", script, pipe.to_str().unwrap()], |_, _| {
            let mut opened = std::fs::File::open(&pipe).unwrap();
            opened.read_exact(&mut [0; 6]).unwrap();
            held = Some(opened);
            Err(ExecError::Signals(io::ErrorKind::OutOfMemory.into()))
        });
        assert!(matches!(started, Err(ExecError::Signals(_))));
        // Read on a thread that nobody joins: it would wait for as long as the child lives.
        let (told, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(held.unwrap().read(&mut [0; 1])));
        let read = ended.recv_timeout(Duration::from_mins(1)).expect("it runs on");
        assert_eq!(read.unwrap(), 0);
    }
}
