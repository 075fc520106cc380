//! `segura policy pin`: confirm the ids of a pending policy.

use std::str::FromStr;

use segura_model::PolicyName;
use segura_model::api::PinRequest;

use super::show;
use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Confirm the ids of a pending policy, which then grants.
///
/// Without CLAIM=ID the ids last seen in a token that matched all else are taken. Make
/// sure whose they are: a name can be taken over by somebody else, an id cannot.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy pin payments-deploy
  segura policy pin payments-deploy repository_id=456789 repository_owner_id=123456")]
pub(crate) struct Args {
    /// The policy's name
    policy: PolicyName,
    /// Claims and their ids
    #[arg(value_name = "CLAIM=ID")]
    ids: Vec<Id>,
}

/// `repository_id=456789`.
#[derive(Clone, Debug)]
struct Id {
    claim: String,
    value: String,
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((claim, value)) if !claim.is_empty() && !value.is_empty() => {
                Ok(Self { claim: claim.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected CLAIM=ID, such as repository_id=456789".to_owned()),
        }
    }
}

/// Run `segura policy pin`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let mut pin = PinRequest::default();
    for id in args.ids {
        if let Some(other) = pin.anchor.insert(id.claim.clone(), id.value) {
            let claim = id.claim;
            return Err(CliError::Usage(format!("`{claim}` is given twice: {other} and another")));
        }
    }
    let operator = context.operator()?;
    let view = context.block_on(operator.policy_pin(&args.policy, &pin))?;
    print::result(context.format(), &view, show::words)
}
