//! From an accepted connection to HTTP: who is let in, TLS, and the bounds of a connection.
//!
//! The framework's own server begins when TLS is done, and by then a stranger who never
//! speaks has had a place for seconds. So its parts are put together here, with the cap on
//! connections of one address in front of them.

use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{GracefulShutdownSignal, ServerBuilder};
use actix_service::{
    Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::App as HttpApp;
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::spawn;
use actix_web::web::{Data, get};
use tokio::net::TcpStream;

use super::Shared;
use crate::http::idle::{self, Connections};
use crate::http::overload::Pulse;
use crate::http::{health, metrics, openapi, request, routes};
use crate::net::{Admission, Stream, Ticket};

/// Where connections come in; cloned for each event loop.
#[derive(Clone)]
pub(super) struct Door {
    shared: Arc<Shared>,
    admission: Arc<Admission>,
    connections: Arc<Connections>,
    stopping: GracefulShutdownSignal,
}

impl Door {
    /// The door of a server that is being built.
    pub(super) fn new(shared: &Arc<Shared>, builder: &ServerBuilder) -> Self {
        let most = shared.config.limits.connections_per_address;
        let exempt = shared.config.server.trusted_proxies.clone();
        Self {
            shared: shared.clone(),
            admission: Admission::new(most, exempt, shared.edge.clock.clone()),
            connections: shared.edge.connections.clone(),
            stopping: builder.graceful_shutdown_signal(),
        }
    }

    /// The door to the metrics: at most so many connections of any address.
    pub(super) fn to_metrics(shared: &Arc<Shared>, builder: &ServerBuilder, most: usize) -> Self {
        Self {
            admission: Admission::new(most, Vec::new(), shared.edge.clock.clone()),
            // What is told of connections is about the others.
            connections: Arc::default(),
            ..Self::new(shared, builder)
        }
    }

    /// Serve the API over plain connections.
    pub(super) fn plain(&self) -> impl Serves<TcpStream> + use<> {
        let opened = fn_service(async |tcp| Ok::<_, ()>(Stream::plain(tcp)));
        self.guarded(opened.and_then(self.api()))
    }

    /// Serve it over TLS.
    pub(super) fn tls(&self, mut config: rustls::ServerConfig) -> impl Serves<TcpStream> + use<> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut acceptor = Acceptor::new(config);
        acceptor.set_handshake_timeout(self.shared.config.limits.header_time);
        let opened = acceptor.map_err(drop).map(|tls: TlsStream<TcpStream>| Stream::tls(tls));
        self.guarded(opened.and_then(self.api()))
    }

    /// Serve the metrics over plain connections.
    pub(super) fn metrics(&self) -> impl Serves<TcpStream> + use<> {
        let opened = fn_service(async |tcp| Ok::<_, ()>(Stream::plain(tcp)));
        let shared = &self.shared;
        let app = HttpApp::new()
            .app_data(shared.edge.clone())
            .app_data(shared.health.clone())
            .app_data(Data::from(shared.app.clone()))
            .wrap(from_fn(metrics::wrap))
            .route("/metrics", get().to(metrics::scrape));
        self.guarded(opened.and_then(self.http(app)))
    }

    /// Close what is too much; hold the place of everything else until it was served.
    fn guarded<S: Serves<TcpStream>>(&self, serve: S) -> impl Serves<TcpStream> + use<S> {
        let door = self.clone();
        apply_fn_factory(serve, move |tcp: TcpStream, next: &S::Service| {
            let served = door.admit(&tcp).map(|ticket| (ticket, next.call(tcp)));
            async move {
                match served {
                    Some((_ticket, serving)) => serving.await,
                    None => Ok(()),
                }
            }
        })
    }

    fn admit(&self, tcp: &TcpStream) -> Option<Ticket> {
        // One without a peer is gone already.
        let peer = tcp.peer_addr().ok()?;
        let ticket = self.admission.admit(peer.ip());
        if ticket.is_none() {
            self.connections.refuse();
        }
        ticket
    }

    fn api(&self) -> impl Serves<Stream> + use<> {
        let shared = &self.shared;
        spawn(segura_store::hand_out_answers());
        let app = HttpApp::new()
            .app_data(shared.edge.clone())
            .app_data(shared.health.clone())
            .app_data(Data::from(shared.app.clone()))
            .app_data(Pulse::start(&shared.edge.overload))
            .wrap(from_fn(request::wrap))
            .configure(health::configure)
            .configure(openapi::configure)
            .configure(routes::configure);
        self.http(app)
    }

    fn http<A: Answers>(&self, app: HttpApp<A>) -> impl Serves<Stream> + use<A> {
        let (shared, stopping) = (&self.shared, self.stopping.clone());
        let limits = &shared.config.limits;
        // An answer has as long to be read as a body has to be sent.
        let watch = idle::watch(
            limits.keep_alive.max(limits.body_time),
            shared.phase.subscribe(),
            self.connections.clone(),
        );
        let app = map_config(app, |()| AppConfig::default());
        let http = HttpService::build()
            .keep_alive(limits.keep_alive)
            .client_request_timeout(limits.header_time)
            .client_disconnect_timeout(DISCONNECT_TIME)
            // Hidden in the framework's documentation, and what its own server uses: without
            // it a server that stops waits for connections that are idle.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(move |stream: &Stream, data: &mut Extensions| {
                watch(stream, data);
                data.insert(stream.fragments());
            })
            .h1(app.map_err(|error: actix_web::Error| error.error_response()));
        let peer = |stream: Stream| {
            let peer = stream.tcp().peer_addr().ok();
            std::future::ready(Ok::<_, ()>((stream, peer)))
        };
        // What goes wrong on a connection is its peer's affair.
        fn_service(peer).and_then(http.map_err(drop))
    }
}

/// Answers requests.
trait Answers:
    ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    > + 'static
{
}

impl<A> Answers for A where
    A: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static
{
}

/// Serves connections of this kind to their end.
pub(super) trait Serves<C>:
    ServiceFactory<
        C,
        Config = (),
        Response = (),
        Error = (),
        InitError = (),
        Service: Service<C, Response = (), Error = (), Future: 'static>,
    >
{
}

impl<C, S> Serves<C> for S where
    S: ServiceFactory<
            C,
            Config = (),
            Response = (),
            Error = (),
            InitError = (),
            Service: Service<C, Response = (), Error = (), Future: 'static>,
        >
{
}

/// How long a client has to close after it was told that the connection ends.
const DISCONNECT_TIME: Duration = Duration::from_secs(2);
