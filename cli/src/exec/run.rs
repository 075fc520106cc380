//! The middle of `segura exec`: the child runs, signals are passed on, the end.

use std::ffi::{OsStr, OsString};

use segura_model::wanted::Binding;
use segura_plugins::ShortValues;

use super::child::{Child, Plan};
use super::fetch::Fetched;
use super::session::OpenSession;
use super::signals::Signals;
use super::values::Given;
use super::{ExecError, values};
use crate::error::CliError;
use crate::print;

/// What to run, and how.
pub(crate) struct Task<'a> {
    pub(crate) command: &'a [OsString],
    /// The child's `PATH`.
    pub(crate) path: Option<&'a OsStr>,
    pub(crate) bindings: &'a [Binding],
    pub(crate) withheld: &'a [String],
    pub(crate) short: ShortValues,
    pub(crate) output: Output,
}

/// What happens to the child's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Values in it are hidden.
    Masked,
    /// It goes out as it is.
    Plain,
}

/// Run the child to its end, and close the session whatever that is.
pub(crate) async fn run(task: &Task<'_>, fetched: Fetched) -> Result<u8, CliError> {
    let Fetched { given, session, kept, signals } = fetched;
    // Unlock the kept session before the child runs: it may want to use it.
    drop(kept);
    match start(task, &given, signals) {
        Ok((child, signals)) => {
            drop(given);
            attend(child, signals, session).await
        }
        Err(error) => {
            session.close().await;
            Err(error.into())
        }
    }
}

fn start(
    task: &Task<'_>,
    given: &[Given],
    signals: Option<Signals>,
) -> Result<(Child, Signals), ExecError> {
    let plan = plan(task, values::bind(task.bindings, given)?)?;
    // From here on a signal is the child's to answer, even one that comes too early.
    let signals = signals.map_or_else(Signals::listen, Ok).map_err(ExecError::Signals)?;
    Ok((Child::start(plan)?, signals))
}

fn plan<'a>(task: &Task<'a>, bound: Vec<values::Bound>) -> Result<Plan<'a>, ExecError> {
    let masker = match task.output {
        // Without values there is nothing to hide, and the child keeps its terminal.
        Output::Masked if !bound.is_empty() => Some(values::masker(&bound, task.short)?),
        Output::Masked | Output::Plain => None,
    };
    if masker.is_some() {
        for name in values::visible(&bound) {
            print::warning(&format!("the value for {name} is too short to be hidden in output"));
        }
    }
    let Task { command, path, withheld, .. } = *task;
    Ok(Plan { command, path, bound, withheld, masker })
}

/// Wait for the child, and do for it what is to be done meanwhile.
async fn attend(
    mut child: Child,
    mut signals: Signals,
    session: OpenSession,
) -> Result<u8, CliError> {
    let group = child.group();
    let code = {
        let pass_on = async {
            loop {
                group.signal(signals.next().await);
            }
        };
        tokio::select! {
            code = child.wait() => code,
            () = pass_on => unreachable!("signals do not end"),
            () = live_on(&session) => unreachable!("it waits for ever"),
        }
    };
    let ((), ()) = tokio::join!(child.drain(), session.close());
    code.map_err(|source| ExecError::Pipe(source).into())
}

async fn live_on(session: &OpenSession) {
    session.keep_alive().await;
    std::future::pending::<()>().await;
}
