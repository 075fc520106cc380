//! Connections on which nothing is served are closed, whatever trickles in.
//!
//! The framework bounds the head of a connection's first request only, and drains a chunked
//! body that no handler has read for as long as the caller likes (actix-http 3.20). One
//! caller that sends a byte now and then, or none at all, could so hold every connection
//! there is. So each connection has a watch of its own, on the event loop that serves it,
//! and requests tell it when they begin and end.

use std::cell::{Cell, OnceCell};
use std::net::{Shutdown, TcpStream};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::task::JoinHandle;
use segura_store::Count;

/// How many connections there are, over all event loops. With TLS one counts from the end
/// of its handshake.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicUsize,
    accepted: Count,
    refused: Count,
}

impl Connections {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many there were.
    pub fn accepted(&self) -> u64 {
        self.accepted.get()
    }

    /// Count one that was closed because its address has too many.
    pub fn refuse(&self) {
        self.refused.raise();
    }

    /// How many were closed so.
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }
}

use crate::net::Stream;

/// One connection, for as long as the framework keeps it.
struct Connection {
    /// A second handle, as the framework lends its own only when the connection begins.
    socket: TcpStream,
    is_serving: Cell<bool>,
    /// When it last began or ended to serve a request.
    since: Cell<Instant>,
    watch: OnceCell<JoinHandle<()>>,
    all: Arc<Connections>,
}

/// A request is being served: its connection is not idle until this is dropped.
pub struct Serving(Rc<Connection>);

/// What is done with every new connection, to be used with `on_connect_ext`: it may be idle
/// this long.
pub fn watch(
    longest: Duration,
    all: Arc<Connections>,
) -> impl Fn(&Stream, &mut Extensions) + 'static {
    move |stream, extensions| {
        if let Ok(connection) = Connection::of(stream, &all) {
            let watch = actix_web::rt::spawn(close_idle(Rc::downgrade(&connection), longest));
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

impl Connection {
    fn of(stream: &Stream, all: &Arc<Connections>) -> std::io::Result<Rc<Self>> {
        let socket = stream.socket()?;
        all.accepted.raise();
        all.open.fetch_add(1, Ordering::Relaxed);
        Ok(Rc::new(Self {
            socket,
            all: Arc::clone(all),
            is_serving: Cell::new(false),
            since: Cell::new(Instant::now()),
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
        self.all.open.fetch_sub(1, Ordering::Relaxed);
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

/// Shut the socket once the connection was idle this long; the framework then finds its end.
async fn close_idle(connection: Weak<Connection>, longest: Duration) {
    let mut wait = longest;
    loop {
        actix_web::rt::time::sleep(wait).await;
        let Some(connection) = connection.upgrade() else { return };
        match longest.checked_sub(connection.idle()) {
            Some(left) if !left.is_zero() => wait = left,
            _ => {
                // One that is gone already needs no closing.
                let _ = connection.socket.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
