//! One compiled check of one claim.
//!
//! Fails closed: an absent claim, a `null`, a number where text is due, a list with one
//! odd element all fail, for negated tests as well.

use std::collections::HashSet;

use super::glob::Glob;
use crate::claims::{ClaimValue, Claims};
use crate::preset::{ClaimKind, ClaimSpec, ClaimTrust};

/// A value that a check compares with, typed as the claim is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Text(Box<str>),
}

/// The same, of a policy or of a token.
#[derive(PartialEq, Eq, Hash)]
enum Plain<'v> {
    Bool(bool),
    Integer(i64),
    Text(&'v str),
}

/// How many comparisons of one value with another are made without more ado.
const FEW: usize = 256;

impl Value {
    pub(super) fn equals(&self, presented: &ClaimValue) -> bool {
        plain(presented).is_some_and(|presented| self.plain() == presented)
    }

    /// Whether one of these values is presented. A token may present five hundred, and a
    /// policy know half as many: not each is compared with each.
    fn any_of(values: &[Self], presented: &[ClaimValue]) -> bool {
        if values.len() * presented.len() <= FEW {
            return presented.iter().any(|one| values.iter().any(|value| value.equals(one)));
        }
        let values: HashSet<Plain<'_>> = values.iter().map(Self::plain).collect();
        presented.iter().filter_map(plain).any(|one| values.contains(&one))
    }

    fn plain(&self) -> Plain<'_> {
        match self {
            Self::Bool(value) => Plain::Bool(*value),
            Self::Integer(value) => Plain::Integer(*value),
            Self::Text(value) => Plain::Text(value),
        }
    }

    /// The value as people read it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(value) => value.to_string(),
        }
    }
}

/// What a check accepts.
#[derive(Clone, Debug)]
pub(super) enum Accept {
    /// Any value of the right type.
    Any,
    /// One of these patterns.
    Globs(Box<[Glob]>),
    /// One of these values.
    OneOf(Box<[Value]>),
}

/// One check.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// The claim as the policy names it.
    pub(super) claim: Box<str>,
    /// What the preset knows of it.
    pub(super) spec: &'static ClaimSpec,
    /// How a token must write it: the preset's kind, narrowed for an anchor.
    pub(super) kind: ClaimKind,
    pub(super) accept: Accept,
    /// Ruled out, whatever is accepted.
    pub(super) reject: Box<[Value]>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The claim is not in the token.
    Absent,
    /// The claim is there, of the right type, and not accepted.
    Failed,
    /// The check holds.
    Passed,
    /// The claim is written otherwise than the platform's tokens do.
    WrongType,
}

impl Check {
    /// Whether the check holds.
    pub(super) fn passes(&self, claims: &Claims) -> bool {
        self.judge(self.presented(claims)) == Verdict::Passed
    }

    /// What the token presents; `null` is nothing.
    pub(super) fn presented<'c>(&self, claims: &'c Claims) -> Option<&'c ClaimValue> {
        self.spec.value(&self.claim, claims)
    }

    /// Judge what was presented.
    pub(super) fn judge(&self, presented: Option<&ClaimValue>) -> Verdict {
        let Some(value) = presented else { return Verdict::Absent };
        if !self.kind.accepts(value) {
            return Verdict::WrongType;
        }
        let values = match value {
            ClaimValue::List(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        if self.accepts(values) && !self.rejects(values) {
            Verdict::Passed
        } else {
            Verdict::Failed
        }
    }

    /// Whether it says what the claim must be, and not only what it must not be.
    pub(super) fn is_positive(&self) -> bool {
        !matches!(self.accept, Accept::Any)
    }

    /// Whether it says by an exact name which project calls: `acme/payments`. A file's
    /// name (`…@ref`) does not, because another project may call a reusable one; a list
    /// of groups says something about a person.
    pub(super) fn names_project(&self) -> bool {
        self.spec.trust == ClaimTrust::Name
            && self.spec.separators == "/"
            && self.kind == ClaimKind::Text
            && !self.exact().is_empty()
    }

    /// The exact values accepted; none for a glob or a mere `not`.
    pub(super) fn exact(&self) -> &[Value] {
        match &self.accept {
            Accept::OneOf(values) => values,
            Accept::Any | Accept::Globs(_) => &[],
        }
    }

    /// Whether one of the values is accepted.
    fn accepts(&self, values: &[ClaimValue]) -> bool {
        match &self.accept {
            Accept::Any => true,
            Accept::Globs(globs) => values
                .iter()
                .filter_map(ClaimValue::as_text)
                .any(|text| globs.iter().any(|glob| glob.matches(text))),
            Accept::OneOf(wanted) => Value::any_of(wanted, values),
        }
    }

    /// Whether one of the values is ruled out.
    pub(super) fn rejects(&self, values: &[ClaimValue]) -> bool {
        Value::any_of(&self.reject, values)
    }
}

/// What a policy can compare with; nothing else equals any value of it.
fn plain(presented: &ClaimValue) -> Option<Plain<'_>> {
    match presented {
        ClaimValue::Bool(value) => Some(Plain::Bool(*value)),
        ClaimValue::Integer(value) => Some(Plain::Integer(*value)),
        ClaimValue::Text(value) => Some(Plain::Text(value)),
        ClaimValue::List(_) | ClaimValue::Null | ClaimValue::Number(_) | ClaimValue::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_are_compared_as_few_are() {
        let presented = |count: i64| -> Vec<ClaimValue> {
            let text = (0..count).map(|at| ClaimValue::Text(at.to_string()));
            text.chain([ClaimValue::Null, ClaimValue::List(Vec::new())]).collect()
        };
        for count in [1, 400] {
            let unmet = [Value::Integer(0), Value::Bool(true), Value::Text("x".into())];
            assert!(!Value::any_of(&unmet, &presented(count)), "a number is no text");
            assert!(!Value::any_of(&[], &presented(count)));
            assert!(!Value::any_of(&unmet, &[]));
            for met in [Value::Text("0".into()), Value::Text((count - 1).to_string().into())] {
                let values = [&unmet[..], &[met]].concat();
                assert!(Value::any_of(&values, &presented(count)));
            }
            let values = [&unmet[..], &[Value::Integer(7)]].concat();
            let listed = [presented(count), vec![ClaimValue::Integer(7)]].concat();
            assert!(Value::any_of(&values, &listed));
        }
    }
}
