//! Tests that no token can pass, or that rule nothing out, told from how the platform
//! writes the claim.
//!
//! They are warned about and taken: what is known of a platform can be out of date, and
//! a warning costs its author nothing then. Whether a value and a form can meet is
//! whether two globs have a text in common.

use super::check::{Accept, Check, Value};
use super::describe::escaped;
use super::lint::Warning;
use super::nearest::nearest;
use super::trust::TrustPolicy;
use crate::clock::Timestamp;
use crate::preset::{ClaimForm, ClaimSpec};

/// Most values that are suggested.
const MAX_MEANT: usize = 3;
/// Most warnings of one policy about its values.
const MAX_WARNINGS: usize = 16;

impl ClaimSpec {
    /// Whether a token could have this value, by what is known of the platform.
    pub fn may_be(&self, value: &str) -> bool {
        fits(self, value)
    }
}

/// The policy's end is past.
pub(super) fn expired(policy: &TrustPolicy, now: Timestamp) -> Option<Warning> {
    let end = policy.draft().expires_at.filter(|_| policy.is_expired(now))?;
    Some(Warning::new(
        "expired",
        format!("it grants nothing: it expired at {end}, its `expires_at`"),
        "take `expires_at` out, or name a later time",
    ))
}

/// One warning for each value that its claim never has.
pub(super) fn unmatchable(policy: &TrustPolicy) -> impl Iterator<Item = Warning> {
    let checks = policy.anchor.iter().chain(&policy.checks);
    let misfits = checks.flat_map(|check| misfits(check).chain(useless_not(check)));
    misfits.chain(refused(policy)).take(MAX_WARNINGS)
}

/// What is wrong with how the check is written, for whoever fails it.
pub(super) fn cause(check: &Check) -> Option<(String, String)> {
    misfits(check).next().map(|warning| (warning.message, warning.fix))
}

fn misfits(check: &Check) -> impl Iterator<Item = Warning> {
    let expected: Vec<String> = match &check.accept {
        Accept::Any => Vec::new(),
        Accept::Globs(globs) => globs.iter().map(|glob| glob.as_str().to_owned()).collect(),
        // A `*` among letters has a warning of its own.
        Accept::OneOf(values) => {
            values.iter().map(Value::text).filter(|text| !text.contains('*')).collect()
        }
    };
    let so = if expected.iter().any(|text| fits(check.spec, text)) {
        ""
    } else {
        ", so no token ever matches this policy"
    };
    expected.into_iter().filter(|text| !fits(check.spec, text)).map(move |text| {
        misfit(check, &text, &format!("`{}` is never `{}`{so}", check.claim, escaped(&text)))
    })
}

fn useless_not(check: &Check) -> impl Iterator<Item = Warning> {
    let ruled_out = check.reject.iter().map(Value::text).filter(|text| !fits(check.spec, text));
    ruled_out.map(|text| {
        let shown = escaped(&text);
        let message = format!(
            "`{}: {{ not: {shown} }}` rules nothing out, since no token has that value",
            check.claim
        );
        misfit(check, &text, &message)
    })
}

fn misfit(check: &Check, text: &str, message: &str) -> Warning {
    let form = &check.spec.form;
    let meant: Vec<String> =
        meant(check.spec, text).iter().map(|meant| format!("`{}`", escaped(meant))).collect();
    let fix = match meant.as_slice() {
        [] => format!("write {}", form.written),
        meant => format!("write {}", meant.join(" or ")),
    };
    Warning::new("never-matches", format!("{message}: tokens have {}", form.written), fix)
}

/// A claim of which the policy accepts only what its preset refuses.
fn refused(policy: &TrustPolicy) -> impl Iterator<Item = Warning> {
    policy.checks.iter().filter_map(|check| {
        let wanted = check.exact();
        let of_claim =
            || policy.refusals.iter().filter(|refusal| refusal.check.claim == check.claim);
        let refusal = |value: &Value| of_claim().find(|one| one.check.reject.contains(value));
        let first = refusal(wanted.first()?)?;
        if !wanted.iter().all(|value| refusal(value).is_some()) {
            return None;
        }
        let named: Vec<String> = wanted.iter().map(Value::text).collect();
        let named = named.join(", ");
        Some(Warning::new(
            "never-matches",
            format!(
                "`{}: {}` is refused unless `allow_events` lists it, because {}",
                check.claim,
                escaped(&named),
                first.reason
            ),
            format!("if such a job runs only reviewed code, add `allow_events: [{named}]`"),
        ))
    })
}

/// Whether a token could have this value, or one that fits this glob.
fn fits(spec: &ClaimSpec, text: &str) -> bool {
    let ClaimForm { globs, never, .. } = spec.form;
    let separators = spec.separators.as_bytes();
    let meets = |glob: &&str| overlap(glob, text, spec.separators);
    // A pattern is a mistake only if all that fits it is one: its letters are looked at.
    let letters: Vec<Token> = text.bytes().map(Token::Byte).collect();
    let mistake = |glob: &&str| meet(&tokens(glob), &letters, separators);
    text.is_empty() || ((globs.is_empty() || globs.iter().any(meets)) && !never.iter().any(mistake))
}

