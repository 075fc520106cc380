//! Whatever of this crate is printed, no value and no key is in it.
//!
//! A canary goes through every type that holds one, and through every way to fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{Debug, Display};

use segura_model::{SecretBytes, SecretPath, SecretText, SessionId, Timestamp};
use segura_vault::{
    CertificateAuthority, CertificateNames, Envelopes, Fields, Guard, KekId, Keyring,
    OperatorTokens, SealedVersion, SessionClaims, SessionTokens, SystemRandom,
};

const CANARY: &str = "canary-5b1d-correct-horse";
const NOON: Timestamp = Timestamp(1_795_521_600);

#[track_caller]
fn is_silent(text: &str) {
    assert!(!text.contains(CANARY), "the value is printed: {text}");
    let bytes = format!("{:?}", CANARY.as_bytes());
    assert!(!text.contains(&bytes[1..bytes.len() - 1]), "its bytes are printed: {text}");
}

#[track_caller]
fn debug_is_silent(value: &dyn Debug) {
    is_silent(&format!("{value:?}"));
    is_silent(&format!("{value:#?}"));
}

#[track_caller]
fn error_is_silent<E: Debug + Display>(error: &E) {
    debug_is_silent(error);
    is_silent(&error.to_string());
}

fn fields() -> Fields {
    let pair = ("password".parse().unwrap(), SecretText::new(CANARY));
    Fields::new([pair].into()).unwrap()
}

#[test]
fn guards_print_no_passphrase_and_no_key() {
    let guard = Guard::passphrase(&SecretText::new(CANARY)).unwrap();
    debug_is_silent(&guard);
    let content = SecretBytes::new([CANARY, "0123456"].concat());
    assert_eq!(content.expose().len(), 32);
    error_is_silent(&Guard::key_file(&content).unwrap_err());
    error_is_silent(&Guard::key_file(&SecretBytes::new(CANARY)).unwrap_err());
    let (guard, line) = Guard::make_key_file(&SystemRandom);
    let text = format!("{guard:?} {line:?}");
    assert!(!text.contains(line.expose().trim()));
}

#[test]
fn envelopes_print_no_field() {
    let keyring = Keyring::make(&SystemRandom, NOON);
    let envelopes = Envelopes::new(&keyring);
    let kek = envelopes.open_kek(KekId(1), &envelopes.make_kek(KekId(1), &SystemRandom)).unwrap();
    envelopes.keep_kek(kek.clone());
    let path: SecretPath = "db/prod/password".parse().unwrap();
    let sealed = envelopes.seal(&path, 1, &fields(), &kek, &SystemRandom);
    for value in [&keyring as &dyn Debug, &kek, &sealed, &fields()] {
        debug_is_silent(value);
    }
    debug_is_silent(&envelopes.open(&path, 1, &sealed).unwrap());
    error_is_silent(&envelopes.open(&path, 2, &sealed).unwrap_err());
    let lost = SealedVersion { kek: KekId(9), ..sealed.clone() };
    error_is_silent(&envelopes.open(&path, 1, &lost).unwrap_err());
    for at in 0..sealed.ciphertext.len() {
        let mut changed = sealed.clone();
        changed.ciphertext[at] ^= 1;
        error_is_silent(&envelopes.open(&path, 1, &changed).unwrap_err());
    }
}

#[test]
fn tokens_print_neither_themselves_nor_their_errors() {
    let keyring = Keyring::make(&SystemRandom, NOON);
    let tokens = SessionTokens::new(&keyring);
    let claims = SessionClaims {
        session: SessionId::make(NOON, &SystemRandom),
        expires_at: NOON,
        policies: vec![],
        workload_json: b"{}".to_vec(),
    };
    let token = tokens.seal(&claims, &SystemRandom).unwrap();
    let quiet = |text: String| {
        assert!(!text.contains(&token.expose()[4..40]), "the token is printed: {text}");
    };
    quiet(format!("{token:?}"));
    for text in [token.expose(), &token.expose()[..50]] {
        let error = tokens.open(text, NOON).unwrap_err();
        quiet(format!("{error:?} {error}"));
    }
    error_is_silent(&tokens.open(CANARY, NOON).unwrap_err());

    let operators = OperatorTokens::new(&keyring);
    let (token, _) = operators.make(&SystemRandom);
    assert!(!format!("{token:?}").contains(&token.expose()[4..20]));
    error_is_silent(&operators.hash(CANARY).unwrap_err());
    error_is_silent(&operators.hash(&format!("sgo_{CANARY}")).unwrap_err());
}

#[test]
fn the_authority_prints_no_key() {
    let names = CertificateNames::parse(["segura.example"]).unwrap();
    let authority = CertificateAuthority::make(&names, NOON, &SystemRandom).unwrap();
    let leaf = authority.issue(&names, NOON, &SystemRandom).unwrap();
    let key = format!("{:?}", leaf.key_der().expose());
    let text = format!("{leaf:?} {authority:?}");
    assert!(!text.contains(&key[1..40]));
}
