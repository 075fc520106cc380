//! What the words of a refusal add for the rightful owner.

use std::fmt::Write as _;

use segura_model::policy::{Standing, Trace};

/// Policies that are named for having expired; the rest are counted.
const NAMED: usize = 3;

/// Say beside the refusal which of the caller's policies expired, which no check shows, and
/// that checks are listed if there are any.
pub(super) fn extend(detail: &mut String, trace: &Trace, listed: bool) {
    let shown = trace.for_caller();
    let expired: Vec<_> =
        shown.policies.iter().filter(|policy| policy.state == Standing::Expired).collect();
    for policy in expired.iter().take(NAMED) {
        let note = policy.note.as_deref().unwrap_or("it expired");
        let _ = write!(detail, "; policy `{}`: {note}", policy.policy);
    }
    if expired.len() > NAMED {
        let _ = write!(detail, "; {} more expired", expired.len() - NAMED);
    }
    if listed {
        detail.push_str(
            "; the checks that failed are listed, each with what was expected and what the token \
             says",
        );
    }
}
