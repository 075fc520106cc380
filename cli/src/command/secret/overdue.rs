//! A version that is older than its secret's maximum age: given still, and said to be so.

use segura_model::SecretPath;
use segura_model::duration::Seconds;

use crate::print;

/// Warn if it is overdue.
pub(super) fn warn(path: &SecretPath, max_age: Option<Seconds>, overdue: bool) {
    if let Some(age) = max_age.filter(|_| overdue) {
        print::warning(&format!("{path} is older than {age}, its maximum age: replace it"));
    }
}
