//! Values of a draft, typed as the platform writes the claim.
//!
//! `12` and `"12"` are different values in a token, so they are in a policy too. A value
//! that the claim can never have is refused when the policy is applied. The exceptions
//! lose nothing: a platform that writes `true` or digits as text has one spelling each.

use super::check::Value;
use super::claim_test::Scalar;
use super::compile::check_text;
use super::error::PolicyFault;
use crate::preset::ClaimKind;

const MAX_VALUE: usize = 1024;

/// The value as a token of the platform has it.
pub(super) fn typed(claim: &str, kind: ClaimKind, scalar: &Scalar) -> Result<Value, PolicyFault> {
    if let Scalar::Text(text) = scalar
        && !text.is_empty()
    {
        check_text(&format!("a value of `{claim}`"), text, MAX_VALUE)?;
    }
    let text = |text: &str| Value::Text(text.into());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    Ok(match (kind, scalar) {
        (ClaimKind::Any | ClaimKind::Bool, Scalar::Bool(value)) => Value::Bool(*value),
        (ClaimKind::Any | ClaimKind::Number, Scalar::Integer(value)) => Value::Integer(*value),
        (ClaimKind::Any | ClaimKind::List | ClaimKind::Text, Scalar::Text(value)) => text(value),
        (ClaimKind::TextBool, Scalar::Bool(value)) => text(if *value { "true" } else { "false" }),
        (ClaimKind::TextBool, Scalar::Text(value)) if matches!(&**value, "true" | "false") => {
            text(value)
        }
        (ClaimKind::TextNumber, Scalar::Integer(value)) if *value >= 0 => text(&value.to_string()),
        (ClaimKind::TextNumber, Scalar::Text(value)) if digits(value) => text(value),
        _ => return Err(wrong_kind(claim, kind, scalar)),
    })
}

/// The kind of an anchor: one value, so that a list never is an id.
pub(super) fn narrowed(
    claim: &str,
    kind: ClaimKind,
    ids: &[Scalar],
) -> Result<ClaimKind, PolicyFault> {
    let of = |id: &Scalar| match id {
        Scalar::Bool(_) => ClaimKind::Bool,
        Scalar::Integer(_) => ClaimKind::Number,
        Scalar::Text(_) => ClaimKind::Text,
    };
    match (kind, ids) {
        (ClaimKind::List, [id, ..]) => Err(wrong_kind(claim, kind, id)),
        (ClaimKind::Any, [first, rest @ ..]) => {
            let odd = rest.iter().find(|id| of(id) != of(first));
            odd.map_or(Ok(of(first)), |odd| Err(wrong_kind(claim, of(first), odd)))
        }
        _ => Ok(kind),
    }
}

fn wrong_kind(claim: &str, kind: ClaimKind, scalar: &Scalar) -> PolicyFault {
    let example = match (kind, scalar) {
        (ClaimKind::Bool, _) => "`true` or `false` without quotes".to_owned(),
        (ClaimKind::Number, _) => "a whole number without quotes".to_owned(),
        (ClaimKind::TextBool, _) => "`\"true\"` or `\"false\"`".to_owned(),
        (ClaimKind::TextNumber, _) => "digits, in quotes".to_owned(),
        (_, Scalar::Text(_)) => "another value".to_owned(),
        (_, other) => format!("it in quotes, `\"{other}\"`"),
    };
    PolicyFault::ValueKind {
        claim: claim.to_owned(),
        kind: kind.expected(),
        presented: format!("`{scalar}`"),
        example,
    }
}
