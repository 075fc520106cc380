//! Which names an authority is believed for (RFC 5280, section 4.2.1.10).
//!
//! A DNS name permits itself and everything below it; an address permits itself. The
//! trap: a type of name without a permitted subtree is unconstrained, so the types that
//! are not used are excluded as a whole.

use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::{CertificateNames, ValidityError};

/// The constraints of an authority for these names.
pub(super) fn make(names: &CertificateNames) -> NameConstraints {
    let dns = names.dns().map(|name| GeneralSubtree::DnsName(name.to_owned()));
    let ips = names.ips().map(|ip| {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, bits))
    });
    let permitted_subtrees = dns.chain(ips).collect();
    let mut excluded_subtrees = Vec::new();
    if names.dns().next().is_none() {
        excluded_subtrees.push(GeneralSubtree::DnsName(String::new()));
    }
    if !names.ips().any(|ip| ip.is_ipv4()) {
        excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])));
    }
    if !names.ips().any(|ip| ip.is_ipv6()) {
        excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])));
    }
    NameConstraints { permitted_subtrees, excluded_subtrees }
}

/// The first name that a client would not believe from this authority.
pub(super) fn first_outside(
    authority: &CertificateDer<'_>,
    names: &CertificateNames,
) -> Result<Option<String>, ValidityError> {
    let (_, authority) =
        parse_x509_certificate(authority).map_err(|_| ValidityError::Unreadable)?;
    let constraints = authority.name_constraints().map_err(|_| ValidityError::Unreadable)?;
    let permitted =
        constraints.and_then(|constraints| constraints.value.permitted_subtrees.as_ref());
    let permits = |holds: &dyn Fn(&GeneralName<'_>) -> bool| {
        permitted.is_some_and(|trees| trees.iter().any(|tree| holds(&tree.base)))
    };
    let dns = names.dns().find(|name| !permits(&|tree| permits_dns(tree, name)));
    let ip = || names.ips().find(|ip| !permits(&|tree| permits_ip(tree, *ip)));
    Ok(dns.map(str::to_owned).or_else(|| ip().map(|ip| ip.to_string())))
}

fn permits_dns(tree: &GeneralName<'_>, name: &str) -> bool {
    let GeneralName::DNSName(base) = tree else { return false };
    name.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The subtree is an address and a mask; ours have all bits set.
fn permits_ip(tree: &GeneralName<'_>, ip: IpAddr) -> bool {
    let GeneralName::IPAddress(base) = tree else { return false };
    match ip {
        IpAddr::V4(ip) => **base == [ip.octets(), [0xFF; 4]].concat(),
        IpAddr::V6(ip) => **base == [ip.octets(), [0xFF; 16]].concat(),
    }
}
