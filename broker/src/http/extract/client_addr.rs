//! Where the caller is: the TCP peer, and nothing a caller can write.
//!
//! Only when the peer is one of `server.trusted_proxies` is `X-Forwarded-For` read, from
//! its right end, over the hops that are trusted proxies too. A hop that is no address
//! ends the reading: then the last trusted hop is as far as we know.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::http::error::ApiError;
use crate::http::limits::Edge;
use crate::net::Network;

/// The caller's address, for the ledger and the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// The address this request came from.
    pub fn of(request: &HttpRequest) -> Self {
        let proxies =
            request.app_data::<Data<Edge>>().map_or(&[][..], |edge| &edge.trusted_proxies);
        // A listener on a Unix socket has no peer address; what comes from there is local.
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip());
        let forwarded = request.headers().get_all(FORWARDED_FOR);
        // A line with other bytes still ends with what our proxy wrote.
        let lines: Vec<_> =
            forwarded.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        Self(origin(peer, &lines, proxies))
    }
}

impl FromRequest for ClientAddr {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

fn origin(peer: IpAddr, forwarded_for: &[&str], proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut origin = peer.to_canonical();
    let hops = forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(MAX_HOPS) {
        if !is_proxy(origin) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => origin = address.to_canonical(),
            Err(_) => break,
        }
    }
    origin
}

const FORWARDED_FOR: &str = "x-forwarded-for";
const MAX_HOPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded_for: &[&str], proxies: &[&str]) -> String {
        let proxies: Vec<Network> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        origin(peer.parse().unwrap(), forwarded_for, &proxies).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_header_is_not_read() {
        assert_eq!(from("192.0.2.1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(from("192.0.2.1", &["198.51.100.7"], &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn behind_a_trusted_proxy_the_nearest_stranger_is_the_caller() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(from("10.0.0.1", &["198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(
            from("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], &proxies),
            "198.51.100.7"
        );
        assert_eq!(from("10.0.0.1", &["1.1.1.1", "198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(from("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], &proxies), "198.51.100.7");
    }

    #[test]
    fn a_line_with_other_bytes_is_not_passed_over() {
        use actix_web::http::header::HeaderValue;
        use actix_web::test::TestRequest;

        let forwarded = |last: &[u8]| {
            let edge = crate::http::request::edge_behind("10.0.0.0/8".parse().unwrap());
            let request = TestRequest::default()
                .app_data(edge)
                .peer_addr("10.0.0.1:9".parse().unwrap())
                .append_header((FORWARDED_FOR, "1.1.1.1"))
                .append_header((FORWARDED_FOR, HeaderValue::from_bytes(last).unwrap()));
            ClientAddr::of(&request.to_http_request()).0.to_string()
        };
        assert_eq!(forwarded(b"\xff, 198.51.100.7"), "198.51.100.7");
        assert_eq!(forwarded(b"\xff"), "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_is_not_believed() {
        let proxies = ["10.0.0.0/8"];
        for header in ["", "unknown", "198.51.100.7:8080", "<script>"] {
            assert_eq!(from("10.0.0.1", &[header], &proxies), "10.0.0.1", "{header:?}");
        }
        assert_eq!(from("10.0.0.1", &["198.51.100.7, junk, 10.0.0.2"], &proxies), "10.0.0.2");
    }
}
