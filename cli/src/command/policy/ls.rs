//! `segura policy ls`: which policies there are.

use segura_model::api::PolicyList;

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// List the policies.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy ls")]
pub(crate) struct Args {}

/// Run `segura policy ls`.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let all = context.block_on(operator.policy_list())?;
    print::result(context.format(), &all, table)
}

fn table(all: &PolicyList) -> String {
    let mut table =
        Table::new(&["policy", "issuer", "state", "read", "changed", "by"], "no policies");
    for view in &all.policies {
        let read: Vec<_> = view.draft.read.iter().map(ToString::to_string).collect();
        table.row([
            view.draft.policy.to_string(),
            view.draft.issuer.to_string(),
            view.state.as_str().to_owned(),
            read.join(" "),
            view.changed_at.to_string(),
            view.changed_by.clone(),
        ]);
    }
    table.render()
}
