//! A failure in words: what failed, the checks behind it, what to do.
//!
//! Written for somebody whose deployment just stopped: the sentence first, then the
//! table, then one line of help. The ids come last; an operator needs them.

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;

use rustix::process::Signal;
use segura_model::api::{Problem, SecretFault};
use segura_model::{Classify, DenialId};
use segura_sdk::SdkError;
use serde_json::json;

use super::{Format, Table, advice, machine_note, note};
use crate::error::CliError;
use crate::exec::ExecError;

/// Say why a command failed, and the exit code that its kind has. `used` is what of the
/// command line or environment it was due to, if that is to be told.
pub(crate) fn failure(error: &CliError, used: Option<&str>, format: Format) -> ExitCode {
    if matches!(error, CliError::Stdout { source } if source.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::from(CLOSED_PIPE);
    }
    match format {
        Format::Json => machine_note(&machine(error, used)),
        Format::Person => person(error, used).lines().for_each(note),
    }
    ExitCode::from(match error {
        CliError::Cancelled => CANCELLED,
        CliError::Exec(ExecError::Program(error)) => error.exit_code(),
        CliError::Exec(ExecError::Signalled(signal)) => by_signal(*signal),
        other => other.class().kind.exit_code(),
    })
}

/// The code as a shell tells it.
fn by_signal(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(1)
}

