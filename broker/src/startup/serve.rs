//! The listeners and the HTTP servers on them.

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;

use actix_server::ServerBuilder;
use actix_tls::accept::max_concurrent_tls_connect;
use actix_web::dev::{Server as HttpTask, ServerHandle};
use futures::FutureExt;
use tokio::task::JoinHandle;

use super::door::Door;
use super::{Shared, StartError};
use crate::config::Config;
use crate::http::phase::Phase;
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
        let main = listen(config.server.listen, "server.listen", config.limits.backlog)?;
        let metrics = match config.server.metrics_listen {
            Some(address) => Some(listen(address, "server.metrics_listen", METRICS_BACKLOG)?),
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
/// `limits.drain_time`, then take nothing new and let running requests finish. When `lost`
/// completes, at any moment, there is nothing to serve on with: only the last part is left.
///
/// The server is polled all the while: it replaces workers that died.
pub(super) async fn serve(
    sockets: Sockets,
    shared: &Arc<Shared>,
    stop: impl Future<Output = ()>,
    lost: impl Future<Output = ()>,
) -> Result<(), StartError> {
    tracing::info!(address = %sockets.address, tls = sockets.tls.is_some(), "serving");
    let mut main = main_server(sockets.main, sockets.tls, shared).map_err(StartError::Serve)?;
    let metrics = match sockets.metrics {
        Some(listener) => Some(metrics_server(listener, shared).map_err(StartError::Serve)?),
        None => None,
    };
    let mut metrics = metrics.map(|server| (server.handle(), tokio::spawn(server)));
    let handle = main.handle();
    let mut lost = pin!(lost.fuse());
    let drained = async {
        stop.await;
        let drain = shared.config.limits.drain_time;
        tracing::info!(seconds = drain.as_secs(), "stopping: /readyz says so from now on");
        shared.phase.send_replace(Phase::Leaving);
        tokio::time::sleep(drain).await;
    };
    let ended = tokio::select! {
        ended = &mut main => Some(ended),
        () = drained => None,
        () = &mut lost => None,
        () = lost_metrics(metrics.as_mut().map(|(_, task)| task), shared) => None,
    };
    let served = if let Some(ended) = ended {
        ended
    } else {
        shared.phase.send_replace(Phase::Closing);
        close(main, &handle, lost).await
    };
    if let Some((metrics, _)) = metrics {
        metrics.stop(false).await;
    }
    served.map_err(StartError::Serve)
}

/// Says when the listener of the metrics ends by itself, and never does more: secrets are
/// served without it.
async fn lost_metrics(task: Option<&mut JoinHandle<std::io::Result<()>>>, shared: &Shared) {
    if let Some(task) = task {
        let why = match task.await {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        shared.app.faults().add("the listener of the metrics", &why);
    }
    std::future::pending::<()>().await;
}

/// Let running requests finish. That the writer is lost meanwhile is only to be known of: it
/// fails what runs by itself.
async fn close(
    main: HttpTask,
    handle: &ServerHandle,
    lost: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let closed = async { tokio::join!(main, handle.stop(true)).0 };
    let lost = async {
        lost.await;
        std::future::pending().await
    };
    tokio::select! {
        ended = closed => ended,
        never = lost => never,
    }
}

fn main_server(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    shared: &Arc<Shared>,
) -> std::io::Result<HttpTask> {
    let limits = &shared.config.limits;
    let workers = limits.workers.unwrap_or_else(processors);
    max_concurrent_tls_connect(limits.handshakes);
    let builder = ServerBuilder::default()
        .workers(workers)
        .max_concurrent_connections(limits.connections.div_ceil(workers))
        .shutdown_timeout(limits.shutdown_time.as_secs())
        .disable_signals();
    let door = Door::new(shared, &builder);
    let builder = match tls {
        Some(config) => builder.listen("main", listener, move || door.tls(config.clone()))?,
        None => builder.listen("main", listener, move || door.plain())?,
    };
    Ok(builder.run())
}

fn metrics_server(listener: TcpListener, shared: &Arc<Shared>) -> std::io::Result<HttpTask> {
    let builder = ServerBuilder::default()
        .workers(1)
        .max_concurrent_connections(METRICS_CONNECTIONS)
        .shutdown_timeout(shared.config.limits.shutdown_time.as_secs())
        .disable_signals();
    let door = Door::to_metrics(shared, &builder, METRICS_PER_ADDRESS);
    Ok(builder.listen("metrics", listener, move || door.metrics())?.run())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const METRICS_BACKLOG: i32 = 16;
const METRICS_CONNECTIONS: usize = 32;
/// Whoever looks has one or two, and nobody is to keep the others out.
const METRICS_PER_ADDRESS: usize = 8;
