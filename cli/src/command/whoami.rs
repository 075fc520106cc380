//! `segura whoami`: what the broker makes of this job's identity token.

use segura_model::ClaimValue;
use segura_model::api::{PolicyMatch, WhoamiAnswer};

use crate::context::Context;
use crate::error::CliError;
use crate::exec::identity::{Identity, IdentityArgs};
use crate::exec::{ExecError, audience};
use crate::print::{self, Table};

/// Print what the broker makes of this job's identity token.
///
/// The verified claims, and the policies whose anchor matches. It spends nothing, so
/// the token still buys secrets afterwards; the token itself is never printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura whoami
  segura whoami --token-file token.jwt --json")]
pub(crate) struct Args {
    #[command(flatten)]
    identity: IdentityArgs,
}

/// Run `segura whoami`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let Args { identity } = args;
    let client = context.client()?;
    let identity = Identity::find(&identity, client.url(), context)?;
    let answer = context.block_on(async {
        let token = identity.token().await.map_err(ExecError::Platform)?;
        let answer = client.whoami(token.text().clone()).await;
        Ok::<_, CliError>(
            answer.inspect_err(|error| audience::explain(error, token.text(), client.url()))?,
        )
    })?;
    print::result(context.format(), &answer, words)
}

fn words(answer: &WhoamiAnswer) -> String {
    let WhoamiAnswer { issuer, subject, audience, expires_at, .. } = answer;
    let head = format!(
        "{subject}\nvouched for by the issuer entry `{issuer}`, for {audience}, until {expires_at}"
    );
    let mut claims = Table::new(&["claim", "value"], "no claims");
    for (name, value) in answer.claims.iter() {
        claims.row([name.to_owned(), claim(value)]);
    }
    let mut policies = Table::new(&["policy", "matches"], NO_POLICY);
    for policy in &answer.policies {
        policies.row([policy.policy.to_string(), matches(policy)]);
    }
    format!("{head}\n\n{}\n\n{}", claims.render(), policies.render())
}

fn matches(policy: &PolicyMatch) -> String {
    match (&policy.note, policy.matches) {
        (_, true) => "yes".to_owned(),
        (Some(note), false) => format!("no: {note}"),
        (None, false) => "no, only its anchor".to_owned(),
    }
}

fn claim(value: &ClaimValue) -> String {
    match value {
        ClaimValue::Text(text) => text.clone(),
        other => serde_json::to_string(other).expect("claims are plain JSON"),
    }
}

const NO_POLICY: &str = "no policy's anchor matches: nothing can be had with this token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_policy_says_when_it_ended() {
        let policy = |matches, note: Option<&str>| PolicyMatch {
            policy: "deploy".parse().unwrap(),
            matches,
            note: note.map(str::to_owned),
        };
        let ended = "it expired at 2026-01-01T00:00:00Z: apply it with a later `expires_at`";
        assert_eq!(matches(&policy(false, Some(ended))), format!("no: {ended}"));
        assert_eq!(matches(&policy(false, None)), "no, only its anchor");
        assert_eq!(matches(&policy(true, None)), "yes");
    }
}
