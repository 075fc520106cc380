//! The trace that a caller is in: `traceparent` (W3C Trace Context, level 1).
//!
//! A caller can so choose the trace that its own request is shown in, and nothing else:
//! `tracestate` and baggage, which are free text, are not read. What is not exactly of
//! version 00 is as if it were not there; the library's own reader lets more pass.

use actix_web::http::header::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The caller's span, if it names one, and one alone.
pub(super) fn of(headers: &HeaderMap) -> Option<SpanContext> {
    let mut given = headers.get_all("traceparent");
    let first = given.next()?;
    if given.next().is_some() {
        return None;
    }
    parse(first.to_str().ok()?)
}

/// `00-<32 hex>-<16 hex>-<2 hex>` in small letters, neither id zero.
fn parse(text: &str) -> Option<SpanContext> {
    // Bounded before it is looked at.
    if text.len() != LENGTH {
        return None;
    }
    let mut parts = text.split('-');
    let [version, trace, span, flags] = [(); 4].map(|()| parts.next().unwrap_or_default());
    let small_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let formed = version == "00"
        && small_hex(trace, 32)
        && small_hex(span, 16)
        && small_hex(flags, 2)
        && parts.next().is_none();
    if !formed {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(values: &[&str]) -> HeaderMap {
        let name = HeaderName::from_static("traceparent");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_well_formed_parent_is_taken() {
        let parent = of(&headers(&[GOOD])).unwrap();
        assert_eq!(parent.trace_id().to_string(), TRACE);
        assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
        assert!(parent.is_remote() && parent.is_sampled());
        let not_sampled = of(&headers(&[&GOOD.replace("-01", "-00")])).unwrap();
        assert!(!not_sampled.is_sampled());
        let other_flags = of(&headers(&[&GOOD.replace("-01", "-ff")])).unwrap();
        assert_eq!(other_flags.trace_flags(), TraceFlags::SAMPLED);
    }

    #[test]
    fn anything_else_is_as_if_it_were_not_there() {
        for bad in [
            String::new(),
            "-".repeat(LENGTH),
            GOOD.replace("00-4", "01-4"),
            GOOD.replace("00-4", "ff-4"),
            GOOD.replace('b', "B"),
            format!("{GOOD}-x"),
            GOOD.replace("-01", "-+1"),
            GOOD.replace("-01", "--1"),
            GOOD.replace(TRACE, &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            "0".repeat(100_000),
        ] {
            assert!(of(&headers(&[&bad])).is_none(), "{bad:.80}");
        }
        assert!(of(&headers(&[])).is_none());
        assert!(of(&headers(&[GOOD, GOOD])).is_none(), "which of them?");
    }
}
