//! `segura audit ls`: what happened.

use segura_model::api::{AuditPage, AuditQuery, MOST_PER_PAGE};
use segura_sdk::{Operator, SdkError};

use super::filter::Filter;
use super::rows;
use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// List records, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura audit ls --path db/prod/password --since 2026-11-01
  segura audit ls --event refusal -n 20 --json")]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// At most this many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Run `segura audit ls`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let page = context.block_on(pages(&operator, args.filter.query(), args.limit))?;
    print::result(context.format(), &page, |page| rows::table(&page.records))
}

/// Pages until there are `limit` records, or no more.
async fn pages(
    operator: &Operator,
    mut query: AuditQuery,
    limit: usize,
) -> Result<AuditPage, SdkError> {
    let mut all = AuditPage { records: Vec::new(), next: None };
    loop {
        let left = (limit - all.records.len()).min(MOST_PER_PAGE);
        query.limit = u32::try_from(left).ok();
        let page = operator.audit_list(&query).await?;
        all.records.extend(page.records);
        all.next = page.next;
        if all.next.is_none() || all.records.len() >= limit {
            all.records.truncate(limit);
            return Ok(all);
        }
        query.after.clone_from(&all.next);
    }
}
