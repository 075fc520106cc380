//! A trace in words: each policy, and below it each check.

use segura_model::policy::{CheckTrace, PolicyTrace, Trace};

use crate::print::Table;

/// The trace as text.
pub(crate) fn words(trace: &Trace) -> String {
    let mut parts: Vec<String> = trace.policies.iter().map(policy).collect();
    if parts.is_empty() {
        parts.push(format!("no policy names the issuer entry {}", trace.issuer));
    }
    if trace.omitted > 0 {
        parts.push(format!("… and {} policies further away", trace.omitted));
    }
    if !trace.secrets.is_empty() {
        parts.push(secrets(trace));
    }
    parts.join("\n\n")
}

fn policy(policy: &PolicyTrace) -> String {
    let verdict = match (policy.matched, policy.anchor_matched) {
        (true, _) => "matches",
        (false, true) => "does not match, though the anchor is its own",
        (false, false) => "does not match",
    };
    let state = serde_json::to_value(policy.state).ok();
    let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default();
    let table = checks(&policy.checks);
    let head = format!("policy {} ({state}) {verdict}", policy.policy);
    let note = policy.note.iter().map(|note| format!("  {note}"));
    let table = table.lines().map(|line| format!("  {line}"));
    let advice = policy.checks.iter().filter_map(advice).map(|advice| format!("  {advice}"));
    [head].into_iter().chain(note).chain(table).chain(advice).collect::<Vec<_>>().join("\n")
}

fn checks(checks: &[CheckTrace]) -> String {
    let mut table = Table::new(&["check", "claim", "expected", "presented"], "no checks");
    for check in checks {
        table.row([
            if check.passed { "ok".to_owned() } else { "FAILED".to_owned() },
            check.claim.clone(),
            check.expected.clone(),
            check.presented.clone().unwrap_or_else(|| "(absent)".to_owned()),
        ]);
    }
    table.render()
}

fn advice(check: &CheckTrace) -> Option<String> {
    crate::print::advice(&check.claim, check.cause.as_deref(), check.fix.as_deref())
}

fn secrets(trace: &Trace) -> String {
    let mut table = Table::new(&["secret", "result", "policy"], "");
    for secret in &trace.secrets {
        table.row([
            secret.path.to_string(),
            if secret.granted { "granted".to_owned() } else { "not granted".to_owned() },
            secret.policy.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_shows_both_sides_and_what_to_do() {
        let trace: Trace = serde_json::from_value(serde_json::json!({
            "issuer": "github",
            "policies": [{
                "policy": "payments-deploy", "state": "active", "anchor_matched": true,
                "shown_to_caller": true, "matched": false,
                "checks": [
                    {"claim": "repository_id", "expected": "456789", "presented": "456789",
                     "passed": true},
                    {"claim": "environment", "expected": "prod", "presented": null,
                     "passed": false, "cause": "the job names no environment",
                     "fix": "add `environment: prod` to the job"},
                ],
            }],
            "secrets": [{"path": "db/prod/password", "granted": false}],
        }))
        .unwrap();
        let expected = "\
policy payments-deploy (active) does not match, though the anchor is its own
  CHECK   CLAIM          EXPECTED  PRESENTED
  ok      repository_id  456789    456789
  FAILED  environment    prod      (absent)
  environment: the job names no environment; add `environment: prod` to the job

SECRET            RESULT       POLICY
db/prod/password  not granted  -";
        assert_eq!(words(&trace), expected);
    }
}
