//! A connection as HTTP reads it: plain or over TLS, and looked through for what the HTTP
//! library does not tell ([`Fragments`]).

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
}

enum Carrier {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

impl Stream {
    /// One without TLS.
    pub fn plain(tcp: TcpStream) -> Self {
        Self { carrier: Carrier::Plain(tcp), scan: Scan::default() }
    }

    /// One over TLS.
    pub fn tls(tls: TlsStream<TcpStream>) -> Self {
        Self { carrier: Carrier::Tls(Box::new(tls)), scan: Scan::default() }
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
        let before = buffer.filled().len();
        let read = self.as_mut().io().poll_read(context, buffer);
        self.scan.look(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write_vectored(context, slices)
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
