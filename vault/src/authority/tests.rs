//! What the authority signs is judged by rustls, as a client would.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{ServerName, UnixTime};

use super::*;
use crate::random::SystemRandom;

const NOON: Timestamp = Timestamp(1_795_521_600);

fn names(hosts: &[&str]) -> CertificateNames {
    CertificateNames::parse(hosts).unwrap()
}

fn authority(hosts: &[&str]) -> CertificateAuthority {
    CertificateAuthority::make(&names(hosts), NOON, &SystemRandom).unwrap()
}

/// Whether a client that trusts the authority accepts the leaf from this host.
fn accepts(authority: &CertificateAuthority, leaf: &Leaf, host: &str, now: Timestamp) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(authority.pair.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.0.try_into().unwrap()));
    let host = ServerName::try_from(host.to_owned()).unwrap();
    verifier.verify_server_cert(leaf.der(), &[], &host, &[], now).is_ok()
}

#[test]
fn a_client_accepts_a_leaf_for_each_of_its_names_and_no_other() {
    let hosts = ["segura.example", "10.0.0.7", "::1"];
    let authority = authority(&hosts);
    let leaf = authority.issue(&names(&hosts), NOON, &SystemRandom).unwrap();
    for host in hosts {
        assert!(accepts(&authority, &leaf, host, NOON), "{host}");
    }
    for host in ["example", "other.example", "10.0.0.8", "::2"] {
        assert!(!accepts(&authority, &leaf, host, NOON), "{host}");
    }
}

#[test]
fn a_leaf_lives_ninety_days_and_its_authority_ten_years() {
    let authority = authority(&["segura.example"]);
    let leaf = authority.issue(&names(&["segura.example"]), NOON, &SystemRandom).unwrap();
    assert_eq!(leaf.validity().seconds_left(NOON), LEAF_SECONDS);
    assert_eq!(authority.validity().seconds_left(NOON), AUTHORITY_SECONDS);
    assert!(accepts(&authority, &leaf, "segura.example", NOON.plus(-60)));
    assert!(accepts(&authority, &leaf, "segura.example", NOON.plus(LEAF_SECONDS)));
    assert!(!accepts(&authority, &leaf, "segura.example", NOON.plus(LEAF_SECONDS + 1)));
    let late = NOON.plus(AUTHORITY_SECONDS - DAY);
    let last = authority.issue(&names(&["segura.example"]), late, &SystemRandom).unwrap();
    assert_eq!(last.validity().not_after, authority.validity().not_after);
}

#[test]
fn the_authority_is_believed_for_its_own_names_only() {
    // With DNS names only, with an address only, and with one kind of address only.
    let cases = [
        (&["segura.example"][..], &["other.example", "xsegura.example", "10.0.0.7", "::1"][..]),
        (&["10.0.0.7"][..], &["segura.example", "10.0.0.8", "::1"][..]),
        (&["::1"][..], &["segura.example", "10.0.0.7", "::2"][..]),
    ];
    for (own, others) in cases {
        let authority = authority(own);
        for other in others {
            let refused = authority.issue(&names(&[other]), NOON, &SystemRandom);
            assert!(matches!(refused, Err(AuthorityError::Outside(name)) if name == *other));
            // Nor would a client believe it, had somebody signed with the stolen key.
            let leaf = authority.sign(&names(&[other]), NOON, &SystemRandom).unwrap();
            assert!(!accepts(&authority, &leaf, other, NOON), "{own:?} signed for {other}");
        }
    }
}

#[test]
fn a_name_below_a_permitted_one_is_within_the_constraint() {
    let authority = authority(&["segura.example"]);
    let leaf = authority.issue(&names(&["node1.segura.example"]), NOON, &SystemRandom).unwrap();
    assert!(accepts(&authority, &leaf, "node1.segura.example", NOON));
}

