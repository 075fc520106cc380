//! `segura operator ls`: who administers.

use segura_model::api::OperatorList;

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// List the operators.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura operator ls")]
pub(crate) struct Args {}

/// Run `segura operator ls`.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let all = context.block_on(operator.operator_list())?;
    print::result(context.format(), &all, table)
}

fn table(all: &OperatorList) -> String {
    let mut table = Table::new(&["name", "role", "since", "credential until"], "no operators");
    for operator in &all.operators {
        table.row([
            operator.name.to_string(),
            operator.role.to_string(),
            operator.created_at.to_string(),
            operator.expires_at.to_string(),
        ]);
    }
    table.render()
}
