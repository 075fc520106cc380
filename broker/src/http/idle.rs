//! Connections on which nothing is served are closed, whatever trickles in.
//!
//! The framework bounds the head of a connection's first request only, and drains a chunked
//! body that no handler has read for as long as the caller likes (actix-http 3.20). One
//! caller that sends a byte now and then, or none at all, could so hold every connection
//! there is. So each connection has a watch of its own, on the event loop that serves it,
//! and requests tell it when they begin and end. When the server stops, idle ones are closed
//! at once: the framework would wait for their clients.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream as Accepted;
use actix_web::rt::task::JoinHandle;

use super::phase::{Phase, PhaseReceiver};

/// One connection, for as long as the framework keeps it.
struct Connection {
    /// A second handle, as the framework lends its own only when the connection begins.
    socket: TcpStream,
    is_serving: Cell<bool>,
    /// When it last began or ended to serve a request.
    since: Cell<Instant>,
    phase: PhaseReceiver,
    watch: OnceCell<JoinHandle<()>>,
}

/// A request is being served: its connection is not idle until this is dropped.
pub struct Serving(Rc<Connection>);

/// What is done with every new connection, to be used with `HttpServer::on_connect`: it may
/// be idle this long, and not at all once the server is closing.
pub fn watch(
    longest: Duration,
    phase: PhaseReceiver,
) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
    move |accepted, extensions| {
        if let Some(connection) = Connection::of(accepted, &phase) {
            let watch = close_idle(Rc::downgrade(&connection), longest, phase.clone());
            let watch = actix_web::rt::spawn(watch);
            let _ = connection.watch.set(watch);
            extensions.insert(connection);
        }
    }
}

/// Say that this request is being served.
pub fn serving(request: &ServiceRequest) -> Option<Serving> {
    let connection = request.conn_data::<Rc<Connection>>()?;
    connection.turn(true);
    Some(Serving(Rc::clone(connection)))
}

impl Serving {
    /// Whether its answer is to be the connection's last.
    pub fn is_last(&self) -> bool {
        *self.0.phase.borrow() != Phase::Serving
    }
}

impl Connection {
    fn of(accepted: &dyn Any, phase: &PhaseReceiver) -> Option<Rc<Self>> {
        let plain = accepted.downcast_ref::<Accepted>();
        let stream = plain.or_else(|| {
            let tls = accepted.downcast_ref::<TlsStream<Accepted>>()?;
            Some(tls.get_ref().0)
        })?;
        Some(Rc::new(Self {
            socket: stream.as_fd().try_clone_to_owned().ok()?.into(),
            is_serving: Cell::new(false),
            since: Cell::new(Instant::now()),
            phase: phase.clone(),
            watch: OnceCell::new(),
        }))
    }

    fn turn(&self, is_serving: bool) {
        self.is_serving.set(is_serving);
        self.since.set(Instant::now());
    }

    fn idle(&self) -> Duration {
        if self.is_serving.get() { Duration::ZERO } else { self.since.get().elapsed() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.get() {
            watch.abort();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.turn(false);
    }
}

/// Shut the socket once the connection was idle this long, or is idle while the server is
/// closing; the framework then finds its end.
async fn close_idle(connection: Weak<Connection>, longest: Duration, mut phase: PhaseReceiver) {
    let (mut longest, mut wait) = (longest, longest);
    loop {
        tokio::select! {
            () = actix_web::rt::time::sleep(wait) => {}
            () = closing(&mut phase), if !longest.is_zero() => longest = Duration::ZERO,
        }
        let Some(connection) = connection.upgrade() else { return };
        match longest.checked_sub(connection.idle()) {
            Some(left) if !left.is_zero() => wait = left,
            // It is closed with its answer; what if the client does not read that is the
            // framework's to bound.
            _ if connection.is_serving.get() => wait = LAST_ANSWER,
            _ => {
                // One that is gone already needs no closing.
                let _ = connection.socket.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Resolves once the server closes what is idle; never when nobody can tell any more.
async fn closing(phase: &mut PhaseReceiver) {
    if phase.wait_for(|phase| *phase == Phase::Closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How often a connection that serves is looked at while the server is closing.
const LAST_ANSWER: Duration = Duration::from_millis(50);
