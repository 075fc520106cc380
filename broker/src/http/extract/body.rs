//! A request's body, bounded in size and time.
//!
//! A compressed body is refused before it is read: a decompressor turns two megabytes
//! into two gigabytes, and no client of ours compresses.

use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Data};
use futures::StreamExt;
use segura_model::Class;

use super::credential::ShownCredential;
use crate::http::error::ApiError;
use crate::http::limits::Edge;
use crate::http::overload::Place;
use crate::http::request;

/// What is known before the body is read.
pub(super) struct BodyRules {
    limit: usize,
    time: Duration,
    place: Option<Rc<Place>>,
    credential: Option<ShownCredential>,
}

impl BodyRules {
    /// Check the headers of a request whose body must be of this media type.
    pub(super) fn check(
        request: &HttpRequest,
        media_type: &'static str,
        limit: usize,
    ) -> Result<Self, ApiError> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        if header(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(bad("body-encoded", "send the body without a `Content-Encoding`"));
        }
        let essence = header(CONTENT_TYPE).map(|text| text.split(';').next().unwrap_or("").trim());
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(media_type)) {
            return Err(bad("body-type", format!("the `Content-Type` must be `{media_type}`")));
        }
        let length = header(CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let edge = request.app_data::<Data<Edge>>();
        let time = edge.map_or(DEFAULT_TIME, |edge| edge.body_time);
        let credential = ShownCredential::of(request)?;
        Ok(Self { limit, time, place: request::place(request), credential })
    }

    /// Read the body. Whoever is slow to send it has no place among those served meanwhile, and an
    /// operator must still be one afterwards.
    pub(super) async fn read(&self, payload: Payload) -> Result<Bytes, ApiError> {
        let late = |_| bad("body-late", "the body did not arrive in time");
        if let Some(place) = &self.place {
            place.leave();
        }
        let body = tokio::time::timeout(self.time, self.collect(payload)).await.map_err(late)??;
        if let Some(place) = &self.place {
            request::come_back(place)?;
        }
        if let Some(credential) = &self.credential {
            credential.demand().await?;
        }
        Ok(body)
    }

    async fn collect(&self, mut payload: Payload) -> Result<Bytes, ApiError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| bad("body-broken", "the body ended before its end"))?;
            if body.len() + chunk.len() > self.limit {
                return Err(too_large(self.limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

pub(super) fn bad(code: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::new(Class::bad_request(code), detail)
}

fn too_large(limit: usize) -> ApiError {
    let detail = format!("the body of this request may have at most {limit} bytes");
    ApiError::new(Class::too_large("body-too-large"), detail)
}

const DEFAULT_TIME: Duration = Duration::from_secs(10);
