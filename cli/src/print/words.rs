//! Words of the model as people read them.

use segura_model::audit::Actor;
use serde::Serialize;

/// Who did it, in a few words.
pub(crate) fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Operator { name, role, .. } => format!("operator {name} ({role})"),
        Actor::Server => "the server".to_owned(),
        Actor::Stranger { issuer: Some(issuer) } => format!("a stranger of {issuer}"),
        Actor::Stranger { issuer: None } => "a stranger".to_owned(),
        Actor::Workload { issuer, subject, .. } => format!("{issuer} {subject}"),
    }
}

/// What probably went wrong with a claim, and what to do.
pub(crate) fn advice(claim: &str, cause: Option<&str>, fix: Option<&str>) -> Option<String> {
    match (cause, fix) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(format!("{claim}: {one}")),
        (Some(cause), Some(fix)) => Some(format!("{claim}: {cause}; {fix}")),
    }
}

/// A value as YAML, without a final line break.
pub(crate) fn yaml<T: Serialize>(value: &T) -> String {
    let text = serde_saphyr::to_string(value).expect("drafts are plain maps of text");
    text.trim_end().to_owned()
}
