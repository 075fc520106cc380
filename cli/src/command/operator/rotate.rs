//! `segura operator rotate`: a new credential for an old operator.

use std::path::PathBuf;

use segura_model::api::OperatorRotate;
use segura_model::{OperatorName, Seconds};

use super::credential::Destination;
use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Replace an operator's credential by a new one; the old one is refused from now on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura operator rotate terraform --credential-file terraform.token")]
pub(crate) struct Args {
    /// The operator's name
    name: OperatorName,
    /// How long the credential is valid: 90d, 12h; else the server's usual time. Your own, if you
    /// are no administrator, no longer than the one it replaces
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
    /// Write the credential into this new file, mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// Run `segura operator rotate`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let destination = Destination::new(args.credential_file.as_deref())?;
    let request = OperatorRotate { ttl: args.expires };
    let (own, credential) = context.block_on(async {
        // Asked before: afterwards one's own old credential is refused. That it cannot be
        // told is no reason to leave a credential as it is.
        let own = operator.itself().await.is_ok_and(|itself| itself.name == args.name);
        Ok::<_, CliError>((own, operator.operator_rotate(&args.name, &request).await?))
    })?;
    destination.deliver(&credential, context)?;
    print::note(&dead(&args.name, own.then(|| context.outlived()).flatten()));
    Ok(())
}

/// That whatever has the old credential is locked out from now on.
fn dead(name: &OperatorName, holder: Option<String>) -> String {
    let holder = holder.unwrap_or_else(|| "give the new one to whatever used it".to_owned());
    format!("the old credential of {name} is refused from now on; {holder}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_still_has_the_old_credential_is_told() {
        let name = "ana".parse().unwrap();
        let told = dead(&name, Some("x, which y names, still holds the old one".to_owned()));
        assert!(told.contains("refused from now on; x, which y names"), "{told}");
        assert!(dead(&name, None).contains("give the new one"));
    }
}
