//! What hindered a batch, and whether it passes.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::order::Order;
use crate::StoreError;

/// Why orders could not be written.
pub(super) struct Failure {
    /// The orders, if it may help to try them one by one.
    pub(super) orders: Vec<Order>,
    pub(super) error: StoreError,
    /// Whether it is something that passes, rather than a fault of an order.
    pub(super) passes: bool,
}

impl Failure {
    /// Of all of them alike.
    pub(super) fn for_all(error: StoreError) -> Self {
        Self { orders: Vec::new(), error, passes: true }
    }
}

/// Whether the same statements can succeed later.
///
/// diesel has no kind for a deadlock (40P01), and the text of the error is in the server's
/// language; so every error of no known kind is tried again.
pub(super) fn passes(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::ReadOnlyTransaction
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::Unknown,
            _,
        ) | DieselError::RollbackTransaction
    )
}
