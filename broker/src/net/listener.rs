//! Listening sockets, with the options that every accepted connection inherits.
//!
//! `TCP_NODELAY` is set on the listener, for Linux passes it on: a response must not wait
//! for the acknowledgement of the last one. IPv6 listeners take IPv6 only, so that an
//! address means what it says.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use segura_model::{Class, Classify};
use socket2::{Domain, Protocol, Socket, Type};

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (`{setting}`): {fault}")]
pub struct ListenError {
    address: SocketAddr,
    setting: &'static str,
    fault: ListenFault,
    #[source]
    reason: Error,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenFault {
    /// The port is for privileged processes.
    Forbidden,
    /// Somebody listens there.
    InUse,
    /// The address is not this machine's.
    NotHere,
    /// Anything else: the source says what.
    Other,
}

impl fmt::Display for ListenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden => {
                "this user may not: ports below 1024 take root or CAP_NET_BIND_SERVICE"
            }
            Self::InUse => "another process listens on that port already",
            Self::NotHere => "no interface of this machine has that address",
            Self::Other => "the system refuses",
        })
    }
}

impl ListenError {
    fn new(address: SocketAddr, setting: &'static str, reason: Error) -> Self {
        let fault = match reason.kind() {
            ErrorKind::AddrInUse => ListenFault::InUse,
            ErrorKind::AddrNotAvailable => ListenFault::NotHere,
            ErrorKind::PermissionDenied => ListenFault::Forbidden,
            _ => ListenFault::Other,
        };
        Self { address, setting, fault, reason }
    }

    /// What stands in the way.
    pub const fn fault(&self) -> ListenFault {
        self.fault
    }

    /// Which port was wanted.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Classify for ListenError {
    fn class(&self) -> Class {
        match self.fault {
            ListenFault::Forbidden => Class::bad_request("address-forbidden"),
            ListenFault::InUse => Class::conflict("address-in-use"),
            ListenFault::NotHere => Class::bad_request("address-not-here"),
            ListenFault::Other => Class::internal("address-unusable"),
        }
    }
}

/// Listen on the address of this setting; up to `backlog` connections wait to be accepted.
pub fn listen(
    address: SocketAddr,
    setting: &'static str,
    backlog: i32,
) -> Result<TcpListener, ListenError> {
    open(address, backlog).map_err(|reason| ListenError::new(address, setting, reason))
}

fn open(address: SocketAddr, backlog: i32) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the last connections of the process before.
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_connection_does_not_wait_to_send() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), "server.listen", 16).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listener.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn a_port_in_use_is_named() {
        let first = listen("127.0.0.1:0".parse().unwrap(), "server.listen", 16).unwrap();
        let address = first.local_addr().unwrap();
        let error = listen(address, "server.listen", 16).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(&address.to_string()) && told.contains("`server.listen`"), "{told}");
        assert!(told.contains("another process"), "{told}");
        assert_eq!(error.class().code, "address-in-use");
    }

    #[test]
    fn an_address_that_is_not_here_and_a_port_of_roots_are_told_apart() {
        let elsewhere = listen("192.0.2.1:0".parse().unwrap(), "server.listen", 16).unwrap_err();
        assert_eq!(elsewhere.fault(), ListenFault::NotHere, "{elsewhere}");
        // Whoever runs the tests may be root, who is let in everywhere.
        let denied = Error::from(ErrorKind::PermissionDenied);
        let denied = ListenError::new("0.0.0.0:443".parse().unwrap(), "server.listen", denied);
        assert!(denied.to_string().contains("CAP_NET_BIND_SERVICE"), "{denied}");
        assert_eq!(denied.class().code, "address-forbidden");
    }
}