/// Say why nothing happens yet.
pub(crate) fn waiting(error: &SdkError) {
    let cause = root_cause(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    note(&format!("waiting: {error}{cause}; trying again for as long as --timeout allows"));
}

/// Say that the command line was not understood, in the parser's words.
pub(crate) fn misused(format: Format, words: &str, help: Option<&str>) {
    match format {
        Format::Json => machine_note(&machine_misused(words, help)),
        Format::Person => {
            words.lines().for_each(note);
            if let Some(help) = help {
                note(&format!("help: {help}"));
            }
        }
    }
}

fn machine_misused(words: &str, help: Option<&str>) -> serde_json::Value {
    let message = words.strip_prefix("error: ").unwrap_or(words);
    json!({"error": {
        "code": "usage", "message": message, "cause": null, "hint": help, "problem": null,
    }})
}

/// The failure as one JSON object on one line.
fn machine(error: &CliError, used: Option<&str>) -> serde_json::Value {
    let code = match error {
        CliError::Sdk(error) => error.code().to_owned(),
        other => other.class().code.to_owned(),
    };
    json!({"error": {
        "code": code,
        "message": error.to_string(),
        "cause": cause(error),
        "hint": hint(error, used),
        "problem": problem(error),
    }})
}

/// What to do, and what was used.
fn hint(error: &CliError, used: Option<&str>) -> Option<String> {
    let parts: Vec<String> = error.hint().into_iter().chain(used.map(str::to_owned)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn person(error: &CliError, used: Option<&str>) -> String {
    let mut lines = vec![format!("error: {error}")];
    lines.extend(cause(error).map(|cause| format!("cause: {cause}")));
    if let Some(problem) = problem(error) {
        lines.extend(details(problem));
    }
    lines.extend(hint(error, used).map(|hint| format!("help: {hint}")));
    if let Some(problem) = problem(error) {
        lines.extend(ids(problem));
    }
    lines.join("\n")
}

fn details(problem: &Problem) -> Vec<String> {
    let mut parts = Vec::new();
    if !problem.checks.is_empty() {
        parts.push(checks(problem));
        parts.extend(problem.checks.iter().filter_map(|check| {
            advice(&check.claim, check.cause.as_deref(), check.fix.as_deref())
        }));
    }
    // A single one stands in the first line already.
    let told = |fault: &SecretFault| problem.detail.contains(&fault.detail);
    if problem.secrets.len() > 1 || !problem.secrets.iter().all(told) {
        let mut table = Table::new(&["secret", "why"], "");
        for fault in &problem.secrets {
            table.row([fault.path.to_string(), fault.detail.clone()]);
        }
        parts.push(table.render());
    }
    parts.iter().flat_map(|part| part.lines()).map(|line| format!("  {line}")).collect()
}

fn checks(problem: &Problem) -> String {
    let mut table = Table::new(&["policy", "claim", "expected", "presented"], "");
    for check in &problem.checks {
        table.row([
            check.policy.to_string(),
            check.claim.clone(),
            check.expected.clone(),
            check.presented.clone().unwrap_or_else(|| "(absent)".to_owned()),
        ]);
    }
    table.render()
}

fn ids(problem: &Problem) -> Vec<String> {
    let mut ids = Vec::new();
    // A caller who is told nothing else is told this in the detail already.
    let told = |denial: &DenialId| problem.detail.contains(&denial.to_string());
    if let Some(denial) = problem.denial.filter(|denial| !told(denial)) {
        ids.push(format!("an operator sees why: segura policy explain --denial {denial}"));
    }
    if let Some(request) = problem.request_id {
        ids.push(format!("request {request}, code {}", problem.code));
    }
    ids
}

fn problem(error: &CliError) -> Option<&Problem> {
    match error {
        CliError::Sdk(error) => SdkError::problem(error),
        _ => None,
    }
}

/// What is behind it: of a call over the network the root alone, of all else each step,
/// because the steps name the files.
fn cause(error: &CliError) -> Option<String> {
    match error {
        CliError::Exec(_) | CliError::Mint(_) | CliError::Sdk(_) => root_cause(error),
        _ => causes(error),
    }
}

fn causes(error: &dyn Error) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    (!texts.is_empty()).then(|| texts.join(": "))
}

/// The end of the chain of errors: "Connection refused" says more than the five
/// sentences between.
fn root_cause(error: &dyn Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

/// What a shell reports of a program that Ctrl-C ended.
const CANCELLED: u8 = 130;
/// What a shell reports of a program that SIGPIPE ended; Rust's ignore the signal.
const CLOSED_PIPE: u8 = 141;

#[cfg(test)]
mod tests {
    use segura_broker::config::GuardReadError;
    use segura_broker::startup::StartError;

    use super::*;

    fn refusal() -> CliError {
        let problem = serde_json::from_value(json!({
            "type": "urn:segura:problem:policy-mismatch",
            "title": "The caller may not do this",
            "status": 403,
            "detail": "no policy grants this workload what it wants",
            "code": "policy-mismatch",
            "request_id": "01JDGW5E6Y3X9T2K8M4Q7R0BVD",
            "denial": "01JDGW5E6Y3X9T2K8M4Q7R0BVC",
            "checks": [{
                "policy": "payments-deploy", "claim": "ref",
                "expected": "refs/heads/release/*", "presented": "refs/heads/x",
                "cause": "the job runs on another branch", "fix": "run it on a release branch",
            }],
            "secrets": [{"path": "db/prod/password", "why": "not-granted",
                "detail": "not granted"}],
        }));
        CliError::Sdk(SdkError::Refused(Box::new(problem.unwrap())))
    }

    #[test]
    fn a_refusal_teaches() {
        let expected = "\
error: no policy grants this workload what it wants
  POLICY           CLAIM  EXPECTED              PRESENTED
  payments-deploy  ref    refs/heads/release/*  refs/heads/x
  ref: the job runs on another branch; run it on a release branch
  SECRET            WHY
  db/prod/password  not granted
an operator sees why: segura policy explain --denial 01JDGW5E6Y3X9T2K8M4Q7R0BVC
request 01JDGW5E6Y3X9T2K8M4Q7R0BVD, code policy-mismatch";
        assert_eq!(person(&refusal(), None), expected);
    }

    #[test]
    fn what_the_first_line_says_is_not_said_again() {
        let problem = serde_json::from_value(json!({
            "type": "urn:segura:problem:secret-missing", "title": "t", "status": 404,
            "detail": "nothing was given: there is no secret at `db/prod/x`",
            "code": "secret-missing",
            "secrets": [{"path": "db/prod/x", "why": "missing",
                "detail": "there is no secret at `db/prod/x`"}],
        }));
        let error = CliError::Sdk(SdkError::Refused(Box::new(problem.unwrap())));
        assert_eq!(
            person(&error, None),
            "error: nothing was given: there is no secret at `db/prod/x`"
        );
    }

    #[test]
    fn the_file_that_stopped_a_server_is_named() {
        let reason = std::io::Error::from(ErrorKind::NotFound);
        let path = "/etc/segura/guard.key".into();
        let guard = GuardReadError::Unreadable { path, reason };
        let told = person(&CliError::Start(StartError::Guard(guard)), None);
        assert!(told.contains("cause: cannot read /etc/segura/guard.key: "), "{told}");
    }

    #[test]
    fn a_machine_gets_the_code_and_the_whole_problem() {
        let machine = machine(&refusal(), None);
        assert_eq!(machine["error"]["code"], "policy-mismatch");
        assert_eq!(machine["error"]["problem"]["checks"][0]["claim"], "ref");
        assert!(!machine.to_string().contains('\n'));
    }

    #[test]
    fn a_machine_is_told_what_is_wrong_with_the_command_line() {
        let told = machine_misused("error: unexpected argument '--jsn' found\n\nUsage: …", None);
        assert_eq!(told["error"]["code"], "usage");
        assert!(told["error"]["message"].as_str().unwrap().starts_with("unexpected argument"));
        assert!(!told.to_string().contains('\n'));
    }

    #[test]
    fn what_was_used_stands_with_what_to_do() {
        let told = person(&CliError::NoUrl, Some("SEGURA_URL is empty"));
        assert!(told.ends_with("run `segura dev`; SEGURA_URL is empty"), "{told}");
        assert_eq!(hint(&CliError::NoHome, None), None);
    }

    #[test]
    fn the_exit_code_is_that_of_the_kind() {
        assert_eq!(refusal().class().kind.exit_code(), 4);
        assert_eq!(CliError::NoUrl.class().kind.exit_code(), 2);
    }
}
