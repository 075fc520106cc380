//! `segura secret put`: a new version of a secret.

use std::collections::BTreeMap;
use std::path::PathBuf;

use segura_model::api::{FieldValues, MetaField, SecretPut, SecretPutAnswer};
use segura_model::name::Owner;
use segura_model::{
    Clock, FieldName, Seconds, SecretPath, SecretText, SystemClock, Tag, Timestamp,
};
use segura_plugins::mask;

use super::fields::{self, LineBreak};
use crate::context::Context;
use crate::error::CliError;
use crate::{moment, print};

/// Write a new version; without FIELD=…, standard input becomes the field `value`.
///
/// A value of one line loses its final line break; text of several lines is kept as it
/// is. The fields replace those of the version before: write all of them at once, what is
/// left out is dropped and warned about. Owner, tags, maximum age and expiry are kept unless
/// they are given, or taken away with --clear.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  printf %s \"$NEW\" | segura secret put db/prod/password
  segura secret put db/prod/app user=@user.txt password=@password.txt --owner payments
  segura secret put tls/web key=@key.pem certificate=@cert.pem --expected-version 3")]
pub(crate) struct Args {
    /// Where the secret lives
    path: SecretPath,
    /// The fields: FIELD=@FILE, or FIELD=- for standard input
    #[arg(value_name = "FIELD=SOURCE", value_parser = fields::unparsed)]
    fields: Vec<SecretText>,
    /// Take all fields from a JSON object of texts
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Keep every byte, the final line break too
    #[arg(long)]
    exact: bool,
    /// Write only if this is the current version; 0: only if there is none
    #[arg(long, value_name = "N")]
    expected_version: Option<u32>,
    /// Who answers for it
    #[arg(long)]
    owner: Option<Owner>,
    /// A tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,
    /// Age at which a version should be replaced: 90d, 12h
    #[arg(long, value_name = "TIME")]
    max_age: Option<Seconds>,
    /// When it stops being given: 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    expires_at: Option<Timestamp>,
    /// Take away what is known of it: owner, tags, max_age or expires_at; may be repeated
    #[arg(long, value_name = "WHAT")]
    clear: Vec<MetaField>,
}

/// Run `segura secret put`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let assignments = fields::parse(&args.fields)?;
    for field in fields::inline(&assignments) {
        print::warning(&format!(
            "the value of `{field}` stands on the command line, where every process of this \
             machine and the shell's history see it: use `{field}=@FILE` or `{field}=-`"
        ));
    }
    let past = args.expires_at.is_some_and(|at| at <= SystemClock.now());
    if past {
        print::warning("--expires-at is past: no job will be given this version");
    }
    // Before a value is typed: without a credential it would be typed for nothing.
    let operator = context.operator()?;
    let line_break = if args.exact { LineBreak::Keep } else { LineBreak::Cut };
    let fields = fields::read(&assignments, args.from_file.as_deref(), line_break)?;
    if let Some(warning) = short(&fields) {
        print::warning(&warning);
    }
    let secret = SecretPut {
        fields: FieldValues::new(fields),
        owner: args.owner,
        tags: args.tags,
        max_age: args.max_age,
        expires_at: args.expires_at,
        clear: args.clear,
        expected_version: args.expected_version,
    };
    let answer = context.block_on(operator.secret_put(&args.path, &secret))?;
    let expired = expired(&answer).filter(|_| !past);
    for warning in expired.into_iter().chain(dropped(&answer)) {
        print::warning(&warning);
    }
    print::result(context.format(), &answer, |answer| {
        format!("{} is now at version {}", answer.path, answer.version)
    })
}

/// Values that a job cannot hide, and is therefore not given, after its token is spent.
fn short(fields: &BTreeMap<FieldName, SecretText>) -> Option<String> {
    let short = fields.iter().filter(|(_, value)| !mask::can_hide(value));
    let names: Vec<_> = short.map(|(name, _)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} has fewer than {} characters, too few to be hidden in a job's output: `segura exec` \
             refuses it without --allow-unmasked",
            names.join(", "),
            mask::SHORTEST
        )
    })
}

/// An expiry that was kept, and makes the new version as dead as the old one.
fn expired(answer: &SecretPutAnswer) -> Option<String> {
    let at = answer.expires_at.filter(|_| answer.expired)?;
    Some(format!(
        "{} expired at {at} and this version does not change that: no job is given it; move the \
         expiry with --expires-at, or take it away with --clear expires_at",
        answer.path
    ))
}

/// Fields that are gone, and where they are still. An older server names them and says
/// nothing beside; who may not read values is not told the names.
fn dropped(answer: &SecretPutAnswer) -> Option<String> {
    let names: Vec<_> = answer.dropped_fields.iter().map(ToString::to_string).collect();
    let which = match names.as_slice() {
        [] if !answer.fields_dropped => return None,
        [] => "fields that this one has not".to_owned(),
        _ => format!("the fields {} too, and this one has not", names.join(", ")),
    };
    let older = if names.is_empty() {
        "who may read values can read an older version".to_owned()
    } else {
        format!(
            "`segura secret get {} --field NAME --version N` reads one of an older version",
            answer.path
        )
    };
    Some(format!(
        "the version before had {which}: a job that wants one is refused. Fields are replaced \
         together: to keep them, put all of them in one command; {older}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(more: &str) -> SecretPutAnswer {
        serde_json::from_str(&format!(r#"{{"path":"db/app","version":4{more}}}"#)).unwrap()
    }

    #[test]
    fn an_expiry_that_is_past_is_warned_about_with_the_way_out() {
        assert!(expired(&answer("")).is_none(), "also of an older server");
        assert!(expired(&answer(r#","expires_at":99999999999,"expired":false"#)).is_none());
        let told = expired(&answer(r#","expires_at":1,"expired":true"#)).unwrap();
        assert!(told.contains("--expires-at") && told.contains("--clear expires_at"), "{told}");
    }

    #[test]
    fn a_value_too_short_to_hide_is_warned_about() {
        let fields = |value: &str| [("pin".parse().unwrap(), SecretText::new(value))].into();
        let told = short(&fields("123")).unwrap();
        assert!(told.contains("`pin`") && told.contains("--allow-unmasked"), "{told}");
        assert!(!told.contains("123") && short(&fields("1234")).is_none());
    }

    #[test]
    fn dropped_fields_are_named() {
        assert!(dropped(&answer("")).is_none());
        let told = dropped(&answer(r#","dropped_fields":["host","user"]"#)).unwrap();
        assert!(told.contains("host, user") && told.contains("db/app --field"), "{told}");
        let told = dropped(&answer(r#","fields_dropped":true"#)).unwrap();
        assert!(told.contains("fields that this one has not") && !told.contains("--field"));
    }
}
