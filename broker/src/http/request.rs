//! Around every request: its id, what is refused before routing, and the one log line.
//!
//! Refused here are targets that two readers could understand differently: a path with
//! percent-encoding, which the router would decode and nothing in a path of ours needs,
//! empty and dot segments, a raw `#`, an authority other than ours. With the disk nearly
//! full the two exchange routes stop here, while operators can still work. More than the
//! server can do stops here too (`overload`), without a line of its own: a log of refusals
//! would be a load.

mod last;
mod line;
mod unread;

use std::rc::Rc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError};
use segura_model::Class;
use tracing::Instrument;

use self::line::{Line, OVERLOADED};
use super::error::ApiError;
use super::limits::{Edge, MAX_TARGET};
use super::overload::{Place, Pulse, Why};
use super::routes;
use crate::jobs::DiskLow;
use crate::net::Fragments;

pub use line::note_caller;
#[cfg(test)]
pub(in crate::http) use line::noted_caller;

/// Wrap a request; to be used with `middleware::from_fn`.
pub async fn wrap<B: MessageBody + 'static>(
    edge: Data<Edge>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    detach(&mut request);
    let mut line = Line::start(&edge, &request);
    let screened = if line.last.was_before() { Err(closing()) } else { screen(&request, &edge) };
    if let Err(error) = screened {
        line.trace(&request);
        unread::discard(request.take_payload()).await;
        let response = line.finish(error.error_response());
        return Ok(request.into_response(response));
    }
    let (route, queue) = routes::place(request.method(), request.path(), request.headers());
    line.route = route;
    let pulse = request.app_data::<Rc<Pulse>>().cloned();
    let place = match Place::take(&edge.overload, queue, pulse) {
        Ok(place) => place,
        Err(why) => {
            unread::discard(request.take_payload()).await;
            let response = line.finish(overloaded(why).error_response());
            return Ok(request.into_response(response));
        }
    };
    request.extensions_mut().insert(Rc::clone(&place));
    line.trace(&request);
    let answered = next.call(request).instrument(line.span.clone()).await;
    // Not held while the answer is sent.
    place.leave();
    match answered {
        Ok(response) => {
            let (request, response) = response.into_parts();
            let response = line.finish(response.map_into_boxed_body());
            Ok(ServiceResponse::new(request, response))
        }
        // Of a middleware inside, such as the guard of a route.
        Err(error) => {
            let response = line.finish(error.error_response());
            Err(InternalError::from_response("refused", response).into())
        }
    }
}

/// Let go of the buffer that the request came in.
///
/// The framework keeps the heads of finished requests to use them again, and a value in
/// them would keep the whole buffer: bodies with secrets as well, until after the
/// connection has ended. What is freed is wiped.
fn detach(request: &mut ServiceRequest) {
    request.head_mut().headers.retain(|_, value| {
        // What was a value is one; should it not be, it goes.
        let copy = HeaderValue::from_bytes(value.as_bytes());
        copy.map(|copy| *value = copy).is_ok()
    });
}

/// Refuse what must not reach routing.
fn screen(request: &ServiceRequest, edge: &Edge) -> Result<(), ApiError> {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > MAX_TARGET {
        let detail = format!("the path and query may have at most {MAX_TARGET} bytes");
        return Err(ApiError::new(Class::bad_request("target-too-long"), detail));
    }
    if uri.authority().is_some() || uri.scheme().is_some() {
        let detail = "send the path alone, as clients of an origin server do";
        return Err(ApiError::new(Class::bad_request("target-absolute"), detail));
    }
    if was_cut(request) {
        let detail = "the target has a raw `#`, after which readers differ: in a query write `%23`";
        return Err(ApiError::new(Class::bad_request("target-fragment"), detail));
    }
    if !is_plain_path(uri.path()) {
        let detail = "the path has percent-encoding, an empty or dot segment, a backslash, or \
                      bytes outside ASCII";
        return Err(ApiError::new(Class::bad_request("path-ambiguous"), detail));
    }
    if EXCHANGES.contains(&uri.path()) {
        edge.disk.check().map_err(|low| disk_low(&low))?;
    }
    Ok(())
}

fn closing() -> ApiError {
    let detail = "the answer before was this connection's last: send it again on another one";
    ApiError::new(Class::unavailable("connection-closing"), detail)
}

fn was_cut(request: &ServiceRequest) -> bool {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let fragments = request.conn_data::<Rc<Fragments>>();
    fragments.is_some_and(|found| found.may_have_cut(request.method().as_str(), target))
}

fn is_plain_path(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"%\\".contains(&byte));
    let fine = |rest: &str| rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    plain && (path == "/" || path.strip_prefix('/').is_some_and(fine))
}

/// Unlike other faults it is told in words: an operator must know what to free.
fn disk_low(low: &DiskLow) -> ApiError {
    ApiError::new(Class::unavailable("disk-low"), low.to_string())
}

/// The answer to what is more than the server can do.
fn overloaded(why: Why) -> ApiError {
    let detail = match why {
        Why::Operators => "operators have more requests open than the server serves at once",
        Why::EventLoop | Why::Requests | Why::Writer => {
            "the server has more requests than it can serve now: try again in a few seconds"
        }
    };
    ApiError::new(Class::unavailable(OVERLOADED), detail)
}

/// The place of this request among those that are served.
pub(in crate::http) fn place(request: &HttpRequest) -> Option<Rc<Place>> {
    request.extensions().get::<Rc<Place>>().cloned()
}

/// Come back to a place that was left.
pub(in crate::http) fn come_back(place: &Place) -> Result<(), ApiError> {
    place.come_back().map_err(overloaded)
}

/// Say, before a refusal is written, that this request is no operator's.
pub(in crate::http) fn move_to_jobs(request: &HttpRequest) -> Result<(), ApiError> {
    place(request).map_or(Ok(()), |place| place.move_to_jobs().map_err(overloaded))
}

/// The routes that stop when the disk is nearly full.
const EXCHANGES: [&str; 2] = ["/api/v2/deliveries", "/oauth2/token"];

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::http) use tests::edge_behind;
