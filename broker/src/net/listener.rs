//! Listening sockets, with the options that every accepted connection inherits.
//!
//! `TCP_NODELAY` is set on the listener, for Linux passes it on: a response must not wait
//! for the acknowledgement of the last one. IPv6 listeners take IPv6 only, so that an
//! address means what it says.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: is the port in use, or the address not this machine's?")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    reason: std::io::Error,
}

/// Listen on an address; up to `backlog` connections wait to be accepted.
pub fn listen(address: SocketAddr, backlog: i32) -> Result<TcpListener, ListenError> {
    open(address, backlog).map_err(|reason| ListenError { address, reason })
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
        let listener = listen("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listener.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn a_port_in_use_is_named() {
        let first = listen("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let address = first.local_addr().unwrap();
        let error = listen(address, 16).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
