//! The body of a request that is refused by its head.
//!
//! A connection whose request was not read to its end must be closed after the answer. To a
//! client that comes again, and to an overloaded server, a new connection is dearer than the
//! refusal. So what has arrived of the body is taken off the connection first; for what has
//! not nobody waits.

use std::future::poll_fn;
use std::task::Poll;

use actix_web::dev::Payload;
use futures::StreamExt;

/// Discard what has arrived of this body. The connection hands it on only after the
/// request's first turn, so one turn is waited for.
pub(super) async fn discard(mut body: Payload) {
    if matches!(body, Payload::None) {
        return;
    }
    let mut waited = false;
    poll_fn(|context| {
        loop {
            match body.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if waited => return Poll::Ready(()),
                Poll::Pending => {
                    waited = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    })
    .await;
}
