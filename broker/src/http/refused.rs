//! A refusal as an answer: the problem with its id and what its owner may know.

use super::error::ApiError;
use crate::service::refusals::Refusing;

/// The answer to an error that may be a refusal.
pub(super) fn refused<E: Refusing + 'static>(error: E) -> ApiError {
    let refusal = error.refusal().cloned();
    let answer = ApiError::from(error);
    let Some(refusal) = refusal else { return answer };
    answer
        .denial(refusal.denial)
        .checks(refusal.checks)
        .secrets(refusal.secrets)
        .session(refusal.session)
}