#[test]
fn a_leaf_knows_the_names_it_is_good_for() {
    let hosts = ["segura.example", "10.0.0.7", "::1"];
    let leaf = authority(&hosts).issue(&names(&hosts), NOON, &SystemRandom).unwrap();
    assert!(leaf.covers(&names(&hosts)));
    assert!(leaf.covers(&names(&["SEGURA.example"])));
    assert!(!leaf.covers(&names(&["segura.example", "10.0.0.8"])));
}

#[test]
fn names_are_widened_by_those_of_a_leaf_that_the_authority_may_sign_for() {
    let first = authority(&["segura.example", "10.0.0.7"]);
    let second = authority(&["b.segura.example", "c.example"]);
    let hosts = ["a.segura.example", "b.segura.example", "10.0.0.7"];
    let leaf = first.issue(&names(&hosts), NOON, &SystemRandom).unwrap();
    let wide = |by: &CertificateAuthority, own: &[&str]| {
        by.widen(&names(own), &leaf).unwrap().iter().collect::<Vec<_>>()
    };
    assert_eq!(
        wide(&first, &["segura.example"]),
        [&hosts[..2], &["segura.example", hosts[2]]].concat()
    );
    assert_eq!(wide(&second, &["c.example"]), ["b.segura.example", "c.example"]);

    let many: Vec<String> = (0..63).map(|n| format!("h{n:02}.segura.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let full = wide(&first, &many);
    assert_eq!(full.len(), 64, "there is no room for all");
    assert!(many.iter().all(|own| full.iter().any(|name| name == own)));
    first
        .issue(&names(&full.iter().map(String::as_str).collect::<Vec<_>>()), NOON, &SystemRandom)
        .unwrap();
}

#[test]
fn stored_keys_open_under_their_keyring_role_and_certificate_only() {
    let keyring = Keyring::make(&SystemRandom, NOON);
    let authority = authority(&["segura.example"]);
    let leaf = authority.issue(&names(&["segura.example"]), NOON, &SystemRandom).unwrap();
    let stored = authority.seal(&keyring, NOON, &SystemRandom);
    let stored_leaf = leaf.seal(&keyring, NOON, &SystemRandom);

    let opened = CertificateAuthority::open(&stored, &keyring).unwrap();
    assert_eq!(opened.fingerprint(), authority.fingerprint());
    let again = opened.issue(&names(&["segura.example"]), NOON, &SystemRandom).unwrap();
    assert!(accepts(&authority, &again, "segura.example", NOON));
    assert!(Leaf::open(&stored_leaf, &keyring).unwrap().key_der().matches(leaf.key_der()));

    let fails = |row: &Certificate, keyring: &Keyring| {
        matches!(CertificateAuthority::open(row, keyring), Err(AuthorityError::Key(_)))
    };
    assert!(fails(&stored, &Keyring::make(&SystemRandom, NOON)));
    assert!(fails(&stored_leaf, &keyring));
    assert!(fails(&Certificate { pem: leaf.pem().to_owned(), ..stored.clone() }, &keyring));
    let key = &stored.sealed_key;
    for at in 0..key.len() {
        let mut changed = stored.clone();
        changed.sealed_key[at] ^= 1;
        assert!(fails(&changed, &keyring), "byte {at}");
    }
}

#[test]
fn a_fingerprint_is_the_sha256_of_the_certificate() {
    let authority = authority(&["segura.example"]);
    let text = authority.fingerprint();
    assert_eq!(text.len(), 95);
    let expected = digest::digest(&digest::SHA256, &authority.pair.der);
    assert_eq!(text[..5], format!("{:02X}:{:02X}", expected.as_ref()[0], expected.as_ref()[1]));
}

#[test]
fn no_key_is_printed() {
    let authority = authority(&["segura.example"]);
    let leaf = authority.issue(&names(&["segura.example"]), NOON, &SystemRandom).unwrap();
    let text = format!("{authority:?} {leaf:?}");
    assert_eq!(text.len(), "CertificateAuthority() Leaf()".len() + 2 * 95);
}
