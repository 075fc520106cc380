//! What earlier versions wrote stays readable.
//!
//! `fixtures/formats-v1.json` was made once, by `make_fixtures` below, and is never made
//! again: a change that breaks this test breaks every installation. A new format gets a
//! new fixture beside it, and the old one stays.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use segura_model::{BrokerId, ChainId, SecretBytes, SecretText, SessionId, Timestamp};
use segura_store::{Certificate, CertificateRole, HeadMac, RowMac};
use segura_vault::{
    CertificateAuthority, CertificateNames, Envelopes, Fields, Guard, KekId, Keyring, Leaf,
    LedgerMac, OperatorTokens, PassphraseCost, SealedVersion, SessionClaims, SessionTokens,
    SystemRandom, TrustMac, WrappedKeyring,
};

const FIXTURES: &str = include_str!("fixtures/formats-v1.json");
const NOON: Timestamp = Timestamp(1_795_521_600);
const PASSPHRASE: &str = "correct horse battery";
const KEY_FILE: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";
const PATH: &str = "db/prod/password";
const KEK: KekId = KekId(1);

struct Fixtures(BTreeMap<String, String>);

impl Fixtures {
    fn read() -> Self {
        Self(serde_json::from_str(FIXTURES).unwrap())
    }

    fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(&self.0[name]).unwrap()
    }

    fn keyring(&self) -> Keyring {
        let wrapped = WrappedKeyring::from_bytes(self.bytes("keyring-key-file"));
        Keyring::open(&wrapped, &key_file()).unwrap()
    }
}

fn key_file() -> Guard {
    Guard::key_file(&SecretBytes::new(KEY_FILE)).unwrap()
}

fn passphrase() -> Guard {
    let Guard::Passphrase(passphrase) = Guard::passphrase(&SecretText::new(PASSPHRASE)).unwrap()
    else {
        unreachable!("it was made from a passphrase")
    };
    let cost = PassphraseCost { memory_kib: 256, passes: 2, lanes: 2 };
    Guard::Passphrase(passphrase.with_cost(cost))
}

fn fields() -> Fields {
    let pairs = [("password", "pa\u{df}word\nline two"), ("user", "app")];
    let pairs = pairs.map(|(name, value)| (name.parse().unwrap(), SecretText::new(value)));
    Fields::new(pairs.into()).unwrap()
}

fn claims() -> SessionClaims {
    SessionClaims {
        session: SessionId::from_bytes([7; 16]),
        expires_at: NOON.plus(900),
        policies: vec!["payments-deploy".parse().unwrap(), "base".parse().unwrap()],
        workload_json: br#"{"subject":"repo:acme/payments"}"#.to_vec(),
    }
}

fn certificate(fixtures: &Fixtures, role: CertificateRole, name: &str) -> Certificate {
    Certificate {
        role,
        pem: fixtures.text(&format!("{name}-pem")).to_owned(),
        sealed_key: fixtures.bytes(&format!("{name}-key")),
        made_at: NOON,
        expires_at: NOON,
    }
}

#[test]
fn a_stored_keyring_opens_under_either_guard() {
    let fixtures = Fixtures::read();
    let broker: BrokerId = fixtures.text("broker").parse().unwrap();
    let wrapped = WrappedKeyring::from_bytes(fixtures.bytes("keyring-passphrase"));
    for keyring in [fixtures.keyring(), Keyring::open(&wrapped, &passphrase()).unwrap()] {
        assert_eq!(keyring.broker(), broker);
        assert_eq!(keyring.generation(), 2);
        assert_eq!(keyring.generation_made_at(), NOON.plus(60));
    }
}

#[test]
fn a_stored_version_opens() {
    let fixtures = Fixtures::read();
    let envelopes = Envelopes::new(&fixtures.keyring());
    envelopes.keep_kek(envelopes.open_kek(KEK, &fixtures.bytes("wrapping-key")).unwrap());
    let sealed = SealedVersion {
        kek: KEK,
        wrapped_key: fixtures.bytes("data-key"),
        ciphertext: fixtures.bytes("fields"),
    };
    let opened = envelopes.open(&PATH.parse().unwrap(), 3, &sealed).unwrap();
    assert_eq!(opened.iter().count(), 2);
    for (name, value) in fields().iter() {
        assert!(opened.find(name).unwrap().matches(value), "{name}");
    }
}

