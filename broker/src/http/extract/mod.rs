//! One extractor a file: a handler's arguments are valid before it runs.
//!
//! Adding an extractor: implement `FromRequest` with [`ApiError`](super::error::ApiError)
//! as its error, and read bodies through `body` only, which bounds size and time.

mod bearer;
mod body;
mod client_addr;
mod credential;
mod form;
mod json;
mod named;
mod operator;
mod origin;
mod query;
mod request_id;
mod secret_path;

pub use bearer::Bearer;
pub use client_addr::ClientAddr;
pub use form::FormBody;
pub use json::StrictJson;
pub use named::Named;
pub(super) use origin::origin_of;
pub use query::StrictQuery;
pub(super) use query::page_size;
pub use request_id::RequestId;
pub use secret_path::PathOfSecret;
