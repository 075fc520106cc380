//! What the server writes about itself: JSON lines on standard error.
//!
//! One line per request (`http::request`), one line per fault with its whole chain, and
//! what jobs do. `docs/LOGGING.md` names every field. No token, secret, body or claim
//! beyond `iss`, `sub` and `jti` is ever a field; bearers of those have no `Debug` that
//! would print them.

use std::error::Error;
use std::fmt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, Telemetry};

/// Install the process's logger. Fails when one is installed already.
pub fn init(config: &Telemetry) -> Result<(), TryInitError> {
    // Dependencies speak up when something is wrong; the level is ours to turn. actix-http
    // calls every broken request of a stranger an error, and has no other.
    let filter = EnvFilter::new(format!(
        "warn,actix_http=off,segura={0},segura_broker={0},segura_store={0},segura_vault={0}",
        config.level
    ));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
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
