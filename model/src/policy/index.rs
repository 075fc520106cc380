//! Policies by what they demand exactly.
//!
//! Each policy stands under the values of one exact check, the one that the fewest other
//! policies share; a lookup reads one row for each claim that is so used, however many
//! policies there are. The trap: a row only narrows the search. Whether a policy matches is
//! decided by its checks alone, so a row may hold too many and never too few.
//!
//! A list is looked up by each of its elements, and a policy may stand under many of them.
//! It is found once all the same: to match it costs more than to find it, and a token of
//! five hundred groups must not multiply that.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
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
    policies: Vec<Arc<TrustPolicy>>,
    /// Places in `policies`, by the text of the value. What is written otherwise there, `7`
    /// or `"7"`, shares a row.
    rows: HashMap<Box<str>, Vec<usize>>,
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

    /// The policies that may be meant: all that are, and few others, each once.
    pub(super) fn find(&self, claims: &Claims) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        self.columns.iter().flat_map(move |column| column.find(claims)).chain(&self.rest)
    }

    fn put(&mut self, check: &Check, policy: &Arc<TrustPolicy>) {
        let same = |column: &Column| {
            column.claim == check.claim && column.spec.pointer == check.spec.pointer
        };
        let at = self.columns.iter().position(same).unwrap_or_else(|| {
            let (claim, spec) = (check.claim.clone(), check.spec);
            self.columns.push(Column { claim, spec, policies: Vec::new(), rows: HashMap::new() });
            self.columns.len() - 1
        });
        self.columns[at].put(check.exact(), policy);
    }
}

impl Column {
    fn put(&mut self, values: &[Value], policy: &Arc<TrustPolicy>) {
        let place = self.policies.len();
        self.policies.push(Arc::clone(policy));
        for value in values {
            let row = self.rows.entry(value.text().into()).or_default();
            // One id written twice must not list the policy twice.
            if row.last() != Some(&place) {
                row.push(place);
            }
        }
    }

    fn find(&self, claims: &Claims) -> impl Iterator<Item = &Arc<TrustPolicy>> {
        let rows = self.rows_of(claims);
        // Within one row each is there once.
        let repeats = rows.len() > 1;
        let mut found = vec![false; if repeats { self.policies.len() } else { 0 }];
        rows.into_iter()
            .flatten()
            .filter(move |place| !repeats || !std::mem::replace(&mut found[**place], true))
            .map(|place| &self.policies[*place])
    }

    /// The rows of what is presented, each once.
    fn rows_of(&self, claims: &Claims) -> Vec<&[usize]> {
        let row = |text: &str| self.rows.get(text).map(Vec::as_slice);
        match self.spec.value(&self.claim, claims) {
            Some(ClaimValue::List(elements)) => {
                let texts: BTreeSet<Cow<'_, str>> = elements.iter().map(text).collect();
                texts.iter().filter_map(|text| row(text)).collect()
            }
            Some(value) => row(&text(value)).into_iter().collect(),
            None => Vec::new(),
        }
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