#[test]
fn tokens_of_either_generation_open() {
    let fixtures = Fixtures::read();
    let tokens = SessionTokens::new(&fixtures.keyring());
    for name in ["session-token-1", "session-token-2"] {
        assert_eq!(tokens.open(fixtures.text(name), NOON), Ok(claims()), "{name}");
    }
}

#[test]
fn keyed_hashes_stay_what_they_were() {
    let fixtures = Fixtures::read();
    let keyring = fixtures.keyring();
    let hash = OperatorTokens::new(&keyring).hash(fixtures.text("operator-token")).unwrap();
    assert_eq!(hash.to_vec(), fixtures.bytes("operator-hash"));
    let mac = LedgerMac::new(&keyring).mac(&ChainId::from_bytes([5; 16]), 42, &[9; 32]);
    assert_eq!(mac.to_vec(), fixtures.bytes("ledger-mac"));
    assert_eq!(TrustMac::new(&keyring).mac(b"row").to_vec(), fixtures.bytes("trust-mac"));
}

#[test]
fn stored_certificates_open() {
    let fixtures = Fixtures::read();
    let keyring = fixtures.keyring();
    let row = certificate(&fixtures, CertificateRole::Authority, "authority");
    let authority = CertificateAuthority::open(&row, &keyring).unwrap();
    assert_eq!(authority.fingerprint(), fixtures.text("authority-fingerprint"));
    let row = certificate(&fixtures, CertificateRole::Leaf, "leaf");
    let leaf = Leaf::open(&row, &keyring).unwrap();
    assert!(leaf.covers(&CertificateNames::parse(["segura.example", "10.0.0.7"]).unwrap()));
}

/// A new version of a format gets fixtures of its own, made by these lines.
#[test]
fn fixtures_made_today_have_the_same_parts() {
    let random = &SystemRandom;
    let mut made = BTreeMap::new();
    let mut keep = |name: &str, bytes: &[u8]| made.insert(name.to_owned(), STANDARD.encode(bytes));
    let mut keyring = Keyring::make(random, NOON);
    let early = SessionTokens::new(&keyring).seal(&claims(), random).unwrap();
    let envelopes = Envelopes::new(&keyring);
    let kek = envelopes.make_kek(KEK, random);
    keep("wrapping-key", &kek);
    let kek = envelopes.open_kek(KEK, &kek).unwrap();
    let sealed = envelopes.seal(&PATH.parse().unwrap(), 3, &fields(), &kek, random);
    keep("data-key", &sealed.wrapped_key);
    keep("fields", &sealed.ciphertext);
    keyring.roll(random, NOON.plus(60)).unwrap();
    keep("keyring-key-file", keyring.wrap(&key_file(), random).as_bytes());
    keep("keyring-passphrase", keyring.wrap(&passphrase(), random).as_bytes());
    let names = CertificateNames::parse(["segura.example", "10.0.0.7"]).unwrap();
    let authority = CertificateAuthority::make(&names, NOON, random).unwrap();
    let leaf = authority.issue(&names, NOON, random).unwrap();
    keep("authority-key", &authority.seal(&keyring, NOON, random).sealed_key);
    keep("leaf-key", &leaf.seal(&keyring, NOON, random).sealed_key);
    let (operator, hash) = OperatorTokens::new(&keyring).make(random);
    keep("operator-hash", &hash);
    keep("ledger-mac", &LedgerMac::new(&keyring).mac(&ChainId::from_bytes([5; 16]), 42, &[9; 32]));
    keep("trust-mac", &TrustMac::new(&keyring).mac(b"row"));
    let late = SessionTokens::new(&keyring).seal(&claims(), random).unwrap();
    let texts = [
        ("broker", keyring.broker().to_string()),
        ("session-token-1", early.expose().to_owned()),
        ("session-token-2", late.expose().to_owned()),
        ("operator-token", operator.expose().to_owned()),
        ("authority-pem", authority.pem().to_owned()),
        ("authority-fingerprint", authority.fingerprint()),
        ("leaf-pem", leaf.pem().to_owned()),
    ];
    made.extend(texts.map(|(name, text)| (name.to_owned(), text)));
    let stored = Fixtures::read();
    let missing: Vec<_> = made.keys().filter(|name| !stored.has(name)).collect();
    assert!(missing.is_empty(), "not in the fixture: {missing:?}");
}
