//! A second evaluator, written apart from the first and as simply as possible.
//!
//! It reads drafts, not compiled policies, looks at every policy, and knows no index.
//! Where the two differ, one is wrong.

use super::world::{NOON, entry};
use crate::claims::{ClaimValue, Claims};
use crate::name::SecretPath;
use crate::policy::{AnchorDraft, ClaimTest, PolicyDraft, Scalar};
use crate::preset::{ClaimKind, ClaimTrust, Preset};
use crate::workload::Workload;

/// Whether the policies grant the path to the workload.
pub(super) fn grants(
    preset: &Preset,
    drafts: &[PolicyDraft],
    workload: &Workload,
    path: &SecretPath,
) -> bool {
    let matching: Vec<&PolicyDraft> =
        drafts.iter().filter(|draft| matches(preset, draft, workload)).collect();
    let covered = |patterns: &[crate::name::PathPattern]| {
        patterns.iter().any(|pattern| covers(pattern.as_str(), path.as_str()))
    };
    matching.iter().any(|draft| covered(&draft.read))
        && !matching.iter().any(|draft| covered(&draft.deny))
}

/// Whether the policy is active and every check of it holds.
pub(super) fn matches(preset: &Preset, draft: &PolicyDraft, workload: &Workload) -> bool {
    let claims = &workload.claims;
    workload.issuer == draft.issuer
        && draft.expires_at.is_none_or(|end| end > NOON)
        && is_active(preset, draft)
        && anchor_holds(draft, claims)
        && draft.claims.iter().all(|(claim, test)| holds(preset, claim, test, claims))
        && preset.refused.iter().all(|refused| {
            let lifted = |value: &str| draft.allow_events.iter().any(|event| event == value);
            refused.values.iter().all(|value| lifted(value))
                || claims
                    .text(refused.claim)
                    .is_some_and(|value| lifted(value) || !refused.values.contains(&value))
        })
        && preset.require_same.iter().all(|(left, right)| {
            let (left, right) = (present(claims, left), present(claims, right));
            left.is_none() || right.is_none() || left == right
        })
}

/// Whether whole `text` fits `pattern`, by trying everything.
pub(super) fn fits(pattern: &[char], text: &[char], separators: &str) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', '*', rest @ ..] => {
            (0..=text.len()).any(|taken| fits(rest, &text[taken..], separators))
        }
        ['*', rest @ ..] => (0..=text.len())
            .take_while(|taken| !text[..*taken].iter().any(|sign| separators.contains(*sign)))
            .any(|taken| fits(rest, &text[taken..], separators)),
        [first, rest @ ..] => text.first() == Some(first) && fits(rest, &text[1..], separators),
    }
}

fn is_active(preset: &Preset, draft: &PolicyDraft) -> bool {
    let pinned = match &draft.anchor {
        Some(AnchorDraft::Pending) => return false,
        Some(AnchorDraft::Ids(ids)) => ids.keys().map(String::as_str).collect(),
        None => Vec::new(),
    };
    if !pinned.is_empty() {
        return preset.anchors.iter().any(|set| set.iter().all(|claim| pinned.contains(claim)));
    }
    let trusts: Vec<ClaimTrust> = draft
        .claims
        .iter()
        .filter(|(_, test)| match test {
            ClaimTest::Exactly(_) => true,
            ClaimTest::Keys { any_of, globs, .. } => !(any_of.is_empty() && globs.is_empty()),
        })
        .map(|(claim, _)| preset.claim(claim).unwrap().trust)
        .collect();
    let names_only = trusts.contains(&ClaimTrust::Name)
        && !trusts.iter().any(|trust| matches!(trust, ClaimTrust::Anchor | ClaimTrust::Raw));
    !entry(preset).shared && !names_only
}

fn anchor_holds(draft: &PolicyDraft, claims: &Claims) -> bool {
    let Some(AnchorDraft::Ids(ids)) = &draft.anchor else { return true };
    ids.iter().all(|(claim, test)| {
        // Every anchor claim of the presets here is text.
        let Some(ClaimValue::Text(text)) = claims.get(claim) else { return false };
        test.0.iter().any(|id| plain(id) == *text)
    })
}

fn holds(preset: &Preset, claim: &str, test: &ClaimTest, claims: &Claims) -> bool {
    let spec = preset.claim(claim).unwrap();
    let Some(value) = present(claims, claim) else { return false };
    let elements = match (spec.kind, value) {
        (ClaimKind::List, ClaimValue::List(elements)) => elements.clone(),
        (ClaimKind::List, _) => return false,
        (_, value) => vec![value.clone()],
    };
    let typed = |element: &ClaimValue| match spec.kind {
        ClaimKind::Number => matches!(element, ClaimValue::Integer(_)),
        ClaimKind::Bool => matches!(element, ClaimValue::Bool(_)),
        ClaimKind::TextBool => matches!(element.as_text(), Some("true" | "false")),
        _ => matches!(element, ClaimValue::Text(_)),
    };
    let is = |scalar: &Scalar| elements.iter().any(|element| element.to_string() == plain(scalar));
    elements.iter().all(typed)
        && match test {
            ClaimTest::Exactly(wanted) => is(wanted),
            ClaimTest::Keys { any_of, globs, none_of } => {
                let glob = |glob: &String| {
                    let pattern: Vec<char> = glob.chars().collect();
                    elements.iter().any(|element| {
                        let presented: Vec<char> = element.to_string().chars().collect();
                        fits(&pattern, &presented, spec.separators)
                    })
                };
                (any_of.is_empty() || any_of.iter().any(is))
                    && (globs.is_empty() || globs.iter().any(glob))
                    && !none_of.iter().any(is)
            }
        }
}

fn present<'c>(claims: &'c Claims, claim: &str) -> Option<&'c ClaimValue> {
    claims.get(claim).filter(|value| **value != ClaimValue::Null)
}

fn plain(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// A path pattern is a glob whose last `**` takes at least one segment.
fn covers(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    fits(&pattern, &path, "/")
}
