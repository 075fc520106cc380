//! What the server writes about itself: JSON lines on standard error, and, when switched
//! on, traces.
//!
//! One line per request (`http::request`), one line per fault with its whole chain, and
//! what jobs do. `docs/LOGGING.md` names every field. No token, secret, body or claim
//! beyond `iss`, `sub` and `jti` is ever a field; bearers of those have no `Debug` that
//! would print them.

pub(crate) mod traces;

use std::error::Error;
use std::fmt;

use segura_plugins::Env;
use tracing::Subscriber;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, filter};

use crate::config::{LogFormat, Telemetry};
use crate::net::{CollectorError, OutboundProxy, ProxyError};

pub(crate) use segura_store::TRACES;
pub use traces::Traces;

/// The process cannot tell about itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The collector cannot be spoken to with these settings.
    #[error("traces cannot be sent: see `telemetry.otlp_endpoint` and `telemetry.otlp_ca_file`")]
    Collector(#[from] CollectorError),
    /// There is a logger already.
    #[error("the process has a logger already")]
    Installed(#[from] TryInitError),
    /// The environment's proxy is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// Install the process's logger and, if they are on, traces: they are being sent until what
/// comes back is dropped. Fails when a logger is installed already.
pub fn init(config: &Telemetry, env: &dyn Env) -> Result<Option<Traces>, TelemetryError> {
    // Dependencies speak up when something is wrong; the level is ours to turn. actix-http
    // calls every broken request of a stranger an error, and has no other. Spans of traces
    // are below all that.
    let level = EnvFilter::new(format!(
        "warn,actix_http=off,segura={0},segura_broker={0},segura_store={0},segura_vault={0}",
        config.level
    ));
    let Some(settings) = &config.traces else {
        // The only filter, and a global one: what it leaves out costs a look at an atomic.
        Registry::default().with(level).with(lines(config.format)).try_init()?;
        return Ok(None);
    };
    let (traces, spans) = traces::start(settings, &OutboundProxy::from_env(env)?)?;
    // Spans alone: a line of the log, which may hold a caller's text, is never part of one.
    let only_ours = filter::filter_fn(|it| it.is_span() && it.target() == TRACES);
    Registry::default()
        .with(lines(config.format).with_filter(level))
        .with(spans.with_filter(only_ours))
        .try_init()?;
    Ok(Some(traces))
}

/// What writes the lines of the log.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(false).boxed(),
    }
}

/// An error with everything that caused it, on one line.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the door is shut")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_chain_is_one_line() {
        let error = Outer(std::io::Error::other("no key"));
        assert_eq!(Chain(&error).to_string(), "the door is shut: no key");
    }
}
