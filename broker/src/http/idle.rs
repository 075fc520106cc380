//! Connections on which nothing is served are closed, whatever trickles in.
//!
//! The framework bounds the head of a connection's first request only, and drains a chunked
//! body that no handler has read for as long as the caller likes (actix-http 3.20). One
//! caller that sends a byte now and then, or none at all, could so hold every connection
//! there is. So each connection has a watch of its own, on the event loop that serves it,
//! and requests tell it when they begin and end. When the server stops, idle ones are closed
//! at once: the framework would wait for their clients.

use std::cell::{Cell, OnceCell};
use std::net::{Shutdown, TcpStream};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::task::JoinHandle;
use segura_store::Count;
use socket2::SockRef;

use super::phase::{Phase, PhaseReceiver};
use crate::net::Stream;

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

/// One connection, for as long as the framework keeps it.
struct Connection {
    /// A second handle, as the framework lends its own only when the connection begins.
    socket: TcpStream,
    is_serving: Cell<bool>,
    /// When it last began or ended to serve a request.
    since: Cell<Instant>,
    phase: PhaseReceiver,
    watch: OnceCell<JoinHandle<()>>,
    all: Arc<Connections>,
}

/// A request is being served: its connection is not idle until this is dropped.
pub struct Serving(Rc<Connection>);

/// What is done with every new connection, to be used with `on_connect_ext`: it may be idle
/// this long, and not at all once the server is closing.
pub fn watch(
    longest: Duration,
    phase: PhaseReceiver,
    all: Arc<Connections>,
) -> impl Fn(&Stream, &mut Extensions) + 'static {
    move |stream, extensions| {
        let Ok(connection) = Connection::of(stream, &phase, &all) else {
            // There is no descriptor left to close it by later, so it ends now: nothing else
            // would bound it. One that is gone already needs no closing.
            let _ = SockRef::from(stream.tcp()).shutdown(Shutdown::Both);
            return;
        };
        let watch = close_idle(Rc::downgrade(&connection), longest, phase.clone());
        let watch = actix_web::rt::spawn(watch);
        let _ = connection.watch.set(watch);
        extensions.insert(connection);
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
    fn of(
        stream: &Stream,
        phase: &PhaseReceiver,
        all: &Arc<Connections>,
    ) -> std::io::Result<Rc<Self>> {
        all.accepted.raise();
        let socket = stream.socket()?;
        all.open.fetch_add(1, Ordering::Relaxed);
        Ok(Rc::new(Self {
            socket,
            all: Arc::clone(all),
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
