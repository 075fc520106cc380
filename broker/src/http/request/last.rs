//! Whether an answer is its connection's last.
//!
//! It is when the server stops; when the connection brought what may have been a request
//! with a raw `#`, for that would be held against the callers who follow when a proxy keeps
//! the connection; and when the request came in chunks, of which some may follow the
//! answer, with such text in them.

use std::rc::Rc;

use actix_web::HttpMessage;
use actix_web::dev::{ResponseHead, ServiceRequest};
use actix_web::http::ConnectionType;

use crate::http::idle::{self, Serving};
use crate::net::Fragments;

/// What decides about that, of one request.
pub(super) struct Last {
    serving: Option<Serving>,
    fragments: Option<Rc<Fragments>>,
    has_chunks: bool,
}

impl Last {
    /// From now on the connection serves this request.
    pub(super) fn of(request: &ServiceRequest) -> Self {
        Self {
            serving: idle::serving(request),
            fragments: request.conn_data::<Rc<Fragments>>().cloned(),
            has_chunks: request.chunked().unwrap_or(true),
        }
    }

    /// Whether the answer before was to be the connection's last: a client that sent on
    /// without waiting is to be served elsewhere.
    pub(super) fn was_before(&self) -> bool {
        self.fragments.as_ref().is_some_and(|found| found.is_closing())
    }

    /// Tell the client, if it is.
    pub(super) fn mark(&self, answer: &mut ResponseHead) {
        let found = self.fragments.as_ref().filter(|found| self.has_chunks || found.any());
        if let Some(found) = found {
            found.close();
        }
        let stops = self.serving.as_ref().is_some_and(Serving::is_last);
        if found.is_some() || stops {
            answer.set_connection_type(ConnectionType::Close);
        }
    }
}
