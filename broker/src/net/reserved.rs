//! A loopback port that is known before anybody listens on it.
//!
//! An address must often be written down first and served later: in a certificate, in a
//! configuration, on a command line. A port that was merely free a moment ago is lost to
//! whoever asks the kernel next. So the port is held by a socket that is bound and never
//! listens: Linux gives such a port to nobody who asks for any port, yet lets a listener
//! in that names it, for both allow the reuse of the address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// A port of 127.0.0.1, held until this is dropped; nobody answers there before someone
/// listens.
#[derive(Debug)]
pub struct ReservedPort {
    _holder: Socket,
    port: u16,
}

impl ReservedPort {
    /// Hold a port that is free.
    ///
    /// # Errors
    ///
    /// What the kernel says when loopback has no port left.
    pub fn take() -> io::Result<Self> {
        let holder = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        holder.set_reuse_address(true)?;
        holder.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = holder.local_addr()?.as_socket();
        let port = address.ok_or(io::ErrorKind::AddrNotAvailable)?.port();
        Ok(Self { _holder: holder, port })
    }

    /// Its number.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::listen;

    #[test]
    fn a_held_port_can_be_listened_on_again_and_again() {
        let held = ReservedPort::take().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, held.port()));
        for _ in 0..2 {
            assert!(TcpStream::connect(address).is_err(), "nobody listens yet");
            let listener = listen(address, "server.listen", 16).unwrap();
            assert!(TcpStream::connect(address).is_ok());
            drop(listener);
        }
    }

    #[test]
    fn a_held_port_is_given_to_nobody_else() {
        let held: Vec<_> = (0..200).map(|_| ReservedPort::take().unwrap()).collect();
        let numbers: HashSet<_> = held.iter().map(ReservedPort::port).collect();
        assert_eq!(numbers.len(), held.len());
        for _ in 0..2_000 {
            let any = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            assert!(!numbers.contains(&any));
        }
    }
}
