//! Policies by what they demand exactly.
//!
//! Each policy stands under the values of one exact check, the one that the fewest other
//! policies share; a lookup reads one row for each claim that is so used, however many
//! policies there are. The trap: a row only narrows the search. Whether a policy matches is
//! decided by its checks alone, so a row may hold too many and never too few.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::check::{Check, Value};
use super::trust::TrustPolicy;
use crate::claims::{ClaimValue, Claims};
use crate::preset::ClaimSpec;

/// Which checks policies are indexed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Those of the anchor: who carries the ids of one is found.
    Anchor,
    /// All that must pass: who matches is found.
    Demand,
}

/// Some policies of one issuer entry.
#[derive(Debug, Default)]
pub(super) struct Index {
    columns: Vec<Column>,
    /// Those that demand nothing exactly: each lookup finds them all.
    rest: Vec<Arc<TrustPolicy>>,
}

/// The policies that are indexed by one claim.
#[derive(Debug)]
struct Column {
    claim: Box<str>,
    spec: &'static ClaimSpec,
    /// By the text of the value. What is written otherwise there, `7` or `"7"`, shares a row.
    rows: HashMap<Box<str>, Vec<Arc<TrustPolicy>>>,
}

impl Index {
    /// Index these policies.
    pub(super) fn of<'p>(
        policies: impl Iterator<Item = &'p Arc<TrustPolicy>> + Clone,
        by: By,
    ) -> Self {
        let mut crowds: HashMap<(&str, &Value), usize> = HashMap::new();
        for check in policies.clone().flat_map(|policy| demands(policy, by)) {
            for value in check.exact() {
                *crowds.entry((&check.claim, value)).or_default() += 1;
            }
        }
        let crowd =
            |check: &Check| check.exact().iter().map(|value| crowds[&(&*check.claim, value)]).max();
        let mut index = Self::default();
        for policy in policies {
            match demands(policy, by).min_by_key(|check| crowd(check)) {
                Some(check) => index.put(check, policy),
                None => index.rest.push(Arc::clone(policy)),
            }
        }
        index
    }

    /// The policies that may be meant: all that are, and few others. One that is found by
    /// an element of a list may come more than once.
    pub(super) fn find(&self, claims: &Claims) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.columns.iter().flat_map(move |column| column.find(claims)).chain(&self.rest)
    }

    fn put(&mut self, check: &Check, policy: &Arc<TrustPolicy>) {
        let same = |column: &Column| {
            column.claim == check.claim && column.spec.pointer == check.spec.pointer
        };
        let at = self.columns.iter().position(same).unwrap_or_else(|| {
            let (claim, spec) = (check.claim.clone(), check.spec);
            self.columns.push(Column { claim, spec, rows: HashMap::new() });
            self.columns.len() - 1
        });
        for value in check.exact() {
            let row = self.columns[at].rows.entry(value.text().into()).or_default();
            // One id written twice must not list the policy twice.
            if !row.last().is_some_and(|last| Arc::ptr_eq(last, policy)) {
                row.push(Arc::clone(policy));
            }
        }
    }
}

impl Column {
    fn find(&self, claims: &Claims) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        let presented = match self.spec.value(&self.claim, claims) {
            Some(ClaimValue::List(elements)) => elements.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        presented.iter().filter_map(|value| self.rows.get(&*text(value))).flatten()
    }
}

/// The exact checks without which a policy is not found.
fn demands(policy: &TrustPolicy, by: By) -> impl Iterator<Item = &Check> {
    let others: &[Check] = match by {
        By::Anchor => &[],
        By::Demand => &policy.checks,
    };
    policy.anchor.iter().chain(others).filter(|check| !check.exact().is_empty())
}

fn text(value: &ClaimValue) -> Cow<'_, str> {
    match value {
        ClaimValue::Text(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
