//! A connection as HTTP reads it: plain or over TLS, and looked through for what the HTTP
//! library does not tell ([`Fragments`]).
//!
//! Who does not read its answers is not read any further. The library has no bound on the
//! answers that wait for a peer (actix-http 3.20): whoever sends one request behind the
//! other and reads nothing would have megabytes kept for each connection.

use std::io::{self, IoSlice};
use std::net::TcpStream as Socket;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_tls::accept::rustls_0_23::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::fragments::{Fragments, Scan};

/// A connection that was accepted, and over TLS has shaken hands.
pub struct Stream {
    carrier: Carrier,
    scan: Scan,
    /// Answers wait for the peer to read.
    is_stalled: bool,
    /// Somebody wanted to read meanwhile.
    reads_later: bool,
    /// Bytes read without a pause.
    in_a_row: usize,
}

/// So many bytes are read before what they ask for is answered: what waits for a peer that
/// reads nothing is the answers to these.
const IN_A_ROW: usize = 16 * 1024;

enum Carrier {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

impl Stream {
    /// One without TLS.
    pub fn plain(tcp: TcpStream) -> Self {
        Self::over(Carrier::Plain(tcp))
    }

    /// One over TLS.
    pub fn tls(tls: TlsStream<TcpStream>) -> Self {
        Self::over(Carrier::Tls(Box::new(tls)))
    }

    fn over(carrier: Carrier) -> Self {
        let scan = Scan::default();
        Self { carrier, scan, is_stalled: false, reads_later: false, in_a_row: 0 }
    }

    /// What was found in it, now and later.
    pub fn fragments(&self) -> Rc<Fragments> {
        self.scan.found()
    }

    /// A second handle on the socket underneath.
    pub fn socket(&self) -> io::Result<Socket> {
        Ok(self.tcp().as_fd().try_clone_to_owned()?.into())
    }

    /// The TCP connection underneath.
    pub fn tcp(&self) -> &TcpStream {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp,
            Carrier::Tls(tls) => tls.get_ref().0,
        }
    }

    /// What came of a write: reading stops with it, and goes on with it.
    fn note(&mut self, written: &Poll<io::Result<usize>>, context: &Context<'_>) {
        self.is_stalled = written.is_pending();
        if !self.is_stalled && std::mem::take(&mut self.reads_later) {
            context.waker().wake_by_ref();
        }
    }

    fn io(self: Pin<&mut Self>) -> Pin<&mut dyn Io> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(tcp) => Pin::new(tcp),
            Carrier::Tls(tls) => Pin::new(&mut **tls),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_stalled {
            self.reads_later = true;
            return Poll::Pending;
        }
        if self.in_a_row >= IN_A_ROW {
            self.in_a_row = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = self.as_mut().io().poll_read(context, buffer);
        let new = &buffer.filled()[before..];
        self.in_a_row = if read.is_pending() { 0 } else { self.in_a_row + new.len() };
        self.scan.look(new);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().io().poll_write(context, bytes);
        self.note(&written, context);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().io().poll_write_vectored(context, slices);
        self.note(&written, context);
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.is_write_vectored(),
            Carrier::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(context)
    }
}
