//! `segura secret get`: print a secret.
//!
//! A value goes to standard output as it is, so that it can be piped; at a terminal a
//! line break is added, because a prompt glued to a password is misread.

use std::io::{IsTerminal, stdout};

use segura_model::api::{SecretAnswer, SecretQuery};
use segura_model::{FieldName, SecretPath, SecretText};

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};

/// Print the value of the only field, or of --field, as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura secret get db/prod/password
  segura secret get tls/web --field key --version 3 > key.pem")]
pub(crate) struct Args {
    /// Where the secret lives
    path: SecretPath,
    /// Which field; needed if there are several
    #[arg(long)]
    field: Option<FieldName>,
    /// Which version; else the current one
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// Run `segura secret get`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let query =
        SecretQuery { version: args.version, field: args.field.clone(), ..SecretQuery::default() };
    let operator = context.operator()?;
    let answer = context.block_on(operator.secret_find(&args.path, &query))?;
    if context.format() == Format::Json {
        return print::result(Format::Json, &answer, |_| String::new());
    }
    let value = only_value(&answer)?;
    // EXPOSE: the command exists to print the value.
    print::raw(value.expose().as_bytes())?;
    if stdout().is_terminal() { print::raw(b"\n") } else { Ok(()) }
}

fn only_value(answer: &SecretAnswer) -> Result<&SecretText, CliError> {
    answer.fields.only().map(|(_, value)| value).ok_or_else(|| {
        let names: Vec<_> = answer.fields.names().map(ToString::to_string).collect();
        CliError::Usage(format!(
            "{} has the fields {}: name one with --field, or print all with --json",
            answer.path,
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: &str) -> SecretAnswer {
        let json = format!(
            r#"{{"path":"db/app","version":1,"fields":{fields},"meta":{{}},"receipt":"rcp_x"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_single_field_needs_no_name() {
        let answer = answer(r#"{"value":"hunter2"}"#);
        assert_eq!(only_value(&answer).unwrap().expose(), "hunter2");
    }

    #[test]
    fn several_fields_are_named_and_not_printed() {
        let error = only_value(&answer(r#"{"user":"app","password":"hunter2"}"#)).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("password, user") && !words.contains("hunter2"), "{words}");
    }
}
