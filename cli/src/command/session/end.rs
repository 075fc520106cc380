//! `segura session end`: end a workload's session.

use std::path::PathBuf;

use segura_model::SessionId;

use crate::context::Context;
use crate::error::CliError;
use crate::exec::end;
use crate::print;

/// End a session: its next read is refused on every node.
///
/// An operator names one by its id. A job ends its own, which an earlier call kept; it
/// is no error if there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura session end 01JDGW5E6Y3X9T2K8M4Q7R0BVC
  segura session end --self")]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The session's id, from `segura session ls` or the ledger
    session: Option<SessionId>,
    /// This job's own session, where its platform keeps one (GitLab)
    #[arg(long = "self")]
    own: bool,
    /// The session that `segura exec` or `segura export` kept in this file
    #[arg(long, value_name = "FILE")]
    session_file: Option<PathBuf>,
}

/// Run `segura session end`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let Which { session, session_file, .. } = &args.which;
    if let Some(path) = session_file {
        return end::end_in_file(path, context);
    }
    let Some(session) = session else { return end::end_own(context) };
    let operator = context.operator()?;
    let answer = context.block_on(operator.session_end(*session))?;
    print::result(context.format(), &answer, |answer| format!("ended {}", answer.id))
}
