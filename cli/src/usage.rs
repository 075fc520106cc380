//! A command line that cannot be understood, said like every other failure.
//!
//! The parser's own words are kept; what is added is the JSON form, a line of help for
//! the mistakes that its words do not explain, and that no token is repeated.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};

use crate::print::{self, Format};

/// Print the help that was asked for, or say what is wrong; the exit code.
pub(crate) fn refuse(mut error: clap::Error, args: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone away wants no more help.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let own: Vec<&str> =
        args.iter().map_while(|arg| arg.to_str()).take_while(|arg| *arg != "--").collect();
    let format = if own.contains(&"--json") { Format::Json } else { Format::Person };
    // How to pass a mistyped flag on to the command, or as a value: never what is meant.
    error.remove(ContextKind::Suggested);
    let text = error.render().to_string();
    let help = advice(error.kind(), &own, own.len() < args.len());
    print::misused(format, text.trim_end(), help);
    ExitCode::from(USAGE)
}

/// What to do, where the parser's words leave it open.
fn advice(kind: ErrorKind, own: &[&str], parted: bool) -> Option<&'static str> {
    let is = |word: &str| own.contains(&word);
    let unclear = matches!(kind, ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument);
    if unclear && is("exec") && !parted {
        return Some(
            "write `--` before the command, and the binding in quotes: \
             segura exec --secret 'db/prod/password > DB_PASSWORD' -- ./deploy.sh",
        );
    }
    if unclear && is("explain") && is("--token-file") {
        return Some(
            "--token-file names the operator's credential; the job's token that is to be \
             explained is named with --job-token",
        );
    }
    if unclear && is("apply") && !is("-f") {
        return Some("name the file with -f: segura policy apply -f payments.yaml");
    }
    if kind == ErrorKind::InvalidSubcommand && is("policy") && (is("validate") || is("check")) {
        return Some(
            "to try a file without a change: segura policy apply --dry-run -f payments.yaml",
        );
    }
    None
}

/// As for every request that is wrong.
const USAGE: u8 = 2;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn told(line: &[&str]) -> Option<&'static str> {
        let error = Cli::try_parse_from(line).unwrap_err();
        let own: Vec<&str> = line.iter().copied().take_while(|arg| *arg != "--").collect();
        advice(error.kind(), &own, own.len() < line.len())
    }

    #[test]
    fn what_the_parser_does_not_explain_is_explained() {
        for line in [
            &["segura", "exec", "--secret", "a > A", "true"][..],
            &["segura", "exec", "--secret", "a > A"],
            &["segura", "exec", "--secret", "a", ">", "A", "./deploy.sh"],
        ] {
            assert!(told(line).unwrap().contains("`--`"), "{line:?}");
        }
        let explain = ["segura", "policy", "explain", "--token-file", "job.token"];
        assert!(told(&explain).unwrap().contains("--job-token"));
        assert!(told(&["segura", "issuer", "apply", "github.yaml"]).unwrap().contains("-f"));
        let validate = ["segura", "policy", "validate", "payments.yaml"];
        assert!(told(&validate).unwrap().contains("--dry-run"));
    }

    #[test]
    fn likely_words_are_understood() {
        for line in [
            &["segura", "secret", "list"][..],
            &["segura", "secret", "set", "db/a"],
            &["segura", "secret", "delete", "db/a"],
            &["segura", "policy", "get", "deploy"],
            &["segura", "policy", "list"],
            &["segura", "issuer", "list"],
        ] {
            assert!(Cli::try_parse_from(line).is_ok(), "{line:?}");
        }
    }

    #[test]
    fn what_the_parser_explains_is_left_alone() {
        for line in [
            &["segura", "exec", "--secrett", "a > A", "--", "true"][..],
            &["segura", "operator", "add", "bob"],
            &["segura", "policy", "explain"],
        ] {
            assert_eq!(told(line), None, "{line:?}");
        }
    }
}
