//! Wycheproof's JOSE vectors against the layers that check a signature.
//!
//! What is asserted: every vector that is invalid is refused, and every valid vector of
//! an algorithm we take is accepted. Counts are asserted too, so that a changed file is
//! noticed.
//!
//! The vectors are C2SP's and are not in this repository: they are read from the folder
//! that `WYCHEPROOF_DIR` names.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::Algorithm;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compact::Compact;
use super::error::Refusal;
use super::header::Header;
use super::jwks::{KeyIdRule, KeySet};
use super::signature;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    private: Value,
    public: Option<Value>,
    tests: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    tc_id: usize,
    result: String,
    jws: Option<Value>,
}

/// What came of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    vectors: usize,
    valid_accepted: usize,
    /// Valid, by an algorithm that we do not take.
    valid_of_others: usize,
    /// Valid, by an algorithm that we take.
    valid_refused: Vec<usize>,
    invalid_refused: usize,
    invalid_accepted: Vec<usize>,
}

/// One file of vectors.
fn read(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "how a run of the tests names its vectors")]
    let folder = std::env::var("WYCHEPROOF_DIR").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/wycheproof"),
        PathBuf::from,
    );
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| {
        panic!(
            "the Wycheproof vectors are not in {} ({error}): clone github.com/C2SP/wycheproof and \
             name its folder testvectors_v1: WYCHEPROOF_DIR=…/wycheproof/testvectors_v1",
            folder.display()
        )
    })
}

fn count(file: &str) -> Counts {
    let file: File = serde_json::from_str(file).unwrap();
    let mut counts = Counts::default();
    for group in &file.test_groups {
        for vector in &group.tests {
            let Some(Value::String(token)) = &vector.jws else { continue };
            counts.vectors += 1;
            match (vector.result.as_str(), accepts(group, token)) {
                ("valid", true) => counts.valid_accepted += 1,
                ("valid", false) if is_of_others(token) => counts.valid_of_others += 1,
                ("valid", false) => counts.valid_refused.push(vector.tc_id),
                (_, false) => counts.invalid_refused += 1,
                (_, true) => counts.invalid_accepted.push(vector.tc_id),
            }
        }
    }
    assert!(file.number_of_tests >= counts.vectors);
    counts
}

fn accepts(group: &Group, token: &str) -> bool {
    // Symmetric groups have no public part: the set then holds the secret, as an issuer's
    // set never may.
    let key = group.public.as_ref().unwrap_or(&group.private);
    let document = match key.get("keys") {
        Some(_) => key.clone(),
        None => json!({"keys": [key]}),
    };
    check(&document, token).is_ok()
}

fn is_of_others(token: &str) -> bool {
    let header = token.split('.').next().unwrap().replace('?', "");
    let header = URL_SAFE_NO_PAD.decode(header).unwrap();
    let alg = serde_json::from_slice::<Value>(&header).unwrap()["alg"].clone();
    !["RS256", "ES256", "EdDSA"].contains(&alg.as_str().unwrap())
}

fn check(document: &Value, token: &str) -> Result<(), Refusal> {
    let token = Compact::parse(token)?;
    let header = Header::parse(&token.header)?;
    let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let algorithm = signature::allowed_algorithm(&header, &all)?;
    let keys = KeySet::parse(document.to_string().as_bytes()).map_err(|_| Refusal::Signature)?;
    signature::check(&token, &header, algorithm, &keys, KeyIdRule::WhereNeeded)
}

#[test]
fn the_signature_vectors() {
    let counts = count(&read("json_web_signature_test.json"));
    let expected = Counts {
        vectors: 401,
        valid_accepted: 9,
        valid_of_others: 36,
        // An empty payload, which no identity token has.
        valid_refused: vec![259],
        invalid_refused: 355,
        invalid_accepted: vec![],
    };
    assert_eq!(counts, expected);
}

#[test]
fn the_key_vectors() {
    let counts = count(&read("json_web_key_test.json"));
    let expected = Counts {
        vectors: 26,
        valid_accepted: 1,
        valid_of_others: 4,
        valid_refused: vec![],
        invalid_refused: 21,
        invalid_accepted: vec![],
    };
    assert_eq!(counts, expected);
}

#[test]
fn the_mixed_vectors() {
    let counts = count(&read("json_web_crypto_test.json"));
    let expected = Counts {
        vectors: 48,
        valid_accepted: 2,
        valid_of_others: 2,
        valid_refused: vec![],
        invalid_refused: 44,
        invalid_accepted: vec![],
    };
    assert_eq!(counts, expected);
}
