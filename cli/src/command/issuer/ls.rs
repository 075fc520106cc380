//! `segura issuer ls`: who may vouch for a workload.

use segura_model::api::IssuerList;

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// List the issuer entries.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura issuer ls")]
pub(crate) struct Args {}

/// Run `segura issuer ls`.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let all = context.block_on(operator.issuer_list())?;
    print::result(context.format(), &all, table)
}

fn table(all: &IssuerList) -> String {
    let mut table = Table::new(&["issuer", "preset", "iss", "audiences"], "no issuer is trusted");
    for entry in &all.issuers {
        let audiences: Vec<_> = entry.audiences.iter().map(ToString::to_string).collect();
        table.row([
            entry.id.to_string(),
            entry.preset.clone(),
            entry.iss.to_string(),
            audiences.join(" "),
        ]);
    }
    table.render()
}
