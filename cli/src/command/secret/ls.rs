//! `segura secret ls`: which secrets there are.

use segura_model::SecretPath;
use segura_model::api::{SecretList, SecretListQuery, SecretSummary};
use segura_sdk::{Operator, SdkError};

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// List paths and what is known of them, without values.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura secret ls
  segura secret ls --overdue
  segura secret ls db/prod --json")]
pub(crate) struct Args {
    /// Only this path and those below it
    prefix: Option<SecretPath>,
    /// Only secrets whose current version is older than their --max-age
    #[arg(long)]
    overdue: bool,
}

/// Run `segura secret ls`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let all = context.block_on(all_pages(&operator, args))?;
    print::result(context.format(), &all, table)
}

async fn all_pages(operator: &Operator, args: &Args) -> Result<SecretList, SdkError> {
    let mut query = SecretListQuery { prefix: args.prefix.clone(), ..SecretListQuery::default() };
    let mut all = SecretList { secrets: Vec::new(), next: None };
    loop {
        let page = operator.secret_list(&query).await?;
        all.secrets.extend(page.secrets.into_iter().filter(|one| one.overdue || !args.overdue));
        query.after = page.next;
        if query.after.is_none() {
            return Ok(all);
        }
    }
}

fn table(all: &SecretList) -> String {
    let mut table = Table::new(
        &["path", "version", "owner", "tags", "changed", "by", "expires", "overdue"],
        "no secrets",
    );
    for secret in &all.secrets {
        let tags: Vec<_> = secret.meta.tags.iter().map(ToString::to_string).collect();
        table.row([
            secret.path.to_string(),
            secret.version.to_string(),
            secret.meta.owner.as_ref().map(ToString::to_string).unwrap_or_default(),
            tags.join(","),
            secret.changed_at.to_string(),
            secret.changed_by.clone(),
            secret.meta.expires_at.map(|at| at.to_string()).unwrap_or_default(),
            overdue(secret),
        ]);
    }
    table.render()
}

/// The age that it has passed, in the words it was given in.
fn overdue(secret: &SecretSummary) -> String {
    let age = secret.meta.max_age.filter(|_| secret.overdue);
    age.map(|age| format!("older than {age}")).unwrap_or_default()
}