/// What was probably meant.
fn meant(spec: &ClaimSpec, text: &str) -> Vec<String> {
    let form = &spec.form;
    let bare = bare(text);
    let words = form.globs.iter().copied().filter(|glob| !glob.contains('*'));
    let mut meant: Vec<String> = nearest(bare, words).map(ToOwned::to_owned).into_iter().collect();
    meant.extend(form.never.iter().filter_map(|glob| {
        let rest = bare.strip_prefix(glob.trim_end_matches('*'))?;
        (glob.len() > 2 && !rest.is_empty()).then(|| rest.to_owned())
    }));
    if bare != text {
        meant.push(bare.to_owned());
    }
    let overlaps = form.prefixes.iter().filter_map(|prefix| overlapped(prefix, bare));
    let overlaps: Vec<String> = overlaps.filter(|text| fits(spec, text)).collect();
    if overlaps.is_empty() {
        let before = form.prefixes.iter().filter(|prefix| !begins_alike(prefix, bare));
        meant.extend(before.map(|prefix| format!("{prefix}{bare}")));
    } else {
        meant.extend(overlaps);
    }
    meant.retain(|text| fits(spec, text));
    meant.truncate(MAX_MEANT);
    meant
}

/// The text without what people copy along: an address's scheme and host, `.git`, a
/// leading `/`.
fn bare(text: &str) -> &str {
    let path = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or(rest, |(_, path)| path),
        None => text,
    };
    path.trim_start_matches('/').trim_end_matches('/').trim_end_matches(".git")
}

/// The prefix before the text, with what both have once: `refs/heads/` and `heads/main`.
fn overlapped(prefix: &str, text: &str) -> Option<String> {
    let tails = prefix.match_indices('/').map(|(at, _)| &prefix[at + 1..]);
    let tail = tails.filter(|tail| !tail.is_empty()).find(|tail| text.starts_with(tail))?;
    Some(format!("{}{text}", &prefix[..prefix.len() - tail.len()]))
}

/// Whether the text has the prefix already, if with a slip in it: `refs/head/main`.
fn begins_alike(prefix: &str, text: &str) -> bool {
    prefix.find(['/', ':']).is_some_and(|at| text.starts_with(&prefix[..=at]))
}

/// Whether some text fits both globs: `*` any run without a separator, `**` any run.
pub(super) fn overlap(left: &str, right: &str, separators: &str) -> bool {
    meet(&tokens(left), &tokens(right), separators.as_bytes())
}

/// Most forms begin with letters, or end with `**` behind them: those are told apart at
/// once, since an author can apply megabytes of values.
fn meet(left: &[Token], right: &[Token], separators: &[u8]) -> bool {
    let letters = |(one, other): &(&Token, &Token)| !is_wild(Some(one)) && !is_wild(Some(other));
    let alike = left.iter().zip(right).take_while(|pair| letters(pair) && pair.0 == pair.1);
    let alike = alike.count();
    let (left, right) = (&left[alike..], &right[alike..]);
    match (left, right) {
        ([Token::Crossing], _) | (_, [Token::Crossing]) => true,
        ([Token::Byte(_), ..], [Token::Byte(_), ..]) => false,
        _ => meet_slowly(left, right, separators),
    }
}

fn meet_slowly(left: &[Token], right: &[Token], separators: &[u8]) -> bool {
    // `reach[j]`: whether what is left of `left` and `right[j..]` have a text in common.
    let mut below = vec![false; right.len() + 1];
    for i in (0..=left.len()).rev() {
        let mut reach = vec![false; right.len() + 1];
        for j in (0..=right.len()).rev() {
            // Of two wildcards one ends first: what both take is in no text's way.
            let passes = |wild: Option<&Token>, other: Option<&Token>| match (wild, other) {
                (Some(Token::Crossing), Some(Token::Byte(_))) => true,
                (Some(Token::Star), Some(Token::Byte(byte))) => !separators.contains(byte),
                _ => false,
            };
            let (at, with) = (left.get(i), right.get(j));
            reach[j] = match (at, with) {
                (None, None) => true,
                (Some(Token::Byte(one)), Some(Token::Byte(other))) => one == other && below[j + 1],
                _ => {
                    (is_wild(at) && below[j])
                        || (is_wild(with) && reach[j + 1])
                        || (passes(at, with) && reach[j + 1])
                        || (passes(with, at) && below[j])
                }
            };
        }
        below = reach;
    }
    below[0]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Crossing,
    Star,
}

fn is_wild(token: Option<&Token>) -> bool {
    matches!(token, Some(Token::Crossing | Token::Star))
}

fn tokens(glob: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(glob.len());
    let mut left = glob.bytes().peekable();
    while let Some(byte) = left.next() {
        tokens.push(match byte {
            b'*' if left.next_if_eq(&b'*').is_some() => Token::Crossing,
            b'*' => Token::Star,
            byte => Token::Byte(byte),
        });
    }
    tokens
}
