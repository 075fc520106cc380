//! `segura secret get`: print a secret.
//!
//! A value goes to standard output as it is, so that it can be piped; at a terminal a
//! line break is added, because a prompt glued to a password is misread.

use std::io::{IsTerminal, stdout};

use segura_model::api::{SecretAnswer, SecretQuery};
use segura_model::wanted::WantedSecret;
use segura_model::{FieldName, SecretText};

use super::overdue;
use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};

/// Print the value of the only field, or of --field, as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura secret get db/prod/password
  segura secret get tls/web --field key --version 3 > key.pem
  segura secret get tls/web#key@3 > key.pem")]
pub(crate) struct Args {
    /// Where the secret lives: `path[#field][@version]`
    #[arg(value_name = "PATH")]
    wanted: WantedSecret,
    /// Which field; needed if there are several
    #[arg(long)]
    field: Option<FieldName>,
    /// Which version; else the current one
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// Run `segura secret get`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let WantedSecret { path, field, version } = args.wanted()?;
    let query = SecretQuery { version, field, ..SecretQuery::default() };
    let operator = context.operator()?;
    let answer = context.block_on(operator.secret_find(&path, &query))?;
    overdue::warn(&answer.path, answer.meta.max_age, answer.overdue);
    if context.format() == Format::Json {
        return print::result(Format::Json, &answer, |_| String::new());
    }
    let value = only_value(&answer)?;
    // EXPOSE: the command exists to print the value.
    print::raw(value.expose().as_bytes())?;
    if stdout().is_terminal() { print::raw(b"\n") } else { Ok(()) }
}

impl Args {
    /// What is wanted: the flags say the same as the signs in the path, not more.
    fn wanted(&self) -> Result<WantedSecret, CliError> {
        let Self { wanted, field, version } = self;
        let twice = |what: &str| {
            CliError::Usage(format!("the {what} is named twice: in `{wanted}`, and with --{what}"))
        };
        if field.is_some() && wanted.field.is_some() {
            return Err(twice("field"));
        }
        if version.is_some() && wanted.version.is_some() {
            return Err(twice("version"));
        }
        Ok(WantedSecret {
            path: wanted.path.clone(),
            field: field.clone().or_else(|| wanted.field.clone()),
            version: version.or(wanted.version),
        })
    }
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

    fn wanted(wanted: &str, field: Option<&str>, version: Option<u32>) -> Result<String, String> {
        let (wanted, field) = (wanted.parse().unwrap(), field.map(|field| field.parse().unwrap()));
        let args = Args { wanted, field, version };
        args.wanted().map(|wanted| wanted.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_field_and_a_version_stand_in_the_path_or_in_flags() {
        assert_eq!(wanted("tls/web#key@3", None, None).unwrap(), "tls/web#key@3");
        assert_eq!(wanted("tls/web", Some("key"), Some(3)).unwrap(), "tls/web#key@3");
        assert_eq!(wanted("tls/web#key", None, Some(3)).unwrap(), "tls/web#key@3");
        assert!(wanted("tls/web#key", Some("key"), None).unwrap_err().contains("--field"));
        assert!(wanted("tls/web@3", None, Some(3)).unwrap_err().contains("--version"));
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
