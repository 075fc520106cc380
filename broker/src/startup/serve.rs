//! The listeners and the HTTP servers on them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server as HttpTask, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, get};
use actix_web::{App as HttpApp, HttpServer};

use super::{Shared, StartError};
use crate::config::{Config, Limits};
use crate::http::phase::Phase;
use crate::http::{health, idle, metrics, openapi, request, routes};
use crate::net::listen;
use crate::tls::{Certificates, server_config};

/// What is listened on.
pub(super) struct Sockets {
    main: TcpListener,
    metrics: Option<TcpListener>,
    tls: Option<rustls::ServerConfig>,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
}

impl Sockets {
    /// Open the listeners; from now on connections wait for the server to run.
    pub(super) fn open(
        config: &Config,
        certificates: Option<Arc<Certificates>>,
    ) -> Result<Self, StartError> {
        let main = listen(config.server.listen, config.limits.backlog)?;
        let metrics = match config.server.metrics_listen {
            Some(address) => Some(listen(address, METRICS_BACKLOG)?),
            None => None,
        };
        let local = |listener: &TcpListener| listener.local_addr().map_err(StartError::Serve);
        Ok(Self {
            address: local(&main)?,
            metrics_address: metrics.as_ref().map(local).transpose()?,
            tls: certificates.map(server_config).transpose()?,
            main,
            metrics,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }
}

/// Serve until `stop` completes, then leave in order: say so and serve on for
/// `limits.drain_time`, then take nothing new and let running requests finish.
pub(super) async fn serve(
    sockets: Sockets,
    shared: &Arc<Shared>,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    tracing::info!(address = %sockets.address, tls = sockets.tls.is_some(), "serving");
    let mut main = main_server(sockets.main, sockets.tls, shared).map_err(StartError::Serve)?;
    let metrics = match sockets.metrics {
        Some(listener) => Some(metrics_server(listener, shared).map_err(StartError::Serve)?),
        None => None,
    };
    let metrics: Option<ServerHandle> = metrics.map(|server| {
        let handle = server.handle();
        tokio::spawn(server);
        handle
    });
    let handle = main.handle();
    let served = tokio::select! {
        ended = &mut main => ended,
        () = stop => {
            let drain = shared.config.limits.drain_time;
            tracing::info!(seconds = drain.as_secs(), "stopping: /readyz says so from now on");
            shared.phase.send_replace(Phase::Leaving);
            tokio::time::sleep(drain).await;
            shared.phase.send_replace(Phase::Closing);
            let (ended, ()) = tokio::join!(main, handle.stop(true));
            ended
        }
    };
    if let Some(metrics) = metrics {
        metrics.stop(false).await;
    }
    served.map_err(StartError::Serve)
}

/// Set every bound that the framework has. A macro, because the type of a server names a
/// trait that the framework does not let others name.
macro_rules! bounded {
    ($server:expr, $limits:expr, $workers:expr) => {
        $server
            .workers($workers)
            .max_connections($limits.connections.div_ceil($workers))
            .max_connection_rate($limits.handshakes)
            .tls_handshake_timeout($limits.header_time)
            .client_request_timeout($limits.header_time)
            .client_disconnect_timeout(DISCONNECT_TIME)
            .keep_alive($limits.keep_alive)
            .shutdown_timeout($limits.shutdown_time.as_secs())
            .disable_signals()
    };
}

fn main_server(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    shared: &Arc<Shared>,
) -> std::io::Result<HttpTask> {
    let limits = shared.config.limits.clone();
    let workers = limits.workers.unwrap_or_else(processors);
    let (phase, shared) = (shared.phase.subscribe(), shared.clone());
    let server = HttpServer::new(move || {
        HttpApp::new()
            .app_data(shared.edge.clone())
            .app_data(shared.health.clone())
            .app_data(Data::from(shared.app.clone()))
            .wrap(from_fn(request::wrap))
            .configure(health::configure)
            .configure(openapi::configure)
            .configure(routes::configure)
    });
    // An answer has as long to be read as a body has to be sent.
    let idle = limits.keep_alive.max(limits.body_time);
    let server = bounded!(server, &limits, workers).on_connect(idle::watch(idle, phase));
    match tls {
        Some(config) => Ok(server.listen_rustls_0_23(listener, config)?.run()),
        None => Ok(server.listen(listener)?.run()),
    }
}

fn metrics_server(listener: TcpListener, shared: &Arc<Shared>) -> std::io::Result<HttpTask> {
    let limits = Limits { connections: METRICS_CONNECTIONS, ..shared.config.limits.clone() };
    let (metrics, health) = (Data::from(shared.metrics.clone()), shared.health.clone());
    let server = HttpServer::new(move || {
        HttpApp::new()
            .app_data(metrics.clone())
            .app_data(health.clone())
            .route("/metrics", get().to(metrics::scrape))
    });
    Ok(bounded!(server, &limits, 1).listen(listener)?.run())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How long a client has to close after it was told that the connection ends.
const DISCONNECT_TIME: Duration = Duration::from_secs(2);
const METRICS_BACKLOG: i32 = 16;
const METRICS_CONNECTIONS: usize = 32;
